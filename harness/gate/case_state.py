"""The state of a case on each side, and what follows where the two sides cannot be measured against each
other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto

from harness.model import NotCompared, Uncompared


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


def case_not_compared(base: CaseState, head: CaseState, before: InBase) -> Uncompared | None:
    """Why a whole case is not compared; None if both sides can measure it."""
    match base.status, head.status:
        case CaseStatus.READY, CaseStatus.READY:
            return None
        case CaseStatus.SKIPPED | CaseStatus.MISSING, CaseStatus.SKIPPED if not before.ran:
            return Uncompared(NotCompared.SKIPPED, head.reason)
        case _, CaseStatus.SKIPPED:
            return Uncompared(NotCompared.HEAD_SKIPS, head.reason)
        case _, CaseStatus.MISSING:
            return Uncompared(NotCompared.GONE)
        case _, CaseStatus.FAILED | CaseStatus.BROKEN:
            return Uncompared(NotCompared.HEAD_FAILED, head.reason)
    return _not_measured_by_base(base, before)


def _not_measured_by_base(base: CaseState, before: InBase) -> Uncompared:
    """The same where head can measure the case."""
    if before.unable:
        return Uncompared(NotCompared.SKIPPED_IN_BASE, before.unable)
    if not before.had:
        return Uncompared(NotCompared.NEW_CASE, base.reason)
    match base.status:
        case CaseStatus.MISSING:
            return Uncompared(NotCompared.CASE_NOT_UNDER_HEADS_FILE)
        case CaseStatus.BROKEN:
            return Uncompared(NotCompared.BASE_CANNOT_IMPORT, base.reason)
    return Uncompared(NotCompared.BASE_CANNOT_RUN, base.reason)


def variant_not_compared(variant: str, base: CaseState, head: CaseState, before: InBase) -> Uncompared:
    """Why a variant that not both sides can run is not compared."""
    if variant in head.variants:
        if before.unable:
            return Uncompared(NotCompared.SKIPPED_IN_BASE, before.unable)
        if not before.had:
            return Uncompared(NotCompared.NEW_VARIANT)
        if variant in base.absent:
            return Uncompared(NotCompared.BASE_CANNOT_RUN, base.absent[variant])
        return Uncompared(NotCompared.VARIANT_NOT_UNDER_HEADS_FILE)
    if variant in base.variants or before.ran:
        reason = head.absent.get(variant, "")
        return Uncompared(NotCompared.HEAD_CANNOT_RUN, reason) if reason else Uncompared(NotCompared.GONE)
    return Uncompared(NotCompared.SKIPPED, head.absent.get(variant) or base.absent.get(variant, ""))
