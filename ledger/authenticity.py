"""Keys that sign labels: one or more a party and algorithm, in keys/labels/, readable by the owner only."""

import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final
from urllib.parse import quote, unquote

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.domain.authenticity import LabelKey, LabelSigner, PrivateKey
from ledger.domain.errors import NotAllowed, NotFound
from ledger.domain.keys import Algorithm
from ledger.node import Node, load_secret
from ledger.ports import Party
from ledger.sm2 import Sm2PrivateKey, find_libcrypto, new_secret

_SUFFIX: Final[Mapping[Algorithm, str]] = {"Ed25519": ".key", "SM2": ".sm2"}


def label_signer(node: Node, party_id: str, uri: str, algorithm: Algorithm = "Ed25519") -> LabelSigner:
    """What signs a label of `uri` for a party; the party's key of that kind is made at the first call.

    Raises NotFound for an unknown party, NotAllowed when it does not speak for the identifier.
    """
    party = node.store.party(party_id)
    if party is None:
        raise NotFound(f"there is no party {party_id!r}: `suyuan keys add` makes one")
    if not node.prefixes.index().may_speak(party.account, uri):
        raise NotAllowed(
            f"{party_id} does not speak for {uri}, so it cannot sign its label: use a prefix of its own"
        )
    files = _key_files(node, party_id, _SUFFIX[algorithm])
    made = max(files, default=_new_file(node, party_id, _SUFFIX[algorithm]))
    load_secret(made, new_secret if algorithm == "SM2" else lambda: secrets.token_bytes(32))
    private, public = _read(made)
    return LabelSigner(private, _label_key(node, party, made, public))


def label_keys(node: Node) -> list[LabelKey]:
    """The public keys of all parties that have signed labels here, old ones too."""
    return list(_label_keys(node))


def _label_keys(node: Node) -> Iterator[LabelKey]:
    for path in sorted(path for suffix in _SUFFIX.values() for path in _folder(node).glob(f"*{suffix}")):
        party = node.store.party(unquote(path.stem.rpartition(".")[0]))
        if party is not None:
            yield _label_key(node, party, path, _read(path)[1])


def _read(path: Path) -> tuple[PrivateKey, bytes]:
    """The private key in a file, and the public one."""
    secret = bytes.fromhex(path.read_text())
    if path.suffix == _SUFFIX["SM2"]:
        sm2_key = Sm2PrivateKey(secret, find_libcrypto())
        return sm2_key, sm2_key.public
    ed25519_key = Ed25519PrivateKey.from_private_bytes(secret)
    return ed25519_key, ed25519_key.public_key().public_bytes_raw()


def _label_key(node: Node, party: Party, path: Path, public: bytes) -> LabelKey:
    prefixes = tuple(
        (entry.scheme, entry.text)
        for entry in node.store.prefixes()
        if entry.active and (party.account == entry.owner or party.account in entry.delegates)
    )
    made_ms = int(path.stem.rpartition(".")[2])
    return LabelKey(public, party.party_id, party.name, party.name_zh, made_ms, prefixes)


def _folder(node: Node) -> Path:
    return node.settings.data_dir / "keys" / "labels"


def _key_files(node: Node, party_id: str, suffix: str) -> list[Path]:
    """The party's keys of one kind. A name ends in the time when the key was made, 13 digits until 2286."""
    name = quote(party_id, safe="")
    return [path for path in _folder(node).glob(f"*{suffix}") if path.stem.rpartition(".")[0] == name]


def _new_file(node: Node, party_id: str, suffix: str) -> Path:
    return _folder(node) / f"{quote(party_id, safe='')}.{node.clock()}{suffix}"
