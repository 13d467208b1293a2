"""The picture of a run's answer: what the terminal shows, as one file that fetches nothing."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree as ET

import answer_picture

from tests.support.pages import full_run


def test_the_picture_is_the_answer_and_nothing_else(tmp_path: Path) -> None:
    """It is XML, shows the lines of the claims in colour, and is the same each time; no address is in it."""
    folder = full_run(tmp_path / "run").folder
    text = answer_picture.picture(folder)
    ET.fromstring(text)
    shown = re.sub(r"<[^>]*>", "", text).replace("&#160;", " ")
    assert "Do it: worth doing here" in shown and "12.6x faster" in shown
    assert "Saved in" not in shown
    assert set(re.findall(r"https?://[^\"' )]*", text)) == {"http://www.w3.org/2000/svg"}
    assert len(text) < 60_000
    assert answer_picture.picture(folder) == text


def test_a_picture_of_some_claims(tmp_path: Path) -> None:
    """The others are not in it; the verdicts are those of the whole run."""
    folder = full_run(tmp_path / "run").folder
    whole, part = answer_picture.picture(folder), answer_picture.picture(folder, ["B2"])
    assert "B2" in part and "B2" in whole
    assert "A1" in whole and "A1" not in part
