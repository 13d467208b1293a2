"""What one unit shows beside its ratio: how much its pairs differ."""

from __future__ import annotations

import numpy as np
import pytest

from harness.judge.units import unit_of

KEEP = 0.7


def test_pair_noise_is_the_deviation_of_a_pair() -> None:
    """On average and about: each unit shows it by one difference of halves, and a typical ratio of few pairs
    varies more than their mean."""
    random = np.random.default_rng(1)
    shown = []
    for _ in range(1000):
        base, head = np.exp(random.normal(0.0, [[0.03], [0.04]], (2, 10)))
        shown.append(unit_of(base, head, 1.0).pair_noise())
    assert 0.05 < np.sqrt(np.mean(np.square(shown))) < 0.065


def test_pair_noise_says_nothing_of_which_side_is_slower() -> None:
    """It is the same where the sides are exchanged, and where one of them takes longer throughout."""
    base, head = np.exp(np.random.default_rng(2).normal(0.0, 0.05, (2, 12)))
    noise = unit_of(base, head, KEEP).pair_noise()
    assert noise > 0
    assert unit_of(head, base, KEEP).pair_noise() == pytest.approx(noise)
    assert unit_of(base, 1.5 * head, KEEP).pair_noise() == pytest.approx(noise)


def test_pair_noise_of_few_pairs_is_unknown() -> None:
    """Halves of one pair each would be compared."""
    assert unit_of(np.array([1.0, 2.0, 1.0]), np.array([2.0, 1.0, 1.0]), KEEP).pair_noise() == 0.0
    assert unit_of(np.array([0.0, 2.0, 1.0, 1.0]), np.ones(4), KEEP).pair_noise() == 0.0
