"""What is found out about the winners: how near they come to what the cores could do, and what the loop is made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from statistics import median

from harness.compare.headspace import headspace
from harness.model import Feed, Headspace, Setting
from harness.run.tuning.lanes import LaneError
from harness.run.tuning.track import HEATS_A_LANE, Track

BLOCKS = 6
"""Times that the loop is taken apart."""

FEWEST_BLOCKS = 3
"""Blocks without which there would be no bounds worth the name."""

ROUNDS = 3
"""Times that a kind is held against one core."""


class Findings:
    """Asks a track; ``tell`` hears what is being done, ``left`` says how many seconds there are, ``notes`` grow."""

    def __init__(self, track: Track, tell: Callable[[str], None], left: Callable[[], float], notes: list[str]) -> None:
        self._track = track
        self._tell = tell
        self._left = left
        self._notes = notes

    def against_one_core(self, best: Sequence[Setting], cores: int) -> tuple[dict[str, float], dict[str, float]]:
        """What one core decodes and transforms, in samples a second by kind; what the best of each makes of all cores.

        That is a share, by the setting's name, of one core's rate times the cores; the two are measured in turns.
        """
        rates: dict[str, float] = {}
        shares: dict[str, float] = {}
        for setting in best:
            own: list[float] = []
            ratios: list[float] = []
            try:
                for number in range(ROUNDS):
                    self._tell(f"one core against {setting.kind}, {number + 1} of {ROUNDS}")
                    own.append(self._track.lanes().one_core(setting, seed=number, count=4))
                    lap = self._track.lap(setting, Feed.WARM, seed=number, alone=True)
                    ratios.append(own[-1] / lap.seconds / cores)
            except LaneError as error:
                self._notes.append(f"no ceiling of {setting.kind}: {error}")
                continue
            rates[setting.kind] = 1 / median(own)
            shares[setting.name] = median(ratios)
        return rates, shares

    def taken_apart(self, answer: Setting, *, copies: bool) -> tuple[Headspace | None, float]:
        """The loop fed with nothing, with copies, with the loader and with a cold cache, in blocks of random order.

        Beside it the loader alone, in samples a second. Without ``copies`` to a device that part is left out.
        """
        feeds = [feed for feed in Feed if feed is not Feed.CACHED or copies]
        blocks: list[dict[Feed, float]] = []
        rates: list[float] = []
        cold = 0.0
        for number in range(BLOCKS):
            if number >= FEWEST_BLOCKS and self._left() <= 0:
                self._notes.append("the time budget was used up while the loop was taken apart: its bounds are wide")
                break
            if number % HEATS_A_LANE == 0:
                self._track.fresh()
            block = {}
            try:
                for feed in Random(number).sample(feeds, len(feeds)):
                    self._tell(f"taking the loop apart, {number + 1} of {BLOCKS}: {feed}")
                    lap = self._track.lap(answer, feed, seed=number)
                    block[feed] = lap.seconds
                    cold += lap.readings.get("disk_bytes", 0.0) if feed is Feed.COLD else 0.0
                rates.append(1 / self._track.lap(answer, Feed.WARM, seed=number, alone=True).seconds)
            except LaneError as error:
                self._notes.append(f"the loop could not be taken apart: {error}")
                return None, median(rates) if rates else 0.0
            blocks.append(block)
        if not cold:
            blocks = [{feed: seconds for feed, seconds in block.items() if feed is not Feed.COLD} for block in blocks]
        return headspace(blocks), median(rates)
