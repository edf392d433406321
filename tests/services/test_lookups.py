"""Looking host names up: by a deadline of ours, while some names never get an answer."""

import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ledger.lookups import AT_ONCE_MAX, HANGING_MAX, Lookups

SOON = 0.05
LONG = 60.0
ROOT = Path(__file__).parents[2]


@dataclass
class NameServer:
    """Knows every name; those that begin with "mute" get no answer before the test lets them."""

    enough: threading.Event = field(default_factory=threading.Event)
    asked: list[str] = field(default_factory=list)

    def look_up(self, host: str, port: int) -> list[str]:
        self.asked.append(host)
        if host.startswith("mute"):
            self.enough.wait(LONG)
        if host.startswith("none"):
            raise OSError("no such name")
        if host.startswith("fault"):
            raise AssertionError("a mistake of ours")
        return ["192.0.2.1", f"192.0.2.{port}"]


@pytest.fixture
def server() -> Iterator[NameServer]:
    server = NameServer()
    yield server
    server.enough.set()


def ask(lookups: Lookups, host: str, seconds: float = LONG) -> list[str]:
    return lookups.addresses(host, 80, time.monotonic() + seconds)


def test_addresses_come_in_order_and_what_the_system_says_is_passed_on(server: NameServer) -> None:
    lookups = Lookups(server.look_up)
    assert ask(lookups, "shop.example") == ["192.0.2.1", "192.0.2.80"]
    with pytest.raises(OSError, match="no such name"):
        ask(lookups, "none.example")


def test_a_look_up_that_fails_in_any_other_way_is_told_at_once(server: NameServer) -> None:
    began = time.monotonic()
    with pytest.raises(AssertionError, match="a mistake of ours"):
        ask(Lookups(server.look_up), "fault.example")
    assert time.monotonic() - began < LONG / 2


def test_a_name_that_gets_no_answer_takes_no_place_from_others_when_its_time_is_over(
    server: NameServer,
) -> None:
    lookups = Lookups(server.look_up)
    for number in range(AT_ONCE_MAX + 1):  # as many as may be looked up at once, and one more
        with pytest.raises(TimeoutError, match=f"mute{number} could not be looked up in time"):
            ask(lookups, f"mute{number}", SOON)
        assert ask(lookups, "shop.example")


def test_only_so_many_look_ups_hang_and_room_comes_back_when_they_end(server: NameServer) -> None:
    lookups = Lookups(server.look_up)
    for number in range(HANGING_MAX):
        with pytest.raises(TimeoutError, match="in time"):
            ask(lookups, f"mute{number}", 0)
    with pytest.raises(TimeoutError, match=f"is not looked up: {HANGING_MAX} look-ups of names hang"):
        ask(lookups, "shop.example")
    assert "shop.example" not in server.asked

    server.enough.set()
    until = time.monotonic() + LONG
    while time.monotonic() < until:
        try:
            assert ask(lookups, "shop.example")
            return
        except TimeoutError:  # they are about to end
            time.sleep(0.01)
    pytest.fail("no room came back")


def test_those_beyond_as_many_as_are_looked_up_at_once_wait_for_a_place(server: NameServer) -> None:
    lookups = Lookups(server.look_up)
    askers = [threading.Thread(target=ask, args=(lookups, f"mute{number}")) for number in range(AT_ONCE_MAX)]
    for asker in askers:
        asker.start()
    until = time.monotonic() + LONG
    while len(server.asked) < AT_ONCE_MAX and time.monotonic() < until:
        time.sleep(0.01)
    with pytest.raises(TimeoutError, match=r"shop\.example could not be looked up in time"):
        ask(lookups, "shop.example", SOON)
    assert "shop.example" not in server.asked

    waiting = threading.Thread(target=ask, args=(lookups, "shop.example"))
    waiting.start()
    server.enough.set()
    for thread in (*askers, waiting):
        thread.join(LONG)
    assert "shop.example" in server.asked


def test_a_request_does_not_wait_for_a_name_server_that_never_answers(tmp_path: Path) -> None:
    """With the resolver of this system, in a network of its own where we are the name server."""
    unshare = ["unshare", "--user", "--map-root-user", "--net", "--mount"]
    if shutil.which("unshare") is None or subprocess.run([*unshare, "true"], check=False).returncode:
        pytest.skip("this system lets nobody make a network of their own")
    child = [sys.executable, "-m", "tests.lookup_child", str(tmp_path / "resolv.conf")]
    began = time.monotonic()
    done = subprocess.run(
        [*unshare, *child], cwd=ROOT, capture_output=True, text=True, timeout=LONG, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == (
        "shop.example could not be looked up in time: the name server does not answer\n"
        "asked: True, in time: True\n"
    )
    assert time.monotonic() - began < 8  # the system would try for ten seconds
