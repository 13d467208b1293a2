"""A trend as numbers: a row a course and run for CSV and Parquet, a JSON document."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from harness.model import SCHEMA, Trend
from harness.report.builders.trend import TrendRun
from harness.store.codec import plain


def records(courses: Sequence[Trend], runs: Sequence[TrendRun]) -> list[dict[str, object]]:
    """A row for every level of every run, with the level and the interval of the stretch that it is in."""
    found: list[dict[str, object]] = []
    for course in courses:
        for number, stretch in enumerate(course.stretches):
            for index in range(stretch.start, stretch.stop):
                level = course.levels[index]
                if level is not None:
                    found.append(
                        {
                            "claim": course.claim,
                            "case": course.case,
                            "variant": course.variant,
                            "metric": course.metric,
                            "run": runs[index].label,
                            "started": runs[index].started,
                            "level": level,
                            "stretch": number,
                            "stretch_level": stretch.level,
                            "stretch_low": stretch.low,
                            "stretch_high": stretch.high,
                        }
                    )
    return found


def document(courses: Sequence[Trend], runs: Sequence[TrendRun], *, effects: bool) -> dict[str, Any]:
    """The document for machines; indices in stretches are those of runs."""
    return {
        "schema": SCHEMA,
        "kind": "trend",
        "of": "effects" if effects else "times",
        "runs": [{"label": run.label, "started": run.started} for run in runs],
        "courses": [plain(course) for course in courses],
    }
