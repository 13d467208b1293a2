"""Traced passes of a run: which variants are traced, and what becomes of a trace."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path

from harness import store
from harness.bench.plan import CaseProgress, TracedPass
from harness.model import BASELINE, Claim, Outcome, Status, Traced, Verdict
from harness.profile.chunks import TraceError
from harness.profile.summary import summarise
from harness.report.format import quantity
from harness.workers.pool import WorkerReport

MOST_SURPRISES = 3
"""Surprising verdicts of one run that are traced without a request."""

REQUESTED_SHARE, SURPRISE_SHARE = 0.4, 0.1
"""Shares of a run's time that are kept for traces at the most: where they were requested, and where they were
not."""

MOST_KEPT = 64 << 20
"""Bytes of a trace that is kept, compressed; Perfetto opens a few hundred megabytes of JSON, ten times as
much."""


class Traces:
    """What was traced and what is still to be: all variants of the claims named, and what surprises."""

    def __init__(self, claims: Collection[str] = (), *, surprises: bool = True) -> None:
        self.done: dict[tuple[str, str], Traced] = {}
        self._claims = frozenset(claims)
        self._surprises = surprises
        self.share = REQUESTED_SHARE if claims else SURPRISE_SHARE
        self._explained: dict[tuple[str, str], None] = {}

    def missing(self, cases: Iterable[CaseProgress]) -> list[TracedPass]:
        """What is to be traced and was not, one case of each claim before the second of any; surprises come
        first."""
        progress = list(cases)
        wanted: dict[tuple[str, str], None] = {}
        for each in progress:
            for verdict in each.verdicts if self._surprises else ():
                if self._explains(verdict):
                    wanted[each.case, BASELINE] = wanted[each.case, verdict.variant] = None
        wanted.update(dict.fromkeys(self._requested(progress)))
        return [TracedPass(*each) for each in wanted if each not in self.done]

    def _explains(self, verdict: Verdict) -> bool:
        """Whether it is one of the few surprising verdicts that are traced; the first ones are."""
        key = (verdict.case, verdict.variant)
        if surprising(verdict) and len(self._explained) < MOST_SURPRISES:
            self._explained.setdefault(key)
        return key in self._explained

    def _requested(self, cases: Iterable[CaseProgress]) -> list[tuple[str, str]]:
        """By the case's place among its claim's cases, then as they come."""
        counts: dict[str, int] = {}
        placed: list[tuple[int, tuple[str, str]]] = []
        for each in cases:
            if each.claim.name not in self._claims or each.stopped or not each.units:
                continue
            place = counts[each.claim.name] = counts.get(each.claim.name, -1) + 1
            measured = {t.variant for m in each.measurements for t in m.trials if t.status is Status.MEASURED}
            placed += [(place, (each.case, name)) for name in each.variants if name in measured]
        return [each for _, each in sorted(placed, key=lambda one: one[0])]


def surprising(verdict: Verdict) -> bool:
    """A claim that does not hold here, or a variant that stalls now and then: the numbers do not show why."""
    found = verdict.comparison
    return verdict.outcome is Outcome.FAILS or (found is not None and found.unsteady)


def taken(step: TracedPass, claim: Claim, invocation: int, folder: Path, report: WorkerReport) -> Traced:
    """What came of a traced pass. A trace that is too large is summarised and not kept."""
    traced = report.traced
    problem = traced.reason if traced is not None else ""
    if report.unfinished is not None:
        problem = problem or report.unfinished.reason
    if problem or traced is None:
        ended = "the run's time was used up" if report.out_of_time else "its process ended before it replied"
        return Traced(step.case, claim.name, step.variant, invocation, note=f"no trace: {problem or ended}")
    name = store.trace_name(step.case, step.variant)
    file, note, summary = folder / name, "", None
    try:
        summary = summarise(file)
    except TraceError as error:
        note = str(error)
    size = file.stat().st_size if file.exists() else 0
    if size > MOST_KEPT:
        file.unlink()
        most = quantity(MOST_KEPT, "B")
        note = f"{note}{'; ' if note else ''}the trace had {quantity(size, 'B')} and was not kept: {most} are the most"
    kept = 0 < size <= MOST_KEPT
    return Traced(
        step.case,
        claim.name,
        step.variant,
        invocation,
        file=name if kept else "",
        file_bytes=size if kept else 0,
        seconds=traced.seconds,
        traced_seconds=traced.traced_seconds,
        note=note,
        summary=summary,
    )
