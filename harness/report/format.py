"""Numbers and foreign text as people read them; plain ASCII, so that no terminal or log chokes on our own
words."""

from __future__ import annotations

import math

from harness.model import Basis, Comparison, Direction, MetricKind, metric

LONGEST = 300
"""Characters shown of any text from a record: a name of a megabyte would bury the report."""

EQUAL = "1.000x"
"""A factor that rounds to 1."""

_NOTHING = 1e6
"""A ratio beyond which one of the two was nothing, and a factor says less than that."""

_TIMES = ((1.0, "s"), (1e-3, "ms"), (1e-6, "us"), (1e-9, "ns"))
_BYTES = ((2.0**40, "TiB"), (2.0**30, "GiB"), (2.0**20, "MiB"), (2.0**10, "KiB"), (1.0, "B"))
_COUNTS = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, ""))
_FASTER = frozenset({"seconds", "loader_seconds", "host_seconds"})


def sanitize(text: object, longest: int = LONGEST) -> str:
    """Text from a record on one line and without power: no control, escape, direction or surrogate
    characters."""
    words = " ".join(str(text)[: 4 * longest].split())
    safe = "".join(character for character in words if character.isprintable())
    return safe if len(safe) <= longest else f"{safe[: longest - 3]}..."


def quantity(value: float, unit: str) -> str:
    """Three digits and a scaled unit: ``1.23 ms``, ``12.0 MiB``; ``4.56 k`` where it is neither time nor
    bytes."""
    if not _finite(value):
        return "?"
    factor, name = scale_of(value, unit)
    if value == int(value) and factor == 1.0 and unit != "s":
        return f"{value:.0f} {name}".rstrip()
    return f"{digits(value / factor)} {name}".rstrip() if value else f"0 {unit}"


def scale_of(value: float, unit: str) -> tuple[float, str]:
    """What `quantity` divides such a value by, and the unit it then has: 0.00123 s gives 0.001 and ``ms``."""
    scale = {"s": _TIMES, "B": _BYTES}.get(unit, _COUNTS)
    # 0.9995 and more would round up to a 1000 of the smaller unit
    return next(((factor, name) for factor, name in scale if abs(value) >= 0.9995 * factor), scale[-1])


def digits(value: float) -> str:
    """Three significant digits without an exponent: 1.23, 12.3, 123, 1234."""
    size = abs(value)
    return f"{value:.{2 if size < 9.995 else 1 if size < 99.95 else 0}f}"


def step(before: float, after: float, unit: str) -> str:
    """``12.0 -> 6.00 MiB``: both in the smaller's unit where they are close, else each in its own."""
    sizes = sorted((abs(before), abs(after)))
    if _finite(before) and _finite(after) and sizes[0] > 0 and sizes[1] < 10 * sizes[0]:
        factor, name = scale_of(sizes[0], unit)
        whole = factor == 1.0 and unit != "s" and before == int(before) and after == int(after)
        first, second = (
            f"{value / factor:.0f}" if whole else digits(value / factor) for value in (before, after)
        )
        return f"{first} -> {second} {name}".rstrip()
    return arrow(quantity(before, unit), quantity(after, unit))


def arrow(before: str, after: str) -> str:
    """Two quantities in words; the unit once where it is the same."""
    one, other = before.rpartition(" "), after.rpartition(" ")
    return f"{one[0] if one[0] and one[2] == other[2] else before} -> {after}"


def duration(seconds: float, *, exact: bool = False) -> str:
    """A stretch of time: ``40 s``, ``4 min``, ``4 min 40 s``, ``12 min``, ``1 h 30 min``.

    To the second below ten minutes: 4 min 40 s beside a budget of 4 min is not 5 min. In whole minutes
    beyond, unless it is to be ``exact``, as what somebody asked for is: ``27 min 30 s``.
    """
    if not _finite(seconds):
        return "very long"
    if seconds < 119.5:
        return f"{max(0.0, seconds):.0f} s"
    whole = round(seconds) if exact or seconds < 599.5 else 60 * round(seconds / 60)
    parts = ((whole // 3600, "h"), (whole // 60 % 60, "min"), (whole % 60, "s"))
    return " ".join(f"{count} {unit}" for count, unit in parts if count)


def share(value: float) -> str:
    """A share as a percentage: 0.05 -> ``5 %``."""
    return f"{100 * value:.3g} %"


def better(found: Comparison) -> bool | None:
    """Whether the effect is an improvement; None where it may be none at all, or the metric has no
    direction."""
    direction = metric(found.metric).direction
    if direction is Direction.NONE or not _surely(found):
        return None
    return (found.ratio < 1) is (direction is Direction.LOWER)


def improvement(found: Comparison) -> float | None:
    """How many times better than the baseline, below 1 where it is worse; None for a metric without
    direction, infinite where the baseline has something and the variant none of it."""
    direction = metric(found.metric).direction
    if direction is Direction.NONE:
        return None
    if direction is Direction.HIGHER:
        return found.ratio
    return 1 / found.ratio if found.ratio else math.inf


def effect(found: Comparison) -> str:
    """The ratio as a factor of at least 1 and its direction: ``1.25x faster``, ``1.071x slower``, ``2.00x
    less memory``; ``1.000x`` for none.

    Every table has this one scale, whatever the size. Whether it may be none is for `better` and the verdict.
    """
    ratio = found.ratio
    if not 1 / _NOTHING < ratio < _NOTHING:
        return "from none" if ratio > 1 else "to none"
    shown = factor(ratio)
    return shown if shown == EQUAL else f"{shown} {_words(found)[ratio > 1]}"


def factor(ratio: float) -> str:
    """A positive ratio as a factor of at least 1 without its direction: ``1.25x`` for 0.8 as for 1.25."""
    return f"{_factor(_times(ratio), _decimals(ratio))}x"


def interval(found: Comparison) -> str:
    """The interval in the effect's own terms: ``1.20 to 1.31x``, below 1 in the other direction; nothing
    where there is none."""
    bounds = _bounds(found)
    if bounds is None or not 1 / _NOTHING < found.ratio < _NOTHING:
        return ""
    low, high = bounds if found.ratio > 1 else (1 / bounds[1], 1 / bounds[0])
    decimals = _decimals(found.ratio)
    return f"{_factor(low, decimals)} to {_factor(high, decimals)}x"


def bytes_step(before: float, after: float, label: str = "") -> str:
    """Memory as a factor, with its bytes: ``1.50x more (PSS 2.00 -> 3.00 MiB)``; the bytes alone where both
    are the same or one is none."""
    shown = f"{label}{step(before, after, 'B')}"
    if not (_finite(before) and _finite(after) and before > 0 and after > 0):
        return shown
    grown = effect(Comparison("peak_bytes", 0, after / before))
    return shown if grown == EQUAL or grown.endswith("none") else f"{grown.rpartition(' ')[0]} ({shown})"


def _times(ratio: float) -> float:
    return max(ratio, 1 / ratio)


def _decimals(ratio: float) -> int:
    """One more where the effect is less than a tenth: the last digit would be half a margin of 2 %."""
    times = _times(ratio)
    return 3 if times < 1.0995 else 2 if times < 9.995 else 1 if times < 99.95 else 0


def _factor(value: float, decimals: int) -> str:
    return f"{value:.{decimals}f}"


def _words(found: Comparison) -> tuple[str, str]:
    """What a smaller ratio is, and a larger one."""
    if found.metric in _FASTER:
        return ("faster", "slower")
    thing = {"s": " time", "B": " memory", "J": " energy"}.get(metric(found.metric).unit, "")
    return f"less{thing}", f"more{thing}"


def basis(found: Basis | None) -> str:
    """What a verdict's interval went by: ``a unit varies by 0.8 % (other cases: 0.6 %, 1.3 degrees of
    freedom), 3.3 degrees of freedom, level 0.23 %``; empty where it had no spread."""
    if found is None:
        return ""
    prior = (
        f"other cases: {_deviation(found.prior)}, {found.trusted:.1f} degrees of freedom"
        if found.trusted
        else "no prior from other cases"
    )
    return (
        f"a unit varies by {_deviation(found.spread)} ({prior}), {found.freedom:.1f} degrees of freedom, "
        f"level {100 * found.level:.2g} %"
    )


def _deviation(log: float) -> str:
    """A deviation of log ratios, two digits."""
    return f"{100 * math.expm1(min(log, 700.0)):.2g} %"


def _finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # an integer beyond any float, as a record may hold
        return False


def _bounds(found: Comparison) -> tuple[float, float] | None:
    """The interval, unless there is none or it is not one of ratios: what was saved may hold any numbers."""
    if found.low is None or found.high is None or not 0 < found.low <= found.high < math.inf:
        return None
    return found.low, found.high


def _surely(found: Comparison) -> bool:
    bounds = _bounds(found)
    if bounds is None:
        # one reading of an exact metric is as sure as many; few units of a noisy one are not
        return found.ratio != 1 and metric(found.metric).kind is MetricKind.EXACT
    return not bounds[0] <= 1 <= bounds[1]
