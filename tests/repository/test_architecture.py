"""The page on architecture: its picture is drawn from the code as it is, and its table names every room."""

from __future__ import annotations

import re
from pathlib import Path

import draw_rooms
import pytest

from tests.support.living import ROOT


def test_the_picture_is_that_of_the_code() -> None:
    """The picture is the one that the code gives today."""
    page = draw_rooms.PAGE.read_text(encoding="utf-8")
    assert draw_rooms.drawn(page) == page, "run python scripts/draw_rooms.py"


def test_every_room_is_in_the_table() -> None:
    """No room is without a line, and no line without a room."""
    named = re.findall(r"^\| `(\w+)` \|", draw_rooms.PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    rooms = {path.parent.name for path in (ROOT / "harness").glob("*/__init__.py")}
    assert sorted(named) == sorted(rooms)


def test_imports_make_the_arrows(tmp_path: Path) -> None:
    """Imports of every form count, those inside functions too; an arrow that others make is left out."""
    for name, text in {
        "a/__init__.py": "",
        "a/one.py": "from harness.b.two import x\nfrom harness import c, load\nfrom harness.model import Claim\n",
        "b/two.py": "def f():\n    import harness.c.three\n",
        "c/three.py": "import os\n",
        "__main__.py": "from harness.a import one\n",
    }.items():
        path = tmp_path / "harness" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    found = draw_rooms.edges(tmp_path / "harness")
    assert found == {"a": {"b", "c"}, "b": {"c"}, "c": set()}
    assert draw_rooms.reduced(found) == {"a": {"b"}, "b": {"c"}, "c": set()}
    assert draw_rooms.picture(found).splitlines()[2:-1] == ["    a --> b", "    a --> c", "    b --> c"]


def test_a_circle_is_named() -> None:
    """Rooms that import each other have no picture."""
    with pytest.raises(ValueError, match="circle: b -> c -> b"):
        draw_rooms.reduced({"a": frozenset("b"), "b": frozenset("c"), "c": frozenset("b")})


def test_a_page_without_a_place_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The picture is never lost in silence, and the page stays as it is."""
    with pytest.raises(ValueError, match="no place"):
        draw_rooms.drawn("# Architecture\n")
    page = tmp_path / "page.md"
    page.write_text("# Architecture\n")
    monkeypatch.setattr(draw_rooms, "PAGE", page)
    assert draw_rooms.main() == 2
    assert capsys.readouterr().err.startswith(f"{page}: the page has no place for the picture")
    assert page.read_text() == "# Architecture\n"
