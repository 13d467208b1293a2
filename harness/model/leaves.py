"""Nested values by dotted names, so that two of them can be compared name by name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping


def leaves(environment: Mapping[str, object]) -> dict[str, object]:
    """What nested values hold at their ends, by dotted names: ``software.torch``, ``gpus.0.name``."""
    return dict(_flat(environment))


_DEEPEST = 20
"""Levels that are told apart: no environment of ours has as many."""


def _flat(value: object, name: str = "", depth: int = 0) -> Iterator[tuple[str, object]]:
    """The leaves of nested values by dotted names."""
    children: Iterable[tuple[object, object]]
    if depth >= _DEEPEST:
        yield name, "nested too deeply"
        return
    if isinstance(value, Mapping):
        children = value.items()
    elif isinstance(value, list | tuple):
        children = enumerate(value)
    else:
        yield name, value
        return
    for key, child in children:
        yield from _flat(child, f"{name}.{key}" if name else f"{key}", depth + 1)
