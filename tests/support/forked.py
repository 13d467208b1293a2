"""Processes that run a script without starting Python anew: children that the tests' own process forks.

Starting Python and importing what a script needs takes most of the time of tests with many short processes. A
forked child has all of it. It gets what a started process would get: its environment, folder, session,
streams and pipes, and no other descriptor, no handler and no thread of the tests.
"""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest

from harness.processes import live

SCRIPT = "a script to fork for"
"""In the place of an interpreter's path in a command, with the script's text behind it."""


def forked(script: str, *arguments: str) -> list[str]:
    """The command that runs a script in a forked child, where `fork_for` is in force."""
    return [SCRIPT, script, *arguments]


def fork_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let live processes whose command is from `forked` be forked, and others be started as ever."""

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
        in_session, keeps = os.pipe()
        self.pid = os.fork()
        if not self.pid:
            _run(lambda: _become(output, env, pass_fds, cwd), command[1], command[2:])
        # The child closes it when it has a session of its own; before that there is no group that could be
        # killed.
        os.close(keeps)
        os.read(in_session, 1)
        os.close(in_session)
        if stdout == subprocess.DEVNULL:
            os.close(output)

    def poll(self) -> int | None:
        """The exit status, negative for a signal; None while it runs."""
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """The exit status. Raises TimeoutExpired."""
        end = None if timeout is None else time.monotonic() + timeout
        if end is None and self.returncode is None:
            self.returncode = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        while self.poll() is None:
            if end is not None and time.monotonic() >= end:
                raise subprocess.TimeoutExpired(SCRIPT, timeout or 0.0)
            time.sleep(0.001)
        assert self.returncode is not None
        return self.returncode


def _become(output: int, env: Mapping[str, str], keep: Sequence[int], folder: Any) -> None:
    os.setsid()
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(output, 1)
    os.dup2(1, 2)
    for last, following in pairwise([2, *sorted(keep), 1 << 20]):
        os.closerange(last + 1, following)
    for number in (signal.SIGTERM, signal.SIGCHLD, signal.SIGALRM):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.clear()
    os.environ.update(env)
    if folder is not None:
        os.chdir(folder)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    gc.freeze()  # a collection in the child is to look at the child's objects only


def _run(become: Callable[[], None], script: str, arguments: Sequence[str]) -> None:
    """Run the script and end this process, whatever happens."""
    status = 1
    try:
        become()
        sys.argv = ["-c", *arguments]
        exec(compile(script, "<script>", "exec"), {"__name__": "__main__"})
        status = 0
    except SystemExit as ending:
        status = ending.code if isinstance(ending.code, int) else int(ending.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
