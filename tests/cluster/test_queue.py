"""What Slurm's commands print, read: as version 22.05 printed it."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.cluster.place import JobState, Phase
from harness.cluster.queue import Queue, QueueError, read_sacct, read_sinfo, read_squeue
from tests.support.slurm import fake_commands


def row(*cells: str) -> str:
    """A line of squeue in our columns."""
    return "".join(cell.ljust(width) for cell, width in zip(cells, (24, 24, 12, 80), strict=True))


def test_squeue() -> None:
    """A number is a wait status: the exit status is above the signal."""
    text = "\n".join(
        [
            row("3", "FAILED", "768", "NonZeroExitCode"),
            row("2", "PENDING", "0", "Resources"),
            row("1", "RUNNING", "0", "None"),
            row("4", "OUT_OF_MEMORY", "125", "OutOfMemory"),
            row("5", "PENDING", "0", "PartitionTimeLimit"),
            row("6", "COMPLETING", "", ""),
            row("7_[0-3]", "PENDING", "0", "Resources"),
            "slurm_load_jobs error: something",
        ]
    )
    assert read_squeue(text) == {
        "3": JobState(Phase.OVER, "FAILED", exit_code=3, signal=0),
        "2": JobState(Phase.WAITING, "PENDING", "Resources"),
        "1": JobState(Phase.RUNNING, "RUNNING"),
        "4": JobState(Phase.OVER, "OUT_OF_MEMORY", exit_code=0, signal=125),
        "5": JobState(Phase.WAITING, "PENDING", "PartitionTimeLimit", stuck=True),
        "6": JobState(Phase.RUNNING, "COMPLETING"),
    }


def test_sacct() -> None:
    """A state may have more words, and steps are not jobs."""
    found = read_sacct("12|CANCELLED by 0|0:15\n13|COMPLETED|0:0\n13.batch|COMPLETED|0:0\n14|NODE_FAIL|\n\n")
    assert found == {
        "12": JobState(Phase.OVER, "CANCELLED", exit_code=0, signal=15),
        "13": JobState(Phase.OVER, "COMPLETED", exit_code=0),
        "14": JobState(Phase.OVER, "NODE_FAIL", exit_code=0),
    }


def test_sinfo() -> None:
    """Nodes by their names, each once, and which of them a job may wait for."""
    lines = (
        "n2|idle|gpu,a100", "n1|allocated|(null)", "n1|allocated|(null)", "n3|down*|", "n4|idle*|", "n5|mixed~|x",
        "n6|drained|", "n7|maint|", "",
    )  # fmt: skip
    found = read_sinfo("\n".join(lines))
    assert [node.name for node in found] == ["n1", "n2", "n3", "n4", "n5", "n6", "n7"]
    assert [node.name for node in found if node.usable] == ["n1", "n2", "n5"]
    assert [set(node.features) for node in found[:2]] == [set(), {"gpu", "a100"}]


def test_one_question_for_all_jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """squeue is asked once; sacct may know what it has forgotten, and is asked once if it does not answer."""
    fake_commands(
        tmp_path,
        monkeypatch,
        squeue=f"echo '{row('1', 'RUNNING', '0', 'None')}'; echo '{row('9', 'RUNNING', '0', 'None')}'",
        sacct="echo 'Slurm accounting storage is disabled' >&2; exit 1",
    )
    queue = Queue()
    for _ in range(2):
        assert queue.states(["1", "2"]) == {"1": JobState(Phase.RUNNING, "RUNNING")}
    calls = (tmp_path / "calls").read_text().splitlines()
    assert [line.split()[0] for line in calls] == ["squeue", "sacct", "squeue"]


def test_accounts_know_of_what_the_queue_forgot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are asked of that alone."""
    fake_commands(tmp_path, monkeypatch, squeue="", sacct="echo '2|PREEMPTED|0:15'")
    assert Queue().states(["2"]) == {"2": JobState(Phase.OVER, "PREEMPTED", exit_code=0, signal=15)}


def test_a_scheduler_that_does_not_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is known then, which is not the same as nothing there."""
    fake_commands(tmp_path, monkeypatch, squeue="echo 'Unable to contact slurm controller' >&2; exit 1")
    assert Queue().states(["1"]) is None
    with pytest.raises(QueueError, match="sinfo"):
        Queue().partitions()


def test_the_default_partition_is_the_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where none is configured it is the one that Slurm would take."""
    fake_commands(tmp_path, monkeypatch, sinfo="printf 'debug\\nlong*\\ndebug\\n'")
    assert Queue().partitions() == ("long", "debug")
