"""Rows of numbers as files: what a spreadsheet reads is what was written."""

from __future__ import annotations

import csv
import io

import pytest

from harness.report.render.tables import csv_of


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx"])
def test_no_text_is_a_formula(text: str) -> None:
    """An apostrophe comes before a text that a spreadsheet would compute; numbers are as they are."""
    (row,) = csv.DictReader(io.StringIO(csv_of([{"case": text, "value": -1.5, "none": None}]), newline=""))
    assert row == {"case": f"'{text}".replace("\r", " "), "value": "-1.5", "none": ""}


def test_other_texts_stay_as_they_are() -> None:
    """What only holds such letters, too."""
    (row,) = csv.DictReader(io.StringIO(csv_of([{"case": 'a=b,c-d "e"'}])))
    assert row["case"] == 'a=b,c-d "e"'
