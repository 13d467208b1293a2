"""What compiling costs: after how many iterations it has paid, in the terminal, on the page, in frames."""

from __future__ import annotations

from dataclasses import replace
from math import inf
from pathlib import Path
from typing import Any

import pytest

from harness.model import BASELINE, Measurement
from harness.report.builders.run_content import content
from harness.report.builders.run_details import ARITHMETIC, detail_rows
from harness.report.frames import verdicts_frame
from harness.report.html.verdicts import verdict_table
from harness.report.summary import break_even
from harness.store import Run
from tests.support.reported import measurements_of, saved, shown
from tests.support.saved import claim

PAID = {"compiled": (12.0, 1.0), "never": (5.0, 0.0), "quick": (0.5, 0.0)}
"""Compile seconds and recompilations of the variants that are compiled; a baseline's iteration takes 1 ms."""


def compiled_run(folder: Path) -> Run:
    """Three variants that are compiled, one of which saves nothing, and one that is not."""
    one = claim("A1")
    found = measurements_of(one, "", 7, compiled=0.5e-3, never=1.2e-3, quick=0.2e-3, plain=0.9e-3)
    return saved(folder, [one], [with_readings(each, PAID) for each in found])


def with_readings(measurement: Measurement, spent: dict[str, tuple[float, float]]) -> Measurement:
    """The measurement, in which each block of these variants has its readings."""
    trials = []
    for trial in measurement.trials:
        more: dict[str, Any] = {}
        if trial.variant in spent:
            names = ("compile_seconds", "recompilations")
            more = {name: (value,) * 8 for name, value in zip(names, spent[trial.variant], strict=True)}
        trials.append(replace(trial, samples={**trial.samples, **more}))
    return replace(measurement, trials=tuple(trials))


def test_iterations_that_make_up_for_compiling() -> None:
    """Seconds of compiling over seconds saved; never where none is saved, nothing without compiling."""
    found = measurements_of(claim("A1"), "", 7, compiled=0.5e-3, never=1.2e-3, plain=0.9e-3)
    assert break_even([with_readings(each, PAID) for each in found], "compiled") == pytest.approx(24_000)
    assert break_even([with_readings(each, PAID) for each in found], "never") == inf
    for name in ("plain", BASELINE, "absent"):
        assert break_even([with_readings(each, PAID) for each in found], name) is None


@pytest.mark.parametrize(
    ("baseline", "seconds", "expected"), [(8.0, 0.5e-3, 8_000.0), (20.0, 0.5e-3, 0.0), (20.0, 1.2e-3, None)]
)
def test_a_baseline_that_is_compiled_takes_its_share_off(
    baseline: float, seconds: float, expected: float | None
) -> None:
    """What compiles sooner and runs faster pays at once; slower and sooner is no matter of paying back."""
    found = measurements_of(claim("A1"), "", 7, compiled=seconds)
    spent = {**PAID, BASELINE: (baseline, 0.0)}
    given = break_even([with_readings(each, spent) for each in found], "compiled")
    assert given == (None if expected is None else pytest.approx(expected))


def test_the_terminal_the_page_and_the_frame_have_it(tmp_path: Path) -> None:
    """Compile seconds, the iterations that pay for them, and recompilations, where something was compiled."""
    run = compiled_run(tmp_path)
    cells = {row.variant: row.cells for row in detail_rows(run, ARITHMETIC)}
    table = [
        [cells[name][column] for column in ("compiling", "pays after", "compiled again")] for name in PAID
    ]
    assert table == [
        ["12.0 s", "24.0 k iterations", "1"], ["5.00 s", "never", "0"], ["500 ms", "625 iterations", "0"],
    ]  # fmt: skip
    assert BASELINE not in cells and "plain" not in cells
    text = shown(run)
    assert "pays after" in text and "24.0 k iterations" in text
    grids = [grid for row in verdict_table(run, content(run)).rows for grid in row.grids]
    assert ("compiled", "12.0 s", "24.0 k iterations", "1") in [line for grid in grids for line in grid.rows]
    frame = verdicts_frame(run).set_index("variant").break_even
    assert frame["compiled"] == pytest.approx(24_000) and frame["never"] == inf
    assert frame.isna()["plain"]
