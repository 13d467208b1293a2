"""A run with a pool by script on a clock by script: no process is started, and nothing takes time."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness import store
from harness.judge import Thresholds
from harness.judge.run import judge
from harness.measure.clock import FakeClock
from harness.model import BASELINE, Activity, Measurement, RunState, Span, Traced, Trial, Verdict
from harness.store import Run
from harness.workers.collect import Collection
from harness.workers.pool import CaseRequest, WorkerReport
from harness.workers.protocol import CaseTraced
from harness.workers.spare import WorkerSettings
from tests.support import chrome

CLAIMS = {
    "bench_a.py": '@claim("A")\ndef bench_a(compare): pass\n@claim("A2")\ndef bench_a2(compare): pass\n',
    "bench_b.py": '@claim("B")\ndef bench_b(compare): pass\n',
    "sub/bench_b.py": '@claim("SB")\ndef bench_b(compare): pass\n',
    "bench_l.py": '@claim("L", loader=True)\ndef bench_l(compare): pass\n',
}
A, A2, B, SB, L = (
    "bench_a.py::bench_a",
    "bench_a.py::bench_a2",
    "bench_b.py::bench_b",
    "sub/bench_b.py::bench_b",
    "bench_l.py::bench_l",
)


FIRST_LOOK = Thresholds().looks[0]
TRACE = gzip.compress(chrome.document(chrome.WORKED_EXAMPLE))


@dataclass
class Play:
    """What the pool does: each case takes ``seconds``; ``report`` may change what an invocation reports."""

    clock: FakeClock
    called: Collection
    seconds: float = 1.0
    report: Callable[[int, WorkerReport], WorkerReport] = lambda invocation, report: report
    requests: list[tuple[str, int, tuple[str, ...]]] = field(default_factory=list)
    deadlines: list[float] = field(default_factory=list)
    ratios: Mapping[str, float] = field(default_factory=dict)
    wobble: float = 0.0
    files: list[str] = field(default_factory=list)
    left: int = 0
    trace: bytes | None = TRACE
    asked: list[tuple[str, CaseRequest]] = field(default_factory=list)
    spans: Callable[[Span], object] = lambda _: None

    def pool(self, settings: WorkerSettings, **more: Any) -> Pool:
        """In the place of the pool's class."""
        self.spans = more["spans"]
        return Pool(self, settings.folder)


@dataclass
class Pool:
    """A pool without processes, with the files that these would write."""

    play: Play
    folder: Path
    import_seconds: float = 4.0

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *failure: object) -> None:
        self.play.left += 1

    def collect(self, files: Sequence[str]) -> Collection:
        """Answer by the script."""
        self.play.files = list(files)
        self.play.clock.advance(5.0)
        return self.play.called

    def measure(
        self,
        invocation: int,
        cases: Mapping[str, CaseRequest],
        *,
        deadline: float,
        ahead: int = 1,
        files: Sequence[str] = (),
    ) -> WorkerReport:
        """Measure every case, or be ended at the deadline."""
        self.play.requests.append(("measure", invocation, tuple(cases)))
        self.play.asked += cases.items()
        found = [self._measured(case, invocation, request.variants) for case, request in cases.items()]
        return self._end(invocation, found, deadline)

    def measure_isolated(
        self, invocation: int, case: str, claim: Any, variant: str, *, deadline: float
    ) -> WorkerReport:
        """One solo pass."""
        self.play.requests.append(("solo", invocation, (case, variant)))
        trial = Trial(variant, solo={"pss_bytes": 1.0})
        found = Measurement(case, claim.name, invocation, trials=(trial,), survey=True)
        return self._end(invocation, [found], deadline)

    def count(
        self,
        invocation: int,
        cases: Mapping[str, Any],
        reading: str,
        limits: Mapping[str, float],
        *,
        deadline: float,
    ) -> WorkerReport:
        """One pass that counts."""
        self.play.requests.append((reading, invocation, tuple(cases)))
        assert all(limits[case] > claim.time_limit for case, (claim, _) in cases.items())
        found = [
            Measurement(
                case,
                case,
                invocation,
                trials=tuple(Trial(v, solo={reading: 1.0}) for v in names),
                survey=True,
            )
            for case, (_, names) in cases.items()
        ]
        return self._end(invocation, found, deadline)

    def trace(
        self, invocation: int, case: str, claim: Any, variant: str, file: Path, *, deadline: float
    ) -> WorkerReport:
        """One traced pass, which leaves what the play states."""
        self.play.requests.append(("trace", invocation, (case, variant)))
        self.play.clock.advance(self.play.seconds)
        file.parent.mkdir(exist_ok=True)
        if self.play.trace is not None:
            file.write_bytes(self.play.trace)
        return self.play.report(invocation, WorkerReport([], None, traced=CaseTraced(case, 1e-3, 2e-3)))

    def _measured(self, case: str, invocation: int, variants: Sequence[str] | None) -> Measurement:
        wobble = 1 + (self.play.wobble if invocation % 2 else -self.play.wobble)
        trials = [
            Trial(name, samples={"seconds": (self.play.ratios.get(name, 1 / wobble) * wobble,) * 6})
            for name in self.play.called.cases[case]
            if name == BASELINE or variants is None or name in variants
        ]
        now = self.play.clock.now()
        blocks = ((now + 0.5 * self.play.seconds, now + 0.75 * self.play.seconds),)
        return Measurement(
            case, case, invocation, trials=tuple(trials), seconds=self.play.seconds, blocks=blocks
        )

    def _end(self, invocation: int, found: list[Measurement], deadline: float) -> WorkerReport:
        self.play.deadlines.append(deadline)
        done: list[Measurement] = []
        for measurement in found:
            if self.play.clock.now() + self.play.seconds > deadline:
                self.play.clock.seconds = deadline
                break
            begin = self.play.clock.now()
            self.play.clock.advance(self.play.seconds)
            doing = Activity.WEIGHING if measurement.survey else Activity.ROUNDS
            end = self.play.clock.now()
            self.play.spans(Span(invocation, doing, begin, end, measurement.case, invocation))
            done.append(measurement)
        given = WorkerReport(done, None, out_of_time=len(done) < len(found))
        report = self.play.report(invocation, given)
        writer = store.open_invocation(
            self.folder, f"invocation-{invocation:03d}", environment={}, planned=[]
        )
        for measurement in report.measurements:
            store.write_measurement(writer, measurement)
        writer.close()
        return report


@dataclass
class Screen:
    """A display that keeps what it is shown."""

    fallen: list[Verdict] = field(default_factory=list)
    left: list[float] = field(default_factory=list)
    ends: list[float] = field(default_factory=list)
    planned: tuple[int, int] = (0, 0)
    notes: list[str] = field(default_factory=list)

    def collecting(self) -> None:
        """Cases are collected."""

    def collected(self, environment: Mapping[str, object], cases: int, skipped: int) -> None:
        """Cases were collected."""
        self.planned = (cases, skipped)

    def prepares(self) -> None:
        """A process is got ready."""

    def begins(self, case: str, activity: Activity) -> None:
        """A case begins."""

    def decided(self, verdicts: list[Verdict]) -> None:
        """Verdicts fell."""
        self.fallen += verdicts

    def traced(self, traced: Traced) -> None:
        """A traced pass is over."""

    def note(self, text: str) -> None:
        """A note is shown."""
        self.notes.append(text)

    def tick(self, state: RunState) -> None:
        """Time passes."""
        self.left.append(state.left)
        self.ends.append(state.seconds + state.ends)


def called(*cases: str, **more: Any) -> Collection:
    """A collection in which these cases answered."""
    return Collection(environment={"gpu": None}, cases=dict.fromkeys(cases, (BASELINE, "tip")), **more)


def outcomes(run: Run) -> dict[str, str]:
    """The verdicts by case and variant."""
    return {f"{v.case} {v.variant}".strip(): str(v.outcome) for v in judge(run)}
