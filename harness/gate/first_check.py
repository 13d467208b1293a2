"""Before a gate times tests that use pytest-benchmark: each is called once on either side, to its end.

What fails there has no time. What the measured calls return must agree between the sides, as far as it can
be compared.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from harness.gate.case_state import CaseState, CaseStatus
from harness.gate.pair import SideCommand
from harness.model import FIXTURE, Claim, GateNote, NoteCode, Side
from harness.plural import counted
from harness.processes.live import Reaper
from harness.workers.collect import Collection as Collected
from harness.workers.collect import Refused, WorkerError
from harness.workers.pool import WorkerPool
from harness.workers.protocol import ResultSketch
from harness.workers.spare import WorkerSettings, file_limits

RESULTS = "results"
"""The word with which other results are accepted."""


@dataclass(frozen=True, slots=True)
class FirstCheck:
    """What came of it: by side the cases that failed, with the reason, and those with another result in head.

    ``changed`` says of those how the results differ.
    """

    failed: Mapping[Side, Mapping[str, str]] = field(default_factory=dict)
    changed: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[GateNote, ...] = ()

    def states(self, case: str, states: Mapping[Side, CaseState]) -> dict[Side, CaseState]:
        """The states of a case that both sides have reached, by what is known of its end."""
        return {
            side: replace(state, status=CaseStatus.FAILED, reason=self.failed[side][case])
            if state.status is CaseStatus.READY and case in self.failed.get(side, {})
            else state
            for side, state in states.items()
        }


def first_check(
    sides: Sequence[SideCommand],
    benchmarks: Path,
    claims: Sequence[Claim],
    *,
    device: str,
    data: Path | None,
    tick: Callable[[], None],
    accepted: Collection[str] = (),
) -> FirstCheck:
    """Call the tests among these claims once on either side; twice where their results differ.

    A result that differs from one process of a side to the next is not compared. Raises Refused where this
    machine cannot measure what was requested.
    """
    files = sorted({claim.path for claim in claims if claim.fixture == FIXTURE})
    if not files:
        return FirstCheck()

    def collect(side: SideCommand, cases: Collection[str] | None = None) -> Collected:
        with Reaper() as guard, WorkerPool(
            WorkerSettings(
                side.python, benchmarks, guard.folder, device, data, keeps_logs=False,
                borrowed=side.borrowed, variables=side.variables, time_limits=file_limits(claims),
            ),
            tick=tick,
        ) as pool:  # fmt: skip
            return pool.collect(files, cases)

    try:
        found = {side.side: collect(side) for side in sides}
        base, head = (found[side].results for side in (Side.BASE, Side.HEAD))
        differing = {
            case: why for case in base.keys() & head.keys() if (why := difference(base[case], head[case]))
        }
        again = {side.side: collect(side, differing).results for side in sides} if differing else {}
    except Refused:
        raise
    except WorkerError:
        return FirstCheck()  # the first pair says why no process can measure, with its log
    failed = {side: dict(collection.failed) for side, collection in found.items()}
    unsteady = {
        case
        for case in differing
        if any(
            difference(found[side].results[case], again[side].get(case, ResultSketch(unknown="nothing")))
            for side in Side
        )
    }
    changed = {case: why for case, why in differing.items() if case not in unsteady}
    unknown = [
        f"{case} ({base[case].unknown})" for case in sorted(base.keys() & head.keys()) if base[case].unknown
    ]
    notes = [
        *_note("not compared: they differ from process to process", sorted(unsteady)),
        *_note("not compared: they have no form that another process could compare", unknown),
    ]
    if RESULTS in accepted:
        notes += _note("others in head, which is accepted", sorted(changed))
        changed = {}
    return FirstCheck(failed, changed, tuple(notes))


def difference(one: ResultSketch, other: ResultSketch) -> str:
    """How two results differ; empty if they agree, or cannot be compared."""
    if one.unknown or other.unknown:
        return ""
    if one.kind != other.kind:
        return f"its result is of type {other.kind}, base's of type {one.kind}"
    if one.digest != other.digest or len(one.numbers) != len(other.numbers):
        return f"its result ({other.kind}) differs from base's"
    for (expected, tolerance), (got, _) in zip(one.numbers, other.numbers, strict=True):
        if abs(got - expected) > tolerance:
            return f"its result ({other.kind}) differs from base's: {got:.6g} instead of {expected:.6g}"
    return ""


def _note(what: str, cases: Sequence[str]) -> tuple[GateNote, ...]:
    """A note that the results of these cases are so; none without any."""
    if not cases:
        return ()
    shown = ", ".join(cases[:_SHOWN]) + (f" and {len(cases) - _SHOWN} more" if len(cases) > _SHOWN else "")
    return (GateNote(NoteCode.TEXT, detail=f"results of {counted(len(cases), 'case')} are {what}: {shown}"),)


_SHOWN = 3
