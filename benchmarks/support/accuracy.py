"""How far a result is off one that is known more exactly: relative errors and units in the last place."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import torch


def within(largest: float) -> Callable[[torch.Tensor, torch.Tensor], Mapping[str, float]]:
    """What ``same`` is given where the expected result is a float64 one.

    A result agrees if it is finite and no value is off by more than ``largest``, a share of the largest
    expected one. Where the expected result has fewer rows, they are the last ones. The readings are
    ``max_relative_error`` and ``mean_relative_error``, shares of the largest and of the mean absolute value,
    and ``max_ulp``, the largest error in units in the last place that the result's type has at the largest
    expected value.
    """
    return partial(_errors, largest)


def near(tolerance: float) -> Callable[[Sequence[torch.Tensor], Sequence[torch.Tensor]], None]:
    """What ``same`` is given where results are tensors of sums, which may be made in another order each time.

    No value is off by more than ``tolerance``, a share of its tensor's largest: cuDNN's backward does not
    repeat itself, and may round to TF32's 10 bits.
    """
    return partial(_near, tolerance)


def _near(tolerance: float, expected: Sequence[torch.Tensor], got: Sequence[torch.Tensor]) -> None:
    assert len(got) == len(expected), f"{len(got)} results, not {len(expected)}"
    for right, mine in zip(expected, got, strict=True):
        torch.testing.assert_close(mine, right, rtol=0, atol=tolerance * float(right.abs().max()))


def _errors(limit: float, expected: torch.Tensor, got: torch.Tensor) -> Mapping[str, float]:
    broken = int((~got.isfinite()).sum())
    assert not broken, f"{broken} of {got.numel()} values are NaN or infinite"
    off = (got[-len(expected) :].double() - expected.double()).abs()
    scale = float(expected.double().abs().max())
    largest = float(off.max()) / scale
    assert largest <= limit, f"the largest error is {largest:.2g} of the largest value"
    return {
        "max_relative_error": largest,
        "mean_relative_error": float(off.mean() / expected.double().abs().mean()),
        "max_ulp": largest / torch.finfo(got.dtype).eps,
    }
