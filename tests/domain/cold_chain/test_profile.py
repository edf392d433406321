from decimal import Decimal
from pathlib import Path

import pytest

from ledger.domain.cold_chain.profile import (
    AccuracyBand,
    Bound,
    Comparison,
    error_at,
    parse_profile,
    unmet_bands,
)
from ledger.domain.cold_chain.reading import Reading, show, to_milli
from ledger.domain.errors import Invalid, NotFound
from ledger.profiles import find_profile, profile_names

HEAD = 'title = "T"\ntitle_zh = "T"\nsource = "S"\nhold_seconds = 60\n'
RULE = '[[rule]]\nname = "heat"\nquantity = "temperature"\nabove = 8\nmode = "instant"\n'


@pytest.mark.parametrize("name", profile_names())
def test_every_profile_that_comes_with_suyuan_can_be_read(name: str) -> None:
    assert find_profile(name).rules


def test_a_profile_of_the_folder_comes_before_ours(tmp_path: Path) -> None:

    (tmp_path / "frozen.toml").write_text(HEAD + RULE)
    assert find_profile("frozen", tmp_path).title == "T"
    assert find_profile("chilled", tmp_path).title != "T"


def test_an_unknown_profile_is_answered_with_those_there_are() -> None:
    with pytest.raises(NotFound, match="there are chilled, crt-15-25, frozen"):
        find_profile("cool")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("title", "not TOML"),
        (HEAD, "at least one"),
        (HEAD + RULE + RULE, "two rules are called heat"),
        (HEAD + RULE.replace("above = 8", "above = 8\nbelow = 2"), "heat: give one of .*found above, below"),
        (HEAD + RULE.replace("above = 8\n", ""), "found none"),
        (HEAD + RULE.replace("8", "8.0001"), "above is 8.0001; it should be a number with at most three"),
        (HEAD + RULE.replace("8", "nan"), "above is NaN"),
        (HEAD + RULE.replace("8", "true"), "above is True"),
        (HEAD + RULE.replace("temperature", "warmth"), "quantity is warmth"),
        (HEAD + RULE.replace("instant", "cumulative"), "delay_seconds is missing"),
        (HEAD + RULE + "delay_seconds = 5", "unknown delay_seconds"),
        (HEAD + RULE + "hysteresis = -1", "hysteresis is -1"),
        (HEAD + RULE.replace('"heat"', '"mkt"'), "is the name of the MKT limit"),
        (HEAD + "[rule]\na = 1", r"write each rule as \[\[rule\]\]"),
        (HEAD.replace("60", "0") + RULE, "hold_seconds is 0"),
        (HEAD + "colour = 1\n" + RULE, "unknown colour"),
        (HEAD + RULE + "[mkt]\ncelsius_max = 25\nwindow = 'week'\ncount = 1", "window is week"),
        (HEAD + RULE + "[[accuracy]]\nfrom = 5\nto = 0\nerror = 1", "from should not be above to"),
        (HEAD + RULE + "[shelf_life]\nmodel = 'q10'\ndays = 1\nreference = 5\nfactor = 0", "greater than 0"),
        ("#" * 50_001, "at most 50,000"),
    ],
)
def test_what_is_wrong_with_a_profile_is_said_by_name(text: str, complaint: str) -> None:
    with pytest.raises(Invalid, match=complaint):
        parse_profile("mine", text)


@pytest.mark.parametrize(
    ("comparison", "below_it", "on_it", "above_it"),
    [
        ("above", False, False, True),
        ("at_least", False, True, True),
        ("below", True, False, False),
        ("at_most", True, True, False),
    ],
)
def test_the_bound_itself_is_out_only_where_the_comparison_says_so(
    comparison: Comparison, below_it: bool, on_it: bool, above_it: bool
) -> None:
    bound = Bound(comparison, 30_000)
    assert [bound.is_out(milli) for milli in (29_999, 30_000, 30_001)] == [below_it, on_it, above_it]


def test_hysteresis_holds_a_value_out_until_it_is_back_by_as_much() -> None:
    heat, cold = Bound("above", 8000, 500), Bound("at_most", 0, 500)
    assert [heat.is_out(milli, was_out=True) for milli in (7501, 7500)] == [True, False]
    assert [cold.is_out(milli, was_out=True) for milli in (500, 501)] == [True, False]
    assert not heat.is_out(7900)


def test_a_value_is_certainly_out_when_the_sensor_s_error_does_not_bring_it_back() -> None:
    assert [Bound("above", 8000).is_certain(milli, 500) for milli in (8500, 8501)] == [False, True]
    assert [Bound("at_most", -500).is_certain(milli, 500) for milli in (-999, -1000)] == [False, True]


def test_a_sensor_is_fit_where_its_bands_together_cover_those_that_are_asked_for() -> None:
    required = [AccuracyBand(0, 40_000, 500), AccuracyBand(-25_000, 0, 1000)]
    two_halves = [AccuracyBand(20_000, 50_000, 500), AccuracyBand(-30_000, 20_000, 300)]
    assert unmet_bands(required, two_halves) == ()
    with_a_hole = [AccuracyBand(20_001, 50_000, 500), AccuracyBand(-30_000, 20_000, 300)]
    assert unmet_bands(required, with_a_hole) == (required[0],)
    assert unmet_bands(required, [AccuracyBand(-40_000, 40_000, 600)]) == (required[0],)
    assert unmet_bands(required, []) == tuple(required)


def test_the_error_at_a_value_is_that_of_the_best_band_that_has_it() -> None:
    bands = [AccuracyBand(0, 40_000, 500), AccuracyBand(-25_000, 0, 1000)]
    assert [error_at(bands, milli) for milli in (0, -1, 40_001)] == [500, 1000, None]


def test_a_reading_that_nature_does_not_allow_is_refused() -> None:
    with pytest.raises(Invalid, match=r"temperature -300: should lie between -273\.15 and 2000 °C"):
        Reading(0, "temperature", -300_000)
    with pytest.raises(Invalid, match="door 2: should lie between 0 and 1"):
        Reading(0, "door", 2000)


@pytest.mark.parametrize(("text", "milli"), [("8.5", 8500), ("-18", -18_000), (Decimal("0.001"), 1)])
def test_values_are_exact_thousandths(text: str | Decimal, milli: int) -> None:
    assert to_milli(text) == milli
    assert to_milli(show(milli)) == milli


@pytest.mark.parametrize("text", ["warm", "NaN", "Infinity", "0.0001", "1e30"])
def test_what_thousandths_cannot_hold_is_refused(text: str) -> None:
    with pytest.raises(Invalid, match="at most three decimals"):
        to_milli(text)
