"""docs/NOTEBOOK.md: its code runs as it stands, and frames are made when they are asked for."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import harness
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
        save(
            tmp_path / "results" / f"2026-01-0{day}_10-00-00",
            [ONE],
            measurements_of(ONE, "m", 7, salt=day, quick=quick),
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
    assert "quick" in answers[0]
    assert "bench_a1.py::bench_a1[m]" in answers[1]
    assert "1.2" in answers[2]


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
    assert list(run.verdicts.verdict) == ["holds"]
    assert run.folder.name == "2026-01-02_10-00-00"
    assert "1 case, 7 measurements" in repr(run)
    assert set(run.memory.metric) == {"peak_bytes"}
    assert len(run.telemetry) == len(run.energy) == 0
    versions = run.environment.set_index("name").value
    assert versions["software.torch"] == "2.14.1"


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
