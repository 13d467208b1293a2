"""What a perfect loader would save, and what the loop's time is spent on: by differences of loops fed
otherwise.

A batch that is already on the device leaves the step alone; batches from host memory add the copy; the real
loader adds the preparing; files that are not in the page cache add the fetching. A loop costs more than its
step by what the loader takes from it, be it waiting or cores.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from harness.judge.stats import Floats, trimmed_interval
from harness.model import Headroom, LoopPart, LoopShare, StepInput

MARGIN = 0.02
"""A share of the time; a headroom that may be smaller is not worth looking for."""

FEEDS = {
    LoopPart.STEP: StepInput.RESIDENT,
    LoopPart.COPY: StepInput.CACHED,
    LoopPart.PREPARE: StepInput.WARM,
    LoopPart.FETCH: StepInput.COLD,
}
"""What feeds a loop that has this part, and all those before it."""


def headroom(blocks: Sequence[Mapping[StepInput, float]], level: float = 0.05) -> Headroom:
    """The headroom of a loop with a warm page cache, and its parts, from blocks of seconds a sample by feed.

    A feed that no block has is left out: its part belongs to the next one. Intervals are Student's, over
    blocks; they have no bounds for a single block. Raises ValueError where warm or resident samples are
    missing.
    """
    fed = [feed for feed in StepInput if all(feed in block for block in blocks)]
    if not blocks or StepInput.WARM not in fed or StepInput.RESIDENT not in fed:
        raise ValueError("a headroom needs samples with the real loader, and samples without")
    seconds = {feed: np.array([block[feed] for block in blocks]) for feed in fed}
    whole = float(np.mean(seconds[fed[-1]]))
    parts = []
    before: StepInput | None = None
    for part, feed in FEEDS.items():
        if feed not in fed:
            continue
        each = seconds[feed] - (seconds[before] if before else 0.0)
        middle, low, high = _interval(each, level)
        parts.append(LoopShare(part, middle, low, high, middle / whole))
        before = feed
    ratios = np.log(seconds[StepInput.WARM]) - np.log(seconds[StepInput.RESIDENT])
    middle, low, high = (float(-np.expm1(-value)) for value in _interval(ratios, level))
    warnings = []
    if StepInput.COLD not in fed:
        warnings.append(
            "nothing was read from a disk: the files stay in memory here, so fetching cannot be told apart"
        )
    return Headroom(middle, low, high, tuple(parts), tuple(warnings))


def worth_a_look(found: Headroom, margin: float = MARGIN) -> bool:
    """Whether a better loader certainly saves more than the margin; else: leave your loader alone."""
    return found.low > margin


def _interval(values: Floats, level: float) -> tuple[float, float, float]:
    # nothing trimmed: Student's
    return float(np.mean(values)), *trimmed_interval(values, level, 0.0)
