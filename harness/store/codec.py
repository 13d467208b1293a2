"""One codec for what lies in files: frozen dataclasses as JSON and back, checked by their own types.

Writing needs the standard library alone, for it happens in the processes that measure; reading is left to
msgspec.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import Field, fields, is_dataclass
from math import isfinite
from typing import Any, TypeVar

from harness.model import SCHEMA

_DEEPEST = 20

T = TypeVar("T")


def to_json(noun: object) -> dict[str, Any]:
    """A dataclass by the names of its fields, with ``schema`` first; what is not finite is None."""
    return {"schema": SCHEMA, **plain(noun)}


def from_json(kind: type[T], document: object, *, stored: Mapping[type, object] | None = None) -> T:
    """The dataclass that `to_json` was given, from JSON text or from its values.

    A field with a default may be missing, an unknown one may not be there; ``stored`` is as for `decode`.
    Raises ValueError that names the field.
    """
    record = (
        json.loads(document, parse_constant=no_constant) if isinstance(document, str | bytes) else document
    )
    if not isinstance(record, dict):
        raise ValueError("the document is not an object")
    if "schema" not in record:
        raise ValueError("schema is missing")
    if record["schema"] != SCHEMA:
        raise ValueError(
            f"schema {str(record['schema'])[:50]} is not {SCHEMA}, which is what this harness reads"
        )
    content = json.dumps({name: record[name] for name in record if name != "schema"})
    return decode(content, kind, stored=stored)


def decode(content: str | bytes, kind: type[T], *also: str, stored: Mapping[type, object] | None = None) -> T:
    """A dataclass from a JSON object of its fields, beside which texts named by ``also`` may stand.

    ``stored`` has types that lie in files in another form than the dataclass has, with that form. Raises
    ValueError.
    """
    from harness.store import typed  # msgspec cannot be borrowed by the interpreters that measure

    data = content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content
    return typed.decode(data, kind, also, tuple((stored or {}).items()))


def key_of(field: Field[object]) -> str:
    """The key of a field in a file: the field's name, unless its metadata has a ``key``, which earlier builds
    wrote."""
    return str(field.metadata.get("key", field.name))


def no_constant(name: str) -> float:
    """What JSON's own parser takes for a number and JSON does not: NaN, Infinity. Raises ValueError."""
    raise ValueError(f"{name} is not a number")


def plain(value: object, depth: int = 0) -> Any:
    """Any value in what JSON knows; None for what is not finite, and for what nests deeper than any
    environment."""
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
            found = {key_of(each): plain(getattr(value, each.name), depth + 1) for each in fields(value)}
        case _:
            found = str(value)
    return found
