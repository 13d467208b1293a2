"""Records of schema 1 as an earlier revision wrote them: they load, compare and report."""

from __future__ import annotations

import io
import json
from dataclasses import asdict

import pytest
from rich.console import Console

from harness.judge.group import Axis, columns
from harness.judge.run import judge
from harness.judge.runs import compare_runs
from harness.model import CaseWarning, EndReason, Measurement, Outcome, RunEnd, Trial, WarningCode
from harness.report.builders.run import run_document
from harness.report.render.terminal import show_document
from harness.store import load
from harness.store.records import end_from, end_text, measurement_in
from tests.support.living import ROOT

EARLIER = ROOT / "tests" / "data" / "schema-1"

TEXTS = {
    "everything was decided": EndReason.ALL_DECIDED,
    "every invocation that its profile allows was held": EndReason.ALL_MEASURED,
    "the time budget was used up": EndReason.BUDGET_USED,
    "interrupted": EndReason.INTERRUPTED,
}
"""Why runs ended, as schema 1 has it on disk."""


@pytest.fixture
def shown() -> str:
    """The report of the earlier run."""
    file = io.StringIO()
    show_document(run_document(load(EARLIER)), Console(file=file, width=120))
    return file.getvalue()


def test_an_earlier_run_loads() -> None:
    """Every record of it is read."""
    run = load(EARLIER)
    assert run.ended == RunEnd(EndReason.BUDGET_USED)
    assert [claim.name for claim in run.claims] == ["C4", "C1"]
    assert len(run.planned) == 4
    assert len(run.measurements) == 3
    assert len(run.ceilings) > 5
    assert len(run.telemetry.series) > 10
    assert run.warnings == ()


def test_an_earlier_run_is_judged_and_reported(shown: str) -> None:
    """What the budget did not reach is inconclusive and not lost; a warning stands at the variant it is about
    alone."""
    found = {(verdict.case.partition("[")[2], verdict.variant): verdict for verdict in judge(load(EARLIER))}
    assert found["large]", ""].reason == "not reached: the time budget was used up"
    assert {verdict.outcome for verdict in found.values()} == {Outcome.INCONCLUSIVE, Outcome.SKIPPED}
    assert "[1]  bmm was still getting faster after 1 s of warming up" in shown
    assert [line.split()[1] for line in shown.splitlines() if line.endswith("[1]")] == ["bmm"]
    assert "NVML does not start" not in shown
    assert "the machine was busy before the run: load 5.3 on 2 cores" in shown


def test_an_earlier_run_compares() -> None:
    """Beside itself it has the same numbers."""
    run = load(EARLIER)
    found = compare_runs(columns([("a", run), ("b", run)], Axis.RUN), Axis.RUN)
    assert {line.variant: line.difference.comparison.ratio for line in found.lines} == {
        "baseline": 1.0,
        "bmm": 1.0,
        "matmul": 1.0,
        "einsum": 1.0,
    }


@pytest.mark.parametrize("text", TEXTS)
def test_reasons_keep_their_texts_on_disk(text: str) -> None:
    """A text of schema 1 is the reason it always was, and is written as it was."""
    assert end_from(text) == RunEnd(TEXTS[text])
    assert end_text(RunEnd(TEXTS[text])) == text


@pytest.mark.parametrize("text", ["stopped: no space left", "stopped: ", "the moon was full", ""])
def test_any_other_text_comes_back(text: str) -> None:
    """An error's words and a reason that this version does not know are kept and written as they were."""
    assert end_text(end_from(text)) == text
    assert end_from(text).text == text


def test_a_warning_of_a_later_version_is_kept() -> None:
    """A code that this version does not know keeps its variant and its words; a text is about the variant it
    names."""
    trials = [asdict(Trial(name)) for name in ("baseline", "tip")]
    stated = {"code": "sun spots", "subject": "tip", "detail": "many", "quantity": "flares", "seconds": 0}
    record = {**asdict(Measurement("a.py::a", "A", 1)), "trials": trials}
    found = measurement_in(
        json.dumps({**record, "warnings": [stated, "no joules of tip: boom", "hot"]}).encode()
    )
    assert found.warnings == (
        CaseWarning(WarningCode.OTHER, "tip", "sun spots: flares: many"),
        CaseWarning(WarningCode.OTHER, "tip", "no joules of tip: boom"),
        CaseWarning(WarningCode.OTHER, "", "hot"),
    )


@pytest.mark.parametrize("stated", [7, ["x"], {"code": "other"}, {"code": 1, "subject": "", "detail": ""}])
def test_what_is_not_a_warning_is_refused(stated: object) -> None:
    """A warning is a text or an object with all fields of their types."""
    line = json.dumps({**asdict(Measurement("a.py::a", "A", 1)), "warnings": [stated]}).encode()
    with pytest.raises(ValueError, match=r"warnings\[0\]"):
        measurement_in(line)
