"""Logger files, taken in over a real store: shown as what they are, watched like all readings."""

from pathlib import Path

import pytest

from ledger.carriers import bind_carrier
from ledger.cli import main
from ledger.domain.errors import Invalid, NotFound
from ledger.domain.telemetry import read_messages
from ledger.excursions import Watcher, watch_views
from ledger.logger_import import Imported, import_file, list_imports
from ledger.shipment import look_up_shipment
from ledger.telemetry import list_readings, take_messages
from tests.carriers import LOGGER, activate, degrees, reported
from tests.services.world import SSCC, START_MS, World

HOUR = 3_600_000


@pytest.fixture
def active(world: World) -> World:
    """The factory's logger, bound to a pallet by the profile of vaccines; an hour later."""
    activate(world)
    bind_carrier(world.node, world.keys["factory"], LOGGER, SSCC, "vaccine-2-8")
    world.clock.now_ms += HOUR
    return world


def csv_of(*celsius: float) -> bytes:
    """A reading each minute; START_MS is 2026-11-22T16:00Z, 2026-11-23T00:00+08:00."""
    lines = [f"2026-11-23,00:{minute:02d}:00,{value}" for minute, value in enumerate(celsius)]
    return "\n".join(["Date,Time,Temperature", *lines, ""]).encode()


def take(world: World, content: bytes, *, dry_run: bool = False) -> Imported:
    factory = world.keys["factory"]
    return import_file(
        world.node, factory, LOGGER, content, "comma", file_name="a.csv", offset="+08:00", dry_run=dry_run
    )


def told(world: World) -> list[tuple[int, str]]:
    readings = list_readings(world.node, world.keys["factory"], LOGGER, START_MS, START_MS + HOUR)
    return [(each.reading.milli, each.imported_by) for each in readings]


def watch(world: World) -> None:
    watcher = Watcher(world.node)
    while watcher.turn():
        pass


def test_imported_readings_say_by_whom_and_signed_ones_of_the_same_moment_win(active: World) -> None:
    signed = reported("one", 1, START_MS + 60_000, *degrees(START_MS + 60_000, 7))
    take_messages(active.node, read_messages(signed))
    assert take(active, csv_of(4, 5, 6)) == Imported(3, 0)
    assert told(active) == [(4000, "factory"), (7000, ""), (6000, "factory")]
    (leg,) = look_up_shipment(active.node, SSCC).stretches
    figures, _ = leg.series["temperature"]
    assert (leg.imported, figures.count, figures.milli_max) == (2, 3, 7000)
    (view,) = list_imports(active.node, active.keys["factory"], LOGGER)
    assert (view["imported_by"], view["file"], view["readings"]) == ("factory", "a.csv", 3)


def test_a_second_import_recognises_what_it_brings_again_and_a_dry_run_keeps_nothing(active: World) -> None:
    assert take(active, csv_of(4, 5), dry_run=True) == Imported(2, 0)
    assert told(active) == []
    take(active, csv_of(4, 5))
    assert take(active, csv_of(4, 5)) == Imported(0, 2)
    assert take(active, csv_of(4, 5, 6)) == Imported(1, 2)
    assert len(told(active)) == 3
    assert len(list_imports(active.node, active.keys["factory"], LOGGER)) == 2


def test_imported_readings_are_watched_however_late_they_come(active: World) -> None:
    take(active, csv_of(5, 5, 5))
    watch(active)
    take(active, csv_of(5, 5, 5, 9, 10, 5))
    watch(active)
    (view,) = watch_views(active.node, active.keys["factory"], LOGGER)
    assert [e["peak"] for e in view["excursions"]] == [10]  # type: ignore[union-attr, index, call-overload]
    signed = reported("one", 1, START_MS + HOUR // 2, *degrees(START_MS + HOUR // 2, 1))
    take_messages(active.node, read_messages(signed))
    watch(active)
    (view,) = watch_views(active.node, active.keys["factory"], LOGGER)
    assert [e["rule"] for e in view["excursions"]] == ["cold", "heat"]  # type: ignore[union-attr, index, call-overload]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (csv_of(4, 5).replace(b",5", b",warm"), "line 3: Temperature 'warm'"),
        (csv_of(4, 8), "8 at .* imported before as 5"),
        (csv_of(4).replace(b"2026", b"2027"), "from the future"),
        (b"Date,Time,Temperature\n", "has no readings"),
        (b"\xff", "UTF-8"),
    ],
)
def test_a_file_with_anything_wrong_is_not_imported_at_all(active: World, content: bytes, said: str) -> None:
    take(active, csv_of(4, 5))
    with pytest.raises(Invalid, match=said):
        take(active, content)
    assert len(told(active)) == 2


def test_only_the_owner_imports_and_the_mapping_must_be_there(active: World) -> None:
    with pytest.raises(NotFound):
        import_file(active.node, active.keys["carrier"], LOGGER, csv_of(4), "comma", offset="Z")
    with pytest.raises(NotFound, match="there are comma, comma-fahrenheit, semicolon"):
        import_file(active.node, active.keys["factory"], LOGGER, csv_of(4), "none", offset="Z")


def test_the_command_imports_a_file(
    active: World,
    store_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("SUYUAN_DATA_DIR", str(active.node.settings.data_dir))
    monkeypatch.setenv("SUYUAN_DATABASE_URL", store_url)
    file = tmp_path / "readings.csv"
    file.write_bytes(csv_of(4, 5))
    options = ["--mapping", "comma", "--offset", "+08:00", "--key", active.texts["factory"]]
    assert main(["carriers", "import", LOGGER, str(file), *options, "--dry-run"]) == 0
    assert capsys.readouterr().out == "2 readings would be imported, 0 were there before\n"
    assert main(["carriers", "import", LOGGER, str(file), *options]) == 0
    assert capsys.readouterr().out == "2 readings imported, 0 were there before\n"
    assert len(told(active)) == 2
