"""The report: every outcome in words, foreign text without power, nothing lost at 80 columns or in a pipe."""

from __future__ import annotations

import io
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from harness.judge.run import judge
from harness.model import (
    BASELINE,
    Activity,
    CaseWarning,
    Claim,
    Comparison,
    EndReason,
    Expect,
    Measurement,
    Outcome,
    RunEnd,
    RunState,
    Status,
    Trial,
    Verdict,
    WarningCode,
    Work,
)
from harness.report.builders.run import run_document
from harness.report.builders.run_content import content
from harness.report.format import duration, effect, interval, quantity, sanitize, step
from harness.report.next_command import next_command
from harness.report.progress.bench import BenchProgress
from harness.report.render.terminal import show_document
from harness.report.unreached import unreached_note
from harness.store import Run, load, open_run
from tests.support.living import PATIENCE
from tests.support.reported import ENVIRONMENT, measurements_of, rounds, saved, shown, trial
from tests.support.saved import claim


def every_outcome(folder: Path) -> Run:
    """A run in which each outcome falls once."""
    one, two = claim("A1"), claim("B2")
    case = f"{one.path}::{one.function}"
    troubled = Measurement(f"{case}[t]", one.name, 1, trials=(
        trial(BASELINE, 1e-3, 1),
        Trial("off", Status.WRONG, "4 of 9 values differ"),
        Trial("absent", Status.SKIPPED, "needs a part"),
        Trial("broken", Status.FAILED, "ValueError: no"),
        Trial("slow", Status.TIMED_OUT, "not finished after 60 s"),
        Trial("old", Status.GONE, "torch.old is gone since torch 2.14; use torch.new"),
    ))  # fmt: skip
    measurements = [
        *measurements_of(one, "m", 14, quick=0.5e-3, slack=1.5e-3, alike=1.0e-3),
        *measurements_of(one, "n", 2, open=0.9e-3),
        troubled,
        Measurement(f"{two.path}::{two.function}", two.name, 0, Status.SKIPPED, "no CUDA device here"),
    ]
    return saved(folder, [one, two], measurements, planned=[f"{case}[gone]"])


@pytest.mark.parametrize("width", [80, 100, 160])
def test_every_outcome_appears_in_words(tmp_path: Path, width: int) -> None:
    """Each outcome's word stands in the row of its variant, in a pipe, at every width, and without colour."""
    run = every_outcome(tmp_path)
    assert {verdict.outcome for verdict in judge(run)} == set(Outcome)
    text = shown(run, width)
    lines = text.splitlines()
    assert "\x1b" not in text
    # Commands, paths and the outcome stand on a line, however long.
    assert all(line == line.rstrip() for line in lines)
    assert all(len(line) <= width for line in lines[: lines.index("", -7)])
    for variant, outcome in {
        "quick": "holds",
        "slack": "fails",
        "alike": "no effect",
        "open": "inconclusive",
        "off": "wrong",
        "absent": "skipped",
        "broken": "failed",
        "slow": "timed out",
    }.items():
        assert any(variant in line.split() and f" {outcome}" in line for line in lines), (variant, outcome)
    assert any("gone" in line and "lost" in line for line in lines)
    flat = " ".join(text.split())
    for reason in (
        "4 of 9 values differ",
        "needs a part",
        "ValueError: no",
        "not finished after 60 s",
        "planned, and no process ever finished it",
        "B2 no CUDA device here",
    ):
        assert reason in flat
    assert "2.00x faster" in flat
    assert "1.50x slower" in flat
    assert "everything was decided" in flat
    assert "0123456789ab and changes" in flat
    assert "the quota cannot be read" in flat


def test_sentence_and_counts_once(tmp_path: Path) -> None:
    """A claim's sentence appears once, with how often each of its verdicts fell."""
    text = " ".join(shown(every_outcome(tmp_path), 200).split())
    assert text.count("The sentence of A1.") == 1
    assert (
        "1 holds, 1 fails, 1 no effect, 1 inconclusive, 1 wrong, 1 skipped, 1 failed, 1 timed out, 1 lost, 1 gone ("
        in text
    )
    assert "1 holds, 1 fails, 1 no effect, 1 inconclusive, 1 wrong, 2 skipped" in text


def test_colour_only_on_a_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal gets colours, and none where NO_COLOR is set; the words are the same."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    run = every_outcome(tmp_path)
    assert "\x1b[1;32mholds" in shown(run, force_terminal=True)
    monkeypatch.setenv("NO_COLOR", "1")
    text = shown(run, force_terminal=True)
    assert "holds" in text
    assert not any(f"\x1b[{code}" in text for code in ("1;32m", "32m", "31m", "33m"))


HOSTILE = "[red]x[/red][link=http://a]\x1b[31m\x1b]0;t\x07\n\r\x9b2J\u202ey\ud800"


def test_hostile_names_do_no_harm(tmp_path: Path) -> None:
    """Markup stays as typed, and control characters, escapes and direction marks from records never come
    out."""
    bad = Claim(f"H{HOSTILE}", f"Sentence {HOSTILE}", "bench_h.py", "bench_h")
    warned = CaseWarning(WarningCode.OTHER, detail=f"warned {HOSTILE}")
    measurements = [
        Measurement(f"bench_h.py::bench_h[{HOSTILE}]", bad.name, n, warnings=(warned,),
                    trials=(trial(BASELINE, 1e-3, n), trial(f"v{HOSTILE}", 0.5e-3, n),
                            Trial(f"w{HOSTILE}", Status.WRONG, f"because {HOSTILE}")))
        for n in range(1, 8)
    ]  # fmt: skip
    environment = {
        **ENVIRONMENT,
        "machine": {"cpu": HOSTILE},
        "software": {"torch": HOSTILE},
        "git": {"revision": HOSTILE},
    }
    run = saved(
        tmp_path, [bad], measurements, environment=environment, why=HOSTILE, command=["bench", HOSTILE]
    )
    for width in (80, 160):
        text = shown(run, width)
        assert "\x1b" not in text
        assert not any(
            (ord(c) < 32 and c != "\n") or 0x7F <= ord(c) < 0xA0 or c in "\u202e\ud800" for c in text
        )
        assert "[red]x[/red]" in "".join(text.split())
        assert "holds" in text
        assert "wrong" in text
    file = io.StringIO()
    live = BenchProgress(Console(file=file, width=100), 60.0)
    live.begins(f"a::b[{HOSTILE}]", Activity.ROUNDS)
    live.decided(list(judge(run)))
    live.note(HOSTILE)
    assert "\x1b" not in file.getvalue()
    assert "\x9b" not in file.getvalue()
    assert "[red]x[/red]" in file.getvalue()


def test_environment_of_any_shape(tmp_path: Path) -> None:
    """An environment that is not what we write costs its lines in the header, not the report."""
    environment = {
        "machine": 3,
        "gpus": [7, {"name": None}],
        "driver": [],
        "software": "x",
        "git": True,
        "warnings": 5,
    }
    run = saved(
        tmp_path, [claim("A1")], measurements_of(claim("A1"), "", 7, quick=0.5e-3), environment=environment
    )
    assert "holds" in shown(run)


def test_output_that_is_not_unicode(tmp_path: Path) -> None:
    """Where the output takes ASCII only, foreign letters become question marks instead of an error."""
    run = saved(tmp_path, [claim("A1")], measurements_of(claim("A1"), "größe", 7, quick=0.5e-3))
    raw = io.BytesIO()
    with io.TextIOWrapper(raw, encoding="ascii") as file:
        show_document(run_document(run), Console(file=file, width=80))
        file.flush()
        assert b"gr??e" in raw.getvalue()


def test_killed_run_says_so(tmp_path: Path) -> None:
    """A run without an end is said to have been killed or to go on."""
    run = saved(tmp_path, [claim("A1")], measurements_of(claim("A1"), "", 2, quick=0.5e-3), why="")
    assert "no end is recorded: the run was killed or is still running" in shown(run)


def test_nothing_reached(tmp_path: Path) -> None:
    """A run that was stopped before any benchmark names its claims and says that nothing was reached."""
    writer = open_run(tmp_path, [claim("A1"), claim("B2")])
    writer.close()
    text = shown(load(tmp_path))
    assert "Never reached: A1, B2." in text
    assert "no benchmark was reached" in text


def test_torn_line_is_a_footnote(tmp_path: Path) -> None:
    """The store's warning about a torn last line is a numbered footnote."""
    saved(tmp_path, [claim("A1")], measurements_of(claim("A1"), "", 7, quick=0.5e-3))
    with (tmp_path / "invocation-001.jsonl").open("a") as file:
        file.write('{"record":"measure')
    text = " ".join(shown(load(tmp_path), 300).split())
    assert "[1] " in text
    assert "the last line is torn" in text


def test_memory_claim_shows_time_and_source(tmp_path: Path) -> None:
    """A claim about bytes shows bytes, the effect on time beside them, and where the bytes were read."""
    memory = claim("M1", metric="peak_bytes")
    measurements = [
        Measurement("bench_m1.py::bench_m1", "M1", n, trials=tuple(
            trial(name, seconds, n, exact={"peak_bytes": size}, sources={"peak_bytes": "some allocator"})
            for name, seconds, size in ((BASELINE, 1e-3, 12 * 2.0**20), ("lean", 1.2e-3, 9 * 2.0**20))))
        for n in range(1, 8)
    ]  # fmt: skip
    text = shown(saved(tmp_path, [memory], measurements), 160)
    row = next(line for line in text.splitlines() if "lean" in line)
    assert "1.33x less memory" in row
    assert "1.20x slower" in row
    assert "1.33x less (12.0 -> 9.00 MiB)" in row
    assert "memory [1]" in text
    assert "[1]  memory: most bytes alive at once in one iteration (some allocator)" in text


def loader_run(folder: Path) -> Run:
    """A loader claim with waits in its rounds and a solo pass of each variant."""
    loaders = claim("L1", loader=True, margin=0.05)
    case = "bench_l1.py::bench_l1[jpeg]"
    measurements = [
        Measurement(case, "L1", n, work=Work(items=100), seconds=9.0, trials=tuple(
            Trial(name, samples={"seconds": rounds(seconds, n), "wait_seconds": rounds(seconds / 4, n),
                                 "first_batch_seconds": rounds(0.05, n), "cpu_seconds": rounds(2.0, n)})
            for name, seconds in ((BASELINE, 1.0), ("workers_2", 0.8))))
        for n in range(1, 8)
    ]  # fmt: skip
    for n, (name, size, left) in enumerate(((BASELINE, 2.0**28, 0.0), ("workers_2", 2.0**29, 2.0)), 8):
        solo = {"pss_bytes": size, "threads_left": left, "processes_left": left / 2, "seconds": 1.0}
        sources = {"pss_bytes": "smaps_rollup, alone in a fresh process"}
        measurements.append(
            Measurement(
                case,
                "L1",
                n,
                work=Work(items=100),
                survey=True,
                trials=(Trial(name, solo=solo, sources=sources),),
            )
        )
    return saved(folder, [loaders], measurements)


def test_loaders_have_a_table_of_their_own(tmp_path: Path) -> None:
    """Rate, waiting, first batch, CPU, memory and leftovers of every variant of a loader claim, baseline
    included."""
    run = loader_run(tmp_path)
    for width in (80, 160):
        flat = " ".join(shown(run, width).replace("left behind: ", "").split())
        assert "baseline 100 25.0 % 50.0 ms 20.0 ms 256 MiB none" in flat
        assert "workers_2 125 25.0 % 50.0 ms 20.0 ms 512 MiB 2 threads, 1 process" in flat
    row = next(line for line in shown(run, 160).splitlines() if "jpeg" in line and "workers_2" in line)
    assert "2.00x more (PSS 256 -> 512 MiB)" in row


def test_command_that_decides(tmp_path: Path) -> None:
    """Open rows say their seconds; the footer has one command with their claims, a budget, and other
    options."""
    one, two, odd = claim("A1"), claim("B2"), claim("C 3")
    measurements = [
        *measurements_of(one, "", 2, open=0.9e-3),
        *measurements_of(two, "", 7, quick=0.5e-3),
        *measurements_of(odd, "", 2, open=0.9e-3),
    ]
    command = ["bench", "--budget", "1m", "--select=B2", "--profile", "smoke", "--device", "cpu"]
    run = saved(tmp_path, [one, two, odd], measurements, command=command)
    text = shown(run, 80)
    # 2 cases x 3 units x 2 s, and 3 starts of 5 s: 27 s, a quarter more, to the next minute
    assert "python -m harness bench --budget 1m --select 'A1,C 3' --device cpu\n" in text
    assert "2 s more" in text
    assert "2 of 3" in text
    assert "To decide 2 more verdicts" in text


def test_cases_not_reached_are_to_be_run_again(tmp_path: Path) -> None:
    """A case that the budget did not reach says its seconds: those of others of its sort, or an allowance."""
    why = "the time budget was used up"
    (tmp_path / "nothing").mkdir()
    run = saved(tmp_path / "nothing", [claim("A1")], [], planned=["bench_a1.py::bench_a1"], why=why)
    # 3 units x 2 s and 3 starts of 5 s, a quarter more
    assert "python -m harness bench --budget 1m --select A1\n" in shown(run)
    assert "deciding it takes about 6 s" in shown(run)
    loaders = [claim("L1", loader=True), claim("L2", loader=True)]
    measured = [
        *measurements_of(loaders[0], "", 1, costly=0.9e-3),
        *measurements_of(claim("A1"), "", 1, costly=0.9e-3),
    ]
    measured = [replace(measurement, seconds=6.0) for measurement in measured[:1]] + measured[1:]
    run = saved(tmp_path, [*loaders, claim("A1")], measured, planned=["bench_l2.py::bench_l2"], why=why)
    (row,) = [line for line in shown(run).splitlines() if "not reached" in line]
    assert "deciding it takes about 18 s" in row
    note = "1 of 3 cases has no unit: the budget was too short; one unit of each takes about 11 s"
    assert note in " ".join(shown(run).split())
    assert note in content(run).footnotes
    assert not unreached_note(replace(run, ended=RunEnd(EndReason.INTERRUPTED)), judge(run))


def test_out_of_reach_is_not_promised(tmp_path: Path) -> None:
    """An effect at the margin gets its reason and no command."""
    edge = claim("A1")
    measurements = [
        Measurement("bench_a1.py::bench_a1", "A1", n, seconds=2.0,
                    trials=(trial(BASELINE, 1e-3, n), trial("edge", 1e-3 * (1.02 + 0.01 * (n % 5 - 2)), n)))
        for n in range(1, 29)
    ]  # fmt: skip
    run = saved(tmp_path, [edge], measurements)
    open_ = next_command(run, judge(run))
    assert (open_.command, open_.verdicts, open_.beyond) == ("", 0, 1)
    text = shown(run)
    assert "28 units did not decide it" in text
    assert "python -m harness bench" not in text


def test_expectation_of_a_variant_is_noted(tmp_path: Path) -> None:
    """A variant that is expected to go the other way than its claim says so in a footnote."""
    one = claim("A1")
    measurements = [
        Measurement("bench_a1.py::bench_a1", "A1", n,
                    trials=(trial(BASELINE, 1e-3, n), trial("costly", 1.5e-3, n, expect=Expect.HIGHER)))
        for n in range(1, 8)
    ]  # fmt: skip
    page = content(saved(tmp_path, [one], measurements))
    assert [row.outcome for row in page.sections[0].rows] == [Outcome.HOLDS]
    assert [page.footnotes[n - 1] for n in page.sections[0].rows[0].notes] == ["expected higher of this one"]


@pytest.mark.parametrize(
    ("found", "words", "range_"),
    [
        ((0.569, 0.55, 0.588, "seconds"), "1.76x faster", "1.70 to 1.82x"),
        ((1.04, 1.03, 1.05, "seconds"), "1.040x slower", "1.030 to 1.050x"),
        ((1.001, 0.99, 1.01, "seconds"), "1.001x slower", "0.990 to 1.010x"),
        ((0.99999, 0.99, 1.01, "seconds"), "1.000x", "0.990 to 1.010x"),
        ((3.2, 3.1, 3.31, "seconds"), "3.20x slower", "3.10 to 3.31x"),
        ((0.2, 0.19, 0.25, "seconds"), "5.00x faster", "4.00 to 5.26x"),
        ((0.25, None, None, "peak_bytes"), "4.00x less memory", ""),
        ((1.0, None, None, "peak_bytes"), "1.000x", ""),
        ((1.5, None, None, "compile_seconds"), "1.50x more time", ""),
        ((2.0, None, None, "joules"), "2.00x more energy", ""),
        ((float("inf"), None, None, "peak_bytes"), "from none", ""),
        ((0.0, None, None, "peak_bytes"), "to none", ""),
        ((0.9, None, None, "seconds"), "1.11x faster", ""),
    ],
)
def test_effects_in_words(
    found: tuple[float, float | None, float | None, str], words: str, range_: str
) -> None:
    """Every ratio is a factor of at least 1 with its direction, its interval in the same terms."""
    ratio, low, high, metric = found
    compared = Comparison(metric, 7, ratio, low, high)
    assert (effect(compared), interval(compared)) == (words, range_)


def test_quantities() -> None:
    """Quantities have three digits and the unit that suits them."""
    assert [quantity(value, "s") for value in (0, 1.234e-9, 9.9996e-4, 0.05, 1.5, 120)] == [
        "0 s", "1.23 ns", "1.00 ms", "50.0 ms", "1.50 s", "120 s"]  # fmt: skip
    assert [quantity(value, "B") for value in (0, 17, 2**20, 3.5 * 2**30)] == [
        "0 B",
        "17 B",
        "1.00 MiB",
        "3.50 GiB",
    ]
    assert [quantity(value, "") for value in (0, 12, 3456, 2.5e6, float("nan"))] == [
        "0",
        "12",
        "3.46 k",
        "2.50 M",
        "?",
    ]
    assert [duration(value) for value in (3.2, 89, 600, 5400, float("inf"))] == [
        "3 s", "89 s", "10 min", "1 h 30 min", "very long"]  # fmt: skip
    assert [duration(value) for value in (119.6, 240, 240.4, 280, 599.4, 599.6, 640)] == [
        "2 min", "4 min", "4 min", "4 min 40 s", "9 min 59 s", "10 min", "11 min"]  # fmt: skip
    assert [duration(value, exact=True) for value in (90, 240, 750, 3600, 5430)] == [
        "90 s", "4 min", "12 min 30 s", "1 h", "1 h 30 min 30 s"]  # fmt: skip
    assert len(sanitize("x" * 10**6)) == 300


@pytest.mark.parametrize(
    ("before", "after", "unit", "words"),
    [
        (12 * 2**20, 6 * 2**20, "B", "12.0 -> 6.00 MiB"),
        (1e-3, 9.99e-4, "s", "1000 -> 999 us"),
        (9.5e-4, 1.05e-3, "s", "950 -> 1050 us"),
        (1e-6, 1.5e-3, "s", "1.00 us -> 1.50 ms"),
        (0.0, 1e-3, "s", "0 s -> 1.00 ms"),
        (12.0, 13.0, "", "12 -> 13"),
        (1024.0, 1000.0, "B", "1024 -> 1000 B"),
        (float("nan"), 1.0, "s", "? -> 1.00 s"),
    ],
)
def test_steps(before: float, after: float, unit: str, words: str) -> None:
    """What is close is in one unit, so that a step of a thousandth is not read as one of a thousand."""
    assert step(before, after, unit) == words


class Terminal(io.StringIO):
    """A file that says it is a terminal, and counts what is written."""

    def isatty(self) -> bool:
        """It is one."""
        return True


def test_nothing_is_expected_of_a_baseline_alone(tmp_path: Path) -> None:
    """After one unit of three it is neither inconclusive nor expected to be lower, and no command would
    decide it."""
    alone = claim("A1")
    page = shown(saved(tmp_path, [alone], measurements_of(alone, "", 1)))
    assert "a baseline alone: 1 unit kept for compare and the gate" in page
    assert "expected lower" not in page
    assert "inconclusive" not in page
    assert "--budget" not in page


def test_live_repaints_once_a_second_at_most() -> None:
    """A thousand ticks within a second cost one repaint; no thread does any."""
    file, clock = Terminal(), [100.0]
    console = Console(file=file, width=80, force_terminal=True, color_system=None, _environ={"TERM": "xterm"})
    live = BenchProgress(console, 300.0, now=lambda: clock[0])
    live.collecting()
    for _ in range(1000):
        live.tick(RunState(100.0, 300.0, 200.0, 3, 4))
    before = file.getvalue()
    assert before.count("  3 decided,   4 open, ends in  3 min 20 s  collecting") == 1
    clock[0] += 1.0
    live.begins("a.py::bench_b[c]", Activity.ROUNDS)
    painted = file.getvalue()[len(before) :]
    assert painted.count("  3 decided,   4 open, ends in  3 min 19 s  measuring b[c]") == 1
    live.close()
    live.close()
    assert file.getvalue().endswith("\x1b[?25h") or "\x1b[?25h" in file.getvalue()


def test_live_is_steady_at_eighty_columns() -> None:
    """Numbers of any length stand at the same place, on one line, and a long name is cut off at its end."""
    clock = [0.0]
    painted: list[str] = []
    for state in (
        RunState(1.0, 3599.0, 3599.0, 0, 145),
        RunState(100.0, 500.0, 61.0, 9, 12),
        RunState(599.0, 1.0, 0.4, 107, 0),
    ):
        file = Terminal()
        console = Console(
            file=file, width=80, force_terminal=True, color_system=None, _environ={"TERM": "xterm"}
        )
        live = BenchProgress(console, 3600.0, now=lambda: clock[0])
        live.begins(f"loading/bench_workers.py::bench_workers[{'x' * 90}]", Activity.ROUNDS)
        live.tick(state)
        live.collecting()
        live.begins(f"loading/bench_workers.py::bench_workers[{'x' * 90}]", Activity.ROUNDS)
        clock[0] += 2.0
        live.begins(f"loading/bench_workers.py::bench_workers[{'x' * 90}]", Activity.ROUNDS)
        live.close()
        parts = re.split(r"[\r\n]|\x1b\[[0-9;?]*[A-Za-z]", file.getvalue())
        line = [part for part in parts if "workers" in part][-1]
        painted.append(line)
    assert {len(line) for line in painted} == {80}
    for word in (" decided,", " open,", " ends in ", "measuring workers[xxx"):
        assert len({line.index(word) for line in painted}) == 1
    assert all(line.endswith("\u2026") for line in painted)


def test_live_in_a_pipe() -> None:
    """In a pipe there are whole lines only: where it stands every ten seconds, each verdict, never a
    repaint."""
    file, clock = io.StringIO(), [0.0]
    live = BenchProgress(Console(file=file, width=60), 300.0, now=lambda: clock[0])
    live.collecting()
    live.collected(ENVIRONMENT, 12, 3)
    for second in range(25):
        clock[0] = float(second)
        live.tick(RunState(second, 300.0 - second, 280.0 - second, second // 8, 12))
        live.begins(f"x/a.py::bench_copy[{second}]", Activity.WEIGHING)
    gone = [Verdict("a.py::b", f"C{n}", "v", Outcome.SKIPPED, "no GPU") for n in (1, 2)]
    fallen = Verdict("a.py::b[c]", "C3", "v", Outcome.HOLDS, "", Comparison("seconds", 7, 0.5, 0.49, 0.51))
    live.decided([*gone, fallen, Verdict("a.py::b[d]", "C3", "v", Outcome.FAILED, "ValueError: no")])
    live.close()
    lines = file.getvalue().splitlines()
    assert "\x1b" not in file.getvalue()
    assert "12 cases to measure, 3 skipped" in lines
    assert [line for line in lines if "ends in" in line] == [
        "10 s: 1 decided, 12 open, ends in 4 min 30 s; weighing copy[9]",
        "20 s: 2 decided, 12 open, ends in 4 min 20 s; weighing copy[19]",
    ]
    assert "holds       C3  c  v  2.00x faster (1.96 to 2.04x)" in lines
    assert "failed      C3  d  v  ValueError: no" in lines
    assert [line for line in lines if line.startswith("skipped")] == [
        "skipped 2 of C1, C2; the report says why"
    ]


def test_frames_are_tidy(tmp_path: Path) -> None:
    """One row a sample with its block, names as categories; one row a verdict."""
    from harness.report.frames import samples_frame, verdicts_frame

    run = loader_run(tmp_path)
    frame = samples_frame(run)
    assert len(frame) == 7 * 2 * 4 * 8
    assert list(frame.columns) == [
        "label",
        "case",
        "claim",
        "variant",
        "invocation",
        "block",
        "metric",
        "value",
        "unit",
    ]
    assert {name: str(frame[name].dtype) for name in ("case", "claim", "variant", "metric")} == dict.fromkeys(
        ("case", "claim", "variant", "metric"), "category"
    )
    one = frame[(frame.variant == "workers_2") & (frame.invocation == 3) & (frame.metric == "wait_seconds")]
    assert list(one.value) == list(rounds(0.2, 3))
    assert list(one.block) == list(range(8))
    verdicts = verdicts_frame(run)
    assert list(verdicts.verdict) == ["holds"]
    assert verdicts.ratio[0] == pytest.approx(0.8)
    assert verdicts.units.dtype == "int64"


def test_frames_of_nothing(tmp_path: Path) -> None:
    """A run without samples gives empty frames with the same columns and types."""
    from harness.report.frames import samples_frame, verdicts_frame

    open_run(tmp_path / "none", [claim("A1")]).close()
    run = load(tmp_path / "none")
    assert len(samples_frame(run)) == len(verdicts_frame(run)) == 0
    full = loader_run(tmp_path / "full")
    assert list(samples_frame(run).dtypes.map(str)) == list(samples_frame(full).dtypes.map(str))


def test_terminal_path_imports_no_pandas_and_no_torch() -> None:
    """Showing a run costs neither pandas nor torch."""
    code = (
        "import sys, harness.report.builders.run, harness.report.render.terminal, harness.report.progress.bench; "
        "sys.exit(any(name in sys.modules for name in ('pandas', 'torch', 'pytest', 'pynvml')))"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=PATIENCE, check=False).returncode == 0
