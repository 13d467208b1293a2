"""The two commands of the proof: parts one after the other, each in a process of its own and in no more than
its time.

Whatever ends a part (an exception, a crash, a process that hangs) ends that part alone. What it printed, its
traceback included, goes to a file in the folder of the findings while it runs, and to the terminal.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from gpu_proof.findings import cut_off, started, summary, unfinished

GRACE = 5.0
"""Seconds that a part has to print where it was, when its time is over."""

ARCHIVE = "gpu-proof.tar.gz"


@dataclass(frozen=True, slots=True)
class Command:
    """Parts to run within so many seconds in all, each in no more than its own."""

    seconds: float
    parts: Mapping[str, float]


COMMANDS = {
    "first": Command(
        330.0, {"facts": 100.0, "clock": 90.0, "traces": 40.0, "ceilings": 70.0, "watching": 120.0}
    ),
    "second": Command(330.0, {"gate": 210.0, "bench-few": 150.0}),
}
"""Together twelve minutes; whatever hangs takes no more than its part."""

Words = Callable[[str, float], Sequence[str]]
"""The command line that holds a part, by the part's name and the seconds that it may take."""


def hold(command: Command, folder: Path, device: str, words: Words, order: Sequence[str]) -> int:
    """Hold its parts one after the other while time is left; what was found by then is packed, whatever
    happens.

    Gives the highest exit status of a part; 1 is that of one that did not come to its end. ``order`` is that
    of the parts in the summary.
    """
    end = time.monotonic() + command.seconds
    status = 0

    def end_early(name: str, reason: str) -> None:
        print(f"{name}: {reason}", flush=True)
        cut_off(folder, name, device, reason)
        summary(folder, order)

    try:
        for name, limit in command.parts.items():
            started(folder, name, device)  # what an earlier proof found is no finding of this one
            seconds = min(limit, end - time.monotonic())
            try:
                if seconds <= GRACE:
                    status, reason = max(status, 1), "no time left"
                else:
                    ended, reason = _in_time(name, seconds, folder, words(name, seconds))
                    status = max(status, 1 if reason else abs(ended))
            except BaseException:
                end_early(name, "the command was ended")
                raise
            if reason:
                end_early(name, reason)
    finally:
        packed(folder)
    return status


def _in_time(name: str, seconds: float, folder: Path, words: Sequence[str]) -> tuple[int, str]:
    """Hold a part in a process of its own, which is ended with all that it started when its time is over.

    Gives its exit status, and why it did not come to its end where it did not.
    """
    with (folder / f"{name}.txt").open("w", encoding="utf-8") as log:
        reason = ""
        with ExitStack() as stack:
            # A signal must not come between the start of the process and the promise to end it.
            with _deferred(signal.SIGINT, signal.SIGTERM):
                process = subprocess.Popen(
                    words,
                    start_new_session=True,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    text=True,
                    errors="replace",
                )
                assert process.stdout is not None
                copying = threading.Thread(target=_copied, args=(process.stdout, log), daemon=True)
                copying.start()
                stack.callback(_end, process, copying)
            try:
                process.wait(seconds - GRACE)
            except subprocess.TimeoutExpired:
                reason = f"not over after {seconds - GRACE:.0f} s"
                _interrupted(process)
        status = process.returncode
    if not reason and unfinished(folder, name):
        reason = f"its process {_ending(status)} before the part was over"
    return status, reason


@contextmanager
def _deferred(*signals: signal.Signals) -> Iterator[None]:
    """Signals that arrive inside take effect at its end."""
    arrived: list[int] = []
    handlers = {each: signal.signal(each, lambda number, _frame: arrived.append(number)) for each in signals}
    try:
        yield
    finally:
        for each, handler in handlers.items():
            signal.signal(each, handler)
        for number in arrived:
            signal.raise_signal(number)


def _end(process: subprocess.Popen[str], copying: threading.Thread) -> None:
    """End a part with all that it started, and the copying of what it prints."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    copying.join(GRACE)
    if (
        process.stdout is not None and not copying.is_alive()
    ):  # a process in a session of its own may hold its end
        process.stdout.close()


def _interrupted(process: subprocess.Popen[str]) -> None:
    """Have a part print where it is: all its threads at once, then by the traceback of an interrupt."""
    with suppress(ProcessLookupError):
        process.send_signal(
            signal.SIGUSR1
        )  # see `gpu_proof.__main__`: what waits in C answers to nothing else
        os.killpg(process.pid, signal.SIGINT)
    with suppress(subprocess.TimeoutExpired):
        process.wait(GRACE)


def _copied(output: IO[str], log: IO[str]) -> None:
    """Copy what a part prints to its file and to the terminal, line by line."""
    with suppress(ValueError):  # the file is closed: what comes after the part is not its own
        for line in output:
            log.write(line)
            log.flush()
            with suppress(
                OSError
            ):  # the reader of the terminal's end may have left: the part must not wait for it
                print(line, end="", flush=True)


def _ending(status: int) -> str:
    if status >= 0:
        return f"ended with exit status {status}"
    return f"was ended by {signal.Signals(-status).name}"


def packed(folder: Path) -> Path:
    """Pack a folder into an archive beside it, which is there when it is whole."""
    path, draft = folder.parent / ARCHIVE, folder.parent / f"{ARCHIVE}.part"
    with tarfile.open(draft, "w:gz") as archive:
        archive.add(folder, folder.name)
    draft.replace(path)
    print(f"packed: {path}", flush=True)
    return path


def ends_in_order() -> None:
    """Let SIGTERM to this process end its parts, too, and have what was found packed."""
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
