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
from harness.run.tuning.lanes import LaneError
from harness.run.tuning.race import MOST_LAPS, Axes, Race
from harness.run.tuning.track import HEATS_A_LANE, Track

THREADED = frozenset({"dali", "dali_gpu"})


class Heats:
    """Heats on real lanes, with the seconds they took in all."""

    def __init__(self, plan: dict[str, str | None], folder: Path) -> None:
        self._track = Track(sys.executable, plan, folder, THREADED)
        self.count = 0
        self.seconds = 0.0

    def __enter__(self) -> Heats:
        return self

    def __exit__(self, *failure: object) -> None:
        self._track.fresh()

    def laps(self, settings: Sequence[Setting]) -> dict[Setting, Lap | str]:
        """One heat."""
        start = time.perf_counter()
        if self.count % HEATS_A_LANE == 0:
            self._track.fresh()
        self.count += 1
        found: dict[Setting, Lap | str] = {}
        for setting in settings:
            try:
                found[setting] = self._track.lap(setting, Feed.WARM, seed=self.count)
            except LaneError as error:
                found[setting] = str(error)
        self.seconds += time.perf_counter() - start
        return found


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
            with Heats(plan, Path(scratch)) as heats:
                race = Race(heats.laps, axes, rule)
                race.run()
            answer = race.answer()
            name = answer.name if answer else "none"
            answers[name] += 1
            shares.append(heats.seconds / grid_seconds)
            console.print(
                f"race {number + 1}: {name}, {truth.get(name, float('nan')):.3f}x the best of the grid, "
                f"{heats.seconds:.0f} s = {shares[-1]:.0%} of the grid, {race.failed or 'nobody failed'}",
                highlight=False,
            )
    good = sum(times for name, times in answers.items() if truth.get(name, 9.0) <= 1 + rule.margin)
    console.print(f"within {rule.margin:.0%} of the best: {good} of {options.races}; answers {dict(answers)}")
    console.print(f"share of the grid's {grid_seconds:.0f} s: {min(shares):.0%} to {max(shares):.0%}")


def _grid(
    plan: dict[str, str | None], axes: Axes, rule: RaceRule, folder: Path, console: Console
) -> tuple[float, dict[str, float]]:
    """The seconds of the full grid, and each setting's ratio to the best."""
    laps = []
    settings = axes.grid()
    with Heats(plan, folder) as heats:
        for number in range(MOST_LAPS):
            ran = heats.laps(Random(number).sample(settings, len(settings)))
            laps.append({setting.name: lap.seconds for setting, lap in ran.items() if isinstance(lap, Lap)})
            console.print(f"grid, heat {number + 1} of {MOST_LAPS}: {heats.seconds:.0f} s so far", highlight=False)
    found = places(laps, rule)
    plateau = {place.name for place in level(found, rule)}
    table = Table("setting", "against the best", "plateau")
    for place in found:
        bounds = f"{place.ratio:.3f} ({place.low:.3f} to {place.high:.3f})"
        table.add_row(place.name, bounds, "yes" if place.name in plateau else "")
    console.print(table)
    return heats.seconds, {place.name: place.ratio for place in found}


if __name__ == "__main__":
    main()
