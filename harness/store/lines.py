"""Lines of JSON on disk: written whole, each with a checksum, and read one at a time, whatever the file."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from zlib import crc32

from harness.errors import HarnessError

LONGEST_LINE = 256 * 2**20
"""Bytes; a longer line is not one of ours, and reading it would cost memory without bound."""

CHECKSUM = "crc32"
"""The last field of a line: eight hexadecimal digits, the CRC-32 of the line's bytes before its comma."""

_BEFORE = f',"{CHECKSUM}":"'.encode()
_AFTER = b'"}'
_LENGTH = len(_BEFORE) + 8 + len(_AFTER)
_LONGEST_LAST = 2**20
"""Bytes at the end of a file in which its last line is looked for: the end of a run is short."""

Record = dict[str, Any]

NOT_OURS = (KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError)
"""What comes of reading a line as a record of ours when it is not one."""


class StoreError(HarnessError):
    """Records that cannot be written or read; the message names the file and what to do.

    Example::

        >>> try:
        ...     load("no such run", results)
        ... except StoreError as error:
        ...     print("no such run" in str(error))
        True
    """


class Writer:
    """One process's record file: made anew, appended to line by line, each line on the disk when `write`
    returns. Nothing that another process wrote is ever written to."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._torn = False
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._descriptor = os.open(
                path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o644
            )
        except FileExistsError:
            raise StoreError(
                f"{path} is there already, and another process wrote it: it is left alone"
            ) from None
        except OSError as error:
            raise StoreError(
                f"cannot write {path}: {error.strerror}; choose a folder you may write to with --results FOLDER"
            ) from error

    def write(self, kind: str, **content: object) -> None:
        """Append one record. Raises StoreError (disk full, say) with nothing but whole lines left in the
        file."""
        self.write_all([{"record": kind, **content}])

    def write_all(self, records: Iterable[Record], *, lasting: bool = True) -> None:
        """Append records in one write; ``lasting`` ones are on the disk on return. Raises StoreError, as
        `write`."""
        text = b"".join(map(line_of, records))
        if self._torn:
            raise StoreError(
                f"{self.path} ends in half a line, and nothing can follow it; what it holds is kept"
            )
        before = os.fstat(self._descriptor).st_size
        try:
            written = os.write(self._descriptor, text)
            if written != len(text):
                raise OSError(28, "No space left on device")
            if lasting:
                os.fsync(self._descriptor)
        except OSError as error:
            try:
                os.ftruncate(self._descriptor, before)
            except OSError:
                # A whole line behind half of one would make the file unreadable: it ends here.
                self._torn = True
            raise StoreError(
                f"cannot write to {self.path}: {error.strerror}; what it already holds is kept"
            ) from error

    def close(self) -> None:
        """Close the file; writing afterwards is an error."""
        os.close(self._descriptor)


def line_of(record: Record) -> bytes:
    """A record as its line: JSON on one line, with its checksum in the last field. Raises ValueError for
    NaN."""
    body = json.dumps(record, allow_nan=False, separators=(",", ":")).encode()[:-1]
    return b"%b%b%08x%b\n" % (body, _BEFORE, crc32(body), _AFTER)


def read_lines(path: Path, warnings: list[str]) -> Iterator[tuple[int, bytes]]:
    """The lines of a file with their numbers, each a JSON object without its checksum, which fits.

    Lines of earlier versions have none. A torn last line is a warning. Raises StoreError.
    """
    with path.open("rb") as file:
        number = 0
        while line := file.readline(LONGEST_LINE + 1):
            number += 1
            if len(line) > LONGEST_LINE:
                raise StoreError(
                    f"{path}:{number} is longer than {LONGEST_LINE >> 20} MiB: not a record of ours"
                )
            if not line.endswith(b"\n") and not _whole(line):
                warnings.append(f"{path}:{number}: the last line is torn (its process was stopped); dropped")
                return
            yield number, _verified(path, number, line.rstrip())


def last_record(path: Path) -> Record | None:
    """The record in the last line of a file that may be long; None where that line has no end, or there is
    none.

    Raises OSError, StoreError, ValueError, RecursionError.
    """
    with path.open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - _LONGEST_LAST))
        last = file.read().splitlines(keepends=True)[-1:]
    if not last or not last[0].endswith(b"\n"):
        return None
    return record_in(_verified(path, -1, last[0].rstrip()))


def _verified(path: Path, number: int, line: bytes) -> bytes:
    """A line without its checksum, if it has one. Raises StoreError for one that does not fit."""
    if not line[-_LENGTH:].startswith(_BEFORE):
        return line
    body, stated = line[:-_LENGTH], line[-8 - len(_AFTER) : -len(_AFTER)]
    if b"%08x" % crc32(body) != stated:
        raise StoreError(
            f"{path}:{number} was changed after it was written: its checksum does not fit; "
            "restore the file, or remove that line"
        )
    return body + b"}"


def _whole(line: bytes) -> bool:
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True


def record_in(line: bytes) -> Record:
    """The record in a line as Python's own values. Raises ValueError, RecursionError."""
    from harness.store import typed  # msgspec cannot be borrowed by the interpreters that measure

    record = typed.values(line)
    if not isinstance(record, dict):
        raise ValueError("not an object")
    if CHECKSUM in record:
        raise ValueError("its checksum is not where it was written")
    return record


def kind_of(line: bytes) -> str:
    """What kind of record a line holds. Raises ValueError, RecursionError."""
    from harness.store import typed

    return typed.head_of(line).record


def pair_of(line: bytes) -> str:
    """The variant that a line of a pair is of. Raises ValueError, RecursionError."""
    from harness.store import typed

    return typed.head_of(line).of


def bad_line(path: Path, number: int, error: Exception) -> StoreError:
    """The error for a line that is not one of ours, naming file and line."""
    reason = f"it has no {error}" if isinstance(error, KeyError) else str(error)
    return StoreError(f"{path}:{number} is not a record of ours ({reason[:300]}); remove that line or file")
