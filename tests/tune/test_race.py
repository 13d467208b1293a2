"""The race of settings: their places, which are eliminated or added, and the answer, on samples with a known
truth."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import exp, log

import numpy as np
import pytest

from harness.judge.racing import RaceRule, level, places
from harness.model import Certainty, LoaderSample, Setting
from harness.tune.race import FINAL_REPETITIONS, FINALISTS, HOPELESS, LEAST, Race, SettingsGrid

RULE = RaceRule()


def setting(kind: str = "dataloader", workers: int = 2, prefetch: int = 2) -> Setting:
    return Setting(kind, workers, prefetch if workers else 0, 64)


# --- places -------------------------------------------------------------------------------------------------


def test_places_take_out_the_speed_of_a_repetition() -> None:
    """A repetition at half the speed changes no ratio."""
    found = places([{"a": 1.0, "b": 1.1}, {"a": 2.0, "b": 2.2}, {"b": 0.55, "a": 0.5}], RULE)
    assert [place.name for place in found] == ["a", "b"]
    assert found[0].ratio == pytest.approx(1.0)
    assert found[1].ratio == pytest.approx(1.1)


def test_places_connect_settings_that_never_met() -> None:
    """a is faster than b, b than c: c is behind a by both ratios, with wider bounds than b."""
    found = {place.name: place for place in places([{"a": 1.0, "b": 2.0}, {"b": 1.0, "c": 3.0}], RULE)}
    assert found["c"].ratio == pytest.approx(6.0)
    assert log(found["c"].high / found["c"].low) > log(found["b"].high / found["b"].low)


def test_places_against_another() -> None:
    """A setting that may be ahead by more than the margin is marked, with the same bounds the other way
    round."""
    repetitions = [{"a": 1.0, "b": 1.1, "c": 1.101}] * 8
    best = {place.name: place for place in places(repetitions, RULE)}
    found = {place.name: place for place in places(repetitions, RULE, "b")}
    assert found["b"].ratio == 1.0 and not found["b"].ahead
    assert found["a"].ratio == pytest.approx(1 / 1.1)
    assert found["a"].low == pytest.approx(1 / best["b"].high)
    assert found["a"].ahead and not best["b"].ahead
    with pytest.raises(ValueError, match="nobody"):
        places(repetitions, RULE, "nobody")


def test_one_repetition_is_enough_for_a_setting_far_behind_only() -> None:
    """Before any noise was measured, the known noise of samples decides."""
    found = {place.name: place for place in places([{"a": 1.0, "b": 1.9, "c": 1.08}], RULE)}
    assert found["b"].eliminated
    assert not found["c"].eliminated
    assert found["c"].high > 1 + RULE.margin


def test_the_measured_noise_takes_over() -> None:
    """Samples that hardly differ between repetitions make bounds tighter than the first guess, wild ones
    wider."""
    calm = places([{"a": 1.0, "b": 1.12}] * 8, RULE)[1]
    wild = places([{"a": 1.0, "b": 1.12 * exp(0.4 * (-1) ** number)} for number in range(8)], RULE)[1]
    assert calm.eliminated
    assert not wild.eliminated
    assert log(wild.high / wild.low) > 4 * log(calm.high / calm.low)


def test_bounds_hold_as_often_as_they_state() -> None:
    """Over many races with a known truth each one-sided bound is wrong in about its share of them."""
    random = np.random.default_rng(3)
    truth = {"a": 1.0, "b": 1.02, "c": 1.2}
    wrong_low = wrong_high = 0
    for _ in range(600):
        repetitions = [
            {name: float(seconds * exp(speed + random.normal(0, 0.03))) for name, seconds in truth.items()}
            for speed in random.normal(0, 0.2, 4)
        ]
        found = {place.name: place for place in places(repetitions, RULE)}
        ratio = truth["c"] / truth["a"] if found["a"].ratio == 1 else truth["c"] / truth["b"]
        wrong_low += found["c"].low > ratio
        wrong_high += found["c"].high < ratio
    assert wrong_low / 600 <= 0.04
    assert wrong_high / 600 <= 0.06  # the best of three is chosen for having been lucky


@pytest.mark.parametrize(
    ("repetitions", "message"),
    [
        ([], "without a sample"),
        ([{"a": 0.0}], "positive"),
        ([{"a": float("nan")}], "positive"),
        ([{"a": 1.0, "b": 1.0}, {"c": 1.0, "d": 1.0}], "in common"),
    ],
)
def test_places_of_what_is_not_a_race(repetitions: list[dict[str, float]], message: str) -> None:
    """No samples, a time that is not positive, and repetitions that nothing connects."""
    with pytest.raises(ValueError, match=message):
        places(repetitions, RULE)


def test_the_plateau_is_those_surely_within_the_margin() -> None:
    """Few samples show this of the best alone; many show it of all that the margin allows."""
    repetition = {"a": 1.0, "b": 1.02, "c": 1.031}
    assert [place.name for place in level(places([repetition] * 2, RULE))] == ["a"]
    assert [place.name for place in level(places([repetition] * 40, RULE))] == ["a", "b"]


# --- the race itself ----------------------------------------------------------------------------------------


def racing(
    truth: Callable[[Setting], float | str],
    axes: SettingsGrid,
    *,
    noise: float = 0.02,
    seed: int = 0,
    most: int = 10**6,
) -> tuple[Race, list[Setting]]:
    """A race over samples with a known truth; with every setting that ran, in order."""
    random = np.random.default_rng(seed)
    ran: list[Setting] = []

    def measure(settings: Sequence[Setting]) -> Mapping[Setting, LoaderSample | str]:
        speed = float(random.normal(0, 0.1))
        found: dict[Setting, LoaderSample | str] = {}
        for each in settings:
            ran.append(each)
            seconds = truth(each)
            found[each] = seconds if isinstance(seconds, str) else LoaderSample(
                float(seconds * exp(speed + random.normal(0, noise))), 64
            )  # fmt: skip
        return found

    race = Race(measure, axes, room=lambda settings: min(len(settings), max(0, most - len(ran))))
    race.run()
    return race, ran


AXES = SettingsGrid({"dataloader": (0, 1, 2, 4), "dali": (1, 2, 4)}, cores=2)


def two_cores(each: Setting) -> float:
    """What two cores do: no worker is 1.9 times slower than two, four gain nothing, DALI is 10 % faster."""
    shared = {0: 1.9, 1: 1.8, 2: 1.0, 4: 1.005}[each.workers]
    ahead = {0: 1.0, 1: 1.04, 2: 1.0, 4: 0.998}[each.prefetch]
    return 0.005 * shared * ahead * (0.9 if each.kind == "dali" else 1.0)


def test_the_smallest_of_the_good_ones_is_the_answer() -> None:
    """Four workers and deeper queues are a hair faster in truth: not worth it."""
    race, _ = racing(two_cores, AXES)
    assert race.answer() == Setting("dali", 2, 2, 64)


def test_most_of_the_grid_is_never_measured() -> None:
    """The race takes a fraction of the seconds that the full grid takes with eight samples each."""
    race, ran = racing(two_cores, AXES)
    grid = 8 * sum(two_cores(each) for each in AXES.grid())
    assert sum(two_cores(each) for each in ran) < 0.35 * grid
    assert race.results[Setting("dataloader", 1, 2, 64).name] != []


def test_the_answer_is_as_good_as_the_best_again_and_again() -> None:
    """Over thirty races with other noise the answer is within 3 % of the truly best, but for a rare one."""
    best = min(two_cores(each) for each in AXES.grid())
    answers = [racing(two_cores, AXES, seed=seed)[0].answer() for seed in range(30)]
    good = sum(answer is not None and two_cores(answer) <= 1.03 * best for answer in answers)
    assert good >= 28


def test_a_lucky_leader_does_not_end_the_race() -> None:
    """That it leads so far does not show that nothing is better: the finalists go on until that is shown."""
    axes = SettingsGrid({"dataloader": (1, 2, 4)}, prefetch=(2,), cores=2)
    _, noisy = racing(lambda each: 0.01 if each.workers == 1 else 0.00999, axes, noise=0.1)
    _, calm = racing(lambda each: 0.01 * each.workers, axes, noise=0.001)
    assert len(noisy) > 3 * FINAL_REPETITIONS
    assert len(calm) < len(noisy) / 2


def test_only_finalists_run_to_the_end() -> None:
    """Of many that cannot be distinguished the foremost run the last repetitions."""
    counts: list[int] = []

    def measure(settings: Sequence[Setting]) -> Mapping[Setting, LoaderSample | str]:
        counts.append(len(settings))
        return {
            each: LoaderSample(0.01 * exp(0.2 * (-1) ** (len(counts) + each.workers)), 64)
            for each in settings
        }

    Race(measure, AXES).run()
    assert counts[-FINAL_REPETITIONS:] == [FINALISTS] * FINAL_REPETITIONS
    assert counts[-FINAL_REPETITIONS - 1] > FINALISTS


def test_a_hopeless_kind_does_not_try_its_other_settings() -> None:
    """Its first repetition was enough."""

    def truth(each: Setting) -> float:
        return two_cores(each) * (2 * HOPELESS if each.kind == "dali" else 1)

    _, ran = racing(truth, AXES)
    assert {each.workers for each in ran if each.kind == "dali"} == {2}
    assert sum(each.kind == "dali" for each in ran) == 1


def test_a_setting_that_fails_is_out_with_its_reason() -> None:
    """The others go on."""

    def truth(each: Setting) -> float | str:
        return "its worker was killed" if each.workers == 4 else two_cores(each)

    race, ran = racing(truth, AXES)
    answer = race.answer()
    assert answer is not None and (answer.kind, answer.workers) == ("dali", 2)
    assert race.failed[Setting("dataloader", 4, 2, 64).name] == "its worker was killed"
    assert sum(each.workers == 4 for each in ran) == 2


def test_a_race_in_which_everything_fails_has_no_answer() -> None:
    """And it ends."""
    race, ran = racing(lambda _: "no", AXES)
    assert race.answer() is None
    assert len(ran) <= len(AXES.grid())


def test_time_ends_it_with_the_answer_so_far() -> None:
    """Fewer settings are added, each with enough samples: four settings of one sample each would give no
    answer."""
    race, ran = racing(two_cores, AXES, most=8)
    assert len(ran) <= 8
    answer = race.answer()
    assert answer is not None and len(race.results[answer.name]) >= LEAST
    assert race.skipped and race.certainty() is Certainty.PROVISIONAL
    assert {each.name for each in race.wanted()} >= race.skipped.keys()


@pytest.mark.parametrize("most", range(1, 40, 3))
def test_any_time_gives_an_answer(most: int) -> None:
    """However many samples there is time for, also in the middle of a repetition: all stay comparable."""
    ran = 0

    def measure(settings: Sequence[Setting]) -> Mapping[Setting, LoaderSample | str]:
        nonlocal ran
        some = settings[: max(most - ran, 0 if ran else 1)]
        ran += len(some)
        return {each: LoaderSample(two_cores(each), 64) for each in some}

    race = Race(measure, AXES)
    race.run()
    assert ran <= max(most, 1)
    answer = race.answer()
    assert answer is not None and len(race.places()) == len(race.results)
    assert len(race.results[answer.name]) >= LEAST or race.certainty() is Certainty.PROVISIONAL


def test_how_sure_an_answer_is() -> None:
    """Decided if no setting may be faster by more than the margin, close if one may, else provisional."""
    axes = SettingsGrid({"dataloader": (1, 2, 4)}, prefetch=(2,), cores=2)
    far, _ = racing(lambda each: 0.01 * each.workers, axes, noise=0.001)
    near, _ = racing(lambda each: 0.01 if each.workers == 1 else 0.00999, axes, noise=0.1)
    assert (far.certainty(), near.certainty()) == (Certainty.DECIDED, Certainty.CLOSE)
    assert far.wanted() == [] and len(near.wanted()) == FINALISTS * FINAL_REPETITIONS
    few, _ = racing(two_cores, axes, most=3)
    assert few.skipped and few.certainty() is Certainty.PROVISIONAL
    none, _ = racing(lambda _: "no", axes)
    assert none.certainty() is Certainty.PROVISIONAL


def test_an_answer_from_a_sample_that_was_cut_off_is_provisional() -> None:
    """Its start counted: its speed is not known."""
    axes = SettingsGrid({"dataloader": (1, 2)}, prefetch=(2,), cores=2)
    race = Race(
        lambda settings: {each: LoaderSample(0.01 * each.workers, 64, cut=True) for each in settings}, axes
    )
    race.run()
    assert race.certainty() is Certainty.PROVISIONAL


def test_the_best_is_measured_first() -> None:
    """If time is up in the second repetition, the others miss a sample."""
    ran: list[Setting] = []

    def measure(settings: Sequence[Setting]) -> Mapping[Setting, LoaderSample | str]:
        some = settings[: max(0, 4 - len(ran))]
        ran.extend(some)
        return {each: LoaderSample(two_cores(each), 64) for each in some}

    race = Race(
        measure, SettingsGrid({"tensors": (2,), "dataloader": (2,), "dali": (2,)}, prefetch=(2,), cores=2)
    )
    race.run()
    assert ran[3] == Setting("dali", 2, 2, 64)
    assert [len(race.results[each.name]) for each in (ran[3],)] == [LEAST]


def test_worker_counts_near_the_cores_are_tried_first() -> None:
    """If there is no time for all of them, those that are likely to be good have run."""
    race, ran = racing(two_cores, SettingsGrid({"dataloader": (0, 1, 2, 4)}, prefetch=(2,), cores=2), most=4)
    assert {each.workers for each in ran} == {1, 2}
    assert {setting.workers for setting in race.skipped.values()} == {0, 4}


def test_one_repetition_is_run_whatever_the_time() -> None:
    """An answer from one sample each is better than none."""
    race, ran = racing(two_cores, SettingsGrid({"dataloader": (0, 2)}, cores=2), most=0)
    assert ran == [Setting("dataloader", 2, 2, 64)]
    assert race.answer() == ran[0] and race.certainty() is Certainty.PROVISIONAL


def test_what_does_not_fit_never_runs() -> None:
    """Neither at first nor as another value of an axis."""
    axes = SettingsGrid({"dataloader": (0, 1, 2, 4)}, cores=2, fits=lambda each: each.depth <= 2)
    _, ran = racing(two_cores, axes)
    assert max(each.depth for each in ran) <= 2
    assert max(each.depth for each in axes.grid()) <= 2


def test_pinned_memory_and_batch_sizes_are_raced_where_there_are_several() -> None:
    """The axis that matters is found, whichever value comes first."""

    def truth(each: Setting) -> float:
        return two_cores(each) * (1.2 if each.pin else 1.0) * (1.3 if each.batch_size == 64 else 1.0)

    axes = SettingsGrid({"dataloader": (0, 1, 2, 4)}, cores=2, pin=(True, False), batch_sizes=(64, 256))
    race, _ = racing(truth, axes)
    answer = race.answer()
    assert answer is not None
    assert (answer.pin, answer.batch_size) == (False, 256)


def test_repetitions_run_in_another_order_each_time() -> None:
    """The same setting does not always come first: the disk, the clock and the neighbours change with
    time."""
    orders = []

    def measure(settings: Sequence[Setting]) -> Mapping[Setting, LoaderSample | str]:
        orders.append([each.name for each in settings])
        return {each: LoaderSample(two_cores(each), 64) for each in settings}

    Race(measure, AXES).run()
    assert any(order != sorted(order) for order in orders)
    assert len({tuple(order) for order in orders}) > 1
