"""Draw the rooms of the harness and what they import, from the code, into ``docs/ARCHITECTURE.md``.

An arrow means "imports from". Arrows that follow from others are left out. A test holds the page against the
code.

    python scripts/draw_rooms.py
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from imports import imported

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "ARCHITECTURE.md"
BEGIN, END = "<!-- rooms: drawn by scripts/draw_rooms.py -->", "<!-- end of rooms -->"
EVERYWHERE = frozenset({"errors", "exit_status", "model", "plural", "program"})
"""What any room may import: nouns, exceptions and words. Their arrows would hide the others."""

Edges = dict[str, frozenset[str]]


def room(module: str) -> str:
    """The room of a module by its dotted name: ``harness.judge.rules`` is in ``judge``."""
    return module.split(".")[1] if module.startswith("harness.") else ""


def edges(package: Path) -> Edges:
    """The rooms and, for each, those that it imports from; imports inside functions count too."""
    found: dict[str, set[str]] = {}
    for file in sorted(package.rglob("*.py")):
        module = ".".join([package.name, *file.relative_to(package).with_suffix("").parts])
        own = room(module.removesuffix(".__init__"))
        if not own or own == "__main__":
            continue
        found.setdefault(own, set()).update(
            other
            for name in imported(file.read_text(encoding="utf-8"))
            if (other := room(name)) and other != own and other not in EVERYWHERE
        )
    rooms = found.keys() - EVERYWHERE  # what `from harness import` names may be no room
    return {name: frozenset(found[name] & rooms) for name in sorted(rooms)}


def reduced(all_edges: Edges) -> Edges:
    """The same without the edges that a longer way makes, too. Raises ValueError if the rooms import in a
    circle."""
    reached: dict[str, frozenset[str]] = {}

    def reach(name: str, above: tuple[str, ...] = ()) -> frozenset[str]:
        if name in above:
            raise ValueError(f"rooms import in a circle: {' -> '.join([*above[above.index(name) :], name])}")
        if name not in reached:
            below = all_edges.get(name, frozenset())
            reached[name] = below.union(*(reach(other, (*above, name)) for other in below))
        return reached[name]

    return {
        name: frozenset(other for other in below if not any(other in reach(between) for between in below))
        for name, below in all_edges.items()
    }


def picture(all_edges: Edges) -> str:
    """The rooms as a Mermaid graph."""
    lines = [
        f"    {name} --> {other}" for name, below in sorted(all_edges.items()) for other in sorted(below)
    ]
    return "\n".join(["```mermaid", "graph TD", *lines, "```"])


def drawn(page: str) -> str:
    """The page with the picture as the code is now. Raises ValueError if the page has no place for it."""
    place = re.compile(f"{re.escape(BEGIN)}.*?{re.escape(END)}", re.DOTALL)
    if not place.search(page):
        raise ValueError(f"the page has no place for the picture: {BEGIN} ... {END}")
    whole = f"{BEGIN}\n\n{picture(reduced(edges(ROOT / 'harness')))}\n\n{END}"
    return place.sub(lambda _: whole, page)


def main() -> int:
    """Write the page. Exit status 2 if it cannot be drawn."""
    try:
        PAGE.write_text(drawn(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    except (OSError, ValueError) as error:
        print(f"{PAGE}: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
