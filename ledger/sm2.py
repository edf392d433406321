"""SM2 with libcrypto, where there is one that knows it: for many signatures, and for secrets.

`domain.sm2` says what is right and needs nothing but Python, so that a verifier does without this. The
`cryptography` package has no SM2, but the OpenSSL 3 that Python's own `hashlib` is linked with has, unless
its builder left it out. It is called there, once it has judged the signature in the standard rightly.
"""

import ctypes
import logging
import secrets
import sys
import weakref
from collections.abc import Callable, Iterable, Mapping
from ctypes import CFUNCTYPE, POINTER, addressof, byref, c_char_p, c_int, c_long, c_size_t, c_void_p
from functools import cache, lru_cache
from typing import Any, Final

from ledger.domain import keys, sm2
from ledger.domain.errors import Invalid

logger = logging.getLogger(__name__)

_BYTES: Final = (c_char_p, c_size_t)
_FUNCTIONS: Final[Mapping[str, tuple[Any, ...]]] = {
    "d2i_PUBKEY": (c_void_p, c_void_p, POINTER(c_char_p), c_long),
    "d2i_AutoPrivateKey": (c_void_p, c_void_p, POINTER(c_char_p), c_long),
    "i2d_PUBKEY": (c_int, c_void_p, POINTER(c_void_p)),
    "EVP_PKEY_free": (None, c_void_p),
    "EVP_PKEY_CTX_new": (c_void_p, c_void_p, c_void_p),
    "EVP_PKEY_CTX_free": (None, c_void_p),
    "EVP_PKEY_verify_init": (c_int, c_void_p),
    "EVP_PKEY_verify": (c_int, c_void_p, *_BYTES, *_BYTES),
    "EVP_PKEY_sign_init": (c_int, c_void_p),
    "EVP_PKEY_sign": (c_int, c_void_p, c_char_p, POINTER(c_size_t), *_BYTES),
    "ERR_clear_error": (None,),
}
"""Name -> type of the result and of each argument, as the manual pages of OpenSSL 3 have them."""

_PKCS8: Final = bytes.fromhex("3041020100301306072a8648ce3d020106082a811ccf5501822d042730250201010420")
"""What stands before the secret in a PrivateKeyInfo without public key, which OpenSSL then computes."""
_SPKI_BYTES: Final = 91
_DER_BYTES_MAX: Final = 72
_KEYS_KEPT: Final = 4096

# GB/T 32918.5-2017, annex A: the signature of "message digest".
_PUBLIC: Final = (
    0x09F9DF311E5421A150DD7D161E4BC5C672179FAD1833FC076BB08FF356F35020,
    0xCCEA490CE26775A52DC6EA718CC1AA600AED05FBF35E084A6632F6072DA9AD13,
)
_SIGNATURE: Final = bytes.fromhex(
    "f5a03b0648d2c4630eeac513e1bb81a15944da3827d5b74143ac7eaceee720b3"
    "b1b6aa29df212fd8763182bc0d421ca1bb9038fd1f7f42d4840b69c485bbc1aa"
)


class LibcryptoFailed(Exception):
    """It did not do what it can do: it has no memory, or was built or configured without SM2."""


class LibcryptoKey:
    """A key that libcrypto holds until nobody holds this any more. Threads may use one at once."""

    def __init__(self, library: "Libcrypto", at: int) -> None:
        self.at = at
        weakref.finalize(self, library.call["EVP_PKEY_free"], at).atexit = False


class Libcrypto:
    """What OpenSSL 3 can do with SM2. Raises AttributeError when `library` has not all that it needs."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self.call: Mapping[str, Callable[..., Any]] = {
            name: CFUNCTYPE(*types)((name, library)) for name, types in _FUNCTIONS.items()
        }

    # Each of these raises LibcryptoFailed.

    def public_key(self, point: sm2.Point) -> LibcryptoKey:
        return self._read("d2i_PUBKEY", sm2.write_spki(point))

    def secret_key(self, secret: bytes) -> LibcryptoKey:
        return self._read("d2i_AutoPrivateKey", _PKCS8 + secret)

    def point_of(self, key: LibcryptoKey) -> sm2.Point:
        spki = ctypes.create_string_buffer(_SPKI_BYTES)
        if self.call["i2d_PUBKEY"](key.at, None) != _SPKI_BYTES:
            raise LibcryptoFailed("i2d_PUBKEY")
        self.call["i2d_PUBKEY"](key.at, byref(c_void_p(addressof(spki))))
        return sm2.read_spki(spki.raw)

    def verify(self, key: LibcryptoKey, signature: bytes, digested: bytes) -> bool:
        """As `domain.sm2.verify`."""
        if len(signature) != sm2.SIGNATURE_BYTES:
            return False
        der = sm2.signature_to_der(signature)
        said = self._with_context(key, "EVP_PKEY_verify", der, len(der), digested, len(digested))
        if said not in (0, 1):
            raise LibcryptoFailed("EVP_PKEY_verify")
        return said == 1

    def sign(self, key: LibcryptoKey, digested: bytes) -> bytes:
        """r || s, another one at each call."""
        der, length = ctypes.create_string_buffer(_DER_BYTES_MAX), c_size_t(_DER_BYTES_MAX)
        if self._with_context(key, "EVP_PKEY_sign", der, byref(length), digested, len(digested)) != 1:
            raise LibcryptoFailed("EVP_PKEY_sign")
        return sm2.signature_from_der(der.raw[: length.value])

    def _read(self, function: str, der: bytes) -> LibcryptoKey:
        at = self.call[function](None, byref(c_char_p(der)), len(der))
        self.call["ERR_clear_error"]()
        if not at:
            raise LibcryptoFailed(function)
        return LibcryptoKey(self, at)

    def _with_context(self, key: LibcryptoKey, function: str, *arguments: object) -> int:
        context = self.call["EVP_PKEY_CTX_new"](key.at, None)
        try:
            if self.call[f"{function}_init"](context) != 1:
                raise LibcryptoFailed(f"{function}_init")
            return int(self.call[function](context, *arguments))
        finally:
            self.call["EVP_PKEY_CTX_free"](context)
            # What is left there would be taken for an error of this thread's next TLS connection.
            self.call["ERR_clear_error"]()


@cache
def find_libcrypto() -> Libcrypto | None:
    """The one that Python is linked with, or that of the system; None when neither knows SM2."""
    linked = getattr(sys.modules.get("_hashlib"), "__file__", None)
    return load_libcrypto(filter(None, (linked, "libcrypto.so.3")))


def load_libcrypto(names: Iterable[str]) -> Libcrypto | None:
    """The first of these libraries that knows SM2."""
    for name in names:
        try:
            library = Libcrypto(ctypes.CDLL(name))
            if _is_right(library):
                return library
        except (OSError, AttributeError, LibcryptoFailed) as error:
            logger.debug("%s is of no use for SM2: %s", name, error)
    logger.warning("no libcrypto here knows SM2: signatures are made and checked in Python, more slowly")
    return None


def _is_right(library: Libcrypto) -> bool:
    key, digested = library.public_key(_PUBLIC), sm2.digest(_PUBLIC, b"message digest")
    return library.verify(key, _SIGNATURE, digested) and not library.verify(key, _SIGNATURE, bytes(32))


def is_signed(public: bytes, signature: bytes, message: bytes) -> bool:
    """As `domain.keys.is_signed`, and several times as fast for SM2 where there is a libcrypto."""
    try:
        library = find_libcrypto() if keys.algorithm_of(public) == "SM2" else None
        if library is None:
            return keys.is_signed(public, signature, message)
        point, key = _known(library, public)
        return library.verify(key, signature, sm2.digest(point, message))
    except Invalid:
        return False
    except LibcryptoFailed as error:
        logger.warning("libcrypto failed (%s), so Python checks the signature", error)
        return keys.is_signed(public, signature, message)


@lru_cache(maxsize=_KEYS_KEPT)
def _known(library: Libcrypto, public: bytes) -> tuple[sm2.Point, LibcryptoKey]:
    point = keys.read_sm2_key(public)
    return point, library.public_key(point)


def new_secret() -> bytes:
    return (1 + secrets.randbelow(sm2.SECRET_MAX)).to_bytes(sm2.SECRET_BYTES, "big")


class Sm2PrivateKey:
    """A secret that signs, in libcrypto; without one as `domain.sm2.sign`, which says what that tells."""

    def __init__(self, secret: bytes, library: Libcrypto | None) -> None:
        """Raises Invalid when the secret is not 32 bytes that stand for 1 to n - 2."""
        number = int.from_bytes(secret, "big")
        if len(secret) != sm2.SECRET_BYTES or not 1 <= number <= sm2.SECRET_MAX:
            raise Invalid("an SM2 secret is 32 bytes, which stand for a number from 1 to n - 2")
        self._number = number
        self._held: tuple[Libcrypto, LibcryptoKey] | None = None
        if library:
            self._held = library, library.secret_key(secret)
            self.point = library.point_of(self._held[1])
        else:
            self.point = sm2.public_of(number)

    @property
    def public(self) -> bytes:
        """As `domain.keys` writes it."""
        return keys.write_sm2_key(self.point)

    def sign(self, data: bytes, /) -> bytes:
        """r || s, 64 bytes."""
        digested = sm2.digest(self.point, data)
        if self._held:
            library, key = self._held
            return library.sign(key, digested)
        return sm2.sign(self._number, digested)
