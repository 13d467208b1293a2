"""The machine as a whole: pressure, load, busy cores, memory that is left, shared memory."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import psutil

from harness.model import HOST
from harness.monitor.source import OFTEN, SLOW, Sensor
from harness.probes.shared_memory import SHARED_MEMORY, shared_bytes

PROC = Path("/proc")
KINDS = ("cpu", "memory", "io")

Values = Mapping[str, float]


class HostSensors:
    """Readings of the machine from files that stay open.

    Nothing is read at the full rate: the pressure on the cores is a counter, exact to the
    microsecond whenever it is read, and waking a core to read it delays the process that computes
    there. What would have to walk through processes, or take a lock that a measured process needs
    (``smaps_rollup`` holds its map of memory), is read between cases or in a solo pass, never here.
    """

    def __init__(
        self, warn: Callable[[str], None], *, proc: Path = PROC, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._now = now
        self._warn = warn
        self._files: dict[str, int] = {}
        for kind in KINDS:
            try:
                self._files[kind] = os.open(proc / "pressure" / kind, os.O_RDONLY | os.O_CLOEXEC)
            except OSError as error:
                warn(f"no pressure of {kind}: {error.strerror} (needs Linux 4.20 or later)")
        self._before: dict[str, tuple[float, float]] = {}

    def close(self) -> None:
        """Close the files."""
        for descriptor in self._files.values():
            os.close(descriptor)
        self._files.clear()

    def before(self) -> Values:
        """How busy the machine is before a run: the load average, and the pressure of the last ten
        seconds.
        """
        found = {"load": os.getloadavg()[0]}
        for kind, descriptor in self._files.items():
            try:
                found[f"pressure_{kind}"] = recent_share(os.pread(descriptor, 256, 0))
            except (OSError, ValueError):
                continue  # the first reading of the run gives the reason
        return found

    def sources(self) -> list[Sensor]:
        """What there is to read."""
        return [
            Sensor(HOST, lambda: self._pressure("cpu"), OFTEN),
            Sensor(HOST, lambda: self._pressure("memory"), SLOW),
            Sensor(HOST, lambda: self._pressure("io"), SLOW),
            Sensor(HOST, self._cores, SLOW),
            Sensor(HOST, self._memory, SLOW),
        ]

    def _pressure(self, kind: str) -> Values:
        """The share of the time since the last reading in which some task had to wait."""
        descriptor = self._files.get(kind)
        if descriptor is None:
            return {}
        try:
            waited = stalled_seconds(os.pread(descriptor, 256, 0))
        except (OSError, ValueError) as error:
            # The kernel may know of pressure and be configured not to count it.
            os.close(self._files.pop(kind))
            self._warn(f"no pressure of {kind}: {error}")
            return {}
        return self._share(f"pressure_{kind}", waited, most=1.0)

    def _cores(self) -> Values:
        """Cores at work, cores that the host took away, and the load average."""
        times = psutil.cpu_times()
        found = {"load": os.getloadavg()[0]}
        found.update(self._share("busy_cores", busy_seconds(times)))
        found.update(self._share("stolen_cores", getattr(times, "steal", 0.0)))
        return found

    def _memory(self) -> Values:
        found = {"available_bytes": float(psutil.virtual_memory().available)}
        shared = shared_bytes(SHARED_MEMORY)
        return found if shared is None else {**found, "shm_bytes": float(shared)}

    def _share(self, name: str, counter: float, most: float = float("inf")) -> Values:
        """A counter of seconds as a share of the time since it was last read."""
        now = self._now()
        before = self._before.get(name)
        self._before[name] = (now, counter)
        if before is None or now <= before[0]:
            return {}
        return {name: round(min(most, max(0.0, (counter - before[1]) / (now - before[0]))), 4)}


def stalled_seconds(file: bytes) -> float:
    """Seconds for which some task was held up so far, from a pressure file's first line. Raises
    ValueError.
    """
    line = file.partition(b"\n")[0]
    head, found, total = line.partition(b"total=")
    if not (head.startswith(b"some ") and found):
        raise ValueError("not a pressure file")
    return int(total) / 1e6


def recent_share(file: bytes) -> float:
    """The share of the last ten seconds in which some task was held up, from a pressure file.
    Raises ValueError.
    """
    found = re.match(rb"some avg10=(\d+(?:\.\d+)?) ", file)
    if not found:
        raise ValueError("not a pressure file")
    return float(found[1]) / 100


def busy_seconds(times: object = None) -> float:
    """Seconds that the machine's cores have worked so far, all together, in steps of a clock tick
    (10 ms a core).

    ``times`` is what psutil.cpu_times() gave where it was called already.
    """
    times = psutil.cpu_times() if times is None else times
    # Guests' time is in user and nice already.
    return float(sum(getattr(times, name, 0.0) for name in ("user", "nice", "system", "irq", "softirq")))
