"""The verdicts of a gate in words, one row each, and the headings they stand under."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from math import inf, isfinite

from harness.model import Comparison, GateOutcome, GateVerdict, MetricKind, metric
from harness.report.document import Tone
from harness.report.format import better, effect, interval, quantity, sanitize, share, step
from harness.report.gate_reason import reason_text

NEVER_GREEN = (
    GateOutcome.INCONCLUSIVE,
    GateOutcome.WRONG,
    GateOutcome.FAILED,
    GateOutcome.TIMED_OUT,
    GateOutcome.MISSING,
)
"""Outcomes that could not be judged and so cannot pass."""

_WORSE = {"s": "Slower", "B": "More memory", "1": "More launches"}
_BETTER = {"s": "Faster", "B": "Less memory", "1": "Fewer launches"}
"""Headings of what changed, by the unit of the metric."""

HEADINGS = (
    *_WORSE.values(), "Regressed", "Cannot be judged", "Missing", *_BETTER.values(), "Improved", "Accepted",
    "Unchanged", "New", "Skipped",
)  # fmt: skip
"""Headings in the order of a report."""

TONES = {
    GateOutcome.REGRESSED: Tone.BAD,
    GateOutcome.IMPROVED: Tone.GOOD,
    GateOutcome.UNCHANGED: Tone.SAME,
    GateOutcome.INCONCLUSIVE: Tone.OPEN,
    GateOutcome.MISSING: Tone.TROUBLE,
    GateOutcome.NEW: Tone.SAME,
    GateOutcome.WRONG: Tone.TROUBLE,
    GateOutcome.FAILED: Tone.TROUBLE,
    GateOutcome.TIMED_OUT: Tone.TROUBLE,
    GateOutcome.SKIPPED: Tone.DIM,
    GateOutcome.ACCEPTED: Tone.SAME,
}
"""The tone of each decision; its word stands beside it."""

TIME = "time"
_METRICS = {
    "seconds": TIME,
    "peak_bytes": "peak memory",
    "reserved_bytes": "reserved memory",
    "launches": "launches",
    "tracked": "tracked number",
}
"""What people call the metrics that a gate decides on."""

_LONGEST_REASON = 600
"""Characters of a reason: an error of Python with its paths, and what to do about it."""


@dataclass(frozen=True, slots=True)
class GateRow:
    """One verdict, every cell on one line, without power, and empty where there is nothing to say.

    ``change`` is head against base, ``better`` None where it may be nothing; ``readings`` are base -> head.
    ``noise`` is the deviation of one unit, ``resolves`` the smallest slow-down that can be resolved.
    """

    claim: str
    case: str
    variant: str
    metric: str
    outcome: GateOutcome
    change: str
    better: bool | None
    interval: str
    readings: str
    units: str
    noise: str
    resolves: str
    reason: str


def heading(verdict: GateVerdict) -> str:
    """The heading that a verdict stands under, which says what changed."""
    unit = metric(verdict.metric).unit
    match verdict.outcome:
        case GateOutcome.REGRESSED:
            return _WORSE.get(unit, "Regressed")
        case GateOutcome.IMPROVED:
            return _BETTER.get(unit, "Improved")
        case GateOutcome.MISSING:
            return "Missing"
        case outcome if outcome in NEVER_GREEN:
            return "Cannot be judged"
    return str(verdict.outcome).capitalize()


def metric_name(name: str) -> str:
    """What people call a metric."""
    return _METRICS.get(name) or sanitize(name)


def grouped(verdicts: Iterable[GateVerdict]) -> dict[str, list[GateVerdict]]:
    """The verdicts by their headings, in the order of a report; a heading without any is left out."""
    found: dict[str, list[GateVerdict]] = {name: [] for name in HEADINGS}
    for verdict in verdicts:
        found[heading(verdict)].append(verdict)
    return {name: own for name, own in found.items() if own}


def rows(verdicts: Iterable[GateVerdict]) -> list[GateRow]:
    """The verdicts in words, in the order they came."""
    return [_row(verdict) for verdict in verdicts]


def briefly(rows: Iterable[GateRow]) -> list[GateRow]:
    """Rows without the noise, and with what could be resolved only where it is open: a self-test says both of
    all."""
    return [
        replace(row, noise="", resolves=row.resolves if row.outcome is GateOutcome.INCONCLUSIVE else "")
        for row in rows
    ]


def spread(verdicts: Sequence[GateVerdict]) -> str:
    """The smallest and the largest change: ``1.008x faster to 1.011x slower``, one alone: ``1.004x slower``.

    Nothing where no verdict has a ratio.

    Bytes are shown as such, ``up to 4.00 KiB more``: what is unchanged because it is small may be a large
    share.
    """
    found = [verdict.comparison for verdict in verdicts if verdict.comparison is not None]
    ratios = [each.ratio for each in found if 0 < each.ratio < inf]
    if not ratios:
        return ""
    if all(metric(verdict.metric).kind is MetricKind.EXACT for verdict in verdicts) and set(ratios) == {1.0}:
        return "equal"
    if all(metric(verdict.metric).unit == "B" for verdict in verdicts):
        return _bytes(verdicts)
    ends = (effect(Comparison(verdicts[0].metric, 0, ratio)) for ratio in (min(ratios), max(ratios)))
    return " to ".join(dict.fromkeys(ends))


def _bytes(verdicts: Sequence[GateVerdict]) -> str:
    changes = [each.head - each.base for each in verdicts if each.base is not None and each.head is not None]
    ends = ((max(changes, default=0.0), "more"), (-min(changes, default=0.0), "less"))
    return ", ".join(
        f"up to {quantity(most, 'B')} {word}" for most, word in ends if isfinite(most) and most > 0
    )


def _row(verdict: GateVerdict) -> GateRow:
    found = verdict.comparison
    reason = sanitize(reason_text(verdict), _LONGEST_REASON)
    if found is not None and found.unsteady:
        reason = f"{reason}{'; ' if reason else ''}unsteady: judged by total time"
    return GateRow(
        sanitize(verdict.claim),
        sanitize(verdict.case),
        sanitize(verdict.variant),
        metric_name(verdict.metric),
        verdict.outcome,
        effect(found) if found else "",
        better(found) if found else None,
        sanitize(interval(found), 60) if found else "",
        _readings(verdict),
        str(found.units) if found and found.units else "",
        _perhaps(verdict.spread),
        _perhaps(verdict.resolvable),
        reason,
    )


def _readings(verdict: GateVerdict) -> str:
    if verdict.base is None or verdict.head is None:
        return ""
    stated = metric(verdict.metric)
    # a noisy metric's are the time of an iteration, whatever the metric is
    unit = stated.unit if stated.kind is MetricKind.EXACT else "s"
    return sanitize(step(verdict.base, verdict.head, unit), 80)


def _perhaps(value: float | None) -> str:
    return "" if value is None or not isfinite(value) else sanitize(share(value), 40)
