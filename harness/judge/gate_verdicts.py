"""What every gate has in common, whatever its base is: outcomes of what is not compared, and exact
metrics."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping

from harness.judge.regression import GateThresholds, rule_exact
from harness.judge.units import SECONDS
from harness.model import GateOutcome, GateVerdict, NotCompared, Uncompared

EXACT = ("peak_bytes", "reserved_bytes", "tracked")
"""Metrics that one reading settles, where the machine has them."""

OUTCOMES: Mapping[NotCompared, GateOutcome] = {
    NotCompared.SKIPPED: GateOutcome.SKIPPED,
    NotCompared.FILE_SKIPPED: GateOutcome.SKIPPED,
    NotCompared.GONE: GateOutcome.MISSING,
    NotCompared.HEAD_SKIPS: GateOutcome.MISSING,
    NotCompared.HEAD_CANNOT_RUN: GateOutcome.MISSING,
    NotCompared.CASE_NOT_UNDER_HEADS_FILE: GateOutcome.MISSING,
    NotCompared.VARIANT_NOT_UNDER_HEADS_FILE: GateOutcome.MISSING,
    NotCompared.HEAD_FAILED: GateOutcome.FAILED,
    NotCompared.BASE_CANNOT_IMPORT: GateOutcome.FAILED,
    NotCompared.BASE_CANNOT_RUN: GateOutcome.FAILED,
    NotCompared.NEW_CASE: GateOutcome.NEW,
    NotCompared.NEW_VARIANT: GateOutcome.NEW,
    NotCompared.SKIPPED_IN_BASE: GateOutcome.NEW,
    NotCompared.OTHER_TASK: GateOutcome.FAILED,
    NotCompared.NOT_REACHED: GateOutcome.INCONCLUSIVE,
    NotCompared.NOT_MEASURED: GateOutcome.INCONCLUSIVE,
}
"""The outcome that follows from why something is not compared."""


def settled(case: str, claim: str, variant: str, reason: Uncompared) -> GateVerdict:
    """The verdict on what cannot be measured on both sides."""
    return GateVerdict(case, claim, variant, SECONDS, OUTCOMES[reason.why], reason)


def gone(function: str) -> GateVerdict:
    """The verdict on a benchmark (``path::function``) that base's own revision has and head's files do
    not."""
    return settled(function, "", "", Uncompared(NotCompared.GONE))


def exact_verdicts(
    case: str,
    claim: str,
    variant: str,
    readings: Mapping[str, tuple[float, float]],
    thresholds: GateThresholds,
    accepted: Container[str],
) -> Iterator[GateVerdict]:
    """The verdict on each exact metric, from base's and head's reading; more of those ``accepted`` is so."""
    for name, (base, head) in readings.items():
        outcome, comparison = rule_exact(name, base, head, thresholds, accepted)
        yield GateVerdict(case, claim, variant, name, outcome, comparison=comparison, base=base, head=head)
