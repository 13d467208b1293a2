"""Live processes: groups that stop, go on and end together, and a guard that leaves none behind. All of them
real."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from harness.processes.live import (
    TEMPORARY_VARIABLE,
    Channel,
    ChannelClosed,
    LiveProcess,
    Reaper,
    exit_reason,
    temporary_folder,
)
from harness.workers.client import WorkerClient, WorkerFailed
from harness.workers.codec import Failure
from tests.support.living import ENVIRONMENT, PATIENCE, going, gone, python, stopped

ECHO = """
import os, signal, sys
from harness.processes.live import Channel, temporary_folder
channel = Channel.inherited()
folder = temporary_folder()
child = os.fork()
if not child:
    while True: signal.pause()
channel.send(child=child, seed=os.environ.get("PYTHONHASHSEED"), channel=os.environ.get("TIPBENCH_CHANNEL"))
while True:
    message = channel.receive()
    if "die" in message:
        print("last words", flush=True)
        os.kill(os.getpid(), message["die"])
    if "exit" in message:
        os._exit(message["exit"])
    if "silent" not in message:
        channel.send(**message)
"""
"""A process with a forked child that sends back what it receives."""


@pytest.fixture
def guard() -> Iterator[Reaper]:
    """A guard, let go at the end."""
    guard = Reaper()
    yield guard
    guard.close()


@pytest.fixture
def echo(guard: Reaper, tmp_path: Path) -> Iterator[LiveProcess]:
    """A live process; ended at the end."""
    process = LiveProcess(python(ECHO), guard=guard, environment=ENVIRONMENT, log=tmp_path / "log")
    yield process
    process.end()


def answer(process: LiveProcess) -> dict[str, Any]:
    """The next message; fails where there is none."""
    message = process.channel.receive(PATIENCE)
    assert message is not None
    return message


# --- the channel --------------------------------------------------------------------------------------------


def pipes() -> tuple[Channel, Channel, int]:
    """Two ends of one channel, and the raw end that writes to the first."""
    (ours_in, theirs_out), (theirs_in, ours_out) = os.pipe(), os.pipe()
    return Channel(ours_in, ours_out), Channel(theirs_in, theirs_out), theirs_out


def test_messages_arrive_whole_and_in_order() -> None:
    """Several messages in one read, and one in several reads, come out one by one."""
    ours, theirs, raw = pipes()
    theirs.send(number=1)
    theirs.send(number=2, text="line\nbreak")
    os.write(raw, b'{"number":')
    assert ours.receive(PATIENCE) == {"number": 1}
    assert ours.receive(PATIENCE) == {"number": 2, "text": "line\nbreak"}
    assert ours.receive(0.0) is None
    os.write(raw, b"3}\n")
    assert ours.receive(0.0) == {"number": 3}


def test_a_closed_channel_says_so() -> None:
    """What was sent before the end is still read; then, and for what one sends, the channel is closed."""
    ours, theirs, _ = pipes()
    theirs.send(last=True)
    theirs.close()
    assert ours.receive(PATIENCE) == {"last": True}
    with pytest.raises(ChannelClosed):
        ours.receive(PATIENCE)
    with pytest.raises(ChannelClosed):
        ours.send(any="there")
    ours.close()
    ours.close()
    with pytest.raises(ChannelClosed):
        ours.receive(PATIENCE)


def test_what_is_no_message_ends_the_channel() -> None:
    """A line that is JSON and no object is not taken for a message."""
    ours, _, raw = pipes()
    os.write(raw, b"[1]\n")
    with pytest.raises(ChannelClosed, match="not a message"):
        ours.receive(PATIENCE)


def test_long_messages_pass(echo: LiveProcess) -> None:
    """A message longer than a pipe holds comes back equal."""
    answer(echo)
    text = "x" * 300_000
    echo.channel.send(text=text)
    assert answer(echo)["text"] == text


def test_long_messages_cross() -> None:
    """Two ends that both send more than a pipe holds, and only then read, both come to the end of it."""
    ours, theirs, _ = pipes()
    text = "x" * 300_000
    received: list[dict[str, Any] | None] = []

    def exchange(end: Channel) -> None:
        end.send(text=text)
        received.append(end.receive(PATIENCE))

    threads = [Thread(target=exchange, args=(end,), daemon=True) for end in (ours, theirs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert received == [{"text": text}] * 2


def test_a_stopped_process_is_sent_a_long_message(echo: LiveProcess, tmp_path: Path) -> None:
    """What is longer than a pipe holds reaches a process that waits stopped for its turn."""
    answer(echo)
    echo.pause()
    client = WorkerClient("echo", echo, tmp_path / "echo", PATIENCE)
    message = Failure("x" * 300_000)
    sending = Thread(target=client.send, args=(message,), daemon=True)
    sending.start()
    sending.join(PATIENCE)
    assert not sending.is_alive()
    with pytest.raises(WorkerFailed, match=r"x{300000}"):
        client.receive()


def test_no_channel_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that no other drives has no channel."""
    monkeypatch.delenv("TIPBENCH_CHANNEL", raising=False)
    assert Channel.inherited() is None


def test_the_channel_is_not_handed_down(echo: LiveProcess) -> None:
    """What the process starts does not find the channel in its environment."""
    assert answer(echo)["channel"] is None


# --- groups -------------------------------------------------------------------------------------------------


def test_pausing_stops_workers_too(echo: LiveProcess) -> None:
    """A paused group is stopped, the forked child included, and goes on when resumed."""
    child = answer(echo)["child"]
    echo.pause()
    assert stopped(echo.pid, child)
    echo.channel.send(hello=1)
    assert echo.channel.receive(0.0) is None
    echo.resume()
    assert answer(echo) == {"hello": 1}
    assert going(echo.pid, child)


@pytest.mark.parametrize("paused", [False, True])
def test_ending_leaves_nothing(echo: LiveProcess, paused: bool) -> None:
    """`end` kills the process and its child, stopped or not, and may be called again."""
    child = answer(echo)["child"]
    if paused:
        echo.pause()
        assert stopped(echo.pid, child)
    assert echo.end() == -signal.SIGKILL
    assert gone(child)
    assert gone(echo.pid)
    assert echo.end() == -signal.SIGKILL
    echo.pause()
    echo.resume()


def test_ending_kills_the_orphans_of_a_dead_process(echo: LiveProcess) -> None:
    """Where the process itself has gone, its children are killed all the same, and its own exit status is
    kept."""
    child = answer(echo)["child"]
    echo.channel.send(exit=7)
    assert echo.wait(PATIENCE) == 7
    assert echo.end() == 7
    assert gone(child)


def test_death_is_seen_though_workers_live(echo: LiveProcess, tmp_path: Path) -> None:
    """A forked child does not keep the channel open: the death of its parent is known at once, not after a
    timeout."""
    child = answer(echo)["child"]
    echo.channel.send(die=int(signal.SIGSEGV))
    with pytest.raises(ChannelClosed):
        answer(echo)
    assert going(child)
    assert echo.end() == -signal.SIGSEGV
    assert gone(child)
    assert (tmp_path / "log").read_text() == "last words\n"


def test_waiting_for_what_goes_on(echo: LiveProcess) -> None:
    """`wait` gives None for a process that still runs."""
    answer(echo)
    assert echo.wait(0.0) is None


def test_silence_is_none(echo: LiveProcess) -> None:
    """A process that does not answer in time gives None, and may be sent another."""
    answer(echo)
    echo.channel.send(silent=True)
    assert echo.channel.receive(0.0) is None
    echo.channel.send(hello=2)
    assert answer(echo) == {"hello": 2}


# --- the guard ----------------------------------------------------------------------------------------------

COORDINATOR = """
import json, os, sys
from harness.processes.live import Reaper, LiveProcess
guard = Reaper()
(guard.folder / "mine").write_text("a file")
live = [LiveProcess([sys.executable, "-c", sys.argv[1]], guard=guard, environment=os.environ) for _ in range(2)]
children = [process.channel.receive()["child"] for process in live]
live[0].pause()
print(json.dumps([guard._process.pid, *(process.pid for process in live), *children]), flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_nothing_outlives_the_coordinator(number: signal.Signals, tmp_path: Path) -> None:
    """Kill the process that drives others: these, stopped or going, their children and the guard end as well.

    Temporary files of them all are gone.
    """
    with subprocess.Popen(
        [sys.executable, "-c", COORDINATOR, ECHO],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**ENVIRONMENT, "TMPDIR": str(tmp_path)},
    ) as coordinator:
        assert coordinator.stdout is not None
        guard, first, *rest = json.loads(coordinator.stdout.readline())
        assert stopped(first)
        (folder,) = tmp_path.iterdir()
        assert len([each for each in folder.iterdir() if each.is_dir()]) == 2  # one of each process
        coordinator.send_signal(number)
        assert coordinator.wait(PATIENCE) == -number
        assert [pid for pid in (guard, first, *rest) if not gone(pid)] == []
    assert list(tmp_path.iterdir()) == []


def test_temporary_files_go_with_a_process_that_is_killed(guard: Reaper, echo: LiveProcess) -> None:
    """What a killed process could not remove is in the guard's folder, which goes when the guard is let
    go."""
    answer(echo)
    echo.end()
    assert len(list(guard.folder.iterdir())) == 1
    guard.close()
    assert not guard.folder.exists()


def test_without_a_guard_temporary_files_are_where_the_system_keeps_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that none of ours started, or whose starter is gone, uses the system's own folder."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    for folder in ("", str(tmp_path / "gone")):
        monkeypatch.setenv(TEMPORARY_VARIABLE, folder)
        with temporary_folder() as made:
            assert Path(made).parent == tmp_path
        assert not Path(made).exists()


def test_the_guard_forgets_a_released_group() -> None:
    """A group that was released is not killed when the guard ends; one that was not, is."""
    sleepers = [
        subprocess.Popen(python("import signal; signal.pause()"), start_new_session=True) for _ in range(2)
    ]
    guard = Reaper()
    try:
        for sleeper in sleepers:
            guard.watch(sleeper.pid)
        guard.release(sleepers[0].pid)
        guard.close()
        assert sleepers[1].wait(PATIENCE) == -signal.SIGKILL
        assert sleepers[0].poll() is None
    finally:
        for sleeper in sleepers:
            sleeper.kill()
            sleeper.wait()


def test_an_ended_process_is_released() -> None:
    """The guard no longer watches a group that has ended: its number may be another's."""
    written: list[str] = []

    class Recording(Reaper):
        def _write(self, line: str) -> None:
            written.append(line)
            super()._write(line)

    guard = Recording()
    process = LiveProcess(python("pass"), guard=guard, environment=ENVIRONMENT)
    process.end()
    process.end()
    guard.close()
    assert written == [f"+{process.pid}\n", f"-{process.pid}\n"]


# --- words --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (3, "exit status 3"),
        (-9, r"SIGKILL \(out of memory"),
        (-11, r"SIGSEGV \(a crash"),
        (-15, "SIGTERM$"),
        (-99, "signal 99"),
    ],
)
def test_exit_statuses_in_words(status: int, words: str) -> None:
    """An exit status is put into words."""
    assert re.search(words, exit_reason(status))


def test_a_guard_that_was_killed_is_replaced() -> None:
    """The next process that is watched brings another one, which knows of those before."""
    sleeping = [subprocess.Popen(["sleep", "600"], start_new_session=True) for _ in range(2)]
    try:
        with Reaper() as guard:
            guard.watch(sleeping[0].pid)
            guard._process.kill()
            guard._process.wait()
            guard.watch(sleeping[1].pid)
        assert [process.wait(PATIENCE) for process in sleeping] == [-signal.SIGKILL] * 2
    finally:
        for process in sleeping:
            process.kill()
            process.wait()
