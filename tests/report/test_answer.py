"""The answer of a run: a line for each claim, what matters first, and what is open as three things."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from harness.cli.main import main
from harness.model import BASELINE, HOST, Claim, Measurement, SensorSeries, Telemetry
from harness.report.builders.answer import Advice, answer_document, answers
from harness.report.builders.run_content import content
from harness.report.html.run_page import run_page
from harness.report.render.terminal import show_document
from harness.store import Run
from tests.support import reported
from tests.support.pages import full_run, measurements_of
from tests.support.saved import claim

ANSWERED = {
    "A1": Advice.WORTH, "L1": Advice.WORTH, "B2": Advice.COSTS, "M1": Advice.COSTS, "C3": Advice.NONE,
    "S1": Advice.NONE, "T1": Advice.OTHERWISE,
}  # fmt: skip


def shown(run: Run, width: int) -> list[str]:
    """The lines on a terminal."""
    file = io.StringIO()
    show_document(answer_document(run, content(run)), Console(file=file, width=width))
    return file.getvalue().splitlines()


def test_the_claims_come_in_the_order_in_which_they_matter(tmp_path: Path) -> None:
    """What is worth doing first, then what costs, the largest effect first; every claim has one line."""
    found = answers(content(full_run(tmp_path)))
    assert {each.section.claim: each.advice for each in found} == ANSWERED
    assert [each.section.claim for each in found] == ["A1", "L1", "B2", "M1", "C3", "S1", "T1"]
    assert [each.row.variant for each in found[:2] if each.row] == ["quick", "workers_4"]


@pytest.mark.parametrize("width", [80, 120])
def test_the_answer_is_within_25_lines_and_ends_within_ten(tmp_path: Path, width: int) -> None:
    """At 80 columns no claim takes two lines; wider, its sentence stands beside it."""
    lines = shown(full_run(tmp_path), width)
    places = [next(at for at, line in enumerate(lines) if line.startswith(f"  {name} ")) for name in ANSWERED]
    assert max(places) < 25
    assert [line for line in lines[: max(places) + 1] if len(line) > width] == []
    last = next(at for at, line in enumerate(lines) if line.startswith("8 holds, 7 fails"))
    assert len(lines) - last <= 10
    assert any("tipbench bench" in line or "harness bench" in line for line in lines[last:])
    trouble = lines.index("trouble  T1 off (t) wrong: 4 of 9 values differ (invocation 1)")
    assert max(places) < trouble < last and "broken (t) failed: ValueError: no" in lines[trouble + 1]
    if width == 120:
        assert "The sentence of L1." in "".join(lines)


def test_what_is_open_is_not_measured_leaning_or_undecided(tmp_path: Path) -> None:
    """Each has its place; a line says how many units there are, and another names what was not measured."""
    near, far, never = claim("A1"), claim("B2"), claim("C3")
    run = reported.saved(
        tmp_path,
        [near, far, never],
        [
            *measurements_of(near, "", 3, quick=0.97e-3),
            *(measurement(far, unit, 1 + 0.2 * (-1) ** unit) for unit in range(1, 29)),
        ],
        planned=[f"{never.path}::{never.function}"],
        why="the time budget was used up",
    )
    assert {each.section.claim: each.advice for each in answers(content(run))} == {
        "A1": Advice.LEANING, "B2": Advice.UNDECIDED, "C3": Advice.UNMEASURED,
    }  # fmt: skip
    text = "\n".join(shown(run, 80))
    assert "3 of " in text and "28 units" in text
    assert "not measured  1 claim: C3" in text
    assert "1 leaning, 1 undecided, 1 not measured" in text and "inconclusive" not in text


def measurement(of: Claim, unit: int, ratio: float) -> Measurement:
    """A unit in which the variant has this ratio to the baseline."""
    trials = (reported.trial(BASELINE, 1e-3, unit), reported.trial("calm", ratio * 1e-3, unit))
    return Measurement(f"{of.path}::{of.function}", of.name, unit, trials=trials, seconds=1.0)


def test_a_busy_machine_is_said_on_top_of_terminal_and_page(tmp_path: Path) -> None:
    """Others used a core and more: the effects are less sure."""
    run = full_run(tmp_path)
    busy = SensorSeries(HOST, "other_cores", (1.0, 2.0), (3.0, 3.0), run.measurements[0].case, 1)
    run = replace(run, telemetry=Telemetry(hertz=5.0, series=(busy,)))
    lines = shown(run, 120)
    at = next(at for at, line in enumerate(lines) if "others used 3.0 of" in line)
    assert at < next(at for at, line in enumerate(lines) if "Do it" in line)
    assert "others used 3.0 of" in run_page(run).warning


def test_one_claim_is_shown_whole(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """``report CLAIM`` is of the latest run, ``report RUN CLAIM`` of any; what is neither is refused."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    full_run(tmp_path / "results" / "one")
    assert main(["report", "L1"]) == 0
    of_latest = capsys.readouterr().out
    assert main(["report", "one", "L1"]) == 0
    assert capsys.readouterr().out == of_latest
    assert "95 % interval" in of_latest and "tiny" in of_latest and "The sentence of A1." not in of_latest
    assert "2 holds, 4 fails" in of_latest.splitlines()
    assert main(["report", "one", "L11"]) == 2
    assert "no claim 'L11'; did you mean L1?" in capsys.readouterr().err
    assert main(["report", "L11"]) == 2
    assert "a claim of the latest run, one; did you mean L1?" in capsys.readouterr().err
    assert main(["report", "--details"]) == 3
    assert "The sentence of A1." in capsys.readouterr().out
