"""Claims: the sentences benchmarks test, and the work they do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

LARGEST_MARGIN = 1e3
"""The largest margin that a claim may state: effects of a thousandfold count as none."""

LARGEST_TARGET = 0.99
"""The largest slow-down that a claim may have its gate catch, as a share."""

LONGEST_TIME_LIMIT = 7 * 86400.0
"""Seconds, the longest time limit that a claim may state: a week."""


COMPARE = "compare"
FIXTURE = "benchmark"
"""The fixtures through which a benchmark hands over its work: ours, and pytest-benchmark's."""


class Expect(StrEnum):
    """What a claim expects the variant to do to the metric, relative to the baseline."""

    LOWER = "lower"
    HIGHER = "higher"
    SAME = "same"


@dataclass(frozen=True, slots=True)
class Claim:
    """The sentence a benchmark tests, and how it is to be judged.

    ``margin`` is the relative effect that counts as none. ``needs`` names what the machine must have:
    ``"cuda"`` or an importable module. ``apart`` gives each variant a live process of its own. ``loader``
    marks epochs of a data loader, which are expensive to measure. ``time_limit`` is for one case in one
    invocation, in seconds. ``why`` says what makes the claim hold or fail, ``source`` who teaches it; both
    may be empty. ``fixture`` is the pytest fixture that the benchmark calls; with pytest-benchmark's it has a
    baseline alone. ``target`` is the slow-down that a gate is to catch, a share; None for that of the suite.
    """

    name: str
    sentence: str
    path: str
    function: str
    metric: str = "seconds"
    expect: Expect = Expect.LOWER
    margin: float = 0.02
    needs: tuple[str, ...] = ()
    apart: bool = False
    loader: bool = False
    time_limit: float = 60.0
    why: str = ""
    source: str = ""
    fixture: str = COMPARE
    target: float | None = None


@dataclass(frozen=True, slots=True)
class Work:
    """What one iteration does, for rates and their shares of the machine's ceilings; 0 = not stated.

    ``items`` are samples; ``bytes`` are those moved within the device's memory, or, for a loader, those
    copied to the device; ``flops`` are floating-point operations, in the arithmetic that ``precision`` names
    by variant (float32 where it does not); ``decoded`` are image files decoded.
    """

    items: float = 0.0
    bytes: float = 0.0
    flops: float = 0.0
    decoded: float = 0.0
    precision: Mapping[str, str] = field(default_factory=dict)
