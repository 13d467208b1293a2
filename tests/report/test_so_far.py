"""An open verdict says what is known of it so far, and never reads like nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.model import Comparison, Outcome, Verdict
from harness.report.builders.run import run_document
from harness.report.builders.run_content import content
from harness.report.builders.run_records import results
from harness.report.html.run_page import run_page
from harness.report.render.junit import junit
from harness.report.render.markdown import markdown
from harness.report.so_far import so_far
from tests.support.reported import saved, shown
from tests.support.saved import claim, measurements_of


def verdict(ratio: float, units: int, more: int, metric: str = "seconds") -> Verdict:
    """An open verdict."""
    found = Comparison(metric, units, ratio)
    return Verdict("a.py::bench_a", "A", "v", Outcome.INCONCLUSIVE, "why", found, more)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (verdict(1 / 2.8, 1, 2), "2.80x faster so far, 1 unit; 2 more decide"),
        (verdict(17.2, 2, 1), "17.2x slower so far, 2 units; 1 more decides"),
        (verdict(0.877, 3, 4), "1.14x faster so far, 3 units; 4 more decide"),
        (verdict(1.31, 3, 4, "peak_bytes"), "1.31x more memory so far, 3 units; 4 more decide"),
        (verdict(1.011, 3, 4), "about equal (1.011x slower) so far, 3 units; 4 more decide"),
        (verdict(1.0, 3, 4), "equal so far, 3 units; 4 more decide"),
        (verdict(0.0, 1, 2), "to none so far, 1 unit; 2 more decide"),
        (verdict(0.5, 28, 0), ""),
        (Verdict("a.py::bench_a", "A", "v", Outcome.INCONCLUSIVE, "not measured yet", more_units=3), ""),
        (Verdict("a.py::bench_a", "A", "v", Outcome.HOLDS, "", Comparison("seconds", 3, 0.5)), ""),
    ],
)
def test_what_is_known_so_far(given: Verdict, expected: str) -> None:
    """The effect in words, the units it comes from, and how many more decide it; nothing where there is
    nothing."""
    assert so_far(given, margin=0.02) == expected


def test_every_form_says_it(tmp_path: Path) -> None:
    """A variant 2.8 times as fast after one unit reads like that on the terminal, in Markdown, JUnit and the
    page."""
    one = claim("A1")
    run = saved(tmp_path, [one], measurements_of(one, "", 1, quick=1e-3 / 2.8))
    judged = content(run)
    (row,) = [row for section in judged.sections for row in section.rows]
    assert row.verdict is not None
    more = row.verdict.more_units
    words = f"2.80x faster so far, 1 unit; {more} more decide"
    assert row.reason == words
    assert words in " ".join(shown(run).split())
    assert words in markdown(run_document(run, judged))
    assert words in junit(results(run, judged.verdicts))
    assert words in repr(run_page(run, None, judged).sections[0].content)
