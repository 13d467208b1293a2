"""A thread that reads sources at a set rate and keeps what it read until it is taken."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from itertools import count
from math import ceil

from harness.model import SensorReading
from harness.monitor.source import Sensor, fair_share

RECKON = 20
"""Samples between two reckonings of how much each source may take, and of how often the machine can
be looked at."""

MOST = 0.0045
"""The share of one core that 20 looks a second may take in all. A machine on which waking up alone
is expensive, as some virtual ones are, is looked at less often."""

USUAL = 20.0
"""Looks a second that this is the share for; a higher rate gets a larger share."""

SHORT = 0.25
"""Seconds by which the end may be late: waiting for a lock costs half as much again of a wake-up as
sleeping does."""

Take = Callable[[list[SensorReading]], None]


class Sampler:
    """Reads ``sources`` ``hertz`` times a second and hands each sample to ``take``, from a thread of its own.

    It belongs into a process that idles while others measure. A source that raises all the same is
    read no more, with a call of ``warn``. ``now`` gives the moments, ``spent`` the CPU time of the
    calling thread, ``wait`` sleeps for some seconds and returns whether the end has come: stand-ins
    need no time.
    """

    def __init__(
        self,
        sources: Iterable[Sensor],
        hertz: float,
        take: Take,
        *,
        warn: Callable[[str], object] = lambda _: None,
        now: Callable[[], float] = time.monotonic,
        spent: Callable[[], float] = time.thread_time,
        wait: Callable[[float], bool] | None = None,
    ) -> None:
        self._sources = list(sources)
        self._period = self._step = 1.0 / hertz
        self._share = MOST * max(1.0, hertz / USUAL)
        self._take = take
        self._warn = warn
        self._now = now
        self._spent = spent
        # A lock that is held until the end: an Event would do the same for half as much again of a
        # wake-up's cost.
        self._going = threading.Lock()
        self._wait = wait or self._rest
        self._thread: threading.Thread | None = None
        # Looks come from the thread and, at the ends of cases, from the thread that drives: one at a time.
        self._lock = threading.Lock()
        self._most = float("inf")
        self.cost_seconds = 0.0
        self.samples = 0

    def start(self) -> None:
        """Begin to read, for the first time or again."""
        self._going.acquire(blocking=False)
        self._thread = threading.Thread(target=self.run, name="tipbench-watch", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End; after this nothing more is read. May be called twice, and before a start."""
        if self._thread is not None:
            self._going.release()
            self._thread.join()
            self._thread = None

    def replace(self, sources: Iterable[Sensor]) -> None:
        """Read these from now on."""
        with self._lock:
            self._sources = list(sources)

    def run(self) -> None:
        """Read until the end, in step with the clock: a sample that comes late moves none of those
        after it.
        """
        since, reckoned = self._now(), self.cost_seconds
        begun = self._spent() - reckoned
        due = since + self._step
        for turn in count(1):
            if self._wait(max(0.0, due - self._now())):
                return
            self.look()
            self.cost_seconds = self._spent() - begun
            if turn % RECKON == 0:
                taken = (self.cost_seconds - reckoned) / max(self._now() - since, 1e-9)
                self._step = max(self._period, self._step * taken / self._share)
                since, reckoned = self._now(), self.cost_seconds
            due = max(due + self._steps(due) * self._step, self._now())

    def _steps(self, moment: float) -> int:
        """Steps from a look at that moment to the first at which anything will be due: no core is
        woken for nothing.
        """
        earliest = min((source.due for source in self._sources), default=moment)
        return 1 if earliest <= moment else ceil((earliest - moment) / self._step)

    def _rest(self, seconds: float) -> bool:
        """Sleep; whether the end has come meanwhile. Plain sleep is the cheapest, where the end can
        wait for it.
        """
        if seconds > SHORT:
            return self._going.acquire(timeout=seconds)
        time.sleep(seconds)
        return self._going.acquire(blocking=False)

    def look(self, *, everything: bool = False) -> None:
        """Take one sample now of what is due, or of ``everything``."""
        with self._lock:
            found: list[SensorReading] = []
            moment = self._now()
            due = (
                self._sources if everything else [source for source in self._sources if source.due <= moment]
            )
            for source in due:
                moment = self._now()
                before = self._spent()
                try:
                    values = source.read()
                except Exception as error:
                    self._sources = [other for other in self._sources if other is not source]
                    self._warn(f"something of {source.device} is read no more: {error!r}")
                    continue
                source.spent(self._spent() - before)
                source.due = moment + self._pause(source)
                # To a tenth of a millisecond: a shorter stretch means nothing, and the files are
                # half as long.
                found += [
                    SensorReading(round(moment, 4), source.device, name, value)
                    for name, value in values.items()
                ]
            self.samples += 1
            if self.samples % RECKON == 1:
                self._most = fair_share(source.cost / self._wanted(source) for source in self._sources)
        self._take(found)

    def _wanted(self, source: Sensor) -> float:
        return max(source.period, self._step)

    def _pause(self, source: Sensor) -> float:
        """Seconds to a source's next reading: its period, or more where its cost demands.

        Half a sample is given away: what would be due a moment after a sample must not wait for the next one.
        """
        return max(source.period - 0.5 * self._step, source.cost / self._most)
