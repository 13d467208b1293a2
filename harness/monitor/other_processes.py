"""Processes on a GPU that are not a run's own, before, during and after it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import psutil

from harness.model import OtherProcess, SeenWhen
from harness.monitor.gpu import Gpu, Occupant
from harness.probes.process_usage import descendants

UNLISTED = 64 * 2**20
"""Bytes in use that are no sign of a process: an idle driver has some, and versions count them
differently."""

DRIVERS = 1024 * 2**20
"""The same where what the driver keeps for itself is among them."""

LARGEST = 2**22
"""Linux gives no process a higher number."""

FIRST_NAMESPACE = "pid:[4026531836]"
"""What Linux calls the machine's own process numbers; in a container they have another name and
mean other processes. """


class OtherProcesses:
    """Reports each process that is not the run's to ``report``, once for each time (before, during,
    after), and to ``warn`` what hides them.

    ``ours`` gives the numbers of this run's processes, ``numbers_match`` whether NVML's mean the
    same processes, ``alive`` whether there is such a process, ``name`` what it is called.
    """

    def __init__(
        self,
        report: Callable[[OtherProcess], None],
        warn: Callable[[str], None],
        *,
        ours: Callable[[], Iterable[int]] = lambda: descendants(os.getpid()),
        numbers_match: Callable[[], bool] | None = None,
        alive: Callable[[int], bool] = psutil.pid_exists,
        name: Callable[[int], str] | None = None,
    ) -> None:
        self._report = report
        self._warn = warn
        self._ours = ours
        self._match = (numbers_match or _in_first_namespace)()
        self._alive = alive
        self._name = name or _name
        self._known: frozenset[int] = frozenset()
        self._seen: set[tuple[SeenWhen, str, int]] = set()

    def before(self, gpu: Gpu) -> None:
        """All processes on the GPU before a run starts any are others; so is memory that no process
        is listed for.
        """
        there = self._numbered(gpu)
        for occupant in there:
            self._found(SeenWhen.BEFORE, gpu, occupant.pid, occupant.bytes)
        memory = gpu.memory()
        # Where the driver does not report what it keeps for itself, that counts as used.
        idle = UNLISTED if "driver_bytes" in memory else DRIVERS
        if not there and memory.get("used_bytes", 0.0) > idle:
            self._found(SeenWhen.BEFORE, gpu, 0, int(memory["used_bytes"]))

    def during(self, gpu: Gpu) -> Mapping[str, float]:
        """Look at the processes on the GPU; gives the bytes of this run's own, where NVML reports them."""
        there = self._numbered(gpu)
        if not {occupant.pid for occupant in there} <= self._known:
            self._known |= frozenset(self._ours())
        held = []
        for occupant in there:
            if occupant.pid in self._known:
                held.append(occupant.bytes)
            elif self._match or (SeenWhen.BEFORE, gpu.name, occupant.pid) in self._seen:
                self._found(SeenWhen.DURING, gpu, occupant.pid, occupant.bytes)
            else:
                self._warn(
                    f"{gpu.name}: NVML's process numbers are not this container's: a process that came during the run "
                    "may be the run's own or not"
                )
        known = [size for size in held if size is not None]
        return {"process_bytes": float(sum(known))} if known else {}

    def after(self, gpus: Iterable[Gpu]) -> None:
        """Report the processes on the GPUs when none of the run is left."""
        self._known |= frozenset(self._ours())
        for gpu in gpus:
            for occupant in self._numbered(gpu):
                if occupant.pid not in self._known:
                    self._found(SeenWhen.AFTER, gpu, occupant.pid, occupant.bytes)

    def _numbered(self, gpu: Gpu) -> list[Occupant]:
        """The processes on the GPU whose numbers NVML reports; in a virtual machine some are not
        valid numbers.
        """
        there = gpu.occupants() or []
        numbered = [occupant for occupant in there if 0 < occupant.pid <= LARGEST]
        if len(numbered) < len(there):
            self._warn(
                f"{gpu.name}: NVML does not report the numbers of all processes on it: some may be others'"
            )
        return numbered

    def _found(self, when: SeenWhen, gpu: Gpu, pid: int, held: int | None) -> None:
        key = (when, gpu.name, pid)
        # A process of ours that has just ended stays on the driver's list for a moment.
        if key not in self._seen and not (pid and self._match and not self._alive(pid)):
            self._seen.add(key)
            self._report(
                OtherProcess(when, gpu.name, pid, self._name(pid) if pid and self._match else "", held)
            )


def _in_first_namespace() -> bool:
    try:
        return str(Path("/proc/self/ns/pid").readlink()) == FIRST_NAMESPACE
    except OSError:
        return False


def _name(pid: int) -> str:
    try:
        return psutil.Process(pid).name()
    except psutil.Error:
        return ""
