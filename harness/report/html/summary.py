"""The summary of a run: which tips matter on this machine, how certain that is, and what they cost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from harness.model import Outcome
from harness.report.builders.answer import ADVICE_TONES, Advice, answers
from harness.report.builders.run_content import TONES, ClaimSection, RunContent, VerdictRow
from harness.report.document import Tone
from harness.report.figures.forest import Effect
from harness.report.html.parts import Choice
from harness.report.next_command import NextCommand


@dataclass(frozen=True, slots=True)
class ClaimLine:
    """A claim in one line: its most telling row, and the counts of its verdicts.

    ``cost`` is the row's memory, ``sure`` its interval and evidence.
    """

    claim: str
    sentence: str
    counts: tuple[Choice, ...]
    effect: str = ""
    tone: str = ""
    which: str = ""
    sure: str = ""
    cost: str = ""


@dataclass(frozen=True, slots=True)
class ClaimGroup:
    """Claims with the same consequence for the reader."""

    title: str
    tone: str
    lines: tuple[ClaimLine, ...]


@dataclass(frozen=True, slots=True)
class Summary:
    """The head of a report: groups of claims, counts of verdicts, what was skipped, what would decide
    more."""

    TEMPLATE: ClassVar[str] = "summary.html"
    groups: tuple[ClaimGroup, ...]
    counts: tuple[Choice, ...]
    skipped: tuple[tuple[str, str], ...]
    uncalled: tuple[str, ...]
    open: NextCommand
    resolution: str


def summary(judged: RunContent, open_: NextCommand, resolution: str) -> Summary:
    """The head of a run's page."""
    return Summary(
        groups(judged), _choices(judged.counts), judged.skipped, judged.uncalled, open_, resolution
    )


def groups(judged: RunContent) -> tuple[ClaimGroup, ...]:
    """A line for each claim, what is worth doing first."""
    found: dict[Advice, list[ClaimLine]] = {}
    for each in answers(judged):
        found.setdefault(each.advice, []).append(_line(each.section, each.row))
    return tuple(ClaimGroup(answer, ADVICE_TONES[answer], tuple(lines)) for answer, lines in found.items())


def headlines(judged: RunContent) -> Iterator[Effect]:
    """The most telling row of each claim, for one figure of all."""
    for each in answers(judged):
        if each.row is not None:
            effect = effect_of(each.section, each.row, named=True)
            if effect is not None:
                yield effect


def effect_of(section: ClaimSection, row: VerdictRow, *, named: bool = False) -> Effect | None:
    """A row as the forest plot draws it; None if it has no ratio."""
    found = row.verdict.comparison if row.verdict is not None else None
    if found is None:
        return None
    label = " ".join(filter(None, (section.claim if named else "", row.case, row.variant)))
    return Effect(
        label, found.ratio, found.low, found.high, section.margin, row.tone, str(row.outcome),
        row.effect, row.interval, row.units,
    )  # fmt: skip


def _line(section: ClaimSection, row: VerdictRow | None) -> ClaimLine:
    counts = _choices(section.counts)
    if row is None:
        return ClaimLine(section.claim, section.sentence, counts)
    sure = [f"95 %: {row.interval}"] if row.interval else []
    sure += ["1 unit" if row.units == "1" else f"{row.units} units"] if row.units else []
    sure += [f"{row.more} would decide it"] if row.more else []
    return ClaimLine(
        section.claim,
        section.sentence,
        counts,
        row.reason if row.outcome is Outcome.INCONCLUSIVE and row.reason else row.effect or row.reason,
        row.tone,
        ", ".join(filter(None, (row.case, row.variant))),
        ", ".join(sure),
        f"memory {row.memory}" if row.memory else "",
    )


def _choices(counts: Sequence[tuple[Outcome, int]]) -> tuple[Choice, ...]:
    # What holds may cost, and what fails may be worth doing: their counts say neither.
    settled = (Outcome.HOLDS, Outcome.FAILS)
    return tuple(
        Choice(str(outcome), count, Tone.PLAIN if outcome in settled else TONES[outcome])
        for outcome, count in counts
    )
