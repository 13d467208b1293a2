"""A benchmark that states its types, as a user's own file may: checked by mypy, and run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import torch

from harness import (
    Compare,
    HarnessError,
    Measurement,
    SavedRun,
    StoreError,
    Trial,
    Unavailable,
    Variant,
    Verdict,
    claim,
    load,
    prepared,
    variant,
)


def table(size: int) -> Callable[[], torch.Tensor]:
    """An iteration that was set up."""
    given = torch.arange(size)
    return lambda: given + 1


@contextmanager
def tidied(size: int) -> Iterator[Callable[[], torch.Tensor]]:
    """An iteration behind which something is tidied up."""
    yield table(size)


def way(size: int) -> Variant | Unavailable:
    """A variant, where the machine can run it."""
    return prepared(table, size) if size else Unavailable("nothing to do")


@claim("typed", metric="seconds", expect="same", margin=0.5, needs=["torch"], time_limit=30.0)
@pytest.mark.parametrize("size", [4])
def bench_typed(compare: Compare, size: int, device: torch.device) -> None:
    """Every kind of variant."""
    assert compare.device == device
    compare(
        baseline=lambda: torch.arange(size) + 1,
        table=prepared(table, size, part=1.0),
        tidied=prepared(tidied, size),
        variant=variant(lambda: torch.arange(size) + 1, around=torch.no_grad),
        way=way(0),
        same=torch.equal,
        flops=size,
        precision="fp32",
        expect={"table": "lower"},
    )


def slower(results: str) -> list[Verdict | Measurement]:
    """What the notebook of a user may do."""
    try:
        run: SavedRun = load("latest", results)
    except StoreError as error:
        base: HarnessError = error
        raise SystemExit(str(base)) from None
    rows = len(run.rates) + len(run.verdicts)
    return [one for one in run.run.measurements if rows and _trials(one)]


def _trials(measurement: Measurement) -> list[Trial]:
    return [trial for trial in measurement.trials if trial.samples["seconds"][0] > 1.0]


def refused() -> None:
    """What mypy must refuse: each line has an error, or the comment that ignores it is one."""
    claim("typed", expect="faster")  # type: ignore[arg-type]
    claim("typed", speed=3)  # type: ignore[call-arg]
    claim("typed", needs=3)  # type: ignore[arg-type]
    Unavailable(3)  # type: ignore[arg-type]
    prepared(lambda: 3)  # type: ignore[arg-type, return-value]
