"""The signature in a label's Digital Link: by whom the label was issued, checked without a network.

    https://node.example/01/09506000134352/21/S1?17=271231&sig=<base64url of key id (4 bytes), signature (64)>

Signed is the canonical Digital Link with all its elements. Not the host: a label outlives the address of its
resolver, and what a host shows is no part of what the label's owner said. A signature does not tell the
original from its copy, so nothing here says "genuine".

Why not AI (8030): it is ISO/IEC 20248's envelope, and a bare signature is none.
"""

import base64
import binascii
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final, Protocol, get_args
from urllib.parse import unquote

from ledger.domain.access import GS1, URI
from ledger.domain.digital_link import DigitalLink, build, link_elements, parse_digital_link
from ledger.domain.errors import Invalid
from ledger.domain.identifiers import company_digits, identifier_of
from ledger.domain.keys import Algorithm, algorithm_of, is_signed, parse_key

SIGNATURE: Final = "sig"
"""Name of the signature in the query of a Digital Link."""

_FORMAT: Final = "suyuan-label-keys/1"
_KEY_ID_BYTES: Final = 4
_SIGNATURE_BYTES: Final = 64
_KEYS_MAX: Final = 10_000


@dataclass(frozen=True, slots=True)
class LabelKey:
    """The public half of a key that signs labels, whose it is, and for which identifiers it may sign."""

    public: bytes  # as `domain.keys` writes it
    party_id: str
    name: str
    name_zh: str
    from_ms: int
    prefixes: tuple[tuple[str, str], ...]  # (scheme, text) as in PrefixRegistry

    @property
    def key_id(self) -> bytes:
        return sha256(b"suyuan-label-key/1\n" + self.public).digest()[:_KEY_ID_BYTES]

    def may_sign(self, uri: str) -> bool:
        """Whether its party speaks for the canonical URI."""
        digits = company_digits(uri)
        scheme, text = (URI, uri) if digits is None else (GS1, digits)
        return any(scheme == of and text.startswith(prefix) for of, prefix in self.prefixes)


class PrivateKey(Protocol):
    def sign(self, data: bytes, /) -> bytes: ...


@dataclass(frozen=True, slots=True)
class LabelSigner:
    """The private half."""

    private: PrivateKey
    key: LabelKey

    def sign(self, uri: str) -> str:
        """The Digital Link `uri` with its signature."""
        signature = self.private.sign(_message(parse_digital_link(uri)))
        value = base64.urlsafe_b64encode(self.key.key_id + signature).decode().rstrip("=")
        return f"{uri}{'&' if '?' in uri else '?'}{SIGNATURE}={value}"


@dataclass(frozen=True, slots=True)
class Signed:
    """`key` signed exactly this link. A copy of the label would say the same."""

    key: LabelKey
    exit_code = 0


@dataclass(frozen=True, slots=True)
class NotSigned:
    """No signature, a wrong one, or one by somebody who does not speak for the identifier."""

    reason: str
    carries_signature: bool
    exit_code = 1


@dataclass(frozen=True, slots=True)
class NotChecked:
    """It has a signature by a key that is not in the list: nothing is known of it."""

    reason: str
    exit_code = 2


LabelVerdict = Signed | NotSigned | NotChecked


def check_label(uri: str, keys: Iterable[LabelKey]) -> LabelVerdict:
    """Who signed the Digital Link `uri`, going by `keys`. Raises Invalid when it is no Digital Link."""
    link = parse_digital_link(uri)
    values = _signatures(uri)
    if not values:
        return NotSigned("the label carries no signature", carries_signature=False)
    raw = _from_base64url(values[0])
    if len(values) > 1 or len(raw) != _KEY_ID_BYTES + _SIGNATURE_BYTES:
        return NotSigned("the signature is malformed", carries_signature=True)
    key_id, signature = raw[:_KEY_ID_BYTES], raw[_KEY_ID_BYTES:]
    named = [key for key in keys if key.key_id == key_id]
    if not named:
        return NotChecked(f"it is signed by key {key_id.hex()}, which is not in the list: get a newer list")
    message = _message(link)
    signing = next((key for key in named if is_signed(key.public, signature, message)), None)
    if signing is None:
        return NotSigned(f"the signature does not fit the label: not by {named[0].name}", True)
    item = identifier_of(link).uri
    if not signing.may_sign(item):
        return NotSigned(f"{signing.name} signed it and does not speak for {item}", True)
    return Signed(signing)


def write_keys(keys: Sequence[LabelKey]) -> str:
    """The list of keys as JSON, for `read_keys`."""
    entries = [
        {
            "id": key.key_id.hex(),
            "algorithm": algorithm_of(key.public),
            "public": key.public.hex(),
            "party": key.party_id,
            "name": key.name,
            "nameZh": key.name_zh,
            "from": key.from_ms,
            "prefixes": [list(prefix) for prefix in key.prefixes],
        }
        for key in keys
    ]
    return json.dumps({"format": _FORMAT, "keys": entries}, ensure_ascii=False, indent=1)


def read_keys(text: str) -> tuple[LabelKey, ...]:
    """The keys of a list; those of other algorithms are left out. Raises Invalid for anything else."""
    try:
        document = json.loads(text)
        if document["format"] != _FORMAT or len(document["keys"]) > _KEYS_MAX:
            raise Invalid(f"the list of label keys is not {_FORMAT} with at most {_KEYS_MAX} keys")
        known = get_args(Algorithm)
        return tuple(_read_key(entry) for entry in document["keys"] if entry["algorithm"] in known)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise Invalid(f"not a list of label keys ({_FORMAT}): {error!r}") from error


def _read_key(entry: dict[str, Any]) -> LabelKey:
    prefixes = tuple((str(scheme), str(text)) for scheme, text in entry["prefixes"])
    names = (str(entry["party"]), str(entry["name"]), str(entry["nameZh"]))
    key = LabelKey(parse_key(entry["public"]), *names, int(entry["from"]), prefixes)
    if algorithm_of(key.public) != entry["algorithm"] or key.key_id.hex() != entry["id"]:
        raise Invalid(
            f"label key {entry['id']}: it is {algorithm_of(key.public)}, and its id {key.key_id.hex()}"
        )
    return key


def _message(link: DigitalLink) -> bytes:
    """What is signed. The order of attributes says nothing, so theirs is that of the AIs."""
    attributes = sorted(link.attributes)
    return b"suyuan-label/1\n" + build(link_elements((link.key, *link.qualifiers, *attributes))).encode()


def _signatures(uri: str) -> list[str]:
    query = uri.partition("#")[0].partition("?")[2]
    pairs = (pair.partition("=") for pair in query.split("&"))
    return [value for name, _, value in pairs if unquote(name) == SIGNATURE]


def _from_base64url(text: str) -> bytes:
    """Empty unless `text` is exactly the base64url, without padding, of what is returned."""
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return b""
    return raw if base64.urlsafe_b64encode(raw).decode().rstrip("=") == text else b""
