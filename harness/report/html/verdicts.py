"""The table of a run's verdicts, each row with everything known about it, and the forest plots of its
claims."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence

from harness.model import BASELINE, Measurement, Outcome, metric
from harness.report.builders.run_content import ClaimSection, RunContent, VerdictRow
from harness.report.builders.run_details import ARITHMETIC, LOADERS, detail_rows
from harness.report.figures.forest import drawable, on_two_scales
from harness.report.format import basis, digits, quantity, sanitize
from harness.report.html.parts import (
    Figure,
    FilteredTable,
    Grid,
    HtmlCell,
    HtmlColumn,
    OpenableRow,
    filtered_table,
    verdict_cell,
    with_text,
)
from harness.report.html.summary import effect_of
from harness.report.summary import measured, memory_growth, typical
from harness.store import Run

Cases = Mapping[str, Sequence[Measurement]]
Details = Mapping[tuple[str, str], Sequence[tuple[str, Mapping[str, str]]]]

MOST_READINGS = 40

_COLUMNS = (
    HtmlColumn("claim"),
    HtmlColumn("case"),
    HtmlColumn("variant"),
    HtmlColumn("verdict"),
    HtmlColumn("effect", True),
    HtmlColumn("95 % interval", True),
    HtmlColumn("baseline", True),
    HtmlColumn("time", True),
    HtmlColumn("memory", True),
    HtmlColumn("units", True),
    HtmlColumn("to decide", True),
)
ORDER = tuple(map(str, Outcome))


def verdict_table(run: Run, judged: RunContent) -> FilteredTable:
    """Every row of the report, in the order of its claims."""
    by_case = cases_of(run)
    details = _details(run)
    rows = [
        _row(index, section, row, by_case, details, len(judged.footnotes))
        for index, section in enumerate(judged.sections)
        for row in section.rows
    ]
    return filtered_table("Every verdict of this run", _COLUMNS, rows, ORDER, below=_claims(judged))


def forests(judged: RunContent) -> list[Figure]:
    """The claims' forest plots on two scales."""
    claims = (
        [effect for row in section.rows if (effect := effect_of(section, row, named=True)) is not None]
        for section in judged.sections
    )
    return on_two_scales(claims, "Claims whose effects are small", "Claims whose effects are large")


def cases_of(run: Run) -> dict[str, list[Measurement]]:
    """The measurements by case."""
    by_case: dict[str, list[Measurement]] = defaultdict(list)
    for measurement in run.measurements:
        by_case[measurement.case].append(measurement)
    return by_case


def _row(
    index: int, section: ClaimSection, row: VerdictRow, by_case: Cases, details: Details, footnotes: int
) -> OpenableRow:
    verdict = row.verdict
    found = verdict.comparison if verdict is not None else None
    measurements = by_case.get(verdict.case, ()) if verdict is not None else ()
    reason = row.reason or (sanitize(verdict.reason) if verdict is not None else "")
    return OpenableRow(
        _cells(index, section, row, measurements),
        str(row.outcome),
        row.tone,
        section.claim,
        with_text(
            ("claim", section.sentence),
            ("verdict", ": ".join(filter(None, (str(row.outcome), reason)))),
            ("total times", _mean(found.mean_ratio) if found is not None else ""),
            ("judged from", basis(verdict.basis) if verdict is not None and not row.reason else ""),
        ),
        tuple(number for number in row.notes if number <= footnotes),
        _grids(section, row, measurements, details),
        with_text(("judged by", section.judged), ("why", section.why), ("taught by", section.source)),
    )


def _claims(judged: RunContent) -> Grid:
    """What the rows of a claim share: how it is judged, why it holds or fails, and who teaches it."""
    rows = tuple((each.claim, each.sentence, each.judged, each.why, each.source) for each in judged.sections)
    return Grid("The claims", ("claim", "sentence", "judged by", "why", "taught by"), rows, folded=True)


def _cells(
    index: int, section: ClaimSection, row: VerdictRow, measurements: Sequence[Measurement]
) -> tuple[HtmlCell, ...]:
    verdict = row.verdict
    found = verdict.comparison if verdict is not None else None
    ratio = math.log(found.ratio) if found is not None and drawable(found.ratio) else None
    base = typical(measurements, BASELINE, "seconds") if row.baseline else None
    grown = memory_growth(measurements, verdict.variant) if verdict is not None and row.memory else None
    return (
        HtmlCell(section.claim, index),
        HtmlCell(row.case),
        HtmlCell(row.variant, notes=row.notes),
        verdict_cell(str(row.outcome), ORDER, row.tone),
        HtmlCell(row.effect, ratio, row.effect_tone),
        HtmlCell(row.interval, found.low if found is not None and row.interval else None),
        HtmlCell(row.baseline, base),
        HtmlCell(row.time),
        HtmlCell(row.memory, grown, notes=section.memory_notes if row.memory else ()),
        HtmlCell(row.units, found.units if found is not None else None),
        HtmlCell(row.more, verdict.more_seconds if verdict is not None and row.more else None),
    )


def _mean(ratio: float | None) -> str:
    return "" if ratio is None or not drawable(ratio) else f"{digits(ratio)}x the baseline's"


def _grids(
    section: ClaimSection, row: VerdictRow, measurements: Sequence[Measurement], details: Details
) -> tuple[Grid, ...]:
    if row.verdict is None or row.verdict.comparison is None:
        return ()
    grids = []
    pairs = [
        (name, cells)
        for name, cells in details.get((section.claim, row.case), ())
        if name in (BASELINE, row.variant)
    ]
    columns = [name for name in (pairs[0][1] if pairs else ()) if any(cells.get(name) for _, cells in pairs)]
    if columns:
        rows = tuple((name, *(cells[column] for column in columns)) for name, cells in pairs)
        grids.append(Grid("In units of its work", ("", *columns), rows))
    readings = _readings(measurements, row.verdict.variant)
    if readings:
        grids.append(Grid("Everything measured", ("", BASELINE, row.variant, "from"), readings))
    return tuple(grids)


def _readings(measurements: Sequence[Measurement], variant: str) -> tuple[tuple[str, ...], ...]:
    names: dict[str, str] = {}
    for measurement in measurements:
        trial = measured(measurement, variant)
        for kind in (trial.samples, trial.exact, trial.solo) if trial is not None else ():
            for name in kind:
                names.setdefault(name, trial.sources.get(name, "") if trial is not None else "")
    rows = []
    for name, came_from in list(names.items())[:MOST_READINGS]:
        stated = metric(name)
        unit = "" if stated.unit == "1" else stated.unit
        pair = (typical(measurements, which, name) for which in (BASELINE, variant))
        shown = ["" if value is None else quantity(value, unit) for value in pair]
        rows.append((sanitize(stated.meaning, 120), *shown, sanitize(came_from, 120)))
    return tuple(rows)


def _details(run: Run) -> Details:
    found: dict[tuple[str, str], list[tuple[str, Mapping[str, str]]]] = defaultdict(list)
    for heading in (LOADERS, ARITHMETIC):
        for row in detail_rows(run, heading):
            found[row.claim, row.case].append((row.variant, row.cells))
    return found
