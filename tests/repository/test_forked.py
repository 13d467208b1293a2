"""Processes that are forked instead of started: what they get, and that signals reach them at once."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.processes.live import ChannelClosed, LiveProcess, Reaper
from tests.support.forked import fork_for, forked
from tests.support.living import PATIENCE, gone, python, stopped

SAYS = """
import json, os, sys
from harness.processes.live import Channel
channel = Channel.inherited()
print("to the log", flush=True)
there = sorted(int(name) for name in os.listdir("/proc/self/fd"))
channel.send(arguments=sys.argv[1:], environment=dict(os.environ), folder=os.getcwd(), session=os.getsid(0),
             pid=os.getpid(), descriptors=len(there), standard=sys.stdin.read())
raise {ending}
"""


@pytest.fixture
def guard(monkeypatch: pytest.MonkeyPatch) -> Iterator[Reaper]:
    """A guard; scripts are forked."""
    fork_for(monkeypatch)
    with Reaper() as made:
        yield made


@pytest.mark.parametrize(
    ("ending", "status", "words"),
    [
        ("SystemExit(7)", 7, ""),
        ("SystemExit('why')", 1, ""),
        ("SystemExit", 0, ""),
        ("ValueError('boom')", 1, "boom"),
    ],
)
def test_a_child_gets_what_a_started_process_gets(
    guard: Reaper, tmp_path: Path, ending: str, status: int, words: str
) -> None:
    """Arguments, environment, folder, a session, a log, its pipes and no other descriptor; its ending is its
    status."""
    script = SAYS.replace("{ending}", ending)
    process = LiveProcess(
        forked(script, "a", "b"), guard=guard, environment={"A": "1"}, log=tmp_path / "log", folder=tmp_path
    )
    said = process.channel.receive(PATIENCE)
    assert said is not None
    assert said["arguments"] == ["a", "b"]
    environment = said["environment"]
    assert isinstance(environment, dict)
    assert environment["A"] == "1" and "PATH" not in environment
    assert (said["folder"], said["session"], said["pid"]) == (str(tmp_path), process.pid, process.pid)
    assert said["descriptors"] == 6  # three streams, two pipes, and the folder that is listed
    assert said["standard"] == ""
    with pytest.raises(ChannelClosed):
        process.channel.receive(PATIENCE)
    assert process.wait(PATIENCE) == process.end() == status
    log = (tmp_path / "log").read_text()
    assert log.startswith("to the log") and words in log


def test_signals_reach_a_child_at_once(guard: Reaper) -> None:
    """However early a child is stopped or ended, it is."""
    for _ in range(20):
        process = LiveProcess(forked("import signal; signal.pause()"), guard=guard, environment={})
        process.pause()
        assert stopped(process.pid)
        assert process.end() == -signal.SIGKILL
        assert gone(process.pid)
        assert not Path(f"/proc/{process.pid}").exists()


def test_other_commands_are_started_as_ever(guard: Reaper) -> None:
    """Only what is meant to be forked is."""
    process = LiveProcess(python("import sys; sys.exit(5)"), guard=guard, environment=dict(os.environ))
    assert process.wait(PATIENCE) == 5
    assert process.wait(0.0) == 5
    process.end()
    waiting = LiveProcess(forked("import signal; signal.pause()"), guard=guard, environment={})
    assert waiting.wait(0.0) is None
    assert waiting.end() == -signal.SIGKILL
