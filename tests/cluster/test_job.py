"""A job on its node: its command, of the shell here, runs, and a note says where and how it ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.cluster.job import NodeJob, run_job
from harness.store.sets import LOGS, read_note
from tests.support.living import ENVIRONMENT, gone, until


def job(folder: Path, script: str, **more: object) -> NodeJob:
    """A job that runs a script of the shell."""
    (folder / LOGS).mkdir(exist_ok=True)
    return NodeJob("n1", "n1", folder, ("sh", "-c", script), 60.0, folder, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("scheduled", [True, False])
@pytest.mark.parametrize(("script", "code", "number"), [("exit 3", 3, 0), ("kill -9 $$", 0, 9)])
def test_how_it_ended_is_noted(tmp_path: Path, scheduled: bool, script: str, code: int, number: int) -> None:
    """An exit status or a signal, and the machine's name."""
    run_job(job(tmp_path, script), scheduled=scheduled)
    note = read_note(tmp_path, "n1")
    assert note is not None
    assert (note.exit_code, note.signal) == (code, number)
    assert note.host == os.uname().nodename


def test_it_has_its_own_variables_and_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Set, taken away and left."""
    for name in ("TAKEN", "SET", "LEFT"):
        monkeypatch.setenv(name, "old")
    script = 'echo "$PWD ${TAKEN-none} $SET $LEFT" >out'
    run_job(job(tmp_path, script, variables={"TAKEN": None, "SET": "new"}), scheduled=True)
    assert (tmp_path / "out").read_text() == f"{tmp_path} none new old\n"


def test_a_scheduler_that_warns_ends_nothing(tmp_path: Path) -> None:
    """SIGUSR2 before the limit would end the command and all its processes; ours is as before after it."""
    before = signal.getsignal(signal.SIGUSR2)
    run_job(job(tmp_path, "kill -USR2 $$; kill -USR2 $PPID; exit 5"), scheduled=True)
    note = read_note(tmp_path, "n1")
    assert note is not None
    assert note.exit_code == 5
    assert signal.getsignal(signal.SIGUSR2) is before


def test_a_folder_that_the_node_does_not_have(tmp_path: Path) -> None:
    """Nothing is measured whose result nobody would see."""
    lost = NodeJob("n1", "n1", tmp_path / "not shared", ("sh", "-c", "touch measured"), 60.0, tmp_path)
    with pytest.raises(OSError, match="not shared"):
        run_job(lost, scheduled=True)
    assert not (tmp_path / "measured").exists()


SCRIPT = """
import sys
from pathlib import Path
from harness.cluster import job as module
from harness.cluster.job import NodeJob, run_job
folder = Path(sys.argv[1])

class Watching(module.Reaper):
    def watch(self, group):
        super().watch(group)
        (folder / "watched").touch()

module.Reaper = Watching
run_job(NodeJob("n1", "n1", folder, ("sh", "-c", sys.argv[2]), 60.0, folder), scheduled=False)
"""


WAITS = "echo $$ >new; mv new pid; mkfifo pipe; exec 3<>pipe; while :; do read _ <&3; done"
"""A script that writes its number and waits for ever, without a process or a turn of its own."""

Start = Callable[[str], subprocess.Popen[bytes]]


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Start]:
    """Starts a process that runs a job, once its command has written its number and is watched."""
    (tmp_path / LOGS).mkdir()
    made: list[subprocess.Popen[bytes]] = []

    def start(script: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen([sys.executable, "-c", SCRIPT, str(tmp_path), script], env=ENVIRONMENT)
        made.append(process)
        assert until(lambda: (tmp_path / "watched").exists() and (tmp_path / "pid").exists())
        return process

    yield start
    for process in made:
        process.kill()
        process.wait()


def test_sigterm_is_passed_on(tmp_path: Path, started: Start) -> None:
    """The command ends in its own way, and that is noted."""
    process = started(
        "trap 'exit 7' TERM; echo $$ >new; mv new pid; mkfifo pipe; exec 3<>pipe; while :; do read _ <&3; done"
    )
    process.terminate()
    assert process.wait() == 0
    note = read_note(tmp_path, "n1")
    assert note is not None
    assert note.exit_code == 7


def test_nothing_outlives_a_process_that_is_killed(tmp_path: Path, started: Start) -> None:
    """The command goes with it, and all that it has started in its group."""
    process = started(WAITS)
    process.kill()
    process.wait()
    assert gone(int((tmp_path / "pid").read_text()))
