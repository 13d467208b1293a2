"""The pages of comparisons and trends as files: the terminal's texts and numbers; names from records are only
text."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from pathlib import Path

import pytest
from bokeh.embed import json_item

from harness.cli.main import main
from harness.judge.group import Axis
from harness.model import Direction, Metric, MetricKind, Segment, Trend
from harness.report.builders import trend as content
from harness.report.builders.comparison import comparison_document
from harness.report.builders.trend import TrendRun, better, interval_of, level_of, trend_document
from harness.report.figures import trends
from harness.report.format import sanitize
from harness.report.html.compared_page import compared_page
from harness.report.html.parts import (
    Choice,
    FilteredTable,
    HtmlCell,
    HtmlColumn,
    HtmlPage,
    OpenableRow,
    filtered_table,
)
from harness.report.html.render import html
from harness.report.html.trend_page import trend_page
from tests.support.compared import hostile_runs, thirty_runs, two_runs
from tests.support.pages import HOSTILE, Reader, drawn, numbers, words_of
from tests.support.saved import claim, measurements_of, save


@pytest.fixture(scope="module")
def trended(tmp_path_factory: pytest.TempPathFactory) -> tuple[tuple[Trend, ...], list[TrendRun]]:
    """The trends of thirty runs."""
    return thirty_runs(tmp_path_factory.mktemp("many"))


def table_of(page: HtmlPage) -> FilteredTable:
    """The large table of a page."""
    return next(section.content for section in page.sections if isinstance(section.content, FilteredTable))


def test_a_table_counts_its_verdicts_and_drops_empty_columns() -> None:
    """Verdicts come in the given order, groups as they appear; a verdict whose rows differ in tone has
    none."""
    rows = [
        OpenableRow(
            (HtmlCell(group), HtmlCell(), HtmlCell(verdict)), verdict, tone, group, (("why", "It Is"),)
        )
        for verdict, tone, group in (("more", "bad", "b"), ("same", "same", "a"), ("more", "good", "b"))
    ]
    table = filtered_table(
        "t", [HtmlColumn("claim"), HtmlColumn("empty"), HtmlColumn("verdict")], rows, ("same", "more")
    )
    assert [column.title for column in table.columns] == ["claim", "verdict"]
    assert table.verdicts == (Choice("same", 1, "same"), Choice("more", 2, ""))
    assert table.groups == (Choice("b", 2), Choice("a", 1))


# --- comparisons --------------------------------------------------------------------------------------------


def test_every_word_of_the_paper_is_in_the_page(tmp_path: Path) -> None:
    """Each cell of each row, each warning, each footnote and each run of the terminal's comparison."""
    found = two_runs(tmp_path)
    document = comparison_document(found)
    read = Reader(html(compared_page(found, document)))
    for table in document.tables:
        assert table.below in read.text
        for line in table.lines:
            for words in line.cells.values():
                assert words in read.text, words
    for words in (
        *document.warnings,
        *document.footnotes,
        *(line for label, line in document.facts if label != "differs"),
    ):
        assert words in read.text
    for count in document.outcome.partition(";")[0].split(", "):
        assert count in read.text


def test_what_differs_comes_first_and_what_cannot_be_compared_last(tmp_path: Path) -> None:
    """The differences of the environments, then the rows, then the incomparable ones with their reasons."""
    found = two_runs(tmp_path)
    page = compared_page(found, comparison_document(found))
    text = Reader(html(page)).text
    row = "software.torch 2.14.1 2.15.0"
    assert [section.name for section in page.sections] == ["glance", "rows", "changes", "incomparable"]
    assert text.index("before after software") < text.index(row) < text.index("Every row of this comparison")
    assert text.index("ValueError: no") > text.index("Cannot be compared (2)", text.index("Every row of"))
    assert not any("gone" in words_of(row) and "valueerror" in words_of(row) for row in table_of(page).rows)


def test_the_numbers_drawn_are_those_compared(tmp_path: Path) -> None:
    """Ratios, bounds and margins of the forest plots are the comparison's own; the largest ones shown
    lead."""
    found = two_runs(tmp_path)
    page = compared_page(found, comparison_document(found))
    shown = {number for figure in page.figures for number in numbers(json_item(figure.drawing))}
    for line in found.lines:
        compared = line.difference.comparison
        assert drawn(compared.ratio) in shown
        assert compared.low is None or drawn(compared.low) in shown
        assert drawn(1 + line.margin) in shown
    assert {line.margin for line in found.lines} == {0.01, 0.02}
    overview = next(figure for figure in page.figures if figure.name == "overview")
    assert overview.description.index("A1 m quick: slower") < overview.description.index("A1 m alike: faster")
    assert "2 effects" in overview.description


def test_rows_sort_by_their_numbers(tmp_path: Path) -> None:
    """Verdicts sort worst first, changes by ratio, memory by its growth, not by their text."""
    found = two_runs(tmp_path)
    page = compared_page(found, comparison_document(found))
    table = table_of(page)
    titles = [column.title for column in table.columns]
    for title in ("claim", "case", "variant", "verdict", "change", "95 % interval", "memory", "invocations"):
        assert title in titles
    assert "against baseline" not in titles
    by_verdict = sorted(table.rows, key=lambda row: row.cells[titles.index("verdict")].key or 0)
    assert [row.verdict for row in by_verdict][:2] == ["slower", "faster"]
    assert {choice.name: choice.tone for choice in table.verdicts} == {
        "slower": "bad", "faster": "good", "no difference shown": "dim", "too few invocations": "open", "same": "same",
    }  # fmt: skip
    slow = by_verdict[0]
    assert dict(slow.details)["verdict on the claim"] == "holds -> fails"
    assert dict(slow.details)["verdict"].startswith("slower: p ")
    assert "against the baseline differs" in page.footnotes[slow.notes[0] - 1]


@pytest.mark.parametrize("which", ["compare", "trend"])
def test_hostile_names_are_text(tmp_path: Path, which: str) -> None:
    """Names with HTML, quotes, ten thousand characters, direction marks or paths add no element and no
    attribute."""
    if which == "compare":
        found = hostile_runs(tmp_path)
        text = html(compared_page(found, comparison_document(found)))
    else:
        made, runs = thirty_runs(tmp_path, HOSTILE[0], HOSTILE[1])
        runs[3] = TrendRun(HOSTILE[2], HOSTILE[1], {HOSTILE[0]: HOSTILE[5]})
        text = html(trend_page(made, runs, trend_document(made, runs), effects=False))
    read = Reader(text)
    assert "img" not in read.tags
    assert read.tags.count("script") == len(read.data) + 3
    assert not [name for _, name, _ in read.attributes if name.startswith("on")]
    assert sanitize(HOSTILE[0])[:40] in read.text
    assert "\u202e" not in text and "\x00" not in text and "n" * 400 not in text
    assert read.data and not [data for data in read.data if not re.fullmatch(r"[A-Za-z0-9+/=]+", data)]


def test_the_command_writes_the_page_beside_what_it_prints(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """``compare A B C --html FILE`` names what each row is against; with nothing in common there is a page,
    too."""
    monkeypatch.setenv("COLUMNS", "100")
    two_runs(tmp_path)
    third = claim("A1")
    save(
        tmp_path / "third",
        [third],
        measurements_of(third, "m", 7, salt=5, quick=0.5e-3),
        started="2026-01-04T00:00:00",
    )
    other = claim("X1")
    save(
        tmp_path / "other",
        [other],
        measurements_of(other, "m", 7, quick=0.5e-3),
        started="2026-01-05T00:00:00",
    )
    file = tmp_path / "page.html"
    before, after, last = (str(tmp_path / name) for name in ("before", "after", "third"))
    assert main(["compare", before, after, last, "--html", str(file)]) == 0
    out = capsys.readouterr().out
    text = Reader(file.read_text(encoding="utf-8")).text
    assert "after, third against before" in out and "after, third against before" in text
    assert "A1 - against after third" not in text
    assert file.stat().st_size < 5e6
    assert main(["compare", before, str(tmp_path / "other"), "--html", str(file)]) == 3
    text = Reader(file.read_text(encoding="utf-8")).text
    assert "Nothing could be compared" in text and "only in before" in text
    assert main(["compare", before, "--by", "variant", "--html", str(file)]) == 0
    assert "Variants against the baseline" in Reader(file.read_text(encoding="utf-8")).text
    assert main(["compare", before, after, "--html", "-"]) == 2


def test_equal_environments_are_stated(tmp_path: Path) -> None:
    """No empty table of differences: a sentence."""
    found = two_runs(tmp_path)
    same = replace(
        found, columns=tuple(replace(column, runs=found.columns[0].runs) for column in found.columns)
    )
    text = Reader(html(compared_page(same, comparison_document(same)))).text
    assert "environments is the same" in text and "In which the runs differ" not in text
    by_variant = replace(same, axis=Axis.VARIANT)
    assert (
        "environments is the same"
        not in Reader(html(compared_page(by_variant, comparison_document(same)))).text
    )


# --- trends -------------------------------------------------------------------------------------------------


def test_every_word_of_the_trend_is_in_the_page(trended: tuple[tuple[Trend, ...], list[TrendRun]]) -> None:
    """Each cell of each trend except its sketch, which figures show; what changed on the machine, and
    when."""
    made, runs = trended
    document = trend_document(made, runs)
    page = trend_page(made, runs, document, effects=False)
    text = Reader(html(page)).text
    for table in document.tables:
        for line in table.lines:
            for name, words in line.cells.items():
                assert name == "course" or words in text, words
    assert "software.torch: 2.14.1 -> 2.15.0" in text
    assert [(choice.name, choice.count, choice.tone) for choice in table_of(page).verdicts] == [
        ("slower", 1, "bad"), ("faster", 1, "good"), ("no change shown", 3, "dim"),
    ]  # fmt: skip


def test_a_change_is_good_or_bad_by_its_metric(
    trended: tuple[tuple[Trend, ...], list[TrendRun]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Longer is worse; where a metric has no direction neither is stated."""
    made, _ = trended
    slower = next(trend for trend in made if trend.variant == "quick" and len(trend.stretches) > 1)
    faster = next(trend for trend in made if trend.variant == "slack")
    assert (better(slower), better(faster)) == (False, True)
    assert better(replace(slower, metric="free_bytes")) is None
    rate = Metric("rate", "1/s", Direction.HIGHER, MetricKind.NOISY, "items a second")
    monkeypatch.setattr(content, "metric", lambda _: rate)
    assert (better(slower), better(faster)) == (True, False)
    monkeypatch.undo()
    assert better(next(trend for trend in made if len(trend.stretches) == 1)) is None


def test_intervals_are_in_the_level_s_own_unit(trended: tuple[tuple[Trend, ...], list[TrendRun]]) -> None:
    """Bounds on either side of a round number keep the unit of the level, and digits of their own."""
    made, _ = trended
    stretch = Segment(0, 30, 1.2349e-3, 0.9949e-3, 1.2351e-3)
    assert interval_of(made[0], stretch, effects=False) == "0.99 to 1.24 ms"
    assert level_of(made[0], stretch.level, effects=False) == "1.23 ms"


def test_a_page_that_would_be_too_long_says_what_it_leaves_out(
    trended: tuple[tuple[Trend, ...], list[TrendRun]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cases beyond what there is room for are in the table alone."""
    made, runs = trended
    monkeypatch.setattr(trends, "MOST_PANELS", 3)
    page = trend_page(made, runs, trend_document(made, runs), effects=False)
    assert [figure.title for figure in page.figures] == ["A1 m"]
    assert "1 case more" in Reader(html(page)).text


def test_a_trend_of_200_cases_would_fit_into_a_page() -> None:
    """Three variants each, 200 runs: a tenth of them are all drawn, and ten times their size stays below 5
    MB."""
    spread = [1e-3 * (1 + 0.01 * math.sin(run * 12.9898)) for run in range(200)]
    made = [
        Trend(f"bench_c.py::bench_c[size-{case}-float32]", "C1", variant, "seconds", tuple(spread),
               (Segment(0, 200, 1e-3, 0.999e-3, 1.001e-3),), 0.5, 0.1)
        for case in range(20) for variant in ("baseline", "variant_1", "variant_2")
    ]  # fmt: skip
    runs = [TrendRun(f"run-{run}", f"2026-01-01T{run:06}", {}) for run in range(200)]
    text = html(trend_page(made, runs, trend_document(made, runs), effects=False))
    read = Reader(text)
    assert len(read.data) == 20 and trends.MOST_PANELS >= 200 * 3
    assert len(read.drawing) + 10 * (len(text) - len(read.drawing)) < 4e6


def test_the_command_writes_a_trend_s_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """``trend --html FILE``, of times and of effects; one run alone has a page, too."""
    thirty_runs(tmp_path / "results")
    file = tmp_path / "page.html"
    for words in ([], ["--effect"], ["--last", "1"]):
        arguments = ["trend", *words, "--results", str(tmp_path / "results"), "--html", str(file)]
        assert main(arguments) == 0
        text = Reader(file.read_text(encoding="utf-8")).text
        title = next(line for line in capsys.readouterr().out.splitlines() if line)
        assert title in text
    assert "over 1 run of one machine" in text and "too few runs" in text
