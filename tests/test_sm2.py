"""SM2 with libcrypto, in Python, and by somebody else's code: all say the same of every signature."""

import ctypes
import secrets
import sys

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.domain import keys, sm2
from ledger.domain.errors import Invalid
from ledger.sm2 import (
    Libcrypto,
    LibcryptoFailed,
    LibcryptoKey,
    Sm2PrivateKey,
    find_libcrypto,
    is_signed,
    load_libcrypto,
)

N = sm2.SECRET_MAX + 2
SECRETS = st.integers(1, sm2.SECRET_MAX).map(lambda number: number.to_bytes(32, "big"))
NUMBERS = st.sampled_from([0, 1, N - 1, N, N + 1, 2**256 - 1]) | st.integers(0, 2**256 - 1)


@pytest.fixture(scope="module")
def library() -> Libcrypto:
    found = find_libcrypto()
    if found is None:
        pytest.skip("no libcrypto here knows SM2")
    return found


def pair(r: int, s: int) -> bytes:
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


@settings(max_examples=30, deadline=None)
@given(SECRETS, st.binary(max_size=300))
def test_libcrypto_and_python_have_one_key_and_take_each_other_s_signatures(
    library: Libcrypto, secret: bytes, message: bytes
) -> None:
    fast, slow = Sm2PrivateKey(secret, library), Sm2PrivateKey(secret, None)
    assert fast.public == slow.public
    for signature in (fast.sign(message), slow.sign(message)):
        assert is_signed(fast.public, signature, message)
        assert keys.is_signed(fast.public, signature, message)
    assert slow.sign(message) == slow.sign(message)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_libcrypto_and_python_agree_on_every_wrong_signature(library: Libcrypto, data: st.DataObject) -> None:
    number = data.draw(st.integers(1, sm2.SECRET_MAX))
    secret = Sm2PrivateKey(number.to_bytes(32, "big"), None)
    message, signature = b"4.5 \xc2\xb0C", bytearray(secret.sign(b"4.5 \xc2\xb0C"))
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    signature[data.draw(st.integers(0, 63))] ^= 1 << data.draw(st.integers(0, 7))
    opposite = -r * number * pow(1 + number, -1, N) % N
    wrong = [
        bytes(signature),
        pair(data.draw(NUMBERS), s),
        pair(r, data.draw(NUMBERS)),
        pair(r, N - r),  # r + s is 0 modulo n
        pair(r, opposite),  # the sum of the two points is none
        bytes(signature[:63]),
        r.to_bytes(32, "big") + s.to_bytes(33, "big"),
    ]
    for changed in wrong:
        said = is_signed(secret.public, changed, message), keys.is_signed(secret.public, changed, message)
        assert said == (False, False), changed.hex()
    assert not is_signed(secret.public, pair(r, s), message + b".")


def judged(library: Libcrypto, secret: int, r: int, s: int, digest: int) -> bool:
    """What both say of a signature of a digest that was made to fit it."""
    point = negative_g() if secret == N - 1 else sm2.public_of(secret)
    digested = (digest % N).to_bytes(32, "big")
    said = sm2.verify(point, pair(r, s), digested)
    assert library.verify(library.public_key(point), pair(r, s), digested) == said
    return said


def negative_g() -> sm2.Point:
    """The point of n - 1, which is nobody's key."""
    x = sm2.write_point(sm2.public_of(1))
    return sm2.read_point(bytes([5 - x[0]]) + x[1:])


def x_of(number: int) -> int:
    return sm2.public_of(number % N)[0]


def test_numbers_out_of_range_are_refused_where_the_equation_holds_for_them(library: Libcrypto) -> None:
    """For each pair r = digest + x of (sG + (r + s)P) modulo n: nothing but the range speaks against it."""
    d = 1_234_567
    assert judged(library, d, 1, 5, 1 - x_of(5 + 6 * d))
    assert not judged(library, d, 0, 5, -x_of(5 + 5 * d))
    assert not judged(library, d, 5, 0, 5 - x_of(5 * d))
    assert not judged(library, d, N - 5, 5, -5 - x_of(5))  # r + s is 0: whoever has no secret can make it

    assert judged(library, d, 5, 9, 5 - x_of(9 + 14 * d))
    assert not judged(library, d, 5 + N, 9, 5 - x_of(9 + 14 * d))
    r = (99 + x_of(7)) % N
    fitting = (7 - 5) * pow(5 + r, -1, N) % N
    assert judged(library, fitting, r, 5, 99)
    assert not judged(library, fitting, r, 5 + N, 99)


def test_a_sum_may_pass_through_the_point_at_infinity_and_through_equal_points(library: Libcrypto) -> None:
    """s and r + s begin alike, so that under -G they cancel out on the way, and under G they double."""
    s = 0xA5 << 240
    for r in (1, 2, 3 << 100):
        assert judged(library, N - 1, r, s, r - x_of(r))
        assert judged(library, 1, r, s, r - x_of(2 * s + r))


def test_wrong_signatures_leave_no_error_behind_that_others_would_take_for_theirs(library: Libcrypto) -> None:
    peek = ctypes.CDLL(sys.modules["_hashlib"].__file__).ERR_peek_error
    secret = Sm2PrivateKey(bytes(31) + b"\x07", library)
    assert not is_signed(secret.public, pair(N, N), b"")
    assert peek() == 0
    with pytest.raises(LibcryptoFailed):
        library.public_key((2, 2))  # not on the curve
    assert peek() == 0


class Failing(Libcrypto):
    """A libcrypto that has no memory for another key."""

    def public_key(self, point: sm2.Point) -> LibcryptoKey:
        raise LibcryptoFailed("d2i_PUBKEY")


@pytest.mark.parametrize("fails", [True, False], ids=["failing", "none"])
def test_python_checks_where_libcrypto_cannot(
    library: Libcrypto, monkeypatch: pytest.MonkeyPatch, fails: bool
) -> None:
    found = Failing(ctypes.CDLL(sys.modules["_hashlib"].__file__)) if fails else None
    monkeypatch.setattr("ledger.sm2.find_libcrypto", lambda: found)
    secret = Sm2PrivateKey(bytes(31) + b"\x07", library)
    assert is_signed(secret.public, secret.sign(b"4.5"), b"4.5")
    assert not is_signed(secret.public, secret.sign(b"4.5"), b"4.6")


def test_a_library_without_what_is_needed_is_passed_over() -> None:
    assert load_libcrypto(["no-such-library.so", orjson.orjson.__file__]) is None


def test_a_key_that_libcrypto_does_not_hold_is_no_verdict(library: Libcrypto) -> None:
    nothing = LibcryptoKey(library, 0)
    for call in (lambda: library.verify(nothing, pair(1, 1), bytes(32)), lambda: library.sign(nothing, b"")):
        with pytest.raises(LibcryptoFailed):
            call()


@pytest.mark.parametrize(
    "public", [b"", bytes(32), b"\x86\x24\x02" + bytes(31) + b"\x02", b"\x86\x24" + bytes(33)]
)
def test_nothing_is_signed_by_what_is_no_key(public: bytes) -> None:
    assert not is_signed(public, pair(1, 1), b"")


@pytest.mark.parametrize("secret", [b"", bytes(32), bytes(31) + b"\x01\x00", pair(0, N - 1)[32:]])
def test_a_secret_has_32_bytes_and_is_in_range(secret: bytes) -> None:
    for library in (find_libcrypto(), None):
        with pytest.raises(Invalid):
            Sm2PrivateKey(secret, library)


@pytest.mark.parametrize("with_library", [True, False], ids=["libcrypto", "python"])
def test_gmalg_takes_our_signatures_and_we_take_its(with_library: bool) -> None:
    gmalg = pytest.importorskip("gmalg", reason="gmalg is not installed: nobody else's SM2 to compare with")
    library = find_libcrypto() if with_library else None
    if with_library and library is None:
        pytest.skip("no libcrypto here knows SM2")
    secret = secrets.token_bytes(31).rjust(32, b"\x01")
    ours, theirs = Sm2PrivateKey(secret, library), gmalg.SM2(secret, sm2.DEFAULT_ID)
    assert theirs.generate_pk(secret) == b"\x04" + sm2.write_spki(ours.point)[-64:]
    for message in (b"", bytes(range(256)), "冷链".encode()):
        signature = ours.sign(message)
        assert theirs.verify(message, signature[:32], signature[32:])
        r, s = theirs.sign(message)
        signature = r.rjust(32, b"\0") + s.rjust(32, b"\0")
        assert is_signed(ours.public, signature, message)
        assert keys.is_signed(ours.public, signature, message)
        assert not keys.is_signed(ours.public, signature, message + b"\0")
