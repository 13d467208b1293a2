"""The proof's own parts: rules of others on samples made by hand, drawing, counting, and reading the
command's word."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.living import ROOT, going, gone

sys.path.insert(0, str(ROOT / "scripts"))

from gate_power import live, recorded, repository, simulated
from gate_power.counts import Count, stream
from gate_power.neighbour import busy
from gate_power.ours import SUITE, Drawn, Pool, Tally, draw, exit_status, injected, paired, suites, tally
from gate_power.rivals import RIVALS, Rival, Side, nvbench_noise, pyperf_lists
from gate_power.samples import Duet, Workload, read

from harness.judge.regression import GateThresholds, rule_for
from harness.judge.stats import quiet_ratio
from harness.judge.units import Unit
from harness.model import GateOutcome

# --- the rules of others ------------------------------------------------------------------------------------


def steady(processes: int, samples: int, seconds: float = 5e-3, seed: int = 1) -> Side:
    """Samples that differ by a tenth of a percent."""
    random = np.random.default_rng(seed)
    return [list(seconds * (1 + 1e-3 * random.random(samples))) for _ in range(processes)]


def regresses(rival: Rival, factor: float, seed: int = 2) -> bool:
    """Whether the rule calls a head that takes so many times as long a regression."""
    pytest.importorskip("asv" if "asv" in rival.name else "pyperf" if "pyperf" in rival.name else "scipy")
    samples = rival.samples or 30
    base = steady(rival.processes, samples)
    return rival.decisions([(base, steady(rival.processes, samples, 5e-3 * factor, seed))])[0]


@pytest.mark.parametrize("rival", RIVALS, ids=lambda rival: rival.name)
def test_a_clear_slowdown_is_found_by_every_rule(rival: Rival) -> None:
    """A fifth more, with next to no noise, is a regression to all."""
    assert regresses(rival, 1.2)


@pytest.mark.parametrize("rival", RIVALS, ids=lambda rival: rival.name)
def test_the_same_samples_and_faster_ones_raise_no_alarm(rival: Rival) -> None:
    """The very same samples are no regression to any rule, nor are faster ones, though some call them
    significant."""
    assert not regresses(rival, 1.0, seed=1)
    assert not regresses(rival, 0.8)


@pytest.mark.parametrize(
    ("name", "below", "above"),
    [
        ("pytest-benchmark min:5%", 1.048, 1.052),
        ("pytest-benchmark median:5%", 1.048, 1.052),
        ("pytest-benchmark mean:5%", 1.048, 1.052),
        ("asv continuous", 1.09, 1.11),
        ("criterion", 1.008, 1.012),
        ("nvbench_compare_robust", 1.004, 1.007),
    ],
)
def test_a_rule_turns_at_its_threshold(name: str, below: float, above: float) -> None:
    """Rules with a threshold let what is below it pass, however certain it is."""
    rival = next(rival for rival in RIVALS if rival.name == name)
    assert not regresses(rival, below)
    assert regresses(rival, above)


@pytest.mark.parametrize("name", ["pyperf compare_to", "benchstat, -count=10", "nvbench_compare"])
def test_a_rule_without_a_threshold_takes_any_certain_difference(name: str) -> None:
    """Half a percent is a regression to a rule that asks for significance alone, or for more than the
    noise."""
    assert regresses(next(rival for rival in RIVALS if rival.name == name), 1.005)


def test_the_quieter_side_sets_the_noise_that_a_difference_must_exceed() -> None:
    """nvbench takes the smaller of the two deviations: 1 % more is slow where either side is quiet."""
    quiet, loud = [1.0, 1.001] * 10, [0.9, 1.12] * 10
    assert nvbench_noise([quiet], [loud])
    assert not nvbench_noise([[0.9, 1.1] * 10], [loud])


def test_pyperf_keeps_decisions_apart() -> None:
    """Of many benchmarks in two files each gets its own answer, in order."""
    pytest.importorskip("pyperf")
    slow = [factor in (1, 4) for factor in range(6)]
    pairs = [(steady(2, 3), steady(2, 3, 5e-3 * (1.2 if one else 1.0), 1)) for one in slow]
    assert pyperf_lists(pairs) == slow


def test_pyperf_saying_something_else_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """A list that is shorter than its title states is an error, not a row of passes."""
    pytest.importorskip("pyperf")
    done = subprocess.CompletedProcess(
        [], 0, stdout="Slower (2):\n- decision-0: 1 ms -> 2 ms: 2x slower\n", stderr=""
    )
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: done)
    with pytest.raises(RuntimeError, match=r"states Slower \(2\) and lists 1"):
        pyperf_lists([(steady(2, 3), steady(2, 3))])


def test_samples_are_collected_as_the_tool_collects_them() -> None:
    """Samples are means of so many rounds; head follows base, or they turn as ABBA."""
    follow = Rival("one", lambda base, head: False, processes=2, samples=2, rounds=2)
    turn = Rival("two", lambda base, head: False, processes=2, samples=1, turns=True)
    processes = [[float(n), n + 2.0, n + 4.0, n + 6.0, 99.0] for n in range(4)]
    assert follow.sides(processes) == ([(1, 5), (2, 6)], [(3, 7), (4, 8)])
    assert turn.sides(processes) == ([(0,), (3,)], [(1,), (2,)])


# --- the recording ------------------------------------------------------------------------------------------


def test_the_recording_has_what_the_figures_are_about() -> None:
    """Eight workloads of 36 duets and 72 processes alone; 2 and 5 % were really executed, not for the
    loader."""
    workloads = read()
    assert len(workloads) == 8
    assert [w.name for w in workloads if w.loader] == ["dataloader_epoch_2_workers"]
    for workload in workloads:
        assert (len(workload.duets), len(workload.alone)) == (36, 72)
        slowdowns = Counter(duet.slowdown for duet in workload.duets if duet.injected)
        assert slowdowns == ({} if workload.loader else {0.02: 18, 0.05: 18})


def workload(name: str = "made", slowdown: float = 0.0) -> Workload:
    """A workload whose head takes 1 % longer, and its injected code ``slowdown`` longer."""
    random = np.random.default_rng(5)
    duets = []
    for _ in range(12):
        base = random.lognormal(0, 0.1, 30) * 5e-3
        head = base * 1.01 * random.lognormal(0, 1e-3, 30)
        duets.append(Duet(tuple(base), tuple(head), tuple(base * (1 + slowdown)), slowdown))
    return Workload(name, tuple(duets), tuple(duet.base for duet in duets))


def test_a_process_is_a_unit() -> None:
    """A unit is the quiet pairs' ratio of a process; its seconds are those of both sides' rounds."""
    made = workload()
    pool = paired(made)
    assert [unit.quiet for unit in pool.units] == [quiet_ratio(duet.base, duet.head) for duet in made.duets]
    assert pool.seconds == tuple(sum(duet.base) + sum(duet.head) for duet in made.duets)
    few = paired(made, pairs=10)
    assert [unit.quiet for unit in few.units] == [quiet_ratio(d.base[:10], d.head[:10]) for d in made.duets]
    assert few.seconds[0] == sum(made.duets[0].base[:10]) + sum(made.duets[0].head[:10])


def test_a_scaled_unit_is_that_of_scaled_samples() -> None:
    """Moving the units gives the answer that multiplying every sample of head would."""
    made = workload()
    scaled = [Duet(duet.base, tuple(sample * 1.03 for sample in duet.head)) for duet in made.duets]
    expected = paired(Workload("made", tuple(scaled), ())).units
    for one, other in zip(paired(made).slower(0.03).units, expected, strict=True):
        assert (one.quiet, one.total, *one.nulls()) == pytest.approx(
            (other.quiet, other.total, *other.nulls()), abs=1e-12
        )


def test_injected_code_is_that_of_the_stated_slowdown() -> None:
    """Only processes with the slow-down asked for count; where none was recorded there is no pool."""
    pool = injected(workload(slowdown=0.05), 0.05)
    assert pool is not None
    assert [unit.quiet for unit in pool.units] == pytest.approx([np.log(1.05)] * 12)
    assert injected(workload(slowdown=0.05), 0.02) is None


# --- drawing ------------------------------------------------------------------------------------------------


def of(*logs: float, seconds: float = 1.0, loader: bool = False) -> Pool:
    """A pool of units without a difference between typical ratio and totals."""
    return Pool("made", loader, tuple(Unit(log, log) for log in logs), (seconds,) * len(logs))


def test_drawing_depends_on_the_seed_alone() -> None:
    """The same seed gives the same decisions, another seed others, and every row has a stream of its own."""
    pool, thresholds = paired(read()[0]).slower(0.04), GateThresholds()
    one, again, other = (tally(pool, thresholds, 20, stream(seed, "row")) for seed in (1, 1, 2))
    assert one == again
    assert one != other
    assert stream(1, "row").random() != stream(1, "another row").random()


def test_units_are_drawn_with_replacement_and_paid_for() -> None:
    """Six units pass what is equal, four of them being too few; the seconds are those of the units used."""
    drawn = draw(
        of(0.0, 1e-4, -1e-4, seconds=2.0), rule_for(GateThresholds(), SUITE), np.random.default_rng(1)
    )
    assert drawn == Drawn(GateOutcome.UNCHANGED, 6, 12.0)


@pytest.mark.parametrize(
    ("pool", "status"),
    [
        (of(0.0, 1e-4), 0),
        (of(np.log(1.2), np.log(1.21)), 1),
        (of(np.log(0.8), np.log(1.25)), 3),
    ],
    ids=["equal", "slower", "erratic"],
)
def test_suites_exit_as_the_command_would(pool: Pool, status: int) -> None:
    """Nothing regressed is 0, anything regressed 1, anything undecided 3, by the gate's own word."""
    judged = list(suites([pool], GateThresholds(), 3, np.random.default_rng(3)))
    assert [found for found, _ in judged] == [status] * 3
    assert all(len(one.drawn) == SUITE for _, one in judged)
    assert exit_status([Drawn(GateOutcome.UNCHANGED, 6, 1.0), Drawn(GateOutcome.REGRESSED, 6, 1.0)]) == 1


def test_suites_of_others_alarm_as_often_as_their_decisions() -> None:
    """One decision in a hundred is a suite in three; none is none, and all is all."""
    rare = [True] + [False] * 99
    found = recorded.drawn_suites([rare, rare], 4000, np.random.default_rng(0))
    assert found.alarmed.share == pytest.approx(1 - 0.99**SUITE, abs=0.03)
    assert found.green == Count(4000 - found.alarmed.hits, 4000)
    assert recorded.drawn_suites([[False]], 10, np.random.default_rng(0)).alarmed == Count(0, 10)
    assert recorded.drawn_suites([[True]], 10, np.random.default_rng(0)).alarmed == Count(10, 10)


def test_what_others_say_is_counted_per_workload_and_slowdown() -> None:
    """A rule is asked about every run of processes; slow-downs are scaled, or those that were executed."""
    rival = Rival("max", lambda base, head: max(head[0]) > 1.04 * max(base[0]))
    flat = Workload(
        "flat", tuple(Duet((1.0,) * 4, (1.0,) * 4, (1.05,) * 4, 0.05) for _ in range(3)), ((1.0,) * 4,) * 5
    )
    follow = recorded.theirs(rival, [flat], 10, 0)
    assert follow.alarms == {"flat": Count(0, 4)}
    assert follow.found == {0.02: Count(0, 4), 0.03: Count(0, 4), 0.05: Count(4, 4), 0.10: Count(4, 4)}
    assert follow.seconds == 8.0
    turns = recorded.theirs_paired(rival, [flat], 10, 0)
    assert (turns.alarms, turns.found) == ({"flat": Count(0, 3)}, {0.02: Count(0, 0), 0.05: Count(3, 3)})


def test_conditions_say_what_was_executed_and_what_scaled() -> None:
    """2 and 5 % come from the recording, 3 and 10 % from multiplication, a loader is asked for 10 % alone."""
    asked = recorded.conditions(read()[0], GateThresholds())
    assert {(c.slowdown, c.real) for c in asked} == {
        (0, True),
        (0.02, True),
        (0.03, False),
        (0.05, True),
        (0.1, False),
    }
    assert {c.target for c in recorded.conditions(read()[-1], GateThresholds())} == {0.10}
    assert str(asked[0]) == "identical code"
    assert [str(c) for c in asked[1:3]] == ["+2%, really executed", "+3%, scaled"]


def test_known_truths_are_distinguished() -> None:
    """Units without a difference pass, those at the target regress, whatever their noise."""
    found = {
        (known.noise, known.truth.split(",")[0]): known.tally
        for known in simulated.simulate(GateThresholds(), 20, 0)
    }
    assert len(found) == 5 * 4
    assert found["normal, 4 %", "0"].count(GateOutcome.REGRESSED) == Count(0, 20)
    assert found["normal, 4 %", "near"].units > 20
    for noise in set(simulated.NOISE) - {"normal, 4 %"}:
        assert found[noise, "0"].count(GateOutcome.REGRESSED) == Count(0, 20)
        assert found[noise, "0"].count(GateOutcome.UNCHANGED).hits >= 19
        assert found[noise, "target"].count(GateOutcome.REGRESSED).hits >= 17


# --- counting -----------------------------------------------------------------------------------------------


def test_bounds_are_exact() -> None:
    """None of n leaves what n trials would miss with 2.5 %; half and half is symmetric; none of none bounds
    nothing."""
    low, high = Count(0, 40000).bounds
    assert low == 0.0
    assert high == pytest.approx(1 - 0.025 ** (1 / 40000))
    low, high = Count(10, 20).bounds
    assert low == pytest.approx(1 - high)
    assert low == pytest.approx(0.272, abs=1e-3)
    assert Count(0, 0).bounds == (0.0, 1.0)


def test_counts_are_shown_without_rounding_to_all_or_nothing() -> None:
    """A thousandth is not shown as nothing, nor all but a thousandth as all."""
    assert str(Count(1, 1000)) == "1/1000 = 0.10 % (0.00 to 0.56)"
    assert Count(999, 1000).short() == "99.90 %"
    assert Count(1, 8).short() == "12.5 %"
    assert str(Count(0, 0)) == Count(0, 0).short() == "-"
    assert Count.where([True, False, True]) + Count(1, 1) == Count(3, 4)


def test_a_tally_gives_means() -> None:
    """Units and seconds of decisions are means."""
    found = Tally((Drawn(GateOutcome.UNCHANGED, 6, 1.0), Drawn(GateOutcome.REGRESSED, 14, 4.0)))
    assert (found.units, found.seconds, found.count(GateOutcome.REGRESSED)) == (10.0, 2.5, Count(1, 2))


# --- live ---------------------------------------------------------------------------------------------------


def verdict(outcome: str = "unchanged", **stated: Any) -> dict[str, Any]:
    """A verdict as the command writes it."""
    named = {"case": "bench_work.py::bench_work[matmul-0]", "variant": "variant", "metric": "seconds"}
    return named | {"outcome": outcome, "units": 6, "ratio": 1.001, "seconds": 2.0, "claim": "work"} | stated


def answer(status: int, *verdicts: dict[str, Any]) -> dict[str, Any]:
    """A document as the command writes it."""
    return {
        "schema": 1,
        "status": status,
        "seconds": 60.0,
        "decisions": len(verdicts),
        "verdicts": list(verdicts),
    }


def test_noisy_decisions_are_read_and_exact_ones_left_out() -> None:
    """Exact metrics need no proof; a case that is missing has no ratio, and is a decision all the same."""
    document = answer(
        3,
        verdict(),
        verdict(metric="peak_bytes", units=0),
        verdict("missing", variant="", units=0, ratio=None),
    )
    found = live.decisions_of(document)
    assert [(one.outcome, one.ratio) for one in found] == [
        (GateOutcome.UNCHANGED, 1.001),
        (GateOutcome.MISSING, None),
    ]


@pytest.mark.parametrize(
    "document",
    [{}, {"verdicts": 3}, {"verdicts": [3]}, answer(0, verdict("fine")), {"verdicts": [{"case": "a"}]}],
)
def test_what_is_no_document_is_refused(document: dict[str, Any]) -> None:
    """A document of another shape is a ValueError, never a suite without alarms."""
    with pytest.raises(ValueError, match=r"fine|not a gate's document"):
        live.decisions_of(document)


def calls(*statuses: int) -> list[live.Call]:
    """Calls with these exit statuses, two decisions each, the first as the status implies."""
    word = {0: "unchanged", 1: "regressed", 3: "inconclusive"}
    return [
        live.Call(status, 10.0, live.decisions_of(answer(status, verdict(word[status], units=14), verdict())))
        for status in statuses
    ]


def test_calls_are_counted_by_suite_and_by_decision() -> None:
    """Seconds a decision are wall time over all decisions, start-up included."""
    found = live.count(calls(0, 1, 3, 0))
    assert (found.green, found.alarmed) == (Count(2, 4), Count(1, 4))
    assert found.outcomes[GateOutcome.REGRESSED] == Count(1, 8)
    assert found.outcomes[GateOutcome.UNCHANGED] == Count(6, 8)
    assert found.outcomes[GateOutcome.INCONCLUSIVE] == Count(1, 8)
    assert (found.wall, found.per_decision, found.size, found.units) == (10.0, 5.0, 2.0, 10.0)
    with pytest.raises(ValueError, match="decided anything"):
        live.count([])


@pytest.fixture
def command(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[[int, dict[str, Any] | None], list[list[str]]]:
    """Put a command in the gate's place that exits and writes as stated; gives how it was called."""

    def answering(returncode: int, document: dict[str, Any] | None) -> list[list[str]]:
        seen: list[list[str]] = []

        def run(arguments: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
            seen.append(arguments)
            if document is not None:
                Path(arguments[arguments.index("--json") + 1]).write_text(json.dumps(document))
            return subprocess.CompletedProcess(arguments, returncode, stdout="said", stderr="complained")

        monkeypatch.setattr(subprocess, "run", run)
        return seen

    return answering


def test_the_command_is_called_as_people_call_it(command: Any, tmp_path: Path) -> None:
    """Base, document and target are stated; what comes back is the status and the decisions."""
    seen = command(1, answer(1, verdict("regressed", units=14)))
    found = live.call(tmp_path / "repository", live.Experiment(0.03, target=0.03).options)
    assert seen[0][1:6] == ["-m", "harness", "gate", "--base", "main"]
    assert seen[0][-2:] == ["--target", "3%"]
    assert found.status == 1
    assert [one.outcome for one in found.decisions] == [GateOutcome.REGRESSED]
    assert list(tmp_path.iterdir()) == []


def test_a_failing_command_is_no_result(command: Any, tmp_path: Path) -> None:
    """An error of use, a missing document and a contradiction stop the proof, with the command's words."""
    command(2, answer(2))
    with pytest.raises(RuntimeError, match="exit 2\nsaidcomplained"):
        live.call(tmp_path / "repository", [])
    for file in tmp_path.iterdir():
        file.unlink()
    command(0, None)
    with pytest.raises(RuntimeError, match="exit 0"):
        live.call(tmp_path / "repository", [])
    command(0, answer(1, verdict("regressed")))
    with pytest.raises(ValueError, match="exits with 0, its document states 1"):
        live.call(tmp_path / "repository", [])


@pytest.mark.parametrize(("slowdown", "loader"), [(0.0, False), (0.05, False), (0.10, True)])
def test_head_differs_from_base_by_its_steps_alone(tmp_path: Path, slowdown: float, loader: bool) -> None:
    """The repository's two revisions differ in one line; a comment where nothing is to be slower."""
    root = tmp_path / "made here"
    root.mkdir()
    made = repository.make(root, slowdown, loader=loader)
    assert made.git("status", "--porcelain") == ""
    changed = [
        line
        for line in made.git("diff", "-U0", "main").splitlines()
        if line[0] in "+-" and line[:3] not in ("+++", "---")
    ]
    steps = f"STEPS = {100 * (1 + slowdown):.0f}"
    assert [line for line in changed if line not in ("+", "-")] == (
        ["-STEPS = 100", f"+{steps}"] if slowdown else ["+# nothing else has changed"]
    )
    (benchmark,) = (root / "benchmarks").iterdir()
    compile(benchmark.read_text(), str(benchmark), "exec")
    assert "{" not in benchmark.read_text()


def test_an_iteration_takes_its_steps() -> None:
    """The head really takes the stated number of steps."""
    names: dict[str, Any] = {}
    exec(repository.WORK.format(steps=105), names)
    taken: list[int] = []
    names["KINDS"]["counted"] = lambda: lambda: taken.append(1)
    names["iteration"]("counted")()
    assert len(taken) == 105
    assert len(names["KINDS"]) == 11
    for kind in names["KINDS"]:
        names["iteration"](kind)()


def test_a_slowdown_is_a_whole_number_of_steps(tmp_path: Path) -> None:
    """Half a step cannot be executed."""
    with pytest.raises(ValueError, match="no whole number of steps"):
        repository.make(tmp_path, 0.005)


def test_a_neighbour_leaves_with_the_block(monkeypatch: pytest.MonkeyPatch) -> None:
    """Busy neighbours run while the block does, and not after, whatever ends it."""
    started: list[int] = []
    original = subprocess.Popen

    def noted(*arguments: Any, **stated: Any) -> Any:
        process = original(*arguments, **stated)
        started.append(process.pid)
        return process

    monkeypatch.setattr(subprocess, "Popen", noted)

    def interrupted() -> None:
        with busy(2):
            assert going(*started)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert len(started) == 2
    assert all(map(gone, started))
