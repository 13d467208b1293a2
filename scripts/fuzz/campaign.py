"""Many inputs for one reader: what was raised, how long each took, how much memory all of them."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import tempfile
import time
import traceback
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from fuzz.readers import READERS, Reader
from harness.errors import HarnessError

BY_NAME = {reader.name: reader for reader in READERS}

SLOW = 1.0
"""CPU-seconds that one input may take."""

HANGS = 30
"""Seconds of the clock after which an input is taken for one that hangs."""

MEMORY = 512 << 20
"""Bytes that a reader's process may grow by."""

MOST_KEPT = 5
"""Inputs that are kept of a reader, at the most."""


@dataclass(slots=True)
class Tally:
    """What became of the inputs of one reader."""

    reader: str
    inputs: int = 0
    taken: int = 0
    refused: int = 0
    slowest: float = 0.0
    grown: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    kept: list[str] = field(default_factory=list)


class Hung(BaseException):
    """An input took too long."""


def fuzz(reader: Reader, inputs: int, seed: int, keep: Path | None = None) -> Tally:
    """Read so many invalid inputs, drawn from ``seed``. Those that fail are written to ``keep``."""
    tally = Tally(reader.name)
    cache = os.environ.get("TIPBENCH_CACHE")
    with tempfile.TemporaryDirectory(prefix="tipbench-fuzz-") as made:
        folder = Path(made)
        os.environ["TIPBENCH_CACHE"] = str(folder)
        try:
            reader.make(folder)
            reader.read(folder)  # valid, and imported
            _read_all(reader, inputs, seed, keep, folder, tally)
        finally:
            os.environ.pop("TIPBENCH_CACHE")
            if cache is not None:
                os.environ["TIPBENCH_CACHE"] = cache
    return tally


def fuzz_named(name: str, inputs: int, seed: int, keep: Path | None) -> Tally:
    """The same for the reader of that name."""
    return fuzz(BY_NAME[name], inputs, seed, keep)


def _read_all(reader: Reader, inputs: int, seed: int, keep: Path | None, folder: Path, tally: Tally) -> None:
    file = folder / reader.file
    valid = file.read_bytes()
    before = _largest()
    earlier = signal.signal(signal.SIGALRM, _hung)
    try:
        for number in range(inputs):
            random = Random(f"{seed} {reader.name} {number}")
            content = random.choice(reader.changes)(valid, random)
            file.write_bytes(content)
            tally.inputs += 1
            failure = _read(reader, folder, tally)
            if failure:
                tally.failures[failure] += 1
                if keep is not None and len(tally.kept) < MOST_KEPT and tally.failures[failure] == 1:
                    kept = keep / f"{reader.name.replace(' ', '-')}-{seed}-{number}"
                    kept.write_bytes(content)
                    tally.kept.append(f"{kept.name}: {failure}")
    finally:
        signal.signal(signal.SIGALRM, earlier)
    tally.grown = max(0, _largest() - before)
    if tally.grown > MEMORY:
        tally.failures[f"the process grew by {tally.grown >> 20} MiB"] += 1


def _read(reader: Reader, folder: Path, tally: Tally) -> str:
    """Read what lies there; what is wrong with how that went, if anything."""
    begin = time.process_time()
    signal.alarm(HANGS)
    try:
        reader.read(folder)
    except HarnessError as error:
        tally.refused += 1
        return _bad_message(str(error))
    except Hung:
        return f"it took more than {HANGS} s"
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        place = traceback.extract_tb(error.__traceback__)[-1]
        return f"{type(error).__name__} in {Path(place.filename).name}:{place.lineno}: {str(error)[:100]}"
    else:
        tally.taken += 1
    finally:
        signal.alarm(0)
        spent = time.process_time() - begin
        tally.slowest = max(tally.slowest, spent)
        for left in ("p.html", "p.json"):
            with suppress(OSError):
                (folder / left).unlink()
    return f"it took {spent:.1f} CPU-seconds" if spent > SLOW else ""


def _bad_message(message: str) -> str:
    """A message is one line that a terminal can show."""
    if "\n" in message.strip():
        return f"a message of several lines: {message[:100]!r}"
    if not message:
        return "a message without words"
    return ""


def _hung(*_: object) -> None:
    raise Hung


def _largest() -> int:
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def clear(folder: Path) -> None:
    """A new, empty folder for what is kept."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
