"""The answer of a run, one line a claim: what to do on this machine, by how much, and what is still open."""

from __future__ import annotations

import math
import shlex
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from harness.model import Outcome
from harness.plural import counted
from harness.program import advised
from harness.report.builders.run import closing, counts_text, general_warnings
from harness.report.builders.run_content import (
    UNTOLD,
    ClaimSection,
    RunContent,
    VerdictRow,
    within_reach,
)
from harness.report.document import Column, Document, Fact, Row, Table, Tone
from harness.report.format import sanitize
from harness.report.header import header_lines, resumed_line
from harness.report.next_command import near
from harness.store import PAGE_FILE, Run


class Advice(StrEnum):
    """What a claim comes to for the reader, as a heading; in the order in which they matter."""

    WORTH = "Do it: worth doing here"
    COSTS = "Don't: costs you here"
    NONE = "No difference here"
    OTHERWISE = "Settled, neither better nor worse"
    LEANING = "Leaning: measured, not proven yet"
    UNDECIDED = "Undecided: a longer run is not likely to decide it"
    UNJUDGED = "Could not be judged"
    UNMEASURED = "Not measured: the time was too short"


ADVICE_TONES = {
    Advice.WORTH: Tone.GOOD,
    Advice.COSTS: Tone.BAD,
    Advice.NONE: Tone.SAME,
    Advice.OTHERWISE: Tone.SAME,
    Advice.LEANING: Tone.OPEN,
    Advice.UNDECIDED: Tone.OPEN,
    Advice.UNJUDGED: Tone.TROUBLE,
    Advice.UNMEASURED: Tone.OPEN,
}


@dataclass(frozen=True, slots=True)
class ClaimAdvice:
    """A claim, what it comes to, and its most telling row."""

    section: ClaimSection
    advice: Advice
    row: VerdictRow | None


_COLUMNS = (
    Column("answer", "", above=True),
    Column("claim", "claim"),
    Column("which", "most telling variant"),
    Column("effect", "effect"),
    Column("verdict", "verdict", verdict=True),
    Column("sentence", "the claim", prose=True, cut=True),
)
_LONGEST = 26
_LONGEST_LINE = 140
_NAMED = 3


def answers(judged: RunContent) -> list[ClaimAdvice]:
    """Every claim that was not skipped, those that matter first: by what they come to, then by size."""
    found = [ClaimAdvice(section, *_place(section)) for section in judged.sections]
    order = list(Advice)
    return sorted(found, key=lambda each: (order.index(each.advice), -(_size(each.row) if each.row else 0)))


def answer_document(run: Run, judged: RunContent) -> Document:
    """The lines of all claims, and what to type next; `run_document` has everything else."""
    found = answers(judged)
    lines = tuple(_line(each) for each in found if each.advice is not Advice.UNMEASURED)
    unmeasured = [each.section.claim for each in found if each.advice is Advice.UNMEASURED]
    aside = [
        *(("trouble", line) for line in _trouble(judged)),
        ("not measured", _names(unmeasured)),
        ("skipped", _names([claim for claim, _ in judged.skipped])),
    ]
    return Document(
        "Claims on trial",
        [(label, line) for label, line in _facts(run) if line],
        [*general_warnings(run, judged), *map(sanitize, run.warnings)],
        [Table("", _COLUMNS, lines)] if lines else [],
        details=[(label, names) for label, names in aside if names],
        outcome=_counts(judged) or "no benchmark was reached",
        tone=Tone.PLAIN if judged.verdicts else Tone.OPEN,
        closing=(*_worth(found), *_more(run, lines, len(judged.footnotes)), *closing(run, judged)),
    )


def _facts(run: Run) -> Iterator[Fact]:
    yield from (fact for fact in header_lines(run) if fact[0] in ("run", "machine", "GPU"))
    yield "resumed", resumed_line(run)


def _place(section: ClaimSection) -> tuple[Advice, VerdictRow | None]:
    settled = [row for row in section.rows if row.outcome in UNTOLD]
    gains = [row for row in settled if row.better and row.outcome is not Outcome.NO_EFFECT]
    losses = [row for row in settled if row.better is False and row.outcome is not Outcome.NO_EFFECT]
    if gains:
        return Advice.WORTH, max(gains, key=_size)
    if losses:
        return Advice.COSTS, max(losses, key=_size)
    if settled:
        calm = [row for row in settled if row.outcome is Outcome.NO_EFFECT or row.effect]
        return (Advice.NONE if calm else Advice.OTHERWISE), max(settled, key=_size)
    open_ = [row for row in section.rows if row.outcome is Outcome.INCONCLUSIVE]
    if measured := [row for row in open_ if row.verdict is not None and row.verdict.comparison is not None]:
        leaning = [row for row in measured if row.verdict is not None and within_reach(row.verdict)]
        place = Advice.LEANING if leaning else Advice.UNDECIDED
        return place, max(leaning or measured, key=_size)
    return (Advice.UNMEASURED if open_ else Advice.UNJUDGED), next(iter(open_ or section.rows), None)


def _size(row: VerdictRow) -> float:
    found = row.verdict.comparison if row.verdict is not None else None
    if found is None:
        return -1.0
    return min(abs(math.log(found.ratio)), 100.0) if 0 < found.ratio < math.inf else 100.0


def _line(each: ClaimAdvice) -> Row:
    cells = {"answer": str(each.advice), "claim": each.section.claim, "sentence": each.section.sentence}
    row = each.row
    if row is None:
        return Row(cells, {})
    is_open = each.advice in (Advice.LEANING, Advice.UNDECIDED)
    verdict = f"{row.units} units" if is_open else str(row.outcome)
    case = f" ({row.case})" if row.case else ""
    cells |= {
        "which": sanitize(f"{row.variant}{case}", _LONGEST),
        "effect": row.effect,
        "verdict": "1 unit" if verdict == "1 units" else verdict,
    }
    return Row(cells, {"effect": row.effect_tone, "verdict": row.tone})


def _counts(judged: RunContent) -> str:
    """The verdicts' words with their counts; what is open is one of three things."""
    open_ = [verdict for verdict in judged.verdicts if verdict.outcome is Outcome.INCONCLUSIVE]
    kinds = Counter(
        "not measured" if each.comparison is None else "leaning" if within_reach(each) else "undecided"
        for each in open_
    )
    words = counts_text([pair for pair in judged.counts if pair[0] is not Outcome.INCONCLUSIVE])
    opened = (f"{kinds[kind]} {kind}" for kind in ("leaning", "undecided", "not measured") if kinds[kind])
    return ", ".join(filter(None, (words, *opened)))


def _trouble(judged: RunContent) -> Iterator[str]:
    """What is wrong or failed, with its reason: it may be in a claim that other variants decide."""
    rows = [
        (section.claim, row)
        for section in judged.sections
        for row in section.rows
        if row.tone is Tone.TROUBLE
    ]
    for claim, row in rows[:_NAMED]:
        which = " ".join(filter(None, (claim, row.variant, f"({row.case})" if row.case else "")))
        yield sanitize(f"{which} {row.outcome}: {row.reason}".removesuffix(": "), _LONGEST_LINE)
    if len(rows) > _NAMED:
        yield f"and {len(rows) - _NAMED} more: --details"


def _names(claims: Sequence[str]) -> str:
    return f"{counted(len(claims), 'claim')}: {', '.join(claims)}" if claims else ""


def _worth(found: Sequence[ClaimAdvice]) -> Iterator[str]:
    """What is worth doing, the largest effects first, with what it takes in memory."""
    rows = [(each.section.claim, each.row) for each in found if each.advice is Advice.WORTH and each.row]
    if not rows:
        return
    parts = [
        f"{claim} {row.variant} ({', '.join(filter(None, (row.effect, row.memory and f'memory {row.memory}')))})"
        for claim, row in rows[:_NAMED]
    ]
    more = f", and {len(rows) - _NAMED} more" if len(rows) > _NAMED else ""
    yield f"Worth doing here: {', '.join(parts)}{more}"


def _more(run: Run, lines: Sequence[Row], notes: int) -> Iterator[str]:
    if lines:
        command = advised(f"report {shlex.quote(near(run.folder))}")
        claim = shlex.quote(lines[0].cells["claim"])
        noted = f" and {counted(notes, 'note')}" if notes else ""
        yield f"All numbers{noted}: {command} --details; of one claim: {command} {claim}"
        page = run.folder / PAGE_FILE
        yield f"Page: {near(page)}" if page.is_file() else f"As a page: {command} --html page.html"
