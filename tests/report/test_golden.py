"""The five reports as people and their tools see them, each in every form, compared with files that are read
in review.

``GOLDEN=write pytest tests/report/test_golden.py`` writes the files anew; what then differs is to be meant.
"""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from rich.console import Console

from harness.cli.main import main
from harness.model import GateResult
from harness.report.builders.gate import gate_document
from harness.report.builders.gate_records import document
from harness.report.render.terminal import show_document
from harness.store import RESULT_FILE, TUNE, TUNED_FILE, open_gate, open_run
from harness.store.codec import to_json
from tests.support import pages
from tests.support.compared import thirty_runs, two_runs
from tests.support.gated import EVERY, SMALL
from tests.support.living import ROOT
from tests.support.saved import claim
from tests.support.tuned import TUNED

GOLDEN = ROOT / "tests" / "data" / "golden"
SAVED = ROOT / "tests" / "data" / "saved"
"""Runs, a baseline, a gate, a self-test and a tuning, as an earlier build (d3e48e8) wrote them."""
GATE = "2026-11-29_22-17-50"
"""A gate against a saved run among them."""

Form = tuple[str, str]
TERMINALS: tuple[Form, ...] = (("80", "80.txt"), ("120", "120.txt"))
MARKDOWN, JSON, JUNIT, CSV = ("--markdown", "md"), ("--json", "json"), ("--junit", "xml"), ("--csv", "csv")


def run(results: Path) -> list[str]:
    """A run with every kind of verdict."""
    pages.full_run(results / "run")
    return ["report", "run"]


def details(results: Path) -> list[str]:
    """Everything about it, table by table."""
    return [*run(results), "--details"]


def gate(results: Path) -> list[str]:
    """A gate with every heading."""
    folder = results / "gate"
    open_gate(folder, [claim("M1")], base="base", head="head").close()
    (folder / RESULT_FILE).write_text(json.dumps(document(SMALL)), encoding="utf-8")
    return ["report", "gate"]


def comparison(results: Path) -> list[str]:
    """Two runs with every kind of row."""
    two_runs(results)
    return ["compare", "before", "after"]


def trend(results: Path) -> list[str]:
    """Thirty runs, in which something changed."""
    thirty_runs(results)
    return ["trend"]


def tuning(results: Path) -> list[str]:
    """A tuning with an answer, its price and what came second."""
    folder = results / "tuning"
    open_run(folder, [], profile=TUNE, started="2026-01-02T03:04:05+00:00").close()
    (folder / TUNED_FILE).write_text(json.dumps(to_json(TUNED)), encoding="utf-8")
    return ["report", "tuning"]


def earlier(*words: str) -> Callable[[Path], list[str]]:
    """A command on what an earlier build saved."""

    def copied(results: Path) -> list[str]:
        shutil.copytree(SAVED, results, dirs_exist_ok=True)
        return list(words)

    return copied


REPORTS: dict[str, tuple[Callable[[Path], list[str]], tuple[Form, ...]]] = {
    "run": (run, (*TERMINALS, MARKDOWN, JSON, JUNIT)),
    "run-details": (details, TERMINALS),
    "gate": (gate, (*TERMINALS, MARKDOWN, JSON, JUNIT)),
    "comparison": (comparison, (*TERMINALS, MARKDOWN, JSON, JUNIT, CSV)),
    "trend": (trend, (*TERMINALS, MARKDOWN, JSON, CSV)),
    "tuning": (tuning, (*TERMINALS, MARKDOWN, JSON)),
    "earlier-run": (earlier("report", "2026-11-29_22-14-53"), (*TERMINALS, MARKDOWN, JSON, JUNIT)),
    "earlier-gate": (earlier("report", GATE), (*TERMINALS, MARKDOWN, JSON, JUNIT)),
    "earlier-selftest": (earlier("report", "2026-11-29_22-15-04"), (*TERMINALS, MARKDOWN, JSON, JUNIT)),
    "earlier-comparison": (earlier("compare", "baseline", f"{GATE}@head"), (*TERMINALS, MARKDOWN, JSON, JUNIT)),
    "earlier-trend": (earlier("trend"), (*TERMINALS, MARKDOWN, JSON)),
    "earlier-tuning": (earlier("report", "2026-11-29_22-15-52"), (*TERMINALS, MARKDOWN, JSON)),
    "earlier-runs": (earlier("runs"), TERMINALS),
}  # fmt: skip
"""Each report by name: what makes it, from an empty folder of results, and the forms it has."""


@pytest.fixture
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Times of day are shown as they are here, which must be the same everywhere."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("report", "form"),
    [
        pytest.param(report, form, id=f"{report}.{form[1]}")
        for report, (_, forms) in REPORTS.items()
        for form in forms
    ],
)
def test_report_is_golden(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    utc: None,
    report: str,
    form: Form,
) -> None:
    """What a command prints, or writes in a form, is that of the file."""
    how, suffix = form
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", how if how.isdigit() else "120")
    (tmp_path / "results").mkdir()
    command = REPORTS[report][0](tmp_path / "results")
    capsys.readouterr()
    main([*command, "--results", "results", *([] if how.isdigit() else [how, "-"])])
    out, error = capsys.readouterr()
    assert out, error
    compare_with(GOLDEN / f"{report}.{suffix}", normalized(out, suffix))


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize(
    ("name", "result"), [("gate-end", SMALL), ("gate-outcomes", EVERY)], ids=["end", "outcomes"]
)
def test_end_of_a_gate_is_golden(name: str, result: GateResult, width: int) -> None:
    """What a gate itself prints at its end: unchanged and skipped ones are summed up."""
    file = io.StringIO()
    show_document(gate_document(result), Console(file=file, width=width))
    compare_with(GOLDEN / f"{name}.{width}.txt", file.getvalue())


def compare_with(file: Path, text: str) -> None:
    """Compare with a golden file, or write it where that is asked for."""
    if os.environ.get("GOLDEN") == "write":
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, encoding="utf-8")
    assert text == file.read_text(encoding="utf-8"), f"{file.name} differs; if it is meant to: GOLDEN=write"


def normalized(text: str, suffix: str) -> str:
    """The text with numbers of nine digits: the last ones are those of a library's build."""
    if suffix == "json":
        return json.dumps(json.loads(text, parse_float=_digits), indent=1) + "\n"
    return (
        re.sub(r"\d+\.\d{9,}(e-?\d+)?", lambda found: repr(_digits(found[0])), text)
        if suffix == "csv"
        else text
    )


def _digits(text: str) -> float:
    return float(f"{float(text):.9g}")
