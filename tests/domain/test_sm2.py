"""SM2 as the standard has it: its own example, and what must be refused."""

import pytest

from ledger.domain import sm2
from ledger.domain.errors import Invalid
from ledger.domain.keys import algorithm_of, is_signed, parse_key, write_sm2_key

# GB/T 32918.5-2017, annex A.2.
SECRET = 0x3945208F7B2144B13F36E38AC6D39F95889393692860B51A42FB81EF4DF7C5B8
X = "09f9df311e5421a150dd7d161e4bc5c672179fad1833fc076bb08ff356f35020"
Y = "ccea490ce26775a52dc6ea718cc1aa600aed05fbf35e084a6632f6072da9ad13"
DIGEST = "f0b43e94ba45accaace692ed534382eb17e6ab5a19ce7b31f4486fdfc0d28640"
R = "f5a03b0648d2c4630eeac513e1bb81a15944da3827d5b74143ac7eaceee720b3"
S = "b1b6aa29df212fd8763182bc0d421ca1bb9038fd1f7f42d4840b69c485bbc1aa"
MESSAGE = b"message digest"

PUBLIC = (int(X, 16), int(Y, 16))
SIGNATURE = bytes.fromhex(R + S)
N = sm2.SECRET_MAX + 2
P = 2**256 - 2**224 - 2**96 + 2**64 - 1

PEM = """-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoEcz1UBgi0DQgAECfnfMR5UIaFQ3X0WHkvFxnIXn60Y
M/wHa7CP81bzUCDM6kkM4md1pS3G6nGMwapgCu0F+/NeCEpmMvYHLamtEw==
-----END PUBLIC KEY-----
"""
PEM_COMPRESSED = """-----BEGIN PUBLIC KEY-----
MDkwEwYHKoZIzj0CAQYIKoEcz1UBgi0DIgADCfnfMR5UIaFQ3X0WHkvFxnIXn60Y
M/wHa7CP81bzUCA=
-----END PUBLIC KEY-----
"""
ED25519_PEM = """-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEAeEj2YTN8o+hRWjxFjslb667+57C/mVe8sL/eYOLrQRk=
-----END PUBLIC KEY-----
"""
P256_PEM = """-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE8hwXm9N9VrBYP84XmrWTsH9E16Sm
BOZKPGXSP874QgLTYz6NbIGlVVkMU1BcyFCqqj6ikgq18rCV7ZT+fF3x8g==
-----END PUBLIC KEY-----
"""
P256_POINT = (
    "04f21c179bd37d56b0583fce179ab593b07f44d7a4a604e64a3c65d23fcef84202"
    "d3633e8d6c81a555590c53505cc850aaaa3ea2920ab5f2b095ed94fe7c5df1f2"
)


def pair(r: int, s: int) -> bytes:
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def test_the_standard_s_example_has_this_key_digest_and_signature() -> None:
    assert sm2.public_of(SECRET) == PUBLIC
    assert sm2.digest(PUBLIC, MESSAGE).hex() == DIGEST
    assert sm2.verify(PUBLIC, SIGNATURE, bytes.fromhex(DIGEST))


def test_no_bit_of_a_signature_or_digest_can_be_changed() -> None:
    for bit in range(0, 512, 37):
        changed = (int.from_bytes(SIGNATURE, "big") ^ 1 << bit).to_bytes(64, "big")
        assert not sm2.verify(PUBLIC, changed, bytes.fromhex(DIGEST))
    assert not sm2.verify(PUBLIC, SIGNATURE, sm2.digest(PUBLIC, MESSAGE + b"."))


def test_a_signature_under_another_name_or_key_is_none() -> None:
    assert not sm2.verify(PUBLIC, SIGNATURE, sm2.digest(PUBLIC, MESSAGE, b"ALICE123@YAHOO.COM"))
    other = sm2.public_of(SECRET + 1)
    assert not sm2.verify(other, SIGNATURE, sm2.digest(other, MESSAGE))
    assert not sm2.verify(other, SIGNATURE, bytes.fromhex(DIGEST))


@pytest.mark.parametrize(
    "signature",
    [
        b"",
        SIGNATURE[:-1],
        SIGNATURE + b"\0",
        pair(0, int(S, 16)),
        pair(int(R, 16), 0),
        pair(0, 0),
        pair(N, int(S, 16)),
        pair(int(R, 16), N),
        pair(N, N),
        pair(2**256 - 1, 2**256 - 1),
        pair(int(R, 16), N - int(R, 16)),  # r + s is 0 modulo n
        # s times G and r + s times the key are opposite points
        pair(int(R, 16), -int(R, 16) * SECRET * pow(1 + SECRET, -1, N) % N),
    ],
    ids=lambda signature: signature.hex()[:8] + signature.hex()[-8:],
)
def test_numbers_out_of_range_are_no_signature(signature: bytes) -> None:
    assert not sm2.verify(PUBLIC, signature, bytes.fromhex(DIGEST))


@pytest.mark.parametrize("secret", [1, 2, SECRET, sm2.SECRET_MAX])
def test_what_is_signed_verifies_and_is_signed_alike_again(secret: int) -> None:
    public = sm2.public_of(secret)
    for message in (b"", MESSAGE, bytes(1000)):
        digested = sm2.digest(public, message)
        signature = sm2.sign(secret, digested)
        assert sm2.verify(public, signature, digested)
        assert sm2.sign(secret, digested) == signature
    assert sm2.sign(secret, sm2.digest(public, b"a")) != sm2.sign(secret, sm2.digest(public, b"b"))


@pytest.mark.parametrize("secret", [0, N - 1, N])
def test_a_secret_is_from_one_to_n_less_two(secret: int) -> None:
    with pytest.raises(Invalid):
        sm2.public_of(secret)


def test_a_signature_in_der_is_the_same_signature() -> None:
    assert sm2.signature_from_der(sm2.signature_to_der(SIGNATURE)) == SIGNATURE
    small = pair(1, 128)
    assert sm2.signature_to_der(small).hex() == "30070201010202" + "0080"
    assert sm2.signature_from_der(sm2.signature_to_der(small)) == small


@pytest.mark.parametrize(
    "der",
    [
        b"",
        SIGNATURE,
        sm2.signature_to_der(SIGNATURE) + b"\0",
        bytes.fromhex("3006020101020180"),  # s is negative
        bytes.fromhex("300702020001020101"),  # r has a zero in front
        bytes.fromhex("3026022201" + "00" * 33 + "020101"),  # r has 34 bytes
    ],
    ids=lambda der: der.hex()[:12],
)
def test_what_is_not_der_of_two_such_numbers_is_refused(der: bytes) -> None:
    with pytest.raises(Invalid):
        sm2.signature_from_der(der)


@pytest.mark.parametrize(
    "text",
    ["862403" + X, "862403" + X.upper(), "04" + X + Y, PEM, PEM_COMPRESSED, PEM.replace("\n", "\r\n")],
)
def test_a_key_in_any_spelling_is_one_key(text: str) -> None:
    key = parse_key(text)
    assert key.hex() == "862403" + X
    assert (algorithm_of(key), key) == ("SM2", write_sm2_key(PUBLIC))
    assert is_signed(key, SIGNATURE, MESSAGE)


def test_points_are_read_as_they_were_written() -> None:
    for secret in range(1, 9):
        point = sm2.public_of(secret)
        assert sm2.read_point(sm2.write_point(point)) == point
        assert sm2.read_spki(sm2.write_spki(point)) == point


def test_an_ed25519_key_is_its_32_bytes_and_may_be_pem() -> None:
    key = "7848f661337ca3e8515a3c458ec95bebaefee7b0bf9957bcb0bfde60e2eb4119"
    assert parse_key(ED25519_PEM).hex() == parse_key(key.upper()).hex() == key
    assert algorithm_of(parse_key(key)) == "Ed25519"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "a key is a text"),
        ("", "a key is Ed25519"),
        ("x" * 64, "a key is Ed25519"),
        ("03" + X, "a key is Ed25519"),  # of which curve?
        ("ed01" + X, "a key is Ed25519"),
        ("862404" + X, "an SM2 point is"),
        ("04" + X + Y[:-1] + "4", "no point of the SM2 curve"),
        ("04" + "ff" * 64, "no point of the SM2 curve"),
        ("862402" + "00" * 31 + "02", "no point of the SM2 curve"),
        (f"862403{P + 1:064x}", "no point of the SM2 curve"),  # 1 is the x of a point, and p more is not
        (P256_POINT, "no point of the SM2 curve"),
        (P256_PEM, "no SubjectPublicKeyInfo of an SM2 key"),
        (PEM.replace("MFkw", "MFk"), "not base64"),
        (PEM.replace("Ew==\n", ""), "found 64 bytes"),
    ],
)
def test_what_is_no_key_is_refused_with_the_reason(text: object, said: str) -> None:
    with pytest.raises(Invalid, match=said):
        parse_key(text)


def test_nothing_is_signed_by_what_is_no_key() -> None:
    for key in (b"", bytes(32), b"\x86\x24\x02" + bytes(31) + b"\x02", b"\x86\x24" + bytes(33)):
        assert not is_signed(key, SIGNATURE, MESSAGE)
