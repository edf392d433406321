"""Keys that sign labels: one or more a party, in keys/labels/, readable by the owner only."""

import secrets
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, unquote

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.domain.authenticity import LabelKey, LabelSigner
from ledger.domain.errors import NotAllowed, NotFound
from ledger.node import Node, load_secret
from ledger.ports import Party


def label_signer(node: Node, party_id: str, uri: str) -> LabelSigner:
    """What signs a label of `uri` for a party; the party's key is made at the first call.

    Raises NotFound for an unknown party, NotAllowed when it does not speak for the identifier.
    """
    party = node.store.party(party_id)
    if party is None:
        raise NotFound(f"there is no party {party_id!r}: `suyuan keys add` makes one")
    if not node.prefixes.index().may_speak(party.account, uri):
        raise NotAllowed(
            f"{party_id} does not speak for {uri}, so it cannot sign its label: use a prefix of its own"
        )
    made = max(_key_files(node, party_id), default=_new_file(node, party_id))
    private = Ed25519PrivateKey.from_private_bytes(load_secret(made, lambda: secrets.token_bytes(32)))
    return LabelSigner(private, _label_key(node, party, made, private))


def label_keys(node: Node) -> list[LabelKey]:
    """The public keys of all parties that have signed labels here, old ones too."""
    return list(_label_keys(node))


def _label_keys(node: Node) -> Iterator[LabelKey]:
    for path in sorted(_folder(node).glob("*.key")):
        party = node.store.party(unquote(path.stem.rpartition(".")[0]))
        if party is not None:
            private = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(path.read_text()))
            yield _label_key(node, party, path, private)


def _label_key(node: Node, party: Party, path: Path, private: Ed25519PrivateKey) -> LabelKey:
    prefixes = tuple(
        (entry.scheme, entry.text)
        for entry in node.store.prefixes()
        if entry.active and (party.account == entry.owner or party.account in entry.delegates)
    )
    made_ms = int(path.stem.rpartition(".")[2])
    public = private.public_key().public_bytes_raw()
    return LabelKey(public, party.party_id, party.name, party.name_zh, made_ms, prefixes)


def _folder(node: Node) -> Path:
    return node.settings.data_dir / "keys" / "labels"


def _key_files(node: Node, party_id: str) -> list[Path]:
    """The party's keys. A name ends in the time when the key was made, 13 digits until the year 2286."""
    name = quote(party_id, safe="")
    return [path for path in _folder(node).glob("*.key") if path.stem.rpartition(".")[0] == name]


def _new_file(node: Node, party_id: str) -> Path:
    return _folder(node) / f"{quote(party_id, safe='')}.{node.clock()}.key"
