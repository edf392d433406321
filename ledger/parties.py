"""Parties and their API keys. A key is shown once, when it is made; only its hash is kept."""

import base64
from collections.abc import Callable
from hashlib import sha256
from hmac import compare_digest

from ledger.domain.errors import NotAllowed
from ledger.ports import ApiKey, Role, Store

_PUBLIC_BYTES = 10
_SECRET_BYTES = 32


def _text(raw: bytes) -> str:
    return base64.b32encode(raw).decode().rstrip("=").lower()


def new_key(
    store: Store, party_id: str, role: Role, created_ms: int, random_bytes: Callable[[int], bytes]
) -> str:
    """The text of a new API key, `suyuan_<public part>_<secret part>`. It cannot be shown again."""
    public = _text(random_bytes(_PUBLIC_BYTES))
    text = f"suyuan_{public}_{_text(random_bytes(_SECRET_BYTES))}"
    store.put_api_key(ApiKey(_key_id(public), _secret_hash(text), party_id, role, created_ms, None))
    return text


def authenticate(store: Store, text: str) -> ApiKey:
    """The key that `text` is. Raises NotAllowed for an unknown, wrong or revoked one."""
    parts = text.split("_")
    key = store.api_key(_key_id(parts[1])) if len(parts) == 3 and parts[0] == "suyuan" else None
    if key is None or not compare_digest(key.secret_hash, _secret_hash(text)):
        raise NotAllowed("the API key is not known here: send `Authorization: Bearer <key>` with a valid one")
    if key.revoked_ms is not None:
        raise NotAllowed("the API key was revoked: ask the node's operator for a new one")
    return key


def _key_id(public: str) -> bytes:
    """Names the submitter in log leaves; says nothing about the secret."""
    return sha256(public.encode()).digest()


def _secret_hash(text: str) -> bytes:
    """One SHA-256 is enough for 256 random bits."""
    return sha256(text.encode()).digest()
