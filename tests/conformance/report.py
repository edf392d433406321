"""What the suite found, by clause: as text at the end of the run, and as JSON in the file asked for."""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import pytest

_NUMBERED = re.compile(r"test_((?:\d+_)+)(.*)")
_BINDING = re.compile(r"test_rest_(.*)")


@dataclass(frozen=True)
class Suite:
    """Tests that examine one standard: those whose file is in `folder`."""

    title: str
    folder: Path
    clause_of: Callable[[str], tuple[str, str]]
    """Name of a test -> its clause, and what it states."""


@dataclass(frozen=True)
class Finding:
    clause: str
    statement: str
    outcome: str  # passed, failed, skipped
    reason: str


class Report:
    """A pytest plugin that remembers the outcome of the tests of a suite."""

    def __init__(self, suite: Suite, path: str | None) -> None:
        self._suite = suite
        self._path = Path(path) if path else None
        self._findings: list[Finding] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        file, _, name = report.nodeid.partition("::")
        if Path(file).parent.name != self._suite.folder.name or (report.when != "call" and report.passed):
            return
        self._findings.append(Finding(*self._suite.clause_of(name), report.outcome, _reason(report)))

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self._path is None or not self._findings:
            return
        terminalreporter.write_sep("=", f"{self._suite.title} conformance")
        for line in text_of(self._findings):
            terminalreporter.write_line(line)
        self._path.write_text(
            json.dumps(_json(self._suite, self._findings), indent=2, ensure_ascii=False) + "\n"
        )
        terminalreporter.write_line(f"written to {self._path}")


def epcis_clause(name: str) -> tuple[str, str]:
    """`test_12_6_capture_answers_202` -> ("EPCIS 2.0, 12.6", "capture answers 202")."""
    if match := _NUMBERED.match(name):
        return f"EPCIS 2.0, {match[1].strip('_').replace('_', '.')}", sentence(match[2])
    match = _BINDING.match(name)
    assert match, f"{name} does not begin with a clause"
    return "REST binding", sentence(match[1])


def text_of(findings: Sequence[Finding]) -> Iterator[str]:
    """One line for each clause, then what failed and what was skipped, with reasons."""
    for clause in sorted({finding.clause for finding in findings}, key=_natural):
        outcomes = [finding.outcome for finding in findings if finding.clause == clause]
        counts = ", ".join(f"{outcomes.count(kind)} {kind}" for kind in dict.fromkeys(sorted(outcomes)))
        yield f"{clause:20} {counts}"
    for kind in ("failed", "skipped"):
        for finding in findings:
            if finding.outcome == kind:
                yield f"{kind}: {finding.clause}: {finding.statement}: {finding.reason}"


def _json(suite: Suite, findings: Sequence[Finding]) -> dict[str, object]:
    outcomes = [finding.outcome for finding in findings]
    return {
        "suite": f"{suite.title} conformance over HTTP",
        "totals": {kind: outcomes.count(kind) for kind in ("passed", "failed", "skipped")},
        "findings": [asdict(finding) for finding in findings],
    }


def sentence(name: str) -> str:
    words, bracket, case = name.partition("[")
    return words.replace("_", " ") + (f" ({case.removesuffix(']')})" if bracket else "")


def _reason(report: pytest.TestReport) -> str:
    if isinstance(report.longrepr, tuple):
        return report.longrepr[2].removeprefix("Skipped: ")
    crash = getattr(report.longrepr, "reprcrash", None)
    return str(crash.message).partition("\n")[0] if crash else ""


def _natural(clause: str) -> list[object]:
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in re.split(r"(\d+)", clause)]


EPCIS = Suite("EPCIS 2.0", Path(__file__).parent, epcis_clause)
