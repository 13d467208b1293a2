"""What a report of a run shows, as plain text by claim, case and variant; the document and the page start
from here."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from harness.judge import Thresholds, comparison
from harness.judge.run import judge
from harness.model import (
    BASELINE,
    CaseWarning,
    Claim,
    Direction,
    Expect,
    Measurement,
    Outcome,
    Verdict,
    benchmark_of,
    metric,
    parameters,
)
from harness.plural import counted
from harness.report.document import IMPROVED, Notes, Tone
from harness.report.format import basis, better, duration, effect, interval, quantity, sanitize
from harness.report.machine_notes import watch_remarks
from harness.report.so_far import so_far
from harness.report.summary import measured, memory, typical
from harness.report.trace_text import trace_notes
from harness.report.unreached import unreached_note
from harness.report.warning_text import warning_text
from harness.store import Run

TONES = {
    Outcome.HOLDS: Tone.SAME,
    Outcome.FAILS: Tone.SAME,
    Outcome.NO_EFFECT: Tone.SAME,
    Outcome.INCONCLUSIVE: Tone.OPEN,
    Outcome.WRONG: Tone.TROUBLE,
    Outcome.SKIPPED: Tone.DIM,
    Outcome.FAILED: Tone.TROUBLE,
    Outcome.TIMED_OUT: Tone.TROUBLE,
    Outcome.LOST: Tone.TROUBLE,
    Outcome.GONE: Tone.DIM,
}
"""The tone of each verdict by itself; what holds or fails has that of its effect, see `tone_of`."""


def tone_of(outcome: Outcome, better: bool | None) -> Tone:
    """Good is what is worth doing and bad what costs, whatever the claim expected."""
    shown = better is not None and outcome in (Outcome.HOLDS, Outcome.FAILS)
    return IMPROVED[better] if shown else TONES[outcome]


UNTOLD = (Outcome.HOLDS, Outcome.FAILS, Outcome.NO_EFFECT)
"""Outcomes whose numbers are their reason, where they have any; all others give it in words."""


@dataclass(frozen=True, slots=True)
class VerdictRow:
    """One line of a claim's table, every cell in words and empty where there is nothing to say.

    ``better`` is None where the effect may be none, or is the sameness that was claimed. ``more`` is what
    would decide an open verdict; ``notes`` are numbers of footnotes. ``verdict`` has the numbers that the
    words were made from.
    """

    case: str
    variant: str
    outcome: Outcome
    reason: str = ""
    effect: str = ""
    better: bool | None = None
    interval: str = ""
    baseline: str = ""
    time: str = ""
    memory: str = ""
    units: str = ""
    more: str = ""
    notes: tuple[int, ...] = ()
    verdict: Verdict | None = None

    @property
    def tone(self) -> Tone:
        """The tone of its verdict."""
        return tone_of(self.outcome, self.better)

    @property
    def effect_tone(self) -> Tone:
        """The tone of its effect: none while that is not settled, or if it is no effect."""
        return self.tone if self.tone in (Tone.GOOD, Tone.BAD) else Tone.PLAIN


@dataclass(frozen=True, slots=True)
class ClaimSection:
    """A claim with its rows; ``counts`` has its verdicts' words, commonest first; ``margin`` is a share.

    ``why`` says what makes the claim hold or fail, ``source`` who teaches it; empty where that is not stated.
    """

    claim: str
    sentence: str
    judged: str
    counts: tuple[tuple[Outcome, int], ...]
    rows: tuple[VerdictRow, ...]
    memory_notes: tuple[int, ...] = ()
    margin: float = 0.0
    why: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True)
class RunContent:
    """A report before it has a form: sections, claims that were skipped as a whole, verdicts' counts,
    footnotes."""

    verdicts: tuple[Verdict, ...]
    sections: tuple[ClaimSection, ...]
    skipped: tuple[tuple[str, str], ...]
    uncalled: tuple[str, ...]
    footnotes: tuple[str, ...]

    @property
    def counts(self) -> tuple[tuple[Outcome, int], ...]:
        """How often each verdict fell, in the order of `Outcome`."""
        return _counted(self.verdicts)


def content(run: Run, only: Collection[str] = ()) -> RunContent:
    """Judge a run and put everything about it, or about ``only`` these claims, into words."""
    verdicts = judge(run)
    claims = [claim for claim in run.claims if not only or claim.name in only]
    if only:
        chosen = {f"{claim.path}::{claim.function}" for claim in claims}
        verdicts = tuple(verdict for verdict in verdicts if benchmark_of(verdict.case) in chosen)
    by_case: dict[str, list[Measurement]] = defaultdict(list)
    for measurement in run.measurements:
        by_case[measurement.case].append(measurement)
    notes = Notes()
    sections, skipped, uncalled = [], [], []
    for claim in claims:
        prefix = f"{claim.path}::{claim.function}"
        own = [verdict for verdict in verdicts if benchmark_of(verdict.case) == prefix]
        if not own and run.facts.get("share"):
            continue  # its cases are other nodes'
        if not own:
            uncalled.append(sanitize(claim.name))
        elif all(verdict.outcome is Outcome.SKIPPED for verdict in own):
            reasons = dict.fromkeys(_reason(verdict) for verdict in own)
            skipped.append((sanitize(claim.name), "; ".join(reasons)))
        else:
            traces = (
                {(v.case, v.variant): trace_notes(run, v.case, v.variant) for v in own} if run.traces else {}
            )
            sections.append(_section(claim, own, by_case, traces, notes))
    return RunContent(
        verdicts,
        tuple(sections),
        tuple(skipped),
        tuple(uncalled),
        (
            *notes.texts,
            *filter(None, (unreached_note(run, verdicts),)),
            *map(sanitize, _general_warnings(run)),
            *watch_remarks(run),
        ),
    )


def within_reach(verdict: Verdict, last: int = Thresholds().looks[-1]) -> bool:
    """Whether one longer run may decide an open verdict: by the ``last`` look at the latest."""
    units = verdict.comparison.units if verdict.comparison else 0
    return verdict.outcome is Outcome.INCONCLUSIVE and 0 < verdict.more_units <= last - units


def _counted(verdicts: Sequence[Verdict]) -> tuple[tuple[Outcome, int], ...]:
    found = Counter(verdict.outcome for verdict in verdicts)
    return tuple((outcome, found[outcome]) for outcome in Outcome if found[outcome])


def _section(
    claim: Claim,
    verdicts: Sequence[Verdict],
    by_case: dict[str, list[Measurement]],
    traces: Mapping[tuple[str, str], Sequence[str]],
    notes: Notes,
) -> ClaimSection:
    rows: list[VerdictRow] = []
    sources: dict[str, None] = {}
    for verdict in _joined(verdicts):
        measurements = by_case.get(verdict.case, [])
        rows.append(
            _row(claim, verdict, measurements, traces.get((verdict.case, verdict.variant), ()), notes)
        )
        sources.update(dict.fromkeys(memory(measurements, verdict.variant)[1]))
    return ClaimSection(
        sanitize(claim.name),
        sanitize(claim.sentence),
        judged(claim),
        _counted(verdicts),
        tuple(rows),
        notes.of(*(sanitize(f"memory: {source}") for source in sources)),
        claim.margin,
        sanitize(claim.why),
        sanitize(claim.source),
    )


def _joined(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """Variants of a case that were skipped for the same reason share a line."""
    shown: list[Verdict] = []
    for verdict in verdicts:
        last = shown[-1] if shown else None
        if (
            last is not None
            and verdict.outcome is Outcome.SKIPPED is last.outcome
            and (last.case, last.reason) == (verdict.case, verdict.reason)
        ):
            shown[-1] = Verdict(
                last.case, last.claim, f"{last.variant}, {verdict.variant}", last.outcome, last.reason
            )
        else:
            shown.append(verdict)
    return shown


def judged(claim: Claim) -> str:
    """What a claim is judged by, and what it expects of variants that state nothing else."""
    quantity_judged = metric(claim.metric)
    wanted = {
        Direction.LOWER: ", lower is better",
        Direction.HIGHER: ", higher is better",
        Direction.NONE: "",
    }
    margin = f"{100 * claim.margin:.3g} %"
    expected = f"within {margin}" if claim.expect is Expect.SAME else f"{claim.expect} by more than {margin}"
    return f"{quantity_judged.meaning}{wanted[quantity_judged.direction]}; expected {expected}"


def _row(
    claim: Claim, verdict: Verdict, measurements: Sequence[Measurement], traces: Sequence[str], notes: Notes
) -> VerdictRow:
    found, name = verdict.comparison, verdict.variant
    case, variant = sanitize(parameters(verdict.case)), sanitize(name)
    remarks = [
        warning_text(warning) for m in measurements for warning in m.warnings if _concerns(warning, name)
    ]
    remarks += traces
    reason = _reason(verdict)
    if found is None:
        if verdict.more_seconds:
            reason = f"{reason}; deciding it takes about {duration(verdict.more_seconds)}"
        return VerdictRow(
            case, variant, verdict.outcome, reason, notes=notes.of(*map(sanitize, remarks)), verdict=verdict
        )
    remarks += found.warnings
    if found.unsteady:
        usual = "" if found.mean_ratio is None else f" (total times: {found.mean_ratio:.3g}x the baseline's)"
        remarks.append(f"unsteady: it stalls now and then and is judged by total time{usual}")
    expect = _expect(claim, verdict, measurements)
    if expect is not claim.expect:
        remarks.append(f"expected {'no effect' if expect is Expect.SAME else expect} of this one")
    time = comparison(measurements, name, "seconds") if claim.metric != "seconds" else None
    seconds = typical(measurements, BASELINE, "seconds")
    aim, near = found.units + verdict.more_units, within_reach(verdict)
    return VerdictRow(
        case, variant, verdict.outcome, so_far(verdict, claim.margin) if near else reason,
        effect=effect(found),
        better=None if expect is Expect.SAME and verdict.outcome is Outcome.HOLDS else better(found),
        interval=interval(found),
        baseline="" if seconds is None else quantity(seconds, "s"),
        time="" if time is None else effect(time),
        memory=memory(measurements, name)[0],
        units=f"{found.units} of {aim}" if near else str(found.units),
        more=f"{duration(verdict.more_seconds)} more" if near and verdict.more_seconds else "",
        notes=notes.of(*map(sanitize, remarks)),
        verdict=verdict,
    )  # fmt: skip


def _reason(verdict: Verdict) -> str:
    if verdict.outcome in UNTOLD and verdict.comparison is not None:
        return ""
    return "; ".join(part for part in (sanitize(verdict.reason), basis(verdict.basis)) if part)


def _expect(claim: Claim, verdict: Verdict, measurements: Sequence[Measurement]) -> Expect:
    trials = (measured(m, verdict.variant) for m in reversed(measurements) if not m.survey)
    return next((trial.expect for trial in trials if trial is not None), claim.expect)


def _concerns(warning: CaseWarning, variant: str) -> bool:
    """A warning about a variant belongs to its row; one about the baseline or the whole case, to every
    row."""
    return warning.subject in ("", BASELINE, variant)


def _general_warnings(run: Run) -> list[str]:
    """What concerns no row: the store's warnings, the environment's, measurements of no claim."""
    noted = run.environment.get("warnings", ())
    warnings = [*run.warnings, *(map(str, noted) if isinstance(noted, list) else ())]
    known = {f"{claim.path}::{claim.function}" for claim in run.claims}
    stray = {m.case for m in run.measurements if benchmark_of(m.case) not in known}
    if stray:
        note = f"{counted(len(stray), 'measured case')} belong{'s' if len(stray) == 1 else ''} to no claim of this run"
        warnings.append(f"{note}: {', '.join(sorted(stray)[:3])}")
    return warnings
