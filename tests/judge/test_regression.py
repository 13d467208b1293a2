"""The gate's rule against SciPy, against known truths, and against recorded noise."""

from __future__ import annotations

import gzip
import json
import math
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from scipy import stats as scipy_stats

from harness.judge.evidence import evidence
from harness.judge.outlook import clear, evenly_far, needed, noise, outlook
from harness.judge.regression import (
    GateThresholds,
    Rule,
    Ruling,
    levels,
    rule,
    rule_exact,
    rule_for,
    status_of,
)
from harness.judge.stats import quiet_ratio, trimmed_upper
from harness.judge.units import Unit
from harness.model import (
    BASELINE,
    Comparison,
    GateOutcome,
    GateVerdict,
    LooksAhead,
    Measurement,
    StillOpen,
    Trial,
)
from tests.support.living import ROOT

RECORDED = ROOT / "tests" / "data" / "quiet.json.gz"

Draw = Callable[[np.random.Generator, int], np.ndarray]
NOISE: dict[str, Draw] = {
    "normal": lambda rng, n: rng.normal(size=n),
    "student": lambda rng, n: rng.standard_t(2, size=n),
    "cauchy": lambda rng, n: 0.5 * rng.standard_cauchy(size=n),
    "contaminated": lambda rng, n: rng.normal(size=n) * np.where(rng.random(n) < 0.1, 10, 1),
}


def two_levels(rng: np.random.Generator, count: int) -> np.ndarray:
    """40 % to either side, in terms of a spread of 15 %."""
    return rng.choice([-0.4, 0.4], count) / 0.15 + 0.1 * rng.normal(size=count)


def units(values: Iterable[float]) -> list[Unit]:
    """Units that do not stall."""
    return [Unit(float(value), float(value)) for value in values]


def outcomes(
    draw: Draw, centre: float, spread: float, *, count: int = 400, seed: int = 1
) -> Counter[GateOutcome]:
    """The outcomes of `count` decisions in a suite of 40, drawn with this centre (a ratio) and spread."""
    by = rule_for(GateThresholds(), 40)
    rng = np.random.default_rng(seed)
    counts: Counter[GateOutcome] = Counter()
    for _ in range(count):
        ruling = rule(units(math.log1p(centre) + spread * draw(rng, by.looks[-1])), by)
        assert ruling.outcome is not None
        counts[ruling.outcome] += 1
    return counts


def spent(by: Rule) -> float:
    """The alpha of all looks of a decision together."""
    return sum(by.levels) + by.clear_level * len(by.clear_looks)


# --- looks and levels ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("decisions", [1, 2, 5, 15, 40, 41, 100, 400, 5_000, 100_000, 10**9])
def test_the_first_failing_look_can_reject(decisions: int) -> None:
    """Looks follow the suite's size: the first is the earliest at which units that all lie beyond reach the
    level."""
    by = rule_for(GateThresholds(), decisions)
    assert spent(by) * decisions == pytest.approx(0.01)
    assert by.clear_level * len(by.clear_looks) >= 0.01 / decisions / 2 * 0.0199
    assert len(by.levels) == len(by.failing_looks)
    assert 2.0 ** -by.failing_looks[0] <= by.levels[0]
    assert list(by.failing_looks) == sorted(set(by.failing_looks))
    if by.failing_looks[0] < 50:
        assert 2.0 ** -(by.failing_looks[0] - 1) > by.levels[0]
    beyond = units(np.full(by.failing_looks[0], 0.2) + np.linspace(0, 1e-3, by.failing_looks[0]))
    assert rule(beyond, by).outcome is GateOutcome.REGRESSED


@pytest.mark.parametrize("decisions", [2, 5, 40, 1000])
def test_what_regressed_hands_its_alpha_on(decisions: int) -> None:
    """Those left share the whole alpha; looks stay where they were, and no level is ever smaller than it
    was."""
    before = rule_for(GateThresholds(), decisions)
    for regressed in range(1, decisions):
        by = rule_for(GateThresholds(), decisions, regressed=regressed)
        assert by.looks == before.looks
        assert spent(by) * (decisions - regressed) == pytest.approx(0.01)
        assert by.clear_level == before.clear_level
        assert all(late > early for late, early in zip(by.levels, before.levels, strict=True))
        before = by


def test_one_unit_short_of_what_is_tolerated() -> None:
    """Thirteen units must all lie beyond in a suite of 40; one that barely does not may where thirty have
    regressed."""
    found = units(np.r_[0.0095, np.linspace(0.04, 0.06, 12)])
    assert rule(found, rule_for(GateThresholds(), 40)).outcome is None
    assert rule(found, rule_for(GateThresholds(), 40, regressed=30)).outcome is GateOutcome.REGRESSED


def test_a_suite_of_forty() -> None:
    """Half of the alpha for the first look makes that the 13th; a loader has a target of its own."""
    by, loader = rule_for(GateThresholds(), 40), rule_for(GateThresholds(), 40, loader=True)
    assert by.failing_looks == (13, 18, 22, 30, 50)
    assert by.levels == pytest.approx((2.0**-13, *[1.25e-4 / 4] * 4))
    assert by.clear_looks == (3, 4, 5)
    assert by.clear_level == pytest.approx((1.25e-4 - 2.0**-13) / 3)
    assert loader.failing_looks == by.failing_looks
    assert by.tolerated == pytest.approx(math.log(1.01))
    assert by.near == pytest.approx(math.log(1.04))
    assert loader.near == pytest.approx(math.log(1.08))


@pytest.mark.parametrize(
    "stated",
    [
        {"target": 0.0},
        {"alpha": 1.0},
        {"tolerated": 0.9},
        {"trim": 0.5},
        {"bytes_tolerance": -0.1},
        {"failing_looks": (20, 14)},
        {"passing_looks": ()},
        {"clear": 0.0},
        {"clear_looks": (4, 3)},
        {"spread": 0.0},
    ],
)
def test_thresholds_that_cannot_work(stated: dict[str, object]) -> None:
    """Each is refused with its name."""
    with pytest.raises(ValueError, match=next(iter(stated))):
        GateThresholds(**stated)  # type: ignore[arg-type]


def test_no_decision_has_no_rule() -> None:
    """Neither a suite of none nor a decision without units is ruled on."""
    with pytest.raises(ValueError, match="suite"):
        rule_for(GateThresholds(), 0)
    with pytest.raises(ValueError, match="none to rule on"):
        rule_for(GateThresholds(), 2, regressed=2)
    with pytest.raises(ValueError, match="unit"):
        rule([], rule_for(GateThresholds(), 1))


# --- against SciPy ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(12))
def test_the_failing_test_is_scipys(seed: int) -> None:
    """Regressed at a look exactly where SciPy's exact signed-rank p is at most the level."""
    by = rule_for(GateThresholds(passing_looks=(50,)), 40)
    rng = np.random.default_rng(seed)
    values = rng.normal(0.03, 0.02, size=13)
    p = scipy_stats.wilcoxon(values - by.tolerated, alternative="greater", method="exact").pvalue
    outcome = rule(units(values), by).outcome
    assert (outcome is GateOutcome.REGRESSED) == (p <= by.levels[0])


# --- what is clearly slower ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("decisions", "ratio", "needed"),
    [(1, 17.0, 3), (1, 2.0, 3), (1, 1.9, 4), (1, 1.5, 8), (40, 17.0, 3), (40, 3.0, 4), (40, 2.0, 13)],
)
def test_what_is_clearly_slower_does_not_wait(decisions: int, ratio: float, needed: int) -> None:
    """Alone, twice as slow is decided after three units, not eight; in a suite of forty, where a level is a
    fraction of that, three times as slow after four."""
    by = rule_for(GateThresholds(), decisions)
    found = units(math.log(ratio) + 0.01 * np.array([1, -1, 0.5, -0.5, 0.2] * 10))
    fell = next(count for count in range(1, 51) if rule(found[:count], by).outcome is not None)
    assert (fell, rule(found, by).outcome) == (needed, GateOutcome.REGRESSED)


def test_units_that_happen_to_agree_are_not_clear() -> None:
    """Three equal ones vary by 5 % as far as anybody knows, and those beyond a larger target are not beyond
    it clearly."""
    by = rule_for(GateThresholds(), 1)
    assert rule(units([0.6] * 3), by).outcome is None
    assert rule(units([0.6] * 3), replace(by, spread=1e-6)).outcome is GateOutcome.REGRESSED
    assert rule_for(GateThresholds(target=0.6), 1).clear == pytest.approx(math.log(1.6))


@pytest.mark.parametrize("decisions", [1, 40])
@pytest.mark.parametrize("name", [*NOISE, "two levels"])
def test_no_suite_of_identical_code_is_clearly_slower(name: str, decisions: int) -> None:
    """None of 10,000, of one decision or of forty: where a unit is off by 15 %, and far more now and then, or
    by 40 % to either side by the memory that a process happens to get."""
    draw = {**NOISE, "two levels": two_levels}[name]
    by = rule_for(GateThresholds(), decisions)
    rng = np.random.default_rng(7)
    alarms = 0
    for _ in range(10):
        # A ratio of more than e**9 is no ratio of times.
        drawn = np.clip(0.15 * draw(rng, 1000 * decisions * 5), -9, 9).reshape(-1, 5)
        for look in by.clear_looks:
            seen = drawn[:, :look]
            # No level is reached by a mean that is less than five of its errors beyond.
            beyond = seen.mean(axis=1) - by.clear > 5 * seen.std(axis=1, ddof=1) / math.sqrt(look)
            for found in seen[beyond]:
                alarms += rule(units(found), by).outcome is GateOutcome.REGRESSED
    assert alarms == 0


# --- how fine units must be ---------------------------------------------------------------------------------


def test_units_evenly_far_from_what_is_tolerated_are_clear() -> None:
    """A slow-down or none that shows in every unit alike; not while there are few, and not when they
    scatter."""
    by = rule_for(GateThresholds(), 40)
    assert clear(units([0.05, 0.045, 0.055, 0.05, 0.06, 0.05]), by)
    assert clear(units([0.0, 0.001, -0.001, 0.002, 0.0, 0.0]), by)
    assert not clear(units([0.05] * 5), by)
    assert not clear(units([0.05, 0.02, 0.055, 0.05, 0.06, 0.05]), by)


@pytest.mark.parametrize("seed", range(20))
def test_whether_units_are_clear_says_nothing_of_their_side(seed: int) -> None:
    """Mirrored at the tolerated difference, any of them, they are as clear as before: the test stays
    exact."""
    by = rule_for(GateThresholds(), 40)
    rng = np.random.default_rng(seed)
    distances = rng.normal(0.04, 0.008, size=8)
    mirrored = distances * rng.choice([-1, 1], size=8)
    assert clear(units(by.tolerated + distances), by) == clear(units(by.tolerated + mirrored), by)


@pytest.mark.parametrize("seed", range(8))
def test_the_passing_bound_is_scipys(seed: int) -> None:
    """The upper bound is that of SciPy's trimmed t test: at it, p is beta."""
    rng = np.random.default_rng(seed)
    values = rng.standard_t(3, size=10) * 0.01
    upper = trimmed_upper(values, 0.01)
    shifted = scipy_stats.ttest_1samp(np.sort(values)[2:-2], upper, alternative="less")
    assert shifted.statistic < 0
    middle, half = float(np.sort(values)[2:-2].mean()), upper - float(np.sort(values)[2:-2].mean())
    clipped = np.clip(values, np.sort(values)[2], np.sort(values)[-3])
    error = clipped.std(ddof=1) / (0.6 * math.sqrt(10))
    assert half / error == pytest.approx(scipy_stats.t.ppf(0.99, 5))
    assert middle < upper


# --- known truths -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NOISE)
def test_identical_code_is_never_regressed(name: str) -> None:
    """At no difference, and at what is tolerated, hardly anything is called regressed, however heavy the
    tails."""
    for centre in (0.0, 0.01):
        assert outcomes(NOISE[name], centre, 0.015)[GateOutcome.REGRESSED] <= 1


@pytest.mark.parametrize("name", NOISE)
def test_the_target_is_caught_and_not_waved_through(name: str) -> None:
    """At the target itself at least 95 % are regressed and at most 1 % unchanged."""
    counts = outcomes(NOISE[name], 0.05, 0.008)
    assert counts[GateOutcome.REGRESSED] >= 380
    assert counts[GateOutcome.UNCHANGED] <= 4


def test_one_that_did_not_change_among_many_that_did() -> None:
    """What 39 regressions hand on is no more than the suite's alpha: no false alarm in 99 of 100 such
    suites."""
    by = rule_for(GateThresholds(), 40, regressed=39)
    rng = np.random.default_rng(5)
    found = [
        rule(units(math.log(1.01) + 0.01 * rng.normal(size=by.looks[-1])), by).outcome for _ in range(2000)
    ]
    assert found.count(GateOutcome.REGRESSED) <= scipy_stats.binom.ppf(0.999, 2000, 0.01)


def test_noise_is_no_pass() -> None:
    """Units with much noise give an inconclusive answer, not a green one: noise hides no slow-down."""
    counts = outcomes(NOISE["normal"], 0.05, 0.12)
    assert counts[GateOutcome.UNCHANGED] <= 12
    assert counts[GateOutcome.INCONCLUSIVE] > 200


def test_direction_counts() -> None:
    """A head that is faster is improved at the first look."""
    by = rule_for(GateThresholds(), 40)
    ruling = rule(units(np.linspace(-0.31, -0.29, 14)), by)
    assert (ruling.outcome, ruling.comparison.units) == (GateOutcome.IMPROVED, 6)


def test_later_units_are_not_looked_at() -> None:
    """A decision that has fallen stays: looking on until something else comes out is how tools cry wolf."""
    by = rule_for(GateThresholds(), 40)
    found = units(np.r_[np.linspace(-0.01, 0.01, 6), np.full(44, 0.3)])
    assert rule(found, by) == rule(found[:6], by)


def test_between_looks_nothing_falls() -> None:
    """Units beyond a look wait for the next."""
    by = rule_for(GateThresholds(), 40)
    found = units(np.linspace(0.1, 0.11, 12))
    assert rule(found, by).outcome is None
    assert rule(units(np.linspace(0.1, 0.11, 14)), by).outcome is GateOutcome.REGRESSED


def test_samples_are_not_units() -> None:
    """One process that is slower through and through is one unit, however many rounds it has."""
    by = rule_for(GateThresholds(), 40)
    shifted = np.r_[0.2, np.zeros(13)]
    assert rule(units(shifted + np.linspace(-1e-3, 1e-3, 14)), by).outcome is not GateOutcome.REGRESSED


# --- recorded noise -----------------------------------------------------------------------------------------


def test_recorded_identical_code_passes() -> None:
    """Every workload of the recording, in the order recorded: none regressed, and most decided early."""
    found = json.loads(gzip.decompress(RECORDED.read_bytes()))["designs"]["duet"]
    for workload, processes in found.items():
        by = rule_for(GateThresholds(), 40, loader="dataloader" in workload)
        ruling = rule(units(np.array([quiet_ratio(p["base"], p["head"]) for p in processes])), by)
        assert ruling.outcome in (GateOutcome.UNCHANGED, None), workload


def test_the_mean_would_cry_wolf() -> None:
    """The quiet pairs' median is what keeps the peace: units made of means have several times its spread."""
    found = json.loads(gzip.decompress(RECORDED.read_bytes()))["designs"]["duet"]
    wider = 0
    for processes in found.values():
        quiet = np.array([quiet_ratio(p["base"], p["head"]) for p in processes])
        means = np.array([math.log(np.mean(p["head"]) / np.mean(p["base"])) for p in processes])
        wider += means.std() > 1.5 * quiet.std()
    assert wider >= 6


# --- stalls, noise, exact metrics, exit status --------------------------------------------------------------


def _gaps(base: float, head: float) -> tuple[float, float]:
    return base, head


def test_stalls_are_judged_on_totals() -> None:
    """Totals far beyond the typical ratio, and beyond what either side shows against itself, count."""
    by = rule_for(GateThresholds(), 1)
    rng = np.random.default_rng(0)
    stalls = [Unit(float(q), float(q + 0.3), lambda: (0.01, 0.02)) for q in rng.normal(0, 0.002, size=12)]
    ruling = rule(stalls, by)
    assert (ruling.comparison.unsteady, ruling.outcome) == (True, GateOutcome.REGRESSED)
    drawn = rng.normal(0, [0.002, 0.3], size=(12, 2))
    noisy = [Unit(float(q), float(q + t), partial(_gaps, float(t), float(-t))) for q, t in drawn]
    assert not rule(noisy, by).comparison.unsteady


def test_what_could_be_resolved() -> None:
    """Twice the spread resolves half as fine; an effect of that size is found in about 95 of 100."""
    by = rule_for(GateThresholds(), 40)
    rng = np.random.default_rng(3)
    values = rng.normal(0, 0.01, size=40)
    one, two = noise(units(values), by, 0.2), noise(units(2 * values), by, 0.2)
    assert one is not None
    assert two is not None
    assert two[1] == pytest.approx(2 * one[1], rel=0.05)
    assert noise(units(values[:3]), by, 0.2) is None
    spread, smallest = one
    aimed = GateThresholds(target=smallest, passing_looks=(50,))
    by = rule_for(aimed, 40)
    caught = sum(
        rule(units(math.log1p(smallest) + rng.normal(0, spread, size=22)), by).outcome
        is GateOutcome.REGRESSED
        for _ in range(300)
    )
    assert caught >= 250


KIB, MIB = 2**10, 2**20


@pytest.mark.parametrize(
    ("name", "before", "after", "outcome"),
    [
        ("launches", 100, 100, GateOutcome.UNCHANGED),
        ("launches", 100, 101, GateOutcome.UNCHANGED),
        ("launches", 100, 102, GateOutcome.REGRESSED),
        ("launches", 0, 0, GateOutcome.UNCHANGED),
        ("launches", 0, 1, GateOutcome.REGRESSED),
        ("launches", 5, 4, GateOutcome.IMPROVED),
        ("peak_bytes", 8 * KIB, 24 * KIB, GateOutcome.UNCHANGED),
        ("peak_bytes", 24 * KIB, 8 * KIB, GateOutcome.UNCHANGED),
        ("peak_bytes", 0, MIB, GateOutcome.UNCHANGED),
        ("peak_bytes", 0, MIB + 1, GateOutcome.REGRESSED),
        ("peak_bytes", 8 * MIB, 10 * MIB, GateOutcome.REGRESSED),
        ("peak_bytes", 10 * MIB, 8 * MIB, GateOutcome.IMPROVED),
        ("reserved_bytes", 1000 * MIB, 1009 * MIB, GateOutcome.UNCHANGED),
        ("reserved_bytes", 1000 * MIB, 1011 * MIB, GateOutcome.REGRESSED),
    ],
)
def test_exact_metrics(name: str, before: float, after: float, outcome: GateOutcome) -> None:
    """More than the tolerance, and for bytes more than the floor, is a change; so is something from
    nothing."""
    assert rule_exact(name, before, after, GateThresholds())[0] is outcome


def test_a_floor_of_nothing() -> None:
    """A floor of zero makes every byte count."""
    outcome, _ = rule_exact("peak_bytes", 8 * KIB, 24 * KIB, GateThresholds(bytes_floor=0))
    assert outcome is GateOutcome.REGRESSED


def test_an_improvement() -> None:
    """Shown to be faster by more than is tolerated; what may be faster by less is unchanged."""
    by = rule_for(GateThresholds(), 10)
    for centre, outcome in (
        (-0.1, GateOutcome.IMPROVED),
        (-0.004, GateOutcome.UNCHANGED),
        (0.0, GateOutcome.UNCHANGED),
    ):
        assert rule(units(centre + 0.0005 * np.arange(6)), by).outcome is outcome


def test_the_next_looks_are_named() -> None:
    """From the start: how many units the first decision needs, and what it may be."""
    by = rule_for(GateThresholds(), 4)
    assert by.ahead(0) == LooksAhead(unchanged=6, regressed=10)
    assert by.ahead(6) == LooksAhead(unchanged=8, regressed=10)
    assert by.ahead(49) == LooksAhead(unchanged=50, regressed=50)
    assert by.ahead(50) == LooksAhead(None, None)
    assert rule(units(np.zeros(4)), by).reason == StillOpen(4, by.ahead(4))


@pytest.mark.parametrize(
    ("centre", "spread", "hopeless"),
    [(0.0, 0.01, False), (0.06, 0.01, False), (0.025, 0.05, True), (0.0, 0.2, True)],
)
def test_what_is_not_likely_to_be_decided_is_reported_early(
    centre: float, spread: float, hopeless: bool
) -> None:
    """Six units suffice to estimate how many are needed; above the maximum a larger target is advised, if it
    guards anything."""
    limits = GateThresholds()
    by = rule_for(limits, 10)
    found = units(centre + spread * np.array([-1.2, -0.6, -0.2, 0.2, 0.6, 1.2]))
    advice = outlook(found, by, limits, loader=False)
    assert (advice is not None) is hopeless is (needed(found, by) > by.looks[-1])
    if advice is not None:
        assert (advice.units, advice.most, advice.more) == (needed(found, by), 50, False)
        assert advice.target is None or limits.target < advice.target <= 0.5
        assert not advice.loader
        wider = units(2 * np.array([unit.quiet for unit in found]))
        loaders = outlook(wider, rule_for(limits, 10, loader=True), limits, loader=True)
        assert loaders is not None and loaders.loader
        assert (loaders.target is not None) is (spread < 0.1)
    assert outlook(found[:5], by, limits, loader=False) is None


def test_the_units_needed_are_about_right() -> None:
    """The median estimate is within a factor of two of what a gate takes."""
    rng = np.random.default_rng(9)
    by = rule_for(GateThresholds(), 10)
    taken, estimated = [], []
    for _ in range(200):
        drawn = units(0.09 + rng.normal(0, 0.06, size=50))
        estimated.append(needed(drawn[:20], by))
        taken.append(rule(drawn, by).comparison.units)
    assert 0.5 <= float(np.median(estimated)) / float(np.median(taken)) <= 2


def test_few_units_that_lie_evenly_far_off() -> None:
    """A factor of seventeen is plain after three units, and the side of it does not matter."""
    by = rule_for(GateThresholds(), 4)
    for centre in (math.log(17.4), -1.0):
        assert evenly_far(units(centre + np.array([-0.05, 0.0, 0.05])), by)
    assert not evenly_far(units(np.array([3.0, 2.9])), by)
    assert not evenly_far(units(np.array([0.03, 0.01, -0.02])), by)


def test_levels_go_by_the_same_estimate_as_the_change() -> None:
    """Head's level over base's is the ratio, also where the medians of all rounds would say the opposite."""
    # Rounds drift from 1 to 3 within a unit, and head, 5 % slower, takes its slow half in the blocks that do
    # not count.
    base = [np.array([1.0] * 8 + [3.0] * 3) for _ in range(6)]
    head = [np.array([1.05] * 5 + [0.9] * 6) for _ in range(6)]
    measurements = [
        Measurement("a", "A", number, trials=(
            Trial(BASELINE, samples={"seconds": tuple(one)}), Trial("head", samples={"seconds": tuple(other)}),
        ))
        for number, (one, other) in enumerate(zip(base, head, strict=True))
    ]  # fmt: skip
    found = evidence(measurements, "head", "seconds").units
    typical = Ruling(None, Comparison("seconds", 6, math.exp(found[0].quiet)), StillOpen(6, LooksAhead(8, 9)))
    before, after = levels(found, typical)
    assert before is not None
    assert after is not None
    assert after / before == pytest.approx(typical.comparison.ratio)
    assert before == pytest.approx(1.0, rel=0.05)
    totals = levels(
        found, replace(typical, comparison=Comparison("seconds", 6, math.exp(found[0].total), unsteady=True))
    )
    assert totals == pytest.approx((float(base[0].mean()), float(head[0].mean())))
    assert levels(units(np.zeros(3)), typical) == (None, None)


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ([GateOutcome.UNCHANGED], 0),
        ([GateOutcome.UNCHANGED, GateOutcome.NEW, GateOutcome.SKIPPED], 0),
        ([GateOutcome.IMPROVED], 0),
        ([GateOutcome.ACCEPTED, GateOutcome.UNCHANGED], 0),
        ([GateOutcome.ACCEPTED, GateOutcome.FAILED], 3),
        ([GateOutcome.UNCHANGED, GateOutcome.REGRESSED, GateOutcome.FAILED], 1),
        ([GateOutcome.UNCHANGED, GateOutcome.INCONCLUSIVE], 3),
        ([GateOutcome.UNCHANGED, GateOutcome.MISSING], 3),
        ([GateOutcome.UNCHANGED, GateOutcome.WRONG], 3),
        ([GateOutcome.UNCHANGED, GateOutcome.FAILED], 3),
        ([GateOutcome.UNCHANGED, GateOutcome.TIMED_OUT], 3),
        ([GateOutcome.SKIPPED], 3),
        ([], 3),
    ],
)
def test_exit_status(given: list[GateOutcome], status: int) -> None:
    """Slower is 1 whatever else; what could not be judged is 3; nothing judged at all is not green."""
    assert status_of([GateVerdict("a", "A", "", "seconds", outcome) for outcome in given]) == status
