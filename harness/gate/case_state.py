"""The state of a case on each side, and what follows where the two sides cannot be measured against each
other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto

from harness.model import Claim, GateOutcome, GateVerdict, NotCompared
from harness.report.not_compared import not_compared_text

SECONDS = "seconds"


class CaseStatus(Enum):
    """What became of a case on one side. *Broken* is a file that cannot be imported."""

    READY = auto()
    SKIPPED = auto()
    FAILED = auto()
    MISSING = auto()
    BROKEN = auto()


@dataclass(frozen=True, slots=True)
class CaseState:
    """A case on one side: its variants, those that cannot run there with the reason, or why it cannot be
    measured."""

    variants: tuple[str, ...] = ()
    absent: Mapping[str, str] = field(default_factory=dict)
    status: CaseStatus = CaseStatus.READY
    reason: str = ""


@dataclass(frozen=True, slots=True)
class InBase:
    """What base's own revision has of a case or a variant.

    ``had`` is whether it has it, or may have it: only what it does not have is new. ``ran`` is whether it can
    run it, under its own file; ``unable`` why it cannot even there: then there is nothing to compare with.
    """

    had: bool = True
    ran: bool = False
    unable: str = ""


def settled(case: str, claim: Claim, variant: str, why: NotCompared, reason: str = "") -> GateVerdict:
    """The verdict on what cannot be measured on both sides."""
    return GateVerdict(case, claim.name, variant, SECONDS, OUTCOMES[why], not_compared_text(why, reason))


def gone(function: str) -> GateVerdict:
    """The verdict on a benchmark (``path::function``) that base's own revision has and head's files do
    not."""
    path, _, name = function.partition("::")
    return settled(function, Claim("", "", path, name), "", NotCompared.GONE)


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
    NotCompared.SIDE_LOST: GateOutcome.FAILED,
    NotCompared.NEW_CASE: GateOutcome.NEW,
    NotCompared.NEW_VARIANT: GateOutcome.NEW,
    NotCompared.SKIPPED_IN_BASE: GateOutcome.NEW,
    NotCompared.NOT_REACHED: GateOutcome.INCONCLUSIVE,
    NotCompared.NOT_MEASURED: GateOutcome.INCONCLUSIVE,
}
"""The outcome that follows."""


def case_not_compared(base: CaseState, head: CaseState, before: InBase) -> tuple[NotCompared, str] | None:
    """Why a whole case is not compared, with what a side reported; None if both sides can measure it."""
    match base.status, head.status:
        case CaseStatus.READY, CaseStatus.READY:
            return None
        case CaseStatus.SKIPPED | CaseStatus.MISSING, CaseStatus.SKIPPED if not before.ran:
            return NotCompared.SKIPPED, head.reason
        case _, CaseStatus.SKIPPED:
            return NotCompared.HEAD_SKIPS, head.reason
        case _, CaseStatus.MISSING:
            return NotCompared.GONE, ""
        case _, CaseStatus.FAILED | CaseStatus.BROKEN:
            return NotCompared.HEAD_FAILED, head.reason
    return _not_measured_by_base(base, before)


def _not_measured_by_base(base: CaseState, before: InBase) -> tuple[NotCompared, str]:
    """The same where head can measure the case."""
    if before.unable:
        return NotCompared.SKIPPED_IN_BASE, before.unable
    if not before.had:
        return NotCompared.NEW_CASE, base.reason
    match base.status:
        case CaseStatus.MISSING:
            return NotCompared.CASE_NOT_UNDER_HEADS_FILE, ""
        case CaseStatus.BROKEN:
            return NotCompared.BASE_CANNOT_IMPORT, base.reason
    return NotCompared.BASE_CANNOT_RUN, base.reason


def variant_not_compared(
    variant: str, base: CaseState, head: CaseState, before: InBase
) -> tuple[NotCompared, str]:
    """Why a variant that not both sides can run is not compared, with what a side reported."""
    if variant in head.variants:
        if before.unable:
            return NotCompared.SKIPPED_IN_BASE, before.unable
        if not before.had:
            return NotCompared.NEW_VARIANT, ""
        if variant in base.absent:
            return NotCompared.BASE_CANNOT_RUN, base.absent[variant]
        return NotCompared.VARIANT_NOT_UNDER_HEADS_FILE, ""
    if variant in base.variants or before.ran:
        reason = head.absent.get(variant, "")
        return (NotCompared.HEAD_CANNOT_RUN, reason) if reason else (NotCompared.GONE, "")
    return NotCompared.SKIPPED, head.absent.get(variant) or base.absent.get(variant, "")
