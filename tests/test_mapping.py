"""Tables become events by a declared mapping."""

from datetime import datetime
from pathlib import Path

import openpyxl
import pytest

from ledger.domain.errors import Invalid, NotFound
from ledger.domain.event_parser import parse_event
from ledger.mapping import MappedEvent, map_rows, parse_mapping, read_mapping
from ledger.tabular import Row, read_table, write_table

DOCS = Path(__file__).resolve().parents[1] / "docs"
SEEN = """
[event]
type = "ObjectEvent"
action = "OBSERVE"
eventTime = "{when}"
eventTimeZoneOffset = "+08:00"
epcList = ["{epc}"]
"""


def mapped(mapping: str, *rows: dict[str, str]) -> list[MappedEvent]:
    numbered = (Row(number, cells) for number, cells in enumerate(rows, 2))
    return list(map_rows(parse_mapping(mapping), numbered))


def only(mapping: str, *rows: dict[str, str]) -> dict[str, object]:
    (event,) = mapped(mapping, *rows)
    assert event.event is not None, event.fault
    return dict(event.event)


def fault_of(mapping: str, *rows: dict[str, str]) -> str:
    return mapped(mapping, *rows)[-1].fault


def test_the_example_of_the_documentation_gives_two_events_that_can_be_captured() -> None:
    events = list(map_rows(read_mapping(DOCS / "mapping.toml"), read_table(DOCS / "mapping.csv")))

    first, second = (parse_event(event.event) for event in events)

    assert [uri for uri, _ in first.items()] == [
        "https://id.gs1.org/01/09506000134352/21/M1",
        "https://id.gs1.org/01/09506000134352/21/M2%2Fa",
    ]
    assert first.event_time.isoformat() == "2026-11-02T00:00:00+00:00"
    assert first.time_zone_offset == "+08:00"
    assert first.ilmd == {"cbvmda:lotNumber": "L7"}
    assert second.extensions == {"erp:line": 4}
    assert second.ilmd == {}
    assert [row.number for row in events[0].rows] == [2, 3]


def test_every_row_is_an_event_unless_rows_are_grouped() -> None:
    rows = [{"epc": "urn:a:1", "when": "t"}, {"epc": "urn:a:2", "when": "t"}]

    assert [event.event and event.event["epcList"] for event in mapped(SEEN, *rows)] == [
        ["urn:a:1"],
        ["urn:a:2"],
    ]
    grouped = only(SEEN + '[rows]\none_event_per = ["when"]', *rows)
    assert grouped["epcList"] == ["urn:a:1", "urn:a:2"]


def test_rows_of_one_event_agree_in_all_but_lists() -> None:
    mapping = SEEN + '[rows]\none_event_per = ["order"]'
    rows = [{"epc": "urn:a:1", "when": "t", "order": "1"}, {"epc": "urn:a:2", "when": "u", "order": "1"}]

    assert fault_of(mapping, *rows) == "row 3: eventTime is not what row 2 of the same event has"


def test_rows_of_one_event_stand_together() -> None:
    mapping = SEEN + '[rows]\none_event_per = ["when"]'
    rows = [{"epc": "urn:a:1", "when": "t"}, {"epc": "urn:a:2", "when": "u"}, {"epc": "urn:a:3", "when": "t"}]

    assert "sort the table by when" in fault_of(mapping, *rows)


def test_a_text_with_an_empty_cell_is_left_out_and_what_becomes_empty_with_it() -> None:
    mapping = """
    [event]
    type = "ObjectEvent"
    disposition = "{d}"
    readPoint = { id = "https://id.gs1.org/414/{gln}" }
    quantityList = [{ epcClass = "{class}", quantity = "{n|number}", uom = "{uom}" }]
    """
    row = {"d": "", "gln": "", "class": "urn:c", "n": "2.5", "uom": ""}

    assert only(mapping, row) == {
        "type": "ObjectEvent",
        "quantityList": [{"epcClass": "urn:c", "quantity": 2.5}],
    }


def test_cells_are_escaped_in_web_addresses_alone() -> None:
    mapping = '[event]\na = "https://x.example/{c}"\nb = "{c}"\nd = "urn:x:{c}"'

    assert only(mapping, {"c": "1/2 %"}) == {
        "a": "https://x.example/1%2F2%20%25",
        "b": "1/2 %",
        "d": "urn:x:1/2 %",
    }


@pytest.mark.parametrize(
    ("time", "cell", "moment", "offset"),
    [
        ('zone = "Europe/Berlin"', "2026-07-01T08:00:00", "2026-07-01T08:00:00.000+02:00", "+02:00"),
        ('zone = "Europe/Berlin"', "2026-01-01T08:00:00", "2026-01-01T08:00:00.000+01:00", "+01:00"),
        ('zone = "Europe/Berlin"', "2026-01-01T08:00:00-05:00", "2026-01-01T08:00:00.000-05:00", "-05:00"),
        ('format = "%d.%m.%Y %H:%M %z"', "31.12.2026 23:59 +0800", "2026-12-31T23:59:00.000+08:00", "+08:00"),
    ],
)
def test_times_are_read_in_the_zone_of_the_mapping(time: str, cell: str, moment: str, offset: str) -> None:
    event = only(f'[event]\na = "{{t|time}}"\nb = "{{t|offset}}"\n[time]\n{time}', {"t": cell})

    assert event == {"a": moment, "b": offset}


@pytest.mark.parametrize(
    ("mapping", "row", "fault"),
    [
        ('[event]\na = "{missing}"', {"c": "x"}, "row 2: the table has no column 'missing'"),
        ('[event]\na = "{c|number}"', {"c": "1,5"}, "row 2: '1,5' is no number"),
        ('[event]\na = "{c|number}"', {"c": "NaN"}, "row 2: 'NaN' is no number"),
        ('[event]\na = "{c|time}"', {"c": "soon"}, "row 2: 'soon' is no time like 2026-01-31T08:30:00"),
        ('[event]\na = "{c|time}"', {"c": "2026-01-01"}, "row 2: '2026-01-01' has no offset"),
    ],
)
def test_what_is_wrong_in_a_row_is_told_with_its_number(
    mapping: str, row: dict[str, str], fault: str
) -> None:
    assert fault_of(mapping, row).startswith(fault)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("event", "not TOML"),
        ("[time]\nzone = 'Asia/Shanghai'", "[event] is missing"),
        ("[event]\na = 'b'\n[time]\nzone = 'Mars/Olympus'", "no time zone 'Mars/Olympus'"),
        ("[event]\na = 'b'\n[rows]\none_event_per = 'order'", "one_event_per is a str"),
        ("[event]\na = 'b'\n[rows]\nper = ['order']", "[rows] per is not part of a mapping"),
        ("[event]\na = 'b'\n[extra]\nc = 1", "extra is not part of a mapping"),
        ("[event]\na = '{c|upper}'", "|upper is not known"),
        ("[event]\na = 'x {c|number}'", "a number stands alone"),
    ],
)
def test_a_mapping_that_means_nothing_is_refused(text: str, message: str) -> None:
    with pytest.raises(Invalid) as refused:
        parse_mapping(text)
    assert message in str(refused.value)


def test_a_mapping_that_is_not_there_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        read_mapping(tmp_path / "none.toml")


# --- tables


def rows_of(path: Path) -> list[tuple[int, dict[str, str]]]:
    return [(row.number, dict(row.cells)) for row in read_table(path)]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_csv_is_read_with_any_of_the_usual_delimiters(tmp_path: Path, delimiter: str) -> None:
    path = tmp_path / "t.csv"
    path.write_text(
        delimiter.join(("gtin", "name")) + "\n\n" + delimiter.join((" 01 ", '"a,;b\tc"')), "utf-8-sig"
    )

    assert rows_of(path) == [(3, {"gtin": "01", "name": "a,;b\tc"})]


def test_a_row_shorter_or_longer_than_the_header_has_the_columns_that_it_has(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a,b\n1\n1,2,3\n")

    assert rows_of(path) == [(2, {"a": "1"}), (3, {"a": "1", "b": "2"})]


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"a,b\n\xb2\xe2,1\n", "not UTF-8"),
        (b"", "names no columns"),
        (b"a,a\n1,2\n", "two columns have the same name"),
        (b'a\n"open\n', "unexpected end of data"),
    ],
)
def test_a_csv_that_is_no_table_is_refused(tmp_path: Path, raw: bytes, message: str) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(raw)

    with pytest.raises(Invalid, match=message):
        rows_of(path)


def test_a_workbook_that_is_none_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.xlsx"
    path.write_bytes(b"gtin,name\n")

    with pytest.raises(Invalid, match="no XLSX workbook"):
        rows_of(path)


def test_numbers_and_dates_of_a_workbook_are_read_as_people_see_them(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["gtin", "weight", "when", "fresh", None])
    sheet.append([9506000134352, 2.5, datetime(2026, 1, 31, 8, 30), True, "beside"])
    book.save(tmp_path / "t.xlsx")

    cells = {"gtin": "9506000134352", "weight": "2.5", "when": "2026-01-31T08:30:00", "fresh": "true"}
    assert rows_of(tmp_path / "t.xlsx") == [(2, cells)]


@pytest.mark.parametrize("name", ["t.csv", "t.xlsx"])
def test_a_table_that_was_written_reads_the_same(tmp_path: Path, name: str) -> None:
    rows = [{"id": "1", "name": "冷库, 一号"}, {"id": "2", "name": "line\nbreak"}]

    write_table(tmp_path / name, ["id", "name"], rows)

    assert [cells for _, cells in rows_of(tmp_path / name)] == rows
