"""Numbers from numbers: ratios of paired times, the exact signed-rank and rank-sum tests, a trimmed
interval.

Everything here takes sequences of floats and returns floats; what the numbers mean for a claim is decided
elsewhere. Ratios are natural logarithms, so that twice as slow and twice as fast lie equally far from 0.

SciPy has three of these: `wilcoxon` (exact), `mannwhitneyu` (exact) and `mstats.trimmed_mean_ci`. On the
recorded samples their numbers agree with those here to 1e-12, which a test shows. They stay hand-written
because

- importing ``scipy.stats`` takes longer than importing all else that judges, and every report would pay for
  it;
- the interval of a test has to be what the same test does not reject: SciPy gives neither test's exact
  interval, and with its p alone the null distribution would be needed here all the same;
- SciPy's exact rank-sum test ignores ties, which count against the alternative here;
- a gate judges after every unit: SciPy takes 10 to 70 times as long for a handful of values;
- `mstats.trimmed_stde` fails for a trimmed share of 0, which is Student's interval.

The quantiles are SciPy's, and so is the Welch test of trimmed means (`judge.sequential`). All of `judge`
names them ``scipy.special.stdtrit``: ``import scipy`` loads a part when it is first named, and
``scipy.special`` takes longer to import than all else that a command needs before it measures.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Literal

import numpy as np
import scipy
from numpy.typing import NDArray

from harness.judge import walsh

Floats = NDArray[np.float64]
Numbers = Sequence[float] | Floats
Side = Literal["greater", "less"]

_SLACK = 1e-9  # 0.7 * 30 is 21.000000000000004 or 20.999... depending on how it was written


def quiet_ratio(baseline: Numbers, variant: Numbers, keep: float = 0.7) -> float:
    """The typical log(variant/baseline) of pairs of equal index, from the quietest ``keep`` of the pairs.

    Quiet are the pairs with the smallest product of the two times: the product treats both sides alike, so
    choosing by it favours neither. Swapping the sides flips the sign and changes nothing else. Raises
    ValueError for sequences of unequal or no length, for a time that is not positive and finite, and for
    ``keep`` outside (0, 1].
    """
    logs_base, logs_other = _quiet_logs(baseline, variant, keep)
    return _middle(logs_other - logs_base)


def quiet_level(baseline: Numbers, variant: Numbers, keep: float = 0.7) -> float:
    """The typical log of the geometric mean of a pair, from the pairs that `quiet_ratio` goes by. Raises as
    it does."""
    logs_base, logs_other = _quiet_logs(baseline, variant, keep)
    return _middle(logs_other + logs_base) / 2


def total_ratio(baseline: Numbers, variant: Numbers) -> float:
    """log of the variant's total over the baseline's, stalls and all. Raises ValueError as `quiet_ratio`
    does."""
    base, other = _paired(baseline, variant)
    return float(np.log(other.sum()) - np.log(base.sum()))


def signed_rank_p(values: Numbers, shift: float, alternative: Side) -> float:
    """The exact one-sided p of the signed-rank test that the values' centre lies beyond ``shift``.

    The statistic is the number of Walsh averages strictly beyond ``shift``, which is the usual sum of ranks
    where no difference is zero and no two of opposite sign are equally large. Where that happens, the
    averages that fall on ``shift`` count against the alternative: p is then at least as large as under any
    way of breaking the ties. Raises ValueError for no values, a value or shift that is not finite, or another
    alternative.
    """
    data = _finite(values)
    if not np.isfinite(shift):
        raise ValueError(f"the shift is {shift}, not a finite number")
    if alternative not in ("greater", "less"):
        raise ValueError(f"the alternative is 'greater' or 'less', not {alternative!r}")
    averages = walsh.averages(data)
    beyond = averages > shift if alternative == "greater" else averages < shift
    # the null distribution is symmetric: P(W >= w) = P(W <= N - w)
    return float(_null(data.size)[averages.size - int(np.count_nonzero(beyond))])


def hodges_lehmann(values: Numbers) -> float:
    """The median of the Walsh averages: the centre that the signed-rank test estimates. Raises ValueError for
    none."""
    data = _finite(values)
    last = data.size * (data.size + 1) // 2 - 1
    low, high = walsh.averages_at(data, (last // 2, (last + 1) // 2))
    return (low + high) / 2


def signed_rank_interval(values: Numbers, alpha: float) -> tuple[float, float] | None:
    """The exact interval of the centre at level 1 - ``alpha``: every shift the two-sided test does not
    reject.

    None where there are too few values for the level: n values can reach 2 * 2**-n and no less. Past
    `walsh.MOST_COUNTED` values the null distribution is the normal one. Raises ValueError for no values, a
    value that is not finite, or ``alpha`` outside (0, 1).
    """
    data = _finite(values)
    _level(alpha)
    skipped = _skipped(data.size, alpha)
    if skipped == 0:
        return None
    low, high = walsh.averages_at(data, (skipped - 1, data.size * (data.size + 1) // 2 - skipped))
    return low, high


def rank_sum_p(first: Numbers, second: Numbers, shift: float, alternative: Side) -> float:
    """The exact one-sided p of the rank-sum test (Mann-Whitney) that ``second - first`` lies beyond
    ``shift``.

    The statistic is the number of pairs whose difference lies strictly beyond ``shift``; pairs on it count
    against the alternative. Past `EXACT_PAIRS` pairs the null distribution is the normal one. Raises
    ValueError for no values, a value or shift that is not finite, or another alternative.
    """
    pairs = np.subtract.outer(_finite(second), _finite(first))
    if not np.isfinite(shift):
        raise ValueError(f"the shift is {shift}, not a finite number")
    if alternative not in ("greater", "less"):
        raise ValueError(f"the alternative is 'greater' or 'less', not {alternative!r}")
    beyond = pairs > shift if alternative == "greater" else pairs < shift
    return float(_rank_null(*pairs.shape)[pairs.size - int(np.count_nonzero(beyond))])


def median_shift(first: Numbers, second: Numbers) -> float:
    """The median of all differences second - first, which the rank-sum test estimates. Raises ValueError for
    none."""
    return _middle(np.subtract.outer(_finite(second), _finite(first)).ravel())


def rank_sum_interval(first: Numbers, second: Numbers, alpha: float) -> tuple[float, float] | None:
    """The interval of that shift at level 1 - ``alpha``: every shift that the two-sided test does not reject.

    None where there are too few values for the level. Raises ValueError as `rank_sum_p`, and for ``alpha``
    outside (0, 1).
    """
    pairs = np.sort(np.subtract.outer(_finite(second), _finite(first)), axis=None)
    _level(alpha)
    skipped = int(np.searchsorted(_rank_null(np.size(first), np.size(second)), alpha / 2, side="right"))
    if skipped == 0:
        return None
    return float(pairs[skipped - 1]), float(pairs[pairs.size - skipped])


def trimmed_interval(values: Numbers, alpha: float, trim: float = 0.2) -> tuple[float, float]:
    """The interval at level 1 - ``alpha`` of the mean without the ``trim`` smallest and largest (Yuen).

    Student's t with the winsorised deviation. Unbounded where too few values are left for a deviation. Raises
    ValueError for no values, a value that is not finite, ``alpha`` outside (0, 1), ``trim`` outside [0, 0.5).
    """
    data = np.sort(_finite(values))
    cut = int(trim * data.size + _SLACK)
    middle = float(data[cut : data.size - cut].mean())
    half = half_width(trimmed_spread(values, trim), data.size, alpha, trim)
    return middle - half, middle + half


def trimmed_upper(values: Numbers, beta: float, trim: float = 0.2) -> float:
    """The one-sided upper bound at level 1 - ``beta`` of the trimmed mean (Yuen); raises as
    `trimmed_interval` does."""
    return trimmed_interval(values, 2 * beta, trim)[1]


def student_p(values: Numbers, above: float, spread: float, known: int = 0) -> float:
    """The one-sided p of Student's t that the values' mean lies beyond ``above``.

    Their deviation is taken for ``spread`` where it is smaller, and that counts beside it for ``known``
    degrees of freedom (as in moderated t, Smyth 2004). 1 for fewer than two values. Raises ValueError for a
    value that is not finite.
    """
    data = _finite(values)
    if data.size < 2:
        return 1.0
    own = data.size - 1
    variance = (own * float(data.var(ddof=1)) + known * spread**2) / (own + known)
    error = np.sqrt(max(variance, spread**2) / data.size)
    return float(scipy.special.stdtr(own + known, (above - data.mean()) / error))


def trimmed_spread(values: Numbers, trim: float = 0.2) -> float:
    """The deviation of one value as a trimmed mean feels it: the winsorised deviation over the share that is
    kept."""
    data = np.sort(_finite(values))
    if not 0 <= trim < 0.5:
        raise ValueError(f"the trimmed share is in [0, 0.5), not {trim}")
    cut = int(trim * data.size + _SLACK)
    if data.size < 2:
        return float("inf")
    winsorised = np.clip(data, data[cut], data[data.size - 1 - cut])
    return float(winsorised.std(ddof=1) / (1 - 2 * trim))


def half_width(spread: float, count: int, alpha: float, trim: float = 0.2) -> float:
    """Half the width of the trimmed interval that ``count`` values of that spread give; infinite for too
    few."""
    _level(alpha)
    freedom = count - 2 * int(trim * count + _SLACK) - 1
    if freedom < 1:
        return float("inf")
    return float(scipy.special.stdtrit(freedom, 1 - alpha / 2)) * spread / float(np.sqrt(count))


EXACT_PAIRS = 1600
"""The most pairs of two rows (40 of 40, say) for which the null distribution is counted out."""


def _quiet_logs(baseline: Numbers, variant: Numbers, keep: float) -> tuple[Floats, Floats]:
    """The logs of both sides of the pairs that count."""
    base, other = _paired(baseline, variant)
    if not 0 < keep <= 1:
        raise ValueError(f"keep is a share in (0, 1], not {keep}")
    logs_base, logs_other = np.log(base), np.log(other)
    count = max(1, int(np.ceil(keep * base.size - _SLACK)))
    quiet = np.argsort(logs_base + logs_other, kind="stable")[:count]
    return logs_base[quiet], logs_other[quiet]


def _paired(baseline: Numbers, variant: Numbers) -> tuple[Floats, Floats]:
    base, other = np.asarray(baseline, dtype=np.float64), np.asarray(variant, dtype=np.float64)
    if base.ndim != 1 or base.shape != other.shape or base.size == 0:
        raise ValueError(f"pairs need two rows of equal length, not {base.shape} and {other.shape}")
    if not (np.isfinite(base).all() and np.isfinite(other).all() and (base > 0).all() and (other > 0).all()):
        raise ValueError("a ratio needs positive, finite numbers")
    return base, other


def _middle(data: Floats) -> float:
    """The median of finite values; numpy's own takes ten times as long for the few values of a process."""
    ordered = np.sort(data)
    return float((ordered[(data.size - 1) // 2] + ordered[data.size // 2]) / 2)


def _finite(values: Numbers) -> Floats:
    data = np.asarray(values, dtype=np.float64)
    if data.ndim != 1 or data.size == 0:
        raise ValueError("no values")
    if not np.isfinite(data).all():
        raise ValueError("values must be finite")
    return data


def _level(alpha: float) -> None:
    if not 0 < alpha < 1:
        raise ValueError(f"alpha is in (0, 1), not {alpha}")


def _skipped(count: int, alpha: float) -> int:
    """The averages at either end of their order that the test rejects."""
    if count <= walsh.MOST_COUNTED:
        return int(np.searchsorted(_null(count), alpha / 2, side="right"))
    mean, deviation = count * (count + 1) / 4, np.sqrt(count * (count + 1) * (2 * count + 1) / 24)
    return int(mean + 0.5 + deviation * scipy.special.ndtri(alpha / 2))


@lru_cache(maxsize=128)
def _null(count: int) -> Floats:
    """P(W <= w) for w = 0 .. count(count+1)/2: each rank is in the sum or not, like a fair coin."""
    chances = np.ones(1)
    for rank in range(1, count + 1):
        longer = np.zeros(chances.size + rank)
        longer[: chances.size] += chances / 2
        longer[rank:] += chances / 2
        chances = longer
    cumulated = np.cumsum(chances)
    cumulated.setflags(write=False)
    return cumulated


@lru_cache(maxsize=128)
def _rank_null(first: int, second: int) -> Floats:
    """P(U <= u) for u = 0 .. first * second: every interleaving of the two rows is equally likely.

    The largest of all values is of the first row with a chance of first / (first + second), and then beats
    all of the second row: Mann and Whitney's recursion.
    """
    size = first * second
    if size > EXACT_PAIRS:
        deviation = float(np.sqrt(size * (first + second + 1) / 12))
        cumulated = np.asarray(
            scipy.special.ndtr((np.arange(size + 1) + 0.5 - size / 2) / deviation), dtype=np.float64
        )
    else:
        row = [np.ones(1) for _ in range(second + 1)]
        for i in range(1, first + 1):
            above, row = row, [np.ones(1)]
            for j in range(1, second + 1):
                chances = np.zeros(i * j + 1)
                chances[j:] += above[j] * (i / (i + j))
                chances[: i * (j - 1) + 1] += row[j - 1] * (j / (i + j))
                row.append(chances)
        cumulated = np.cumsum(row[second])
    cumulated.setflags(write=False)
    return cumulated
