"""A trace's events as pieces of JSON that each hold whole events, so that a file of any size needs little
memory.

A piece ends where a brace closes and, past a comma, another opens. That place may lie inside an event; but
what comes before it, in brackets, is JSON only if it does not: JSON is read from left to right in one way
only. So a piece that can be decoded ends at an event, and one that cannot is tried again with an earlier end.
"""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from harness.errors import HarnessError

Decoded = TypeVar("Decoded")


class ByteSource(Protocol):
    """Whatever bytes can be read from."""

    def read(self, size: int, /) -> bytes:
        """At most that many of the next bytes; none at the end."""
        ...


MOST_BYTES = 2 << 30
"""Bytes of JSON that are read of one trace at the most."""

PIECE = 4 << 20
LONGEST_EVENT = 64 << 20
"""Bytes of a piece, and of what may lie before or after the events, or be one event."""

_ENDS_TRIED = 16
_CLOSINGS_TRIED = 256
"""Places near the end of a piece that are tried before it is made longer, and near the end of a file before
it counts as damaged."""

_START = re.compile(rb'"traceEvents"\s*:\s*\[')
_GZIP = b"\x1f\x8b"


class TraceError(HarnessError):
    """A trace that cannot be read; the message names the file and the reason."""


class NotJson(HarnessError):
    """Raised by a decoder for bytes that are no JSON."""


class Pieces(Generic[Decoded]):
    """The events of one file, piece by piece.

    ``decode`` turns an array of events into whatever is wanted of them and raises NotJson where it is no
    JSON; ``check`` does so for the rest of the file. Raises TraceError, also for more than ``most_bytes``.
    """

    def __init__(
        self,
        path: Path,
        decode: Callable[[bytes], Decoded],
        check: Callable[[bytes], object],
        most_bytes: int = MOST_BYTES,
    ) -> None:
        self._path = path
        self._decode = decode
        self._check = check
        self._most_bytes = most_bytes
        self._read = 0

    def __iter__(self) -> Iterator[Decoded]:
        with opened(self._path) as file:
            buffer, closing = self._skip_header(file)
            piece = PIECE
            while True:
                more = self._more(file, piece)
                buffer += more
                if len(more) < piece:
                    yield self._last(buffer, closing)
                    return
                found = self._cut(buffer)
                if found is not None:
                    decoded, end = found
                    yield decoded
                    buffer = buffer[end:]
                if len(buffer) > LONGEST_EVENT:
                    raise TraceError(f"{self._path} is not a trace: something in it is longer than any event")

    def _more(self, file: ByteSource, count: int) -> bytes:
        parts = []
        while count > 0 and (part := file.read(count)):
            parts.append(part)
            count -= len(part)
            self._read += len(part)
        if self._read > self._most_bytes:
            limit = self._most_bytes / (1 << 30)
            raise TraceError(
                f"{self._path} is larger than the {limit:.3g} GiB that are read of a trace: trace fewer iterations"
            )
        return b"".join(parts)

    def _skip_header(self, file: ByteSource) -> tuple[bytes, bytes]:
        """What comes after the events' opening bracket, and the bytes that close what was open before it."""
        buffer = b""
        while len(buffer) <= LONGEST_EVENT:
            more = self._more(file, 1 << 16)
            buffer += more
            start = buffer.lstrip()
            if start.startswith(b"["):  # an array of events alone is a Chrome trace, too
                return start[1:], b""
            for match in _START.finditer(buffer):
                if self._is_json(buffer[: match.end()] + b"]}"):
                    return buffer[match.end() :], b"}"
            if not more:
                break
        raise TraceError(f"{self._path} is not a Chrome trace: it has no list of events (traceEvents)")

    def _cut(self, buffer: bytes) -> tuple[Decoded, int] | None:
        """The events of the longest part that ends with one, and where the next begins."""
        place = len(buffer)
        for _ in range(_ENDS_TRIED):
            place = buffer.rfind(b"{", 0, place)
            if place < 0:
                return None
            end = _end_before(buffer, place)
            if not end:
                continue
            try:
                return self._decode(b"[" + buffer[:end] + b"]"), place
            except NotJson:
                continue
        return None

    def _last(self, buffer: bytes, closing: bytes) -> Decoded:
        place = len(buffer)
        for _ in range(_CLOSINGS_TRIED):
            place = buffer.rfind(b"]", 0, place)
            if place < 0:
                break
            rest = buffer[place:].rstrip()
            if self._is_json((b'{"":[' if closing else b"[") + rest):
                try:
                    return self._decode(b"[" + buffer[:place] + b"]")
                except NotJson:
                    continue
        raise TraceError(
            f"{self._path} breaks off or is damaged: its list of events is not whole JSON; trace again"
        )

    def _is_json(self, what: bytes) -> bool:
        try:
            self._check(what)
        except NotJson:
            return False
        return True


def _end_before(buffer: bytes, place: int) -> int:
    """Where the event before this brace ends, if a comma and nothing else stands between them; else 0."""
    before = buffer[max(0, place - 64) : place].rstrip()
    if not before.endswith(b","):
        return 0
    closed = before[:-1].rstrip()
    return max(0, place - 64) + len(closed) if closed.endswith(b"}") else 0


@contextmanager
def opened(path: Path) -> Iterator[ByteSource]:
    """The file, decompressed where it is gzip. Raises TraceError for whatever goes wrong until it is
    closed."""
    try:
        with path.open("rb") as raw:
            packed = raw.read(2) == _GZIP
            raw.seek(0)
            if packed:
                with gzip.GzipFile(fileobj=raw) as file:
                    yield file
            else:
                yield raw
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise TraceError(f"{path} breaks off or is damaged ({error}); trace again") from error
    except OSError as error:
        raise TraceError(f"cannot read {path}: {error.strerror or error}") from error
