"""Decentralised identifiers (DID): did:<method>:<what the method says>.

Known are the methods cn (a prefix of the industrial internet), bid (Xinghuo, 星火·链网), web and key; others
are taken as DID Core writes them. An identifier is the DID alone: a path, query or fragment names a part of
what it leads to.

Source: W3C DID Core 1.0, section 3.1; the methods' own specifications. Not here: resolving.
"""

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from typing import Final

from ledger.domain import base58
from ledger.domain.digital_link import URI_LENGTH_MAX
from ledger.domain.errors import Invalid
from ledger.domain.schemes.handle import HANDLE
from ledger.domain.schemes.scheme import Identifier, Scheme


def parse(text: str) -> Identifier | None:
    if text[: len(DID.stem)].lower() != DID.stem:
        return None
    match = _did(text) if len(text) <= URI_LENGTH_MAX else None
    if match is None:
        reason = (
            "names a part of what the DID leads to; leave off what begins with /, ? or #"
            if _did(re.split("[/?#]", text, maxsplit=1)[0])
            else f"a DID is did:<method in small letters>:<text>, at most {URI_LENGTH_MAX} characters"
        )
        raise Invalid(f"{text[:80]!r}: {reason}")
    method, rest = match.groups()
    try:
        return Identifier(f"{DID.stem}{method}:{_METHODS.get(method, str)(rest)}", "uri")
    except Invalid as error:
        raise Invalid(f"{text[:80]!r}: {error}") from None


_CHARACTER: Final = r"(?:[A-Za-z0-9._\-:]|%[0-9A-Fa-f]{2})"
_did: Final = re.compile(rf"(?i:did):([a-z0-9]+):({_CHARACTER}*+(?<!:))").fullmatch


# --- did:cn, a prefix of the industrial internet


def _cn(rest: str) -> str:
    if not _is_cn(rest):
        raise Invalid(
            "expected did:cn:<country, 2 digits>.<industry node, 3 to 5 digits>.<enterprise, digits>, "
            "as did:cn:88.118.1001"
        )
    return rest


_is_cn: Final = re.compile(r"[0-9]{2}\.[0-9]{3,5}\.[0-9]{1,128}").fullmatch


# --- did:bid, the end of a public key's hash, in one of three encodings


def _bid(rest: str) -> str:
    match = _bid_parts(rest)
    if match is None:
        raise Invalid(
            "expected did:bid:<chain code of 4>, or did:bid:, perhaps a chain code and a colon, then e, z or "
            "s for the key, f, s or t for the encoding, and the hash"
        )
    encoding, text = match.groups()
    if encoding == "f":
        _check_hash(base58.decode(text, base58.BID))
    elif encoding == "s":
        _check_hash(_decode_base64(text))
    elif encoding == "t" and not _is_bech32(text):
        raise Invalid("its hash should be 38 to 42 small letters and digits (bech32)")
    return rest


_BID_HASH_BYTES: Final = 22
_bid_parts: Final = re.compile(r"[a-z0-9]{4}|(?:[a-z0-9]{4}:)?[ezs]([fst])([A-Za-z0-9_\-]+)").fullmatch
_is_bech32: Final = re.compile("[a-z0-9]{38,42}").fullmatch


def _check_hash(raw: bytes) -> None:
    if len(raw) != _BID_HASH_BYTES:
        raise Invalid(f"its hash has {len(raw)} bytes, should have {_BID_HASH_BYTES}: was a character lost?")


def _decode_base64(text: str) -> bytes:
    padded = text + "=" * (-len(text) % 4)
    try:
        raw = base64.b64decode(padded, altchars=b"-_", validate=True)
    except binascii.Error:
        raise Invalid("its hash is no base64") from None
    if base64.urlsafe_b64encode(raw).decode() != padded:
        raise Invalid("its hash is not as base64 writes it: its last character says bits that are not there")
    return raw


# --- did:web, a host and a path


def _web(rest: str) -> str:
    host, *path = rest.split(":")
    name, escaped_colon, port = host.lower().partition("%3a")
    if not _is_host(name) or _is_number(name.rpartition(".")[2]):
        raise Invalid(f"expected a host name, found {name[:80]!r}")
    if escaped_colon and not (_is_number(port) and 0 < int(port) <= _PORT_MAX):
        raise Invalid(f"after the host, %3A and a port up to {_PORT_MAX}, found {port[:80]!r}")
    if "" in path:
        raise Invalid("its path has an empty part between colons")
    return ":".join([f"{name}%3A{port}" if port else name, *path])


_PORT_MAX: Final = 65_535
_LABEL: Final = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_is_host: Final = re.compile(rf"{_LABEL}(?:\.{_LABEL})*").fullmatch
_is_number: Final = re.compile("[1-9][0-9]{0,9}|0").fullmatch


# --- did:key, a public key


def _key(rest: str) -> str:
    if rest[:1] != "z":
        raise Invalid("expected did:key:z<base58>")
    if len(rest) > _KEY_LENGTH_MAX:
        raise Invalid(f"{len(rest)} characters after did:key:, at most {_KEY_LENGTH_MAX} are read")
    raw = base58.decode(rest[1:], base58.BITCOIN)
    codec, key = _split_codec(raw)
    name, length = _CODECS.get(codec, ("", len(key)))
    if len(key) != length:
        raise Invalid(f"an {name} key has {length} bytes, found {len(key)}: was a character lost?")
    return rest


_KEY_LENGTH_MAX: Final = 1024
_CODECS: Final[Mapping[int, tuple[str, int]]] = {
    0xE7: ("secp256k1", 33),
    0xEB: ("BLS12-381 G2", 96),
    0xEC: ("X25519", 32),
    0xED: ("Ed25519", 32),
    0x1200: ("P-256", 33),
    0x1201: ("P-384", 49),
    0x1202: ("P-521", 67),
    0x1206: ("SM2", 33),
}
"""Multicodec -> kind of public key, and its bytes (points compressed). Other kinds are taken as they are."""


def _split_codec(raw: bytes) -> tuple[int, bytes]:
    """The number in front (unsigned LEB128, of one or two bytes) and the key behind it."""
    if len(raw) >= 3 and raw[0] & 0x80 and not raw[1] & 0x80:
        return raw[0] & 0x7F | raw[1] << 7, raw[2:]
    raise Invalid("what base58 says begins with no kind of public key")


_METHODS: Final[Mapping[str, Callable[[str], str]]] = {"bid": _bid, "cn": _cn, "key": _key, "web": _web}
"""Method -> its text in canonical form. Raises Invalid saying what was expected."""


def _write(uri: str) -> str:
    return uri


def _registered_as(uri: str) -> tuple[str, str]:
    method, _, rest = uri.removeprefix(DID.stem).partition(":")
    # A did:cn is the DID of a handle prefix: whoever has that prefix speaks for it.
    return (HANDLE.name, rest) if method == "cn" else (DID.name, f"{method}:{rest}")


DID: Final = Scheme("did", ":", "did:", parse, _write, _registered_as)
"""A prefix is a method and what follows: web:example.com lies above web:example.com:items:7."""
