"""The screen of a run: verdicts as they are reached, and when the run is likely to end."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

from rich.console import Console
from rich.text import Text

from harness.model import Activity, Outcome, RunState, Traced, Verdict, benchmark_of, parameters
from harness.plural import counted
from harness.report.builders.run_content import TONES, tone_of
from harness.report.format import better, duration, effect, interval, sanitize
from harness.report.header import machine_lines
from harness.report.progress.line import LONGEST_NOTE, Progress
from harness.report.render.terminal import STYLES
from harness.report.trace_text import described

BETWEEN_LINES = 10.0
"""Seconds from one plain line to the next, where no line can be repainted."""


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
        """Repaint the line; where there is none, print one now and then, so that a log shows that it goes
        on."""
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
    found = verdict.comparison
    tone = tone_of(verdict.outcome, better(found) if found is not None else None)
    line = Text(f"{verdict.outcome:<12}", style=STYLES[tone])
    case = parameters(verdict.case)
    line.append(
        "  ".join(sanitize(part) for part in (verdict.claim, case, verdict.variant) if part), style="default"
    )
    if found is not None:
        shown = interval(found)
        line.append(f"  {effect(found)}{f' ({shown})' if shown else ''}", style="default")
    if verdict.outcome not in (Outcome.HOLDS, Outcome.FAILS, Outcome.NO_EFFECT):
        line.append(f"  {sanitize(verdict.reason)}", style="default")
    return line
