"""The gate's report: every outcome in every form, foreign text without power, and the saved form back as it
was."""

from __future__ import annotations

import copy
import io
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from math import inf, nan
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from rich.console import Console

from harness.judge.regression import status_of
from harness.model import (
    Comparison,
    GateOutcome,
    GateResult,
    GateVerdict,
    Package,
    ReasonText,
    Side,
    SideFacts,
    text_notes,
)
from harness.report.builders.gate import gate_document, headline
from harness.report.builders.gate_records import document, result_from, results
from harness.report.builders.gate_rows import HEADINGS, NEVER_GREEN, heading
from harness.report.builders.gate_sides import differences
from harness.report.format import sanitize
from harness.report.render.annotations import annotation_lines
from harness.report.render.junit import junit
from harness.report.render.markdown import markdown
from harness.report.render.terminal import show_document
from tests.support.gated import BASE, CASE, ENVIRONMENT, EVERY, HEAD, METRICS, SMALL, result, verdict
from tests.support.living import ENVIRONMENT as PROCESS
from tests.support.living import PATIENCE, ROOT


def shown(judged: GateResult, width: int = 80, *, every: bool = False, **more: Any) -> str:
    """What a gate prints into a pipe."""
    file = io.StringIO()
    show_document(gate_document(judged, every=every), Console(file=file, width=width, **more))
    return file.getvalue()


def markdown_of(judged: GateResult, longest: int = 1_000_000) -> str:
    """The page of a gate."""
    return markdown(gate_document(judged, every=True), longest)


def junit_of(judged: GateResult) -> str:
    """The results of a gate for programs that run tests."""
    return junit(results(judged))


def cells(page: str) -> list[list[str]]:
    """The rows of all tables on a page, every cell as the text that a reader sees."""
    rows: list[list[str]] = []
    inside = False
    for token in MarkdownIt("commonmark").enable("table").parse(page):
        if token.type == "tr_open":
            rows.append([])
        inside = token.type in ("th_open", "td_open") or (inside and token.type == "inline")
        if token.type == "inline" and inside:
            rows[-1].append(
                "".join(child.content for child in token.children or () if child.type != "html_inline")
            )
    return rows


def first(page: str) -> dict[str, str]:
    """The cells of the first row on a page, by the titles of their columns."""
    titles, cells_of_row, *_ = cells(page)
    return dict(zip(titles, cells_of_row, strict=True))


def saved(judged: GateResult) -> Any:
    """What a file of the saved form holds."""
    return json.loads(json.dumps(document(judged), allow_nan=False))


# --- every outcome ------------------------------------------------------------------------------------------


def test_what_stands_in_the_way_is_what_the_rule_says() -> None:
    """The report's list of outcomes that never pass is the one that the exit status follows, and all have a
    heading."""
    passed = verdict(GateOutcome.UNCHANGED)
    assert {outcome for outcome in GateOutcome if status_of([passed, verdict(outcome)]) == 3} == set(
        NEVER_GREEN
    )
    assert {heading(verdict(outcome, metric=name)) for outcome in GateOutcome for name in METRICS} == set(
        HEADINGS
    )


@pytest.mark.parametrize("width", [80, 120, 200])
@pytest.mark.parametrize("every", [False, True])
def test_every_outcome_on_the_terminal(width: int, every: bool) -> None:
    """Each outcome's heading, benchmark and reason are there at every width; no line is too long but the
    last."""
    lines = shown(EVERY, width, every=every).splitlines()
    assert all(len(line) <= width and line == line.rstrip() for line in lines[:-1])
    flat = " ".join(" ".join(lines).split())
    for n, outcome in enumerate(GateOutcome):
        assert f"{heading(EVERY.verdicts[n])} (" in flat
        compact = outcome in (GateOutcome.UNCHANGED, GateOutcome.SKIPPED) and not every
        assert (f"a/bench_{n}.py::bench[x-{n}]" in flat) is not compact, outcome
        assert (f"v{n} " in flat or f"v{n};" in flat) is not compact, outcome
        assert f"because {outcome}" in flat or (outcome is GateOutcome.UNCHANGED and not every)
    order = [line.split(" (")[0] for line in lines if line.split(" (")[0] in HEADINGS]
    there = {heading(each) for each in EVERY.verdicts}
    assert order == [name for name in HEADINGS if name in there]


def test_every_outcome_in_markdown() -> None:
    """Every outcome's row is on the page with its reason, in the order of the headings; what stands in the
    way stands out."""
    page = markdown_of(EVERY)
    rows = [row for row in cells(page) if row[0] == "M1"]
    numbers = [int(row[1].partition("bench_")[2].partition(".py")[0]) for row in rows]
    order = sorted(enumerate(GateOutcome), key=lambda pair: HEADINGS.index(heading(EVERY.verdicts[pair[0]])))
    assert numbers == [number for number, _ in order]
    for row, (number, outcome) in zip(rows, order, strict=True):
        assert row[2] == f"v{number}"
        assert row[-1] == f"because {outcome}"
    assert "**regressed**" in page and "**failed**" in page
    assert "**unchanged**" not in page
    assert first(page) == {
        "claim": "M1", "benchmark": "a/bench_0.py::bench[x-0]", "variant": "v0", "metric": "time",
        "verdict": "regressed", "change": "1.071x slower", "95 % interval": "1.061 to 1.081x",
        "base -> head": "1.00 -> 1.07 ms", "units": "14", "reason": "because regressed",
    }  # fmt: skip


def test_every_outcome_in_annotations() -> None:
    """Only what regressed or cannot be judged is an error, regressed first; nothing is a warning."""
    lines = annotation_lines(results(result(*reversed(EVERY.verdicts))), "benchmarks")
    titles = [line.partition("title=")[2].partition("%3A")[0] for line in lines]
    assert titles[0] == "regressed"
    assert sorted(titles) == sorted(map(str, (GateOutcome.REGRESSED, *NEVER_GREEN)))
    assert all(line.startswith("::error ") for line in lines)


def test_every_outcome_in_junit() -> None:
    """Regressed is a failure, what cannot be judged an error, what was not compared skipped; the counts
    agree."""
    root = ET.fromstring(junit_of(EVERY))
    found = {}
    for outcome, case in zip(GateOutcome, root.iter("testcase"), strict=True):
        (child,) = case
        found[outcome] = child.tag
        if child.tag != "system-out":
            assert child.get("type") == str(outcome)
            assert f"because {outcome}" in child.get("message", "")
            assert child.text == f"because {outcome}"
    assert found == {
        GateOutcome.REGRESSED: "failure",
        GateOutcome.IMPROVED: "system-out",
        GateOutcome.UNCHANGED: "system-out",
        GateOutcome.INCONCLUSIVE: "error",
        GateOutcome.MISSING: "error",
        GateOutcome.NEW: "skipped",
        GateOutcome.WRONG: "error",
        GateOutcome.FAILED: "error",
        GateOutcome.TIMED_OUT: "error",
        GateOutcome.SKIPPED: "skipped",
        GateOutcome.ACCEPTED: "system-out",
    }
    for element in (root, root[0]):
        counts = [element.get(name) for name in ("tests", "failures", "errors", "skipped", "time")]
        assert counts == ["11", "1", "5", "2", "134.000"]


def test_every_outcome_survives_saving() -> None:
    """The saved form holds every verdict and gives the same result back."""
    assert [each["outcome"] for each in saved(EVERY)["verdicts"]] == [str(outcome) for outcome in GateOutcome]
    assert result_from(saved(EVERY)) == EVERY


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        (
            result(
                verdict(GateOutcome.UNCHANGED), verdict(GateOutcome.UNCHANGED), verdict(GateOutcome.SKIPPED)
            ),
            "nothing regressed: 2 unchanged, 1 skipped; exit 0",
        ),
        (
            result(verdict(GateOutcome.REGRESSED), verdict(GateOutcome.UNCHANGED)),
            "1 regressed (slower), 1 unchanged; exit 1",
        ),
        (result(verdict(GateOutcome.REGRESSED)), "1 regressed (slower); exit 1"),
        (
            result(
                verdict(GateOutcome.REGRESSED),
                verdict(GateOutcome.REGRESSED, metric="peak_bytes"),
                verdict(GateOutcome.UNCHANGED),
            ),
            "2 regressed (1 slower, 1 more memory), 1 unchanged; exit 1",
        ),
        (
            result(verdict(GateOutcome.IMPROVED), verdict(GateOutcome.UNCHANGED)),
            "nothing regressed: 1 improved (faster), 1 unchanged; exit 0",
        ),
        (result(verdict(GateOutcome.ACCEPTED)), "nothing regressed: 1 accepted; exit 0"),
        (
            result(verdict(GateOutcome.MISSING), verdict(GateOutcome.UNCHANGED)),
            "cannot be judged: 1 unchanged, 1 missing; exit 3",
        ),
        (result(verdict(GateOutcome.UNCHANGED), status=3), "cannot be judged: 1 unchanged; exit 3"),
        (
            result(verdict(GateOutcome.NEW), verdict(GateOutcome.SKIPPED)),
            "nothing was judged: 1 new, 1 skipped; exit 3",
        ),
        (result(), "nothing was judged; exit 3"),
        (result(unchanged="a and b differ in README.md alone"), "nothing under test changed; exit 3"),
        (
            result(unchanged="a and b differ in README.md alone", status=0),
            "nothing under test changed; exit 0",
        ),
        (result(verdict(GateOutcome.UNCHANGED), status=130), "interrupted: 1 unchanged; exit 130"),
        (result(verdict(GateOutcome.UNCHANGED), status=2), "ended early: 1 unchanged; exit 2"),
        (
            result(verdict(GateOutcome.REGRESSED), verdict(GateOutcome.UNCHANGED), status=130),
            "1 regressed (slower), 1 unchanged; exit 130",
        ),
        (result(verdict(GateOutcome.UNCHANGED), selftest=True), "no false alarm: 1 unchanged; exit 0"),
        (
            result(verdict(GateOutcome.REGRESSED), selftest=True),
            "1 false alarm: 1 regressed (slower); exit 1",
        ),
        (
            result(verdict(GateOutcome.REGRESSED), verdict(GateOutcome.REGRESSED), selftest=True),
            "2 false alarms: 2 regressed (slower); exit 1",
        ),
    ],
)
def test_outcome_in_one_line(outcome: GateResult, words: str) -> None:
    """The last line of the terminal and the title of the Markdown say the outcome, the counts and the exit
    status."""
    assert headline(outcome) == words
    for width in (20, 80):
        assert shown(outcome, width).splitlines()[-1] == words
    kind = "Self-test" if outcome.selftest else "Gate"
    assert markdown_of(outcome).splitlines()[0] == f"## {kind}: {words}"


# --- rows and their columns ---------------------------------------------------------------------------------


def test_wide_terminal_has_the_reason_beside_its_row() -> None:
    """Where there is room everything about a verdict is on one line."""
    row = next(line for line in shown(SMALL, 160).splitlines() if "1.071x" in line)
    assert row.split("  ")[1:] != []
    for part in (
        "pinned",
        "regressed",
        "1.061 to 1.081x",
        "1.00 -> 1.07 ms",
        "14",
        "slower, p 0.00012 at 14 units",
    ):
        assert part in row


def test_an_open_row_says_what_could_be_resolved() -> None:
    """What cannot be judged has its interval and the smallest slow-down that can be resolved, nothing
    else."""
    judged = result(
        verdict(GateOutcome.INCONCLUSIVE, spread=0.02, resolvable=0.08),
        verdict(GateOutcome.REGRESSED, spread=0.01, resolvable=0.04),
    )
    for form in (shown(judged, 200), markdown_of(judged)):
        row = next(line for line in form.splitlines() if "pinned" in line and "inconclusive" in line)
        assert "1.021 to 1.041x" in row
        assert "8 %" in row
        assert "4 %" not in next(
            line for line in form.splitlines() if "regressed" in line and "1.071x" in line
        ).replace("1.061 to 1.081x", "")


def test_a_claim_under_two_headings_names_its_metrics() -> None:
    """Its time regressed and its memory is unchanged: both say which they are, and memory alone never says
    slower."""
    judged = result(
        verdict(GateOutcome.REGRESSED),
        verdict(
            GateOutcome.UNCHANGED, metric="peak_bytes", ratio=1.0, low=None, high=None, base=1e6, head=1e6
        ),
        verdict(GateOutcome.IMPROVED, "a.py::b[2]"),
        verdict(
            GateOutcome.REGRESSED,
            "a.py::b[2]",
            metric="peak_bytes",
            ratio=3.0,
            low=None,
            high=None,
            base=1e7,
            head=3e7,
        ),
    )
    lines = [" ".join(line.split()) for line in shown(judged, 120).splitlines()]
    assert [line for line in lines if line.endswith("(1)")] == [
        "Slower (1)",
        "More memory (1)",
        "Faster (1)",
        "Unchanged (1)",
    ]
    assert "M1 peak memory 1 equal" in lines
    assert lines[-1] == "2 regressed (1 slower, 1 more memory), 1 improved (faster), 1 unchanged; exit 1"


@pytest.mark.parametrize(
    ("metric", "ratios", "says"),
    [
        ("seconds", [1.004], "M1 time 1 1.004x slower"),
        ("seconds", [0.3], "M1 time 1 3.33x faster"),
        ("seconds", [1.004, 0.951], "M1 time 2 1.052x faster to 1.004x slower"),
    ],
)
def test_one_unchanged_decision_has_one_change(metric: str, ratios: list[float], says: str) -> None:
    """A range is for several; its ends would be the same number twice."""
    judged = result(*[verdict(GateOutcome.UNCHANGED, metric=metric, ratio=ratio) for ratio in ratios])
    assert says in [" ".join(line.split()) for line in shown(judged, 120).splitlines()]


def test_bytes_that_hardly_changed_are_shown_as_bytes() -> None:
    """A kilobyte that becomes two hundred is unchanged, and "200x more" beside that word reads as a
    contradiction."""
    small: dict[str, Any] = {"metric": "peak_bytes", "low": None, "high": None}
    judged = result(
        verdict(GateOutcome.UNCHANGED, ratio=200.0, base=1024.0, head=204800.0, **small),
        verdict(GateOutcome.UNCHANGED, "a.py::b[2]", ratio=0.5, base=4096.0, head=2048.0, **small),
    )
    lines = [" ".join(line.split()) for line in shown(judged, 120).splitlines()]
    assert "M1 peak memory 2 up to 199 KiB more, up to 2.00 KiB less" in lines


def test_unchanged_rows_on_request() -> None:
    """With `every`, unchanged and skipped benchmarks have lines of their own."""
    lines = shown(SMALL, 160, every=True).splitlines()
    assert sum("unchanged  " in line for line in lines) == 2
    assert [line for line in lines if "c.py::b" in line] == ["M1  c.py::b[1]", "M1  c.py::b[2]"]
    assert lines.count("  x        no GPU") == 2


def test_colour_only_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal gets colours, a pipe and a terminal with NO_COLOR none; the words are the same."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    assert "\x1b" not in shown(EVERY)
    assert "\x1b[1;31mregressed" in shown(EVERY, force_terminal=True)
    assert "\x1b[1;31m1 regressed (slower), " in shown(EVERY, force_terminal=True)
    assert "\x1b[1;32mnothing regressed" in shown(result(verdict(GateOutcome.UNCHANGED)), force_terminal=True)
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[1;31m" not in shown(EVERY, force_terminal=True)


def test_output_that_is_not_unicode() -> None:
    """Where the output takes ASCII only, foreign letters become question marks instead of an error."""
    raw = io.BytesIO()
    with io.TextIOWrapper(raw, encoding="ascii") as file:
        judged = result(verdict(GateOutcome.REGRESSED, "größe.py::b"))
        show_document(gate_document(judged), Console(file=file, width=80))
        file.flush()
        assert b"gr??e.py::b" in raw.getvalue()


# --- sides --------------------------------------------------------------------------------------------------


def test_differences_that_matter() -> None:
    """Revisions, warnings, compile caches and stated variables differ by design; all else is named with both
    values."""
    found = {each.name: each.values for each in differences(EVERY)}
    assert found == {"software.torch": ("2.13.0", "2.14.1"), "variables.OMP_PROC_BIND": ("false", "true")}
    more = replace(BASE, environment={**ENVIRONMENT, "gpus": [{"name": "Other GPU"}], "new": 1})
    found = {each.name: each.values for each in differences(replace(EVERY, base=more))}
    assert found == {
        "gpus.0.name": ("Other GPU", "Some GPU"),
        "gpus.0.memory_bytes": ("absent", str(80 * 2**30)),
        "new": ("1", "absent"),
    }


def test_packages_that_differ_stand_on_top() -> None:
    """Versions of what both sides have come first, what torch's own line says is not repeated."""
    base, head = (
        {"software": {"torch": torch}, "packages": {"einops": einops, "numpy": "2.4", "torch": torch, **more}}
        for torch, einops, more in (("2.13.0", "0.5.0", {"aaa": "1"}), ("2.14.1", "0.6.0", {}))
    )
    judged = result(
        verdict(GateOutcome.REGRESSED),
        base=replace(BASE, environment=base),
        head=replace(HEAD, environment=head),
    )
    assert [(each.name, *each.values) for each in differences(judged)] == [
        ("software.torch", "2.13.0", "2.14.1"), ("packages.einops", "0.5.0", "0.6.0"), ("packages.aaa", "1", "absent"),
    ]  # fmt: skip
    lines = shown(judged).splitlines()
    assert next(n for n, line in enumerate(lines) if "packages.einops: 0.5.0 -> 0.6.0" in line) < lines.index(
        "Slower (1)"
    )


def test_many_differences_are_counted() -> None:
    """An environment that differs in everything does not bury the verdicts."""
    base, head = ({f"part{n}": value for n in range(200)} for value in "ab")
    judged = result(base=replace(BASE, environment=base), head=replace(HEAD, environment=head))
    assert "part19: a -> b and in 180 more" in " ".join(shown(judged).split())
    assert "- differs: and in 180 more\n" in markdown_of(judged)


@pytest.mark.parametrize("environment", [{}, {"machine": 3, "gpus": [7, None], "software": "x", "git": True}])
def test_environment_of_any_shape(environment: dict[str, Any]) -> None:
    """An environment that is not what we write, or none, costs its own lines and no other."""
    judged = result(verdict(GateOutcome.UNCHANGED), base=replace(BASE, environment=environment))
    for form in (shown(judged), markdown_of(judged), junit_of(judged)):
        assert "nothing regressed: 1 unchanged; exit 0" in form
        assert "origin/main" in form
    assert bool(differences(judged)) is bool(environment)
    judged = replace(judged, head=replace(HEAD, environment=environment))
    assert "nothing regressed: 1 unchanged; exit 0" in shown(judged)


def test_secrets_are_in_no_form() -> None:
    """The value of a variable that is named like a secret appears nowhere; others that only sound like one
    do."""
    stated = {"HF_TOKEN": "hush", "AWS_SECRET_ACCESS_KEY": "hush", "TOKENIZERS_PARALLELISM": "false"}
    judged = result(verdict(GateOutcome.UNCHANGED), head=replace(HEAD, variables=stated))
    for form in (shown(judged), markdown_of(judged), junit_of(judged), json.dumps(document(judged))):
        assert "hush" not in form
        assert "(hidden)" in form
        assert "false" in form


# --- foreign text -------------------------------------------------------------------------------------------

HOSTILE = (
    "`x` ``y`` |a\\|b\\| <script>alert(1)</script><!-- ![i](http://e.vil/i.png) [l](http://e.vil) @all #1 **b** _e_ "
    "http://e.vil www.e.vil &lt; ]]> <![CDATA[ --> </details> [red]m[/red] \x1b[31m\x07\x00\x9b2J\r\n::error::x\n"
    "::stop-commands::y\n\n# h\n\n| a |\n\u202egnp.exe\u2066 \u05d0\u05d1 \ud800 \ufffe %0A %25 , : "
)
NAMES = [
    HOSTILE,
    "x" * 10_000,
    "|" * 5000,
    "`",
    "\\",
    "\\|",
    "\u202e",
    "\n",
    " ",
    "</details>",
    "]]>",
    "::error::x",
]


def named(name: str) -> GateResult:
    """A gate in which whatever comes from elsewhere has that text."""
    verdicts = [
        replace(verdict(outcome, f"{name}::{name}[{name}]", name, metric=metric, reason=name), claim=name)
        for outcome in GateOutcome
        for metric in ("seconds", name)
    ]
    sides = [
        SideFacts(
            side,
            name,
            name,
            {name: name},
            (Package(name, name, name),),
            {"software": {"torch": name, name: side}},
        )
        for side in Side
    ]
    return result(*verdicts, base=sides[0], head=sides[1], notes=text_notes([name]), started=name)


def powerless(text: str) -> bool:
    """Whether no character of a text steers a terminal or the direction of what follows."""
    return all(letter.isprintable() or letter == "\n" for letter in text)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("width", [40, 80, 160])
def test_hostile_names_on_the_terminal(name: str, width: int) -> None:
    """Markup stays as typed, nothing steers the terminal, a huge name is cut, and the last line is ours."""
    for every in (False, True):
        text = shown(named(name), width, every=every)
        assert powerless(text)
        assert len(text) < 300 * 350
        assert text.splitlines()[-1].startswith("2 regressed (1 slower, 1 other), ")
        assert name != HOSTILE or "[red]m[/red]" in "".join(text.split())


OURS = {"<details>", "</details>", "<summary>", "</summary>", "<code>", "</code>"}


@pytest.mark.parametrize("name", NAMES)
def test_hostile_names_in_markdown(name: str) -> None:
    """No link, image, heading, HTML or cell comes of foreign text; a reader sees it as it was typed."""
    page = markdown_of(named(name))
    assert powerless(page)
    assert len(page) < 400_000
    parsed = MarkdownIt("commonmark").enable("table").parse(page)
    children = [child for token in parsed for child in token.children or ()]
    tables = gate_document(named(name), every=True).tables
    headings = [token.tag for token in parsed if token.type == "heading_open"]
    assert headings == ["h2", *("h3" for table in tables if not table.folded)]
    assert {child.type for child in children} <= {
        "text", "code_inline", "html_inline", "softbreak", "strong_open", "strong_close",
    }  # fmt: skip
    for html in [token for token in (*parsed, *children) if token.type.startswith("html")]:
        for line in html.content.split("\n"):
            # of the summaries, the words between the tags are ours and plain
            assert line.strip() in OURS | {""} or line.startswith("<summary>"), line
    rows = cells(page)
    assert len(rows) == sum(1 + len(table.lines) for table in tables)
    # as a reader sees it: without what has power, on one line, cut where it is huge
    for title in ("variant", "reason"):
        assert first(page).get(title, "").split() == sanitize(name).split()
    inside = [token for token in parsed if token.type == "inline"]
    for token in inside:
        assert outside_code(token.children or ()).find("e.vil") == -1
        assert "@all" not in outside_code(token.children or ())


def outside_code(children: Sequence[Any]) -> str:
    """The words of a line that stand in no code: there GitHub makes links of addresses and mentions of
    names."""
    words, depth = [], 0
    for child in children:
        if child.type == "html_inline":
            depth += {"<code>": 1, "</code>": -1}.get(child.content, 0)
        elif child.type == "text" and depth == 0:
            words.append(child.content)
    return "".join(words)


@pytest.mark.parametrize("name", NAMES)
def test_hostile_names_in_annotations(name: str) -> None:
    """Each is one line that begins a command and has two properties at most; none names a file outside the
    folder."""
    for line in annotation_lines(results(named(name)), "benchmarks"):
        assert powerless(line)
        assert "\n" not in line
        assert line.startswith("::error title=")
        properties = line.removeprefix("::error ").partition("::")[0].split(",")
        assert [each.partition("=")[0] for each in properties] in (["title"], ["title", "file"])
        assert ":" not in "".join(properties)
        assert len(line) < 3000


@pytest.mark.parametrize("name", NAMES)
def test_hostile_names_in_junit(name: str) -> None:
    """The document parses, and names are whole but for what XML cannot hold."""
    judged = junit_of(named(name))
    root = ET.fromstring(judged.encode())
    assert len(list(root.iter("testcase"))) == len(named(name).verdicts)
    kept = name.replace("\r\n", "\n")
    for illegal in "\x1b\x07\x00\ud800\ufffe":
        kept = kept.replace(illegal, "\ufffd")
    failure = next(root.iter("failure"))
    assert (failure.text or "").strip() == kept.strip()
    assert {element.tag for element in root.iter()} == {
        "testsuites", "testsuite", "properties", "property", "testcase", "failure", "error", "skipped", "system-out",
    }  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_hostile_names_in_the_saved_form(name: str) -> None:
    """The saved form keeps every character and is ASCII."""
    text = json.dumps(document(named(name)))
    assert text.isascii()
    assert result_from(json.loads(text)) == named(name)


# --- Markdown -----------------------------------------------------------------------------------------------


def test_page_is_bounded() -> None:
    """A page that would be too long leaves out rows, passed ones first, and says how many."""
    passed = [verdict(GateOutcome.UNCHANGED, f"a.py::b[{n}]", "v" * 200) for n in range(300)]
    judged = result(*passed, verdict(GateOutcome.REGRESSED))
    page = markdown_of(judged, 20_000)
    assert 15_000 < len(page.encode()) <= 20_000
    assert "**regressed**" in page
    left = len(passed) - sum("unchanged" in row for row in cells(page))
    assert f"{left} rows more are left out here" in page
    assert page.count("<details>") == page.count("</details>") == 2
    assert "- decided by: target 5 %" in page
    assert (
        len(markdown_of(result(*[verdict(GateOutcome.REGRESSED, "x" * 300, "\u05d0" * 300)] * 3000)).encode())
        < 2**20
    )


def test_self_test_has_the_noise_of_each_benchmark() -> None:
    """A self-test says that the code was identical, and the noise and what it resolves of all that is
    unchanged."""
    judged = result(verdict(GateOutcome.UNCHANGED, spread=0.0084, resolvable=0.0213), selftest=True)
    assert "identical code on both sides" in shown(judged)
    assert "- self-test: identical code on both sides\n" in markdown_of(judged)
    for width in (80, 160):
        lines = [" ".join(line.split()) for line in shown(judged, width).splitlines()]
        at = lines.index("Unchanged (1)")
        assert "noise resolves" in lines[at + 1]
        assert "0.84 % 2.13 %" in lines[at + 3]
    row = first(markdown_of(judged))
    assert (row["noise"], row["resolves"]) == ("0.84 %", "2.13 %")
    for form in (shown, markdown_of):
        assert "0.84 %" not in form(replace(judged, selftest=False))


# --- annotations --------------------------------------------------------------------------------------------


def test_annotation_is_escaped() -> None:
    """Per cents and line ends are escaped everywhere, colons and commas in properties only."""
    judged = result(
        verdict(GateOutcome.REGRESSED, "a,b/50%:x.py::b[k:v,w]", "one", reason="needs 6.3e-05, at 14: 50 %25")
    )
    assert annotation_lines(results(judged), "benchmarks") == [
        "::error title=regressed%3A b[k%3Av%2Cw] one seconds,file=benchmarks/a%2Cb/50%25%3Ax.py"
        "::b[k:v,w] one seconds: 1.071x slower (1.061 to 1.081x); 1.00 -> 1.07 ms; "
        "needs 6.3e-05, at 14: 50 %2525"
    ]


@pytest.mark.parametrize(
    ("case", "root", "file"),
    [
        ("a/b.py::c", "benchmarks", "benchmarks/a/b.py"),
        ("a/b.py::c[d::e]", "./", "a/b.py"),
        ("a/b.py", "deep/er/", "deep/er/a/b.py"),
        ("b.py::c", "", "b.py"),
        ("../b.py::c", "benchmarks", ""),
        ("a/../../b.py::c", "benchmarks", ""),
        ("/etc/passwd::c", "benchmarks", ""),
        ("a\nb.py::c", "benchmarks", ""),
        ("::c", "benchmarks", ""),
    ],
)
def test_annotated_file(case: str, root: str, file: str) -> None:
    """The benchmark's file is named relative to the repository; a path that is not below the folder is not
    named."""
    (line,) = annotation_lines(results(result(verdict(GateOutcome.FAILED, case))), root)
    properties = line.removeprefix("::error ").partition("::")[0].split(",")
    assert properties[1:] == ([f"file={file}"] if file else [])


def test_no_annotation_where_nothing_is_wrong() -> None:
    """A gate that passes marks nothing."""
    passed = (GateOutcome.UNCHANGED, GateOutcome.NEW, GateOutcome.SKIPPED)
    assert annotation_lines(results(result(*map(verdict, passed))), "benchmarks") == []


# --- JUnit --------------------------------------------------------------------------------------------------


def test_junit_names_times_and_properties() -> None:
    """A test case is named by file and function, its parameters, variant and metric; the suite has the sides'
    facts."""
    whole = verdict(GateOutcome.FAILED, "a.py::b", "", metric="", seconds=nan)
    root = ET.fromstring(junit_of(result(verdict(GateOutcome.REGRESSED), whole)))
    judged = [[case.get(name) for name in ("classname", "name", "time")] for case in root.iter("testcase")]
    assert judged == [
        ["memory.bench_copy.bench_copy", "64-cpu pinned seconds", "2.500"],
        ["a.b", "the whole case", "0.000"],
    ]
    properties = {each.get("name"): each.get("value") for each in root.iter("property")}
    assert properties == {
        "outcome": "1 regressed (slower), 1 failed; exit 1",
        "status": "1",
        "target": "0.05",
        "loader_target": "0.1",
        "alpha": "0.01",
        "decisions": "2",
        "base.label": "origin/main (1a2b3c4)",
        "base.python": "/base/python",
        "base.package.work": f"{'a' * 64} /base/work.py",
        "head.label": "working tree (1a2b3c4 + changes)",
        "head.python": "/head/python",
        "head.variable.OMP_NUM_THREADS": "2",
        "head.package.work": f"{'b' * 64} /head/work.py",
        "head.package.gone": "not there",
    }
    assert root[0].get("timestamp") == "2026-01-02T03:04:05+00:00"
    assert "timestamp" not in ET.fromstring(junit_of(result(started="")))[0].attrib


# --- the saved form -----------------------------------------------------------------------------------------


def test_saved_form_is_as_documented() -> None:
    """Scripts read these names."""
    judged = saved(SMALL)
    assert next(iter(judged)) == "schema"
    assert {name: judged[name] for name in ("schema", "status", "decisions", "target", "seconds", "selftest")} == {
        "schema": 1, "status": 1, "decisions": 12, "target": 0.05, "seconds": 134.0, "selftest": False,
    }  # fmt: skip
    assert judged["head"]["packages"][0] == {"name": "work", "file": "/head/work.py", "digest": "b" * 64}
    assert judged["verdicts"][1] == {
        "case": CASE, "claim": "M1", "variant": "pinned", "metric": "seconds", "outcome": "regressed",
        "reason": "1.071x slower, p 0.00012 at 14 units (needs 0.0005)", "units": 14,
        "ratio": 1.071, "low": 1.071 - 0.01, "high": 1.071 + 0.01,
        "base": 1e-3, "head": 1e-3 * 1.071, "unsteady": False, "seconds": 2.5, "spread": None, "resolvable": None,
        "p": None, "paired": True,
    }  # fmt: skip


def test_what_is_not_finite_is_none() -> None:
    """No infinity and no NaN is saved, and the report of what was saved still says that something came from
    nothing."""
    grown = verdict(
        GateOutcome.REGRESSED, metric="launches", ratio=inf, low=nan, high=-inf, base=0.0, head=3.0
    )
    judged = result(grown, head=replace(HEAD, environment={"a": [nan, {"b": inf}]}))
    back = result_from(saved(judged))
    assert back.verdicts[0].comparison == Comparison("launches", 14, inf)
    assert back.head.environment == {"a": [None, {"b": None}]}
    for each in (judged, back):
        row = first(markdown_of(each))
        assert (row["change"], row["base -> head"]) == ("from none", "0 -> 3")
        assert "95 % interval" not in row
    changed = saved(result(grown))
    changed["verdicts"][0]["base"] = 2.0
    row = first(markdown_of(result_from(changed)))
    assert (row["change"], row["base -> head"]) == ("1.50x more", "2 -> 3")


def test_numbers_of_nothing() -> None:
    """Ratios and intervals that cannot be are left out, and cost no report."""
    odd = [
        verdict(GateOutcome.REGRESSED, ratio=ratio, low=low, high=high, base=base, head=1.0)
        for ratio in (0.0, -1.0, 0.3, 1e300, None)
        for low, high in ((0.0, 0.4), (nan, 1.0), (-1.0, 1.0), (0.4, 0.2), (None, 1.0), (0.1, inf))
        for base in (nan, inf, None, 0.0)
    ]
    judged = result(*odd)
    assert "95 % interval" not in markdown_of(judged)
    for form in (shown(judged), markdown_of(judged), junit_of(judged)):
        assert "nan" not in form
    assert len(shown(judged).splitlines()) > len(odd)
    ET.fromstring(junit_of(judged))


def set_in(document: Any, path: Sequence[str | int], value: Any) -> Any:
    """A copy of the document with that value there, or without the field where the value is `GONE`."""
    changed = copy.deepcopy(document)
    inner = changed
    for step in path[:-1]:
        inner = inner[step]
    if value is GONE:
        del inner[path[-1]]
    else:
        inner[path[-1]] = value
    return changed


GONE = object()


@pytest.mark.parametrize(
    ("path", "value", "words"),
    [
        (["schema"], 2, "schema 2 is not 1"),
        (["schema"], GONE, "schema is missing"),
        (["schema"], "1", "schema 1 is not 1"),
        (["status"], 256, "status 256 is not an exit status"),
        (["status"], True, "Expected `int`, got `bool` - at `$.status`"),
        (["decisions"], -1, "Expected `int` >= 0 - at `$.decisions`"),
        (["units"], 1.5, "Expected `int`, got `float` - at `$.units`"),
        (["target"], "5%", "Expected `float`, got `str` - at `$.target`"),
        (["alpha"], inf, "Infinity is not a number"),
        (["seconds"], 10**400, "Number out of range - at `$.seconds`"),
        (["seconds"], None, "Expected `float`, got `null` - at `$.seconds`"),
        (["started"], 5, "Expected `str`, got `int` - at `$.started`"),
        (["selftest"], 1, "Expected `bool`, got `int` - at `$.selftest`"),
        (["notes"], "a", "Expected `array`, got `str` - at `$.notes`"),
        (["notes"], ["a", 1], "Expected `str`, got `int` - at `$.notes[1]`"),
        (["more"], 1, "Object contains unknown field `more`"),
        (["verdicts"], {}, "Expected `array`, got `object` - at `$.verdicts`"),
        (["verdicts", 2], [], "Expected `object`, got `array` - at `$.verdicts[2]`"),
        (["verdicts", 2, "outcome"], "holds", "Invalid enum value 'holds' - at `$.verdicts[2].outcome`"),
        (["verdicts", 2, "outcome"], None, "Expected `str`, got `null` - at `$.verdicts[2].outcome`"),
        (["verdicts", 2, "ratio"], nan, "NaN is not a number"),
        (["verdicts", 2, "ratio"], False, "Expected `float | null`, got `bool` - at `$.verdicts[2].ratio`"),
        (["verdicts", 2, "metric"], GONE, "Object missing required field `metric` - at `$.verdicts[2]`"),
        (["verdicts", 2, "x" * 1000], 1, f"Object contains unknown field `{'x' * 100}"),
        (["base"], None, "Expected `object`, got `null` - at `$.base`"),
        (["base", "arm"], "head", "base.arm is not base"),  # codespell:ignore arm
        (["head", "arm"], "left", "Invalid enum value 'left' - at `$.head.arm`"),  # codespell:ignore arm
        (["head", "variables"], [], "Expected `object`, got `array` - at `$.head.variables`"),
        (["head", "variables", "A"], 1, "Expected `str`, got `int` - at `$.head.variables[...]`"),
        (["head", "environment"], 3, "Expected `object`, got `int` - at `$.head.environment`"),
        (
            ["head", "packages", 1, "digest"],
            None,
            "Expected `str`, got `null` - at `$.head.packages[1].digest`",
        ),
        (
            ["head", "packages", 0, "extra"],
            "",
            "Object contains unknown field `extra` - at `$.head.packages[0]`",
        ),
    ],
)
def test_any_other_document_is_refused(path: Sequence[str | int], value: Any, words: str) -> None:
    """A document that is not what we write is refused with the name of what is wrong."""
    with pytest.raises(ValueError) as refused:
        result_from(set_in(saved(EVERY), path, value))
    assert str(refused.value).startswith(words)
    assert len(str(refused.value)) < 300


@pytest.mark.parametrize("value", [None, [], "", 3, {1: 2}, {}])
def test_no_document_at_all(value: object) -> None:
    """What is no object, or an empty one, is refused."""
    with pytest.raises(ValueError, match=r"is not an object|is missing|Expecting value"):
        result_from(value)


def test_environment_that_nests_without_end() -> None:
    """An environment that nests deeper than any is cut there, in the saved form and in what is read."""
    deep: Any = "leaf"
    for _ in range(100):
        deep = {"a": deep}
    judged = result(
        verdict(GateOutcome.UNCHANGED),
        head=replace(HEAD, environment=deep),
        base=replace(BASE, environment=deep),
    )
    assert len(json.dumps(document(judged))) < 3000
    read = result_from({**saved(EVERY), "head": {**saved(EVERY)["head"], "environment": deep}})
    assert "leaf" not in json.dumps(dict(read.head.environment))
    assert "exit 0" in shown(judged)


NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
PERHAPS = st.none() | NUMBERS
REASONS = st.text(min_size=1).map(ReasonText)


def verdicts_of(metric: str) -> st.SearchStrategy[GateVerdict]:
    """Any verdict by a metric; one without a comparison has no readings either."""
    compared = st.builds(Comparison, st.just(metric), st.integers(0, 99), NUMBERS, PERHAPS, PERHAPS, PERHAPS,
                         st.booleans(), unsteady=st.booleans())  # fmt: skip
    outcome = st.sampled_from(list(GateOutcome))
    named = st.text(), st.text(), st.text(), st.just(metric), outcome, REASONS
    times = NUMBERS, PERHAPS, PERHAPS
    return st.builds(GateVerdict, *named, compared, PERHAPS, PERHAPS, *times) | st.builds(
        GateVerdict, *named, st.none(), st.none(), st.none(), *times
    )


VERDICTS = st.one_of(*map(verdicts_of, ("seconds", "peak_bytes", "launches", "other")))


def facts(side: Side) -> st.SearchStrategy[SideFacts]:
    """Any side; a variable's value is what its name does not hide."""
    return st.builds(
        SideFacts, st.just(side), st.text(), st.text(), st.dictionaries(st.text("ab=\n`|"), st.text(), max_size=2),
        st.lists(st.builds(Package, st.text(), st.text(), st.text()), max_size=2).map(tuple),
        st.dictionaries(st.text(), st.recursive(st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(),
                                                lambda inner: st.lists(inner, max_size=2), max_leaves=3), max_size=2),
    )  # fmt: skip


# Without shrinking: a result has some eighty parts, and every smaller one has all its forms made again, for
# minutes.
@settings(max_examples=100, phases=(Phase.explicit, Phase.reuse, Phase.generate))
@given(
    st.builds(
        GateResult, facts(Side.BASE), facts(Side.HEAD), st.lists(VERDICTS, max_size=4).map(tuple),
        st.integers(0, 255), st.integers(0, 99), NUMBERS, NUMBERS, NUMBERS, st.integers(0, 99), NUMBERS, st.text(),
        st.lists(st.text(), max_size=2).map(text_notes), st.booleans(),
    )
)  # fmt: skip
def test_any_result_has_every_form(judged: GateResult) -> None:
    """Whatever a result holds, no form fails, the saved one gives it back, XML parses, and tables keep their
    shape."""
    assert result_from(saved(judged)) == judged
    ET.fromstring(junit_of(judged).encode())
    page = markdown_of(judged)
    page.encode()
    tables = gate_document(judged, every=True).tables
    assert len(cells(page)) == sum(1 + len(table.lines) for table in tables)
    assert powerless(page)
    assert powerless(shown(judged, every=True))
    assert all(powerless(line) for line in annotation_lines(results(judged), "benchmarks"))


def test_no_form_needs_the_measuring_side() -> None:
    """The forms of a gate cost neither torch, pytest, NVML, pandas nor SciPy's statistics."""
    code = (
        "import sys, harness.report.builders.gate, harness.report.builders.gate_records; "
        "import harness.report.render.markdown, harness.report.render.terminal; "
        "import harness.report.render.annotations, harness.report.render.junit; "
        "sys.exit(any(name in sys.modules for name in ('torch', 'pytest', 'pynvml', 'pandas', 'scipy')))"
    )
    assert (
        subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, env=PROCESS, timeout=PATIENCE, check=False
        ).returncode
        == 0
    )
