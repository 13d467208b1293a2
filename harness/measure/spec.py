"""What a benchmark asks for when it calls compare."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from harness.measure.correctness import Same
from harness.measure.variant import Unavailable, Variant
from harness.model import Expect, Work

Anew = Callable[[Callable[["BenchmarkSpec"], object]], object]
"""Calls a benchmark again, and hands what it asks for then to the function that it is given."""


@dataclass(frozen=True, slots=True)
class BenchmarkSpec:
    """What a benchmark asked for: its variants, what they must agree on, the work of an iteration.

    ``anew`` calls the benchmark again, so that it makes its inputs once more; None where that is not possible.
    """

    variants: Mapping[str, Variant | Unavailable]
    same: Same
    reference: Callable[[], object] | None
    work: Work
    expect: Mapping[str, Expect]
    anew: Anew | None = None
