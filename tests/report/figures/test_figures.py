"""Figures: what they draw, in numbers, and that Bokeh finds no fault in any of them."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from bokeh.embed import json_item
from bokeh.models import ColumnDataSource

from harness.model import Trend
from harness.report.builders.comparison import comparison_document
from harness.report.builders.trend import TrendRun
from harness.report.figures.curves import run_curves
from harness.report.figures.forest import Effect, forest
from harness.report.figures.timeline import thinned, timelines
from harness.report.figures.trends import trend_figures
from harness.report.html.compared_page import compared_page
from harness.report.html.parts import Figure
from harness.report.html.run_page import run_page
from harness.report.html.verdicts import cases_of
from tests.support.compared import RUNS, thirty_runs, two_runs
from tests.support.pages import full_run, numbers, telemetry


@pytest.fixture(scope="module")
def trended(tmp_path_factory: pytest.TempPathFactory) -> tuple[tuple[Trend, ...], list[TrendRun]]:
    """The trends of thirty runs."""
    return thirty_runs(tmp_path_factory.mktemp("many"))


def test_loader_curves_have_bands_and_the_baseline(tmp_path: Path) -> None:
    """Variants named by workers give a figure a case: rates with intervals, memory, and the baseline's
    level."""
    run = full_run(tmp_path)
    figures = run_curves(run.claims, cases_of(run))
    assert [figure.title for figure in figures] == ["L1 jpeg", "L1 tiny"]
    shown = figures[0].numbers
    assert shown is not None
    assert [row[1] for row in shown.rows] == ["0", "1", "2", "4"]
    assert all(" to " in row[3] and row[4].endswith("MiB") for row in shown.rows)


def test_telemetry_has_a_figure_for_each_device() -> None:
    """Panels by quantity, throttling summed, peaks kept when points are thinned, NaN passed over."""
    frame = telemetry(["a.py::b[1]", "a.py::c"])
    frame.loc[5, "value"] = np.nan
    figures = timelines(frame)
    assert [figure.title for figure in figures] == ["GPU-1", "host"]
    assert "clocks held down, 20 s" in figures[0].caption
    grid = figures[0].numbers
    assert grid is not None
    assert grid.rows[2][:2] == ("power watts", "210 W")
    times, values = np.arange(100_000.0), np.zeros(100_000)
    values[77_777] = 5.0
    _, kept = thinned(times, values)
    assert len(kept) <= 1200 and kept.max() == 5.0
    assert timelines(frame.iloc[:0]) == []


def test_extreme_effects_are_counted_and_not_drawn() -> None:
    """Ratios of zero, and those that are not finite, have no place on the axis; the caption counts them."""
    good = Effect("fine", 0.5, 0.4, 0.6, 0.02, "good", "holds", "2x", "")
    none = [
        replace(good, ratio=ratio, low=None, high=None) for ratio in (float("inf"), float("nan"), 0.0, 1e9)
    ]
    drawn = forest("f", "t", [good, *none])
    assert drawn is not None and "4 not drawn" in drawn.caption
    assert forest("f", "t", none) is None


def test_figures_show_levels_and_their_intervals(trended: tuple[tuple[Trend, ...], list[TrendRun]]) -> None:
    """A figure for each case, those that changed first, with every level and the bounds of every stretch."""
    made, runs = trended
    figures = trend_figures(made, runs, effects=False)
    assert [figure.title for figure in figures] == ["A1 m", "A1 calm"]
    drawn = set(numbers(json_item(figures[0].drawing)))
    models = figures[0].drawing.references()
    columns = next(m.data for m in models if isinstance(m, ColumnDataSource) and "run" in m.data)
    quick = next(trend for trend in made if trend.variant == "quick" and len(trend.stretches) > 1)
    index = [trend.variant for trend in made if trend.case == quick.case].index("quick")
    assert np.asarray(columns["y" + str(index)]) * 1e-6 == pytest.approx(quick.levels, rel=1e-6)
    assert list(columns["x"]) == list(range(1, RUNS + 1))
    for stretch in quick.stretches:
        assert stretch.low is not None and float(f"{stretch.low / 1e-6:.6g}") in drawn
    grid = figures[0].numbers
    assert grid is not None
    rows = [row for row in grid.rows if row[0] == "quick"]
    assert [row[1].partition(" to ")[0] for row in rows] == ["2026-03-01", "2026-03-16"]
    assert rows[1][2] == "550 us" and " to " in rows[1][3]


def every_figure(tmp_path: Path, trended: tuple[tuple[Trend, ...], list[TrendRun]]) -> Iterator[Figure]:
    """Figures of every sort that there is."""
    made, runs = trended
    gap = replace(made[0], levels=(None, *made[0].levels[1:]))
    found = two_runs(tmp_path / "two")
    yield from run_page(full_run(tmp_path / "run")).figures
    yield from timelines(telemetry(["a.py::b[1]", "a.py::c"]))
    yield from compared_page(found, comparison_document(found)).figures
    yield from trend_figures((gap, *made[1:]), runs, effects=True)


def test_bokeh_finds_no_fault_in_any_figure(
    tmp_path: Path, trended: tuple[tuple[Trend, ...], list[TrendRun]], caplog: pytest.LogCaptureFixture
) -> None:
    """Bokeh checks a document whenever it writes one: every kind of figure passes without a warning."""
    kinds = set()
    with caplog.at_level(logging.WARNING):
        for figure in every_figure(tmp_path, trended):
            assert json_item(figure.drawing)["root_id"] == figure.drawing.id
            kinds |= {type(model).__name__ for model in figure.drawing.references()}
    assert caplog.messages == []
    assert {"HBar", "Scatter", "Segment", "Text", "VArea", "Quad", "VStrip", "LogAxis", "HoverTool"} <= kinds
