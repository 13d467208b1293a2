"""A gate's result as plain JSON values and back: the saved form, and what ``--json`` writes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from math import inf
from typing import Any, cast

from harness.model import Comparison, GateOutcome, GateResult, GateVerdict, MetricKind, Side, metric
from harness.report.builders.gate import variables
from harness.store.codec import from_json, plain, to_json


@dataclass(frozen=True, slots=True)
class _SavedVerdict:
    """A verdict as schema 1 has it: the numbers of its comparison beside its own."""

    case: str
    claim: str
    variant: str
    metric: str
    outcome: GateOutcome
    reason: str = ""
    units: int = 0
    ratio: float | None = None
    low: float | None = None
    high: float | None = None
    base: float | None = None
    head: float | None = None
    unsteady: bool = False
    seconds: float = 0.0
    spread: float | None = None
    resolvable: float | None = None
    p: float | None = None
    paired: bool = True


def document(result: GateResult) -> dict[str, Any]:
    """The result by the names of its fields, with ``schema`` first; what is not finite is None.

    Values of variables that are named like a secret are left out: such files are uploaded.
    """
    found = to_json(replace(result, verdicts=()))
    found["verdicts"] = [plain(_saved(verdict)) for verdict in result.verdicts]
    for name, side in (("base", result.base), ("head", result.head)):
        found[name]["variables"] = variables(side)
    return found


def result_from(document: object) -> GateResult:
    """The result that `document` wrote. Raises ValueError that names the field for anything else."""
    found = from_json(GateResult, document, stored={GateVerdict: _SavedVerdict})
    found = replace(found, verdicts=tuple(map(_verdict, cast(Iterable[_SavedVerdict], found.verdicts))))
    if found.status > 255:
        raise ValueError(f"status {found.status} is not an exit status")
    for facts, side in ((found.base, Side.BASE), (found.head, Side.HEAD)):
        if facts.side is not side:
            raise ValueError(f"{side}.arm is not {side}")  # codespell:ignore arm
    return found


def _saved(verdict: GateVerdict) -> _SavedVerdict:
    found = verdict.comparison
    saved = _SavedVerdict(
        verdict.case,
        verdict.claim,
        verdict.variant,
        verdict.metric,
        verdict.outcome,
        verdict.reason,
        base=verdict.base,
        head=verdict.head,
        seconds=verdict.seconds,
        spread=verdict.spread,
        resolvable=verdict.resolvable,
    )
    if found is None:
        return saved
    return replace(
        saved,
        units=found.units,
        ratio=found.ratio,
        low=found.low,
        high=found.high,
        unsteady=found.unsteady,
        p=found.p,
        paired=found.paired,
    )


def _verdict(saved: _SavedVerdict) -> GateVerdict:
    ratio, base, head = saved.ratio, saved.base, saved.head
    if (
        ratio is None
        and metric(saved.metric).kind is MetricKind.EXACT
        and base is not None
        and head is not None
    ):
        # what is not finite is not saved: its readings still give it
        ratio = head / base if base else inf if head else 1.0
    found = None
    if ratio is not None:
        found = Comparison(
            saved.metric,
            saved.units,
            ratio,
            saved.low,
            saved.high,
            saved.p,
            saved.paired,
            unsteady=saved.unsteady,
        )
    return GateVerdict(
        saved.case,
        saved.claim,
        saved.variant,
        saved.metric,
        saved.outcome,
        saved.reason,
        found,
        base,
        head,
        saved.seconds,
        saved.spread,
        saved.resolvable,
    )
