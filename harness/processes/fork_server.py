"""A process that forks others on request, each in the state that this one was in when it was made.

Starting Python and importing torch takes about two seconds of a core. Where several processes are to begin
alike, one is forked before anything runs, and all others are forked from that one: so none of them has what
the process that asks for them did meanwhile. A process that has a CUDA context cannot be forked.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from harness.processes.live import Channel

_LONGEST = 1 << 18
"""Bytes of the longest request: an environment."""


def available() -> bool:
    """Whether this system can tell when a process ends that is not a child of ours."""
    try:
        os.close(os.pidfd_open(os.getpid()))
    except (AttributeError, OSError):
        return False
    return True


def fork_server() -> ForkServer | Channel:
    """Fork the process that forks others. Returns here, and once more in each of those, with its channel."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for stream in (sys.stdout, sys.stderr):  # else each process would print what waits there
        stream.flush()
    pid = _fork()
    if pid:
        theirs.close()
        return ForkServer(ours, pid)
    ours.close()
    return _serve(theirs)


class ForkedProcess:
    """As much of `subprocess.Popen` as a live process needs."""

    def __init__(self, server: ForkServer, pid: int) -> None:
        self.pid = pid
        self._server = server
        self._descriptor = os.pidfd_open(pid)
        self._status: int | None = None

    def poll(self) -> int | None:
        """The exit status, negative for a signal; None while it runs."""
        return self._ended(0.0)

    def wait(self, timeout: float | None = None) -> int:
        """The exit status. Raises `subprocess.TimeoutExpired`."""
        status = self._ended(timeout)
        if status is None:
            raise subprocess.TimeoutExpired("a forked process", timeout or 0.0)
        return status

    def _ended(self, timeout: float | None) -> int | None:
        if self._status is None and select.select([self._descriptor], [], [], timeout)[0]:
            os.close(self._descriptor)
            self._status = self._server.status_of(self.pid)
        return self._status


class ForkServer:
    """The near end; the process ends when it sees that this one is closed, or that we are gone."""

    def __init__(self, connection: socket.socket, pid: int) -> None:
        self.pid = pid
        self._connection = connection
        # A forked worker must not keep the server alive.
        os.register_at_fork(after_in_child=connection.close)

    def fork(
        self, environment: Mapping[str, str], channel: tuple[int, int], log: Path | None
    ) -> ForkedProcess:
        """A process in a session of its own, with that environment and channel; what it prints goes to
        ``log``.

        Raises OSError where there can be none.
        """
        request = {"environment": dict(environment), "log": str(log or os.devnull)}
        reply = self._ask(request, channel)
        if reply is None:
            raise OSError("the process that forks others has ended")
        if "errno" in reply:
            raise OSError(reply["errno"], os.strerror(reply["errno"]))
        return ForkedProcess(self, reply["pid"])

    def status_of(self, pid: int) -> int:
        """The exit status of a process that has ended, negative for a signal."""
        reply = self._ask({"ended": pid})
        # Who killed the server, and with it what is known of its children, will have killed these, too.
        return -signal.SIGKILL if reply is None else reply["status"]

    def close(self) -> None:
        """End the server, and wait for its end."""
        self._connection.close()
        with suppress(ChildProcessError):
            os.waitpid(self.pid, 0)

    def _ask(self, request: Mapping[str, object], descriptors: Sequence[int] = ()) -> dict[str, int] | None:
        """The reply; None where the server is gone."""
        try:
            socket.send_fds(self._connection, [json.dumps(request).encode()], list(descriptors))
            reply = self._connection.recv(_LONGEST)
        except OSError:
            return None
        found: dict[str, int] | None = json.loads(reply) if reply else None
        return found


def _fork() -> int:
    with warnings.catch_warnings():
        # Python warns of threads that hold locks in a fork. NumPy's wait for work, and hold none.
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


def _serve(connection: socket.socket) -> Channel:
    """Fork until the other end is closed; returns in what was forked."""
    while True:
        request, descriptors, _, _ = socket.recv_fds(connection, _LONGEST, 2)
        if not request:
            os._exit(0)
        message = json.loads(request)
        if "ended" in message:
            _, status = os.waitpid(message["ended"], 0)
            connection.send(json.dumps({"status": os.waitstatus_to_exitcode(status)}).encode())
            continue
        ready, begun = os.pipe()
        try:
            pid = _fork()
        except OSError as error:
            reply = {"errno": error.errno}
        else:
            if not pid:
                connection.close()
                os.close(ready)
                return _begin(message["environment"], message["log"], descriptors, begun)
            reply = {"pid": pid}
        # The child closes it when it has a session of its own: before that there is no group to be stopped.
        os.close(begun)
        os.read(ready, 1)
        for descriptor in (ready, *descriptors):
            os.close(descriptor)
        connection.send(json.dumps(reply).encode())


def _begin(environment: Mapping[str, str], log: str, channel: Sequence[int], begun: int) -> Channel:
    """Be a process of its own."""
    os.setsid()
    os.close(begun)
    output = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.close(output)
    os.environ.clear()
    os.environ.update(environment)
    reading, writing = channel
    return Channel.of(reading, writing)
