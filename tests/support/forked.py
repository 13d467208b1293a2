"""Processes that run a script without starting Python anew: children that a small process forks.

Starting Python and importing what a script needs takes most of the time of tests with many short processes. A
forked child has all of it. The process that forks is not the tests' own: that one has imported torch and
more, and a fork copies the tables of all its pages. A child gets what a started process would get: its
environment, folder, session, streams and pipes, and no other descriptor, no handler and no thread of the
tests.
"""

from __future__ import annotations

import ast
import fcntl
import gc
import json
import os
import signal
import socket
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cache
from itertools import pairwise
from pathlib import Path
from types import CodeType, SimpleNamespace
from typing import Any

import pytest

from harness.processes import live

SCRIPT = "a script to fork for"
"""In the place of an interpreter's path in a command, with the script's text behind it."""

LONGEST_MESSAGE = 1 << 18
"""Bytes of the longest request: a script, its arguments and its environment."""

HIGH = 1 << 10
"""Descriptors from here on are in nobody's way."""


def forked(script: str, *arguments: str) -> list[str]:
    """The command that runs a script in a forked child, where `fork_for` is in force."""
    return [SCRIPT, script, *arguments]


def fork_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let live processes whose command is from `forked` be forked, and others be started as ever."""
    _forking(os.getpid())  # now: no child of the tests may seem to be new while a test counts them

    def popen(command: Sequence[str], **options: Any) -> Any:
        return Forked(command, **options) if command[0] == SCRIPT else subprocess.Popen(command, **options)

    stand_in = SimpleNamespace(**{name: getattr(subprocess, name) for name in subprocess.__all__})
    stand_in.Popen = popen
    monkeypatch.setattr(live, "subprocess", stand_in)


class Forked:
    """As much of `subprocess.Popen` as a live process needs."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        stdin: int,
        stdout: Any,
        stderr: int,
        env: Mapping[str, str],
        pass_fds: Sequence[int],
        start_new_session: bool,
        cwd: Any,
    ) -> None:
        assert (stdin, stderr, start_new_session) == (subprocess.DEVNULL, subprocess.STDOUT, True)
        output = os.open(os.devnull, os.O_WRONLY) if stdout == subprocess.DEVNULL else stdout.fileno()
        self.returncode: int | None = None
        asked = {
            "script": command[1],
            "arguments": command[2:],
            "environment": dict(env),
            "keep": list(pass_fds),
            "folder": str(cwd or Path.cwd()),
        }
        self.pid = int(_forking(os.getpid()).ask(asked, [output, *pass_fds])["pid"])
        if stdout == subprocess.DEVNULL:
            os.close(output)

    def poll(self) -> int | None:
        """The exit status, negative for a signal; None while it runs."""
        if self.returncode is None:
            self.returncode = _forking(os.getpid()).ask({"ended": self.pid})["status"]
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """The exit status. Raises TimeoutExpired."""
        end = None if timeout is None else time.monotonic() + timeout
        while self.poll() is None:
            if end is not None and time.monotonic() >= end:
                raise subprocess.TimeoutExpired(SCRIPT, timeout or 0.0)
            time.sleep(0.001)
        assert self.returncode is not None
        return self.returncode


# --- the process that forks ---------------------------------------------------------------------------------


@cache
def _forking(tests: int) -> _Forking:
    """The one of the tests' process with that pid: a fork of theirs would have its own."""
    return _Forking()


class _Forking:
    """The tests' end; the process ends when it sees that this one is gone."""

    def __init__(self) -> None:
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        root = str(Path(__file__).resolve().parents[2])
        code = (
            f"import sys; sys.path.insert(0, {root!r}); "
            f"from tests.support.forked import forks; forks({theirs.fileno()})"
        )
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
        self._process = subprocess.Popen(
            [sys.executable, "-c", code],
            pass_fds=[theirs.fileno()],
            env=environment,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        theirs.close()

    def ask(self, request: Mapping[str, Any], descriptors: Sequence[int] = ()) -> Any:
        """What it answers."""
        socket.send_fds(self._socket, [json.dumps(request).encode()], list(descriptors))
        return json.loads(self._socket.recv(LONGEST_MESSAGE))


def forks(number: int) -> None:
    """Fork for the process at the other end of that socket, until it is closed."""
    asking = socket.socket(fileno=number)
    while True:
        said, received, _, _ = socket.recv_fds(asking, LONGEST_MESSAGE, 64)
        if not said:
            return
        request = json.loads(said)
        if "ended" in request:
            pid, status = os.waitpid(request["ended"], os.WNOHANG)
            answer = {"status": os.waitstatus_to_exitcode(status) if pid else None}
        else:
            answer = {"pid": _fork(request, received)}
        asking.send(json.dumps(answer).encode())


def _fork(request: Mapping[str, Any], received: Sequence[int]) -> int:
    code = _prepared(request["script"])
    in_session, keeps = os.pipe()
    pid = os.fork()
    if not pid:
        _run(lambda: _become(request, received), code, request["arguments"])
    # The child closes it when it has a session of its own; before that there is no group that could be
    # killed.
    os.close(keeps)
    os.read(in_session, 1)
    for descriptor in (in_session, *received):
        os.close(descriptor)
    return pid


@cache
def _prepared(script: str) -> CodeType:
    """The script to run, its imports done here once for all its children."""
    imports = [node for node in ast.parse(script).body if isinstance(node, ast.Import | ast.ImportFrom)]
    for node in imports:
        with suppress(Exception):  # the child says what is wrong with it
            exec(compile(ast.Module([node], []), "<script>", "exec"), {})
    return compile(script, "<script>", "exec")


def _become(request: Mapping[str, Any], received: Sequence[int]) -> None:
    os.setsid()
    output, *keep = (fcntl.fcntl(number, fcntl.F_DUPFD, HIGH) for number in received)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(output, 1)
    os.dup2(1, 2)
    for held, number in zip(keep, request["keep"], strict=True):
        os.dup2(held, number)
    for last, following in pairwise([2, *sorted(request["keep"]), 1 << 20]):
        os.closerange(last + 1, following)
    for number in (signal.SIGTERM, signal.SIGCHLD, signal.SIGALRM):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["folder"])
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    gc.freeze()  # a collection in the child is to look at the child's objects only


def _run(become: Callable[[], None], code: CodeType, arguments: Sequence[str]) -> None:
    """Run the script and end this process, whatever happens."""
    status = 1
    try:
        become()
        sys.argv = ["-c", *arguments]
        exec(code, {"__name__": "__main__"})
        status = 0
    except SystemExit as ending:
        status = ending.code if isinstance(ending.code, int) else int(ending.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
