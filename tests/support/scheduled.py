"""A run on a clock by script: a schedule asks for steps, and each takes as long as it is stated to take."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from random import Random

from harness.bench.plan import CaseProgress, CountingPass, Invocation, IsolatedPass, Step, TracedPass
from harness.bench.schedule import Schedule
from harness.model import BASELINE, Claim, Measurement, Trial, Verdict


@dataclass
class Known:
    """The truth about a case: what a variant of a unit takes, and each variant's effect and spread as
    logs."""

    claim: str
    case: str = ""
    loader: bool = False
    seconds: float = 1.0
    effects: tuple[float, ...] = (-0.5,)
    spread: float = 0.01
    metric: str = "seconds"
    lengths: tuple[float, ...] = ()

    @property
    def name(self) -> str:
        """The case as a run names it."""
        return f"{self.claim}.py::bench_{self.claim}[{self.case}]"

    @property
    def variants(self) -> tuple[str, ...]:
        """The baseline, and the others by their numbers."""
        return (BASELINE, *(f"v{n}" for n in range(len(self.effects))))

    def progress(self) -> CaseProgress:
        """The case before the run."""
        margin = 0.05 if self.loader else 0.02
        claim = Claim(
            self.claim,
            "a tip",
            f"{self.claim}.py",
            f"bench_{self.claim}",
            self.metric,
            margin=margin,
            loader=self.loader,
        )
        return CaseProgress(self.name, claim, self.variants)


@dataclass
class Taken:
    """A step that was taken: when it began and ended, and the verdicts that fell with it."""

    step: Step
    begin: float
    end: float
    decided: list[Verdict] = field(default_factory=list)


class ScriptedRun:
    """Takes the steps of a schedule one after the other, as the run does, without a process or a pause."""

    def __init__(
        self,
        schedule: Schedule,
        known: Sequence[Known],
        *,
        start_up: float = 4.0,
        weighing: float = 0.0,
        ended: Callable[[str, float], object] = lambda *_: None,
        seed: int = 1,
    ) -> None:
        self.schedule = schedule
        self.now = 0.0
        self._known = {each.name: each for each in known}
        self._start_up = start_up
        self._weighing = weighing
        self._ended = ended
        self._random = Random(seed)

    def play(
        self, budget: float, *, taken: Callable[[Step, float], object] = lambda *_: None
    ) -> Iterator[Taken]:
        """Every step until the schedule has none; ``taken`` is called before each with the step and the
        moment."""
        while (step := self.schedule.next(budget - self.now)) is not None:
            taken(step, self.now)
            begin = self.now
            self.now += self._start_up
            decided: list[Verdict] = []
            match step:
                case Invocation():
                    found = [self.measured(case, names) for case, names in step.cases]
                    decided = self.schedule.add(found)
                    self.schedule.prices.started(self._known[step.cases[0][0]].loader, self._start_up)
                case IsolatedPass():
                    self.now += 2.0
                    self.schedule.cases[step.case].solos.add(step.variant)
                    self.schedule.prices.solo = self.now - begin
                case CountingPass():
                    self.now += 0.5 * step.variants
                    self.schedule.prices.count[step.reading] = (self.now - begin) / step.variants
                case TracedPass():
                    raise AssertionError(step)
            yield Taken(step, begin, self.now, decided)

    def measured(self, case: str, names: tuple[str, ...] | None) -> Measurement:
        """A unit of a case; the clock goes on by what it takes, and by what is weighed beside it."""
        known = self._known[case]
        units = self.schedule.cases[case].units
        there = known.variants if names is None else (BASELINE, *names)
        each = known.lengths[units % len(known.lengths)] if known.lengths else known.seconds
        seconds = each * len(there)
        self.now += seconds + (self._weighing if not units else 0.0)
        self._ended(case, self.now)
        trials = [Trial(BASELINE, samples={"seconds": (1.0,) * 6}, exact={"peak_bytes": 8.0})]
        for name, effect in zip(known.variants[1:], known.effects, strict=True):
            if name in there:
                ratio = math.exp(self._random.gauss(effect, known.spread))
                trials.append(Trial(name, samples={"seconds": (ratio,) * 6}, exact={"peak_bytes": 4.0}))
        return Measurement(case, known.claim, units + 1, trials=tuple(trials), seconds=seconds)
