"""Logger files against what a person reads in them."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.domain.cold_chain.logger_file import LoggerFile, parse_mapping, parse_offset, read_logger_file
from ledger.domain.cold_chain.reading import Quantity, Reading
from ledger.domain.errors import Invalid
from ledger.loggers import find_mapping

COMMA, US, SEMICOLON = (find_mapping(n, Path("none")) for n in ("comma", "comma-fahrenheit", "semicolon"))
HEAD = "Logger,ABC\n\nNo,Date,Time,Temperature\n"


def read(text: str, offset: str = "Z") -> LoggerFile:
    return read_logger_file(COMMA, text, parse_offset(offset))


def reading(time: str, milli: int, quantity: Quantity = "temperature") -> Reading:
    return Reading(round(datetime.fromisoformat(time).timestamp() * 1000), quantity, milli)


def test_lines_above_the_columns_and_other_columns_are_left_out() -> None:
    file = read(HEAD + "1,2026-11-22,16:00:00,4.5\n\n2,2026-11-22,16:01:00,\n3,2026-11-22,16:02:00, -3 \n")
    assert file.problems == ()
    assert file.readings == (
        reading("2026-11-22T16:00:00Z", 4500),
        reading("2026-11-22T16:02:00Z", -3000),
    )


def test_the_clock_of_the_logger_is_off_utc_by_what_is_said() -> None:
    line = HEAD + "1,2026-11-22,00:30:00,4\n"
    assert read(line, "+08:00").readings == (reading("2026-11-21T16:30:00Z", 4000),)
    assert read(line, "-03:30").readings == (reading("2026-11-22T04:00:00Z", 4000),)
    with pytest.raises(Invalid, match="off UTC"):
        read_logger_file(COMMA, line)
    for wrong in ("8", "+8:00", "+15:00", "+08:60", "CET"):
        with pytest.raises(Invalid, match="write it as"):
            parse_offset(wrong)


def test_fahrenheit_american_dates_decimal_commas_and_humidity_are_understood() -> None:
    us = "Date,Time,Temperature\n11/22/2026,04:00:00 PM,41.0\n11/22/2026,12:01:00 AM,-0.4\n"
    assert read_logger_file(US, us, UTC).readings == (
        reading("2026-11-22T00:01:00Z", -18000),
        reading("2026-11-22T16:00:00Z", 5000),
    )
    text = "\ufeffDate;Time;Temperature;Humidity\r\n22.11.2026;16:00:00;4,55;61,5\r\n"
    assert read_logger_file(SEMICOLON, text, UTC).readings == (
        reading("2026-11-22T16:00:00Z", 61500, "humidity"),
        reading("2026-11-22T16:00:00Z", 4550),
    )


@given(st.decimals(-400, 900, places=2))
def test_fahrenheit_is_within_half_a_thousandth_of_the_book(fahrenheit: Decimal) -> None:
    text = f"Date,Time,Temperature\n11/22/2026,04:00:00 PM,{fahrenheit}\n"
    (found,) = read_logger_file(US, text, UTC).readings
    assert abs(Decimal(found.milli) / 1000 - (fahrenheit - 32) * 5 / 9) <= Decimal("0.0005")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("22/11/2026,16:00:00,4", "line 4: time '22/11/2026 16:00:00' is not as"),
        ("2026-11-22,16:00:00,warm", "line 4: Temperature 'warm' is no number"),
        ("2026-11-22,16:00:00,NaN", "no number that can be measured"),
        ("2026-11-22,16:00:00,-300", "should lie between"),
        ("2026-11-22", "line 4: time '2026-11-22 ' is not as"),
        ("2026-11-22,16:00:00,4\n,2026-11-22,16:00:00,5", "line 5: temperature: another value"),
    ],
)
def test_each_line_that_is_wrong_is_told_and_the_others_are_read(line: str, said: str) -> None:
    file = read(HEAD + f",{line}\n,2026-11-22,17:00:00,6\n")
    (problem,) = file.problems
    assert said in problem.message
    assert file.readings[-1] == reading("2026-11-22T17:00:00Z", 6000)


def test_a_file_without_the_columns_is_refused() -> None:
    with pytest.raises(Invalid, match="no line of the file names the columns Date, Temperature, Time"):
        read("Datum,Zeit,Temperatur\n")


GOOD = 'title="T"\ntitle_zh="T"\ndelimiter=","\ndecimal="."\ntime=["A"]\nformat="%Y"\n'
COLUMN = '[[reading]]\ncolumn="B"\nquantity="humidity"\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("=", "not TOML"),
        (GOOD, "at least one"),
        (GOOD + "more=1\n" + COLUMN, "unknown more"),
        (GOOD + COLUMN + 'unit="F"\n', "only temperature has a unit"),
        (GOOD + COLUMN.replace("humidity", "mood"), "quantity 'mood'"),
        (GOOD.replace('","', '"|"') + COLUMN, "delimiter is '|'"),
        (GOOD.replace('["A"]', "1") + COLUMN, "time should be the columns"),
        (GOOD + "reading=[1]\n", r"\[\[reading\]\]"),
        (GOOD + 'offset="8"\n' + COLUMN, "offset '8'"),
    ],
)
def test_what_is_wrong_with_a_mapping_is_said(text: str, said: str) -> None:
    with pytest.raises(Invalid, match=said.replace("|", r"\|")):
        parse_mapping("mine", text)
