"""SM2 signatures with SM3 (GB/T 32918.2-2016), on the curve of GB/T 32918.5-2017.

A public key is a point, a secret a whole number, a signature r || s, 32 bytes each. What is signed is a
digest that holds the signer's key and name besides the message.

This is what counts, in whole numbers of Python: some hundred signatures a second. `ledger.sm2` does the same
with libcrypto, where that knows SM2: several times as fast, and in a time that does not tell the secret.
"""

from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SM3, Hash
from cryptography.hazmat.primitives.hmac import HMAC

from ledger.domain.errors import Invalid

Point = tuple[int, int]

DEFAULT_ID: Final = b"1234567812345678"
"""Name of the signer where nothing else was agreed (GM/T 0009-2012, section 10)."""
SECRET_BYTES: Final = 32
SIGNATURE_BYTES: Final = 64

_P: Final = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF00000000FFFFFFFFFFFFFFFF
_A: Final = _P - 3
_B: Final = 0x28E9FA9E9D9F5E344D5A9E4BCF6509A7F39789F515AB8F92DDBCBD414D940E93
_N: Final = 0xFFFFFFFEFFFFFFFFFFFFFFFFFFFFFFFF7203DF6B21C6052B53BBF40939D54123
_G: Final[Point] = (
    0x32C4AE2C1F1981195F9904466A39C9948FE30BBFF2660BE1715A4589334C74C7,
    0xBC3736A2F4F6779C59BDCEE36B692153D0A9877CC62A474002DF32E52139F0A0,
)
SECRET_MAX: Final = _N - 2
"""A secret is 1 to this (GB/T 32918.2, 5.3): for n - 1 nothing can be signed."""

_OIDS: Final = (
    "301306072a8648ce3d020106082a811ccf5501822d"  # id-ecPublicKey, and the curve: 1.2.156.10197.1.301
)
_SPKI: Final = bytes.fromhex(f"3059{_OIDS}034200")
_SPKI_COMPRESSED: Final = bytes.fromhex(f"3039{_OIDS}032200")


# --------------------------------------------------------------------------- keys and signatures as bytes


def read_point(raw: bytes) -> Point:
    """The point of 04 || x || y, or of 02 or 03 || x. Raises Invalid, also when it is off the curve."""
    if len(raw) == 65 and raw[0] == 4:
        x, y = _number(raw[1:33]), _number(raw[33:])
    elif len(raw) == 33 and raw[0] in (2, 3):
        x = _number(raw[1:])
        # p is 3 modulo 4, so this is a square root, if there is one.
        y = pow(_right_side(x), (_P + 1) // 4, _P)
        y = y if y % 2 == raw[0] % 2 else _P - y
    else:
        raise Invalid(
            f"an SM2 point is 04 || x || y, or 02 or 03 || x; found {len(raw)} bytes {raw[:1].hex()}..."
        )
    if x >= _P or y >= _P or y * y % _P != _right_side(x):
        raise Invalid("no point of the SM2 curve: is it a key of another curve, or was a digit lost?")
    return x, y


def write_point(point: Point) -> bytes:
    """Compressed: 02 or 03 || x, 33 bytes."""
    x, y = point
    return bytes([2 + y % 2]) + _bytes(x)


def read_spki(der: bytes) -> Point:
    """The key in a SubjectPublicKeyInfo, as OpenSSL writes it. Raises Invalid."""
    for start in (_SPKI, _SPKI_COMPRESSED):
        if der.startswith(start):
            return read_point(der.removeprefix(start))
    raise Invalid("no SubjectPublicKeyInfo of an SM2 key (1.2.156.10197.1.301)")


def write_spki(point: Point) -> bytes:
    """SubjectPublicKeyInfo in DER, uncompressed, as `openssl pkey -pubout` has it."""
    x, y = point
    return _SPKI + b"\x04" + _bytes(x) + _bytes(y)


def signature_from_der(der: bytes) -> bytes:
    """r || s of SEQUENCE {r, s}. Raises Invalid for what is not DER, or has no such numbers."""
    try:
        r, s = decode_dss_signature(der)
        return _bytes(r) + _bytes(s)
    except (ValueError, OverflowError) as error:
        raise Invalid("the signature is neither r || s of 64 bytes nor DER of the two") from error


def signature_to_der(signature: bytes) -> bytes:
    """SEQUENCE {r, s} of r || s."""
    return encode_dss_signature(*_split(signature))


# --------------------------------------------------------------------------- verifying and signing


def digest(public: Point, message: bytes, signer_id: bytes = DEFAULT_ID) -> bytes:
    """What is signed: SM3(Z || message), where Z = SM3(ENTL || ID || a || b || G || P) (5.5 and 6.1)."""
    curve_and_keys = b"".join(_bytes(number) for number in (_A, _B, *_G, *public))
    z = _sm3((8 * len(signer_id)).to_bytes(2, "big") + signer_id + curve_and_keys)
    return _sm3(z + message)


def verify(public: Point, signature: bytes, digested: bytes) -> bool:
    """Whether the key's owner signed what has this `digest` (7.1)."""
    if len(signature) != SIGNATURE_BYTES:
        return False
    r, s = _split(signature)
    t = (r + s) % _N
    if not (0 < r < _N and 0 < s < _N and t):
        return False
    found = _sum_of((s, _G), (t, public))
    return found is not None and (_number(digested) + found[0]) % _N == r


def sign(secret: int, digested: bytes) -> bytes:
    """The signature of what has this `digest` (6.1), always the same one.

    It takes a time that depends on the secret, which somebody who can measure many signatures may learn from
    it: only where `ledger.sm2` finds no libcrypto, and for tests. The nonce is that of RFC 6979, section 3.2,
    with HMAC-SM3, so it needs no chance and never comes again with another message.
    """
    for nonce in _nonces(secret, digested):
        point = _sum_of((nonce, _G))
        assert point is not None  # 0 < nonce < n
        r = (_number(digested) + point[0]) % _N
        s = pow(1 + secret, -1, _N) * (nonce - r * secret) % _N
        if r and s and r + nonce != _N:
            return _bytes(r) + _bytes(s)
    raise AssertionError("there is always another nonce")


def public_of(secret: int) -> Point:
    """The public key. As with `sign`, the time it takes tells of the secret."""
    if not 1 <= secret <= SECRET_MAX:
        raise Invalid("an SM2 secret is a whole number from 1 to n - 2")
    point = _sum_of((secret, _G))
    assert point is not None  # the secret is below the order of G
    return point


def _nonces(secret: int, digested: bytes) -> Iterator[int]:
    seed = _bytes(secret) + _bytes(_number(digested) % _N)
    key, value = bytes(32), b"\x01" * 32
    for mark in (b"\x00", b"\x01"):
        key = _hmac(key, value + mark + seed)
        value = _hmac(key, value)
    while True:
        value = _hmac(key, value)
        if 0 < _number(value) < _N:
            yield _number(value)
        key = _hmac(key, value + b"\x00")
        value = _hmac(key, value)


def _sm3(data: bytes) -> bytes:
    hashed = Hash(SM3())
    hashed.update(data)
    return hashed.finalize()


def _hmac(key: bytes, data: bytes) -> bytes:
    code = HMAC(key, SM3())
    code.update(data)
    return code.finalize()


def _number(raw: bytes) -> int:
    return int.from_bytes(raw, "big")


def _bytes(number: int) -> bytes:
    return number.to_bytes(32, "big")


def _split(signature: bytes) -> tuple[int, int]:
    return _number(signature[:32]), _number(signature[32:])


# --------------------------------------------------------------------------- the curve, y² = x³ + ax + b

_Jacobian = tuple[int, int, int]
"""(X, Y, Z) is the point (X / Z², Y / Z³); with Z = 0 the point at infinity."""
_INFINITY: Final[_Jacobian] = (1, 1, 0)


def _right_side(x: int) -> int:
    return (x * x * x + _A * x + _B) % _P


def _sum_of(*terms: tuple[int, Point]) -> Point | None:
    """The sum of numbers below 2²⁵⁶ times points, four bits at a time; None is the point at infinity."""
    tables = [(number, _multiples(point)) for number, point in terms]
    total = _INFINITY
    for place in range(252, -1, -4):
        for _ in range(4):
            total = _double(total)
        for number, multiples in tables:
            total = _add(total, multiples[number >> place & 15])
    x, y, z = total
    if not z:
        return None
    inverse = pow(z, -1, _P)
    return x * inverse**2 % _P, y * inverse**3 % _P


@lru_cache(maxsize=64)
def _multiples(point: Point) -> tuple[_Jacobian, ...]:
    """0 to 15 times the point."""
    multiples = [_INFINITY]
    for _ in range(15):
        multiples.append(_add(multiples[-1], (*point, 1)))
    return tuple(multiples)


def _double(point: _Jacobian) -> _Jacobian:
    x, y, z = point
    zz, yy = z * z % _P, y * y % _P
    m = 3 * (x - zz) * (x + zz) % _P  # a is -3
    s = 4 * x * yy % _P
    x3 = (m * m - 2 * s) % _P
    return x3, (m * (s - x3) - 8 * yy * yy) % _P, 2 * y * z % _P


def _add(one: _Jacobian, other: _Jacobian) -> _Jacobian:
    if not one[2]:
        return other
    if not other[2]:
        return one
    (x1, y1, z1), (x2, y2, z2) = one, other
    zz1, zz2 = z1 * z1 % _P, z2 * z2 % _P
    u, h = x1 * zz2 % _P, (x2 * zz1 - x1 * zz2) % _P
    s, r = y1 * z2 * zz2 % _P, (y2 * z1 * zz1 - y1 * z2 * zz2) % _P
    if not h:
        return _INFINITY if r else _double(one)
    hh = h * h % _P
    hhh, v = h * hh % _P, u * hh % _P
    x3 = (r * r - hhh - 2 * v) % _P
    return x3, (r * (v - x3) - s * hhh) % _P, h * z1 * z2 % _P
