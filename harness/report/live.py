"""The screen while a run goes on: what is being measured, what is decided, how long is left.

Everything happens inside the runner's calls, at most one refresh a second: a thread that repaints would take its turns
inside timed rounds.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from rich.console import Console
from rich.text import Text

from harness.model import Outcome, Verdict, parameters
from harness.plural import counted
from harness.report.format import duration, effect, interval, sanitize
from harness.report.header import machine_lines
from harness.report.status_line import StatusLine
from harness.report.terminal import STYLES

REFRESH = 1.0
"""Seconds between two repaints at least."""


class BenchProgress:
    """Progress on a terminal that is repainted in place; in a pipe, a line for what matters.

    ``budget`` is in seconds. ``now`` stands in for the clock.
    """

    def __init__(self, console: Console, budget: float, now: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._left = budget
        self._decided = self._open = 0
        self._doing = "starting"
        self._invocation = -1
        self._region = StatusLine(console, self._line, now, REFRESH)

    def roll_call(self) -> None:
        """The benchmarks are being imported and called by name."""
        self._doing = "calling the roll (importing torch)"
        self._region.start()
        if not self._region.on:
            self._say(f"{self._doing}; budget {duration(self._left, exact=True)}")

    def called(self, environment: dict[str, Any], cases: int, skipped: int) -> None:
        """What answered the roll call, and on which machine."""
        for label, line in machine_lines(environment):
            self._say(f"{label:<8}  {line}")
        self._say(f"{counted(cases, 'case')} to measure, {skipped} skipped")

    def begins(self, case: str, invocation: int) -> None:
        """A process begins with a case."""
        self._doing = f"invocation {invocation}: {sanitize(case)}"
        if invocation != self._invocation:
            self._invocation = invocation
            if not self._region.on:
                self._say(f"invocation {invocation}: {self._state()}")
        self._region.paint()

    def decided(self, verdicts: list[Verdict]) -> None:
        """Verdicts that have just fallen: a line each, above the progress; those skipped share one."""
        for verdict in verdicts:
            if verdict.outcome is not Outcome.SKIPPED:
                self._print(_told(verdict))
        skipped = [verdict for verdict in verdicts if verdict.outcome is Outcome.SKIPPED]
        if skipped:
            names = ", ".join(dict.fromkeys(sanitize(verdict.claim) for verdict in skipped))
            self._print(Text(f"skipped {len(skipped)} of {names}; the report says why", style=STYLES[Outcome.SKIPPED]))

    def note(self, text: str) -> None:
        """Something the user should know now."""
        self._print(Text(sanitize(text, 2000), style="yellow"))

    def tick(self, left_seconds: float, decided: int, open: int) -> None:  # noqa: A002
        """Where the run stands; call it as often as is convenient."""
        self._left, self._decided, self._open = left_seconds, decided, open
        self._region.paint()

    def close(self) -> None:
        """Leave the terminal as it was; may be called twice, and without a roll call."""
        self._region.stop()

    def _state(self) -> str:
        return f"{self._decided} decided, {self._open} open, {duration(self._left)} left"

    def _line(self) -> Text:
        # the state comes first: a long name is cut off at the end, what is left is not
        line = Text(no_wrap=True, overflow="ellipsis")
        line.append(self._state(), style="bold")
        return line.append(f"  {self._doing}", style="dim")

    def _say(self, words: str) -> None:
        self._print(Text(words, style="dim"))

    def _print(self, text: Text) -> None:
        encoding = self._console.encoding
        text.plain = text.plain.encode(encoding, "replace").decode(encoding)
        self._console.print(text, highlight=False, soft_wrap=not self._region.on)


def _told(verdict: Verdict) -> Text:
    line = Text(f"{verdict.outcome:<12}", style=STYLES[verdict.outcome])
    case = parameters(verdict.case)
    line.append("  ".join(sanitize(part) for part in (verdict.claim, case, verdict.variant) if part), style="default")
    found = verdict.comparison
    if found is not None:
        shown = interval(found)
        line.append(f"  {effect(found)}{f' ({shown})' if shown else ''}", style="default")
    if verdict.outcome not in (Outcome.HOLDS, Outcome.FAILS, Outcome.NO_EFFECT):
        line.append(f"  {sanitize(verdict.reason)}", style="default")
    return line
