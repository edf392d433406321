"""Signed notes: every byte is checked or signed."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from ledger.domain.checkpoint import Checkpoint, LogKey, LogSigner
from ledger.domain.errors import Invalid

SIGNER = LogSigner("node.example/suyuan", Ed25519PrivateKey.from_private_bytes(b"k" * 32))
CHECKPOINT = Checkpoint("node.example/suyuan", 4711, b"r" * 32)


def test_a_checkpoint_comes_back_from_its_note() -> None:
    assert Checkpoint.parse(SIGNER.key.opens(SIGNER.sign(str(CHECKPOINT)))) == CHECKPOINT


def test_a_note_is_laid_out_as_c2sp_says() -> None:
    text, signature = SIGNER.sign(str(CHECKPOINT)).split("\n\n")
    assert text == f"node.example/suyuan\n4711\n{base64.b64encode(b'r' * 32).decode()}"
    assert signature.startswith("— node.example/suyuan ")
    assert signature.endswith("\n")
    assert len(base64.b64decode(signature.split(" ")[2])) == 4 + 64


def test_the_verifier_key_of_the_signed_note_specification_is_read() -> None:
    # C2SP signed-note, example of a verifier key for PeterNeumann.
    text = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
    assert str(LogKey.parse(text)) == text


def test_every_changed_character_of_a_note_is_noticed() -> None:
    note = SIGNER.sign(str(CHECKPOINT))
    for at, character in enumerate(note):
        changed = note[:at] + ("A" if character != "A" else "B") + note[at + 1 :]
        with pytest.raises(Invalid):
            SIGNER.key.opens(changed)


@pytest.mark.parametrize("note", ["", "\n\n", "text\n\n— node.example/suyuan x\n", "a" * 100])
def test_what_is_no_note_is_refused(note: str) -> None:
    with pytest.raises(Invalid):
        SIGNER.key.opens(note)


def test_another_logs_signature_is_refused() -> None:
    stranger = LogSigner(SIGNER.origin, Ed25519PrivateKey.from_private_bytes(b"s" * 32))
    with pytest.raises(Invalid, match="another key"):
        SIGNER.key.opens(stranger.sign(str(CHECKPOINT)))


@pytest.mark.parametrize(
    "text",
    ["o\n1\n", "o\n01\ncnI=\n", "o\n-1\n" + "A" * 43 + "=\n", "o\n1\n" + "A" * 43 + "=", "o\n1\nAAAA\n"],
    ids=["no root", "leading zero", "negative", "no last newline", "short root"],
)
def test_a_malformed_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        Checkpoint.parse(text)


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused_clearly(text: str) -> None:
    for read in (Checkpoint.parse, LogKey.parse, SIGNER.key.opens):
        try:
            read(text)
        except Invalid:
            continue
