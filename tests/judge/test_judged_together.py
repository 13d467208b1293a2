"""The cases of a run judged together: who is prior to whom."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest

from harness.judge.run import judge_measurements
from harness.model import BASELINE, Claim, Measurement, Outcome, Trial, Verdict

WAVE = (-1.0, 0.0, 1.0)
"""Three units with the deviation 1."""


def claim(name: str, *, loader: bool = False, metric: str = "seconds") -> Claim:
    """A claim whose margin is 2 %."""
    return Claim(name, "a tip", f"{name}.py", "bench", metric, margin=0.02, loader=loader)


def measured(
    of: Claim, parameters: str = "", units: int = 3, **variants: tuple[float, float]
) -> list[Measurement]:
    """Units of a case; each variant has an effect and a deviation, as log ratios."""
    case = f"{of.path}::{of.function}{f'[{parameters}]' if parameters else ''}"
    return [
        Measurement(
            case,
            of.name,
            number,
            trials=(
                Trial(BASELINE, samples={of.metric: (1.0,) * 4}),
                *(
                    Trial(name, samples={of.metric: (math.exp(effect + spread * WAVE[number % 3]),) * 4})
                    for name, (effect, spread) in variants.items()
                ),
            ),
        )
        for number in range(units)
    ]


def several(of: Claim, names: str, effect: float, units: int = 3) -> list[Measurement]:
    """A case for each letter, whose units have the deviation 1 %."""
    return [each for name in names for each in measured(of, name, units, v=(effect, 0.01))]


def judged(claims: Sequence[Claim], measurements: Sequence[Measurement]) -> dict[tuple[str, str], Verdict]:
    """The verdicts by claim or case, and variant."""
    return {
        (verdict.case, verdict.variant): verdict for verdict in judge_measurements(claims, measurements, ())
    }


def trusted(verdict: Verdict) -> float:
    """The degrees of freedom that other cases have in a verdict."""
    assert verdict.basis is not None
    return verdict.basis.trusted


def test_the_variants_of_one_case_are_no_prior_to_each_other() -> None:
    """They share a baseline, so their spreads are no evidence of their own: Student's t, however many there
    are."""
    one = claim("A")
    found = judged([one], measured(one, a=(0.07, 0.01), b=(0.07, 0.01), c=(0.07, 0.01), d=(0.07, 0.01)))
    assert {trusted(verdict) for verdict in found.values()} == {0.0}
    assert {verdict.outcome for verdict in found.values()} == {Outcome.INCONCLUSIVE}


def test_other_cases_are_and_the_case_itself_is_not() -> None:
    """Three other decisions of 1 % are the prior of a case of 10 %; it would be 2.2 % with the case's own."""
    one = claim("A")
    noisy = measured(one, "noisy", v=(0.07, 0.1))
    found = judged([one], [*several(one, "xyz", 0.07), *noisy])
    verdict = found["A.py::bench[noisy]", "v"]
    assert verdict.basis is not None
    assert verdict.basis.prior == pytest.approx(0.01 * math.exp(0.57721566 / 2))
    assert verdict.basis.trusted < 0.05
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert all(trusted(found[f"A.py::bench[{name}]", "v"]) < 1 for name in "xyz")  # the noisy one is theirs
    calm = judged([one], several(one, "wxyz", 0.07))
    assert {(trusted(each), each.outcome) for each in calm.values()} == {(2.0, Outcome.FAILS)}


@pytest.mark.parametrize(
    "other",
    [claim("B", loader=True), claim("B", metric="wait_seconds")],
    ids=["loaders", "another metric"],
)
def test_each_sort_has_its_own_prior(other: Claim) -> None:
    """Loaders and arithmetic, seconds and waits are not alike."""
    one = claim("A")
    found = judged([one, other], [*measured(one, v=(0.07, 0.01)), *several(other, "wxyz", 0.5)])
    assert trusted(found["A.py::bench", "v"]) == 0.0
    assert trusted(found["B.py::bench[w]", "v"]) == 2.0


def test_fewer_units_than_a_first_look_are_no_prior() -> None:
    """Two units have one degree of freedom: their variances would differ by chance alone."""
    one = claim("A")
    found = judged([one], [*measured(one, "a", v=(0.07, 0.01)), *several(one, "wxyz", 0.5, units=2)])
    assert trusted(found["A.py::bench[a]", "v"]) == 0.0
