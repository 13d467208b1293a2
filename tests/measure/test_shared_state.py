"""Variants that share inputs: the one that changes what others read is named, in any order, and no other
is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.measure.case import MeasureOptions, measure
from harness.measure.limits import RoundLimits
from harness.measure.shared_state import innocent, to_blame
from harness.measure.spec import BenchmarkSpec
from harness.measure.variant import as_variant
from harness.model import BASELINE, CaseWarning, Claim, Expect, Measurement, Status, WarningCode, Work
from harness.plugin.fixture import Compare
from tests.support.devices import device_of

pytestmark = pytest.mark.usefixtures("set_aside")

CLAIM = Claim("X", "a tip", "x.py", "bench_x")
QUICK = RoundLimits(share=0.0, round_seconds=0.0, longest_round=0.0, fewest_blocks=2, warmup_limit=0.0)
SEEDS = range(12)
"""Enough to draw every order of three variants."""

Variants = dict[str, Callable[[], object]]


def added(a: list[int], b: list[int]) -> list[int]:
    """The sums of pairs."""
    return [x + y for x, y in zip(a, b, strict=True)]


def suite() -> Variants:
    """One of the variants writes into a, which all of them read; inputs are made anew with each call."""
    a, b, out = [1, 2, 3], [10, 20, 30], [0, 0, 0]

    def inplace() -> list[int]:
        a[:] = added(a, b)
        return list(a)

    def into_out() -> list[int]:
        out[:] = added(a, b)
        return list(out)

    return {BASELINE: lambda: added(a, b), "inplace": inplace, "out": into_out}


def wrong_suite() -> Variants:
    """One variant is wrong by itself, and none changes anything."""
    return {BASELINE: lambda: [1], "tip": lambda: [1], "wrong": lambda: [2]}


def baseline_writes() -> Variants:
    """The baseline itself writes into what the other reads."""
    a = [1, 2, 3]

    def baseline() -> list[int]:
        a[0] += 1
        return list(a)

    return {BASELINE: baseline, "tip": lambda: [a[0] + 1, *a[1:]]}


def spec_of(make: Callable[[], Variants], *, again: bool = True) -> BenchmarkSpec:
    """What a benchmark asks for whose set-up is that function."""
    given = {name: as_variant(value) for name, value in make().items()}
    expect = dict.fromkeys(given, Expect.LOWER)

    def anew(do: Callable[[BenchmarkSpec], object]) -> None:
        do(spec_of(make, again=False))

    return BenchmarkSpec(given, lambda x, y: x == y, None, Work(), expect, anew if again else None)


def measured(make: Callable[[], Variants], seed: int, *, first: bool = True) -> Measurement:
    """The measurement of that benchmark, in the order that the seed draws; ``first`` in its run."""
    options = MeasureOptions(device_of("cpu"), QUICK, seed, 1, memory=False, first=first)
    return measure("x.py::bench_x", CLAIM, spec_of(make), options)


def test_the_variant_that_changes_what_others_read_is_named() -> None:
    """In every order the variant to blame is wrong, with the reason, and the innocent variant has its
    times."""
    seen = [{trial.variant: trial for trial in measured(suite, seed).trials} for seed in SEEDS]
    assert all(list(trials) == [BASELINE, "inplace", "out"] for trials in seen)
    assert all(trials[name].status is Status.MEASURED for trials in seen for name in (BASELINE, "out"))
    blamed = [trials["inplace"] for trials in seen if trials["inplace"].status is Status.WRONG]
    assert len(blamed) == len(seen)
    assert all("it changes what others read" in trial.reason and "copy" in trial.reason for trial in blamed)
    assert all(len(trials["out"].samples["seconds"]) == 2 for trials in seen)


def test_later_in_a_run_a_disagreement_is_tried_again() -> None:
    """Also where a change that shows in no disagreement is not looked for: the innocent variant is never
    wrong."""
    for seed in SEEDS:
        trials = {trial.variant: trial for trial in measured(suite, seed, first=False).trials}
        assert trials["out"].status is Status.MEASURED


def test_a_state_of_its_own_is_no_ones_business() -> None:
    """A baseline that counts its own calls has another result the second time, and none is to blame."""

    def counting() -> Variants:
        mine, theirs = [0], [0]

        def step(state: list[int]) -> int:
            state[0] += 1
            return state[0]

        return {BASELINE: lambda: step(mine), "tip": lambda: step(theirs)}

    for seed in SEEDS:
        assert {trial.status for trial in measured(counting, seed).trials} == {Status.MEASURED}


def test_what_is_wrong_by_itself_stays_so() -> None:
    """Trying again blames no other, and the others keep their times."""
    for seed in SEEDS:
        trials = {trial.variant: trial for trial in measured(wrong_suite, seed).trials}
        assert trials["wrong"].status is Status.WRONG
        assert "differs from the baseline's" in trials["wrong"].reason
        assert trials["tip"].status is trials[BASELINE].status is Status.MEASURED


def test_a_baseline_that_changes_its_input() -> None:
    """It is the baseline that is wrong, and with it the case."""
    found = [measured(baseline_writes, seed) for seed in SEEDS]
    assert {one.status for one in found} <= {Status.WRONG, Status.MEASURED}
    (reason,) = {one.reason for one in found if one.status is Status.WRONG}
    assert reason.startswith(
        "the baseline is wrong: it changes what others read: behind it, tip has another result"
    )


def test_inputs_that_differ_from_call_to_call_blame_no_variant() -> None:
    """Where the baseline alone does not agree with itself, nothing follows."""
    calls = iter(range(100))

    def random() -> Variants:
        here = next(calls)
        return {BASELINE: lambda: here, "tip": lambda: -1}

    assert to_blame(spec_of(random), ["tip"]) == {}


def test_an_innocent_variant_of_a_gate() -> None:
    """Its disagreement is another's doing; one that is wrong by itself, or to blame, is not innocent."""
    assert innocent(spec_of(suite), "out")
    assert not innocent(spec_of(suite), "inplace")
    assert not innocent(spec_of(wrong_suite), "wrong")


def test_what_cannot_be_tried_again_is_as_it_was() -> None:
    """A benchmark that fails when it is called again leaves its verdict, and a warning."""

    def anew(do: Callable[[BenchmarkSpec], object]) -> None:
        raise OSError("no more inputs")

    given = {name: as_variant(value) for name, value in wrong_suite().items()}
    ask = BenchmarkSpec(given, lambda x, y: x == y, None, Work(), dict.fromkeys(given, Expect.LOWER), anew)
    found = measure(
        "x.py::bench_x", CLAIM, ask, MeasureOptions(device_of("cpu"), QUICK, 1, 1, memory=False, first=False)
    )
    assert {trial.variant: trial.status for trial in found.trials}["wrong"] is Status.WRONG
    assert CaseWarning(WarningCode.NOT_RETRIED, detail="OSError: no more inputs") in found.warnings


def test_a_contest_calls_its_benchmark_again() -> None:
    """With a measurement that hands over what it is called with; the first keeps on being the session's."""
    measured: list[BenchmarkSpec] = []

    class Session:
        data = None

        def device(self) -> Any:
            return "here"

        def measure(self, case: str, claim: Claim, spec: BenchmarkSpec, target: str, root: Path) -> None:
            measured.append(spec)

    def benchmark(compare: Compare) -> None:
        made = object()
        compare(baseline=lambda: (made, compare.device))

    compare = Compare("x.py::bench_x", CLAIM, Session(), "x", Path(), again=benchmark)
    benchmark(compare)
    (first,) = measured
    assert first.anew is not None
    again: list[BenchmarkSpec] = []
    first.anew(again.append)
    assert (len(measured), len(again), again[0].anew) == (1, 1, None)
    results = [spec.variants[BASELINE].prepare().__enter__()() for spec in (first, again[0])]  # type: ignore[union-attr]
    assert results[0][0] is not results[1][0]  # type: ignore[index]
    assert results[0][1] == results[1][1] == "here"  # type: ignore[index]
    with pytest.raises(RuntimeError, match="calls compare twice"):
        benchmark(compare)
