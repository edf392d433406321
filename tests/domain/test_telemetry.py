"""Signed messages of carriers: what counts, what is refused, what is no message at all."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.domain.carriers import (
    Carrier,
    Device,
    enrol,
    issue_challenge,
    offer_key,
    revoke_keys,
    take_answer,
)
from ledger.domain.cold_chain.reading import Reading
from ledger.domain.errors import Invalid
from ledger.domain.keys import is_signed as python_is_signed
from ledger.domain.telemetry import (
    AHEAD_MS_MAX,
    MESSAGE_BYTES_MAX,
    MESSAGES_MAX,
    SPAN_MS_MAX,
    Message,
    merge_points,
    merge_readings,
    read_messages,
    refusal_of,
)
from ledger.sm2 import is_signed
from tests.carriers import LOGGER, answer_of, degrees, public_of, reported

NOW = 1_795_363_200_000
READINGS = degrees(NOW - 60_000, 4.5, 4.6)
RAW = reported("one", 17, NOW, *READINGS)
SM2_RAW = reported("sm2 one", 17, NOW, *READINGS)


def activated(name: str = "one") -> Carrier:
    carrier = enrol(LOGGER, "factory", Device("TL-1"), public_of(name), NOW)
    carrier = issue_challenge(carrier, bytes(32), NOW)
    carrier, refusal = take_answer(carrier, answer_of(name, "00" * 32, NOW), NOW)
    assert refusal is None
    return carrier


def one(raw: bytes) -> Message:
    (message,) = read_messages(raw)
    return message


def test_a_message_is_read_as_it_was_written_and_counts() -> None:
    message = one(RAW)
    assert (message.carrier_id, message.sequence, message.made_ms) == (LOGGER, 17, NOW)
    assert (message.battery_percent, message.readings()) == (80, tuple(READINGS))
    assert (message.first_ms, message.last_ms) == (NOW - 60_000, NOW)
    assert refusal_of(activated(), message, NOW) is None


def test_the_message_in_formats_md_is_the_one_that_the_code_reads() -> None:
    text = (Path(__file__).parents[2] / "ledger/FORMATS.md").read_text()
    section = text[text.index(" Message of a carrier") :]
    examples = [
        bytes.fromhex("".join(re.split(r"  ", line)[0] for line in example.splitlines()))
        for example in re.findall(r"```\n(.*?)```", section, re.S)
    ]
    assert examples == [RAW, SM2_RAW]


@pytest.mark.parametrize("at", range(len(RAW)))
def test_no_byte_of_a_message_can_be_altered(at: int) -> None:
    altered = RAW[:at] + bytes([RAW[at] ^ 1]) + RAW[at + 1 :]
    try:
        message = one(altered)
    except (Invalid, ValueError):
        return
    known = activated() if message.carrier_id == LOGGER else None
    assert refusal_of(known, message, NOW) in ("forged", "unknown_carrier")


def test_a_message_under_an_sm2_key_is_read_and_counts_and_no_byte_of_it_can_be_altered() -> None:
    message, known = one(SM2_RAW), activated("sm2 one")
    assert (message.carrier_id, message.sequence, message.readings()) == (LOGGER, 17, tuple(READINGS))
    for check in (python_is_signed, is_signed):
        assert refusal_of(known, message, NOW, check) is None
        assert refusal_of(activated("sm2 two"), message, NOW, check) == "forged"
    for at in range(len(SM2_RAW)):
        altered = SM2_RAW[:at] + bytes([SM2_RAW[at] ^ 1]) + SM2_RAW[at + 1 :]
        try:
            changed = one(altered)
        except (Invalid, ValueError):
            continue
        assert refusal_of(known, changed, NOW, is_signed) == "forged", at


def test_a_key_of_one_kind_does_not_sign_for_one_of_the_other() -> None:
    for name, raw in (("one", SM2_RAW), ("sm2 one", RAW)):
        assert refusal_of(activated(name), one(raw), NOW) == "forged"


def test_a_message_of_another_carrier_under_its_key_is_forged() -> None:
    moved = one(reported("one", 17, NOW, *READINGS, of=LOGGER + "0"))
    assert refusal_of(replace(activated(), carrier_id=LOGGER + "0"), moved, NOW) is None
    assert (
        refusal_of(activated(), replace(one(RAW), raw=moved.raw), NOW) is None
    )  # the very bytes are what is signed
    stolen = one(reported("thief", 17, NOW, *READINGS))
    assert refusal_of(activated(), stolen, NOW) == "forged"


def test_a_key_counts_from_its_answer_until_it_is_revoked_or_replaced() -> None:
    offered = enrol(LOGGER, "factory", Device("TL-1"), public_of("one"), NOW)
    assert refusal_of(offered, one(RAW), NOW) == "inactive_key"
    assert refusal_of(revoke_keys(activated(), NOW), one(RAW), NOW) == "revoked_key"

    rotated = issue_challenge(offer_key(activated(), public_of("two"), NOW), bytes([1] * 32), NOW)
    assert refusal_of(rotated, one(RAW), NOW) is None
    rotated, _ = take_answer(rotated, answer_of("two", "01" * 32, NOW), NOW)
    assert refusal_of(rotated, one(RAW), NOW) == "revoked_key"
    assert refusal_of(rotated, one(reported("two", 18, NOW, *READINGS)), NOW) is None


@pytest.mark.parametrize(
    ("made_ms", "at_ms", "refusal"),
    [
        (NOW, NOW, None),
        (NOW, NOW + 1, "mistimed"),
        (NOW, NOW - SPAN_MS_MAX, None),
        (NOW, NOW - SPAN_MS_MAX - 1, "mistimed"),
        (NOW + AHEAD_MS_MAX, NOW, None),
        (NOW + AHEAD_MS_MAX + 1, NOW, "mistimed"),
        (1_000_000, 1_000_000, None),  # kept by a logger for half a century
    ],
)
def test_a_message_may_be_of_any_age_but_not_from_the_future(made_ms: int, at_ms: int, refusal: str) -> None:
    message = one(reported("one", 1, made_ms, *degrees(at_ms, 4)))
    assert refusal_of(activated(), message, NOW) == refusal


def test_a_signed_message_that_says_what_cannot_be_is_malformed() -> None:
    twice = one(reported("one", 1, NOW, READINGS[0], Reading(READINGS[0].at_ms, "temperature", 9_000)))
    assert refusal_of(activated(), twice, NOW) == "malformed"
    assert refusal_of(activated(), one(reported("one", 1, NOW, *READINGS, battery=101)), NOW) == "malformed"
    assert refusal_of(activated(), one(reported("one", 2**53, NOW, *READINGS)), NOW) == "malformed"


def test_messages_stand_one_behind_another() -> None:
    other = reported("one", 18, NOW, *READINGS)
    assert [message.sequence for message in read_messages(RAW + other)] == [17, 18]


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x00",
        RAW[:-1],
        RAW[:3],
        RAW + b"\x01",
        b"\x02" + RAW[1:],
        RAW[:3] + b"\xff" + RAW[4:],
        RAW[:3] + b"\x00" + RAW[4:],
    ],
    ids=["empty", "short", "cut", "cut_early", "more_behind", "version", "no_text", "nul"],
)
def test_what_is_no_message_is_said_with_its_place(raw: bytes) -> None:
    with pytest.raises(Invalid, match=r"byte|no message"):
        read_messages(raw)


def test_a_message_has_one_to_sixty_readings() -> None:
    assert len(one(reported("one", 1, NOW, *degrees(NOW - 59 * 60_000, *[4.0] * 60))).readings()) == 60
    for count in (0, 61):
        with pytest.raises(Invalid, match="1 to 60 readings"):
            one(reported("one", 1, NOW, *degrees(NOW - 60 * 60_000, *[4.0] * count)))


def test_a_request_has_a_limit_of_messages() -> None:
    with pytest.raises(Invalid, match="more than 1000 messages"):
        read_messages(RAW * (MESSAGES_MAX + 1))


@given(st.binary(max_size=MESSAGE_BYTES_MAX))
def test_any_bytes_are_messages_or_invalid(raw: bytes) -> None:
    try:
        messages = read_messages(raw)
    except Invalid:
        return
    for message in messages:
        assert refusal_of(activated(), message, NOW) is not None


def test_of_two_messages_that_tell_one_moment_the_lower_number_holds_in_any_order() -> None:
    first = one(reported("one", 1, NOW, *degrees(NOW - 120_000, 4, 5)))
    again = one(reported("one", 2, NOW, *degrees(NOW - 60_000, 9, 6)))
    expected = degrees(NOW - 120_000, 4, 5, 6)
    assert list(merge_readings([first, again])) == expected
    assert list(merge_readings([again, first])) == expected
    points = [(reading.at_ms, reading.milli) for reading in expected]
    assert merge_points([again, first], 0, NOW + 1) == {"temperature": points}
    assert merge_points([again, first], NOW - 60_000, NOW) == {"temperature": points[1:2]}
