"""The screen while a gate goes on, painted between turns: a thread that repaints would take its turns in rounds."""

from __future__ import annotations

import time
from collections.abc import Callable

from rich.console import Console
from rich.text import Text

from harness.report.format import duration, sanitize
from harness.report.status_line import StatusLine

REFRESH = 0.5
"""Seconds between two repaints at least."""


class GateProgress:
    """One line that is repainted on a terminal; in a pipe, a line a unit. ``now`` stands in for the clock."""

    def __init__(self, console: Console, now: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._now = now
        self._start = now()
        self._doing = "importing torch on both sides"
        self._decided = ""
        self._region = StatusLine(console, self._line, now, REFRESH)

    def __enter__(self) -> GateProgress:
        self._region.start()
        return self

    def __exit__(self, *failure: object) -> None:
        self._region.stop()

    def note(self, text: str) -> None:
        """Something worth a line of its own."""
        self._console.print(sanitize(text), highlight=False, soft_wrap=True, markup=False)

    def begins(self, case: str, unit: int) -> None:
        """Both sides are at this case."""
        self._doing = f"unit {unit}: {case}"
        self.tick()

    def unit(self, number: int, decided: int, decisions: int, regressed: int, seconds: float) -> None:
        """A unit is over."""
        slower = f", {regressed} regressed" if regressed else ""
        self._decided = f"{decided} of {decisions} decided{slower}"
        self._doing = f"unit {number + 1}: importing torch on both sides"
        if not self._region.on:
            self.note(f"unit {number}: {self._decided}, {duration(seconds)}")
        self.tick()

    def tick(self) -> None:
        """Time passes."""
        self._region.paint()

    def _line(self) -> Text:
        passed = duration(self._now() - self._start)
        return Text(
            " | ".join(filter(None, (passed, self._decided, sanitize(self._doing)))), overflow="ellipsis", no_wrap=True
        )
