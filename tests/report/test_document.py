"""Documents in the forms that people read: which columns stand beside each other, and where the others go."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from harness.report.document import Column, Document, Row, Table, Tone
from harness.report.render.columns import NOTES, fit
from harness.report.render.markdown import markdown
from harness.report.render.terminal import show_document

COLUMNS = (
    Column("claim", "claim", foreign=True, above=True),
    Column("case", "case", foreign=True, above=True),
    Column("variant", "variant", foreign=True),
    Column("word", "verdict", verdict=True),
    Column("wide", "wide", rank=1),
    Column("narrow", "narrow", rank=2, notes=(2,)),
    Column("never", "never", rank=3),
    Column("why", "reason", foreign=True, prose=True),
)
FULL = {
    "claim": "A",
    "case": "x",
    "variant": "one",
    "word": "bad",
    "wide": "w" * 30,
    "narrow": "7",
    "why": "because",
}
ROWS = (
    Row(FULL, {"word": Tone.BAD, "narrow": Tone.GOOD}, (1,)),
    Row({"claim": "A", "case": "x", "variant": "two", "word": "fine", "wide": "", "narrow": "8"}, {}),
    Row({"claim": "A", "case": "y", "variant": "none", "word": "broken", "why": "no numbers"}, {"word": Tone.TROUBLE}),
)  # fmt: skip
TABLE = Table("Heading (3)", COLUMNS, ROWS, foreign="[red]", below="explained")
WHOLE = Document(
    "Title", [("fact", "one"), ("fact", "two"), ("other", "three")], ["a warning"], [TABLE], ["first", "second"],
    [("detail", "four")], "the outcome", Tone.GOOD, ["To go on:", "  command " + "x" * 80],
)  # fmt: skip


def shown(document: Document, width: int) -> list[str]:
    """The lines that are printed into a pipe."""
    file = io.StringIO()
    show_document(document, Console(file=file, width=width))
    return file.getvalue().splitlines()


def test_everything_beside_each_other_where_there_is_room() -> None:
    """Rows stand below what they share, titles above all of them; the outcome and what to type come last."""
    assert shown(WHOLE, 120) == [
        "Title",
        "fact   one",
        "       two",
        "other  three",
        "a warning",
        "",
        "Heading (3)  [red]",
        "  explained",
        "  variant  verdict  wide                            narrow [2]       reason",
        "A  x",
        f"  one      bad      {'w' * 30}  7           [1]  because",
        "  two      fine                                     8",
        "A  y",
        "  none     broken                                                    no numbers",
        "",
        "[1]  first",
        "[2]  second",
        "",
        "detail  four",
        "",
        "the outcome",
        "To go on:",
        f"  command {'x' * 80}",
    ]


def test_what_does_not_fit_goes_below() -> None:
    """Of the columns, those of low rank stay as long as they fit; a row without numbers keeps its reason
    beside it."""
    lines = shown(WHOLE, 46)
    start = lines.index("  explained") + 1
    assert lines[start : start + 9] == [
        "  variant  verdict  narrow [2]",
        "A  x",
        "  one      bad      7           [1]",
        f"    wide: {'w' * 30}",
        "    because",
        "  two      fine     8",
        "A  y",
        "  none     broken   no numbers",
        "",
    ]


@pytest.mark.parametrize("available", [10, 20, 40, 60, 200])
def test_every_column_has_one_place(available: int) -> None:
    """Each column that any row has a cell for is above, beside or below; one without cells is nowhere."""
    layout = fit(TABLE, available)
    placed = [*layout.above, *layout.inline, *layout.below]
    assert sorted(column.name for column in placed) == sorted(
        [*(column.name for column in COLUMNS if column.name != "never"), NOTES.name]
    )


def test_names_yield_to_each_other() -> None:
    """A name of a hundred characters is folded into a quarter of the line rather than widening its column."""
    table = Table(
        "", (Column("a", "a", foreign=True), Column("b", "b")), (Row({"a": "x" * 100, "b": "1"}, {}),)
    )
    assert list(fit(table, 80).inline.values()) == [20, 1]
    assert shown(Document("t", tables=[table]), 82)[3:8] == [
        f"  {'x' * 20}  1",
        *[f"  {'x' * 20}"] * 4,
    ]


def test_page_has_the_same() -> None:
    """Foreign text stands in code, verdicts that matter stand out, details and folded tables open on
    demand."""
    page = markdown(WHOLE)
    assert page.splitlines()[0] == "## Title: the outcome"
    assert "- fact: one\n- fact: two\n- other: three\n\n> a warning\n" in page
    assert "### Heading (3) `[red]`\n\nexplained\n\n" in page
    assert "| claim | case | variant | verdict | wide | narrow \\[2] | reason |  |\n" in page
    assert f"| `A` | `x` | `one` | **bad** | {'w' * 30} | 7 | `because` | \\[1] |\n" in page
    assert "| `A` | `x` | `two` | fine |  | 8 |  |  |\n" in page
    assert "<summary>Details</summary>\n\n- detail: four\n" in page
    assert page.endswith(f"\nTo go on:  \ncommand {'x' * 80}\n")
    folded = markdown(Document("t", tables=[Table("Rest", COLUMNS, ROWS, folded=True)]))
    assert "<summary>Rest</summary>\n\n| claim |" in folded
