"""What a benchmark passes to compare."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from harness.measure.correctness import Same
from harness.measure.variant import Unavailable, Variant
from harness.model import Expect, Work

Anew = Callable[[Callable[["BenchmarkSpec"], object]], object]
"""Calls a benchmark again, and hands what it passes to compare then to the given function."""


@dataclass(frozen=True, slots=True)
class BenchmarkSpec:
    """What a benchmark passed to compare: its variants, what they must agree on, the work of an iteration.

    ``anew`` calls the benchmark again, so that it makes its inputs once more; None where that is not
    possible.
    """

    variants: Mapping[str, Variant | Unavailable]
    same: Same
    reference: Callable[[], object] | None
    work: Work
    expect: Mapping[str, Expect]
    anew: Anew | None = None
