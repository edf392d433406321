"""Public keys of carriers and of labels, as bytes that say what kind of key they are.

    Ed25519   the 32 bytes of the key
    SM2       86 24 and the compressed point, 33 bytes

86 24 is sm2-pub, 0x1206, in the table of multicodec (github.com/multiformats/multicodec), as did:key writes
it before a key. An Ed25519 key stands without, as it did when there was no other kind. Signatures have 64
bytes; those of SM2 are r || s, with `sm2.DEFAULT_ID` as the name of whoever signs.
"""

import base64
import binascii
import re
from collections.abc import Callable
from typing import Final, Literal

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from ledger.domain import sm2
from ledger.domain.errors import Invalid

Algorithm = Literal["Ed25519", "SM2"]
IsSigned = Callable[[bytes, bytes, bytes], bool]
"""(public key, signature, message) -> whether it is the key's signature of the message."""

ED25519_BYTES: Final = 32
SM2_BYTES: Final = 35
_SM2_PUB: Final = b"\x86\x24"
_ED25519_SPKI: Final = bytes.fromhex("302a300506032b6570032100")  # RFC 8410
_pem: Final = re.compile(
    r"\s*-----BEGIN PUBLIC KEY-----([A-Za-z0-9+/=\s]+)-----END PUBLIC KEY-----\s*"
).fullmatch


def algorithm_of(public: bytes) -> Algorithm:
    """Raises Invalid for what is no key of a kind that is known."""
    if len(public) == ED25519_BYTES:
        return "Ed25519"
    if len(public) == SM2_BYTES and public.startswith(_SM2_PUB):
        return "SM2"
    raise Invalid(f"a key is Ed25519 ({ED25519_BYTES} bytes) or SM2 (8624 and {SM2_BYTES - 2} bytes)")


def write_sm2_key(point: sm2.Point) -> bytes:
    return _SM2_PUB + sm2.write_point(point)


def read_sm2_key(public: bytes) -> sm2.Point:
    """Raises Invalid."""
    return sm2.read_point(public.removeprefix(_SM2_PUB))


def parse_key(text: object) -> bytes:
    """The key in hex, as above, an SM2 key also as 04 || x || y; or in PEM, as OpenSSL writes it.

    Raises Invalid, also for an SM2 point off the curve.
    """
    if not isinstance(text, str):
        raise Invalid("a key is a text: hex digits, or PEM")
    if found := _pem(text):
        return _read_spki(found[1])
    try:
        raw = bytes.fromhex(text)
    except ValueError:
        raw = b""
    if len(raw) == 65:
        return write_sm2_key(sm2.read_point(raw))
    if algorithm_of(raw) == "SM2":
        read_sm2_key(raw)
    return raw


def is_signed(public: bytes, signature: bytes, message: bytes) -> bool:
    """Whether it is the key's signature of the message; not, when the key is none."""
    try:
        if algorithm_of(public) == "SM2":
            point = read_sm2_key(public)
            return sm2.verify(point, signature, sm2.digest(point, message))
        Ed25519PublicKey.from_public_bytes(public).verify(signature, message)
    except (Invalid, InvalidSignature, ValueError):
        return False
    return True


def _read_spki(text: str) -> bytes:
    try:
        der = base64.b64decode("".join(text.split()), validate=True)
    except binascii.Error as error:
        raise Invalid("the key's PEM is not base64") from error
    if der.startswith(_ED25519_SPKI) and len(der) == len(_ED25519_SPKI) + ED25519_BYTES:
        return der.removeprefix(_ED25519_SPKI)
    return write_sm2_key(sm2.read_spki(der))
