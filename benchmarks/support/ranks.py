"""Ranks of a distributed training job, started by torchrun, that take steps on request."""

from __future__ import annotations

import io
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from time import monotonic
from typing import IO, Any

import torch

from support.rank import CALL, SIZE

LONGEST = 300.0
"""Seconds that the ranks may take to start, or for one call: more than a claim has, whose own limit comes
first. Starting them beside busy neighbours took more than a minute."""


class RanksEnded(RuntimeError):
    """A rank died; the message has the end of what the job printed."""


@contextmanager
def training_ranks(count: int, device: str, job: str) -> Iterator[Callable[[], list[torch.Tensor]]]:
    """The iteration of a job of that many ranks: one call, after which its parameters are returned.

    ``job`` is a name in `support.rank.JOBS`. The ranks wait between calls, without using a core, and end with
    the context. Raises RanksEnded where one dies, with its log, and TimeoutError where none answers in time.
    """
    with ExitStack() as stack:
        log = stack.enter_context(TemporaryFile())
        server = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        logs = stack.enter_context(TemporaryDirectory())  # torchrun leaves its own in the temporary folder
        words = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(count)]
        words += ["--log-dir", logs]
        rank = ["-m", "support.rank", str(server.getsockname()[1]), device, job]
        # As a module: the folder of a script comes first on its path, and has names of Python's own.
        process = subprocess.Popen(
            [sys.executable, *words, *rank], stdout=log, stderr=log, cwd=Path(__file__).parents[1]
        )
        stack.callback(_end, process)
        ranks = [stack.enter_context(_accepted(server, process, log)) for _ in range(count)]
        replies = [stack.enter_context(connection.makefile("rb")) for connection in ranks]

        def call() -> list[torch.Tensor]:
            try:
                for connection in ranks:
                    connection.sendall(CALL)
                sizes = [int.from_bytes(_read(reply, SIZE), "big") for reply in replies]
                found = [_read(reply, size) for reply, size in zip(replies, sizes, strict=True)]
            except TimeoutError:
                raise TimeoutError(f"the ranks did not answer in {LONGEST:g} s") from None
            except OSError:
                raise _ended(process, log) from None
            parameters: list[torch.Tensor] = torch.load(
                io.BytesIO(next(filter(None, found))), weights_only=True
            )
            return parameters

        yield call


def _accepted(server: socket.socket, process: subprocess.Popen[bytes], log: IO[Any]) -> socket.socket:
    """The connection of one more rank. Raises RanksEnded or TimeoutError."""
    server.settimeout(0.2)
    end = monotonic() + LONGEST
    while monotonic() < end:
        try:
            rank, _ = server.accept()
        except TimeoutError:
            if process.poll() is not None:
                raise _ended(process, log) from None
        else:
            rank.settimeout(LONGEST)
            return rank
    raise TimeoutError(f"the ranks did not start in {LONGEST:g} s")


def _read(reply: IO[bytes], size: int) -> bytes:
    """So many bytes. Raises OSError where the rank is gone."""
    found = reply.read(size)
    if len(found) < size:
        raise ConnectionError
    return found


def _ended(process: subprocess.Popen[bytes], log: IO[Any]) -> RanksEnded:
    """The error for a rank that is gone; torchrun ends the others, and says why."""
    _end(process)
    log.seek(0)
    lines = log.read().decode(errors="replace").splitlines()
    return RanksEnded("\n".join(["a rank ended", *lines]))


def _end(process: subprocess.Popen[bytes]) -> None:
    """Wait for torchrun, whose ranks end with their connections; end it where it does not."""
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.terminate()
        process.wait()
