"""Measuring one case: what a benchmark handed over becomes a measurement, whatever happens."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from time import monotonic
from typing import Any

import pytest

from harness.measure.case import MeasureOptions, measure, seed_of
from harness.measure.limits import RoundLimits
from harness.measure.spec import BenchmarkSpec
from harness.measure.variant import Unavailable, as_variant, gone, must_raise
from harness.model import BASELINE, Claim, Expect, Measurement, Status, Work
from tests.support.devices import device_of

pytestmark = pytest.mark.usefixtures("set_aside")

CLAIM = Claim("X", "a tip", "x.py", "bench_x")
CASE = "x.py::bench_x[small]"
QUICK = RoundLimits(share=0.0, round_seconds=0.0, longest_round=0.0, fewest_blocks=2, warmup_limit=0.0)
CPU = device_of("cpu")


def boom() -> Any:
    raise RuntimeError("boom")


def taken(
    handed: Mapping[str, Any],
    *,
    claim: Claim = CLAIM,
    expect: Mapping[str, Expect] | None = None,
    reference: Callable[[], object] | None = None,
    **options: Any,
) -> Measurement:
    """The measurement of these variants."""
    given = {name: as_variant(value) for name, value in handed.items()}
    stated = {**dict.fromkeys(given, Expect.LOWER), **(expect or {})}
    spec = BenchmarkSpec(given, lambda expected, got: expected == got, reference, Work(items=3.0), stated)
    return measure(
        CASE, claim, spec, MeasureOptions(CPU, QUICK, options.pop("seed", 5), 9, memory=False, **options)
    )


def states(measurement: Measurement) -> dict[str, Status]:
    """What became of each variant."""
    return {trial.variant: trial.status for trial in measurement.trials}


def test_a_measurement_says_what_it_is_of() -> None:
    """Case, claim, invocation, work and the variants' expectations are in it, in the order they were handed
    over."""
    found = taken({BASELINE: lambda: 1, "tip": lambda: 1, "trick": lambda: 1}, expect={"tip": Expect.HIGHER})
    assert (found.case, found.claim, found.invocation, found.work) == (CASE, "X", 9, Work(items=3.0))
    assert (found.status, found.title, found.survey) == (Status.MEASURED, "small", False)
    assert list(states(found)) == [BASELINE, "tip", "trick"]
    assert [trial.expect for trial in found.trials] == [Expect.LOWER, Expect.HIGHER, Expect.LOWER]
    assert all(len(trial.samples["seconds"]) == 2 for trial in found.trials)
    assert found.seconds > 0


def test_a_measurement_says_when_its_blocks_took_place() -> None:
    """Each block lasted from one moment of the machine's monotonic clock to another, one after the other."""
    before = monotonic()
    found = taken({BASELINE: lambda: 1, "tip": lambda: 1})
    after = monotonic()
    assert len(found.blocks) == 2
    moments = [moment for block in found.blocks for moment in block]
    assert moments == sorted(moments)
    assert before - 1e-6 <= moments[0] <= moments[-1] <= after + 1e-6
    assert found.clock_events == ()


def test_what_this_machine_lacks_is_skipped() -> None:
    """A variant that is unavailable is listed with its reason beside those that were measured."""
    found = taken({BASELINE: lambda: 1, "tip": lambda: 1, "gone": Unavailable("no GPU")})
    assert states(found) == {BASELINE: Status.MEASURED, "tip": Status.MEASURED, "gone": Status.SKIPPED}
    assert found.trials[-1].reason == "no GPU"


def test_what_has_no_time_is_what_it_is() -> None:
    """An error that was promised, and a function that is gone, are kept beside what was measured."""
    old = gone("old", since="torch 2", instead="new")
    found = taken({BASELINE: lambda: 1, "tip": lambda: 1, "old": old, "boom": must_raise(RuntimeError, boom)})
    assert found.status is Status.MEASURED
    assert states(found) == {
        BASELINE: Status.MEASURED,
        "tip": Status.MEASURED,
        "old": Status.GONE,
        "boom": Status.CONFIRMED,
    }
    reasons = [trial.reason for trial in found.trials]
    assert reasons == ["", "", "old is gone since torch 2; use new", "raises RuntimeError: boom"]


@pytest.mark.parametrize("absent", [(BASELINE,), ("tip",), (BASELINE, "tip")])
def test_without_a_pair_the_case_is_skipped(absent: tuple[str, ...]) -> None:
    """Where the baseline or all others are unavailable nothing is called, and the case is skipped for that
    reason."""
    given = {name: Unavailable(f"no {name}") if name in absent else boom for name in (BASELINE, "tip")}
    found = taken(given)
    assert found.status is Status.SKIPPED
    assert found.reason == f"no {absent[0]}"
    assert set(states(found).values()) == {Status.SKIPPED}


def test_a_baseline_alone_is_measured() -> None:
    """A benchmark without variants claims nothing, and has times all the same."""
    found = taken({BASELINE: lambda: 1}, variants=("",))
    assert (found.status, states(found)) == (Status.MEASURED, {BASELINE: Status.MEASURED})
    assert len(found.trials[0].samples["seconds"]) == 2


def test_only_what_is_still_wanted() -> None:
    """Of the variants only the wanted ones are measured, and the baseline always."""
    found = taken(
        {BASELINE: lambda: 1, "tip": boom, "trick": lambda: 1, "gone": Unavailable("no GPU")},
        variants=("trick",),
    )
    assert states(found) == {BASELINE: Status.MEASURED, "trick": Status.MEASURED}


@pytest.mark.parametrize("failing", ["baseline", "reference", "apart"])
def test_what_fails_as_a_whole(failing: str) -> None:
    """A baseline or reference that raises, or variants apart without processes, fail the case with the
    reason."""
    claim = Claim("X", "a tip", "x.py", "bench_x", apart=failing == "apart")
    found = taken(
        {BASELINE: boom if failing == "baseline" else lambda: 1, "tip": lambda: 1, "gone": Unavailable("no")},
        claim=claim,
        reference=boom if failing == "reference" else None,
    )
    assert found.status is Status.FAILED
    assert ("processes of their own" if failing == "apart" else "boom") in found.reason
    assert states(found) == {"tip": Status.FAILED, "gone": Status.SKIPPED}


def test_a_wrong_variant_leaves_the_case_measured() -> None:
    """A variant that disagrees is wrong; the case is not."""
    found = taken({BASELINE: lambda: 1, "tip": lambda: 2, "trick": lambda: 1})
    assert found.status is Status.MEASURED
    assert states(found) == {BASELINE: Status.MEASURED, "tip": Status.WRONG, "trick": Status.MEASURED}


def test_own_processes_start_in_random_order() -> None:
    """No variant's process is always the first: the seed decides which starts when."""
    first = set()

    def refuse(_claim: Claim, names: Sequence[str], _stack: ExitStack) -> dict[str, Any]:
        first.add(names[0])
        raise LookupError

    claim = Claim("X", "a tip", "x.py", "bench_x", apart=True)
    for seed in range(20):
        taken({BASELINE: lambda: 1, "tip": lambda: 1}, claim=claim, own_processes=refuse, seed=seed)
    assert first == {BASELINE, "tip"}


def test_a_loader_is_watched_for_cpu_seconds() -> None:
    """A loader's rounds carry the CPU-seconds of the process tree; others do not."""
    claim = Claim("X", "a tip", "x.py", "bench_x", loader=True)
    for stated, expected in ((claim, True), (CLAIM, False)):
        found = taken({BASELINE: lambda: 1, "tip": lambda: 1}, claim=stated)
        assert all(("cpu_seconds" in trial.samples) is expected for trial in found.trials)


def test_inputs_are_seeded_by_the_case() -> None:
    """The seed of a case's inputs is the same in every process and differs from case to case."""
    assert seed_of("x.py::bench[a]") == 1955981551
    assert seed_of("x.py::bench[a]") != seed_of("x.py::bench[b]")
    assert seed_of("caf\udce9.py::bench") != seed_of("caf\udce8.py::bench"), "a file's name need not be UTF-8"
