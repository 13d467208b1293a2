"""Where records are: the names of files and folders under ``results/``."""

from __future__ import annotations

import errno
import os
import re
import stat
from datetime import datetime
from pathlib import Path
from zlib import crc32

from harness.model import TRACES
from harness.store.lines import StoreError

RUN_FILE = "run.jsonl"
GATE_FILE = "gate.jsonl"
RESULT_FILE = "gate.json"
TUNED_FILE = "tune.json"
PAGE_FILE = "page.html"
SET_FILE = "set.json"
JOBS_FILE = "jobs.jsonl"
LARGEST = 256 * 2**20
"""Bytes of the largest file that is read whole: a gate's result with all its environments is far below."""

TUNE = "tune"
"""The profile that a tuning writes in its run's record."""
LOOP = "loop"
"""The profile that a watched training loop writes in its run's record."""
GATE = "gate"
"""The profile that a gate against a stored run writes in its run's record."""


def text_of(path: Path, most: int = LARGEST) -> str:
    """The text of a file of ours that is read whole. Raises OSError, ValueError for what is no text.

    A pipe in the file's place would be waited for without end, and a huge file would take all memory: both
    are an OSError.
    """
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
        has = os.fstat(file.fileno())
        if not stat.S_ISREG(has.st_mode):
            raise OSError(errno.EINVAL, "it is not a regular file", str(path))
        if has.st_size > most:
            raise OSError(errno.EFBIG, f"it has {has.st_size} bytes, and {most} are the most", str(path))
        return file.read(most + 1).decode("utf-8")


def trace_name(case: str, variant: str) -> str:
    """Where the trace of a variant goes, relative to its run's folder: a name any file system takes, and no
    path."""
    return f"{TRACES}/{plain_name(f'{case} {variant}')}.json.gz"


def plain_name(whole: str) -> str:
    """A file's name for anything that is called so: of plain letters, and another one for another text."""
    safe = re.sub(r"[^A-Za-z0-9._]+", "-", whole.replace(".py::", "-"))[-100:].strip("-.")
    return f"{safe}-{crc32(whole.encode('utf-8', 'surrogatepass')):08x}"


def new_run_folder(results: Path, now: datetime, name: str = "") -> Path:
    """Make a folder of its own for a run that starts ``now``, under this name if there is one.

    A second run in the same second gets another name. Raises StoreError.
    """
    stamp = now.strftime("%Y-%m-%d_%H-%M-%S")
    for suffix in ("", *(f"-{count:02}" for count in range(2, 100) if not name)):
        folder = results / (name or f"{stamp}{suffix}")
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        except OSError as error:
            raise StoreError(
                f"cannot make {folder}: {error.strerror}; choose a folder you may write to with --results FOLDER"
            ) from error
        return folder
    if name:
        raise StoreError(f"cannot make {results / name}: it exists; choose another name with --folder NAME")
    raise StoreError(f"cannot make a new folder in {results}: a hundred runs started in one second")


def run_folders(results: Path) -> list[Path]:
    """The runs in a results folder, oldest first."""
    if not results.is_dir():
        return []
    return sorted(path.parent for path in results.glob(f"*/{RUN_FILE}"))


def result_files(results: Path) -> list[Path]:
    """The results of gates in a results folder, oldest first."""
    return sorted(results.glob(f"*/{RESULT_FILE}")) if results.is_dir() else []
