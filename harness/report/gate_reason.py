"""Why a gate decided what it did, in words."""

from __future__ import annotations

import math

from harness.model import (
    BelowTarget,
    BeyondDrift,
    BeyondTolerated,
    ClearlySlower,
    Comparison,
    GateOutcome,
    GateOutlook,
    GateReason,
    GateVerdict,
    LooksAhead,
    LostInDrift,
    MetricKind,
    NeitherShown,
    NotCompared,
    ReasonText,
    Side,
    SideStopped,
    StillOpen,
    TooFewInvocations,
    Uncompared,
    WithinDrift,
    metric,
)
from harness.plural import counted
from harness.report.format import EQUAL, effect, factor

ONE_FILE = (
    "both sides measure head's files: import what only head has inside the benchmark or fixture that needs it, or give "
    "that benchmark a file"
)
"""What to do where base cannot measure what it has."""

_NOT_IN_FILE = f"{{base}}'s revision has this {{}}, and not under {{head}}'s file; {ONE_FILE}"

_UNCOMPARED = {
    NotCompared.SKIPPED: "{detail}",
    NotCompared.FILE_SKIPPED: "{head}: {detail}",
    NotCompared.GONE: "{base} has it, {head} does not: gone or renamed?",
    NotCompared.HEAD_SKIPS: "{head} skips what {base} {ran}: {detail}",
    NotCompared.HEAD_CANNOT_RUN: "{head} cannot run what {base} {ran}: {detail}",
    NotCompared.CASE_NOT_UNDER_HEADS_FILE: _NOT_IN_FILE.replace("{}", "case"),
    NotCompared.VARIANT_NOT_UNDER_HEADS_FILE: _NOT_IN_FILE.replace("{}", "variant"),
    NotCompared.HEAD_FAILED: "{head}: {detail}",
    NotCompared.BASE_CANNOT_IMPORT: f"{{base}} cannot import this file: {{detail}}; {ONE_FILE}",
    NotCompared.BASE_CANNOT_RUN: "{base} {did_not_run} what {head} runs: {detail}",
    NotCompared.NEW_CASE: "{base}: {detail}",
    NotCompared.NEW_VARIANT: "{base} does not have this variant",
    NotCompared.SKIPPED_IN_BASE: "{base}'s own revision skips it, too: {detail}",
    NotCompared.OTHER_TASK: "cannot be compared: {detail}",
    NotCompared.NOT_REACHED: "not reached",
    NotCompared.NOT_MEASURED: "not measured: the budget ended before it",
}
_WITHOUT_DETAIL = {NotCompared.NEW_CASE: "{base} does not have this case"}
"""Instead of these, where nothing more is known."""

_NAMES = {Side.BASE: "base", Side.HEAD: "head"}
_NAMES_OF_STORED = {Side.BASE: "the stored run", Side.HEAD: "this code"}


def reason_text(verdict: GateVerdict) -> str:
    """The whole reason of a verdict: what grew, what was shown, and what a reader must know of it."""
    shown = (
        gate_reason_text(verdict.reason, verdict.metric) if verdict.reason is not None else _readings(verdict)
    )
    if verdict.growth:
        shown = f"{verdict.growth} ({shown})" if shown else verdict.growth
    outlook = outlook_text(verdict.outlook) if verdict.outlook is not None else ""
    return "; ".join(filter(None, (shown, outlook, *verdict.remarks)))


def gate_reason_text(reason: GateReason, of: str = "seconds") -> str:
    """A reason alone; ``of`` is the metric that it is about."""
    match reason:
        case Uncompared(why, detail, stored):
            names = _NAMES_OF_STORED if stored else _NAMES
            pattern = _UNCOMPARED[why] if detail else _WITHOUT_DETAIL.get(why, _UNCOMPARED[why])
            text = pattern.format(
                base=names[Side.BASE],
                head=names[Side.HEAD],
                ran="measured" if stored else "runs",
                did_not_run="did not measure" if stored else "cannot run",
                detail=detail,
            )
        case SideStopped(side, error, stored):
            text = f"{(_NAMES_OF_STORED if stored else _NAMES)[side]}: {error}"
        case StillOpen(units, ahead):
            text = f"{counted(units, 'unit')} so far; the next looks: {looks_text(ahead)}"
        case BeyondTolerated(shift, p, level, units):
            text = f"{_change(shift, of)}, p {p:.2g} at {units} units (needs {level:.2g})"
        case ClearlySlower(shift, p, level, units):
            text = f"{_change(shift, of)}, clearly so: p {p:.2g} at {units} units (needs {level:.2g})"
        case BelowTarget(shift, most, units):
            text = f"{_change(shift, of)}, {_bound(most, of)} at {units} units"
        case NeitherShown(shift, units):
            text = f"{_change(shift, of)} after {units} units: neither below nor beyond the target"
        case TooFewInvocations(base, head, needed):
            text = f"{base} and {head} invocations; a decision needs {needed} on both sides"
        case BeyondDrift(shift, p, drift):
            text = f"{_change(shift, of)}, p {p:.2g} beyond the drift of the runs ({_factor(drift)})"
        case WithinDrift(shift, drift):
            text = f"{_change(shift, of)}; the runs drifted by {_factor(drift)}"
        case LostInDrift(shift, drift, units):
            text = (
                f"{_change(shift, of)}, and unpaired runs drifted by {_factor(drift)}: cannot judge; about {units} "
                "paired units would (gate --base)"
            )
        case ReasonText(text):
            pass
    return text


def looks_text(ahead: LooksAhead) -> str:
    """What the next looks may decide: ``unchanged at 8 units, regressed at 14 units``."""
    if ahead.unchanged == ahead.regressed is not None:
        return f"unchanged or regressed at {ahead.regressed} units"
    looks = ((GateOutcome.UNCHANGED, ahead.unchanged), (GateOutcome.REGRESSED, ahead.regressed))
    return ", ".join(f"{outcome} at {look} units" for outcome, look in looks if look is not None)


def outlook_text(outlook: GateOutlook) -> str:
    """Why a decision is not likely to be made, and what would change that."""
    about = f"{'more than' if outlook.more else 'about'} {outlook.units}"
    warning = f"needs {about} units here, and {outlook.most} are the most: a quieter machine"
    if outlook.target is None:
        return warning
    option = "--loader-target" if outlook.loader else "--target"
    return f"{warning}, or {option} {math.ceil(100 * outlook.target)}%"


def _change(shift: float, of: str) -> str:
    """A log ratio on the scale of every table: ``1.071x slower``."""
    return effect(Comparison(of, 0, _exp(shift)))


def _bound(most: float, of: str) -> str:
    """The largest log ratio that it may have: ``at most 1.012x slower``, or ``at least 1.010x faster``."""
    return f"at {'least' if _exp(most) < 1 else 'most'} {_change(most, of)}"


def _factor(log: float) -> str:
    return factor(_exp(log))


def _exp(log: float) -> float:
    return math.exp(max(-700.0, min(700.0, log)))


def _readings(verdict: GateVerdict) -> str:
    """The change of an exact metric with both readings, digit by digit; the readings alone where they show no
    more. An empty text for any other verdict."""
    stated = metric(verdict.metric)
    if stated.kind is not MetricKind.EXACT or verdict.base is None or verdict.head is None:
        return ""
    unit = "" if stated.unit == "1" else f" {stated.unit}"
    shown = f"{verdict.base:.15g} -> {verdict.head:.15g}{unit}"
    if not 0 < verdict.base < math.inf or not 0 < verdict.head < math.inf:
        return shown
    change = effect(Comparison(verdict.metric, 0, verdict.head / verdict.base))
    return shown if change == EQUAL else f"{change}, {shown}"
