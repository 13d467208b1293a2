"""What the report of a gate shows, as plain words by verdict and by side; every form starts from here."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from math import inf, isfinite

from harness.exit_status import INTERRUPTED
from harness.model import Comparison, GateOutcome, GateResult, GateVerdict, MetricKind, SideFacts, metric
from harness.plural import counted
from harness.report.environment_diff import environment_diff
from harness.report.format import better, duration, effect, interval, quantity, sanitize, step

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

TIME = "time"
_METRICS = {
    "seconds": TIME,
    "peak_bytes": "peak memory",
    "reserved_bytes": "reserved memory",
    "launches": "launches",
}
"""What people call the metrics that a gate decides on."""

_LONGEST_REASON = 600
"""Characters of a reason: an error of Python with its paths, and what to do about it."""

DIGEST = 12
"""Characters shown of a package's digest."""

_OWN_CACHES = frozenset(
    {"TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR", "TORCH_EXTENSIONS_DIR", "CUDA_CACHE_PATH"}
)
_SECRET = re.compile(r"(KEY|TOKEN)S?(_|$)|SECRET|PASSW|CREDENTIAL", re.IGNORECASE)
_EXPECTED = frozenset({"git", "warnings"})


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


@dataclass(frozen=True, slots=True)
class SideText:
    """A side in words; ``lines`` are pairs of a label and the words."""

    side: str
    label: str
    lines: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class DifferingValue:
    """Something in which the sides' environments differ: its dotted name, and the value on each side."""

    name: str
    base: str
    head: str


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


def rows(verdicts: Iterable[GateVerdict], *outcomes: GateOutcome) -> list[GateRow]:
    """The verdicts with one of these outcomes, or all, in words and in the order they came."""
    return [_row(verdict) for verdict in verdicts if not outcomes or verdict.outcome in outcomes]


def counts(verdicts: Iterable[GateVerdict]) -> tuple[tuple[GateOutcome, int], ...]:
    """How often each outcome fell, in the order of `GateOutcome`."""
    found = Counter(verdict.outcome for verdict in verdicts)
    return tuple((outcome, found[outcome]) for outcome in GateOutcome if found[outcome])


def headline(result: GateResult) -> str:
    """The outcome, the counts and the exit status: ``nothing regressed: 38 unchanged, 2 skipped; exit 0``."""
    if result.unchanged:
        return f"nothing under test changed; exit {result.status}"
    found = dict(counts(result.verdicts))
    regressed = found.get(GateOutcome.REGRESSED, 0)
    tallies = [_counted(result.verdicts, outcome, count) for outcome, count in found.items()]
    if regressed and not result.selftest:
        return f"{', '.join(tallies)}; exit {result.status}"
    if regressed:
        lead = counted(regressed, "false alarm")
    elif result.status == 0:
        lead = "no false alarm" if result.selftest else "nothing regressed"
    elif result.status == 3:
        judged = set(found) & {
            GateOutcome.UNCHANGED,
            GateOutcome.IMPROVED,
            GateOutcome.ACCEPTED,
            *NEVER_GREEN,
        }
        lead = "cannot be judged" if judged else "nothing was judged"
    else:
        lead = "interrupted" if result.status == INTERRUPTED else "ended early"
    return f"{lead}{': ' if tallies else ''}{', '.join(tallies)}; exit {result.status}"


def _counted(verdicts: Iterable[GateVerdict], outcome: GateOutcome, count: int) -> str:
    """``2 regressed (1 slower, 1 more memory)``; of one kind, ``2 regressed (slower)``."""
    if outcome not in (GateOutcome.REGRESSED, GateOutcome.IMPROVED):
        return f"{count} {outcome}"
    named = {"Regressed": "other", "Improved": "other"}
    headings = [heading(verdict) for verdict in verdicts if verdict.outcome is outcome]
    kinds = Counter(named.get(each, each.lower()) for each in headings)
    words = [kind if len(kinds) == 1 else f"{number} {kind}" for kind, number in kinds.items()]
    return f"{count} {outcome} ({', '.join(words)})"


def decided_by(result: GateResult) -> tuple[str, ...]:
    """How it was decided: targets, the level and what it was split over, the evidence and the time it
    took."""
    return (
        f"target {share(result.target)} (loaders {share(result.loader_target)})",
        f"alpha {share(result.alpha)} over {counted(result.decisions, 'decision')}",
        counted(result.units, "unit"),
        sanitize(duration(result.seconds), 40),
    )


def share(value: float) -> str:
    """A share as a percentage: 0.05 -> ``5 %``."""
    return f"{100 * value:.3g} %"


def sides(result: GateResult) -> tuple[SideText, SideText]:
    """Both sides in words, base first."""
    return _side(result.base), _side(result.head)


def variables(side: SideFacts) -> dict[str, str]:
    """The variables of a side; the value of one that is named like a secret is not shown anywhere."""
    return {name: "(hidden)" if _SECRET.search(name) else value for name, value in side.variables.items()}


def differences(result: GateResult) -> list[DifferingValue]:
    """What differs between the sides' environments beyond what has to: revisions, compile caches, stated
    variables.

    What only one side has comes last: an interpreter of another project may have a hundred packages more.
    """
    stated = {*result.base.variables, *result.head.variables, *_OWN_CACHES}
    found = [
        DifferingValue(each.name, *each.values)
        for each in environment_diff([result.base.environment, result.head.environment], _EXPECTED)
        if not (each.name.startswith("variables.") and each.name.removeprefix("variables.") in stated)
    ]
    known = {each.name.removeprefix("software.") for each in found if each.name.startswith("software.")}
    once = [
        each
        for each in found
        if not (each.name.startswith(_PACKAGE) and each.name.removeprefix(_PACKAGE) in known)
    ]
    return sorted(
        once, key=lambda each: each.name.startswith(_PACKAGE) and "absent" in (each.base, each.head)
    )


_PACKAGE = "packages."


def briefly(rows: Iterable[GateRow]) -> list[GateRow]:
    """Rows without the noise, and with what could be resolved only where it is open: a self-test says both of
    all."""
    return [
        replace(row, noise="", resolves=row.resolves if row.outcome is GateOutcome.INCONCLUSIVE else "")
        for row in rows
    ]


def spread(verdicts: Sequence[GateVerdict]) -> str:
    """The smallest and the largest change: ``changes -0.8 to +1.1 %``, one alone: ``change +0.4 %``.

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
    if len(ratios) == 1:
        return f"change {effect(Comparison(verdicts[0].metric, 0, ratios[0]))}"
    return f"changes {interval(Comparison('seconds', 0, 1.0, min(ratios), max(ratios)))}"


def _bytes(verdicts: Sequence[GateVerdict]) -> str:
    changes = [each.head - each.base for each in verdicts if each.base is not None and each.head is not None]
    ends = ((max(changes, default=0.0), "more"), (-min(changes, default=0.0), "less"))
    return ", ".join(
        f"up to {quantity(most, 'B')} {word}" for most, word in ends if isfinite(most) and most > 0
    )


def _row(verdict: GateVerdict) -> GateRow:
    found = verdict.comparison
    reason = sanitize(verdict.reason, _LONGEST_REASON)
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


def _side(side: SideFacts) -> SideText:
    lines = [("python", sanitize(side.python))] if side.python else []
    lines += [
        ("with", f"{sanitize(name, 100)}={sanitize(value, 100)}") for name, value in variables(side).items()
    ]
    for package in side.packages:
        where = (
            f"{sanitize(package.digest)[:DIGEST]}  {sanitize(package.file)}" if package.file else "not there"
        )
        lines.append((sanitize(package.name, 100), where))
    return SideText(str(side.side), sanitize(side.label), tuple(lines))


def _perhaps(value: float | None) -> str:
    return "" if value is None or not isfinite(value) else sanitize(share(value), 40)
