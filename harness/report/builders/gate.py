"""A gate as a document: what regressed comes first, then what cannot be judged; the outcome has the exit
status."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from harness.exit_status import INTERRUPTED
from harness.model import GateOutcome, GateResult, GateVerdict
from harness.plural import counted
from harness.report.builders.gate_rows import (
    NEVER_GREEN,
    TIME,
    TONES,
    GateRow,
    briefly,
    grouped,
    heading,
    rows,
    spread,
)
from harness.report.builders.gate_sides import differences, sides
from harness.report.document import IMPROVED, Column, Document, Row, Table, Tone
from harness.report.environment_diff import difference_facts
from harness.report.format import duration, sanitize, share
from harness.report.gate_notes import notes_text
from harness.report.header import machine_lines

_BENCHMARK = (
    Column("claim", "claim", foreign=True, above=True),
    Column("case", "benchmark", foreign=True, above=True),
    Column("variant", "variant", foreign=True),
)
_REASON = Column("reason", "reason", foreign=True, prose=True)
_COLUMNS = (
    *_BENCHMARK,
    Column("metric", "metric", foreign=True),
    Column("outcome", "verdict", verdict=True),
    Column("change", "change", rank=1),
    Column("interval", "95 % interval", rank=4),
    Column("readings", "base -> head", rank=6),
    Column("units", "units", rank=5),
    Column("noise", "noise", rank=2),
    Column("resolves", "resolves", rank=3),
    _REASON,
)
_LISTED = (*_BENCHMARK, _REASON)
_SUMMED = (
    Column("claim", "claim", foreign=True),
    Column("metric", "metric", foreign=True),
    Column("count", "decisions"),
    Column("change", "change", rank=1),
    _REASON,
)

_FOLDED = ("Unchanged", "New", "Skipped")
"""Headings that a page opens on demand: what passed, and what was not compared."""


def gate_document(result: GateResult, *, every: bool = False) -> Document:
    """The whole gate; ``every`` has the rows of what is unchanged or skipped, too.

    A self-test always has the rows of what is unchanged, with the noise of each and what it resolves.
    """
    facts = [(side.side, side.label) for side in sides(result)]
    facts += difference_facts(differences(result))
    details = [fact for fact in machine_lines(result.head.environment) if fact[0] != "git"]
    details += [(side.side, f"{name} {words}") for side in sides(result) for name, words in side.lines]
    if result.selftest:
        facts.append(("self-test", "identical code on both sides"))
    if not result.unchanged:
        details.append(("decided by", "; ".join(decided_by(result))))
    return Document(
        "Self-test" if result.selftest else "Gate",
        facts,
        tables=[
            Table(f"{name} ({len(own)})", *_lines(name, own, result, every=every), folded=name in _FOLDED)
            for name, own in grouped(result.verdicts).items()
        ],
        footnotes=[sanitize(note, 1000) for note in notes_text(result)],
        details=details,
        outcome=headline(result),
        tone={0: Tone.GOOD, 1: Tone.BAD}.get(result.status, Tone.OPEN),
    )


def _lines(
    heading: str, verdicts: Sequence[GateVerdict], result: GateResult, *, every: bool
) -> tuple[tuple[Column, ...], tuple[Row, ...]]:
    """The columns and rows that suit a heading."""
    found = rows(verdicts)
    if heading == "Skipped" and not every:
        return _SUMMED, _summed([(row.claim, "", row.reason) for row in found], verdicts)
    if heading in ("Missing", "New", "Skipped"):
        return _LISTED, _listed(found)
    if heading == "Unchanged" and not (every or result.selftest):
        alike = [(row.claim, row.metric, "") for row in found]
        return _SUMMED, _summed(alike, verdicts, change=True)
    by_benchmark: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in found if result.selftest else briefly(found):
        cells = {column.name: str(getattr(row, column.name)) for column in _COLUMNS}
        tones = {"outcome": TONES[row.outcome], "change": IMPROVED[row.better]}
        by_benchmark[row.claim, row.case].append(Row(cells, tones))
    return _COLUMNS, tuple(row for own in by_benchmark.values() for row in own)


def _listed(found: Iterable[GateRow]) -> tuple[Row, ...]:
    """Benchmarks by name, variants that share one reason together."""
    names: dict[tuple[str, str, str], dict[str, None]] = defaultdict(dict)
    for row in found:
        words = (row.variant, "" if row.metric == TIME else row.metric)
        names[row.claim, row.case, row.reason][" ".join(filter(None, words))] = None
    return tuple(
        Row({"claim": claim, "case": case, "variant": ", ".join(filter(None, own)), "reason": reason}, {})
        for (claim, case, reason), own in names.items()
    )


def _summed(
    alike: Sequence[tuple[str, str, str]], verdicts: Sequence[GateVerdict], *, change: bool = False
) -> tuple[Row, ...]:
    """One row for all verdicts with the same claim, metric and reason: how many there are, and their
    change."""
    found: dict[tuple[str, str, str], list[GateVerdict]] = defaultdict(list)
    for key, verdict in zip(alike, verdicts, strict=True):
        found[key].append(verdict)
    return tuple(
        Row(
            {
                "claim": claim,
                "metric": metric,
                "count": str(len(own)),
                "change": spread(own) if change else "",
                "reason": reason,
            },
            {},
        )
        for (claim, metric, reason), own in found.items()
    )


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
