"""The machine's last selftest, quoted by its reports."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness import store
from harness.model import GateOutcome, GateResult, GateVerdict, Side, SideFacts
from harness.report.builders.gate_records import document
from harness.report.selftest import selftest_line, selftest_of


def keep(
    results: Path, name: str, *, machine: str = "here", selftest: bool = True, alarm: bool = False
) -> Path:
    """A stored result with two decisions."""
    verdicts = tuple(
        GateVerdict(case, "A", "tip", "seconds", outcome, spread=spread, resolvable=2 * spread)
        for case, spread, outcome in (
            ("a", 0.01, GateOutcome.REGRESSED if alarm else GateOutcome.UNCHANGED),
            ("b", 0.03, GateOutcome.UNCHANGED),
        )
    )
    sides = [SideFacts(side, "this code", environment={"machine_id": machine}) for side in Side]
    result = GateResult(
        sides[0], sides[1], verdicts, 0, 2, 0.05, 0.1, 0.01, 10, 60.0, f"{name}T10:00:00", (), selftest
    )
    folder = results / f"{name}_10-00-00"
    folder.mkdir(parents=True)
    store.write_result(folder, json.dumps(document(result)))
    return folder


def test_the_latest_of_this_machine_is_quoted(tmp_path: Path) -> None:
    """Later ones count; gates, other machines' selftests and files that are not ours do not."""
    keep(tmp_path, "2026-01-01", alarm=True)
    keep(tmp_path, "2026-02-01")
    keep(tmp_path, "2026-03-01", machine="elsewhere", alarm=True)
    keep(tmp_path, "2026-04-01", selftest=False, alarm=True)
    for number, content in enumerate(("{", "[]", '{"schema": 1}', "[" * 100_000)):
        broken = tmp_path / f"2026-05-0{number + 1}"
        broken.mkdir()
        (broken / store.RESULT_FILE).write_text(content)
    line = selftest_line(tmp_path, "here")
    assert line.startswith("2026-02-01: identical code differs by 2.0% a unit (at most 3.0%)")
    assert "from 4.0%" in line
    assert line.endswith("0 false alarms in 2 decisions")


@pytest.mark.parametrize("machine", ["there", None])
def test_without_one_a_report_says_how_to_hold_it(tmp_path: Path, machine: str | None) -> None:
    """No selftest of this machine is said, and is no error."""
    keep(tmp_path, "2026-01-01")
    run = store.Run(tmp_path / "run", {}, (), {"machine_id": machine}, ())
    assert selftest_line(tmp_path, machine) == ""
    assert selftest_of(run).startswith("none on this machine yet; ")
    quoted = store.Run(tmp_path / "run", {}, (), {"machine_id": "here"}, ())
    assert "2026-01-01" in selftest_of(quoted)
