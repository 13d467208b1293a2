"""docs/NOTEBOOK.md: its code runs as it stands, and frames are made when they are asked for."""

from __future__ import annotations

import ast
import json
import math
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import harness
from harness.model import Comparison
from harness.report.format import improvement
from harness.store import StoreError
from tests.support.living import ENVIRONMENT, PATIENCE, ROOT
from tests.support.saved import claim, measurements_of, save

ONE = claim("A1")
PAGE = (ROOT / "docs" / "NOTEBOOK.md").read_text(encoding="utf-8")


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two runs below the working directory; frames are printed as wide as a page, whatever terminal there
    is."""
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.chdir(tmp_path)
    for day, quick in ((1, 0.5e-3), (2, 0.6e-3)):
        # One variant is better, one worse, and one case has a single process.
        measured = measurements_of(ONE, "m", 7, salt=day, quick=quick, slow=2e-3)
        save(
            tmp_path / "results" / f"2026-01-0{day}_10-00-00",
            [ONE],
            [*measured, *measurements_of(ONE, "once", 1, salt=day, quick=quick)],
            started=f"2026-01-0{day}T10:00:00+00:00",
        )
    return tmp_path / "results"


def test_the_page_answers_three_questions(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The first blocks run in order, and print the tip that holds, the spread, and what moved."""
    blocks = re.findall(r"```python\n(.*?)```", PAGE.partition("\n## ")[0], re.DOTALL)
    assert len(blocks) == 3
    names: dict[str, object] = {}
    answers = []
    for block in blocks:
        exec(block, names)
        answers.append(capsys.readouterr().out)
    assert "A1 m   quick  seconds" in answers[0] and "slow" not in answers[0]
    assert "bench_a1.py::bench_a1[m]" in answers[1] and "[once]" not in answers[1]
    assert "1.2" in answers[2] and "NaN" not in answers[2]


def test_frames_have_the_columns_that_the_page_lists(results: Path) -> None:
    """Where a comment lists columns, they are the frame's, in order."""
    run = harness.load("latest")
    listed = re.findall(r"^run\.(\w+)  # (\w+(?:, \w+)+)$", PAGE, re.MULTILINE)
    assert len(listed) == 4
    assert {name: columns.split(", ") for name, columns in listed} == {
        name: list(getattr(run, name).columns) for name, _ in listed
    }


def test_frames_are_made_once(results: Path) -> None:
    """A frame is made at the first access and shared after it; the run's own folder and name are at hand."""
    run = harness.load("2026-01-02")
    assert run.samples is run.samples
    assert list(run.verdicts.verdict) == ["holds", "fails", "inconclusive"]
    assert list(run.verdicts.label) == ["A1 m", "A1 m", "A1 once"]
    assert run.verdicts.improvement[:2].to_list() == pytest.approx([1 / 0.6, 0.5], rel=0.01)
    assert set(run.verdicts.unit) == set(run.samples.unit) == {"s"}
    assert run.folder.name == "2026-01-02_10-00-00"
    assert "2 cases, 8 measurements" in repr(run)
    assert set(run.memory.metric) == {"peak_bytes"}
    assert len(run.telemetry) == len(run.energy) == 0
    versions = run.environment.set_index("name").value
    assert versions["software.torch"] == "2.14.1"


def test_the_example_notebook_runs(results: Path) -> None:
    """Its code cells run in order on a saved run, and the last line of each shows something."""
    cells = json.loads((ROOT / "examples" / "report.ipynb").read_text(encoding="utf-8"))["cells"]
    names: dict[str, object] = {}
    shown = []
    for cell in cells:
        if cell["cell_type"] == "code":
            *before, last = ast.parse("".join(cell["source"])).body
            assert isinstance(last, ast.Expr)
            exec(compile(ast.Module(before, []), "cell", "exec"), names)
            shown.append(eval(compile(ast.Expression(last.value), "cell", "eval"), names))
    assert [type(each).__name__ for each in shown] == [
        "SavedRun", "DataFrame", "Drawing", "Series", "Drawing", "Drawing",
    ]  # fmt: skip
    assert all(each._repr_html_() for each in shown if hasattr(each, "_repr_html_"))


def test_a_run_shows_a_line_for_each_claim(tmp_path: Path) -> None:
    """A table of what is worth doing first; what a run says about itself is text, never HTML."""
    hostile = claim("A2", margin=0.02)
    hostile = replace(hostile, sentence="<script>alert(1)</script>")
    save(
        tmp_path / "run",
        [ONE, hostile],
        [*measurements_of(ONE, "m", 7, slow=2e-3), *measurements_of(hostile, "", 7, quick=0.5e-3)],
    )
    shown = harness.load(tmp_path / "run")._repr_html_()
    assert (
        shown.index("worth doing here")
        < shown.index("A2")
        < shown.index("costs you here")
        < shown.index("A1")
    )
    assert "2.00x faster" in shown and "2.00x slower" in shown
    assert "<script" not in shown and "&lt;script&gt;" in shown


def test_figures_show_themselves(results: Path, tmp_path: Path) -> None:
    """In a frame of their own, which fetches nothing, or in words where there is none to draw."""
    run = harness.load("latest")
    effects = run.plot.effects()
    frame = effects._repr_html_()
    assert frame.startswith('<iframe title="Effects"') and 'sandbox="allow-scripts"' in frame
    assert frame.count("<") == 2, "the page is inside an attribute, escaped"
    assert len(effects.models) == 1
    effects.save(tmp_path / "effects.html")
    page = (tmp_path / "effects.html").read_text(encoding="utf-8")
    assert (
        "default-src &#39;none&#39;" in page and "No effect" not in page and page.rstrip().endswith("</html>")
    )
    assert (
        run.plot.loaders()._repr_html_() == "<p>No loader was measured with several numbers of workers.</p>"
    )
    assert repr(run.plot.timeline()) == "<Drawing The run over time: The run recorded no timeline.>"


@pytest.mark.parametrize(
    ("metric", "ratio", "times"),
    [
        ("seconds", 0.5, 2.0), ("seconds", 4.0, 0.25), ("seconds", 0.0, math.inf), ("launches", 2.0, 0.5),
        ("asked_bytes", 2.0, None),
    ],
)  # fmt: skip
def test_how_many_times_better(metric: str, ratio: float, times: float | None) -> None:
    """Whichever way the metric gets better; nothing for one that does not."""
    assert improvement(Comparison(metric, 7, ratio)) == times


def test_what_cannot_be_loaded_is_said(results: Path) -> None:
    """A word that means no run is an error with what there is."""
    with pytest.raises(StoreError, match="no run is called"):
        harness.load("nowhere")


def test_importing_is_light() -> None:
    """`import harness` brings neither torch nor pandas nor NumPy, and loading a run makes no frame yet."""
    code = (
        "import sys, harness; sys.exit(any(n in sys.modules for n in ('torch', 'pandas', 'numpy', 'scipy')))"
    )
    assert (
        subprocess.run(
            [sys.executable, "-c", code], env=ENVIRONMENT, check=False, timeout=PATIENCE
        ).returncode
        == 0
    )


def test_comparing_is_light(results: Path) -> None:
    """`compare` costs neither pandas nor torch, nor the large part of SciPy."""
    code = (
        "import sys\nfrom harness.cli.main import main\n"
        "assert main(['compare', 'latest~1', 'latest']) == 0\nassert main(['trend']) == 0\n"
        "bad = {'torch', 'pandas', 'pytest', 'pynvml', 'scipy.stats', 'psutil', 'pyarrow'} & set(sys.modules)\n"
        "sys.exit(', '.join(bad) or 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stderr
