"""The screen while a loader is tuned; painted between laps, never by a thread of its own."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from rich.console import Console
from rich.text import Text

from harness.report.format import duration, sanitize
from harness.report.header import machine_lines
from harness.report.status_line import StatusLine


class TuneProgress:
    """One line that is repainted on a terminal; in a pipe, a line for what matters. ``now`` stands in for the clock."""

    def __init__(self, console: Console, now: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._doing = "importing torch, looking for images"
        self._left = 0.0
        self._heat = ""
        self._region = StatusLine(console, self._line, now)

    def __enter__(self) -> TuneProgress:
        self._region.start()
        return self

    def __exit__(self, *failure: object) -> None:
        self._region.stop()

    def called(self, environment: Mapping[str, object], told: str) -> None:
        """The machine is known, and what there is to race over."""
        for label, line in machine_lines(environment):
            self.note(f"{label}: {line}")
        self.note(told)

    def note(self, text: str) -> None:
        """Something worth a line of its own."""
        self._console.print(Text(sanitize(text, 2000)), highlight=False, soft_wrap=True)

    def doing(self, text: str, left_seconds: float) -> None:
        """What runs now, and how long there is."""
        self._doing, self._left = text, left_seconds
        heat = text.partition(":")[0]
        if not self._region.on and heat != self._heat:
            self._heat = heat
            self.note(f"{sanitize(text)} ({duration(left_seconds)} left)")
        self._region.paint()

    def _line(self) -> Text:
        return Text(f"{duration(self._left)} left  {sanitize(self._doing)}", overflow="ellipsis", no_wrap=True)
