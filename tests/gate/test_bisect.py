"""The first revision that regressed: git's bisection by verdicts, and the answer where there is none."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.cli.bisect import BisectSteps, not_bad, run
from harness.cli.main import main, parser
from harness.errors import UsageError
from harness.gate.bisect import BisectFound, RevisionRange, RevisionState, bisect, clone, revision_range
from harness.gate.builds.repository import git
from harness.judge.regression import GateThresholds
from harness.model import Comparison, GateOutcome, GateResult, GateVerdict, Side, SideFacts

COUNT = 9


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository of nine commits; a file says which one it is. A tag names each: c0 to c8."""
    top = tmp_path_factory.mktemp("repository")
    git(top, "init", "--quiet", "--initial-branch", "main")
    for number in range(COUNT):
        (top / "number").write_text(str(number))
        git(top, "add", ".")
        who = ("-c", "user.name=A", "-c", "user.email=a@b.c", "-c", "commit.gpgsign=false")
        git(top, *who, "commit", "--quiet", "-m", f"Number {number}")
        git(top, "tag", f"c{number}")
    git(top, "switch", "--quiet", "--create", "side", "c2")
    git(
        top,
        "-c",
        "user.name=A",
        "-c",
        "user.email=a@b.c",
        "commit",
        "--quiet",
        "--allow-empty",
        "-m",
        "Aside",
    )
    git(top, "switch", "--quiet", "main")
    return top


def commit(repository: Path, name: str) -> str:
    """A commit's id."""
    return git(repository, "rev-parse", name).strip()


def bisected(repository: Path, place: Path, state: Callable[[int], RevisionState]) -> BisectFound:
    """A bisection over all commits, by what is said of each number; only what is checked out is looked at."""

    def judge(_: str) -> RevisionState:
        (where / "left behind").write_text("of a build")
        (where / "number").write_text((where / "number").read_text())
        return state(int((where / "number").read_text()))

    where = clone(repository, place / "clone")
    return bisect(where, revision_range("c0..main", repository), judge)


@pytest.mark.parametrize("first", [1, 4, 8])
def test_the_first_bad_revision_is_found(first: int, repository: Path, tmp_path: Path) -> None:
    """Wherever it lies, with a logarithm of judgements; the repository has no trace of it."""
    found = bisected(
        repository, tmp_path, lambda number: RevisionState.BAD if number >= first else RevisionState.GOOD
    )
    assert found.first == commit(repository, f"c{first}")
    assert len(found.states) <= 4
    assert git(repository, "status", "--porcelain") == ""
    assert git(repository, "for-each-ref", "refs/bisect") == ""


def test_what_cannot_be_judged_is_skipped(repository: Path, tmp_path: Path) -> None:
    """It is passed over; if only such are left, all that may be the first are named."""

    def state(number: int) -> RevisionState:
        return (
            RevisionState.SKIPPED
            if number in (4, 5)
            else RevisionState.BAD
            if number > 2
            else RevisionState.GOOD
        )

    assert bisected(repository, tmp_path / "a", state).first == commit(repository, "c3")

    def unknown(number: int) -> RevisionState:
        return (
            RevisionState.SKIPPED
            if 3 <= number <= 5
            else RevisionState.BAD
            if number > 5
            else RevisionState.GOOD
        )

    found = bisected(repository, tmp_path / "b", unknown)
    assert found.first == ""
    assert set(found.possible) == {commit(repository, f"c{number}") for number in (3, 4, 5, 6)}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("c1", "'c1' is not a range of revisions"),
        ("c1...c2", "is not a range of revisions"),
        ("..c2", "is not a range of revisions"),
        ("c1..none", "'none' is not a revision of"),
        ("c8..main", "c8 and main are the same commit"),
        ("c4..c2", "c4 is not an ancestor of c2"),
        ("side..main", "side is not an ancestor of main"),
    ],
)
def test_a_range_that_is_none(text: str, words: str, repository: Path) -> None:
    """One sentence each."""
    with pytest.raises(UsageError, match=words):
        revision_range(text, repository)


def result(status: int, *outcomes: GateOutcome) -> GateResult:
    """A gate's result with these verdicts."""
    verdicts = tuple(
        GateVerdict(
            f"bench_{number}.py::bench", f"claim{number}", "baseline", "seconds", outcome,
            comparison=Comparison("seconds", 8, 1.5, 1.42, 1.58, 0.001),
        )
        for number, outcome in enumerate(outcomes)
    )  # fmt: skip
    limits = GateThresholds()
    sides = SideFacts(Side.BASE, "a"), SideFacts(Side.HEAD, "b")
    return GateResult(*sides, verdicts, status, 8, limits.target, limits.loader_target, limits.alpha, 0, 1.0)


ENDS = RevisionRange("v1", "v2", "1" * 40, "2" * 40)


@pytest.mark.parametrize(
    ("found", "status", "words"),
    [
        (None, 3, "v2 cannot be judged against v1"),
        (result(3, GateOutcome.INCONCLUSIVE), 3, "whether v2 is slower than v1 is not decided"),
        (result(0, GateOutcome.UNCHANGED), 0, "nothing regressed from v1 to v2"),
        (result(0, GateOutcome.IMPROVED), 3, "v1 is the slower one: v2 improved 1 case"),
    ],
)
def test_there_may_be_nothing_to_bisect(found: GateResult | None, status: int, words: str) -> None:
    """The bad end is judged first: one that is not bad has a sentence and a status."""
    answer = not_bad(ENDS, found)
    assert answer is not None
    assert answer[0] == status
    assert words in answer[1]
    assert not_bad(ENDS, result(1, GateOutcome.REGRESSED)) is None


def options(*typed: str) -> argparse.Namespace:
    """The options of a gate."""
    return parser(["gate"]).parse_args(["gate", *typed])


def test_each_step_is_a_gate(tmp_path: Path) -> None:
    """With the options that were given; after the first one of what regressed alone, whose sizes are the
    answer."""
    given = options(
        "--bisect", "v1..v2", "--target", "3%", "--select", "a,b", "--accept", "memory", "--threads", "1"
    )
    steps = BisectSteps(given, ENDS, tmp_path / "benchmarks", tmp_path / "clone", Path("benchmarks"))
    words = steps.command(tmp_path / "gate.json")
    assert words[3:] == [
        "harness", "gate", "--base", "1" * 40, "--benchmarks", "benchmarks", "--json", str(tmp_path / "gate.json"),
        "--unchanged-ok", "--results", str(Path("results").resolve()), "--device", "auto", "--target", "3%",
        "--threads", "1", "--accept", "memory", "--select", "a,b",
    ]  # fmt: skip
    options(*words[5:])
    steps.results["x"] = result(1, GateOutcome.REGRESSED, GateOutcome.UNCHANGED)
    steps.narrow("x")
    assert steps.command(tmp_path / "gate.json")[-2:] == ["--select", "claim0"]
    assert steps.sizes("x") == ["bench_0.py::bench baseline: 1.50x slower (1.42 to 1.58x)"]
    assert steps.sizes("unknown") == []
    larger = GateVerdict(
        "a.py::b", "A1", "tip", "peak_bytes", GateOutcome.REGRESSED,
        comparison=Comparison("peak_bytes", 1, 2.5), base=12 * 2.0**20, head=30 * 2.0**20,
    )  # fmt: skip
    steps.results["x"] = replace(steps.results["x"], verdicts=(larger,))
    assert steps.sizes("x") == ["a.py::b tip peak memory: 2.50x more memory, 12.0 -> 30.0 MiB"]


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (("--base", "v1"), "--base is of no use beside --bisect"),
        (("--junit", "a.xml"), "--junit is of no use beside --bisect"),
        ((), "is in no git repository"),
    ],
)
def test_what_contradicts_a_bisection(more: tuple[str, ...], words: str, tmp_path: Path) -> None:
    """Options of the sides, forms, and a folder that has no revisions."""
    (tmp_path / "benchmarks").mkdir()
    with pytest.raises(UsageError, match=words):
        run(options("--bisect", "v1..v2", "--benchmarks", str(tmp_path / "benchmarks"), *more))


def test_the_gate_knows_the_option(
    repository: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wrong range ends it before anything is built; of a right one the outcome is the status."""
    (repository / "benchmarks").mkdir(exist_ok=True)
    place = ["--benchmarks", str(repository / "benchmarks")]
    assert main(["gate", "--bisect", "c4", *place]) == 2
    assert "is not a range of revisions (example: v1.2..HEAD)" in capsys.readouterr().err

    def judge(steps: Any, name: str) -> RevisionState:
        number = int((steps._place / "number").read_text())
        outcome = GateOutcome.REGRESSED if number > 3 else GateOutcome.UNCHANGED
        steps.results[name] = result(int(number > 3), outcome)
        return RevisionState.BAD if number > 3 else RevisionState.GOOD

    monkeypatch.setattr(BisectSteps, "judge", judge)
    assert main(["gate", "--bisect", "c0..c8", *place]) == 1
    shown = capsys.readouterr().out
    assert f"the first bad revision is {commit(repository, 'c4')[:12]} Number 4" in shown
    assert "bench_0.py::bench baseline: 1.50x slower (1.42 to 1.58x)" in shown
    assert main(["gate", "--bisect", "c0..c3", *place]) == 0
    assert "nothing regressed from c0 to c3" in capsys.readouterr().err
