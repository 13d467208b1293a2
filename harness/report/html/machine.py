"""The machine of a run: its whole environment and its ceilings."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from harness.model import Ceiling
from harness.report.ceilings import PLACES, WORDS, rate
from harness.report.format import sanitize
from harness.report.html.parts import Grid

MOST = 400
"""Lines shown of an environment: a usual one has some sixty."""

_SECRET = re.compile(r"(KEY|TOKEN)S?(_|$)|SECRET|PASSW|CREDENTIAL", re.IGNORECASE)


def environment_grid(environment: Mapping[str, object]) -> Grid:
    """The environment leaf by leaf under dotted names; values whose names look like secrets are hidden."""
    rows = []
    for name, value in _leaves(environment):
        if name.startswith("warnings") or value in (None, "", [], {}):
            continue
        text = "(hidden)" if _SECRET.search(name) else sanitize(value, 200)
        rows.append((sanitize(name, 100), text))
        if len(rows) == MOST:
            rows.append(("...", "more than is shown here"))
            break
    return Grid("Everything that was recorded of it", ("name", "value"), tuple(rows), folded=True)


def _leaves(value: object, name: str = "", depth: int = 0) -> Iterator[tuple[str, object]]:
    children: Iterable[tuple[object, object]]
    if isinstance(value, Mapping) and depth < 20:
        children = value.items()
    elif isinstance(value, list | tuple) and depth < 20:
        children = enumerate(value)
    else:
        yield name, value
        return
    for key, child in children:
        yield from _leaves(child, f"{name}.{key}" if name else f"{key}", depth + 1)


def ceilings_grid(ceilings: Iterable[Ceiling]) -> Grid:
    """The best rates of the machine: each ceiling's name, place, rate, and the work that reached it."""
    rows = (
        (WORDS.get(each.name, sanitize(each.name, 60)), PLACES.get(each.device, sanitize(each.device, 20)), rate(each),
         sanitize(each.detail, 120))
        for each in ceilings
    )  # fmt: skip
    return Grid("Ceilings", ("what", "where", "at best", "on"), tuple(rows))
