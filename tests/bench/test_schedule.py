"""The schedule: what comes next, from what is known and the seconds that are left."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from harness.bench.schedule import FIRST_GUESS, CaseProgress, CountingPass, Invocation, IsolatedPass, Schedule
from harness.bench.settings import PROFILES
from harness.model import BASELINE, Claim, Measurement, Outcome, Status, Trial, Work

VARIANTS = (BASELINE, "tip", "trick")
PLENTY = 1e6
LOOKS = (7, 14, 28)


def case_progress(
    name: str, *, loader: bool = False, metric: str = "seconds", apart: bool = False
) -> CaseProgress:
    """A case that nothing is known of yet."""
    claim = Claim(name, "a tip", f"{name}.py", "bench", metric, margin=0.02, loader=loader, apart=apart)
    return CaseProgress(f"{name}.py::bench", claim, VARIANTS)


def unit(
    of: CaseProgress, invocation: int, seconds: float = 1.0, status: Status = Status.MEASURED, **ratios: float
) -> Measurement:
    """One invocation of a case; a variant's time is its ratio to the baseline's, or it failed where that is
    0."""
    trials = [Trial(BASELINE, samples={"seconds": (1.0,) * 6}, exact={"peak_bytes": 8.0})]
    for name in VARIANTS[1:]:
        ratio = ratios.get(name, 0.5)
        trials.append(
            Trial(name, samples={"seconds": (ratio,) * 6}, exact={"peak_bytes": 4.0})
            if ratio
            else Trial(name, Status.FAILED, "boom")
        )
    kept = tuple(trials) if status is Status.MEASURED else ()
    return Measurement(of.case, of.claim.name, invocation, status, "", kept, seconds=seconds)


def survey(of: CaseProgress, variant: str, status: Status = Status.MEASURED) -> Measurement:
    """An isolated pass."""
    return Measurement(of.case, of.claim.name, 99, trials=(Trial(variant, status),), seconds=3.0, survey=True)


def schedule(*progress: CaseProgress, units: int = 28, solo: bool = False) -> Schedule:
    """A schedule whose processes start in no time, which keeps sums simple."""
    made = Schedule(progress, units=units, solo=solo)
    made.start_up = {False: 0.0, True: 0.0}
    return made


def open_unit(of: CaseProgress, invocation: int, seconds: float = 1.0) -> Measurement:
    """A unit of a variant whose effect comes and goes, so that no look decides it."""
    return unit(of, invocation, seconds, tip=1.0 if invocation % 2 else 1.3, trick=0.5)


def names(step: object) -> list[str]:
    """The claims of an invocation."""
    assert isinstance(step, Invocation)
    return [case.partition(".")[0] for case, _ in step.cases]


# --- order ------------------------------------------------------------------------------------------------------------


def test_compute_comes_before_loaders() -> None:
    """As long as a case without a loader is open and affordable, no loader is measured."""
    made = schedule(loader := case_progress("L", loader=True), compute := case_progress("C"))
    assert names(made.next(PLENTY)) == ["C"]
    made.add([unit(compute, n) for n in range(6)])
    assert names(made.next(PLENTY)) == ["C"]
    made.add([unit(compute, 7)])
    assert names(made.next(PLENTY)) == ["L"]
    assert loader.units == 0


def test_every_loader_has_a_unit_before_any_has_two() -> None:
    """The loaders' first units come together; with them measured, all go on."""
    loaders = [case_progress(name, loader=True) for name in "ABC"]
    made = schedule(*loaders)
    assert names(made.next(PLENTY)) == ["A", "B", "C"]
    made.add([open_unit(loaders[0], 1)])
    assert names(made.next(PLENTY)) == ["B", "C"]
    made.add([open_unit(loaders[1], 1), open_unit(loaders[2], 1)])
    assert sorted(names(made.next(PLENTY))) == ["A", "B", "C"]


def test_first_units_as_many_as_fit() -> None:
    """Of the loaders' first units as many are started as fit what is left."""
    made = schedule(*(case_progress(name, loader=True) for name in "ABC"))
    guess = FIRST_GUESS[True]
    assert names(made.next(2.5 * guess)) == ["A", "B"]
    assert made.next(0.5 * guess) is None


@pytest.mark.parametrize("loader", [False, True])
def test_too_little_time_for_a_verdict(loader: bool) -> None:
    """Where no case can reach a look, those not yet measured get a first unit, compute before loaders."""
    made = schedule(one := case_progress("A", loader=loader), case_progress("B", loader=loader))
    guess = FIRST_GUESS[loader]
    assert names(made.next(2.5 * guess)) == ["A", "B"]
    assert names(made.next(1.5 * guess)) == ["A"]
    made.add([open_unit(one, 1, seconds=guess)])
    assert names(made.next(2.5 * guess)) == ["B"]


@pytest.mark.parametrize("loader", [False, True])
def test_those_nearest_to_their_look_are_seen_through(loader: bool) -> None:
    """Where not all can be decided, those that are cheapest to decide are chosen, in that order."""
    expensive, cheap, near = (case_progress(name, loader=loader) for name in ("expensive", "cheap", "near"))
    made = schedule(expensive, cheap, near)
    made.add([open_unit(expensive, 1, seconds=5.0), open_unit(cheap, 1, seconds=1.0)])
    made.add([open_unit(near, n, seconds=4.0) for n in range(6)])
    assert names(made.next(10.0)) == ["near", "cheap"]
    assert names(made.next(9.9)) == ["near"]
    assert names(made.next(PLENTY)) == ["near", "cheap", "expensive"]
    assert made.next(3.9) is None


def test_starting_processes_counts() -> None:
    """The seconds that processes need to start are part of the price, once for all cases of an invocation."""
    made = schedule(one := case_progress("A"), other := case_progress("B"))
    made.start_up = {False: 2.0, True: 0.0}
    made.add([open_unit(one, 1), open_unit(other, 1)])
    assert names(made.next(12.0 + 12.0)) == ["A", "B"]
    assert names(made.next(6.0 + 12.0)) == ["A"]
    assert made.next(17.9) is None


@given(
    st.lists(st.tuples(st.booleans(), st.integers(0, 27), st.floats(0.1, 50.0)), min_size=1, max_size=6),
    st.floats(0.0, 2000.0),
    st.floats(0.0, 10.0),
)
@example([(False, 0, 1.0)], 5.0, 0.0)
@example([(False, 6, 1.0), (False, 6, 5.0)], 5.5, 0.0)
@example([(True, 6, 1.0), (True, 6, 5.0)], 15.9, 10.0)
def test_no_step_starts_that_cannot_reach_its_look(
    cases: list[tuple[bool, int, float]], left: float, start_up: float
) -> None:
    """Whatever is chosen beyond a first unit could be measured up to its next look within what is left."""
    progress = [case_progress(str(index), loader=loader) for index, (loader, _, _) in enumerate(cases)]
    made = schedule(*progress)
    made.start_up = {False: start_up, True: start_up}
    for one, (_, units, seconds) in zip(progress, cases, strict=True):
        one.measurements = [open_unit(one, n, seconds) for n in range(units)]
        made.add(one.measurements[:0])
        one.verdicts = ()
        if units:
            last = one.measurements.pop()
            made.add([last])
    step = made.next(left)
    if not isinstance(step, Invocation):
        return
    chosen = [made.cases[case] for case, _ in step.cases]
    if (
        all(not one.units for one in chosen)
        and start_up + sum(FIRST_GUESS[one.claim.loader] for one in chosen) <= left
    ):
        return  # an effect without a verdict, where there is time for no more
    to_look = {one.case: min(look for look in LOOKS if look > one.units) - one.units for one in chosen}
    assert (
        sum(to_look[one.case] * one.seconds for one in chosen) + max(to_look.values()) * start_up
        <= left + 1e-9
    )


# --- who leaves -------------------------------------------------------------------------------------------------------


def test_decided_variants_leave() -> None:
    """After a look, only the variants that it did not decide are measured on."""
    made = schedule(one := case_progress("A"))
    assert made.next(PLENTY) == Invocation(((one.case, None),))
    fallen = made.add([open_unit(one, n) for n in range(7)])
    assert [(verdict.variant, verdict.outcome) for verdict in fallen] == [("trick", Outcome.HOLDS)]
    assert made.next(PLENTY) == Invocation(((one.case, ("tip",)),))


def test_a_verdict_falls_once() -> None:
    """A verdict is announced when it falls, and not again."""
    made = schedule(one := case_progress("A"))
    assert made.add([open_unit(one, n) for n in range(6)]) == []
    assert len(made.add([open_unit(one, 6)])) == 1
    assert made.add([open_unit(one, 7)]) == []


def test_decided_cases_leave() -> None:
    """A case whose variants are all decided is not measured again, and is no longer open."""
    made = schedule(one := case_progress("A"), other := case_progress("B"))
    made.add([unit(one, n) for n in range(7)])
    assert names(made.next(PLENTY)) == ["B"]
    assert made.open_count() == 1
    made.add([unit(other, n) for n in range(7)])
    assert made.next(PLENTY) is None
    assert made.open_count() == 0


@pytest.mark.parametrize("status", [Status.FAILED, Status.TIMED_OUT, Status.SKIPPED, Status.WRONG])
def test_stopped_cases_leave(status: Status) -> None:
    """A case that failed, ran out of time or was skipped is not tried again."""
    made = schedule(one := case_progress("A"))
    fallen = made.add([unit(one, 1, status=status)])
    assert len(fallen) == 1
    assert made.next(PLENTY) is None


def test_a_failed_variant_leaves_alone() -> None:
    """A variant that failed is decided; the other goes on."""
    made = schedule(one := case_progress("A"))
    made.add([unit(one, n, tip=0.0, trick=1.0 if n % 2 else 1.3) for n in range(2)])
    assert made.next(PLENTY) == Invocation(((one.case, ("trick",)),))


def test_the_last_look_is_the_last() -> None:
    """After 28 units what is open stays open, and nothing more is measured."""
    made = schedule(one := case_progress("A"))
    made.add([open_unit(one, n) for n in range(28)])
    assert made.next(PLENTY) is None


def test_exact_claims_stay_for_their_times() -> None:
    """A claim about memory is decided by its first reading, and stays, with all variants, for seven units of
    times."""
    made = schedule(one := case_progress("M", metric="peak_bytes"))
    fallen = made.add([unit(one, 1)])
    assert {verdict.outcome for verdict in fallen} == {Outcome.HOLDS}
    for n in range(2, 8):
        assert made.next(PLENTY) == Invocation(((one.case, None),))
        made.add([unit(one, n)])
    assert made.next(PLENTY) is None


def test_exact_claims_that_failed_do_not_stay() -> None:
    """Where every variant of an exact claim failed there are no times to stay for."""
    made = schedule(one := case_progress("M", metric="peak_bytes"))
    made.add([unit(one, 1, tip=0.0, trick=0.0)])
    assert made.next(PLENTY) is None


# --- solo passes ------------------------------------------------------------------------------------------------------


def test_solos_come_last() -> None:
    """While units fit they go on; with too little left for a look, solo passes are made as long as one
    fits."""
    made = schedule(one := case_progress("L", loader=True), solo=True)
    assert isinstance(made.next(PLENTY), Invocation)
    made.add([open_unit(one, 1, seconds=100.0)])
    made.solo_seconds = 12.0
    assert isinstance(made.next(PLENTY), Invocation)
    for variant in VARIANTS:
        assert made.next(12.5) == IsolatedPass(one.case, variant)
        assert made.next(11.5) is None
        made.add([survey(one, variant)])
    assert made.next(12.5) is None
    assert one.units == 1


def test_a_failed_solo_is_not_repeated() -> None:
    """A pass whose variant failed in it counts as made, and does not stop the case."""
    made = schedule(one := case_progress("L", loader=True), solo=True)
    made.add([open_unit(one, 1, seconds=100.0), survey(one, BASELINE, Status.FAILED)])
    assert made.next(13.0) == IsolatedPass(one.case, "tip")
    made.add([survey(one, name) for name in ("tip", "trick")])
    assert isinstance(made.next(PLENTY), Invocation)


def test_solos_of_what_was_measured_only() -> None:
    """A variant that failed has no solo pass."""
    made = schedule(one := case_progress("L", loader=True), solo=True)
    made.add([unit(one, 1, seconds=100.0, tip=0.0), survey(one, BASELINE)])
    assert made.next(13.0) == IsolatedPass(one.case, "trick")


def test_no_solos_but_of_loaders_together() -> None:
    """Cases without a loader and runs without solo passes have none."""
    for one, solo in (
        (case_progress("C"), True),
        (case_progress("L", loader=True), False),
    ):
        made = schedule(one, solo=solo)
        made.add([open_unit(one, 1, seconds=100.0)])
        assert made.next(13.0) is None


# --- passes that count -----------------------------------------------------------------------------------------------


def test_counting_comes_last_and_joules_last_of_all() -> None:
    """When all is decided, launches of every case are counted at once, and then joules of what does
    arithmetic."""
    one, two, three = case_progress("C"), case_progress("D"), case_progress("E")
    made = Schedule([one, two, three], units=28, solo=False, counts=("launches", "joules"))
    made.start_up = {False: 0.0, True: 0.0}
    assert isinstance(made.next(PLENTY), Invocation)
    made.add([unit(of, 0) for of in (one, two)])
    assert isinstance(
        made.next(PLENTY), Invocation
    )  # there is something to count, and nothing is decided yet
    decided = [unit(of, n) for of in (one, two) for n in range(1, 7)]
    decided = [replace(m, work=Work(flops=1e9)) if m.claim == "C" else m for m in decided]
    failed = [unit(three, n, status=Status.FAILED) for n in range(7)]
    made.add([*decided, *failed])
    assert made.next(PLENTY) == CountingPass("launches", ((one.case, VARIANTS), (two.case, VARIANTS)))
    assert made.next(PLENTY) == CountingPass("joules", ((one.case, VARIANTS),))
    assert made.next(PLENTY) is None


def test_a_pass_that_counts_is_no_price_of_a_unit() -> None:
    """Joules take seconds a variant: a unit costs what the latest unit cost, and one more still fits."""
    one = case_progress("C")
    made = schedule(one)
    made.add([open_unit(one, n, seconds=0.5) for n in range(7)])
    made.add([replace(survey(one, "tip"), seconds=50.0)])
    assert one.seconds == 0.5
    assert names(made.next(3.5)) == ["C"]


def test_as_much_is_counted_as_fits() -> None:
    """Cases that do not fit are left for later, and nothing is counted twice; the time it took is learned
    from."""
    one, two = case_progress("C"), case_progress("D")
    made = Schedule([one, two], units=28, solo=False, counts=("joules",))
    made.start_up = {False: 1.0, True: 1.0}
    made.add([replace(unit(of, n), work=Work(flops=1e9)) for of in (one, two) for n in range(7)])
    made.count_seconds["joules"] = 5.0
    assert made.next(15.9) is None
    assert made.next(16.0) == CountingPass("joules", ((one.case, VARIANTS),))
    made.count_seconds["joules"] = 4.0
    assert made.next(12.9) is None
    assert made.next(13.0) == CountingPass("joules", ((two.case, VARIANTS),))
    assert made.next(PLENTY) is None


@pytest.mark.parametrize(("counts", "loader"), [((), False), (("launches", "joules"), True)])
def test_nothing_is_counted_on_a_cpu_or_of_loaders(counts: tuple[str, ...], loader: bool) -> None:
    """Without a GPU there is nothing to count, and a loader's launches are its step's."""
    made = Schedule([one := case_progress("C", loader=loader)], units=28, solo=False, counts=counts)
    made.add([unit(one, n) for n in range(7)])
    assert made.next(PLENTY) is None


# --- the shortest run, and nothing ------------------------------------------------------------------------------------


def test_smoke_is_one_unit_of_everything() -> None:
    """The smoke profile measures each case once, without solo passes, and is done."""
    smoke = PROFILES["smoke"]
    loader, compute = case_progress("L", loader=True), case_progress("C")
    made = schedule(loader, compute, units=smoke.units, solo=smoke.solo)
    assert names(made.next(100.0)) == ["C"]
    made.add([open_unit(compute, 1)])
    assert names(made.next(100.0)) == ["L"]
    made.add([open_unit(loader, 1)])
    assert made.next(PLENTY) is None


def test_nothing_to_do() -> None:
    """Without cases, or without time, there is no step."""
    assert schedule().next(PLENTY) is None
    assert schedule(case_progress("C"), case_progress("L", loader=True)).next(0.0) is None
