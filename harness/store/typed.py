"""Dataclasses from JSON by msgspec: every value is checked by its field's type, and unknown fields are
refused.

For each dataclass there is a struct with the same fields: msgspec refuses unknown fields in structs alone.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable, Mapping
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from types import GenericAlias, UnionType
from typing import Annotated, Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

import msgspec

from harness.store.codec import key_of, no_constant, plain

T = TypeVar("T")

_LONGEST = 250
"""Characters of an error; what it is about stands at its beginning, the place at its end."""

Stored = tuple[tuple[type, object], ...]
Build = Callable[[Any], Any]

_LEAVES: Mapping[Any, tuple[Any, Build | None]] = {
    int: (Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)], None),
    object: (Any, plain),
}


def decode(data: bytes, kind: type[T], also: tuple[str, ...] = (), stored: Stored = ()) -> T:
    """As `harness.store.codec.decode`. Raises ValueError that names the place in the JSON."""
    decoder, build = _reader(cast(Hashable, kind), also, stored)
    try:
        found = decoder.decode(data)
    except msgspec.ValidationError as error:
        raise _cut(error) from error
    except (msgspec.DecodeError, UnicodeDecodeError):
        # Half of a surrogate pair, which Python writes as an escape and msgspec refuses.
        found = _converted(loads(data), decoder.type)
    built: T = build(found)
    return built


def convert(found: object, kind: type[T]) -> T:
    """The dataclass in values of JSON. Raises ValueError."""
    struct, build = _struct(cast(Hashable, kind), ())
    built: T = build(_converted(found, struct))
    return built


def _converted(found: object, struct: Any) -> Any:
    try:
        return msgspec.convert(found, struct)
    except msgspec.ValidationError as error:
        raise _cut(error) from error


def _cut(error: Exception) -> ValueError:
    """The same in a line of bounded length: a field's name may be as long as a file."""
    words = " ".join(str(error).split())
    return ValueError(words if len(words) <= _LONGEST else f"{words[: _LONGEST - 80]}...{words[-77:]}")


def values(data: bytes) -> Any:
    """What JSON holds, as Python's own values. Raises ValueError, RecursionError."""
    try:
        return msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return loads(data)


class Head(msgspec.Struct, gc=False):
    """What kind of record a line holds, and the variant that a pair is of."""

    record: str
    of: str = ""


_HEAD = msgspec.json.Decoder(Head)


def head_of(line: bytes) -> Head:
    """The fields of a line that say how the rest is read. Raises ValueError, RecursionError."""
    try:
        return _HEAD.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return msgspec.convert(loads(line), Head)


def loads(data: bytes) -> Any:
    """The same by the standard library, which knows what msgspec does not. Raises ValueError,
    RecursionError."""
    return json.loads(data.decode(), parse_constant=no_constant)


@cache
def _reader(kind: type, also: tuple[str, ...], stored: Stored) -> tuple[msgspec.json.Decoder[Any], Build]:
    struct, build = _struct(kind, stored, also)
    return msgspec.json.Decoder(struct), build


@cache
def _struct(kind: type, stored: Stored, also: tuple[str, ...] = ()) -> tuple[type, Build]:
    hints = get_type_hints(kind)
    rows: list[tuple[str, Any, Any]] = [(name, str, "") for name in also]
    inner: dict[str, Build | None] = {}
    for each in fields(kind):
        hint, inner[each.name] = _typed(hints[each.name], stored)
        optional = each.default is not MISSING or each.default_factory is not MISSING
        rows.append(
            (each.name, hint | msgspec.UnsetType if optional else hint, msgspec.UNSET if optional else ...)
        )
    struct = msgspec.defstruct(
        kind.__name__, [row if row[2] is not ... else row[:2] for row in rows], forbid_unknown_fields=True,
        kw_only=True, gc=False, rename={each.name: key_of(each) for each in fields(kind)},
    )  # fmt: skip

    def build(found: object) -> Any:
        content = {}
        for name, build_it in inner.items():
            value = getattr(found, name)
            if value is not msgspec.UNSET:
                content[name] = value if build_it is None else build_it(value)
        return kind(**content)

    return struct, build


def _typed(hint: Any, stored: Stored) -> tuple[Any, Build | None]:
    """What msgspec is to read for a field of that type, and what makes the field of it; None where it is the
    field."""
    for kind, form in stored:
        if hint is kind:
            return _typed(form, ())
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        read = [_typed(each, stored) for each in arguments]
        builds = [build for _, build in read if build is not None]
        wanted: Any = Union
        return wanted[tuple(each for each, _ in read)], _of_struct(builds[0]) if builds else None
    if origin is tuple:
        read = [_typed(each, stored) for each in arguments if each is not Ellipsis]
        parts = [each for each, _ in read] + ([...] if Ellipsis in arguments else [])
        return GenericAlias(tuple, tuple(parts)), _of_each(read[0][1])
    if isinstance(origin, type) and issubclass(origin, Mapping):
        inner, build = _typed(arguments[1], stored)
        return GenericAlias(dict, (str, inner)), _of_values(build)
    if is_dataclass(hint):
        return _struct(cast(Hashable, hint), stored)
    return _LEAVES.get(hint, (hint, None))


def _of_struct(build: Build) -> Build:
    return lambda value: build(value) if isinstance(value, msgspec.Struct) else value


def _of_each(build: Build | None) -> Build | None:
    return None if build is None else lambda values: tuple(map(build, values))


def _of_values(build: Build | None) -> Build | None:
    return None if build is None else lambda values: {name: build(value) for name, value in values.items()}
