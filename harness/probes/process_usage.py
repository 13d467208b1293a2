"""What a process and everything it started have used so far: CPU-seconds, context switches, page faults."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from harness.probes.probe import Probe, ProbeReading, ProbeReadings

PROC = Path("/proc")
TICK = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class ProcessUsage:
    """What a process tree has used since its processes began; only differences of two accounts mean
    something.

    Switches are those of threads that are alive; CPU-seconds and faults include children that were
    waited for.
    """

    cpu_seconds: float = 0.0
    voluntary_switches: int = 0
    involuntary_switches: int = 0
    minor_faults: int = 0
    major_faults: int = 0

    def since(self, before: ProcessUsage) -> dict[str, float]:
        """What was used between the two, by quantity: nothing is ever less than 0, though threads
        may have ended.
        """
        return {name: max(0.0, getattr(self, name) - getattr(before, name)) for name in self.__slots__}


def process_usage(pid: int, *, proc: Path = PROC) -> ProcessUsage:
    """The account of process ``pid`` and its descendants; what has gone counts as nothing."""
    totals = [0.0, 0, 0, 0, 0]
    for member in descendants(pid, proc=proc):
        for index, amount in enumerate(_of(proc / str(member))):
            totals[index] += amount
    return ProcessUsage(totals[0], *map(int, totals[1:]))


def descendants(pid: int, *, proc: Path = PROC) -> list[int]:
    """A process and everything that it started and that is alive, itself first.

    The kernel keeps each thread's children in a file, where it is built to: asking for them takes
    microseconds, however many processes the machine has. Where it is not, psutil looks at all
    processes.
    """
    if not (proc / str(pid) / "task" / str(pid) / "children").exists():
        try:
            return [pid, *(child.pid for child in psutil.Process(pid).children(recursive=True))]
        except psutil.Error:
            return []
    found, ahead = [], [pid]
    while ahead:
        member = ahead.pop()
        found.append(member)
        for file in _tasks(proc / str(member), "children"):
            ahead += [int(child) for child in file.split()]
    return found


def _of(folder: Path) -> tuple[float, int, int, int, int]:
    try:
        # The name may hold blanks and brackets: what follows its last bracket is plain numbers.
        fields = (folder / "stat").read_text(errors="replace").rpartition(")")[2].split()
        minor, waited_minor, major, waited_major, *spent = (int(field) for field in fields[7:15])
    except (OSError, ValueError):
        return 0.0, 0, 0, 0, 0
    voluntary = involuntary = 0
    for status in _tasks(folder, "status"):
        for line in status.splitlines():
            if line.startswith("voluntary_ctxt_switches:"):
                voluntary += int(line.split()[1])
            elif line.startswith("nonvoluntary_ctxt_switches:"):
                involuntary += int(line.split()[1])
    return sum(spent) / TICK, voluntary, involuntary, minor + waited_minor, major + waited_major


def _tasks(folder: Path, name: str) -> Iterator[str]:
    """That file of each of a process's threads."""
    try:
        threads = os.listdir(folder / "task")  # noqa: PTH208 - names alone, thousands of them in a large tree
    except OSError:
        return
    for thread in threads:
        try:
            yield (folder / "task" / thread / name).read_text(errors="replace")
        except OSError:
            continue


class UsageProbe(Probe):
    """Context switches and page faults of the process tree in the round. CPU-seconds are the
    runner's own reading.
    """

    name = "context switches and page faults"
    metrics = ("voluntary_switches", "involuntary_switches", "minor_faults", "major_faults")
    counts = True

    def start(self) -> None:
        """Take the account."""
        self._before = process_usage(self.subject.tree.pid)

    def stop(self) -> None:
        """Take it again."""
        self._spent = process_usage(self.subject.tree.pid).since(self._before)

    def read(self) -> ProbeReadings:
        """The differences."""
        return {name: ProbeReading(self._spent[name]) for name in self.metrics}
