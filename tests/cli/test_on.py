"""``bench --on`` as it is typed, with jobs by script: what is shown of the set, and the exit status."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from harness.cli.main import main
from harness.cluster.drive import Moments
from harness.cluster.job import NodeJob
from harness.cluster.place import JobState, Phase
from harness.model import CaseWarning, Measurement, Status, WarningCode
from harness.model.run_set import NodeNote
from harness.store import StoreError
from harness.store.sets import write_note
from tests.support.places import Clock, ScriptedPlace
from tests.support.saved import ENVIRONMENT, claim, measurements_of, save

Captured = pytest.CaptureFixture[str]
BENCHMARK = '"""A sentence."""\nfrom harness import claim\n@claim("A1")\ndef bench_a1(compare): pass\n'
ONE = claim("A1")
RUNS = JobState(Phase.RUNNING, "RUNNING")
Play = Callable[..., ScriptedPlace]


def over(word: str, **more: Any) -> JobState:
    """A job that is over."""
    return JobState(Phase.OVER, word, **more)


def measures(parameters: str, *, of: str = "COMPLETED", **changes: Any) -> Callable[[NodeJob], JobState]:
    """A job that measures a case, and is over."""

    def step(job: NodeJob) -> JobState:
        if not (job.folder / job.name).exists():
            environment = {**ENVIRONMENT, "machine_id": (job.node * 6)[:12], **changes.pop("environment", {})}
            found = changes.pop("measurements", measurements_of(ONE, parameters, 7, quick=0.5e-3))
            write_note(
                job.folder, job.name, NodeNote(f"host-{job.node}", changes.pop("began", Moments().wall()), 0)
            )
            save(job.folder / job.name, [ONE], found, environment=environment, **changes)
        return over(of)

    return step


@pytest.fixture
def play(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Play:
    """Has the jobs of these nodes follow a script, in a working folder with one benchmark."""
    (tmp_path / "benchmarks").mkdir()
    (tmp_path / "benchmarks" / "bench_a1.py").write_text(BENCHMARK)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "150")
    monkeypatch.setattr("signal.signal", lambda *_: None)
    clock = Clock()
    monkeypatch.setattr("harness.cluster.drive.Moments", lambda: Moments(lambda: clock.now, wait=clock.wait))

    def played(script: Mapping[str, Any], **more: Any) -> ScriptedPlace:
        place = ScriptedPlace(dict(script), **more)
        nodes = {name: {} for name in script if "-" not in name}  # type: ignore[var-annotated]
        monkeypatch.setattr("harness.cli.on._place", lambda *_: (place, nodes))
        return place

    return played


def ran(capsys: Captured, *arguments: str) -> tuple[int, str, str]:
    """The exit status, the standard output and the standard error of a command."""
    capsys.readouterr()
    try:
        status = main(list(arguments))
    except SystemExit as stopped:
        status = int(stopped.code or 0)
    out = capsys.readouterr()
    return status, out.out, out.err


def bench(capsys: Captured, *more: str) -> tuple[int, str, str]:
    """The command."""
    return ran(capsys, "bench", "--on", "slurm", "--budget", "60", "--device", "cpu", *more)


def test_one_report_of_all_nodes(play: Play, capsys: Captured, tmp_path: Path) -> None:
    """Every verdict has its node, and the status is 0; the set is shown again, and in other forms."""
    place = play({"n1": [RUNS, measures("x")], "n2": [RUNS, measures("y")]})
    status, out, err = bench(capsys)
    assert (status, err) == (0, "")
    for line in (
        "n1: running",
        "Claims on trial on 2 nodes",
        "n1, n2: each case is measured on one of them",
        "2 holds",
    ):
        assert line in out
    rows = [line.split() for line in out.splitlines() if "quick" in line]
    assert [(row[0], row[2], row[3]) for row in rows] == [("x", "n1", "holds"), ("y", "n2", "holds")]
    words = place.jobs["1"].command
    assert words[words.index("--share") + 1] == "n1/n1,n2"
    assert words[words.index("--folder") + 1] == "n1"
    assert place.jobs["1"].seconds == 660.0
    files = ("--json", "r.json", "--junit", "r.xml", "--markdown", "r.md", "--hud-json", "r.hud.json")
    again = ran(capsys, "report", *files)
    assert (again[0], again[1]) == (0, out[out.index("Claims on trial") :])
    found = json.loads((tmp_path / "r.json").read_text())
    assert (found["kind"], found["lost"], sorted(found["runs"])) == ("set", [], ["n1", "n2"])
    assert len(ET.parse(tmp_path / "r.xml").getroot().findall(".//testcase")) == 2
    assert "`n1`" in (tmp_path / "r.md").read_text()
    records = json.loads((tmp_path / "r.hud.json").read_text())
    assert {r["benchmark"]["extra_info"]["run"] for r in records} == {"n1", "n2"}


def test_each_node_measures_everything(play: Play, capsys: Captured) -> None:
    """The nodes can then be compared, and a trend has them."""
    place = play({"n1": [measures("x")], "n2": [measures("x")]})
    status, out, _ = bench(capsys, "--each")
    assert status == 0
    assert "--share" not in place.jobs["1"].command
    assert "each measures all cases" in out
    (folder,) = Path("results").iterdir()
    status, out, _ = ran(capsys, "compare", "--by", "machine", folder.name)
    assert status == 0
    assert out.startswith("n2n2n2n2n2n2 against n1n1n1n1n1n1")
    assert ran(capsys, "trend")[0] == 0
    status, out, _ = ran(capsys, "runs")
    assert "1 set in results" in out


def test_a_lost_job_is_a_row_and_no_success(play: Play, capsys: Captured) -> None:
    """With its state, its exit status, its node and the end of its log; what others measured is shown."""

    def dies(job: NodeJob) -> JobState:
        write_note(job.folder, job.name, NodeNote("host-n2", Moments().wall()))
        (job.folder / "logs" / "2.log").write_text("importing torch\nOut of memory\n")
        return over("OUT_OF_MEMORY", exit_code=0, signal=9)

    play({"n1": [measures("x")], "n2": [dies]})
    status, out, _ = bench(capsys)
    assert status == 3
    row = next(line for line in out.splitlines() if line.startswith("  n2 "))
    assert row.split()[:5] == ["n2", "lost", "host-n2", "signal", "9"]
    for text in (
        "OUT_OF_MEMORY; its run was never begun",
        "The end of the log of n2",
        "Out of memory",
        "1 holds",
    ):
        assert text in out
    assert "the part of n2 is missing or not whole" in out
    assert ran(capsys, "report", "--junit", "r.xml")[0] == 3
    (error,) = ET.parse("r.xml").getroot().findall(".//testcase/error")
    assert "OUT_OF_MEMORY" in (error.get("message") or "")


def test_a_job_that_left_nothing(play: Play, capsys: Captured) -> None:
    """Most likely the folder is not shared."""
    play({"n1": [measures("x")], "n2": [over("FAILED", exit_code=1)]})
    status, out, _ = bench(capsys)
    assert status == 3
    text = " ".join(out.split())
    assert "it left nothing in " in text
    assert "every node must share this folder" in text


def test_a_job_that_somebody_cancelled_is_no_success(play: Play, capsys: Captured) -> None:
    """Its run has an end, and says that it was interrupted; what it measured is shown."""
    play({"n1": [measures("x", of="CANCELLED", ended="interrupted")], "n2": [measures("y")]})
    status, out, _ = bench(capsys)
    assert status == 3
    assert "2 holds; the part of n1 is missing or not whole" in out


def test_a_case_that_failed_is_no_success(play: Play, capsys: Captured) -> None:
    """As in a run by itself."""
    failed = Measurement(f"{ONE.path}::{ONE.function}", "A1", 1, Status.FAILED, "it broke")
    play({"n1": [measures("x", measurements=[failed])], "n2": [measures("y")]})
    assert bench(capsys)[0] == 3


def test_a_second_attempt_counts(play: Play, capsys: Captured) -> None:
    """The first one is a row, and what it measured stays in its folder."""
    play({"n1": [measures("x", of="NODE_FAIL", ended="interrupted")], "n1-2": [measures("x")]})
    status, out, _ = bench(capsys)
    assert status == 0
    assert "NODE_FAIL; it was submitted again" in out
    assert "n1-2" in out
    assert len(list(Path("results").glob("*/n1*/run.jsonl"))) == 2


def test_no_job_was_taken(play: Play, capsys: Captured) -> None:
    """That is the request's fault: status 2, the scheduler's words once, and no folder."""
    why = "Batch job submission failed: Invalid account"
    play({"n1": [], "n2": []}, refused={"n1": why, "n2": why})
    status, _, err = bench(capsys)
    assert (status, err) == (2, f"harness: --on slurm: no job was taken: {why}\n")
    assert list(Path("results").iterdir()) == []


def test_ctrl_c_cancels_all_and_reports_what_is_there(play: Play, capsys: Captured) -> None:
    """Status 130."""

    def interrupts(job: NodeJob) -> JobState:
        raise KeyboardInterrupt

    place = play({"n1": [measures("x")], "n2": [RUNS, interrupts, over("CANCELLED")]})
    status, out, _ = bench(capsys)
    assert status == 130
    assert place.cancelled == ["2"]
    for text in ("interrupted: what was measured so far is below", "1 holds", "cancelled"):
        assert text in out


@pytest.mark.parametrize(
    ("ended", "state"), [("interrupted", "cancelled"), ("stopped: disk full", "stopped")]
)
def test_a_set_whose_process_was_killed(play: Play, capsys: Captured, ended: str, state: str) -> None:
    """Its runs say themselves how they ended; jobs without a run are open."""
    play({"n1": [measures("x", ended=ended)], "n2": [measures("y")], "n3": [over("FAILED")]})
    bench(capsys)
    (file,) = Path("results").glob("*/jobs.jsonl")
    file.write_bytes(b"".join(file.read_bytes().splitlines(keepends=True)[:4]))
    status, out, _ = ran(capsys, "report")
    assert status == 3
    rows = {
        line.split()[0]: line.split()[1]
        for line in out.splitlines()
        if line.startswith(("  n1", "  n2", "  n3"))
    }
    assert rows == {"n1": state, "n2": "finished", "n3": "open"}
    assert "the process that submitted the jobs was killed, or still waits for them" in out


def test_a_full_disk_here_is_a_tool_error(
    play: Play, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the jobs measured is shown."""
    place = play({"n1": [measures("x")], "n2": [RUNS]})

    def full(*_: object) -> None:
        raise StoreError("cannot write: No space left on device")

    monkeypatch.setattr("harness.store.sets.JobJournal.ended", full)
    status, out, err = bench(capsys)
    assert (status, err) == (2, "harness: cannot write: No space left on device\n")
    assert "1 holds" in out
    assert place.cancelled == ["2"]


def test_nodes_that_differ_are_named(play: Play, capsys: Captured) -> None:
    """Another image, and a clock that is off; the verdicts stand."""
    software = {**ENVIRONMENT["software"], "torch": "2.15.0"}
    play(
        {
            "n1": [measures("x", began=Moments().wall() - 7200)],
            "n2": [measures("y", environment={"software": software})],
        }
    )
    status, out, _ = bench(capsys)
    assert status == 0
    text = " ".join(out.split())
    assert (
        "do not have the same software (software.torch: 2.14.1 on n1, 2.15.0 on n2); give all of them one image"
        in text
    )
    assert "the clock of host-n1 is about 2 h behind that of the machine that submitted" in text


@pytest.mark.parametrize(("warnings", "status"), [((), 0), ((CaseWarning(WarningCode.NO_CASE),), 3)])
def test_a_set_in_which_nothing_was_measured(
    play: Play, capsys: Captured, warnings: tuple[CaseWarning, ...], status: int
) -> None:
    """Skips alone are no failure; benchmarks that have no case are."""
    absent = Measurement("bench_a1.py::bench_a1", "A1", 0, Status.SKIPPED, "no GPU", warnings=warnings)
    play({"n1": [measures("", measurements=[absent])]})
    assert bench(capsys)[0] == status


def test_a_run_that_cannot_be_read_hides_no_other(play: Play, capsys: Captured) -> None:
    """It is named with its file and line."""
    play({"n1": [measures("x")], "n2": [measures("y")]})
    assert bench(capsys)[0] == 0
    (file,) = Path("results").glob("*/n2/run.jsonl")
    file.write_text("nonsense\n" + file.read_text())
    status, out, _ = ran(capsys, "report")
    assert status == 3
    assert "the run of n2 cannot be read: " in out
    assert "1 holds" in out


# --- requests that cannot be met ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--nodes", "2"], "--nodes needs --on, which says where the nodes are: here, local, slurm"),
        (["--each"], "--each needs --on"),
        (["--on", "local", "--folder", "x"], "--folder is for a single run, and --on makes a set of them"),
        (["--on", "local", "--share", "a/a,b"], "--share is for a single run"),
        (["--on", "local", "--select", "nope"], "--select nope: no such claim"),
        (["--on", "slurm", "--budget", "4h"], "--budget: a job of 4 h has a time limit of "),
        (
            ["--on", "slurm", "--results", "100%jobs"],
            "--results: 100%jobs lies in a folder with % in its name",
        ),
        (["--on", "local", "--results", "benchmarks/bench_a1.py"], "cannot make benchmarks/bench_a1.py"),
    ],
)
def test_a_request_that_cannot_be_met(
    play: Play, capsys: Captured, arguments: list[str], message: str
) -> None:
    """It is refused before anything is submitted, and no folder is made."""
    Path("pyproject.toml").write_text('[tool.harness.cluster]\ntime = "2h"\n')
    place = play({"n1": []})
    status, out, err = ran(capsys, "bench", "--device", "cpu", *arguments)
    assert (status, out, place.log) == (2, "", [])
    assert err.startswith(f"harness: {message}")
    assert not Path("results").exists()


def test_a_key_that_there_is_not(play: Play, capsys: Captured) -> None:
    """The table is read before anything is submitted."""
    Path("pyproject.toml").write_text('[tool.harness.cluster]\npartiton = "gpu"\n')
    play({"n1": []})
    status, _, err = bench(capsys)
    assert status == 2
    assert "[tool.harness.cluster] has no key 'partiton'" in err


def test_a_package_of_the_users_own(play: Play, capsys: Captured) -> None:
    """Jobs would import it for ours."""
    Path("harness").mkdir()
    Path("harness/__init__.py").touch()
    play({"n1": []})
    status, _, err = bench(capsys)
    assert status == 2
    assert "--on slurm: this folder has a package harness of its own" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["report", "--timeline"], "is a set"), (["report", "--html", "x.html"], "--html: a set has no such form"),
     (["show", "latest"], "is a set of runs"), (["baseline", "set", "latest"], "is a set of runs")],
)  # fmt: skip
def test_what_a_set_does_not_have(play: Play, capsys: Captured, arguments: list[str], message: str) -> None:
    """One clear sentence."""
    play({"n1": [measures("x")]})
    bench(capsys)
    status, _, err = ran(capsys, *arguments)
    assert (status, message in err) == (2, True)
