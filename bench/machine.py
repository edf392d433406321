"""What the measurements ran on, and what the processes used. Reads /proc, so Linux only."""

import os
import platform
import time
from pathlib import Path

_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
_KIB_PER_MIB = 1024


def describe_machine() -> str:
    """Cores, memory, system and Python in one line."""
    memory_gib = _kib(Path("/proc/meminfo"), "MemTotal") / _KIB_PER_MIB**2
    system = f"{platform.system()} {platform.release()}, Python {platform.python_version()}"
    return f"{os.cpu_count()} cores ({platform.machine()}), {memory_gib:.0f} GiB, {system}"


def loop_seconds() -> float:
    """Processor time of ten million additions in Python, by which machines can be compared."""
    begun, total = time.process_time(), 0
    for number in range(10_000_000):
        total += number
    return time.process_time() - begun


def peak_memory_mib(pid: int) -> float:
    """The most memory that a running process has had so far."""
    return _kib(Path(f"/proc/{pid}/status"), "VmHWM") / _KIB_PER_MIB


def memory_mib(pid: int) -> float:
    """The memory that a running process has now."""
    return _kib(Path(f"/proc/{pid}/status"), "VmRSS") / _KIB_PER_MIB


def cpu_seconds(pid: int) -> float:
    """Processor time that a running process has used so far, in user and system mode."""
    user, system, *_ = _ticks(pid)
    return (user + system) / _TICKS_PER_SECOND


def family_cpu_seconds(pid: int) -> float:
    """That of a running process, of its running children, and of the children that it had and that ended."""
    return sum(_ticks(pid)) / _TICKS_PER_SECOND + sum(map(cpu_seconds, find_children(pid)))


def _ticks(pid: int) -> list[int]:
    """A process's own in user and system mode, then the same of its children that ended."""
    after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return list(map(int, after_name[11:15]))


def machine_cpu_seconds() -> float:
    """Processor time that all programs together have used since the machine started, idle time left out."""
    user, nice, system, _, _, *others = map(int, Path("/proc/stat").read_text().split("\n")[0].split()[1:9])
    return (user + nice + system + sum(others)) / _TICKS_PER_SECOND


def find_children(parent: int | None = None) -> dict[int, str]:
    """Process id and command line of each running child of a process, or of ours."""
    children: dict[int, str] = {}
    for file in Path(f"/proc/{parent or 'self'}/task").glob("*/children"):
        for pid in file.read_text().split():
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
            children[int(pid)] = command.replace(b"\0", b" ").decode()
    return children


def _kib(path: Path, name: str) -> int:
    for line in path.read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1])
    raise LookupError(f"{path} does not tell {name}")
