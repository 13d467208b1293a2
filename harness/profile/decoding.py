"""A trace's events from JSON: by msgspec, which skips what is not looked at, else by the standard library.

The standard library takes about ten times as long for the same result.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from harness.profile.chunks import NotJson, TraceError


@dataclass(frozen=True, slots=True)
class EventArguments:
    """What is read of an event's own arguments."""

    correlation: int | None
    device: int | str | None


@dataclass(frozen=True, slots=True)
class DecodedEvent:
    """What is read of an event; ``ts`` and ``dur`` are microseconds. msgspec's events have the same
    fields."""

    ph: str
    cat: str | None
    name: str
    pid: int | float | str | None
    tid: int | float | str | None
    ts: float | None
    dur: float | None
    args: EventArguments | None


Decode = Callable[[bytes], Sequence[DecodedEvent]]
Check = Callable[[bytes], object]


def decoders(path: Path) -> tuple[Decode, Check]:
    """What turns an array of events into objects with the fields that are looked at, and what checks any
    JSON.

    Both raise NotJson for what is none; the first raises TraceError naming ``path`` for events of another
    form.
    """
    try:
        import msgspec
    except ImportError:
        return plain_decoders(path)

    # Fields of other types than these are an error; fields of other names are skipped without being decoded.
    whole = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
    arguments = msgspec.defstruct(
        "Arguments", [("correlation", whole | None, None), ("device", int | str | None, None)], gc=False
    )
    event = msgspec.defstruct(
        "Event",
        [
            ("ph", str, ""),
            ("cat", str | None, None),
            ("name", str, ""),
            ("pid", int | float | str | None, None),
            ("tid", int | float | str | None, None),
            ("ts", float | None, None),
            ("dur", float | None, None),
            ("args", arguments | None, None),
        ],
        gc=False,
    )
    events = msgspec.json.Decoder(list[event])  # type: ignore[valid-type]
    anything = msgspec.json.Decoder()

    def decode(what: bytes) -> Sequence[DecodedEvent]:
        try:
            return events.decode(what)
        except msgspec.ValidationError as error:
            raise TraceError(f"{path} is not a trace as torch writes them: {error}") from error
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise NotJson from error

    def check(what: bytes) -> object:
        try:
            return anything.decode(what)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise NotJson from error

    return decode, check


def plain_decoders(path: Path) -> tuple[Decode, Check]:
    """The same by the standard library."""

    def check(what: bytes) -> Any:
        try:
            return json.loads(what, parse_constant=_no_number)
        except (ValueError, RecursionError) as error:
            raise NotJson from error

    def decode(what: bytes) -> Sequence[DecodedEvent]:
        found = check(what)
        try:
            return [_event(each) for each in found]
        except _Odd as error:
            raise TraceError(f"{path} is not a trace as torch writes them: {error}") from error

    return decode, check


class _Odd(Exception):
    """An event of another form; the message names the field."""


def _no_number(word: str) -> None:
    raise ValueError(f"{word} is not JSON")


def _event(given: object) -> DecodedEvent:
    if not isinstance(given, dict):
        raise _Odd("an event is not an object")
    arguments = _field(given, "args", dict)
    read = None
    if arguments is not None:
        read = EventArguments(_field(arguments, "correlation", int), _field(arguments, "device", int, str))
        if read.correlation is not None and not -(2**63) <= read.correlation < 2**63:
            raise _Odd("correlation is not a number of 64 bits")
    start, seconds = _field(given, "ts", int, float), _field(given, "dur", int, float)
    return DecodedEvent(
        _stated(given, "ph"),
        _field(given, "cat", str),
        _stated(given, "name"),
        _field(given, "pid", int, float, str),
        _field(given, "tid", int, float, str),
        _finite(start, "ts"),
        _finite(seconds, "dur"),
        read,
    )


def _field(given: Mapping[str, Any], name: str, *kinds: type) -> Any:
    value = given.get(name)
    if value is not None and (isinstance(value, bool) or not isinstance(value, kinds)):
        raise _Odd(f"{name} is {type(value).__name__}")
    return value


def _finite(value: int | float | None, name: str) -> float | None:
    try:
        number = None if value is None else float(value)
    except OverflowError:
        number = math.inf
    if number is not None and not math.isfinite(number):
        raise _Odd(f"{name} is out of range")
    return number


def _stated(given: Mapping[str, Any], name: str) -> str:
    """A field that is a string where it is there at all."""
    if name in given and not isinstance(given[name], str):
        raise _Odd(f"{name} is not a string")
    return str(given.get(name, ""))
