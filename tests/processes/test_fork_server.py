"""Processes forked on request: each begins where the server was made, and ends as a started one does."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import psutil
import pytest

from harness.processes import fork_server as module
from harness.processes.fork_server import ForkServer, fork_server
from harness.processes.live import Channel, ChannelClosed, LiveProcess, Reaper
from tests.support.living import PATIENCE, gone, until

state = ["as the server was made"]
"""What a process that is forked finds as it was."""


def begun() -> ForkServer:
    """A server whose processes do what their channel asks for."""
    made = fork_server()
    if isinstance(made, Channel):
        _obey(made)
    return made


@pytest.fixture
def server() -> Iterator[ForkServer]:
    """A server, after which something here has changed."""
    made = begun()
    state[0] = "changed since"
    yield made
    state[0] = "as the server was made"
    made.close()


@pytest.fixture
def guard() -> Iterator[Reaper]:
    """A guard."""
    with Reaper() as made:
        yield made


def _obey(channel: Channel) -> NoReturn:
    """What a forked process does, to its end."""
    status = 1
    try:
        while request := channel.receive():
            if request["do"] == "exit":
                os._exit(7)
            os.write(1, b"to the log\n")
            os.write(2, b"an error\n")
            channel.send(state=state[0], environment=dict(os.environ), session=os.getsid(0), pid=os.getpid())
    except ChannelClosed:
        status = 0
    finally:
        os._exit(status)


def live(server: ForkServer, guard: Reaper, log: Path | None = None) -> LiveProcess:
    """A process that is forked by that server."""
    return LiveProcess(["not started"], guard=guard, environment={"A": "1"}, log=log, forks=server)


def report_of(process: LiveProcess) -> Any:
    """What a process tells of itself."""
    process.channel.send(do="tell")
    return process.channel.receive(PATIENCE)


def test_a_process_begins_where_the_server_was_made(
    server: ForkServer, guard: Reaper, tmp_path: Path
) -> None:
    """It has nothing of what happened since, its own session, environment and log; a second one likewise."""
    log = tmp_path / "log"
    processes = [live(server, guard, log), live(server, guard)]
    found = [report_of(process) for process in processes]
    for process, tells in zip(processes, found, strict=True):
        assert tells["state"] == "as the server was made"
        assert tells["session"] == tells["pid"] == process.pid
        assert tells["environment"] == {"A": "1", "TIPBENCH_TEMPORARY": str(guard.folder)}
    assert log.read_text() == "to the log\nan error\n"
    assert processes[0].wait(0.0) is None
    processes[0].channel.send(do="exit")
    assert processes[0].wait(PATIENCE) == 7
    assert [process.end() for process in processes] == [7, -signal.SIGKILL]


def test_a_process_is_stopped_and_killed_with_its_group(server: ForkServer, guard: Reaper) -> None:
    """Signals reach it; the one that killed it is its status, and nothing of it is left."""
    process = live(server, guard)
    process.pause()
    assert until(lambda: psutil.Process(process.pid).status() == psutil.STATUS_STOPPED)
    process.resume()
    assert report_of(process)["pid"] == process.pid
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait(PATIENCE) == -signal.SIGKILL
    assert process.end() == -signal.SIGKILL
    assert not psutil.pid_exists(process.pid)
    with pytest.raises(ChannelClosed):
        process.channel.receive(0.0)


def test_the_server_ends_with_its_near_end() -> None:
    """Closed, it is gone; what it forked goes on, and sees that its channel is closed."""
    made = begun()
    made.close()
    assert not psutil.pid_exists(made.pid)
    made.close()  # once more: nothing


def test_a_server_that_was_killed_is_an_error(server: ForkServer, guard: Reaper) -> None:
    """What it forked still ends, as killed; there is no further process."""
    process = live(server, guard)
    os.kill(server.pid, signal.SIGKILL)
    assert process.wait(0.0) is None
    assert process.end() == -signal.SIGKILL
    assert gone(process.pid)
    with pytest.raises(OSError, match="the process that forks others has ended"):
        live(server, guard)


def test_a_fork_that_is_refused(guard: Reaper, monkeypatch: pytest.MonkeyPatch) -> None:
    """The system's error comes here, and the server goes on."""
    original, refused = module._fork, iter([False, True, False])

    def refuse() -> int:
        if next(refused):
            raise BlockingIOError(errno.EAGAIN, "no")
        return original()

    monkeypatch.setattr(module, "_fork", refuse)
    made = begun()
    try:
        with pytest.raises(BlockingIOError, match="Resource temporarily unavailable"):
            live(made, guard)
        process = live(made, guard)
        assert report_of(process)["pid"] == process.pid
        process.end()
    finally:
        made.close()


def test_waiting_is_over_in_time(server: ForkServer) -> None:
    """A process that still runs is no status yet."""
    theirs, ours = os.pipe(), os.pipe()
    process = server.fork({}, (theirs[0], ours[1]), None)
    for descriptor in (theirs[0], ours[1]):
        os.close(descriptor)
    assert process.poll() is None
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.0)
    os.write(theirs[1], json.dumps({"do": "exit"}).encode() + b"\n")
    assert process.wait(PATIENCE) == 7
    assert process.poll() == 7
    for descriptor in (theirs[1], ours[0]):
        os.close(descriptor)


def test_a_system_without_descriptors_of_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is forked there."""
    assert module.available()

    def absent(pid: int) -> int:
        raise OSError(errno.ENOSYS, "Function not implemented")

    monkeypatch.setattr(os, "pidfd_open", absent)
    assert not module.available()
    monkeypatch.delattr(os, "pidfd_open")
    assert not module.available()
