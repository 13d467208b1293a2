"""Environments side by side: only what differs, by dotted names."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from harness.model.leaves import leaves
from harness.report.format import sanitize

_ABSENT = object()
_MOST = 20
"""Differences that a report lists: more would bury the verdicts."""


@dataclass(frozen=True, slots=True)
class EnvironmentDifference:
    """Something in which environments differ: its dotted name, and the value in each."""

    name: str
    values: tuple[str, ...]


def environment_diff(
    environments: Sequence[Mapping[str, object]], without: Collection[str] = ()
) -> list[EnvironmentDifference]:
    """What differs between environments, apart from what stands ``without`` at their top.

    An environment that was never read is left out of the question: it would differ in everything, which says
    nothing.
    """
    listed = [
        leaves({name: value for name, value in environment.items() if name not in without})
        for environment in environments
    ]
    known = [each for each in listed if each]
    if len(known) < 2:
        return []
    found = []
    for name in dict.fromkeys(name for each in known for name in each):
        values = [each.get(name, _ABSENT) for each in known]
        if any(value != values[0] for value in values):
            shown = tuple(_value(each.get(name, _ABSENT)) if each else "?" for each in listed)
            found.append(EnvironmentDifference(sanitize(name, 100), shown))
    return found


def difference_facts(found: Sequence[EnvironmentDifference]) -> list[tuple[str, str]]:
    """The first differences as facts of a report, and how many there are more."""
    facts = [("differs", f"{each.name}: {' -> '.join(each.values)}") for each in found[:_MOST]]
    return [*facts, ("differs", f"and in {len(found) - _MOST} more")] if len(found) > _MOST else facts


def _value(value: object) -> str:
    return "absent" if value is _ABSENT or value is None else sanitize(value, 80)
