"""A fleet of signed carriers over MQTT into a real node, and what is lost when parts of it fail: nothing.

    python -m bench.fleet [--carriers 1000] [--minutes 5] [--readings 8333] [--database URL]
        [--broker-restarts 1] [--listener-kills 1] [--network-cuts 1]

Carriers (`bench.fleet.carriers`) and a listener meet at Mosquitto, over a network that can be cut
(`bench.fleet.wire`); listener and deliverer are the processes that `suyuan serve` starts. All carriers are
bound by the profile vaccine-2-8. On the way the broker is restarted, the listener killed with SIGKILL and the
network cut, evenly spread over the time. In the end every reading that the broker acknowledged must be stored
and folded, and every time that a carrier was out must have become an event. Exit code 1: not so.
"""

import argparse
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from statistics import median, quantiles
from tempfile import TemporaryDirectory

from bench.filled import Say, open_filled
from bench.fleet.broker import Broker, free_port
from bench.fleet.carriers import carrier_id, secret_of
from bench.machine import cpu_seconds, describe_machine, machine_cpu_seconds, memory_mib
from bench.trade import COMPANY
from ledger.carriers import answer_challenge, bind_carrier, challenge_carrier, enrol_carrier
from ledger.domain.carriers import answer_text
from ledger.domain.check_digits import check_digit
from ledger.domain.telemetry import READINGS_MAX
from ledger.lifeline import Child, start_child
from ledger.node import Node, now_ms
from ledger.parties import authenticate
from ledger.ports import ApiKey, Store

PROCESSES = ("carriers", "network", "broker", "listener", "deliverer")
_LOOK_SECONDS = 0.25
_AFTERWARDS_SECONDS = 30
"""For so long after something failed an excursion counts as seen late because of it."""
_WAIT_SECONDS = 180


@dataclass(frozen=True, slots=True)
class Sizes:
    carriers: int
    readings: int  # in a second, all carriers together
    seconds: float
    broker_restarts: int
    listener_kills: int
    network_cuts: int
    cut_seconds: float = 10

    @property
    def interval_seconds(self) -> float:
        """Between two messages of a carrier."""
        return READINGS_MAX * self.carriers / self.readings


@dataclass(frozen=True, slots=True)
class Alarm:
    """A time that a carrier was out, in milliseconds since 1970."""

    carrier_id: str
    opened_ms: int  # by which reading
    acknowledged_ms: int  # when the broker had that reading
    seen_ms: int  # when the event was captured


@dataclass
class Results:
    acknowledged: int = 0  # messages
    stored: int = 0
    lost: int = 0
    folded: int = 0  # readings
    alarms: list[Alarm] = field(default_factory=list)
    unseen: int = 0  # times that a carrier was out of which no event came
    failures_ms: list[int] = field(default_factory=list)
    seconds: float = 0.0  # while the carriers sent
    settled_seconds: float = 0.0  # from then until all was stored, folded and captured
    cpu_seconds: dict[str, float] = field(default_factory=dict)
    others_cpu_seconds: float = 0.0
    memory_mib: list[dict[str, float]] = field(default_factory=list)  # of each process, ever later

    @property
    def is_whole(self) -> bool:
        is_stored = self.lost == 0 and self.stored >= self.acknowledged > 0
        return is_stored and self.folded == READINGS_MAX * self.stored and self.unseen == 0

    def level_seconds(self, sizes: Sizes) -> float:
        """How long carriers that send at this rate would take: each has nothing to send for its first
        interval, and a part of one, half of one at a mean, is never sent in the end."""
        return self.seconds - 1.5 * sizes.interval_seconds

    def latencies(self, *, undisturbed: bool) -> list[float]:
        """Seconds from the broker's acknowledgement until the event was captured."""
        return [
            max(0, alarm.seen_ms - alarm.acknowledged_ms) / 1000
            for alarm in self.alarms
            if not (undisturbed and self._is_late_by_failure(alarm))
        ]

    def _is_late_by_failure(self, alarm: Alarm) -> bool:
        afterwards_ms = 1000 * _AFTERWARDS_SECONDS
        return any(failed_ms <= alarm.seen_ms <= failed_ms + afterwards_ms for failed_ms in self.failures_ms)


class Fleet:
    """The processes of one run."""

    def __init__(self, node: Node, folder: Path, sizes: Sizes, stack: ExitStack) -> None:
        self._node, self._sizes, self._stack = node, sizes, stack
        self._broker = Broker(folder, "allow_anonymous true", log_types="subscribe error warning")
        stack.callback(self._broker.stop)
        port = free_port()
        self._settings = replace(node.settings, mqtt_url=f"mqtt://127.0.0.1:{port}")
        self._wire = self._start("bench.fleet.wire", str(port), str(self._broker.port))
        self._listener = self._start("ledger.listen")
        self._deliverer = self._start("ledger.deliver")
        self._ended_cpu = dict.fromkeys(PROCESSES, 0.0)  # of processes that were stopped
        _wait_until("the listener subscribes", lambda: "suyuan/telemetry/#" in self._broker.log)
        options = ["--port", str(port), "--carriers", str(sizes.carriers), "--seconds", str(sizes.seconds)]
        options += ["--interval", str(sizes.interval_seconds)]
        command = [sys.executable, "-m", "bench.fleet.carriers", *options]
        self.carriers = stack.enter_context(subprocess.Popen(command, stdout=subprocess.PIPE))
        stack.callback(self.carriers.kill)

    def _start(self, module: str, *arguments: str) -> Child:
        others = {name: value for name, value in os.environ.items() if not name.startswith("SUYUAN_")}
        child = start_child(["-m", module, *arguments], others | self._settings.to_env())
        self._stack.callback(child.stop)
        return child

    def restart_broker(self) -> None:
        self._ended_cpu["broker"] += cpu_seconds(self._broker.pid)
        self._broker.stop()
        self._broker.start()

    def kill_listener(self) -> None:
        self._ended_cpu["listener"] += cpu_seconds(self._listener.process.pid)
        self._listener.process.kill()
        self._listener.process.wait()
        self._listener = self._start("ledger.listen")

    def cut_network(self) -> None:
        assert self._wire.process.stdin
        self._wire.process.stdin.write(f"{self._sizes.cut_seconds}\n".encode())
        self._wire.process.stdin.flush()

    def cpu_seconds(self) -> dict[str, float]:
        """So far, those that were stopped included; the carriers' as long as they run."""
        return {name: self._ended_cpu[name] + cpu_seconds(pid) for name, pid in self._pids().items()}

    def memory_mib(self) -> dict[str, float]:
        return {name: memory_mib(pid) for name, pid in self._pids().items()}

    def _pids(self) -> dict[str, int]:
        pids = (
            self.carriers.pid,
            self._wire.process.pid,
            self._broker.pid,
            self._listener.process.pid,
            self._deliverer.process.pid,
        )
        return dict(zip(PROCESSES, pids, strict=True))


class Lookout:
    """Reads what the carriers tell, and sees when what they tell of has become an event."""

    def __init__(self, store: Store, began_ms: dict[str, int], fleet: Fleet) -> None:
        self._store, self._began_ms, self._fleet = store, began_ms, fleet
        self._told: list[tuple[str, int, int]] = []
        self.seen: list[Alarm] = []
        self.has_sent = threading.Event()
        self.acknowledged: dict[str, int] = {}
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        assert self._fleet.carriers.stdout
        for line in self._fleet.carriers.stdout:
            match line.decode().split():
                case ["out", carrier, opened_ms, acknowledged_ms]:
                    self._told.append((carrier, int(opened_ms), int(acknowledged_ms)))
                case ["sent"]:
                    self.has_sent.set()
                case _:
                    self.acknowledged = json.loads(line)

    def has_ended(self) -> bool:
        """Whether the carriers have told all."""
        return not self._thread.is_alive()

    @property
    def unseen(self) -> int:
        return len(self._told)

    def look(self) -> None:
        told = list(self._told)
        for place in told:
            carrier, opened_ms, acknowledged_ms = place
            events = self._store.excursion_events(carrier, self._began_ms[carrier])
            opened = [e for e in events if e.moment.kind == "opened" and e.state == "captured"]
            if any(event.moment.at_ms == opened_ms for event in opened):
                self.seen.append(Alarm(carrier, opened_ms, acknowledged_ms, now_ms()))
                self._told.remove(place)


def run(database_url: str, folder: Path, sizes: Sizes, say: Say) -> Results:
    """Play one fleet against a new node in `folder`."""
    with ExitStack() as stack:
        filled = open_filled(database_url, folder / "node", stack)
        node, key = filled.node, authenticate(filled.store, filled.api_key)
        began_ms = {carrier_id(n): _enrol(node, key, n) for n in range(sizes.carriers)}
        say(f"{sizes.carriers:,} carriers are enrolled, one message each {sizes.interval_seconds:.1f} s")
        (folder / "broker").mkdir()
        fleet = Fleet(node, folder / "broker", sizes, stack)
        lookout, results = Lookout(node.store, began_ms, fleet), Results()
        _watch_over(fleet, lookout, sizes, results, say)
        _settle(node.store, fleet, lookout, sizes, results)
        return results


def _enrol(node: Node, key: ApiKey, number: int) -> int:
    """Enrol, activate and bind a carrier; from when it is bound."""
    name, secret = carrier_id(number), secret_of(number)
    public = secret.public_key().public_bytes_raw().hex()
    enrol_carrier(node, key, {"id": name, "key": public, "model": "bench"})
    challenge = challenge_carrier(node, key, name).challenge
    assert challenge
    at_ms = node.clock()
    signature = secret.sign(answer_text(name, challenge.value_hex, at_ms, None, public)).hex()
    answer = {"challenge": challenge.value_hex, "time": at_ms, "key": public, "signature": signature}
    answer_challenge(node, key, name, answer)
    digits = f"0{COMPANY}{number:09}"
    pallet = f"https://id.gs1.org/00/{digits}{check_digit(digits)}"
    return bind_carrier(node, key, name, pallet, "vaccine-2-8").from_ms


def _watch_over(fleet: Fleet, lookout: Lookout, sizes: Sizes, results: Results, say: Say) -> None:
    """While the carriers send: fail what is to fail, and look how things stand."""
    begun, others = time.monotonic(), machine_cpu_seconds() - sum(fleet.cpu_seconds().values())
    failures = list(_failures(fleet, sizes))
    due = [begun + sizes.seconds * (n + 1) / (len(failures) + 1) for n in range(len(failures))]
    weigh = begun
    while not lookout.has_sent.is_set():
        now = time.monotonic()
        if now > begun + sizes.seconds + _WAIT_SECONDS or fleet.carriers.poll() is not None:
            raise RuntimeError("the carriers ended before their time, or not at all")
        if now >= weigh:
            weigh = now + sizes.seconds / 10
            results.memory_mib.append(fleet.memory_mib())
        if due and now >= due[0]:
            due.pop(0)
            name, fail = failures.pop(0)
            say(f"after {now - begun:.0f} s: {name}")
            results.failures_ms.append(now_ms())
            fail()
        lookout.look()
        time.sleep(_LOOK_SECONDS)
    results.seconds = time.monotonic() - begun
    results.cpu_seconds = fleet.cpu_seconds()
    results.others_cpu_seconds = machine_cpu_seconds() - sum(results.cpu_seconds.values()) - others


def _failures(fleet: Fleet, sizes: Sizes) -> Iterator[tuple[str, Callable[[], None]]]:
    counts = (
        (sizes.broker_restarts, "the broker is restarted", fleet.restart_broker),
        (sizes.listener_kills, "the listener is killed", fleet.kill_listener),
        (sizes.network_cuts, f"the network is cut for {sizes.cut_seconds:g} s", fleet.cut_network),
    )
    for turn in range(max(count for count, _, _ in counts)):
        yield from ((name, fail) for count, name, fail in counts if turn < count)


def _settle(store: Store, fleet: Fleet, lookout: Lookout, sizes: Sizes, results: Results) -> None:
    """Wait for what is under way, and count what there is."""
    begun = time.monotonic()
    names = [carrier_id(n) for n in range(sizes.carriers)]
    _wait_until("the carriers end", lookout.has_ended)
    results.acknowledged = sum(lookout.acknowledged.values())

    def is_settled() -> bool:
        lookout.look()
        stored = sum(heard.messages for heard in store.heard(names).values())
        return stored >= results.acknowledged and not lookout.unseen and not store.due_watches(limit=1)

    until = time.monotonic() + _WAIT_SECONDS
    while not is_settled() and time.monotonic() < until:
        time.sleep(_LOOK_SECONDS)
    results.settled_seconds = time.monotonic() - begun
    heard = store.heard(names)
    stored = {name: heard[name].messages if name in heard else 0 for name in names}
    results.stored = sum(stored.values())
    results.lost = sum(max(0, count - stored[name]) for name, count in lookout.acknowledged.items())
    watches = [watched for name in names for watched in store.watches(name, limit=1)]
    results.folded = sum(series.count for w in watches for series in w.watch.series.values())
    results.alarms, results.unseen = lookout.seen, lookout.unseen


def _wait_until(what: str, is_so: Callable[[], bool]) -> None:
    until = time.monotonic() + _WAIT_SECONDS
    while not is_so():
        if time.monotonic() > until:
            raise RuntimeError(f"not within {_WAIT_SECONDS} s: {what}")
        time.sleep(_LOOK_SECONDS)


# --------------------------------------------------------------------------- told


def write_report(results: Results, sizes: Sizes, database: str, folder: Path) -> str:
    """Write fleet.md into `folder`; its text."""
    folder.mkdir(parents=True, exist_ok=True)
    text = "\n".join([*_lines(results, sizes, database), ""])
    (folder / "fleet.md").write_text(text)
    return text


def _lines(results: Results, sizes: Sizes, database: str) -> Iterator[str]:
    stored = READINGS_MAX * results.stored
    yield f"| {sizes.carriers:,} carriers, {database} | |"
    yield "|---|--:|"
    yield f"| readings acknowledged by the broker | {READINGS_MAX * results.acknowledged:,} |"
    yield f"| readings stored | {stored:,} |"
    yield f"| **lost** | {READINGS_MAX * results.lost:,} |"
    yield f"| readings folded | {results.folded:,} |"
    yield f"| readings stored, a second | {stored / results.level_seconds(sizes):,.0f} |"
    yield f"| from the last sent until all was folded and captured, s | {results.settled_seconds:.1f} |"
    yield f"| times out of range, of which an event came | {len(results.alarms):,} |"
    yield f"| of which none came | {results.unseen:,} |"
    for name, undisturbed in (("all", False), (f"but for {_AFTERWARDS_SECONDS} s after a failure", True)):
        if len(latencies := results.latencies(undisturbed=undisturbed)) > 1:
            worst = quantiles(latencies, n=20, method="inclusive")[-1]
            told = f"{median(latencies):.1f}, {worst:.1f}, {max(latencies):.1f}"
            yield f"| from acknowledged to captured, {name}: median, 95 %, longest, s | {told} |"
    for name, seconds in results.cpu_seconds.items():
        yield f"| processor time of {name}, share of a core | {100 * seconds / results.seconds:.0f} % |"
    others = 100 * results.others_cpu_seconds / results.seconds
    yield f"| processor time of all other programs, share of a core | {others:.0f} % |"
    for name in results.cpu_seconds:
        sizes_mib = [each[name] for each in results.memory_mib]
        yield f"| memory of {name} over time, MiB | {', '.join(f'{mib:.0f}' for mib in sizes_mib)} |"
    yield ""
    failures = (
        f"{sizes.broker_restarts} restarts of the broker, {sizes.listener_kills} kills of the listener, "
        f"{sizes.network_cuts} cuts of the network for {sizes.cut_seconds:g} s"
    )
    when = f"{datetime.now(UTC):%Y-%m-%d}, {describe_machine()}, load {os.getloadavg()[0]:.1f}"
    yield f"{when}; {results.seconds:.0f} s with {failures}."


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.fleet", description="a fleet of signed carriers")
    parser.add_argument("--carriers", type=int, default=1000)
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--readings", type=int, default=8333, help="in a second, of all carriers")
    parser.add_argument("--broker-restarts", type=int, default=1)
    parser.add_argument("--listener-kills", type=int, default=1)
    parser.add_argument("--network-cuts", type=int, default=1)
    parser.add_argument("--database", default="", metavar="URL", help="a new one; else SQLite")
    results_folder = Path(__file__).parents[1] / "results"
    parser.add_argument("--results", type=Path, default=results_folder, metavar="FOLDER")
    given = parser.parse_args(arguments)
    sizes = Sizes(
        given.carriers,
        given.readings,
        60 * given.minutes,
        given.broker_restarts,
        given.listener_kills,
        given.network_cuts,
    )
    with TemporaryDirectory(prefix="suyuan-bench-") as folder:
        results = run(given.database, Path(folder), sizes, _say)
    print(write_report(results, sizes, given.database.partition(":")[0] or "sqlite", given.results))
    return 0 if results.is_whole else 1


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
