"""Who is told of an alarm and when: escalation, quiet hours, repetitions, what need not be told any more."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.domain.alarm_message import alarm_json, alarm_mail
from ledger.domain.alarm_policy import QuietHours, parse_policy, policy_to_json
from ledger.domain.alarms import (
    Alarm,
    AlarmStanding,
    Telling,
    acknowledgement_document,
    parse_acknowledgement,
    pause_ms,
    plan_tellings,
    why_dropped,
)
from ledger.domain.cold_chain.reading import Quantity
from ledger.domain.errors import Invalid
from ledger.domain.event_parser import parse_document

MINUTE, HOUR = 60_000, 3_600_000
NOON = 1_795_363_200_000 - 4 * HOUR  # 12:00 UTC
LOGGER, OTHER = "https://id.gs1.org/8004/9506000LOGGER1", "https://id.gs1.org/8004/9506000LOGGER2"
SSCC = "https://id.gs1.org/00/095060000000000015"
LASTING, OVER = AlarmStanding("lasting", None, 9_500, NOON), AlarmStanding("over", NOON + HOUR, 9_500, NOON)


def alarm(kind: str = "excursion", raised_ms: int = NOON, carrier: str = LOGGER, uri: str = SSCC) -> Alarm:
    rule = "heat" if kind == "excursion" else ""
    quantity: Quantity | None = "temperature" if rule else None
    times = (raised_ms - HOUR, raised_ms - MINUTE, raised_ms)
    return Alarm("a1", "maker", carrier, 5, uri, "vaccine-2-8", kind, rule, quantity, *times)  # type: ignore[arg-type]


def policy(name: str = "desk", **members: Any) -> Any:
    steps = [{"email": "desk@example.com"}, {"email": "boss@example.com", "after_minutes": 15}]
    return parse_policy(name, {"steps": steps} | members)


def minutes(tellings: list[Telling]) -> dict[str, int]:
    """After how many minutes each address is told."""
    return {telling.address: (telling.due_ms - NOON) // MINUTE for telling in tellings}


def test_an_alarm_that_nobody_acknowledges_is_told_to_one_after_the_other() -> None:
    told = plan_tellings(alarm(), [policy()], {})
    assert minutes(told) == {"desk@example.com": 0, "boss@example.com": 15}


def test_a_policy_that_names_the_carrier_goes_before_those_for_all_and_may_be_mute() -> None:
    mute = policy("mute", carriers=[LOGGER], steps=[])
    assert plan_tellings(alarm(), [policy(), mute], {}) == []
    assert len(plan_tellings(alarm(carrier=OTHER), [policy(), mute], {})) == 2


def test_a_policy_tells_only_the_kinds_that_it_names() -> None:
    silence_only = policy(kinds=["no_data"])
    assert plan_tellings(alarm(), [silence_only], {}) == []
    assert len(plan_tellings(alarm("no_data"), [silence_only], {})) == 2


def test_in_quiet_hours_only_steps_that_always_hold_are_told() -> None:
    steps = [{"email": "desk@example.com"}, {"email": "duty@example.com", "always": True}]
    quiet = {"from": "20:00", "until": "06:30", "offset": "+08:00"}  # NOON is 20:00 there
    told = plan_tellings(alarm(), [policy(steps=steps, quiet=quiet)], {})
    assert minutes(told) == {"desk@example.com": 10 * 60 + 30, "duty@example.com": 0}


@given(st.integers(0, 1439), st.integers(0, 1439), st.integers(-14 * 60, 14 * 60), st.integers(0, 2 * 1440))
def test_quiet_hours_end_as_a_clock_that_is_looked_at_each_minute_says(
    start: int, stop: int, offset: int, at: int
) -> None:
    quiet = QuietHours(start, stop, offset)

    def is_quiet(minute: int) -> bool:
        local = (minute + offset) % 1440
        return start <= local < stop if start <= stop else local >= start or local < stop

    slowly = next(minute for minute in range(at, at + 1441) if not is_quiet(minute))
    assert quiet.end_after(at * MINUTE) == slowly * MINUTE


def test_a_repetition_waits_and_is_told_only_if_it_lasts_still() -> None:
    told = plan_tellings(alarm(), [policy(repeat_minutes=30)], {("desk", 0): NOON - 20 * MINUTE})
    assert minutes(told) == {"desk@example.com": 10, "boss@example.com": 15}
    first, second = told
    assert (first.held, second.held) == (True, False)
    assert "over before" in why_dropped(first, alarm(), OVER, acknowledged=False)
    assert why_dropped(first, alarm(), LASTING, acknowledged=False) == ""
    assert why_dropped(second, alarm(), OVER, acknowledged=False) == ""


def test_what_is_acknowledged_undone_or_measured_again_is_told_no_more() -> None:
    (telling, _) = plan_tellings(alarm(), [policy()], {})
    assert why_dropped(telling, alarm(), LASTING, acknowledged=True) == "acknowledged"
    assert "undid" in why_dropped(telling, alarm(), AlarmStanding("withdrawn"), acknowledged=False)
    assert "data again" in why_dropped(telling, alarm("no_data"), AlarmStanding("over"), acknowledged=False)


def test_pauses_grow_to_ten_minutes() -> None:
    assert [pause_ms(n) for n in (1, 2, 5, 11, 60)] == [1000, 2000, 16_000, 600_000, 600_000]


def test_a_policy_is_written_as_it_is_read_and_its_tokens_stay_hidden() -> None:
    written = {
        "carriers": [LOGGER],
        "kinds": ["excursion"],
        "steps": [
            {"after_minutes": 0, "webhook": "https://desk.example/", "signature_token": "secret"},
            {"after_minutes": 9, "email": "duty@example.com", "always": True},
        ],
        "quiet": {"from": "22:00", "until": "06:05", "offset": "-03:30"},
        "repeat_minutes": 30,
    }
    read = parse_policy("night.1", written)
    assert policy_to_json(read, secrets=True) == written
    assert "secret" not in repr(read) + json.dumps(policy_to_json(read))


@pytest.mark.parametrize(
    ("change", "pointers"),
    [
        ({"steps": None}, ["/steps"]),
        ({"steps": [{"email": "a@b"}] * 21}, ["/steps"]),
        ({"steps": [{}, 7]}, ["/steps/0", "/steps/1"]),
        ({"steps": [{"email": "a@b", "webhook": "https://x"}]}, ["/steps/0"]),
        (
            {"steps": [{"email": "a@b\nBcc: c@d", "after_minutes": -1}]},
            ["/steps/0/after_minutes", "/steps/0/email"],
        ),
        (
            {"steps": [{"email": "a@b", "signature_token": "t", "when": 1}]},
            ["/steps/0/when", "/steps/0/signature_token"],
        ),
        ({"steps": [{"webhook": "https://x", "always": 1}]}, ["/steps/0/always"]),
        ({"carriers": ["urn:ok:1", 7]}, ["/carriers/1"]),
        ({"kinds": ["fire"]}, ["/kinds"]),
        ({"quiet": {"from": "22:00", "until": "22:00", "offset": "+08:00"}}, ["/quiet"]),
        ({"quiet": {"from": "24:00", "until": "06:00", "offset": "+08:00"}}, ["/quiet"]),
        ({"repeat_minutes": True, "colour": "red"}, ["/colour", "/repeat_minutes"]),
    ],
)
def test_each_fault_of_a_policy_is_named(change: dict[str, Any], pointers: list[str]) -> None:
    with pytest.raises(Invalid) as caught:
        parse_policy("desk", {"steps": []} | change)
    assert [problem.pointer for problem in caught.value.problems] == pointers


@pytest.mark.parametrize("value", [{}, {"name": " ", "reason": "x" * 501}, {"name": 1, "reason": None}])
def test_an_acknowledgement_has_a_name_and_a_reason(value: object) -> None:
    with pytest.raises(Invalid) as caught:
        parse_acknowledgement(value)
    assert [problem.pointer for problem in caught.value.problems] == ["/name", "/reason"]


@pytest.mark.parametrize("uri", [SSCC, "https://id.gs1.org/414/9506000134369/254/ROOM"])
def test_an_acknowledgement_is_a_valid_event_of_the_thing_or_at_the_place(uri: str) -> None:
    document = acknowledgement_document(alarm(uri=uri), NOON, "李梅", "<door> was open", "urn:uuid:1")
    parsed = parse_document(document.encode())
    assert parsed.problems == ()
    (event,) = json.loads(document)["epcisBody"]["eventList"]
    assert event["epcList"] == [SSCC if uri == SSCC else LOGGER]
    assert event.get("readPoint", {"id": SSCC})["id"] == uri
    assert event["suyuan:acknowledgedAlarm"]["suyuan:reason"] == "<door> was open"


def test_a_message_says_what_is_out_since_when_and_how_far() -> None:
    shown = alarm_json(alarm(), LASTING)
    assert (shown["value"], shown["rule"], shown["state"]) == (9.5, "heat", "lasting")
    subject, text = alarm_mail(alarm(), LASTING, 1, "https://node.example/fleet")
    assert subject == f"警报 Alarm (2): {SSCC}"
    assert "温度超出范围（vaccine-2-8, heat），最远 9.500 °C" in text
    assert "temperature is out of range (vaccine-2-8, heat), at worst 9.500 °C" in text
    assert "at worst 9.500 °C. It is over by now." in alarm_mail(alarm(), OVER, 0, "")[1]
    assert "No data since 2026" in alarm_mail(alarm("no_data"), AlarmStanding("lasting"), 0, "")[1]
