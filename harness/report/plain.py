"""The harness's nouns as plain JSON values and back: their own types say what a document must look like."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from enum import StrEnum
from math import isfinite
from types import UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from harness.model import SCHEMA

_DEEPEST = 20

Noun = TypeVar("Noun")


def document_of(noun: object) -> dict[str, Any]:
    """A noun by the names of its fields, with ``schema`` first; what is not finite is None."""
    return {"schema": SCHEMA, **plain(noun)}


def noun_from(kind: type[Noun], document: object) -> Noun:
    """The noun that `document_of` was given. Raises ValueError that names the field for anything else."""
    record = _object(document, "the document")
    if "schema" not in record:
        raise ValueError("schema is missing")
    schema = _read(int, record["schema"], "schema")
    if schema != SCHEMA:
        raise ValueError(f"schema {schema} is not {SCHEMA}, which is what this harness reads")
    found: Noun = _read(kind, {name: record[name] for name in record if name != "schema"}, "")
    return found


def _read(kind: Any, value: object, where: str) -> Any:
    """The value as a field of that kind holds it."""
    if isinstance(kind, UnionType):
        return None if value is None else _read(get_args(kind)[0], value, where)
    if is_dataclass(kind):
        return _record(kind, value, where)
    if get_origin(kind) is tuple:
        if not isinstance(value, list):
            raise ValueError(f"{where} is not a list")
        return tuple(_read(get_args(kind)[0], each, f"{where}[{index}]") for index, each in enumerate(value))
    if get_origin(kind) is Mapping:
        inner = get_args(kind)[1]
        return {name: _read(inner, each, f"{where}.{name[:100]}") for name, each in _object(value, where).items()}
    return plain(value) if kind is object else _single(kind, value, where)


def _record(kind: Any, value: object, where: str) -> Any:
    record = _object(value, where)
    before = f"{where}." if where else ""
    kinds = get_type_hints(kind)
    for name in record:
        if name not in kinds:
            raise ValueError(f"{before}{name[:100]} is not a field of this schema")
    # a field that has a default came later than the schema: an earlier build did not write it
    for each in fields(kind):
        if each.name not in record and each.default is MISSING and each.default_factory is MISSING:
            raise ValueError(f"{before}{each.name} is missing")
    return kind(**{name: _read(kinds[name], value, f"{before}{name}") for name, value in record.items()})


def _single(kind: Any, value: object, where: str) -> Any:
    if issubclass(kind, StrEnum):
        word = _single(str, value, where)
        if word not in list(kind):
            raise ValueError(f"{where} is none of {', '.join(kind)}: {word[:100]!r}")
        return kind(word)
    if kind is float and isinstance(value, int | float) and not isinstance(value, bool) and _finite(value):
        return float(value)
    if kind is int and isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    if kind in (str, bool) and isinstance(value, kind):
        return value
    raise ValueError(f"{where} is not {_WORDS[kind]}")


_WORDS = {str: "text", bool: "true or false", int: "a whole number from 0", float: "a finite number"}


def _object(value: object, where: str) -> dict[str, Any]:
    if not isinstance(value, dict) or not all(isinstance(name, str) for name in value):
        raise ValueError(f"{where} is not an object")
    return value


def _finite(value: float) -> bool:
    try:
        return isfinite(value)
    except OverflowError:  # an integer beyond any float
        return False


def plain(value: Any, depth: int = 0) -> Any:
    """Any value in what JSON knows; None for what is not finite, and for what nests deeper than any environment."""
    found: Any = None
    match value:
        case str():
            found = str(value)
        case int() | None:
            found = value
        case float():
            found = value if isfinite(value) else None
        case Mapping() | list() | tuple() if depth >= _DEEPEST:
            pass
        case Mapping():
            found = {str(key): plain(inner, depth + 1) for key, inner in value.items()}
        case list() | tuple():
            found = [plain(inner, depth + 1) for inner in value]
        case _ if is_dataclass(value):
            found = {each.name: plain(getattr(value, each.name), depth + 1) for each in fields(value)}
        case _:
            found = str(value)
    return found
