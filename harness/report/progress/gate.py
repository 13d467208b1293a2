"""The screen of a gate, and the words for what made a side slower or larger."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

from rich.console import Console
from rich.text import Text

from harness.model import FunctionTime, GateOutlook, LooksAhead, TraceSummary
from harness.plural import counted
from harness.report import grown
from harness.report.format import duration, sanitize
from harness.report.gate_reason import looks_text, outlook_text
from harness.report.progress.line import Progress


class GateProgress(Progress):
    """The progress of a gate, and the words for what made a side slower or larger."""

    def __init__(self, console: Console, now: Callable[[], float] = time.monotonic) -> None:
        super().__init__(console, now, refresh=0.5)
        self._start = now()
        self._doing = "importing torch on both sides"
        self._decided = ""

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

    def first_looks(self, decisions: int, ahead: LooksAhead) -> None:
        """Print when the first decisions can be made."""
        self.note(
            f"{counted(decisions, 'decision')}: at the earliest {looks_text(ahead)}; what is clearly slower, sooner"
        )

    def unlikely(self, case: str, variant: str, outlook: GateOutlook) -> None:
        """Print that a decision is not likely to be made."""
        self.note(" ".join(filter(None, (case, variant, outlook_text(outlook)))))

    def growth(
        self,
        base: TraceSummary,
        head: TraceSummary,
        seconds: float,
        base_functions: Sequence[FunctionTime] = (),
        head_functions: Sequence[FunctionTime] = (),
    ) -> str:
        """What made the head's iteration ``seconds`` longer, by the profiles of both sides."""
        return grown.growth(base, head, seconds, base_functions, head_functions)

    def memory_growth(self, base: Mapping[str, int], head: Mapping[str, int], more: float) -> str:
        """What made the head's peak ``more`` bytes larger, by the bytes that operators held on both sides."""
        return grown.memory_growth(base, head, more)

    def _line(self) -> Text:
        passed = duration(self._now() - self._start)
        return Text(
            " | ".join(filter(None, (passed, self._decided, sanitize(self._doing)))),
            overflow="ellipsis",
            no_wrap=True,
        )
