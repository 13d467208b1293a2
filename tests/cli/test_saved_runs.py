"""The commands on saved runs as they are typed: exit status, one clear line for bad input, the same in every
form."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from harness.cli.main import main
from harness.cli.output import console
from harness.cli.report import show
from harness.model import CaseWarning, Comparison, Measurement, Status, Trial, WarningCode
from harness.report.format import effect
from harness.store import RESULT_FILE, RUN_FILE
from tests.support.living import ENVIRONMENT as PROCESS
from tests.support.living import PATIENCE, ROOT
from tests.support.saved import ENVIRONMENT, claim, measurements_of, save

ONE, TWO = claim("A1"), claim("B2")
HOSTILE = "a|b`c<img src=x>\x1b[31m\u202e\n# head @you"
SAVED = ROOT / "tests" / "data" / "saved"


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two runs of one machine; the second is 20 % slower in one variant. The working directory is above
    them."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "150")
    monkeypatch.delenv("NO_COLOR", raising=False)
    place = tmp_path / "results"
    first = [
        *measurements_of(ONE, "m", 7, quick=0.5e-3, alike=1e-3),
        *measurements_of(TWO, "", 7, slack=2e-3),
    ]
    second = [*measurements_of(ONE, "m", 7, salt=1, quick=0.6e-3, alike=1e-3)]
    newer = {**ENVIRONMENT, "software": {**ENVIRONMENT["software"], "torch": "2.15.0"}}
    save(place / "2026-01-01_10-00-00", [ONE, TWO], first, started="2026-01-01T10:00:00+00:00")
    save(place / "2026-01-02_10-00-00", [ONE], second, started="2026-01-02T10:00:00+00:00", environment=newer)
    return place


Captured = pytest.CaptureFixture[str]


def ran(capsys: Captured, *arguments: str) -> tuple[int, str, str]:
    """The exit status, what was printed, and the errors."""
    capsys.readouterr()
    status = main(list(arguments))
    out = capsys.readouterr()
    return status, out.out, out.err


# --- beside others ------------------------------------------------------------------------------------------


def test_bench_shows_its_own_run(tmp_path: Path, capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    """If another run began meanwhile in the same folder, the run that was started is shown."""
    place = tmp_path / "results"

    def measured(*_: object, began: Callable[[Path], None], **__: object) -> Path:
        own = save(place / "2026-01-01_10-00-00", [ONE], measurements_of(ONE, "m", 7, quick=0.5e-3))
        began(own)
        save(
            place / "2026-01-02_10-00-00",
            [TWO],
            [Measurement("bench_b2.py::bench_b2", "B2", 0, Status.FAILED, "no")],
        )
        return own

    monkeypatch.setattr("harness.bench.run.bench", measured)
    monkeypatch.setattr("harness.cli.bench.other_processes", lambda: "")
    monkeypatch.setattr("signal.signal", lambda *_: None)
    status, out, _ = ran(capsys, "bench", "--benchmarks", str(tmp_path), "--results", str(place))
    assert status == 0
    own = place / "2026-01-01_10-00-00"
    assert f"Saved in {own}" in out
    assert f"Page: {own / 'page.html'}" in out
    assert "quick" in (own / "page.html").read_text()
    assert ran(capsys, "report", "2026-01-01", "--results", str(place))[1].count("page.html") == 1


# --- nothing measured ---------------------------------------------------------------------------------------


SKIPPED = Measurement("bench_a1.py::bench_a1", "A1", 0, Status.SKIPPED, "needs a CUDA GPU")


def test_a_run_without_any_record_is_no_success(tmp_path: Path, capsys: Captured) -> None:
    """Where no case was planned the status is 3, with the reason, whether the run is new or shown again."""
    save(tmp_path / "results" / "empty", [ONE], [], planned=())
    assert show(tmp_path / "results" / "empty", console()) == 3
    assert "holds no finished measurement: no case was planned" in capsys.readouterr().err
    status, _, err = ran(capsys, "report", "empty", "--results", str(tmp_path / "results"))
    assert status == 3
    assert "no case was planned" in err


def test_a_run_of_skips_alone_is_no_failure(tmp_path: Path, capsys: Captured) -> None:
    """Skips never fail a run: where every case is skipped the status is 0, and the reason is printed."""
    save(tmp_path / "results" / "empty", [ONE], [SKIPPED])
    assert show(tmp_path / "results" / "empty", console()) == 0
    assert "holds no finished measurement: 1 case skipped" in capsys.readouterr().err
    status, _, err = ran(capsys, "report", "empty", "--results", str(tmp_path / "results"))
    assert status == 0
    assert "1 case skipped" in err


def test_a_run_whose_benchmarks_have_no_case(tmp_path: Path, capsys: Captured) -> None:
    """What is not skipped by what it says itself is no skip: if nothing was measured the status is 3."""
    why = "its list of values for n is empty"
    gone = Measurement(
        "bench_b2.py::bench_b2", "B2", 0, Status.SKIPPED, why, warnings=(CaseWarning(WarningCode.NO_CASE),)
    )
    save(tmp_path / "run", [ONE, TWO], [SKIPPED, gone])
    assert show(tmp_path / "run", console()) == 3
    err = capsys.readouterr().err
    assert f"holds no finished measurement: pytest has no case of bench_b2.py::bench_b2 ({why}); " in err
    more = replace(gone, case="bench_a1.py::bench_a1", claim="A1")
    save(tmp_path / "all", [ONE, TWO], [more, gone])
    assert show(tmp_path / "all", console()) == 3
    assert (
        f"pytest has no case of bench_a1.py::bench_a1 ({why}), and none of 1 more; "
        in capsys.readouterr().err
    )
    save(tmp_path / "some", [ONE, TWO], [*measurements_of(ONE, "m", 7, quick=0.5e-3), gone])
    assert show(tmp_path / "some", console()) == 0


def test_a_case_that_failed_beside_skips_fails_the_run(tmp_path: Path, capsys: Captured) -> None:
    """Only skips alone are no failure."""
    failed = Measurement("bench_b2.py::bench_b2", "B2", 0, Status.FAILED, "no")
    save(tmp_path / "run", [ONE, TWO], [SKIPPED, failed])
    assert show(tmp_path / "run", console()) == 3
    assert "1 case skipped, 1 case failed" in capsys.readouterr().err


def test_a_run_whose_budget_was_too_short_says_so(tmp_path: Path, capsys: Captured) -> None:
    """Beside what was skipped stands how much was not reached, and why the run ended."""
    planned = ("bench_a1.py::bench_a1", "bench_b2.py::bench_b2")
    save(tmp_path / "short", [ONE, TWO], [SKIPPED], planned=planned, ended="the time budget was used up")
    assert show(tmp_path / "short", console()) == 3
    assert "1 case skipped, 1 case not reached; the time budget was used up" in capsys.readouterr().err
    save(tmp_path / "shorter", [ONE], [], planned=planned, ended="the time budget was used up")
    assert show(tmp_path / "shorter", console()) == 3
    assert "ended before its first measurement: the time budget was used up" in capsys.readouterr().err


# --- compare ------------------------------------------------------------------------------------------------


def test_compare_says_what_differs(results: Path, capsys: Captured) -> None:
    """Environments on top, the slower variant, what cannot be compared and why, the counts."""
    status, out, _ = ran(capsys, "compare", "latest~1", "latest")
    assert status == 0
    text = " ".join(out.split())
    assert "differs software.torch: 2.14.1 -> 2.15.0" in text
    assert "machine_id" not in text
    assert "this one differs" not in text
    row = next(line for line in out.splitlines() if "quick" in line)
    assert "slower" in row
    assert "1.20x slower" in row
    assert "no difference shown" in next(line for line in out.splitlines() if "alike" in line)
    assert "bench_b2.py::bench_b2" in out
    assert "only in 2026-01-01_10-00-00" in out
    assert "measured one after the other" in text
    assert out.splitlines()[-1] == "1 slower, 2 no difference shown; 2 cannot be compared"


def with_digests(measurements: list[Measurement], **digests: str) -> list[Measurement]:
    """The same measurements, of parameters with these digests."""
    return [replace(measurement, digests=digests) for measurement in measurements]


def test_another_value_under_the_same_name_is_not_paired(tmp_path: Path, capsys: Captured) -> None:
    """If a value was put in front, shape0 is another shape: compare and trend report that and pair
    nothing."""
    place = tmp_path / "results"
    save(
        place / "1",
        [ONE],
        with_digests(measurements_of(ONE, "shape0", 7, quick=1e-3), shape="64"),
        started="2026-01-01",
    )
    after = with_digests(measurements_of(ONE, "shape0", 7, salt=1, quick=60e-3), shape="512")
    save(place / "2", [ONE], after, started="2026-01-02")
    save(place / "3", [ONE], measurements_of(ONE, "shape0", 7, salt=2, quick=60e-3), started="2026-01-03")
    status, out, err = ran(capsys, "compare", "1", "2", "--results", str(place))
    assert status == 3, out
    assert "other parameters: shape has another value in 2 than in 1, under the same name" in " ".join(
        out.split()
    )
    assert "nothing in common" in err
    assert ran(capsys, "compare", "2", "3", "--results", str(place))[0] == 0
    status, out, _ = ran(capsys, "trend", "--results", str(place), "--json", "-")
    (quick,) = [course for course in json.loads(out)["courses"] if course["variant"] == "quick"]
    assert quick["levels"][0] is None
    assert (
        "1 run of bench_a1.py::bench_a1[shape0]: other parameters"
        in ran(capsys, "trend", "--results", str(place))[1]
    )


def test_what_is_known_by_position_alone_is_not_paired(tmp_path: Path, capsys: Captured) -> None:
    """Objects that look alike have the same names whatever they are: they are not compared, and an id is
    requested."""
    place = tmp_path / "results"
    for number, quick in ((1, 1e-3), (2, 60e-3)):
        after = with_digests(measurements_of(ONE, "conf0", 7, salt=number, quick=quick), conf="")
        save(place / str(number), [ONE], after, started=f"2026-01-0{number}")
    status, out, _ = ran(capsys, "compare", "1", "2", "--results", str(place))
    assert status == 3
    assert "known by their position alone: conf; give them an id" in " ".join(out.split())


def test_every_form_has_the_same_numbers(results: Path, tmp_path: Path, capsys: Captured) -> None:
    """Terminal, Markdown, CSV, Parquet, JUnit and JSON of one comparison agree."""
    parquet = pytest.importorskip("pyarrow.parquet")
    forms = {form: tmp_path / f"out.{form}" for form in ("markdown", "csv", "parquet", "junit", "json")}
    arguments = [part for form, path in forms.items() for part in (f"--{form}", str(path))]
    status, out, _ = ran(capsys, "compare", "latest~1", "latest", *arguments)
    assert status == 0
    rows = list(csv.DictReader(io.StringIO(forms["csv"].read_text())))
    lines = json.loads(forms["json"].read_text())["lines"]
    assert [(row["variant"], float(row["ratio"]), row["verdict"]) for row in rows] == [
        (line["variant"], line["ratio"], line["verdict"]) for line in lines
    ]
    assert parquet.read_table(forms["parquet"]).to_pylist() == lines
    ratio = next(line for line in lines if line["variant"] == "quick")["ratio"]
    change = effect(Comparison("seconds", 0, ratio))
    page = forms["markdown"].read_text()
    assert change in out
    assert f"| slower | {change} |" in page
    suite = ET.fromstring(forms["junit"].read_text())[0]
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("5", "1", "2")
    failed = next(case for case in suite.iter("testcase") if case.find("failure") is not None)
    assert change in (failed.find("failure").get("message") or "")  # type: ignore[union-attr]


@pytest.mark.parametrize("form", ["json", "markdown", "csv", "junit"])
def test_a_form_on_the_standard_output_is_alone_there(results: Path, capsys: Captured, form: str) -> None:
    """With ``-`` the form has the standard output for itself, and the report goes to the standard error."""
    status, out, err = ran(capsys, "compare", "latest~1", "latest", f"--{form}", "-")
    assert status == 0
    assert "no difference shown" in err
    if form == "json":
        assert json.loads(out)["kind"] == "comparison"
    if form == "junit":
        assert ET.fromstring(out.split("\n", 1)[1]).tag == "testsuites"
    assert "against 2026" not in out or form == "markdown"


def test_variants_and_machines(results: Path, capsys: Captured) -> None:
    """The other axes: variants of one run; machines, which takes two of them."""
    status, out, _ = ran(capsys, "compare", "latest", "--by", "variant")
    assert status == 0
    assert "Variants against the baseline" in out
    assert "measured one after the other" not in out
    status, _, err = ran(capsys, "compare", "latest", "latest~1", "--by", "machine")
    assert status == 2
    assert "one machine" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["latest"], "two runs or more"),
        (["latest", "latest"], "named twice"),
        (["latest", "gone"], "no run is called 'gone'"),
        (["latest", "latest~1", "--parquet", "-"], "does not go to the standard output"),
        (["latest", "latest~1", "--csv", "none/x.csv"], "cannot write none/x.csv"),
        (["latest", "latest~1", "--csv", "-", "--json", "-"], "only one form"),
        (["latest", "latest~1@head"], "is not a gate"),
    ],
)
def test_compare_refuses(results: Path, capsys: Captured, arguments: list[str], message: str) -> None:
    """What cannot be done is one line on the standard error, and exit status 2."""
    status, _, err = ran(capsys, "compare", *arguments)
    assert status == 2
    assert message in err
    assert len(err.splitlines()) == 1


def test_nothing_in_common(results: Path, capsys: Captured) -> None:
    """Two runs without a common case cannot be judged, and an empty one neither."""
    save(results / "other", [TWO], measurements_of(TWO, "z", 7))
    save(results / "nothing", [ONE], [])
    status, out, err = ran(capsys, "compare", "latest", "other")
    assert status == 3
    assert "nothing in common" in err
    assert "nothing could be compared" in out
    status, _, err = ran(capsys, "compare", "latest", "nothing")
    assert status == 3
    assert "nothing holds no finished measurement" in err


def test_hostile_names_do_nothing(results: Path, tmp_path: Path, capsys: Captured) -> None:
    """Control characters, markup, tables and directions of a record reach no terminal and no page."""
    spoilt = [
        Measurement(f"{m.case}[{HOSTILE}]", HOSTILE, m.invocation, seconds=1.0,
                    trials=tuple(Trial(f"{t.variant}{HOSTILE}" if t.variant != "baseline" else t.variant,
                                       samples=t.samples) for t in m.trials))
        for m in measurements_of(ONE, "", 7, quick=0.5e-3)
    ]  # fmt: skip
    for name in ("x", "y"):
        save(
            results / name, [ONE], spoilt, environment={**ENVIRONMENT, "software": {"torch": name + HOSTILE}}
        )
    page = tmp_path / "page.md"
    status, out, _ = ran(
        capsys, "compare", "x", "y", "--markdown", str(page), "--junit", str(tmp_path / "j.xml")
    )
    assert status == 0
    for text in (out, page.read_text()):
        assert not set(text) & {"\x1b", "\u202e", "\x9b", "\r"}
    ET.fromstring((tmp_path / "j.xml").read_text().split("\n", 1)[1])
    rows = [line for line in page.read_text().splitlines() if line.startswith("|")]
    assert rows
    assert not any(line.startswith("# head") for line in page.read_text().splitlines())
    assert "<img" not in page.read_text()
    assert "&#60;img" in page.read_text()
    widths = {line.count("|") for line in rows}
    assert len(widths) == 1


# --- colour -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("variables", "coloured"),
    [({"FORCE_COLOR": "1"}, True), ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, False), ({}, False)],
)
def test_colour_is_asked_for(results: Path, variables: dict[str, str], coloured: bool) -> None:
    """Plain in a pipe; NO_COLOR wins over everything."""
    clean = {name: value for name, value in PROCESS.items() if name not in ("NO_COLOR", "FORCE_COLOR")}
    command = [sys.executable, "-m", "harness", "compare", "latest~1", "latest"]
    done = subprocess.run(
        command,
        cwd=results.parent,
        env={**clean, **variables},
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE,
    )
    assert ("\x1b[3" in done.stdout) is coloured


# --- trend --------------------------------------------------------------------------------------------------


@pytest.fixture
def many(results: Path) -> Path:
    """Thirty runs of one machine, from the sixteenth with one variant a tenth longer; one run of another
    machine."""
    for day in range(30):
        slow = 0.55e-3 if day >= 15 else 0.5e-3
        save(
            results / f"2026-03-{day + 1:02}_10-00-00",
            [ONE],
            measurements_of(ONE, "m", 2, salt=day, quick=slow),
            started=f"2026-03-{day + 1:02}T10:00:00+00:00",
        )
    other = {**ENVIRONMENT, "machine_id": "ba9876543210"}
    save(results / "2026-02-01_10-00-00", [ONE], measurements_of(ONE, "m", 2), environment=other,
         started="2026-02-01T10:00:00+00:00")  # fmt: skip
    return results


def test_trend_says_what_changed_and_when(many: Path, capsys: Captured) -> None:
    """The variant that became slower is reported with the day and its level now; the other is not."""
    status, out, _ = ran(capsys, "trend", "A1")
    assert status == 0
    changed, _, steady = out.partition("No change shown")
    row = next(line for line in changed.splitlines() if "quick" in line)
    assert "1.10x slower from 2026-03-1" in " ".join(row.split())
    assert "baseline" in steady
    assert "1 run: machine ba9876543210" in out
    assert "1 of" in out.splitlines()[-1]


def test_trend_in_other_forms(many: Path, capsys: Captured) -> None:
    """The same courses as JSON and CSV, by time and by effect."""
    status, out, _ = ran(capsys, "trend", "--json", "-")
    assert status == 0
    found = {course["variant"]: course for course in json.loads(out)["courses"]}
    assert [len(found[name]["stretches"]) for name in ("baseline", "quick")] == [1, 2]
    assert found["quick"]["stretches"][1]["level"] == pytest.approx(0.55e-3, rel=0.01)
    assert found["quick"]["stretches"][1]["low"] <= found["quick"]["stretches"][1]["level"]
    status, out, _ = ran(capsys, "trend", "--effect", "--json", "-")
    assert [course["variant"] for course in json.loads(out)["courses"]] == ["alike", "quick", "slack"]
    status, out, _ = ran(capsys, "trend", "--csv", "-")
    assert len(list(csv.DictReader(io.StringIO(out)))) == 2 * 32 + 2 + 2


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["Z9"], 3, "no run of this machine has a level of claims Z9"),
        (["--machine", "f"], 2, "names none of these machines"),
        (["--run", "gone"], 2, "no run is called"),
        (["--results", "none"], 2, "no runs in none"),
    ],
)
def test_trend_refuses(many: Path, capsys: Captured, arguments: list[str], status: int, message: str) -> None:
    """What cannot be shown is an error of one line."""
    found, _, err = ran(capsys, "trend", *arguments)
    assert found == status
    assert message in err


# --- report -------------------------------------------------------------------------------------------------


def test_report_in_every_form(results: Path, tmp_path: Path, capsys: Captured) -> None:
    """One run as Markdown, CSV, Parquet, JUnit, JSON, pytest-benchmark's JSON and PyTorch's records; the
    verdicts are the terminal's."""
    pytest.importorskip("pyarrow")
    import pandas as pd

    wanted = ("markdown", "csv", "parquet", "junit", "json", "benchmark-json", "hud-json")
    forms = {f: tmp_path / f"r.{f}" for f in wanted}
    arguments = [part for form, path in forms.items() for part in (f"--{form}", str(path))]
    status, out, _ = ran(capsys, "report", "2026-01-01", *arguments)
    assert status == 0
    verdicts = {v["variant"]: v for v in json.loads(forms["json"].read_text())["verdicts"] if v["variant"]}
    assert verdicts["quick"]["outcome"] == "holds"
    shown = effect(Comparison("seconds", 0, verdicts["quick"]["comparison"]["ratio"]))
    assert shown in out
    assert shown in forms["markdown"].read_text()
    assert shown in forms["junit"].read_text()
    pd.testing.assert_frame_equal(
        pd.read_csv(forms["csv"]),
        pd.read_parquet(forms["parquet"]).astype(
            dict.fromkeys(("label", "case", "claim", "variant", "metric", "unit"), "str")
        ),
        check_dtype=False,
    )
    entries = json.loads(forms["benchmark-json"].read_text())["benchmarks"]
    names = ["bench_a1[m]", "bench_a1[m]:quick", "bench_a1[m]:alike", "bench_b2", "bench_b2:slack"]
    assert [entry["name"] for entry in entries] == names
    variants = [r["model"]["backend"] for r in json.loads(forms["hud-json"].read_text())]
    assert variants == [
        name for name in ("baseline", "quick", "alike", "baseline", "slack") for _ in range(2)
    ]


@pytest.mark.parametrize(
    ("word", "words"),
    [
        (
            "A9",
            "a claim of the latest run, 2026-01-02_10-00-00; it has A1 (python -m harness runs lists the runs)",
        ),
        ("A11", "; did you mean A1?"),
        ("a1", "; did you mean A1?"),
        ("B2", "; 2026-01-01_10-00-00 has it: python -m harness report 2026-01-01_10-00-00 B2"),
        ("latets", "; did you mean latest?"),
        ("2027-01-02_10", "; did you mean 2026-01-02_10-00-00?"),
    ],
)
def test_report_of_what_is_neither_a_run_nor_a_claim(
    results: Path, capsys: Captured, word: str, words: str
) -> None:
    """The message says what is near, or which run has such a claim; else which claims there are."""
    status, out, err = ran(capsys, "report", word)
    assert (status, out) == (2, "")
    assert err.startswith(
        f"harness: '{word}' is neither a run in results nor a claim of the latest run, 2026-"
    )
    assert words in err
    assert len(err.splitlines()) == 1


def test_report_of_a_word_without_any_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    """Where no run has claims the word can only be meant as a run."""
    monkeypatch.chdir(tmp_path)
    assert ran(capsys, "report", "A9")[2].endswith(
        "no run is called 'A9' in results; there are none (python -m harness runs)\n"
    )


def test_pytest_benchmark_compares_them(results: Path, tmp_path: Path, capsys: Captured) -> None:
    """pytest-benchmark's own command reads two such files and shows their tables."""
    files = [tmp_path / f"{n}.json" for n in (1, 2)]
    for file, run in zip(files, ("latest~1", "latest"), strict=True):
        assert ran(capsys, "report", run, "--benchmark-json", str(file))[0] == 0
    code = "from pytest_benchmark.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "compare", *map(str, files), "--columns=median,iqr,rounds"],
        capture_output=True, text=True, check=True, timeout=PATIENCE, cwd=tmp_path,
    )  # fmt: skip
    assert "bench_a1[m]:quick" in done.stdout + done.stderr
    assert "Failed" not in done.stdout + done.stderr


# --- bad input ----------------------------------------------------------------------------------------------


def spoil(folder: Path, kind: str) -> None:
    """Make a run's records what they should not be."""
    run, lines = folder / RUN_FILE, folder / "invocation-001.jsonl"
    if kind == "empty":
        run.write_text("")
        lines.unlink()
    elif kind == "torn only":
        run.write_text('{"record":"run","sch')
        lines.unlink()
    elif kind == "schema":
        run.write_text(run.read_text().replace('"schema":1', '"schema":99'))
    elif kind == "schema of none":
        run.write_text(run.read_text().replace('"schema":1', '"schema":null'))
    elif kind == "NaN":
        lines.write_text(lines.read_text().replace('"seconds":2.0', '"seconds":NaN', 1))
    elif kind == "infinite":
        lines.write_text(lines.read_text().replace('"seconds":2.0', '"seconds":1e999', 1))
    elif kind == "not ours":
        (folder / "shopping.jsonl").write_text('{"milk": 2}\n')
    elif kind == "binary":
        (folder / "photo.jsonl").write_bytes(bytes(range(256)) * 40)
    elif kind == "a million lines":
        (folder / "zz.jsonl").write_text("{}\n" * 1_000_000)


@pytest.mark.parametrize("command", ["report", "show", "compare", "trend"])
@pytest.mark.parametrize(
    ("kind", "file", "line"),
    [
        ("schema", RUN_FILE, 1),
        ("schema of none", RUN_FILE, 1),
        ("NaN", "invocation-001.jsonl", 2),
        ("infinite", "invocation-001.jsonl", 2),
        ("not ours", "shopping.jsonl", 1),
        ("binary", "photo.jsonl", 1),
        ("a million lines", "zz.jsonl", 1),
    ],
)
def test_bad_records_name_file_and_line(
    results: Path, capsys: Captured, command: str, kind: str, file: str, line: int
) -> None:
    """Every command answers a bad record with one line that names file and line, and exit status 2."""
    spoil(results / "2026-01-02_10-00-00", kind)
    runs = {"compare": ["2026-01-01", "2026-01-02"], "trend": ["--run", "2026-01-02"]}.get(
        command, ["2026-01-02"]
    )
    status, _, err = ran(capsys, command, *runs)
    assert status == 2
    assert f"{file}:{line} " in err
    assert len(err.splitlines()) == 1
    assert len(err) < 700


def test_a_trend_leaves_out_what_cannot_be_read(results: Path, capsys: Captured) -> None:
    """It is named, and the others are shown; if there is no other, it is the error."""
    spoil(results / "2026-01-02_10-00-00", "NaN")
    status, out, _ = ran(capsys, "trend")
    assert status == 0
    assert "a run that cannot be read: " in " ".join(out.split()) and "invocation-001.jsonl:2" in "".join(
        out.split()
    )
    for folder in results.iterdir():
        if folder.name != "2026-01-02_10-00-00" and folder.is_dir():
            shutil.rmtree(folder)
    status, _, err = ran(capsys, "trend")
    assert status == 2 and "invocation-001.jsonl:2 " in err


@pytest.mark.parametrize("kind", ["empty", "torn only"])
def test_an_empty_run(results: Path, capsys: Captured, kind: str) -> None:
    """A run that died before its first record is reported as empty, with exit status 3."""
    spoil(results / "2026-01-02_10-00-00", kind)
    for arguments in (["report", "2026-01-02"], ["compare", "2026-01-01", "2026-01-02"]):
        status, _, err = ran(capsys, *arguments)
        assert status == 3
        assert "no finished measurement" in err
    assert ran(capsys, "show", "2026-01-02")[0] == 3
    assert ran(capsys, "trend")[0] == 0
    assert ran(capsys, "runs")[0] == 0


def test_a_torn_last_line_is_reported(results: Path, capsys: Captured) -> None:
    """What a killed process left is used, and the torn line is named wherever its numbers are shown."""
    lines = results / "2026-01-02_10-00-00" / "invocation-001.jsonl"
    lines.write_bytes(lines.read_bytes()[:-100])
    for command in (("report", "latest"), ("compare", "latest~1", "latest"), ("trend",)):
        status, out, _ = ran(capsys, *command)
        assert status == 0
        assert " ".join(out.split()).count("the last line is torn") == 1, command


def test_a_pipe_is_waited_for_by_nobody(results: Path, capsys: Captured) -> None:
    """Nor is a folder read: labels that cannot be read are none, a result that cannot be read is an error."""
    folder = results / "2026-01-02_10-00-00"
    os.mkfifo(folder / "labels.json")
    assert ran(capsys, "runs")[0] == 0
    assert ran(capsys, "report", "latest")[0] == 0
    gate = results / "2026-01-03_10-00-00"
    gate.mkdir()
    (gate / "gate.jsonl").write_text('{"record":"gate","schema":1,"claims":[]}\n')
    os.mkfifo(gate / "gate.json")
    status, _, errors = ran(capsys, "report", str(gate))
    assert status == 2
    assert "not a regular file" in errors


def test_files_that_are_no_files(results: Path, capsys: Captured) -> None:
    """A pipe or a folder that is called like a record is not opened: nothing hangs, nothing fails."""
    run = results / "2026-01-02_10-00-00"
    os.mkfifo(run / "pipe.jsonl")
    (run / "folder.jsonl").mkdir()
    assert ran(capsys, "report", "latest")[0] == 0


def test_numbers_beyond_any_float(results: Path, capsys: Captured) -> None:
    """Integers of four hundred digits in facts and environment are shown as unknown, and nothing fails."""
    huge = 10**400
    machine = {**ENVIRONMENT["machine"], "memory_bytes": huge, "cores": huge}
    save(
        results / "huge",
        [ONE],
        measurements_of(ONE, "", 7),
        budget=huge,
        environment={**ENVIRONMENT, "machine": machine},
    )
    for arguments in (
        ["report", "huge"],
        ["show", "huge"],
        ["compare", "latest", "huge"],
        ["report", "huge", "--json", "-"],
    ):
        status, out, err = ran(capsys, *arguments)
        assert status in (0, 3)
        assert "Traceback" not in out + err


# --- run management -----------------------------------------------------------------------------------------


def test_managing_runs(results: Path, capsys: Captured) -> None:
    """List, name, tag, show, keep as a baseline, remove: as typed, and each reports what it did."""
    assert ran(capsys, "name", "latest", "after")[0] == 0
    assert ran(capsys, "tag", "after", "nightly", "slow")[0] == 0
    assert ran(capsys, "tag", "after", "slow", "--remove")[0] == 0
    status, out, _ = ran(capsys, "runs")
    assert status == 0
    assert "2 runs in results" in out
    row = next(line for line in out.splitlines() if "after" in line)
    assert "nightly" in row
    assert "slow" not in row
    assert "2026-01-01" not in ran(capsys, "runs", "--tag", "nightly")[1]
    status, out, _ = ran(capsys, "show", "after")
    assert (status, "1 of 1 case, 7 invocations" in out) == (0, True)
    assert ran(capsys, "baseline", "set", "after")[0] == 0
    assert ran(capsys, "compare", "baseline", "latest~1")[0] == 0
    status, _, err = ran(capsys, "rm", "after")
    assert (status, "--yes" in err) == (2, True)
    assert ran(capsys, "rm", "after", "nowhere", "--yes")[0] == 2
    assert (results / "2026-01-02_10-00-00").is_dir()
    status, out, _ = ran(capsys, "rm", "after", "--yes")
    assert (status, "removed" in out) == (0, True)
    assert not (results / "2026-01-02_10-00-00").exists()


@pytest.mark.parametrize("profile", ["standard", "gate"])
def test_a_gate_against_a_saved_run_is_a_gate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured, profile: str
) -> None:
    """Its report has the verdicts and their exit status, and its samples are those of its head; a run's
    profile, as earlier builds recorded it, changes nothing."""
    monkeypatch.chdir(tmp_path)
    name = "2026-11-29_22-17-50"
    shutil.copytree(SAVED, "results")
    record = Path("results", name, RUN_FILE)
    assert '"profile":"standard"' in record.read_text()
    record.write_text(record.read_text().replace('"profile":"standard"', f'"profile":"{profile}"', 1))
    status, out, _ = ran(capsys, "report", name)
    assert (status, "cannot be judged: 2 inconclusive; exit 3" in out) == (3, True)
    assert "base  stored run baseline/0123456789ab\n" in out
    assert "K1" in ran(capsys, "report")[1]  # neither a gate nor a tuning is the latest run
    assert f"can be compared: {name}@head\n" in ran(capsys, "show", name)[1]
    assert ran(capsys, "compare", "baseline", f"{name}@head")[0] == 0
    status, _, error = ran(capsys, "compare", "baseline", f"{name}@base")
    assert (status, "has a stored run as its base: name that run instead" in error) == (2, True)
    Path("results", name, RESULT_FILE).unlink()
    if profile == "gate":
        status, _, error = ran(capsys, "report", name)
        assert (status, f"did not come to its end: it has no {RESULT_FILE}" in error) == (2, True)


def test_listing_claims_is_as_it_was(results: Path, capsys: Captured) -> None:
    """``list`` and ``--list`` list claims; saved runs are another word."""
    status, out, _ = ran(capsys, "--list")
    assert status == 0
    assert "2026-01-01" not in out


def test_results_of_another_tool_are_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file stands for a run; what it lacks is said, and a file of anything else is an error."""
    for name, by in (("a", 1.0), ("b", 2.0)):
        runs = [{"values": [by]} for _ in range(8)]
        found = {"version": "1.0", "benchmarks": [{"metadata": {"name": "sum"}, "runs": runs}]}
        (tmp_path / f"{name}.json").write_text(json.dumps(found))
    files = [str(tmp_path / "a.json"), str(tmp_path / "b.json")]
    assert main(["compare", *files]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "a.json (pyperf): 8 processes measured each benchmark" in shown
    assert "2.00x slower" in shown
    (tmp_path / "b.json").write_text("{}")
    assert main(["compare", *files]) == 2
    assert "has no results of pytest-benchmark, pyperf or asv" in capsys.readouterr().err
