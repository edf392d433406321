"""Alarms in words: as webhooks and the API show them, and as e-mail in Chinese and English."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from ledger.domain.alarms import Alarm, AlarmStanding
from ledger.domain.canonical_json import JsonValue
from ledger.domain.cold_chain.excursion_event import time_text
from ledger.domain.cold_chain.reading import QUANTITIES, Quantity, from_milli


def alarm_json(alarm: Alarm, standing: AlarmStanding) -> dict[str, JsonValue]:
    """An alarm as webhooks and the API show it; `value` is the one furthest out so far."""
    value: dict[str, Any] = {
        "id": alarm.alarm_id,
        "kind": alarm.kind,
        "state": standing.state,
        "carrier": alarm.carrier_id,
        "to": alarm.uri,
        "profile": alarm.profile,
        "began_ms": alarm.began_ms,
        "opened_ms": alarm.opened_ms,
        "raised_ms": alarm.raised_ms,
        "ended_ms": standing.ended_ms,
    }
    if alarm.kind == "excursion":
        milli = standing.peak_milli
        value |= {"rule": alarm.rule, "quantity": alarm.quantity}
        value |= {"value": None if milli is None else float(from_milli(milli)), "value_ms": standing.peak_ms}
    return value


_NAMES: Final[Mapping[Quantity, tuple[str, str]]] = {
    "temperature": ("温度", "temperature"),
    "humidity": ("湿度", "humidity"),
    "light": ("光照", "light"),
    "shock": ("冲击", "shock"),
    "door": ("门", "door"),
}


def alarm_mail(alarm: Alarm, standing: AlarmStanding, step: int, page: str) -> tuple[str, str]:
    """Subject and text of an e-mail, in Chinese and English. `page` is where it is acknowledged."""
    what_zh, what = _what(alarm, standing)
    escalated = f" ({step + 1})" if step else ""
    subject = f"警报 Alarm{escalated}: {alarm.uri}"
    over_zh, over = ("现已结束。", " It is over by now.") if standing.state == "over" else ("", "")
    lines: Sequence[str] = (
        what_zh + over_zh,
        f"对象：{alarm.uri}",
        f"监测设备：{alarm.carrier_id}",
        f"确认警报：{page}",
        "",
        what + over,
        f"Concerns: {alarm.uri}",
        f"Carrier: {alarm.carrier_id}",
        f"Acknowledge: {page}",
        "",
        f"alarm {alarm.alarm_id}",
    )
    return subject, "\n".join(lines) + "\n"


def _what(alarm: Alarm, standing: AlarmStanding) -> tuple[str, str]:
    began = time_text(alarm.began_ms)
    if alarm.quantity is None:
        return f"自 {began} 起没有数据。", f"No data since {began}."
    zh, en = _NAMES[alarm.quantity]
    limit = f"{alarm.profile}, {alarm.rule}"
    if standing.peak_milli is None:
        return f"自 {began} 起{zh}超出范围（{limit}）。", f"Since {began} {en} is out of range ({limit})."
    peak = f"{from_milli(standing.peak_milli):f} {QUANTITIES[alarm.quantity].symbol}".rstrip()
    return (
        f"自 {began} 起{zh}超出范围（{limit}），最远 {peak}。",
        f"Since {began} {en} is out of range ({limit}), at worst {peak}.",
    )
