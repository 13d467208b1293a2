"""Lines of JSON on disk: written whole, read one at a time, whatever the file."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from harness.errors import HarnessError

LONGEST_LINE = 256 * 2**20
"""Bytes; a longer line is not one of ours, and reading it would cost memory without bound."""

Record = dict[str, Any]


class StoreError(HarnessError):
    """Records that cannot be written or read; the message names the file and what to do."""


class Writer:
    """One process's record file: opened once, appended to line by line, each line on the disk when `write` returns."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise StoreError(
                f"cannot write {path}: {error.strerror}; choose a folder you may write to with --results FOLDER"
            ) from error

    def write(self, kind: str, **content: Any) -> None:
        """Append one record. Raises StoreError (disk full, say) with nothing but whole lines left in the file."""
        self.write_all([{"record": kind, **content}])

    def write_all(self, records: Iterable[Record], *, lasting: bool = True) -> None:
        """Append records in one write; ``lasting`` ones are on the disk on return. Raises StoreError, as `write`."""
        text = "".join(json.dumps(record, allow_nan=False, separators=(",", ":")) + "\n" for record in records).encode()
        before = os.fstat(self._descriptor).st_size
        try:
            written = os.write(self._descriptor, text)
            if written != len(text):
                raise OSError(28, "No space left on device")
            if lasting:
                os.fsync(self._descriptor)
        except OSError as error:
            os.ftruncate(self._descriptor, before)
            raise StoreError(f"cannot write to {self.path}: {error.strerror}; what it already holds is kept") from error

    def close(self) -> None:
        """Close the file; writing afterwards is an error."""
        os.close(self._descriptor)


def read_lines(path: Path, warnings: list[str]) -> Iterator[tuple[int, Record]]:
    """The records of a file with their line numbers; a torn last line is a warning. Raises StoreError."""
    with path.open("rb") as file:
        number = 0
        while line := file.readline(LONGEST_LINE + 1):
            number += 1
            if len(line) > LONGEST_LINE:
                raise StoreError(f"{path}:{number} is longer than {LONGEST_LINE >> 20} MiB: not a record of ours")
            try:
                record = json.loads(line.decode(), parse_constant=no_constant)
                if not isinstance(record, dict):
                    raise ValueError("not an object")
            except (ValueError, RecursionError) as error:
                if not line.endswith(b"\n"):
                    warnings.append(f"{path}:{number}: the last line is torn (its process was stopped); dropped")
                    return
                raise StoreError(f"{path}:{number} is not JSON ({error}); remove that line or file") from error
            yield number, record


def no_constant(name: str) -> float:
    """What JSON's own parser takes for a number and JSON does not: NaN, Infinity. Raises ValueError."""
    raise ValueError(f"{name} is not a number")
