"""Verdicts: against known truth, against recorded noise, and by the letter of each rule."""

from __future__ import annotations

import gzip
import json
import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache, partial
from typing import Any

import numpy as np
import pytest

from harness.judge import Thresholds, comparison, verdicts
from harness.judge.evidence import evidence
from harness.judge.moderated import Prior, Spread, centre_of, prior_of, spread_of
from harness.judge.rules import decide
from harness.judge.stats import quiet_ratio
from harness.judge.units import UNBOUNDED, Unit, judged_by
from harness.model import BASELINE, Claim, Expect, Measurement, Outcome, Status, Trial, Verdict
from tests.support.living import ROOT

CLAIM = Claim("X1", "the tip is faster", "bench_x.py", "bench_x")
THRESHOLDS = Thresholds()
REACHED = math.log1p(0.02)
DUET = ROOT / "tests" / "data" / "quiet.json.gz"
COMPUTE = (
    "bmm_16x32x32",
    "bilinear_pooling",
    "conv2d_forward_backward",
    "matmul_bf16_256",
    "python_dict",
    "dispatch_add",
    "relu_inplace_64MiB",
)

Rows = Sequence[float]


def measured(invocation: int, base: Rows, other: Rows, metric: str = "seconds", **stated: Any) -> Measurement:
    """A measurement of two variants, `baseline` and `tip`."""
    trials = (
        Trial("baseline", samples={metric: tuple(base)}),
        Trial("tip", samples={metric: tuple(other)}, expect=stated.pop("expect", Expect.LOWER)),
    )
    return Measurement(
        "x.py::bench_x", "X1", invocation, trials=trials, seconds=stated.pop("seconds", 2.0), **stated
    )


def of_units(logs: Rows, **stated: Any) -> list[Measurement]:
    """Measurements without noise inside, whose units are these log ratios."""
    return [measured(i, [1.0] * 6, [math.exp(log)] * 6, **stated) for i, log in enumerate(logs)]


def as_units(logs: Rows) -> list[Unit]:
    """Units that are steady."""
    return [Unit(log, log) for log in logs]


def stopped(invocation: int, status: Status, reason: str, variant: str = "tip") -> Measurement:
    """A measurement in which one of the two variants met with trouble."""
    whole = measured(invocation, [1.0] * 6, [1.0] * 6)
    trials = (Trial(t.variant, status, reason) if t.variant == variant else t for t in whole.trials)
    return replace(whole, trials=tuple(trials))


def units(measurements: Sequence[Measurement], variant: str, metric: str) -> tuple[float, ...]:
    """The typical log ratio of each invocation."""
    return tuple(unit.quiet for unit in evidence(measurements, variant, metric).units)


def one(measurements: Sequence[Measurement], claim: Claim = CLAIM, **stated: Any) -> Verdict:
    """The verdict of a case with one variant."""
    (verdict,) = verdicts(claim, measurements, **stated)
    return verdict


@cache
def recorded() -> dict[str, list[dict[str, Any]]]:
    """The recorded pairs: 36 processes a workload."""
    with gzip.open(DUET) as file:
        return json.load(file)["designs"]["duet"]  # type: ignore[no-any-return]


def replayed(workload: str, side: str, slowdown: float | None = None) -> list[Measurement]:
    """The recorded processes as measurements; with ``slowdown`` only those into which that much was
    injected."""
    chosen = [p for p in recorded()[workload] if slowdown is None or p["injected_slowdown"] == slowdown]
    return [measured(i, process["base"], process[side]) for i, process in enumerate(chosen)]


# Known truth

NOISE: dict[str, Callable[[np.random.Generator, int], np.ndarray[Any, Any]]] = {
    "normal": lambda rng, count: rng.normal(0, 0.01, count),
    "student": lambda rng, count: 0.007 * rng.standard_t(2, count),
    "contaminated": lambda rng, count: rng.normal(0, 0.008, count) * np.where(rng.random(count) < 0.1, 10, 1),
    "ten times as noisy": lambda rng, count: rng.normal(0, 0.1, count),
}
OTHERS = {**NOISE, "ten times as noisy": NOISE["normal"]}
"""The noise of the run's other cases."""


def prior_from(noise: str, rng: np.random.Generator) -> Prior:
    """The prior of a run with 15 other decisions, of three units each."""
    return prior_of(filter(None, (spread_of(OTHERS[noise](rng, 3)) for _ in range(15))))


def simulated(noise: str, effect: float, expect: Expect, trials: int = 300) -> Counter[Outcome | None]:
    """How often each outcome falls for units of that noise around a true effect, in runs of 16 decisions."""
    rng = np.random.default_rng(20)
    seen: Counter[Outcome | None] = Counter()
    for _ in range(trials):
        prior = prior_from(noise, rng)
        found = [Unit(x, x) for x in effect + NOISE[noise](rng, 28)]
        seen[decide(found, expect, 0.02, THRESHOLDS, prior).outcome] += 1
    return seen


@pytest.mark.parametrize("noise", NOISE)
def test_no_effect_is_not_taken_for_one(noise: str) -> None:
    """Without an effect at most 1 % of the verdicts say that there is one, 2 % of work ten times as noisy as
    the rest; most say that there is none where 28 units can."""
    seen = simulated(noise, 0.0, Expect.LOWER)
    noisy = noise == "ten times as noisy"
    assert seen[Outcome.HOLDS] + seen[Outcome.FAILS] <= (6 if noisy else 3)
    assert seen[Outcome.NO_EFFECT] >= (0 if noisy else 240)


@pytest.mark.parametrize("noise", NOISE)
def test_an_effect_at_the_margin_stays_within_alpha(noise: str) -> None:
    """An effect of exactly the margin is called beyond it in at most 2.5 %, and none in at most 2.5 %."""
    seen = simulated(noise, REACHED, Expect.LOWER, 1000)
    assert seen[Outcome.FAILS] <= 25
    assert seen[Outcome.NO_EFFECT] <= 25
    assert seen[Outcome.HOLDS] <= (25 if noise == "ten times as noisy" else 0)


@pytest.mark.parametrize("noise", ["normal", "student", "contaminated"])
@pytest.mark.parametrize("sign", [-1, 1])
def test_five_percent_is_found(noise: str, sign: int) -> None:
    """An effect of 5 % beside a margin of 2 % is decided the right way in nine of ten, the wrong way
    never."""
    seen = simulated(noise, sign * math.log(1.05), Expect.HIGHER)
    right, wrong = (Outcome.HOLDS, Outcome.FAILS) if sign > 0 else (Outcome.FAILS, Outcome.HOLDS)
    assert seen[right] >= 270
    assert seen[wrong] == 0
    assert seen[Outcome.NO_EFFECT] <= 3


# Recorded noise


@pytest.mark.parametrize("workload", [*COMPUTE, "dataloader_epoch_2_workers"])
def test_recorded_identical_code_shows_no_effect(workload: str) -> None:
    """Identical code neither holds nor fails nor is unsteady, in any of 20 orders of the recorded
    processes."""
    claim = replace(CLAIM, margin=0.05) if workload.startswith("dataloader") else CLAIM
    pairs = replayed(workload, "head")
    rng = np.random.default_rng(3)
    for _ in range(20):
        order = rng.permutation(len(pairs))
        verdict = one([replace(pairs[j], invocation=i) for i, j in enumerate(order)], claim)
        assert verdict.outcome in (Outcome.NO_EFFECT, Outcome.INCONCLUSIVE)
        assert verdict.comparison is not None
        assert not verdict.comparison.unsteady


@pytest.mark.parametrize("workload", COMPUTE)
def test_recorded_slowdown_of_five_percent_fails(workload: str) -> None:
    """A slowdown of 5 % that was really executed fails a claim of `lower` within 14 units."""
    verdict = one(replayed(workload, "injected", 0.05)[:14])
    assert verdict.outcome is Outcome.FAILS
    assert verdict.comparison is not None
    assert verdict.comparison.ratio == pytest.approx(1.05, abs=0.01)


def test_recorded_slowdown_of_the_margin_stays_open() -> None:
    """A slowdown of exactly the margin is not decided, and the reason says so."""
    verdict = one(replayed("python_dict", "injected", 0.02))
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "margin" in verdict.reason


# Units


def test_units_are_invocations() -> None:
    """Thirty rounds are one unit, from the quiet pairs, and not thirty."""
    process = recorded()["python_dict"][0]
    pairs = replayed("python_dict", "head")[:3]
    assert len(units(pairs, "tip", "seconds")) == 3
    assert units(pairs, "tip", "seconds")[0] == quiet_ratio(process["base"], process["head"])
    found = one(pairs).comparison
    assert found is not None
    assert found.units == 3


def test_a_single_loud_round_moves_no_unit() -> None:
    """A round a thousand times as long leaves the unit where it is."""
    base, other = [1.0] * 6, [1.0] * 5 + [1000.0]
    assert units([measured(0, base, other)], "tip", "seconds") == (0.0,)


def test_units_skip_surveys_and_trouble() -> None:
    """Surveys and trials that were not measured give no unit."""
    rows = [1.0] * 6
    given = [
        measured(0, rows, rows, survey=True),
        measured(1, rows, rows),
        stopped(2, Status.FAILED, "out of memory"),
        stopped(3, Status.FAILED, "out of memory", "baseline"),
        Measurement("x.py::bench_x", "X1", 4),
    ]
    assert units(given, "tip", "seconds") == (0.0,)
    assert units(given, "absent", "seconds") == ()
    assert units(given, "tip", "wait_seconds") == ()


def test_a_metric_may_be_zero() -> None:
    """A wait that vanishes is a large finite effect, none beside none is no effect, and a warning states
    it."""
    rows = {
        "vanished": ([0.1] * 6, [0.0] * 6),
        "never": ([0.0] * 6, [0.0] * 6),
        "some": ([0.1] * 6, [0.0, 0.3] * 3),
    }
    found = {
        name: units([measured(0, *pair, metric="wait_seconds")], "tip", "wait_seconds")
        for name, pair in rows.items()
    }
    assert found == {"vanished": (-UNBOUNDED,), "never": (0.0,), "some": (pytest.approx(math.log(1.5)),)}
    claim = replace(CLAIM, metric="wait_seconds")
    verdict = one([measured(i, *rows["vanished"], metric="wait_seconds") for i in range(7)], claim)
    assert verdict.outcome is Outcome.HOLDS
    assert verdict.comparison is not None
    assert "wait_seconds was 0" in verdict.comparison.warnings[0]


def test_unusable_rounds_are_left_out_and_counted() -> None:
    """A round without a number is dropped on both sides, and the comparison states how many were."""
    found = comparison([measured(0, [1.0, math.nan, 1.0, 1.0], [2.0, 5.0, 2.0, -1.0])], "tip", "seconds")
    assert found is not None
    assert found.ratio == pytest.approx(2.0)
    assert found.warnings == ("2 rounds without a usable seconds were left out",)


# Looks


@pytest.mark.parametrize(
    ("effect", "expect", "outcome"),
    [
        (-0.1, "lower", "holds"),
        (0.1, "lower", "fails"),
        (0.1, "higher", "holds"),
        (-0.1, "higher", "fails"),
        (0.0, "lower", "no effect"),
        (0.0, "higher", "no effect"),
        (0.0, "same", "holds"),
        (0.1, "same", "fails"),
        (-0.1, "same", "fails"),
    ],
)
def test_outcomes(effect: float, expect: str, outcome: str) -> None:
    """Beyond the margin a claim holds or fails by its sign; inside it has no effect, which is what `same`
    claims."""
    logs = [effect + 0.001 * i for i in range(-3, 4)]
    assert one(of_units(logs, expect=Expect(expect))).outcome == outcome


def test_the_margin_is_symmetric() -> None:
    """A ratio and its inverse are equally far from no effect."""
    for logs in ([REACHED * 1.001] * 7, [REACHED * 0.999] * 7):
        up, down = (one(of_units([sign * log for log in logs])).outcome for sign in (1, -1))
        assert (up, down) in ((Outcome.FAILS, Outcome.HOLDS), (Outcome.NO_EFFECT, Outcome.NO_EFFECT))


def test_no_look_before_three_or_between_looks() -> None:
    """Two unanimous units decide nothing, and units that would decide at 6 wait for the look at 7."""
    assert one(of_units([0.1] * 2)).outcome is Outcome.INCONCLUSIVE
    assert one(of_units([0.1] * 3)).outcome is Outcome.FAILS
    open_at_five = [0.03, 0.08, 0.1, 0.1, 0.1, 0.1, 0.1]
    assert decide(as_units(open_at_five[:5]), Expect.LOWER, 0.02, THRESHOLDS).outcome is None
    assert one(of_units(open_at_five[:6])).outcome is Outcome.INCONCLUSIVE
    assert one(of_units(open_at_five)).outcome is Outcome.FAILS


def test_three_units_alone_decide_a_huge_effect_and_no_small_one() -> None:
    """Without a prior Student's t with two degrees of freedom judges: 20.9 errors beyond the margin at the
    first look."""
    error = 0.01 / math.sqrt(3)
    reached = REACHED + 20.9404 * error
    for effect, outcome in ((reached * 1.02, Outcome.FAILS), (reached * 0.98, Outcome.INCONCLUSIVE)):
        assert one(of_units([effect - 0.01, effect, effect + 0.01])).outcome is outcome


def test_other_cases_let_three_units_decide() -> None:
    """What the cases of the run agree on decides after three units what a case by itself leaves open."""
    logs = [0.06, 0.07, 0.08]
    alike = prior_of([Spread(0.01**2, 2)] * 3)
    assert one(of_units(logs)).outcome is Outcome.INCONCLUSIVE
    verdict = one(of_units(logs), prior=alike)
    assert verdict.outcome is Outcome.FAILS
    assert verdict.basis is not None
    assert (verdict.basis.trusted, verdict.basis.freedom) == (2.0, 4.0)
    assert verdict.basis.spread == pytest.approx(0.01)
    assert verdict.basis.level == pytest.approx(0.05 * 2 / 44)


def test_a_single_unit_has_no_basis() -> None:
    """One unit has a ratio, no spread and no interval."""
    verdict = one(of_units([0.1]))
    assert verdict.basis is None
    assert verdict.comparison is not None
    assert verdict.comparison.low is verdict.comparison.high is None


def test_the_first_decision_stands() -> None:
    """What follows the deciding look changes neither the outcome nor the numbers."""
    decided = of_units([0.1] * 3)
    later = of_units([0.1] * 3 + [-0.3] * 25)
    assert one(later) == one(decided)
    assert one(decided).comparison is not None


def test_units_count_in_the_order_of_invocations() -> None:
    """The order in which records were read does not matter, that of the invocations does."""
    logs = [0.1] * 7 + [-0.1] * 7
    assert one(of_units(logs)[::-1]).outcome is Outcome.FAILS
    assert one(of_units(logs[::-1])).outcome is Outcome.HOLDS


def test_alpha_is_split_over_the_looks() -> None:
    """Rising shares of alpha, all of it together; looks that cannot be are refused."""
    shares = [THRESHOLDS.level(look) for look in THRESHOLDS.looks]
    assert math.fsum(shares) == pytest.approx(0.05)
    assert shares == sorted(shares)
    assert THRESHOLDS.level(0) == THRESHOLDS.level(3) < THRESHOLDS.level(6) == THRESHOLDS.level(5)
    assert Thresholds(looks=(6,)).level(6) == 0.05
    for looks in ((1, 14, 28), (), (14, 7), (7, 7)):
        with pytest.raises(ValueError, match="ascending"):
            Thresholds(looks=looks)


def test_a_level_of_its_own_for_each_look() -> None:
    """What a single look at 5 % calls beyond the margin, the first of eight looks leaves open."""
    logs = [0.06, 0.07, 0.08]
    assert one(of_units(logs), thresholds=Thresholds(looks=(3,))).outcome is Outcome.FAILS
    assert one(of_units(logs)).outcome is Outcome.INCONCLUSIVE


# How much more


def test_more_before_the_first_look() -> None:
    """Before the first look the units to it are missing, at the mean seconds of a measurement."""
    verdict = one(of_units([0.1] * 2, seconds=4.0))
    assert (verdict.more_units, verdict.more_seconds) == (1, 4.0)
    assert verdict.reason == "2 of 3 units for a first look"


def test_more_after_an_open_look() -> None:
    """A clear effect with some spread is projected to the next look, a small one to a later look."""
    assert one(of_units([0.06, 0.07, 0.08])).more_units == 1
    narrow = [0.0 + x for x in (-0.03, -0.025, -0.01, 0, 0.01, 0.025, 0.03)]
    verdict = one(of_units(narrow))
    assert (verdict.outcome, verdict.more_units) == (Outcome.INCONCLUSIVE, 13)
    assert "look at 20" in verdict.reason


def test_more_goes_by_the_moderated_spread() -> None:
    """Units that lie close by chance, in a run of wide ones, are not expected to decide at the next look."""
    logs = [0.029, 0.03, 0.031]
    wide = prior_of([Spread(0.02**2, 2)] * 3)
    assert one(of_units(logs)).more_units == 1
    assert one(of_units(logs), prior=wide).more_units > 10


def test_more_than_the_last_look() -> None:
    """An effect at the margin, and a spread too wide for the last look, say so in the reason."""
    at_margin = [REACHED + x for x in (-0.03, -0.02, -0.01, 0, 0.01, 0.02, 0.03)]
    assert "sits at the margin" in one(of_units(at_margin)).reason
    loud = one(
        of_units([x * 8 for x in (-0.03, -0.02, -0.01, 0.01, 0.01, 0.02, 0.03)]), replace(CLAIM, margin=0.08)
    )
    assert 21 < loud.more_units < 280
    assert "more than 28 units here" in loud.reason


def test_undecided_at_the_end() -> None:
    """After the last look nothing more is asked for and the verdict stays inconclusive, with its reason."""
    verdict = one(of_units([0.1, -0.1] * 20))
    assert (verdict.outcome, verdict.more_units, verdict.more_seconds) == (Outcome.INCONCLUSIVE, 0, 0.0)
    assert verdict.reason.startswith("28 units did not decide it: ")


# Unsteady


def stalling(seed: int, every: int, blocks: int = 30) -> list[Measurement]:
    """Identical code except that the tip takes ten times as long in every so many rounds."""
    rng = np.random.default_rng(seed)
    rows = 0.005 * np.exp(rng.normal(0, 0.02, (14, 2, blocks)))
    rows[:, 1, ::every] *= 10
    return [measured(i, *pair) for i, pair in enumerate(rows)]


def test_a_stalling_variant_is_judged_by_its_total() -> None:
    """A stall in every tenth round is invisible to the typical ratio, and fails the claim by the total."""
    given = stalling(1, 10)
    assert units(given, "tip", "seconds")[0] == pytest.approx(0, abs=0.02)
    verdict = one(given)
    assert verdict.outcome is Outcome.FAILS
    assert verdict.comparison is not None
    assert verdict.comparison.unsteady
    assert verdict.comparison.ratio == pytest.approx(1.9, rel=0.03)
    assert verdict.comparison.mean_ratio == verdict.comparison.ratio


def test_a_baseline_that_stalls_is_recognised() -> None:
    """Where the baseline stalls and the tip does not, the tip holds by the total."""
    given = [(m.invocation, [trial.samples["seconds"] for trial in m.trials]) for m in stalling(1, 10)]
    swapped = [measured(invocation, tip, base) for invocation, (base, tip) in given]
    verdict = one(swapped)
    assert verdict.comparison is not None
    assert (verdict.outcome, verdict.comparison.unsteady) == (Outcome.HOLDS, True)


@pytest.mark.parametrize("tail", ["pareto", "stalls"])
def test_heavy_tails_on_both_sides_are_steady(tail: str) -> None:
    """Identical code whose rounds stall at random is called unsteady in at most one of 60 cases."""
    rng = np.random.default_rng(5)
    called = 0
    for _ in range(60):
        shape = (14, 2, 30)
        factor = (
            1 + rng.pareto(1.5, shape) * 0.2
            if tail == "pareto"
            else np.where(rng.random(shape) < 0.1, 10.0, 1.0)
        )
        rows = 0.005 * factor * np.exp(rng.normal(0, 0.01, shape))
        found = comparison([measured(i, *pair) for i, pair in enumerate(rows)], "tip", "seconds")
        called += found is not None and found.unsteady
    assert called <= 1


def steady_interval(values: Sequence[float]) -> tuple[float, float]:
    """The interval by which a claim's units are found unsteady."""
    return centre_of(values).interval(THRESHOLDS.level(len(values)))


def _given(nulls: tuple[float, float]) -> tuple[float, float]:
    return nulls


def test_the_null_is_subtracted() -> None:
    """A gap that both sides show against themselves makes no variant unsteady; where one side is calm it
    does."""
    for nulls, unsteady in (
        ((0.1, 0.1), False),
        ((0.0, 0.1), True),
        ((0.1, 0.0), True),
        ((-0.1, -0.1), False),
    ):
        given = [Unit(0.0, 0.1 + 0.001 * i, partial(_given, nulls)) for i in range(7)]
        assert judged_by(given, REACHED, steady_interval)[1] is unsteady


# Exact metrics


def exact(
    invocation: int, base: float, other: float, metric: str = "peak_bytes", where: str = "exact"
) -> Measurement:
    """A measurement with single readings."""
    alone = where == "solo"
    trials = tuple(
        Trial(name, solo={metric: value}) if alone else Trial(name, exact={metric: value})
        for name, value in (("baseline", base), ("tip", other))
    )
    return Measurement("x.py::bench_x", "X1", invocation, trials=trials, survey=alone)


@pytest.mark.parametrize(
    ("base", "other", "outcome"),
    [
        (100, 97, "holds"),
        (100, 103, "fails"),
        (100, 99, "no effect"),
        (0, 0, "no effect"),
        (0, 2, "fails"),
        (2, 0, "holds"),
    ],
)
@pytest.mark.parametrize("where", ["exact", "solo"])
def test_exact_metrics_need_one_reading(base: float, other: float, outcome: str, where: str) -> None:
    """One reading decides an exact metric, zero included, in a measurement or a survey."""
    verdict = one([exact(0, base, other, where=where)], replace(CLAIM, metric="peak_bytes"))
    assert verdict.outcome == outcome
    assert verdict.reason == f"{base} -> {other} B"


def test_exact_readings_that_disagree_are_a_warning() -> None:
    """The latest reading counts; a warning states that an earlier one differs."""
    verdict = one([exact(1, 100, 50), exact(0, 100, 160)], replace(CLAIM, metric="peak_bytes"))
    found = verdict.comparison
    assert found is not None
    assert (verdict.outcome, found.ratio, found.low) == (Outcome.HOLDS, 0.5, None)
    assert "100 -> 160, 100 -> 50" in found.warnings[0]


# Trouble


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (Status.WRONG, Outcome.WRONG),
        (Status.FAILED, Outcome.FAILED),
        (Status.TIMED_OUT, Outcome.TIMED_OUT),
    ],
)
def test_trouble_after_evidence_is_the_verdict(status: Status, outcome: Outcome) -> None:
    """Trouble in one invocation outranks what others measured, with its reason and the units there were."""
    verdict = one([*of_units([0.1] * 8), stopped(8, status, "because")])
    assert verdict.outcome is outcome
    assert "because (invocation 8)" in verdict.reason
    assert "units measured" in verdict.reason or outcome is Outcome.WRONG
    assert (verdict.comparison is None) == (outcome is Outcome.WRONG)


@pytest.mark.parametrize(
    ("status", "outcome"),
    [(Status.CONFIRMED, Outcome.HOLDS), (Status.REFUTED, Outcome.FAILS), (Status.GONE, Outcome.GONE)],
)
def test_what_has_no_time_is_decided_at_once(status: Status, outcome: Outcome) -> None:
    """Its reason is the verdict's, whatever the invocation; there is nothing to compare."""
    verdict = one([stopped(1, status, "because")])
    assert (verdict.outcome, verdict.reason, verdict.comparison) == (outcome, "because", None)
    assert verdict.decided


def test_skipped_only_where_never_measured() -> None:
    """A variant skipped everywhere is skipped; one that was also measured is judged."""
    skipped = stopped(0, Status.SKIPPED, "no such module")
    assert one([skipped]).outcome is Outcome.SKIPPED
    assert (
        one([skipped, *(replace(m, invocation=m.invocation + 1) for m in of_units([0.1] * 7))]).outcome
        == "fails"
    )


def test_a_baseline_in_trouble_takes_its_variants_along() -> None:
    """Without a baseline nothing can be compared; a wrong baseline does not make the variant wrong."""
    for status in (Status.FAILED, Status.WRONG):
        verdict = one([stopped(0, status, "because", "baseline")])
        assert (verdict.variant, verdict.outcome) == ("tip", Outcome.FAILED)
        assert verdict.reason.startswith(f"the baseline was {status}: because")
    assert one([stopped(0, Status.SKIPPED, "no GPU", "baseline")]).outcome is Outcome.SKIPPED


def test_a_whole_measurement_in_trouble() -> None:
    """What kept a measurement from having trials is the verdict of the known variants, or of the nameless
    one."""
    late = Measurement("x.py::bench_x", "X1", 3, Status.TIMED_OUT, "over 60 s")
    assert one([*of_units([0.1] * 3), late]).outcome is Outcome.TIMED_OUT
    verdict = one([late])
    assert (verdict.variant, verdict.outcome, verdict.case) == ("", Outcome.TIMED_OUT, "x.py::bench_x")


def test_trouble_in_a_survey_counts_only_without_a_contest() -> None:
    """A variant that failed alone but was measured in measurements is judged."""
    survey = replace(stopped(0, Status.FAILED, "because"), survey=True)
    assert one([survey]).outcome is Outcome.FAILED
    assert one([survey, *of_units([0.1] * 7)]).outcome is Outcome.FAILS


def test_lost_has_its_reason() -> None:
    """A planned measurement that is absent makes undecided variants lost and leaves decided ones alone."""
    assert one(of_units([0.1] * 2), lost="killed").reason == "killed, 2 units measured"
    assert one(of_units([0.1] * 2), lost="killed").outcome is Outcome.LOST
    assert one(of_units([0.1] * 7), lost="killed").outcome is Outcome.FAILS
    absent = one([], case="y.py::bench_y", lost="killed")
    assert (absent.case, absent.outcome, absent.reason) == ("y.py::bench_y", Outcome.LOST, "killed")


def test_a_metric_without_values_asks_for_no_more() -> None:
    """Where measurements lack the claim's metric the reason states it, and no more of them are requested."""
    verdict = one(of_units([0.1] * 3), replace(CLAIM, metric="wait_seconds"))
    assert (verdict.outcome, verdict.more_units) == (Outcome.INCONCLUSIVE, 0)
    assert verdict.reason == "no round holds a usable wait_seconds"


def test_a_baseline_alone_takes_a_look_of_units() -> None:
    """Nothing is expected of it; it stays open for as many units as a first look takes, and is never
    inconclusive."""
    trial = Trial(BASELINE, samples={"seconds": (1.0,) * 8})
    units = [Measurement("x.py::bench_x", "X1", number, trials=(trial,)) for number in range(3)]
    (open_,), (done,) = verdicts(CLAIM, units[:2]), verdicts(CLAIM, units)
    assert (open_.outcome, open_.more_units, open_.variant, open_.decided) == (Outcome.SKIPPED, 1, "", False)
    assert (done.outcome, done.more_units, done.decided) == (Outcome.SKIPPED, 0, True)
    assert "3 units kept for compare and the gate" in done.reason


def test_each_variant_has_its_verdict() -> None:
    """Variants are judged apart, in the order in which they appear, each by its own expectation."""

    def both(i: int) -> Measurement:
        whole = measured(i, [1.0] * 6, [0.9] * 6)
        third = Trial("other", samples={"seconds": (0.9,) * 6}, expect=Expect.HIGHER)
        return replace(whole, trials=(*whole.trials, third))

    found = verdicts(CLAIM, [both(i) for i in range(7)])
    assert [(v.variant, v.outcome) for v in found] == [("tip", Outcome.HOLDS), ("other", Outcome.FAILS)]
    with pytest.raises(ValueError, match="one case"):
        verdicts(CLAIM, [both(0), replace(both(1), case="another")])


# Secondary metrics


def test_comparison_has_an_interval_from_three_units() -> None:
    """Two units have a ratio, three Student's interval of 95 % too; a metric that no measurement has is
    None."""
    two, three = (comparison(of_units([0.01 * i for i in range(n)]), "tip", "seconds") for n in (2, 3))
    assert two is not None
    assert three is not None
    assert two.ratio == pytest.approx(math.exp(0.005))
    assert two.low is two.high is None
    half = 4.302653 * 0.01 / math.sqrt(3)
    assert three.low == pytest.approx(math.exp(0.01 - half))
    assert three.high == pytest.approx(math.exp(0.01 + half))
    assert three.units == 3
    assert comparison(of_units([0.1]), "tip", "cpu_seconds") is None
    assert comparison(of_units([0.1]), "tip", "peak_bytes") is None


def test_comparison_reads_solo_passes() -> None:
    """A metric that only solo passes carry is compared from them, one unit a pass."""
    found = comparison([exact(i, 100, 150, "pss_bytes", "solo") for i in range(2)], "tip", "pss_bytes")
    assert found is not None
    assert found.units == 2
    assert found.ratio == pytest.approx(1.5)
