"""Switching Python's garbage collector off, or freezing what is there, makes steps faster if many objects are
alive.

Why: A full collection visits every object that is alive, a million of them in tenths of a second. A loop with
few objects, or one that makes few, does not show it.

Source: today's folklore.
"""

import pytest
import torch

from harness import claim, variant
from support.collector import collecting, unfrozen

ALIVE = {"few_objects": 0, "million_objects": 10**6}
MADE = 2000
"""Objects that a step makes and drops; the collector looks at the youngest after 700 of them."""


@pytest.fixture
def imported_in_reach():
    with unfrozen():
        yield


@claim("F3", expect="lower", margin=0.05)
@pytest.mark.parametrize("alive", list(ALIVE))
@pytest.mark.usefixtures("imported_in_reach")
def bench_garbage_collection(compare, alive):
    kept = [[place] for place in range(ALIVE[alive])]
    x, weight = torch.randn(2, 64, 64)

    def step():
        made = [[place] for place in range(MADE)]
        return (x @ weight).sum() + len(made) + len(kept)

    compare(
        baseline=variant(step, around=collecting),
        switched_off=step,  # as it is in every round that does not switch it on
        frozen=variant(step, around=lambda: collecting(freeze=True)),
        same=torch.equal,
        expect="lower" if ALIVE[alive] else "same",
    )
