"""Live processes: in groups of their own, with a channel for JSON lines, stopped, continued and never left
behind.

A process group is a child and all it forks (loader workers included), so that signals reach every one of
them. A small guard process outlives us by a moment: when we die, whatever way, it kills the groups that are
still there, and removes the folder in which we and they keep temporary files. Stopped processes would
otherwise stay stopped for ever.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import HarnessError

if TYPE_CHECKING:
    from harness.processes.fork_server import ForkedProcess, ForkServer

CHANNEL_VARIABLE = "TIPBENCH_CHANNEL"
TEMPORARY_VARIABLE = "TIPBENCH_TEMPORARY"


class ChannelClosed(HarnessError):
    """The process at the other end is gone."""


class Channel:
    """JSON lines over a pair of pipes."""

    def __init__(self, reading: int, writing: int) -> None:
        self._reading = reading
        self._writing = writing
        self._buffer = bytearray()

    @classmethod
    def inherited(cls) -> Channel | None:
        """The channel to the process that started this one, or None if there is none."""
        named = os.environ.pop(CHANNEL_VARIABLE, "")
        if not named:
            return None
        reading, writing = map(int, named.split(","))
        return cls.of(reading, writing)

    @classmethod
    def of(cls, reading: int, writing: int) -> Channel:
        """The channel over two pipes that this process was given."""
        for descriptor in (reading, writing):
            os.set_inheritable(descriptor, False)
        channel = cls(reading, writing)
        # A forked worker must not keep the channel open: our death would go unnoticed until its own.
        os.register_at_fork(after_in_child=channel.close)
        return channel

    def send(self, **message: object) -> None:
        """Send one message, of any length. Raises ChannelClosed.

        What arrives meanwhile is kept: two ends that both write more than a pipe holds would wait for each
        other.
        """
        line = memoryview(json.dumps(message, separators=(",", ":")).encode() + b"\n")
        listening = [self._reading] if self._reading >= 0 else []
        try:
            while line:
                readable, writable, _ = select.select(listening, [self._writing], [])
                if writable:
                    # So much is taken at once, without waiting, by a pipe that can be written to.
                    line = line[os.write(self._writing, line[: select.PIPE_BUF]) :]
                if readable:
                    chunk = os.read(self._reading, 1 << 16)
                    self._buffer += chunk
                    listening = listening if chunk else []
        except (OSError, ValueError) as error:
            raise ChannelClosed("the process at the other end reads no more") from error

    def receive(self, timeout: float | None = None) -> dict[str, object] | None:
        """The next message; None after ``timeout`` seconds without one. Raises ChannelClosed at the other's
        end."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while (end := self._buffer.find(b"\n")) < 0:
            if self._reading < 0:
                raise ChannelClosed("the channel is closed")
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            if not select.select([self._reading], [], [], left)[0]:
                return None
            chunk = os.read(self._reading, 1 << 16)
            if not chunk:
                raise ChannelClosed("the process has ended")
            self._buffer += chunk
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        message = json.loads(line)
        if not isinstance(message, dict):
            raise ChannelClosed(f"not a message: {message!r}")
        return message

    def close(self) -> None:
        """Close both pipes."""
        for descriptor in (self._reading, self._writing):
            with contextlib.suppress(OSError):
                os.close(descriptor)
        self._reading = self._writing = -1


def temporary_folder() -> tempfile.TemporaryDirectory[str]:
    """A folder for temporary files. The process that started this one removes it if this one is killed."""
    return tempfile.TemporaryDirectory(prefix="tipbench-", dir=_within())


def _within() -> str | None:
    """The folder of the process that started this one; None, which stands for the system's own, where there
    is none."""
    folder = os.environ.get(TEMPORARY_VARIABLE)
    return folder if folder and Path(folder).is_dir() else None


class Reaper:
    """A process that kills the groups it watches as soon as we are gone, and removes our temporary files.

    ``folder`` is for these files, of ours and of the processes we start; `close` removes it. Its name begins
    with ``prefix``. ``remover`` is a command that removes the folder it is given, where more is to be done
    than to delete files: it is run if we are gone and the folder is not. Raises OSError where no folder can
    be made.
    """

    def __init__(self, prefix: str = "tipbench-", remover: Sequence[str] = ()) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix=prefix, dir=_within())).resolve()
        self._remover = remover
        self._watched: set[int] = set()
        self._process = self._started()

    def _started(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [
                sys.executable, "-S", "-E", str(Path(__file__).with_name("reaper.py")),
                str(self.folder), *self._remover,
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )  # fmt: skip

    def __enter__(self) -> Reaper:
        return self

    def __exit__(self, *failure: object) -> None:
        self.close()

    def watch(self, group: int) -> None:
        """Kill this process group when we die."""
        self._watched.add(group)
        self._write(f"+{group}\n")

    def release(self, group: int) -> None:
        """This group has ended; its number may be another group's soon."""
        self._watched.discard(group)
        self._write(f"-{group}\n")

    def _write(self, line: str) -> None:
        if self._process.poll() is not None:  # somebody killed it: another takes its place
            assert self._process.stdin is not None
            with contextlib.suppress(OSError):
                self._process.stdin.close()
            self._process = self._started()
            line = "".join(f"+{group}\n" for group in self._watched)
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.write(line.encode())
            self._process.stdin.flush()

    def close(self) -> None:
        """Remove the folder and let the guard go; it kills what it still watches."""
        shutil.rmtree(self.folder, ignore_errors=True)
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.close()
        self._process.wait()


class LiveProcess:
    """A process with a channel, in a session and group of its own.

    It is started by ``command`` in ``folder``, or, if ``forks`` is given, forked by that. What it prints goes
    to ``log``. Raises OSError where there can be no process.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        guard: Reaper,
        environment: Mapping[str, str],
        log: Path | None = None,
        folder: Path | None = None,
        forks: ForkServer | None = None,
    ) -> None:
        ours_in, theirs_out = os.pipe()
        theirs_in, ours_out = os.pipe()
        variables = {**environment, TEMPORARY_VARIABLE: str(guard.folder)}
        self._process: subprocess.Popen[bytes] | ForkedProcess
        try:
            if forks is None:
                self._process = _started(command, variables, (theirs_in, theirs_out), log, folder)
            else:
                self._process = forks.fork(variables, (theirs_in, theirs_out), log)
        finally:
            os.close(theirs_in)
            os.close(theirs_out)
        self.channel = Channel(ours_in, ours_out)
        self.pid = self._process.pid
        self._guard = guard
        self._status: int | None = None
        guard.watch(self.pid)

    @property
    def ended(self) -> bool:
        """Whether it was reaped."""
        return self._status is not None

    def pause(self) -> None:
        """Stop the whole group: idle workers and spinning threads take no time from the process whose turn it
        is."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let the whole group go on."""
        self._signal(signal.SIGCONT)

    def wait(self, timeout: float) -> int | None:
        """The exit status, negative for a signal; None while it still runs after ``timeout`` seconds."""
        try:
            return self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            return None

    def end(self) -> int:
        """Kill what is left of the group, reap the child and give its exit status."""
        if self._status is None:
            status = self._process.poll()
            self._signal(signal.SIGKILL)
            reaped = self._process.wait()
            self._guard.release(self.pid)
            self.channel.close()
            self._status = reaped if status is None else status
        return self._status

    def _signal(self, number: int) -> None:
        if self._status is not None:
            return  # the number of the group may be another group's by now
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)


def _started(
    command: Sequence[str],
    environment: Mapping[str, str],
    channel: tuple[int, int],
    log: Path | None,
    folder: Path | None,
) -> subprocess.Popen[bytes]:
    with contextlib.ExitStack() as stack:
        output = stack.enter_context(log.open("ab")) if log else subprocess.DEVNULL
        return subprocess.Popen(
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**environment, CHANNEL_VARIABLE: "{},{}".format(*channel)},
            pass_fds=channel,
            start_new_session=True,
            cwd=folder,
        )


def exit_reason(status: int) -> str:
    """What an exit status means, in words."""
    if status >= 0:
        return f"its process ended with exit status {status}"
    try:
        name = signal.Signals(-status).name
    except ValueError:
        name = f"signal {-status}"
    hint = {"SIGKILL": " (out of memory, or killed by hand)", "SIGSEGV": " (a crash in native code)"}.get(
        name, ""
    )
    return f"its process was ended by {name}{hint}"
