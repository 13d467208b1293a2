"""Averages of pairs found in their order, against making and sorting all of them."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from harness.judge.stats import hodges_lehmann, signed_rank_interval, signed_rank_p
from harness.judge.walsh import MOST_COUNTED, averages, averages_at

DRAWN = np.random.default_rng(7)
MANY = 3 * MOST_COUNTED

ROWS = {
    "normal": DRAWN.normal(-6.9, 0.01, MANY),
    "two levels": np.concatenate([DRAWN.normal(-7, 1e-3, 200), DRAWN.normal(3, 1e-3, 100)]),
    "many ties": DRAWN.integers(-3, 4, MANY).astype(float),
    "equal": np.full(MANY, 0.1),
    "one apart": np.append(np.full(MANY - 1, 0.1), 7.0),
    "huge": DRAWN.normal(0, 1, MANY) * 1e307,
    "the fewest": DRAWN.normal(0, 1, MOST_COUNTED + 1),
    "few": DRAWN.normal(0, 1, 9),
}


@pytest.mark.parametrize("data", ROWS.values(), ids=ROWS)
def test_each_place_has_its_average(data: NDArray[np.float64]) -> None:
    """The first, the last, the middle and others are what sorting all of them gives."""
    ordered = np.sort(averages(data))
    last = ordered.size - 1
    ties = np.searchsorted(ordered, ordered[[last // 3, last // 2]])  # where equal averages begin
    places = [0, 1, last // 40, last // 2, (last + 1) // 2, *map(int, ties), last - 1, last]
    assert averages_at(data, places) == pytest.approx(ordered[places], rel=1e-14, abs=1e-14)
    assert hodges_lehmann(data) == pytest.approx(np.median(ordered / 2) * 2, rel=1e-14, abs=1e-14)


def test_the_interval_of_many_values_is_the_exact_one_but_little_wider() -> None:
    """Just outside of it the exact test rejects; an average further in it does not."""
    data = ROWS["the fewest"]
    ordered = np.sort(averages(data))
    for alpha in (0.05, 0.01):
        interval = signed_rank_interval(data, alpha)
        assert interval is not None
        places = [int(np.argmin(np.abs(ordered - end))) for end in interval]
        assert places[0] + places[1] == ordered.size - 1
        assert signed_rank_p(data, interval[0] - 1e-9, "greater") <= alpha / 2
        assert signed_rank_p(data, ordered[places[0] + ordered.size // 500], "greater") > alpha / 2
