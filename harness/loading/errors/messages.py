"""What went wrong in a loader, in one line: the worker and its signal, the limit that was met, the
file to blame.
"""

from __future__ import annotations

import errno
import re
import signal
from collections.abc import Mapping

from harness.errors import HarnessError
from harness.loading.data.folder import DataError, file_at_fault
from harness.loading.errors.timeout import LoaderStalled
from harness.loading.machine.limits import REMEDY, free_memory, free_shared, size


class LoaderError(HarnessError):
    """A loader that cannot go on, through no fault of the data: the message gives the reason and
    the remedy.
    """


ExitCodes = Mapping[int, int]
"""How workers ended, by process id; negative for a signal."""

_DEAD = re.compile(
    r"DataLoader worker \(pid(?:\(s\))? (?P<pid>\d+)[\d, ]*\) "
    r"(?:is killed by signal: (?P<signal>[^.]+)|exited unexpectedly(?: with exit code (?P<code>\d+))?)"
)
_LATE = re.compile(r"DataLoader timed out after (?P<seconds>[\d.]+) seconds")
_CAUGHT = re.compile(r"^Caught (?P<kind>\w+) in ", re.MULTILINE)
_FRAME = re.compile(r'^\s*File "(?P<file>[^"]+)", line (?P<line>\d+), in (?P<name>.+)$', re.MULTILINE)
_SHARED = re.compile(
    r"(?:allocate|open|resize|mmap|map) (?:a )?shared memory|mmap \d+ bytes from file </?torch_|"
    r"/torch_\w+.*No space left|Couldn't allocate shared memory segment"
)
_FILES = re.compile(r"Too many open files|received \d+ items of ancdata")
_DALI = re.compile(r"nvidia\.dali|/dali/")

_SIGNALS = {signal.strsignal(number): number.name for number in signal.Signals}
_PROVIDERS = {"nvidia": "nvidia-dali-cuda120", "spdl": "spdl-core"}
"""What to install for a module, where it is not called the same."""


def dead_worker(error: BaseException) -> int | None:
    """The process id of the worker that torch reports as dead; None where the error is about
    something else.
    """
    found = _death(error)
    return int(found["pid"]) if found else None


def died(pid: int) -> RuntimeError:
    """The error that torch raises for a worker that it finds dead."""
    return RuntimeError(f"DataLoader worker (pid(s) {pid}) exited unexpectedly")


def _death(error: BaseException | None) -> re.Match[str] | None:
    """Torch's words for a dead worker, in the error or, with more details, in one that came before it."""
    found = None
    while error is not None:
        match = _DEAD.search(str(error))
        if match and (found is None or match["signal"] or match["code"]):
            found = match
        error = error.__cause__ or error.__context__
    return found


def explained(error: Exception, exit_codes: ExitCodes | None = None) -> Exception | None:
    """The error to raise instead, with one line for a message; None where the error itself is clear.

    A DataError where a file is to blame, LoaderStalled where nothing came, else a LoaderError.
    """
    text = str(error)
    ours = isinstance(error, DataError | LoaderError | LoaderStalled) and "\n" not in text
    if ours and not _FILES.search(text):
        return None
    if (dead := _death(error)) is not None:
        return LoaderError(_last_of(dead, exit_codes or {}))
    if late := _LATE.search(text):
        return LoaderStalled(stalled(float(late["seconds"])))
    return _limit_met(error, text) or _from_worker(text) or _from_dali(text) or _missing(error)


def stalled(seconds: float, workers: int | None = None) -> str:
    """The message for a loader from which nothing came for so long, though that many of its workers
    are alive.
    """
    who = "" if workers is None else f" from {workers} live worker{'s' * (workers != 1)}"
    room = free_shared()
    if room is not None and room.free < room.total / 50:
        return f"no batch came for {seconds:g} s{who}: {_no_shared_memory()}"
    return (
        f"no batch came for {seconds:g} s{who}, the loader hangs: look for a dead mount, a pipe among the images, or "
        "a lock that was held when workers were forked"
    )


def _last_of(dead: re.Match[str], exit_codes: ExitCodes) -> str:
    """What a worker died of."""
    code = int(dead["code"]) if dead["code"] else exit_codes.get(int(dead["pid"]))
    name = ""
    if dead["signal"]:
        name = _SIGNALS.get(dead["signal"].strip(), dead["signal"])
    elif code is not None and code < 0:
        name = signal.Signals(-code).name
    worker = f"a loader worker (pid {dead['pid']})"
    if name == "SIGKILL":
        return f"{worker} was killed (SIGKILL), as happens where memory runs out ({_memory()}): {REMEDY}"
    if name == "SIGBUS":
        return f"{worker} died of a bus error (SIGBUS): a mapped file was cut short, or {_no_shared_memory()}"
    if name:
        return f"{worker} was ended by {name}, by a crash in native code or from outside: load with no workers to see"
    ended = "ended without a reason" if code is None else f"ended by itself with exit status {code}"
    return f"{worker} {ended}: load with no workers to see why"


def _limit_met(error: Exception, text: str) -> LoaderError | None:
    """What the system refused, to a worker or while workers were being started; a file's own errors
    are not meant.
    """
    number = error.errno if isinstance(error, OSError) and error.filename is None else None
    if _SHARED.search(text) or number == errno.ENOSPC:
        return LoaderError(_no_shared_memory())
    if _FILES.search(text):
        return LoaderError(_no_descriptors())
    if number == errno.ENOMEM or text.startswith("Caught MemoryError "):
        return LoaderError(f"a loader worker found no memory ({_memory()}): {REMEDY}")
    if number == errno.EAGAIN:
        return LoaderError(
            f"no more processes may be started (ulimit -u, or the cgroup's pids.max): {REMEDY}"
        )
    return None


def _memory() -> str:
    room = free_memory()
    return f"now {room}" if room else "how much is free is not known here"


def _no_shared_memory() -> str:
    room = free_shared()
    there = f"{room.name}, {size(room.total)} in all, is full" if room else "shared memory is full"
    return f"{there}: {REMEDY}, or enlarge it (docker run --shm-size=8g)"


def _no_descriptors() -> str:
    import resource

    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return (
        f"more files are open than the limit of {limit} allows, and each batch on its way takes some: raise it "
        f"(ulimit -n {4 * max(1024, limit)}), or {REMEDY}"
    )


def _from_worker(text: str) -> Exception | None:
    """What was raised in a worker and carried over with its traceback."""
    caught = _CAUGHT.search(text)
    if caught is None:
        return None
    file, text = file_at_fault(text)
    # The message begins where the traceback ends: in the last line that starts with the error's
    # name, qualified or not.
    _, found, message = text.rpartition(f"\n{caught['kind']}: ")
    if not found and (qualified := list(re.finditer(rf"^[\w.]+\.{caught['kind']}: ", text, re.MULTILINE))):
        message = text[qualified[-1].end() :]
    message = " ".join(message.split())
    if caught["kind"] == DataError.__name__:
        return DataError(message, file)
    frames = list(_FRAME.finditer(text))
    own = [frame for frame in frames if "/torch/" not in frame["file"]] or frames
    place = f" (in {own[-1]['name']}, {own[-1]['file']}, line {own[-1]['line']})" if own else ""
    return LoaderError(f"a loader worker raised {caught['kind']}: {message or 'without a message'}{place}")


def _from_dali(text: str) -> LoaderError | None:
    """The one line of several with the cause; the others are places in DALI's own code."""
    if "\n" not in text or not _DALI.search(text):
        return None
    return LoaderError(f"DALI: {text.splitlines()[0]}")


def _missing(error: Exception) -> LoaderError | None:
    if not isinstance(error, ModuleNotFoundError) or not error.name:
        return None
    package = error.name.partition(".")[0]
    return LoaderError(
        f"this loader needs {package}, which is not installed: pip install {_PROVIDERS.get(package, package)}"
    )
