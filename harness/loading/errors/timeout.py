"""A bound on how long a loop waits for a batch. Standard library only.

An alarm rather than DataLoader's own ``timeout``: that one is only for loaders with workers, and
bounds neither a sample that is prepared in this process nor another package's queue. An alarm
reaches the main thread in whatever Python code waits there and costs two system calls a batch. It
cannot break off native code that never comes back: that is left to the time limit of the whole
measurement, outside this process.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any, Self, TypeVar

from harness.errors import HarnessError

Result = TypeVar("Result")

MAX_WAIT = 60.0
"""Seconds without a batch after which a loader hangs. A batch of 1,024 photographs takes one core
about ten, sixteen workers that each import torch anew take as long to start; a case's own time
limit is several times this."""


class LoaderStalled(HarnessError, TimeoutError):
    """No batch came; the message gives how long, and the likely reason."""


class TimeLimit:
    """A context in whose ``over`` no call lasts much longer than ``seconds``.

    A call that does is broken off by LoaderStalled with the text that ``why`` gives; ``why`` may
    first end the processes that are waited for. The text is also kept in ``reason``. Off the main
    thread, and where another alarm is set already, nothing is bounded.
    """

    def __init__(self, seconds: float = MAX_WAIT, why: Callable[[float], str] | None = None) -> None:
        self.seconds = seconds
        self.reason: str | None = None
        self._why = why or (lambda seconds: f"no batch came for {seconds:g} s")
        self._alarms = 0
        self._set = False
        self._before: Any = None

    def __enter__(self) -> Self:
        free = hasattr(signal, "setitimer") and signal.getitimer(signal.ITIMER_REAL)[0] == 0
        if free and threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGALRM, self._alarm)
            self._set = True
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._set:
            self._set = False
            # None stands for a handler that was not set from Python, which cannot be put back.
            signal.signal(signal.SIGALRM, signal.SIG_DFL if self._before is None else self._before)

    def over(self, call: Callable[..., Result], *arguments: object) -> Result:
        """What the call returns. Raises LoaderStalled, and whatever the call raises."""
        if not self._set:
            return call(*arguments)
        self._alarms = 0
        signal.setitimer(signal.ITIMER_REAL, self.seconds, self.seconds / 4)
        try:
            return call(*arguments)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)

    def _alarm(self, _number: int, _frame: FrameType | None) -> None:
        self._alarms += 1
        # A process that was stopped and goes on finds an alarm waiting, however short its own wait was.
        if self._alarms == 2:
            # Kept as well: what waits may turn an error raised in the middle of it into one of its own.
            self.reason = self._why(self.seconds)
            raise LoaderStalled(self.reason)
