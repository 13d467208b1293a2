"""The race against the full grid: how good is its answer, how often is it the same, and what share of the time it took.

First every setting of the grid runs as many laps as the race may give one, which says what is truly best here. Then the
race runs again and again.

    python scripts/race_power.py --races 10 --kinds dataloader,dali --batch-size 32
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.table import Table

from harness.compare.race import RaceRule, level, places
from harness.model import Feed, Lap, Setting
from harness.run.tuning.lanes import LaneError, Lanes
from harness.run.tuning.race import MOST_LAPS, Axes, Race
from harness.run.tuning.tune import HEATS_A_LANE, LEAST_SECONDS, window_of

THREADED = frozenset({"dali", "dali_gpu"})


class Track:
    """Heats on real lanes, with the seconds they took in all."""

    def __init__(self, plan: dict[str, str | None], folder: Path) -> None:
        self._plan = plan
        self._folder = folder
        self._lanes: Lanes | None = None
        self.heats = 0
        self.seconds = 0.0

    def laps(self, settings: Sequence[Setting]) -> dict[Setting, Lap | str]:
        """One heat."""
        start = time.perf_counter()
        if self.heats % HEATS_A_LANE == 0:
            self.close()
        if self._lanes is None:
            self._lanes = Lanes(sys.executable, self._plan, THREADED, self._folder / "log").__enter__()
        self.heats += 1
        found: dict[Setting, Lap | str] = {}
        for setting in settings:
            try:
                found[setting] = self._lanes.lap(
                    setting, Feed.WARM, seed=self.heats, count=window_of(setting), least_seconds=LEAST_SECONDS
                )
            except LaneError as error:
                found[setting] = str(error)
        self.seconds += time.perf_counter() - start
        return found

    def close(self) -> None:
        """End the processes."""
        if self._lanes is not None:
            self._lanes.__exit__()
            self._lanes = None


def main() -> None:
    """Read the options, run, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="an ImageFolder; default: generated images")
    parser.add_argument("--kinds", default="dataloader,dali")
    parser.add_argument("--workers", default="0,1,2,4")
    parser.add_argument("--prefetch", default="2,1,4")
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--step", default="none")
    parser.add_argument("--races", type=int, default=10)
    parser.add_argument("--cores", type=int, default=2)
    options = parser.parse_args()
    console = Console(width=None if sys.stdout.isatty() else 140)
    counts = [int(count) for count in options.workers.split(",")]
    axes = Axes(
        {kind: [n for n in counts if n or kind not in THREADED] for kind in options.kinds.split(",")},
        prefetch=[int(ahead) for ahead in options.prefetch.split(",")],
        batch_sizes=(options.batch_size,),
        cores=options.cores,
    )
    plan = {"data": options.data, "device": "cpu", "step": options.step}
    rule = RaceRule()
    with TemporaryDirectory(prefix="race-power-") as scratch:
        grid_seconds, truth = _grid(plan, axes, rule, Path(scratch), console)
        answers: Counter[str] = Counter()
        shares: list[float] = []
        for number in range(options.races):
            track = Track(plan, Path(scratch))
            race = Race(track.laps, axes, rule)
            race.run()
            track.close()
            answer = race.answer()
            name = answer.name if answer else "none"
            answers[name] += 1
            shares.append(track.seconds / grid_seconds)
            console.print(
                f"race {number + 1}: {name}, {truth.get(name, float('nan')):.3f}x the best of the grid, "
                f"{track.seconds:.0f} s = {shares[-1]:.0%} of the grid, {race.failed or 'nobody failed'}",
                highlight=False,
            )
    good = sum(times for name, times in answers.items() if truth.get(name, 9.0) <= 1 + rule.margin)
    console.print(f"within {rule.margin:.0%} of the best: {good} of {options.races}; answers {dict(answers)}")
    console.print(f"share of the grid's {grid_seconds:.0f} s: {min(shares):.0%} to {max(shares):.0%}")


def _grid(
    plan: dict[str, str | None], axes: Axes, rule: RaceRule, folder: Path, console: Console
) -> tuple[float, dict[str, float]]:
    """The seconds of the full grid, and each setting's ratio to the best."""
    track = Track(plan, folder)
    heats = []
    settings = axes.grid()
    for number in range(MOST_LAPS):
        found = track.laps(Random(number).sample(settings, len(settings)))
        heats.append({setting.name: lap.seconds for setting, lap in found.items() if isinstance(lap, Lap)})
        console.print(f"grid, heat {number + 1} of {MOST_LAPS}: {track.seconds:.0f} s so far", highlight=False)
    track.close()
    found = places(heats, rule)
    plateau = {place.name for place in level(found, rule)}
    table = Table("setting", "against the best", "plateau")
    for place in found:
        bounds = f"{place.ratio:.3f} ({place.low:.3f} to {place.high:.3f})"
        table.add_row(place.name, bounds, "yes" if place.name in plateau else "")
    console.print(table)
    return track.seconds, {place.name: place.ratio for place in found}


if __name__ == "__main__":
    main()
