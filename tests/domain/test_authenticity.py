"""Who signed a label: every other byte, key or owner is noticed."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from ledger.domain.authenticity import (
    LabelKey,
    LabelSigner,
    NotChecked,
    NotSigned,
    Signed,
    check_label,
    read_keys,
    write_keys,
)
from ledger.domain.digital_link import Element, build, link_elements
from ledger.domain.errors import Invalid
from ledger.domain.identifiers import parse_identifier
from ledger.sm2 import Sm2PrivateKey

STEM = "https://id.example.com"
LINK = f"{STEM}/01/09506000134352/10/L1/21/S1?17=271231&11=260901"
ITEM = "https://id.gs1.org/01/09506000134352/21/S1"


def signer(name: str, *prefixes: str) -> LabelSigner:
    private = Ed25519PrivateKey.from_private_bytes(name.encode().ljust(32, b"\0"))
    public = private.public_key().public_bytes_raw()
    return LabelSigner(private, key_of(public, name, *prefixes))


def sm2_signer(name: str, *prefixes: str) -> LabelSigner:
    private = Sm2PrivateKey(name.encode().ljust(32, b"\0"), None)
    return LabelSigner(private, key_of(private.public, name, *prefixes))


def key_of(public: bytes, name: str, *prefixes: str) -> LabelKey:
    return LabelKey(public, name, name.title(), "", 1_000, tuple(("gs1", prefix) for prefix in prefixes))


MAKER, OTHER = signer("maker", "9506000"), signer("other", "9506001")
KEYS = [MAKER.key, OTHER.key]
SIGNED = MAKER.sign(LINK)
SM2_MAKER = sm2_signer("maker", "9506000")


def verdict_of(uri: str) -> str:
    try:
        return type(check_label(uri, KEYS)).__name__
    except Invalid:
        return "Invalid"


def test_a_signed_label_names_its_signer_and_its_item() -> None:
    assert check_label(SIGNED, KEYS) == Signed(MAKER.key)
    assert parse_identifier(SIGNED).uri == ITEM


def test_no_byte_of_path_attributes_or_signature_can_be_changed() -> None:
    for place in range(len(STEM), len(SIGNED)):
        for bit in range(7):
            changed = SIGNED[:place] + chr(ord(SIGNED[place]) ^ 1 << bit) + SIGNED[place + 1 :]
            assert verdict_of(changed) != "Signed", changed


@pytest.mark.parametrize(
    "same",
    [
        SIGNED.replace(STEM, "http://elsewhere.example/shop"),
        SIGNED.replace("17=271231&11=260901", "11=260901&17=271231"),
        SIGNED.replace("/S1?", "/%531?"),
        SIGNED + "&lang=zh",
        SIGNED + "#top",
    ],
)
def test_another_host_spelling_or_order_says_the_same_and_is_signed(same: str) -> None:
    assert check_label(same, KEYS) == Signed(MAKER.key)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        (LINK, "the label carries no signature"),
        (SIGNED.replace("&sig=", "&Sig="), "the label carries no signature"),
        (SIGNED.replace("/S1?", "/S2?"), "does not fit the label: not by Maker"),
        (SIGNED.replace("17=271231", "17=281231"), "does not fit the label: not by Maker"),
        (SIGNED.replace("17=271231&", ""), "does not fit the label: not by Maker"),
        (SIGNED.replace("/10/L1", ""), "does not fit the label: not by Maker"),
        (SIGNED + "&8030=ABC", "does not fit the label: not by Maker"),
        (SIGNED + "&sig=x", "the signature is malformed"),
        (SIGNED + "==", "the signature is malformed"),
        (SIGNED[:-4], "the signature is malformed"),
        (OTHER.sign(LINK), "Other signed it and does not speak for " + ITEM),
    ],
)
def test_what_is_not_signed_is_said_with_the_reason(changed: str, reason: str) -> None:
    verdict = check_label(changed, KEYS)
    assert isinstance(verdict, NotSigned)
    assert reason in verdict.reason


def test_a_key_that_is_not_in_the_list_is_no_verdict() -> None:
    for keys in ([], [OTHER.key]):
        verdict = check_label(SIGNED, keys)
        assert isinstance(verdict, NotChecked)
        assert MAKER.key.key_id.hex() in verdict.reason


def test_a_signature_in_8030_does_not_change_which_item_a_link_names() -> None:
    link = f"{STEM}/01/09506000134352/21/S1?8030={'A' * 86}"
    assert parse_identifier(link).uri == ITEM
    assert check_label(MAKER.sign(link), KEYS) == Signed(MAKER.key)


@given(serial=st.text("ABCxyz019-_./%+&=?#", min_size=1, max_size=20))
def test_every_serial_can_be_signed(serial: str) -> None:
    try:
        link = build(link_elements([Element("01", "09506000134352"), Element("21", serial)], STEM))
    except Invalid:
        return  # GS1 allows no # in a serial
    assert check_label(MAKER.sign(link), KEYS) == Signed(MAKER.key)


def test_a_label_signed_with_sm2_names_its_signer_and_cannot_be_changed() -> None:
    keys = [*KEYS, SM2_MAKER.key]
    signed = SM2_MAKER.sign(LINK)
    assert len(signed) == len(SIGNED)
    assert check_label(signed, keys) == Signed(SM2_MAKER.key)
    assert isinstance(check_label(signed.replace("17=271231", "17=281231"), keys), NotSigned)
    assert isinstance(check_label(signed.replace(signed[-9:-1], SIGNED[-9:-1]), keys), NotSigned)
    assert isinstance(check_label(signed, KEYS), NotChecked)
    other = sm2_signer("other", "9506001")
    assert isinstance(check_label(other.sign(LINK), [*keys, other.key]), NotSigned)


def test_a_list_of_keys_is_read_as_it_was_written() -> None:
    keys = (*KEYS, SM2_MAKER.key)
    assert read_keys(write_keys(keys)) == keys
    assert read_keys(write_keys(keys).replace('"Ed25519"', '"SM9"', 1)) == keys[1:]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"format": "suyuan-label-keys/2", "keys": []}',
        '{"format": "suyuan-label-keys/1", "keys": [{}]}',
        write_keys(KEYS).replace(MAKER.key.public.hex(), OTHER.key.public.hex()),
        write_keys(KEYS).replace(MAKER.key.public.hex(), "ab"),
        write_keys(KEYS).replace('"Ed25519"', '"SM2"'),
        write_keys([SM2_MAKER.key]).replace('"SM2"', '"Ed25519"'),
    ],
)
def test_a_list_that_is_not_one_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        read_keys(text)
