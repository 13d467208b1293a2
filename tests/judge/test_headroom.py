"""What a perfect loader would save, from loops with known parts."""

from __future__ import annotations

import numpy as np
import pytest

from harness.judge.headroom import headroom, worth_a_look
from harness.model import LoopPart, StepInput


def blocks(
    number: int = 6, noise: float = 0.0, seed: int = 0, **parts: float
) -> list[dict[StepInput, float]]:
    """Loops whose parts are known, in milliseconds; each block runs at a speed of its own."""
    random = np.random.default_rng(seed)
    feeds = dict(zip(parts, np.cumsum([parts[name] for name in parts]), strict=True))
    names = {
        "step": StepInput.RESIDENT,
        "copy": StepInput.CACHED,
        "prepare": StepInput.WARM,
        "fetch": StepInput.COLD,
    }
    return [
        {names[name]: float(1e-3 * total * np.exp(random.normal(0, noise))) for name, total in feeds.items()}
        for _ in range(number)
    ]


def test_each_part_is_what_its_feed_adds() -> None:
    """Step 5, copy 1, preparing 3, fetching 1: shares of the whole ten."""
    found = headroom(blocks(step=5, copy=1, prepare=3, fetch=1))
    assert {part.part: round(part.share, 6) for part in found.parts} == {
        LoopPart.STEP: 0.5, LoopPart.COPY: 0.1, LoopPart.PREPARE: 0.3, LoopPart.FETCH: 0.1,
    }  # fmt: skip
    assert sum(part.seconds for part in found.parts) == pytest.approx(0.010)
    assert found.share == pytest.approx(1 - 5 / 9)


def test_a_feed_that_was_not_run_leaves_its_part_to_the_next() -> None:
    """On a CPU there is no copy; without a disk there is no fetching, and the result says so."""
    found = headroom(blocks(step=5, prepare=4))
    assert [part.part for part in found.parts] == [LoopPart.STEP, LoopPart.PREPARE]
    assert sum(part.share for part in found.parts) == pytest.approx(1)
    assert "disk" in found.warnings[0]


def test_no_headroom_inside_the_noise() -> None:
    """The step waits for nothing: leave the loader alone; a tenth of waiting is found."""
    none = headroom(blocks(step=10, prepare=0.01, noise=0.02))
    assert not worth_a_look(none)
    assert none.low < 0 < none.high or none.high < 0.03
    some = headroom(blocks(step=10, prepare=1.2, noise=0.01))
    assert worth_a_look(some)
    assert some.low < 1.2 / 11.2 < some.high


def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    """Over many loops with a known headroom."""
    truth = 3 / 8
    held = 0
    for seed in range(400):
        found = headroom(blocks(step=5, prepare=3, noise=0.03, seed=seed))
        held += found.low <= truth <= found.high
    assert 0.91 <= held / 400 <= 0.99


def test_what_cannot_be_taken_apart_says_so() -> None:
    """Without the real loader, or without the step alone, there is nothing to subtract."""
    with pytest.raises(ValueError, match="real loader"):
        headroom(blocks(step=5))
    with pytest.raises(ValueError, match="real loader"):
        headroom([])


def test_a_single_block_has_no_bounds() -> None:
    """One of each is a guess."""
    found = headroom(blocks(1, step=5, prepare=3))
    assert (found.low, found.high) == (-np.inf, 1.0)
    assert not worth_a_look(found)
