"""Limits of a measurement: lengths of rounds, numbers of blocks, time to warm up."""

from __future__ import annotations

from dataclasses import dataclass, replace

LOADER_BLOCKS = 2
"""Blocks of loaders in a unit, at the least: a unit is off by its process as much as by its rounds.

On recorded epochs of two workers, effects of 10, 20 and 50 % took 20, 6.2 and 3.4 units with two pairs of
rounds, 20, 6.5 and 3.3 with three, and 24, 8.9 and 3.9 with one."""

LOADER_SHARE = 1.0
"""Seconds that the blocks of a loader's unit may take where more than `LOADER_BLOCKS` of them fit.

On two cores a unit of three blocks of windows varied by 5 % from process to process, and no less with six:
seconds are better spent on another unit."""


LONG_BLOCK = 2.0
"""Seconds of a block of loaders beyond which one is enough for a unit.

With one pair of rounds effects of 20 and 50 % take 1.4 and 1.2 times as many units as with two. A unit whose
rounds are that long costs a quarter to a third less, and a first look takes three units of either."""


@dataclass(frozen=True, slots=True)
class RoundLimits:
    """What one case may cost in one invocation; seconds throughout.

    Rounds last ``round_seconds`` or as long as the slowest variant's single iteration, up to
    ``longest_round``: rounds of similar length see similar noise. ``share`` is for the blocks alone; the
    blocks are as many as fit it, within ``fewest_blocks`` and ``most_blocks``. ``epochs`` says that
    iterations are a loader's epochs: how long a round is, is not for us to choose, and a first one that is
    long has warmed the variant up.
    """

    share: float = 0.6
    round_seconds: float = 0.006
    longest_round: float = 0.025
    fewest_blocks: int = 6
    most_blocks: int = 30
    warmup_limit: float = 1.0
    steady: float = 0.02
    epochs: bool = False

    def apart(self) -> RoundLimits:
        """The same for variants in live processes.

        Rounds are four times as long, for a turn costs a switch, unless they are a loader's. Blocks are twice
        as many, for what they cost is little beside starting the processes.
        """
        return replace(
            self,
            share=(2 if self.epochs else 4) * self.share,
            round_seconds=4 * self.round_seconds,
            longest_round=4 * self.longest_round,
            most_blocks=2 * self.most_blocks,
        )

    def loader(self) -> RoundLimits:
        """The same for loaders, whose rounds are long: two blocks are enough for a unit, and the first
        epoch has started the workers and filled the caches that the next ones find."""
        return replace(self, fewest_blocks=min(LOADER_BLOCKS, self.fewest_blocks), epochs=True)

    def blocks(self, block_seconds: float) -> int:
        """How many blocks of that length fit the share."""
        fitting = int(self.share / block_seconds) if block_seconds > 0 else self.most_blocks
        fewest = 1 if self.epochs and block_seconds > LONG_BLOCK else self.fewest_blocks
        return min(self.most_blocks, max(fewest, fitting))
