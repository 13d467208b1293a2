"""The HTML page as a file: complete, self-contained, with the terminal's texts; names from records are only
text."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from bokeh.embed import json_item

from harness.cli.main import main
from harness.judge import run
from harness.model import (
    Ceiling,
    Comparison,
    Expect,
    GateOutcome,
    GateResult,
    GateVerdict,
    LeftOut,
    Outcome,
    Ranked,
    ReasonText,
    Setting,
    Side,
    SideFacts,
    Tuned,
    WorkerLimit,
)
from harness.report.builders.answer import Advice
from harness.report.builders.gate_records import document
from harness.report.builders.run import run_document
from harness.report.builders.run_content import content
from harness.report.document import Tone
from harness.report.format import better, sanitize
from harness.report.html.machine import environment_grid
from harness.report.html.parts import Grid, Grids, HtmlPage, Section
from harness.report.html.render import html, packed
from harness.report.html.run_page import run_page
from harness.report.html.summary import groups, summary
from harness.report.html.traces import link, trace_grid
from harness.report.html.verdicts import verdict_table
from harness.report.next_command import next_command
from harness.store import open_gate, open_run
from harness.store.codec import to_json
from tests.support.living import ENVIRONMENT, ROOT
from tests.support.pages import (
    HOSTILE,
    Reader,
    drawn,
    full_run,
    hostile_run,
    measurements_of,
    numbers,
    saved,
    unpacked,
    words_of,
)
from tests.support.saved import claim


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Reader:
    """The page of the full run, read."""
    return Reader(html(run_page(full_run(tmp_path_factory.mktemp("full")))))


def test_every_verdict_stands_in_the_page_in_the_report_s_own_words(tmp_path: Path, page: Reader) -> None:
    """Each row's words, each claim's sentence, each footnote and each skipped claim's reason are in the
    page."""
    judged = content(full_run(tmp_path))
    for section in judged.sections:
        assert section.sentence in page.text
        assert section.judged in page.text
        assert section.why in page.text and section.source in page.text
        for row in section.rows:
            for words in (row.variant, str(row.outcome), row.effect, row.interval, row.memory, row.reason):
                assert words in page.text, words
    assert {outcome for outcome, _ in judged.counts} >= set(Outcome) - {Outcome.LOST}
    for note in (*judged.footnotes, "no CUDA device here", "the quota cannot be read"):
        assert note in page.text


def test_nothing_of_the_page_lies_elsewhere(page: Reader) -> None:
    """No address leads out of the file, no script runs from an attribute, and the policy forbids fetching."""
    for tag, name, value in page.attributes:
        assert not name.startswith("on"), (tag, name)
        if name in ("href", "src", "action", "data", "poster", "srcset", "formaction"):
            assert value.startswith(("#", "data:,", "./")), value
    policy = next(
        value for tag, name, value in page.attributes if tag == "meta" and value.startswith("default-src")
    )
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe-eval" not in policy
    assert "script-src" in policy and "'unsafe-inline'" not in policy.split("style-src")[0]


def test_the_numbers_behind_the_figures_are_those_of_the_verdicts(tmp_path: Path) -> None:
    """The forest's points are the comparisons' own ratios and bounds."""
    run = full_run(tmp_path)
    made = run_page(run)
    judged = content(run)
    found = next(
        row.verdict.comparison for row in judged.sections[0].rows if row.verdict and row.verdict.comparison
    )
    shown = [
        number
        for figure in made.figures
        for number in numbers(json_item(figure.drawing))
        if "forest" in figure.name
    ]
    assert found is not None and found.low is not None
    assert drawn(found.ratio) in shown and drawn(found.low) in shown


def test_hostile_names_are_text(tmp_path: Path) -> None:
    """Names with HTML, quotes, ten thousand characters, direction marks or paths add no element and no
    attribute."""
    text = html(run_page(hostile_run(tmp_path)))
    read = Reader(text)
    plain = Reader(html(run_page(full_run(tmp_path / "plain"))))
    assert set(read.tags) <= set(plain.tags) | {"div"}
    assert "img" not in read.tags
    assert read.tags.count("script") == len(read.data) + 3
    assert not [name for _, name, _ in read.attributes if name.startswith("on")]
    for name in HOSTILE[:-1]:
        assert sanitize(name)[:40] in read.text
    assert "\u202e" not in text and "\x00" not in text and "n" * 400 not in text
    for data in read.data:
        assert re.fullmatch(r"[A-Za-z0-9+/=]+", data)
        unpacked(data)


@pytest.mark.parametrize("text", ["</script>", "<!--", "\u2028", "&amp;", "]]>"])
def test_data_cannot_leave_its_element(text: str) -> None:
    """What is packed reads back the same and has no character that HTML or JavaScript would interpret."""
    found = str(packed(json.dumps({text: [text]})))
    assert json.loads(unpacked(found)) == {text: [text]}
    assert re.fullmatch(r"[A-Za-z0-9+/=]+", found)


def test_a_row_opens_to_all_that_is_known_of_it(tmp_path: Path) -> None:
    """The verdict's reason, the interval, the margin, every reading beside the baseline's, and the
    warnings."""
    run = full_run(tmp_path)
    table = verdict_table(run, content(run))
    entry = next(row for row in table.rows if {"quicker", "small"} <= set(words_of(row).split()))
    facts = dict(entry.details)
    assert "beyond the margin" in facts["verdict"]
    assert "3" in [cell.text for cell in entry.cells]
    assert "other cases: 0.93 %, 2.0 degrees of freedom" in facts["judged from"]
    assert "expected lower by more than 2 %" in dict(entry.background)["judged by"]
    assert any(row[0] == "time of one iteration" for row in entry.grids[-1].rows)
    warned = next(row for row in table.rows if words_of(row).startswith("a1") and " quick " in words_of(row))
    assert "busy neighbour" in content(run).footnotes[warned.notes[0] - 1]


def test_columns_that_say_nothing_are_left_out(tmp_path: Path) -> None:
    """A run without memory or open verdicts has no such columns."""
    one = claim("A1")
    run = saved(tmp_path, [one], measurements_of(one, "", 14, quick=0.5e-3))
    titles = [column.title for column in verdict_table(run, content(run)).columns]
    assert "memory" not in titles and "to decide" not in titles
    assert titles[:3] == ["claim", "variant", "verdict"]


def test_ceilings_have_a_section(tmp_path: Path) -> None:
    """A run with ceilings has a section with each of them, in the texts of their own report."""
    run = replace(full_run(tmp_path), ceilings=(Ceiling("memory_copy", 3.1e10, "B/s", "64 MiB", "cpu"),))
    text = Reader(html(run_page(run))).text
    assert "copy in memory, read and written CPU 31.0 GB/s 64 MiB" in text
    assert "CPU copy 31.0 GB/s" in text


def test_traces_link_to_their_files_and_nowhere_else(tmp_path: Path) -> None:
    """A link is relative to the page; what is outside the run's folder, or looks like a scheme, is none."""
    frame = pd.DataFrame(
        {
            "claim": ["A1"], "case": ["a.py::b[x]"], "variant": ["quick"], "file": ["traces/a b.json.gz"],
            "wall_seconds": [2.0], "busy_seconds": [1.5], "idle_host_seconds": [0.4], "idle_loader_seconds": [0.1],
            "launches": [12.0], "cause": ["the host launches too slowly"], "tensor_core_share": [np.nan],
        }
    )  # fmt: skip
    grid = trace_grid(frame, tmp_path / "run", tmp_path / "page.html")
    assert grid is not None
    assert grid.links == ("./run/traces/a%20b.json.gz",)
    assert "host 20 %" in grid.rows[0] and "75 %" in grid.rows[0]
    assert "tensor cores" not in grid.head
    assert link(tmp_path / "run", "../../etc/passwd", None) == ""
    assert link(tmp_path / "run", "/etc/passwd", None) == ""
    assert link(tmp_path, "javascript:alert(1)", None).startswith("./")
    assert link(tmp_path, "a\x00b", None) == ""


def test_what_is_named_like_a_secret_has_no_value(page: Reader) -> None:
    """The environment is shown leaf by leaf; a token's value is nowhere in the page."""
    assert "variables.OMP_NUM_THREADS" in page.text
    assert "variables.SOME_TOKEN" in page.text and "hunter2" not in page.text
    deep: dict[str, Any] = {"leaf": 1}
    for _ in range(50):
        deep = {"more": deep}
    assert len(environment_grid({"deep": deep, "many": list(range(9999))}).rows) <= 401


def test_a_run_without_a_single_measurement_has_a_page(tmp_path: Path) -> None:
    """The page of an empty run states that it is empty and that it never ended."""
    open_run(tmp_path, [claim("A1")]).close()
    file = tmp_path / "page.html"
    assert main(["report", str(tmp_path), "--html", str(file)]) == 3
    text = Reader(file.read_text(encoding="utf-8")).text
    assert "No verdict: no benchmark was reached." in text
    assert "This run has no end" in text
    assert "Never reached: A1." in text


@pytest.mark.parametrize("file", ["", "-"])
def test_a_page_that_cannot_be_written_is_one_clear_message(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], file: str
) -> None:
    """A folder in the place of the file, or the standard output, is one error message, after the report."""
    full_run(tmp_path / "run")
    target = file or str(tmp_path)
    assert main(["report", str(tmp_path / "run"), "--html", target]) == 2
    message = capsys.readouterr().err
    assert message.startswith("harness: ") and message.count("\n") == 1
    assert (f"cannot write {tmp_path}" if not file else "standard output; name a file") in message


def test_a_gate_has_a_page(tmp_path: Path) -> None:
    """Its outcome in the title, every decision in the table, the changes drawn, both sides distinct."""
    verdicts = (
        GateVerdict(
            "a.py::b[x]",
            "A1",
            "quick",
            "seconds",
            GateOutcome.REGRESSED,
            ReasonText("slower"),
            Comparison("seconds", 14, 1.2, 1.1, 1.3),
            1e-3,
            1.2e-3,
        ),
        GateVerdict(
            "a.py::b[y]",
            "A1",
            "quick",
            "seconds",
            GateOutcome.UNCHANGED,
            None,
            Comparison("seconds", 14, 1.0, 0.99, 1.01),
            1e-3,
            1e-3,
        ),
        GateVerdict("a.py::c", "A1", "", "seconds", GateOutcome.MISSING, ReasonText("renamed?")),
    )
    result = GateResult(
        SideFacts(Side.BASE, "main"),
        SideFacts(Side.HEAD, "this"),
        verdicts,
        1,
        2,
        0.05,
        0.1,
        0.01,
        14,
        60.0,
        "2026-01-02",
    )
    open_gate(tmp_path, []).close()
    (tmp_path / "gate.json").write_text(json.dumps(document(result)), encoding="utf-8")
    main(["report", str(tmp_path), "--html", str(tmp_path / "page.html")])
    read = Reader((tmp_path / "page.html").read_text(encoding="utf-8"))
    for words in ("Gate: 1 regressed", "renamed?", "1.20x slower", "main"):
        assert words in read.text
    assert len(read.data) == 1


def test_a_tuning_has_a_page(tmp_path: Path) -> None:
    """The best setting, its code, the settings and a curve for each kind."""
    settings = [Setting("dataloader", workers, 2, 64) for workers in (0, 1, 2)]
    ranked = tuple(
        Ranked(setting, 4, 1 + 0.5 * index, 0.9 + 0.5 * index, 1.1 + 0.5 * index, index > 0, index == 0,
               2e-3 * (1 + index), {"pss_bytes": 2.0**28})
        for index, setting in enumerate(reversed(settings))
    )  # fmt: skip
    lost = LeftOut(WorkerLimit.SHARED_MEMORY, "64 MiB free", ("dataloader-w4-p2-b64",))
    tuned = Tuned(
        "/data/<b>", 10, "20ms", "cpu", 2, 0.03, ranked, settings[2], settings[0], grid=39, left_out=(lost,)
    )
    writer = open_run(tmp_path, [], profile="tune")
    writer.write("end", why="done")
    writer.close()
    (tmp_path / "tune.json").write_text(json.dumps(to_json(tuned)), encoding="utf-8")
    main(["report", str(tmp_path), "--html", str(tmp_path / "page.html")])
    read = Reader((tmp_path / "page.html").read_text(encoding="utf-8"))
    for words in ("dataloader, 2 workers", "/data/<b>", "DataLoader(", "behind"):
        assert words in read.text
    assert len(read.data) == 1
    for words in (
        "provisional answer, not decided",
        "3 of 39 settings ran, 4 repetitions each",
        "left out for want of",
    ):
        assert words in read.text


def test_the_command_writes_the_page_beside_its_report(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """``report --html FILE`` prints what it always prints, writes the file, and leaves the status as it
    was."""
    full_run(tmp_path / "run")
    monkeypatch.setenv("COLUMNS", "100")
    status = main(["report", str(tmp_path / "run"), "--html", str(tmp_path / "page.html")])
    assert status == 3  # something in that run was wrong
    assert "holds" in capsys.readouterr().out
    assert (tmp_path / "page.html").stat().st_size < 5e6


def test_a_run_is_judged_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many forms it is written in: judging takes longer than all else."""
    full_run(tmp_path / "run")
    judged, calls = run.judge_measurements, []

    def counting(*arguments: Any, **more: Any) -> Any:
        calls.append(arguments)
        return judged(*arguments, **more)

    monkeypatch.setattr(run, "judge_measurements", counting)
    forms = [
        part for form in ("html", "json", "junit", "markdown") for part in (f"--{form}", str(tmp_path / form))
    ]
    assert main(["report", str(tmp_path / "run"), *forms]) == 3
    assert len(calls) == 1


def test_figures_are_a_library_that_only_pages_wait_for(tmp_path: Path) -> None:
    """A report without a page imports neither the plotting library, nor templates, nor pandas."""
    full_run(tmp_path / "run")
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "harness", "report", str(tmp_path / "run")],
        cwd=ROOT, check=False, capture_output=True, text=True, env=ENVIRONMENT,
    )  # fmt: skip
    loaded = {line.rpartition("|")[2].strip().split(".")[0] for line in done.stderr.splitlines()}
    assert "rich" in loaded
    assert loaded & {"bokeh", "jinja2", "pandas", "torch"} == set()


def test_a_page_is_its_sections() -> None:
    """A section is its content and a template: a page of anything else needs no more than other sections."""
    grid = Grid("Two runs", ("case", "ratio"), (("a <b>", "1.2"),))
    text = html(HtmlPage("Two runs", (("runs", "2"),), (Section("one", "Side by side", Grids((grid,))),)))
    assert "a &lt;b&gt;" in text
    assert len(text) < 60_000  # no figure, no plotting library


def test_what_is_faster_is_green_whatever_was_claimed(tmp_path: Path) -> None:
    """A claim of sameness that is refuted by a faster variant is worth doing, and a slower one costs."""
    same, slower = claim("S1", expect=Expect.SAME), claim("S2", expect=Expect.HIGHER)
    found = saved(
        tmp_path,
        [same, slower],
        [
            replace(each, trials=tuple(replace(trial, expect=of.expect) for trial in each.trials))
            for of, seconds in ((same, {"quick": 0.5e-3}), (slower, {"slack": 2e-3}))
            for each in measurements_of(of, "", 7, seconds)
        ],
    )
    judged = content(found)
    assert [verdict.outcome for verdict in judged.verdicts] == [Outcome.FAILS, Outcome.HOLDS]
    head = summary(judged, next_command(found, judged.verdicts), "")
    tones = {line.claim: (group.title, line.tone) for group in head.groups for line in group.lines}
    assert tones == {"S1": (Advice.WORTH, Tone.GOOD), "S2": (Advice.COSTS, Tone.BAD)}
    assert [row.tone for row in verdict_table(found, judged).rows] == [Tone.GOOD, Tone.BAD]
    cells = [row.tones for table in run_document(found, judged).tables for row in table.lines if row.tones]
    assert cells == [{"outcome": tone, "effect": tone} for tone in (Tone.GOOD, Tone.BAD)]


def test_a_sameness_that_holds_is_no_gain(tmp_path: Path) -> None:
    """A variant that is surely faster, and by less than the margin, is neither worth doing nor a cost."""
    same = claim("S1", expect=Expect.SAME)
    found = saved(
        tmp_path,
        [same],
        [
            replace(each, trials=tuple(replace(trial, expect=Expect.SAME) for trial in each.trials))
            for each in measurements_of(same, "", 28, {"quick": 0.988e-3})
        ],
    )
    judged = content(found)
    ((row,),) = (section.rows for section in judged.sections)
    assert row.verdict is not None and row.verdict.comparison is not None
    assert row.outcome is Outcome.HOLDS and better(row.verdict.comparison)
    assert (row.tone, row.effect_tone) == (Tone.SAME, Tone.PLAIN)
    assert [group.title for group in groups(judged)] == [Advice.NONE]


def test_a_page_of_113_cases_would_stay_below_a_megabyte_and_a_half(tmp_path: Path) -> None:
    """Three variants each: library, styles and scripts are there once, everything else for each row."""
    run = full_run(tmp_path)
    text = html(run_page(run))
    once = len(Reader(text).drawing) + 30_000
    assert once + 113 * 3 * (len(text) - once) / len(content(run).verdicts) < 1_500_000
