"""A comparison in words, as a document: environments first, then rows by claim, then what cannot be
compared."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from harness.judge.evidence import is_exact
from harness.judge.group import Axis
from harness.judge.group import RunGroup as Measured
from harness.judge.runs import ComparedCells, Incomparable, RunComparison
from harness.model import BASELINE, Difference, Differs, Direction, Verdict, metric, parameters
from harness.program import advised
from harness.report import document
from harness.report.document import IMPROVED, Column, Document, Notes, Table, Tone
from harness.report.environment_diff import EnvironmentDifference, difference_facts, environment_diff
from harness.report.format import arrow, bytes_step, effect, interval, sanitize, step
from harness.report.header import header_lines
from harness.report.summary import single

_LABEL = 60
_NOT_SHOWN = frozenset({"warnings"})
_ASKED = ("profile", "data", "step")
"""What a run was asked for, of which a comparison tells what differs."""

COLUMNS = (
    Column("case", "case", foreign=True),
    Column("variant", "variant", foreign=True),
    Column("against", "", foreign=True),
    Column("metric", "metric", foreign=True, rank=8),
    Column("verdict", "verdict"),
    Column("change", "change"),
    Column("interval", "95 % interval", rank=3),
    Column("levels", "before -> after", rank=2),
    Column("effect", "against baseline", rank=5),
    Column("claims", "claim", rank=6),
    Column("memory", "memory", rank=4),
    Column("units", "invocations", rank=7),
)

_APART = (
    Column("case", "case", foreign=True),
    Column("variant", "variant", foreign=True),
    Column("against", "", foreign=True),
    Column("reason", "why", foreign=True, prose=True),
)

_NO_DIFFERENCE = (Differs.NOT_SHOWN, Differs.TOO_FEW)


def sequential() -> str:
    """What is true of every comparison of runs that were measured one after the other."""
    return (
        "These runs were measured one after the other: whatever the machine did in between is in the ratios, and no "
        "statistics takes it out. A difference is shown where it lies beyond the claim's margin and beyond what either "
        "run drifted meanwhile. To judge one change, let both take turns: "
        f"{advised('gate --base REV')}"
    )


def comparison_document(found: RunComparison) -> Document:
    """The whole comparison; its tables are those of `by_claim`, in that order, and of what cannot be
    compared."""
    notes = Notes()
    drift = _drift_note(found.lines)
    many = len(found.columns) > 2
    tables = [
        Table(
            "",
            COLUMNS,
            tuple(_row(line, many=many, axis=found.axis, notes=notes, drift=drift) for line in lines),
            foreign=sanitize(claim) or "(a claim no run names)",
            below=sentence(found, claim),
        )
        for claim, lines in by_claim(found).items()
    ]
    if found.incomparable:
        tables.append(_separate(found, many=many))
    warnings = list(found.warnings)
    if one_after_the_other(found):
        warnings.insert(0, sequential())
    return Document(
        title(found),
        (*measured_runs(found), *difference_facts(differences(found))),
        tuple(sanitize(warning, 1000) for warning in warnings),
        tuple(tables),
        notes.texts,
        outcome=closing(found),
    )


def one_after_the_other(found: RunComparison) -> bool:
    """Whether what is compared was measured by runs that did not take turns."""
    return bool(found.lines) and not found.paired


def by_claim(found: RunComparison) -> Mapping[str, Sequence[ComparedCells]]:
    """The lines by their claims, in the order in which those come up."""
    grouped: dict[str, list[ComparedCells]] = defaultdict(list)
    for line in found.lines:
        grouped[line.claim].append(line)
    return grouped


def title(found: RunComparison) -> str:
    """What is compared with what."""
    first, *others = (sanitize(column.label, _LABEL) for column in found.columns)
    if found.axis is Axis.VARIANT:
        return "Variants against the baseline"
    return f"{', '.join(others)} against {first}"


def closing(found: RunComparison) -> str:
    """The counts: ``3 slower, 1 faster, 40 no difference shown; 2 cannot be compared``."""
    words = Counter(word(line.difference) for line in found.lines)
    found_ = (
        ", ".join(f"{words[name]} {name}" for name in WORDS if words[name]) or "nothing could be compared"
    )
    return f"{found_}; {len(found.incomparable)} cannot be compared" if found.incomparable else found_


WORDS = ("slower", "more", "faster", "less", *map(str, _NO_DIFFERENCE), "same")


def word(difference: Difference) -> str:
    """The verdict's word, in the terms of its metric: slower, more, no difference shown."""
    if difference.differs in _NO_DIFFERENCE:
        if is_exact(difference.comparison.metric) and difference.differs is Differs.NOT_SHOWN:
            return "same"
        return str(difference.differs)
    seconds = metric(difference.comparison.metric).unit == "s"
    if difference.differs is Differs.HIGHER:
        return "slower" if seconds else "more"
    return "faster" if seconds else "less"


def better(difference: Difference) -> bool | None:
    """Whether a shown difference is an improvement; None where none is shown or the metric has no
    direction."""
    direction = metric(difference.comparison.metric).direction
    if difference.differs in _NO_DIFFERENCE or direction is Direction.NONE:
        return None
    return (difference.differs is Differs.LOWER) is (direction is Direction.LOWER)


def tone(difference: Difference) -> Tone:
    """The tone of the verdict's word."""
    if difference.differs is Differs.TOO_FEW:
        return Tone.OPEN
    if difference.differs is Differs.NOT_SHOWN:
        return Tone.SAME if is_exact(difference.comparison.metric) else Tone.DIM
    return IMPROVED[better(difference)]


def measured_runs(found: RunComparison) -> Sequence[tuple[str, str]]:
    """The runs that are compared, when and where each was measured."""
    runs = {}
    for column in found.columns if found.axis is not Axis.VARIANT else found.columns[:1]:
        for run in column.runs:
            found_ = dict(header_lines(run))
            name = sanitize(column.label, _LABEL) if found.axis is not Axis.VARIANT else "run"
            runs[run.folder, run.facts.get("head")] = (
                name,
                ", ".join(filter(None, (found_.get("run"), found_.get("machine")))),
            )
    unknown = [
        ("unknown", f"{sanitize(column.label, _LABEL)} recorded no environment")
        for column in found.columns
        if found.axis is not Axis.VARIANT and not column.runs[-1].environment
    ]
    return [*runs.values(), *unknown]


def differences(found: RunComparison) -> list[EnvironmentDifference]:
    """In what the columns differ: what their runs were asked for, then their environments."""
    if found.axis is Axis.VARIANT:
        return []
    asked = [
        EnvironmentDifference(name, tuple(_asked(column, name) for column in found.columns))
        for name in _ASKED
    ]
    environments = [column.runs[-1].environment for column in found.columns]
    return [each for each in asked if len(set(each.values)) > 1] + environment_diff(environments, _NOT_SHOWN)


def _asked(column: Measured, name: str) -> str:
    return ", ".join(dict.fromkeys(sanitize(run.facts.get(name) or "none", 80) for run in column.runs))


def sentence(found: RunComparison, claim: str) -> str:
    """The claim in its own words; nothing where no run has it."""
    return next(
        (sanitize(c.sentence) for column in found.columns for c in column.claims.values() if c.name == claim),
        "",
    )


def _row(line: ComparedCells, *, many: bool, axis: Axis, notes: Notes, drift: str) -> document.Row:
    difference = line.difference
    found = difference.comparison
    cells = {
        **_names(line, many=many, axis=axis),
        "metric": "" if found.metric == "seconds" else sanitize(found.metric, 60),
        "verdict": word(difference),
        "change": effect(found),
        "interval": interval(found),
        "levels": _levels(line),
        "units": str(difference.counts[0])
        if len(set(difference.counts)) == 1
        else arrow(*map(str, difference.counts)),
        "memory": _memory(line),
        "effect": arrow(*map(_effect_of, line.verdicts))
        if any(line.verdicts) and line.variant != BASELINE
        else "",
        "claims": _outcomes(line),
    }
    if is_exact(difference.comparison.metric):
        cells["units"] = cells["memory"] = ""
    remarks = [difference.reason] if difference.differs is Differs.TOO_FEW else []
    if line.effect is not None and line.effect.differs not in _NO_DIFFERENCE:
        remarks.append(
            f"the effect against the baseline differs: {effect(line.effect.comparison)} ({line.effect.reason})"
        )
    if difference.drift > _DRIFTED:
        remarks.append(drift)
    tones = {"verdict": tone(difference), "change": IMPROVED[better(difference)]}
    return document.Row(cells, tones, notes.of(*(sanitize(remark) for remark in remarks)))


def _drift_note(lines: Sequence[ComparedCells]) -> str:
    """One note for all rows whose runs drifted: each has its own share in the records."""
    shares = sorted(line.difference.drift for line in lines if line.difference.drift > _DRIFTED)
    if not shares:
        return ""
    if len(shares) == 1:
        return f"a run drifted by {shares[0]:.1%} while it was measured"
    return (
        f"in {len(shares)} rows a run drifted while it was measured, by {shares[0]:.1%} to {shares[-1]:.1%}"
    )


_DRIFTED = 0.05
"""The share from which a run's drift is worth a note."""


def _names(line: ComparedCells | Incomparable, *, many: bool, axis: Axis) -> dict[str, str]:
    if axis is Axis.VARIANT:
        names = {"variant": sanitize(line.columns[1]), "against": sanitize(line.variant, _LABEL)}
    else:
        names = {
            "variant": sanitize(line.variant),
            "against": sanitize(line.columns[1], _LABEL) if many else "",
        }
    return {"case": sanitize(parameters(line.case)), **names}


def _separate(found: RunComparison, *, many: bool) -> Table:
    rows = []
    for row in found.incomparable:
        names = _names(row, many=many, axis=found.axis)
        names["case"] = sanitize(row.case)
        rows.append(document.Row({**names, "reason": sanitize(row.reason)}, {"reason": Tone.OPEN}))
    return Table(f"Cannot be compared ({len(rows)})", _APART, tuple(rows), folded=len(rows) > _FOLDED)


_FOLDED = 10
"""Rows beyond which a page folds what cannot be compared away."""


def _levels(line: ComparedCells) -> str:
    return step(*line.levels, metric(line.difference.comparison.metric).unit)


def _effect_of(verdict: Verdict | None) -> str:
    found = verdict.comparison if verdict else None
    return effect(found) if found else "?"


def _outcomes(line: ComparedCells) -> str:
    words = [str(verdict.outcome) if verdict else "?" for verdict in line.verdicts]
    if line.variant == BASELINE or words == ["?", "?"]:
        return ""
    return words[0] if words[0] == words[1] else f"{words[0]} -> {words[1]}"


def _memory(line: ComparedCells) -> str:
    found = memory(line)
    return bytes_step(found[1], found[2], found[0]) if found else ""


def memory(line: ComparedCells) -> tuple[str, float, float] | None:
    """The first kind of memory that both sides have, with its bytes on either; None where there is none."""
    for name, label in (("peak_bytes", ""), ("pss_bytes", "PSS "), ("tree_bytes", "")):
        before, after = (single(cell.measurements, cell.variant, name) for cell in line.cells)
        if before is not None and after is not None:
            return label, before[0], after[0]
    return None
