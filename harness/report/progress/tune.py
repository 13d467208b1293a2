"""The screen of a tuning: what runs now, and how long there is."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from rich.console import Console
from rich.text import Text

from harness.model import LeftOut
from harness.report.builders.tuning_words import no_room
from harness.report.format import duration, sanitize
from harness.report.header import machine_lines
from harness.report.progress.line import Progress


class TuneProgress(Progress):
    """The progress of a tuning."""

    def __init__(self, console: Console, now: Callable[[], float] = time.monotonic) -> None:
        super().__init__(console, now)
        self._doing = "importing torch, looking for images"
        self._left = 0.0
        self._part = ""

    def called(self, environment: Mapping[str, object], extent: str) -> None:
        """The machine is known, and what there is to race over."""
        for label, line in machine_lines(environment):
            self.note(f"{label}: {line}")
        self.note(extent)

    def left_out(self, settings: LeftOut) -> None:
        """Print which settings a limit of the machine leaves out."""
        self.note(no_room(settings))

    def doing(self, text: str, left_seconds: float) -> None:
        """What runs now, and how long there is."""
        self._doing, self._left = text, left_seconds
        part = text.partition(":")[0]
        if not self._region.on and part != self._part:
            self._part = part
            self.note(f"{sanitize(text)} ({duration(left_seconds)} left)")
        self._region.paint()

    def _line(self) -> Text:
        return Text(
            f"{duration(self._left)} left  {sanitize(self._doing)}", overflow="ellipsis", no_wrap=True
        )
