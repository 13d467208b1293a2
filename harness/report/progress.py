"""The screen while a run, a gate or a tuning goes on: one line at the foot of a terminal, plain lines in a
pipe.

Everything happens inside the caller's calls, at most every so often: a thread that repaints would take its
turns inside timed rounds. The rooms that measure know these classes by protocols of their own, and get from
them the words for what they found.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Self

from rich.console import Console
from rich.live import Live
from rich.text import Text

from harness.model import (
    Activity,
    FunctionTime,
    GateOutlook,
    LeftOut,
    LooksAhead,
    Outcome,
    RunState,
    Traced,
    TraceSummary,
    Verdict,
    benchmark_of,
    parameters,
)
from harness.plural import counted
from harness.report import grown
from harness.report.builders.run_content import TONES
from harness.report.builders.tuning_words import no_room
from harness.report.format import duration, effect, interval, sanitize
from harness.report.gate_reason import looks_text, outlook_text
from harness.report.header import machine_lines
from harness.report.machine_notes import watch_remarks
from harness.report.render.terminal import STYLES
from harness.report.trace_text import described
from harness.store import Run

LONGEST_NOTE = 2000

BETWEEN_LINES = 10.0
"""Seconds from one plain line to the next, where no line can be repainted."""


class StatusLine:
    """A line at the foot of the terminal that shows ``line()``, repainted at most every ``refresh`` seconds
    by ``now``.

    ``on`` is False where nothing can be repainted (a pipe) and before `start`: lines are printed there
    instead.
    """

    def __init__(
        self, console: Console, line: Callable[[], Text], now: Callable[[], float], refresh: float = 1.0
    ) -> None:
        self._console = console
        self._line = line
        self._now = now
        self._refresh = refresh
        self._painted = float("-inf")
        self._region: Live | None = None

    @property
    def on(self) -> bool:
        """Whether there is such a line now."""
        return self._region is not None

    def start(self) -> None:
        """Show it, where that can be done."""
        if self._console.is_terminal and not self._console.is_dumb_terminal:
            self._region = Live(
                self._line(),
                console=self._console,
                auto_refresh=False,
                transient=True,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._region.start(refresh=True)

    def paint(self) -> None:
        """Show what it says now; call it as often as is convenient."""
        if self._region is not None and self._now() - self._painted >= self._refresh:
            self._painted = self._now()
            self._region.update(self._line(), refresh=True)

    def stop(self) -> None:
        """Leave the terminal as it was; may be called twice."""
        if self._region is not None:
            self._region.stop()
            self._region = None


class Progress:
    """What the three have in common. ``now`` stands in for the clock, ``refresh`` is in seconds."""

    def __init__(
        self, console: Console, now: Callable[[], float] = time.monotonic, refresh: float = 1.0
    ) -> None:
        self._console = console
        self._now = now
        self._doing = ""
        self._region = StatusLine(console, self._line, now, refresh)

    def __enter__(self) -> Self:
        self._region.start()
        return self

    def __exit__(self, *failure: object) -> None:
        self.close()

    def close(self) -> None:
        """Leave the terminal as it was; may be called twice, and without a start."""
        self._region.stop()

    def note(self, text: str) -> None:
        """Print something that the user should know now."""
        self._print(Text(sanitize(text, LONGEST_NOTE)))

    def remarks(self, run: Run) -> Sequence[str]:
        """What a reader must know of the machine during a run that was watched, most serious first."""
        return watch_remarks(run)

    def _line(self) -> Text:
        raise NotImplementedError

    def _print(self, text: Text) -> None:
        encoding = self._console.encoding
        text.plain = text.plain.encode(encoding, "replace").decode(encoding)
        self._console.print(text, highlight=False, soft_wrap=not self._region.on)


class BenchProgress(Progress):
    """The progress of a run with a ``budget`` in seconds."""

    def __init__(self, console: Console, budget: float, now: Callable[[], float] = time.monotonic) -> None:
        super().__init__(console, now)
        self._budget = budget
        self._state = RunState(0.0, budget, budget, 0, 0)
        self._seen = self._printed = now()
        self._doing = "starting"

    def collecting(self) -> None:
        """The benchmarks are being imported and their cases collected."""
        self._doing = "collecting cases (importing torch)"
        self._region.start()
        if not self._region.on:
            self._state_line(f"{self._doing}; budget {duration(self._budget, exact=True)}")
            self._printed = self._now()

    def collected(self, environment: Mapping[str, object], cases: int, skipped: int) -> None:
        """The cases were collected, on this machine."""
        for label, line in machine_lines(environment):
            self._state_line(f"{label:<8}  {line}")
        self._state_line(f"{counted(cases, 'case')} to measure, {skipped} skipped")

    def prepares(self) -> None:
        """A process is got ready for what comes next."""
        self._doing = "starting a process"
        self._show()

    def begins(self, case: str, activity: Activity) -> None:
        """A process begins with a case."""
        self._doing = f"{_DOING.get(activity, activity)} {_short(case)}"
        self._show()

    def decided(self, verdicts: Sequence[Verdict]) -> None:
        """Print verdicts that have just been reached, a line each; those skipped share one."""
        for verdict in verdicts:
            if verdict.outcome is not Outcome.SKIPPED:
                self._print(_verdict(verdict))
        skipped = [verdict for verdict in verdicts if verdict.outcome is Outcome.SKIPPED]
        if skipped:
            names = ", ".join(dict.fromkeys(sanitize(verdict.claim) for verdict in skipped))
            self._print(
                Text(
                    f"skipped {len(skipped)} of {names}; the report says why",
                    style=STYLES[TONES[Outcome.SKIPPED]],
                )
            )

    def traced(self, traced: Traced) -> None:
        """Print what a traced pass showed."""
        self.note(f"traced {traced.case} {traced.variant}: {described(traced)}")

    def note(self, text: str) -> None:
        """Print something that the user should know now."""
        self._print(Text(sanitize(text, LONGEST_NOTE), style="yellow"))

    def tick(self, state: RunState) -> None:
        """Where the run stands; call it as often as is convenient."""
        self._state, self._seen = state, self._now()
        self._show()

    def _show(self) -> None:
        """Repaint the line; where there is none, print one now and then, so that a log shows that it goes on."""
        if self._region.on:
            self._region.paint()
        elif self._now() - self._printed >= BETWEEN_LINES:
            self._printed = self._now()
            passed = duration(self._state.seconds + self._printed - self._seen, exact=True)
            self._state_line(f"{passed}: {_counts(self._state)}, ends in {self._ends()}; {self._doing}")

    def _ends(self) -> str:
        """How long it is likely to go on, from now."""
        return duration(max(0.0, self._state.ends - (self._now() - self._seen)), exact=True)

    def _line(self) -> Text:
        # Of fixed width, so that nothing jumps; the name that changes comes last, and is cut off at the end.
        line = Text(no_wrap=True, overflow="ellipsis")
        line.append(f"{_counts(self._state, 3)}, ends in {self._ends():>11}", style="bold")
        return line.append(f"  {self._doing}", style="dim")

    def _state_line(self, words: str) -> None:
        self._print(Text(words, style="dim"))


_DOING = {Activity.ROUNDS: "measuring"}
"""The word for what a process does with a case, where it is not that of the activity."""


def _counts(state: RunState, width: int = 0) -> str:
    return f"{state.decided:>{width}} decided, {state.open:>{width}} open"


def _short(case: str) -> str:
    """A case by its benchmark and parameters: ``a.py::bench_copy[x]`` -> ``copy[x]``."""
    safe = sanitize(case)
    path = benchmark_of(safe).rpartition("::")[0]
    return safe.removeprefix(f"{path}::").removeprefix("bench_")


def _verdict(verdict: Verdict) -> Text:
    line = Text(f"{verdict.outcome:<12}", style=STYLES[TONES[verdict.outcome]])
    case = parameters(verdict.case)
    line.append(
        "  ".join(sanitize(part) for part in (verdict.claim, case, verdict.variant) if part), style="default"
    )
    found = verdict.comparison
    if found is not None:
        shown = interval(found)
        line.append(f"  {effect(found)}{f' ({shown})' if shown else ''}", style="default")
    if verdict.outcome not in (Outcome.HOLDS, Outcome.FAILS, Outcome.NO_EFFECT):
        line.append(f"  {sanitize(verdict.reason)}", style="default")
    return line


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
        self.note(f"{counted(decisions, 'decision')}: at the earliest {looks_text(ahead)}")

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
