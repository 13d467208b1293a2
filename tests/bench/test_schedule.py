"""The schedule: what comes next, from what is known and the seconds that are left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from harness.bench.order import CARD
from harness.bench.plan import CaseProgress, CountingPass, Invocation, IsolatedPass
from harness.bench.prices import FIRST_GUESS
from harness.bench.schedule import Schedule
from harness.bench.settings import PROFILES, effort
from harness.claims.folder import read
from harness.judge import Thresholds
from harness.measure.limits import LOADER_BLOCKS
from harness.model import (
    BASELINE,
    Claim,
    Comparison,
    Measurement,
    Outcome,
    Status,
    Trial,
    Verdict,
    Work,
)
from tests.support.living import ROOT
from tests.support.scheduled import Known, ScriptedRun

VARIANTS = (BASELINE, "tip", "trick")
PLENTY = 1e6
LOOKS = Thresholds().looks
GUESS = {loader: len(VARIANTS) * seconds for loader, seconds in FIRST_GUESS.items()}


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
    made.prices.start_up = {False: 0.0, True: 0.0}
    return made


def open_unit(of: CaseProgress, invocation: int, seconds: float = 1.0) -> Measurement:
    """A unit of a variant whose effect comes and goes, so that no look decides it."""
    return unit(of, invocation, seconds, tip=1.0 if invocation % 2 else 1.3, trick=0.5)


def names(step: object) -> list[str]:
    """The claims of an invocation."""
    assert isinstance(step, Invocation)
    return [case.partition(".")[0] for case, _ in step.cases]


# --- order --------------------------------------------------------------------------------------------------


def test_every_case_has_a_first_unit_before_any_has_a_second() -> None:
    """Where the budget holds one of each and more: loaders after the others, in processes of their own, and
    of either kind those of the card first."""
    given = {name: case_progress(name, loader=name[0] == "L") for name in ("C9", "L9", "C2", "L1")}
    made = schedule(*given.values())
    for expected in ("C2", "C9", "L1", "L9"):
        assert names(made.next(PLENTY)) == [expected]
        made.add([open_unit(given[expected], 1)])
    assert [len(made.cases[each.case].measurements) for each in given.values()] == [1] * 4


def test_claims_of_the_card_come_first_then_the_nearest_verdict() -> None:
    """Of two cases the one of the card goes first although it costs more; of others the cheaper one does."""
    given = [case_progress(name) for name in ("X1", "X2", "C4")]
    made = schedule(*given)
    made.add([open_unit(each, 1, seconds) for each, seconds in zip(given, (2.0, 1.0, 3.0), strict=True)])
    assert names(made.next(PLENTY)) == ["C4", "X2", "X1"]
    left = (LOOKS[0] - 1) * 3.0
    assert names(made.next(left)) == ["C4"]
    assert names(made.next(left - 0.1)) == ["X2"]


def test_each_claim_of_the_card_has_a_case_before_any_has_two() -> None:
    """The cheapest case of each that has no verdict yet goes first; expensive ones of the card have no
    precedence."""
    prices = {"L1[a]": 5.0, "L1[b]": 4.0, "L3[a]": 9.0, "X": 1.0}
    given = [case_progress(name, loader=True) for name in prices]
    for each, name in zip(given, prices, strict=True):
        each.claim = replace(each.claim, name=name.partition("[")[0])
    made = schedule(*given)
    made.add([open_unit(each, 1, price) for each, price in zip(given, prices.values(), strict=True)])
    first_look = LOOKS[0] - 1
    assert names(made.next(PLENTY)) == ["L1[b]", "L3[a]", "L1[a]", "X"]
    assert names(made.next(first_look * 14.0)) == ["L1[b]", "L3[a]", "X"]


def test_the_card_names_claims_that_exist() -> None:
    """A claim that was renamed would lose its place without a word."""
    there = {claim.name for claim in read(ROOT / "benchmarks").claims}
    assert there.issuperset(CARD)


def test_a_short_budget_goes_to_verdicts() -> None:
    """Where first units of every case would take most of what is left, what can be decided is, card first;
    the rest have a first unit with what that leaves."""
    card, other = case_progress("C2"), case_progress("X")
    late = [case_progress(f"L{n}", loader=True) for n in range(6, 10)]
    made = schedule(card, other, *late)
    left = 1.5 * LOOKS[0] * GUESS[False]
    assert names(made.next(left)) == ["C2"]
    made.add([unit(card, n, seconds=GUESS[False]) for n in range(LOOKS[0])])
    assert names(made.next(1.5 * GUESS[True])) == ["X"]
    made.add([open_unit(other, 1, seconds=GUESS[True])])
    assert names(made.next(GUESS[True])) == ["L6"]
    assert made.unreached() == (4, 4 * GUESS[True])


def foreseen(of: CaseProgress, **more_units: int) -> None:
    """The case has so many units, and its variants are open for so many more."""
    found = Comparison("seconds", units=of.units, ratio=1.1)
    of.verdicts = tuple(
        Verdict(of.case, of.claim.name, name, Outcome.INCONCLUSIVE, "", found, more)
        for name, more in more_units.items()
    )


def test_what_no_look_will_decide_comes_last() -> None:
    """A case whose effect sits at the margin waits for all others, however cheap it is."""
    stuck, slow = case_progress("C2"), case_progress("X")
    made = schedule(stuck, slow)
    made.add([open_unit(stuck, n, 0.1) for n in range(LOOKS[0])])
    made.add([open_unit(slow, 1, seconds=20.0)])
    foreseen(stuck, tip=1000, trick=LOOKS[-1])
    assert names(made.next(PLENTY)) == ["X", "C2"]


def test_variants_that_can_be_decided_go_on_alone() -> None:
    """Seconds are spent on what a look will decide; what is out of reach goes on when that is done."""
    made = schedule(one := case_progress("A"))
    made.add([open_unit(one, n) for n in range(LOOKS[0])])
    foreseen(one, tip=LOOKS[1] - LOOKS[0], trick=1000)
    assert made.next(PLENTY) == Invocation(((one.case, ("tip",)),))
    foreseen(one, tip=2000, trick=1000)
    assert made.next(PLENTY) == Invocation(((one.case, ("tip", "trick")),))


def test_seconds_for_each_verdict_decide_how_far_one_looks() -> None:
    """Three variants that fall together at a later look are worth more than one that falls sooner."""
    near, many = case_progress("X"), case_progress("Y")
    made = schedule(near, many)
    made.add([open_unit(each, 1, seconds=3.0) for each in (near, many)])
    foreseen(near, tip=6, trick=1000)
    foreseen(many, tip=7, trick=7)
    assert names(made.next(PLENTY)) == ["Y", "X"]
    foreseen(many, tip=9, trick=9)
    assert names(made.next(PLENTY)) == ["X", "Y"]


def test_the_price_of_a_case_goes_by_the_variants_it_still_has() -> None:
    """A unit of one of two variants costs two thirds; kinds that were measured tell what others cost."""
    known, fresh = case_progress("A"), case_progress("B")
    made = schedule(known, fresh, case_progress("L", loader=True))
    made.add([unit(known, 1, seconds=6.0)])
    assert made.prices.unit(known, 2) == pytest.approx(4.0)
    assert made.prices.unit(fresh, 3) == pytest.approx(6.0)
    assert made.prices.unit(made.cases["L.py::bench"], 3) == GUESS[True]


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
    guess = GUESS[True]
    assert names(made.next(2.5 * guess)) == ["A", "B"]
    assert made.next(0.5 * guess) is None


@pytest.mark.parametrize("loader", [False, True])
def test_too_little_time_for_a_verdict(loader: bool) -> None:
    """Where no case can reach a look, those not yet measured get a first unit, compute before loaders."""
    made = schedule(one := case_progress("A", loader=loader), case_progress("B", loader=loader))
    guess = GUESS[loader]
    assert names(made.next(2.5 * guess)) == ["A", "B"]
    assert names(made.next(1.5 * guess)) == ["A"]
    made.add([open_unit(one, 1, seconds=guess)])
    assert names(made.next(2.5 * guess)) == ["B"]


@pytest.mark.parametrize("loader", [False, True])
def test_those_nearest_to_their_look_are_seen_through(loader: bool) -> None:
    """Where not all can be decided, those that are cheapest to decide are chosen, in that order."""
    expensive, cheap, near = (case_progress(name, loader=loader) for name in ("expensive", "cheap", "near"))
    made = schedule(expensive, cheap, near)
    made.add([open_unit(expensive, 1, seconds=5.0), open_unit(cheap, 1, seconds=3.0)])
    made.add([open_unit(near, n, seconds=4.0) for n in range(LOOKS[0] - 1)])
    assert names(made.next(10.0)) == ["near", "cheap"]
    assert names(made.next(9.9)) == ["near"]
    assert names(made.next(PLENTY)) == ["near", "cheap", "expensive"]
    assert made.next(3.9) is None


def test_starting_processes_counts() -> None:
    """The seconds that processes need to start are part of the price, once for all cases of an invocation."""
    made = schedule(one := case_progress("A"), other := case_progress("B"))
    made.prices.start_up = {False: 2.0, True: 0.0}
    made.add([open_unit(one, 1), open_unit(other, 1)])
    assert names(made.next(4.0 + 4.0)) == ["A", "B"]
    assert names(made.next(2.0 + 4.0)) == ["A"]
    assert made.next(5.9) is None


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
    made.prices.start_up = {False: start_up, True: start_up}
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
    priced = [
        (made.cases[case], made.prices.unit(made.cases[case], 3 if names is None else 1 + len(names)))
        for case, names in step.cases
    ]
    assert len({one.claim.loader for one, _ in priced}) == 1
    if (
        all(not one.units for one, _ in priced)
        and start_up + sum(price for _, price in priced) <= left + 1e-9
    ):
        return  # an effect without a verdict, where there is time for no more
    to_look = [min(look for look in LOOKS if look > one.units) - one.units for one, _ in priced]
    spent = sum(look * price for look, (_, price) in zip(to_look, priced, strict=True))
    assert spent + max(to_look) * start_up <= left + 1e-9


# --- who leaves ---------------------------------------------------------------------------------------------


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
    first = LOOKS[0]
    assert made.add([open_unit(one, n) for n in range(first - 1)]) == []
    assert len(made.add([open_unit(one, first - 1)])) == 1
    assert made.add([open_unit(one, first)]) == []


def test_a_case_is_judged_beside_the_others() -> None:
    """Three units that leave an effect open by themselves decide it once two other cases vary as little, and
    the verdict falls when the second of those is measured."""
    one, *others = (case_progress(name) for name in "ABC")
    made = schedule(one, *others)
    wobbling = [unit(one, n, tip=1.07 + 0.01 * n, trick=0.5) for n in range(LOOKS[0])]
    assert [verdict.variant for verdict in made.add(wobbling)] == ["trick"]
    for other in others:
        fallen = made.add(
            [unit(other, n, tip=1.0 + 0.01 * n, trick=0.5 + 0.005 * n) for n in range(LOOKS[0])]
        )
    assert ("A", "tip", Outcome.FAILS) in [(each.claim, each.variant, each.outcome) for each in fallen]


def test_decided_cases_leave() -> None:
    """A case whose variants are all decided is not measured again, and is no longer open."""
    made = schedule(one := case_progress("A"), other := case_progress("B"))
    made.add([unit(one, n) for n in range(7)])
    assert names(made.next(PLENTY)) == ["B"]
    assert len(made.open()) == 1
    made.add([unit(other, n) for n in range(7)])
    assert made.next(PLENTY) is None
    assert len(made.open()) == 0


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
    """A claim about memory is decided by its first reading, and stays, with all variants, for as many
    units of times as a first look takes."""
    made = schedule(one := case_progress("M", metric="peak_bytes"))
    fallen = made.add([unit(one, 1)])
    assert {verdict.outcome for verdict in fallen} == {Outcome.HOLDS}
    for n in range(2, LOOKS[0] + 1):
        assert made.next(PLENTY) == Invocation(((one.case, None),))
        made.add([unit(one, n)])
    assert made.next(PLENTY) is None


def test_exact_claims_that_failed_do_not_stay() -> None:
    """Where every variant of an exact claim failed there are no times to stay for."""
    made = schedule(one := case_progress("M", metric="peak_bytes"))
    made.add([unit(one, 1, tip=0.0, trick=0.0)])
    assert made.next(PLENTY) is None


# --- solo passes --------------------------------------------------------------------------------------------


def test_solos_come_last() -> None:
    """While units fit they go on; with too little left for a look, solo passes are made as long as one
    fits."""
    made = schedule(one := case_progress("L", loader=True), solo=True)
    assert isinstance(made.next(PLENTY), Invocation)
    made.add([open_unit(one, 1, seconds=100.0)])
    made.prices.solo = 12.0
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


# --- passes that count --------------------------------------------------------------------------------------


def test_counting_comes_last_and_joules_last_of_all() -> None:
    """When all is decided, launches of every case are counted at once, and then joules of what does
    arithmetic."""
    one, two, three = case_progress("C"), case_progress("D"), case_progress("E")
    made = Schedule([one, two, three], units=28, solo=False, counts=("launches", "joules"))
    made.prices.start_up = {False: 0.0, True: 0.0}
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
    assert made.prices.unit(one, len(VARIANTS)) == pytest.approx(0.5)
    assert names(made.next(3.5)) == ["C"]


def test_as_much_is_counted_as_fits() -> None:
    """Cases that do not fit are left for later, and nothing is counted twice; the time it took is learned
    from."""
    one, two = case_progress("C"), case_progress("D")
    made = Schedule([one, two], units=28, solo=False, counts=("joules",))
    made.prices.start_up = {False: 1.0, True: 1.0}
    made.add([replace(unit(of, n), work=Work(flops=1e9)) for of in (one, two) for n in range(7)])
    made.prices.count["joules"] = 5.0
    assert made.next(15.9) is None
    assert made.next(16.0) == CountingPass("joules", ((one.case, VARIANTS),))
    made.prices.count["joules"] = 4.0
    assert made.next(12.9) is None
    assert made.next(13.0) == CountingPass("joules", ((two.case, VARIANTS),))
    assert made.next(PLENTY) is None


def test_nothing_is_weighed_before_its_case_has_a_verdict() -> None:
    """While a unit of anything fits, no memory is read, nothing is counted and nothing runs alone."""
    given = [case_progress("C"), case_progress("L", loader=True)]
    made = Schedule(given, units=28, solo=True, counts=("peak_bytes", "launches"))
    made.prices.start_up = {False: 0.0, True: 0.0}
    for each in given:
        for n in range(LOOKS[0]):
            assert isinstance(made.next(PLENTY), Invocation)
            made.add([unit(each, n)])
    assert made.next(PLENTY) == CountingPass("peak_bytes", ((given[0].case, VARIANTS),))
    for variant in VARIANTS:
        assert made.next(PLENTY) == IsolatedPass(given[1].case, variant)
        made.add([survey(given[1], variant)])
    assert made.next(PLENTY) == CountingPass("launches", ((given[0].case, VARIANTS),))


def test_what_is_decided_is_weighed_before_what_is_open() -> None:
    """Where too little is left for another look, passes go to cases with a verdict first."""
    open_, decided = case_progress("C"), case_progress("D")
    made = Schedule([open_, decided], units=28, solo=False, counts=("peak_bytes",))
    made.prices.start_up = {False: 0.0, True: 0.0}
    made.add([open_unit(open_, 1, seconds=50.0), *(unit(decided, n) for n in range(LOOKS[0]))])
    each = len(VARIANTS) * made.prices.count["peak_bytes"]
    assert made.next(1.5 * each) == CountingPass("peak_bytes", ((decided.case, VARIANTS),))


def test_a_claim_about_bytes_is_weighed_by_its_first_unit_alone() -> None:
    """Its reading is its verdict; no pass takes it again."""
    made = Schedule(
        [one := case_progress("M", metric="peak_bytes")], units=28, solo=False, counts=("peak_bytes",)
    )
    made.add([unit(one, n) for n in range(LOOKS[0])])
    assert one.weighs
    assert made.next(PLENTY) is None


@pytest.mark.parametrize(("counts", "loader"), [((), False), (("launches", "joules"), True)])
def test_nothing_is_counted_on_a_cpu_or_of_loaders(counts: tuple[str, ...], loader: bool) -> None:
    """Without a GPU there is nothing to count, and a loader's launches are its step's."""
    made = Schedule([one := case_progress("C", loader=loader)], units=28, solo=False, counts=counts)
    made.add([unit(one, n) for n in range(7)])
    assert made.next(PLENTY) is None


# --- whole runs on a clock by script ------------------------------------------------------------------------


def cookbook(scale: float = 1.0) -> list[Known]:
    """As many cases as the cookbook has on a machine without a GPU, arithmetic and loaders."""
    arithmetic = {"C2": 3, "C4": 2, "C5": 2, "L15": 2, "L16": 1}
    loaders = {**{f"L{n}": 2 for n in (6, 7, 9, 11, 12, 13, 14, 17)}, "L1": 3, "L3": 2, "L4": 2, "L5": 1}
    known = [Known("M1", str(n), seconds=0.2, metric="peak_bytes") for n in range(8)]
    known += [
        Known(name, str(n), seconds=0.3 * scale, effects=(-0.4, 0.3))
        for name, count in arithmetic.items()
        for n in range(count)
    ]
    known += [
        Known(name, str(n), loader=True, seconds=1.2 * scale, effects=(-0.6, 0.4))
        for name, count in loaders.items()
        for n in range(count)
    ]
    return known


def scripted(known: Sequence[Known], **more: Any) -> ScriptedRun:
    """A run of these cases by the standard profile."""
    made = Schedule([each.progress() for each in known], units=28, solo=True, counts=("peak_bytes",))
    return ScriptedRun(made, known, **more)


def test_ten_minutes_reach_every_case() -> None:
    """Every case has its first unit in the first third, whatever the card says, and none is left without."""
    played = scripted(cookbook())
    taken = list(played.play(600.0))
    assert played.schedule.unreached() == (0, 0.0)
    first: dict[str, float] = {}
    for one in taken:
        if isinstance(one.step, Invocation):
            for case, _ in one.step.cases:
                first.setdefault(case, one.end)
    assert max(first.values()) < 200.0
    assert played.now <= 600.0


def test_the_card_is_decided_first() -> None:
    """Where not everything can be decided, what is left open is not the card's: each of its claims has
    verdicts."""
    played = scripted(cookbook())
    assert [one for one in played.play(240.0) if one.decided]
    open_ = {progress.claim.name for progress in played.schedule.open() if progress.undecided()}
    assert open_
    assert not open_ & set(CARD)


def test_two_minutes_decide_what_they_can() -> None:
    """A budget that cannot hold a unit of every case has verdicts all the same, those of the card above all,
    and says what the rest would take."""
    played = scripted(cookbook())
    fallen = [verdict for one in played.play(120.0) for verdict in one.decided]
    assert {"C2", "C4", "C5", "M1"} <= {verdict.claim for verdict in fallen}
    assert len(fallen) >= 20
    cases, seconds = played.schedule.unreached()
    assert cases > 0
    assert seconds >= cases * 0.3
    assert played.now <= 120.0


def test_what_weighing_takes_is_no_units_price() -> None:
    """A first unit that is weighed for half a minute promises the next unit for its own seconds."""
    known = [Known("M1", effects=(-0.5,), metric="peak_bytes", seconds=0.5)]
    played = scripted(known, weighing=30.0)
    taken = list(played.play(600.0))
    assert [one.end - one.begin for one in taken[:2]] == [pytest.approx(35.0), pytest.approx(5.0)]
    assert played.schedule.prices.unit(next(iter(played.schedule.cases.values())), 2) == pytest.approx(1.0)
    assert sum(isinstance(one.step, Invocation) for one in taken) == LOOKS[0]


# --- the shortest run, and nothing --------------------------------------------------------------------------


def test_smoke_has_one_block_of_everything() -> None:
    """Nothing is decided by it, and so nothing is repeated; other profiles have six blocks and three."""
    for name, compute, loader in (("smoke", 1, 1), ("standard", 6, LOADER_BLOCKS)):
        limits = [effort(PROFILES[name], 60.0, 1000, loader=kind) for kind in (False, True)]
        assert limits[0].blocks(1.0) == compute
        assert limits[1].loader().blocks(1.0) == loader


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
