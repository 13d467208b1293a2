"""Valid content made invalid: bytes changed at random, and values in JSON replaced by what nobody expects."""

from __future__ import annotations

import json
from copy import deepcopy
from random import Random
from typing import Any

from harness.store.lines import CHECKSUM, line_of

DEEP = 3000
"""Brackets inside one another, more than any parser's stack of Python frames."""

LONG = 100_000
"""Letters of a long text."""

RAW = "\N{REPLACEMENT CHARACTER}raw:"
"""Marks a text that is put into JSON as it is, without quotes."""

HOSTILE: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2**31, 2**63, -(2**63), 10**30, 0.0, -0.0, 1e-308, 1e308, -1e308, 0.1,
    "", " ", "x", "0", "-", "nan", "x" * LONG, "a\0b", "\n", "\x1b[31m", "\x9b2J", "\ud800", "\u202e", "..", "/",
    "../../x", "<script>", "=1+1", "|", "`", "::", "[", "[]", "bench.py::bench[", "%s", "{}",
    [], {}, [None], {"": None}, [[]], [0] * 1000, {str(n): n for n in range(200)},
    f"{RAW}NaN", f"{RAW}Infinity", f"{RAW}-Infinity", f"{RAW}1e999", f"{RAW}{'9' * 5000}",
    f"{RAW}{'[' * DEEP}{']' * DEEP}",
)  # fmt: skip
"""What a value is replaced by: another type, an end of a range, a text that means something to somebody."""

BYTES = (
    b"\0",
    b"\n",
    b"\r\n",
    b"{",
    b"}",
    b"[",
    b'"',
    b"\\",
    b"\xff",
    b"\xed\xa0\x80",
    b"1",
    b"e",
    b"-",
    b",",
    b":",
)


def changed_bytes(content: bytes, random: Random) -> bytes:
    """One to four places changed: bytes flipped, removed, repeated, put in, or everything behind cut off."""
    data = bytearray(content)
    for _ in range(random.randint(1, 4)):
        at = random.randrange(len(data) + 1)
        until = min(len(data), at + random.choice((1, 1, 1, 4, 40, 4000)))
        match random.randrange(6):
            case 0 if data and at < len(data):
                data[at] ^= 1 << random.randrange(8)
            case 1:
                del data[at:until]
            case 2:
                data[at:at] = data[at:until]
            case 3:
                data[at:at] = random.choice(BYTES) * random.choice((1, 1, 2, 50))
            case 4:
                data[at:at] = random.randbytes(random.choice((1, 8)))
            case _ if random.random() < 0.2:
                del data[at:]
    return bytes(data)


def changed_json(content: bytes, random: Random) -> bytes:
    """One to three values of a JSON document replaced, removed, moved or named otherwise."""
    document = json.loads(content)
    for _ in range(random.randint(1, 3)):
        document = _changed(document, random)
    return _text(document).encode("utf-8", "surrogatepass")


def changed_lines(content: bytes, random: Random) -> bytes:
    """Values in one or two records of a file of lines replaced, their checksums made right again; or whole
    lines repeated, removed or exchanged."""
    lines = content.splitlines()
    for _ in range(random.randint(1, 2)):
        at = random.randrange(len(lines))
        if random.random() < 0.1:
            other = random.randrange(len(lines))
            lines[at], lines[other] = random.choice(
                ((lines[other], lines[at]), (lines[at], lines[at]), (b"", lines[other]))
            )
            continue
        try:
            record = json.loads(lines[at])
        except (ValueError, RecursionError):
            continue
        if isinstance(record, dict):
            record.pop(CHECKSUM, None)
        lines[at] = _signed(_changed(record, random))
    return b"\n".join(lines) + (b"\n" if random.random() < 0.95 else b"")


def _signed(record: Any) -> bytes:
    """A line with its checksum, where the record still is one that can be written."""
    text = _text(record)
    try:
        return line_of(json.loads(text)).rstrip(b"\n")
    except (ValueError, TypeError, RecursionError, AttributeError):
        return text.encode("utf-8", "surrogatepass")


def _text(document: Any) -> str:
    text = json.dumps(document, separators=(",", ":"))
    mark = json.dumps(RAW)[1:-1]
    while (start := text.find(f'"{mark}')) >= 0:
        end = text.index('"', start + 1)
        text = text[:start] + text[start + 1 + len(mark) : end] + text[end + 1 :]
    return text


def _hostile(random: Random) -> Any:
    return deepcopy(random.choice(HOSTILE))


def _changed(document: Any, random: Random) -> Any:
    """The document with one change somewhere in it."""
    if not isinstance(document, dict | list) or not document or random.random() < 0.05:
        return _hostile(random)
    # Down from the top: what is near the top is met more often, for it decides more.
    if isinstance(document, dict):
        key = random.choice(list(document))
        kind = random.random()
        if kind < 0.1:
            del document[key]
        elif kind < 0.15:
            document[str(random.choice(HOSTILE))[:100]] = document.pop(key)
        elif kind < 0.2:
            document[key] = deepcopy(document[random.choice(list(document))])
        else:
            document[key] = _changed(document[key], random)
        return document
    place = random.randrange(len(document))
    kind = random.random()
    if kind < 0.1:
        del document[place]
    elif kind < 0.2:
        document.insert(place, _hostile(random))
    else:
        document[place] = _changed(document[place], random)
    return document
