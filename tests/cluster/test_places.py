"""This machine as a place: plain processes, and submitit's. The commands are the shell's."""

from __future__ import annotations

import itertools
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from submitit import DebugExecutor

from harness.cluster.drive import Driver, Moments, tail
from harness.cluster.here import Here
from harness.cluster.job import NodeJob
from harness.cluster.local import Local, check_submitit
from harness.cluster.nodes import nodes_here
from harness.cluster.place import Phase, Place, SubmitError
from harness.errors import UsageError
from harness.model import EndReason, RunEnd
from harness.model.run_set import JobEnd, JobOutcome
from harness.processes.live import Reaper
from harness.store.lines import line_of
from harness.store.sets import LOGS, JobJournal, read_note, run_end
from tests.support.living import until
from tests.support.places import Shown

ENDS = {"decided": "everything was decided", "cut": "interrupted"}
LEAVES = "mkdir $0; cp decided $0/run.jsonl; echo measured"
"""What a run leaves, of which a driver looks at the last line."""

WAITS = """mkdir $0
trap 'cp cut $0/run.jsonl; exit 130' TERM
touch ready
mkfifo pipe; exec 3<>pipe; while :; do read _ <&3; done"""
"""A run that takes SIGTERM for Ctrl-C."""


def job(folder: Path, script: str, name: str = "n1") -> NodeJob:
    """A job that runs a script of the shell, which has the run's folder as ``$0``."""
    (folder / LOGS).mkdir(exist_ok=True)
    for file, why in ENDS.items():
        (folder / file).write_bytes(line_of({"record": "end", "why": why}))
    return NodeJob(
        name, name, folder, ("sh", "-c", script, name), 60.0, folder, {"CUDA_VISIBLE_DEVICES": None}
    )


@pytest.fixture
def here() -> Iterator[Here]:
    """Processes that end with the test."""
    with Reaper() as guard:
        yield Here(guard)


PLACES: dict[str, Callable[[Reaper], Place]] = {
    "here": Here,
    "debug": lambda _: Local(DebugExecutor),
    "local": lambda _: Local(),
}


def driven(folder: Path, name: str, *jobs: NodeJob) -> dict[str, JobEnd]:
    """How these jobs end. The clock runs ahead: what is late is waited for by the number of looks."""
    shown = Shown()
    late = itertools.count(0.0, 10.0)
    with Reaper() as guard:
        Driver(
            PLACES[name](guard),
            JobJournal(folder),
            shown,
            Moments(now=lambda: next(late), wait=lambda _: time.sleep(0.002)),
        ).drive(jobs)
    return {end.name: end for end in shown.ends}


@pytest.mark.parametrize("name", PLACES)
def test_a_job_that_leaves_a_run(tmp_path: Path, name: str) -> None:
    """It is finished, and its note has the machine."""
    end = driven(tmp_path, name, job(tmp_path, LEAVES))["n1"]
    assert (end.outcome, end.host, end.exit_code) == (JobOutcome.FINISHED, os.uname().nodename, 0)


@pytest.mark.parametrize("name", ["here", "debug"])
def test_a_job_that_dies(tmp_path: Path, name: str) -> None:
    """The next one runs all the same; the signal is known, and the end of its log."""
    ends = driven(
        tmp_path, name, job(tmp_path, "echo lost >&2; kill -9 $$", "n1"), job(tmp_path, LEAVES, "n2")
    )
    assert (ends["n1"].outcome, ends["n1"].signal) == (JobOutcome.LOST, 9)
    assert ends["n2"].outcome is JobOutcome.FINISHED
    if name == "here":  # the other one runs jobs in this process, whose output is no log
        assert ends["n1"].tail == ("lost",)


@pytest.mark.parametrize("name", ["here", "local"])
def test_a_job_that_is_cancelled_writes_its_end(tmp_path: Path, name: str) -> None:
    """It has the time that it takes, and no process is left."""
    with Reaper() as guard:
        place = PLACES[name](guard)
        taken = place.submit(job(tmp_path, WAITS))
        assert until((tmp_path / "ready").exists)
        place.cancel([taken.id])
        assert until(lambda: (place.states([taken.id]) or {})[taken.id].phase is Phase.OVER)
        place.cancel([taken.id])  # it is over: nothing happens
    note = read_note(tmp_path, "n1")
    assert note is not None
    assert note.exit_code == 130
    assert run_end(tmp_path / "n1") == RunEnd(EndReason.INTERRUPTED)


def test_what_cannot_be_started_is_refused(tmp_path: Path, here: Here) -> None:
    """An interpreter that is gone, say."""
    (tmp_path / LOGS).mkdir()
    with pytest.raises(SubmitError, match="nowhere/python cannot be started: No such file"):
        here.submit(NodeJob("n1", "n1", tmp_path, ("nowhere/python",), 60.0, tmp_path))


def test_without_submitit(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message says what to install."""
    monkeypatch.setitem(sys.modules, "submitit", None)
    with pytest.raises(
        UsageError, match="--on local: the package submitit is not installed; install it with"
    ):
        check_submitit("--on local")


def test_the_end_of_a_log(tmp_path: Path) -> None:
    """The last lines that say something, whatever the file."""
    log = tmp_path / "log"
    assert tail(log) == ()
    log.write_bytes(b"x\n" * 20_000 + b"\xff\n\nsubmitit WARNING y\nlast")
    assert tail(log)[-2:] == ("\ufffd", "last")
    assert len(tail(log)) == 8


# --- nodes --------------------------------------------------------------------------------------------------


def library(*uuids: str) -> object:
    """NVML with these GPUs."""
    return SimpleNamespace(
        nvmlInit=lambda: None,
        nvmlShutdown=lambda: None,
        nvmlDeviceGetCount=lambda: len(uuids),
        nvmlDeviceGetHandleByIndex=lambda index: index,
        nvmlDeviceGetUUID=lambda index: uuids[index],
    )


def test_a_node_for_each_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each has its own GPU back, which submitit hides."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    two = library("GPU-a", "GPU-b")
    assert nodes_here(None, device="auto", module=two) == {
        "gpu0": {"CUDA_VISIBLE_DEVICES": "GPU-a"},
        "gpu1": {"CUDA_VISIBLE_DEVICES": "GPU-b"},
    }
    assert list(nodes_here(1, device="auto", module=two)) == ["gpu0"]
    with pytest.raises(UsageError, match="--nodes: 3 requested, and this machine has 2, its GPUs"):
        nodes_here(3, device="auto", module=two)


@pytest.mark.parametrize(("stated", "found"), [("1,0", ["1", "0"]), ("", []), ("-1", [])])
def test_gpus_that_were_chosen(monkeypatch: pytest.MonkeyPatch, stated: str, found: list[str]) -> None:
    """The variable of the user says which there are."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", stated)
    nodes = nodes_here(None, device="auto", module=library("GPU-a"))
    assert [variables["CUDA_VISIBLE_DEVICES"] for variables in nodes.values()] == (found or [stated])


def test_nodes_without_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many as are requested; a variable that was not set is not set."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert nodes_here(2, device="cpu", module=library("GPU-a")) == {
        "here1": {"CUDA_VISIBLE_DEVICES": None},
        "here2": {"CUDA_VISIBLE_DEVICES": None},
    }
