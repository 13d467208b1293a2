"""The race against the full grid: how good is its answer, how often is it the same, and what share of the
time it took.

First every setting of the grid is sampled. Then the race runs again and again. In the end the answers of all
races and the foremost of the grid run against each other. Whether a setting is within the margin of the best
is judged by all samples but those of the race that answered with it: the grid alone has too few, and a lucky
setting would pass for the best.

    python scripts/race_power.py --races 10 --kinds dataloader,dali --batch-size 32 --keep samples.json
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.table import Table

from harness.cli.parser import positive
from harness.judge.racing import RacePlace, RaceRule, Repetition, level, places
from harness.loading.loaders import LOADER_KINDS
from harness.model import LoaderSample, Setting, StepInput
from harness.tune.client import LoaderWorkerError
from harness.tune.messages import LoaderPlan
from harness.tune.race import Race, SettingsGrid
from harness.tune.race_workers import RaceWorkers

THREADED = frozenset(name for name, kind in LOADER_KINDS.items() if kind.threads)

GRID_REPETITIONS = 8
"""Laps of every setting of the full grid."""

FOREMOST = 4
"""Settings of the grid that are in the final whatever the races answer."""


class Repetitions:
    """Repetitions on real loader processes, with the seconds they took in all."""

    def __init__(self, plan: LoaderPlan, folder: Path) -> None:
        self._workers = RaceWorkers(sys.executable, plan, folder)
        self.count = 0
        self.seconds = 0.0

    def __enter__(self) -> Repetitions:
        return self

    def __exit__(self, *failure: object) -> None:
        self._workers.close()

    def times(self, settings: Sequence[Setting]) -> Repetition:
        """One repetition's seconds a sample by name, in random order."""
        ran = self.samples(Random(self.count).sample(settings, len(settings)))
        return {
            setting.name: sample.seconds
            for setting, sample in ran.items()
            if isinstance(sample, LoaderSample)
        }

    def samples(self, settings: Sequence[Setting]) -> dict[Setting, LoaderSample | str]:
        """One repetition."""
        start = time.perf_counter()
        self._workers.begin_repetition(settings)
        self.count += 1
        found: dict[Setting, LoaderSample | str] = {}
        for setting in settings:
            try:
                found[setting] = self._workers.sample(setting, StepInput.WARM, seed=self.count)
            except LoaderWorkerError as error:
                found[setting] = str(error)
        self.seconds += time.perf_counter() - start
        return found


def main() -> None:
    """Read the options, run, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", help="an ImageFolder; default: generated images")
    parser.add_argument("--kinds", default="dataloader,dali")
    parser.add_argument("--workers", default="0,1,2,4")
    parser.add_argument("--prefetch", default="2,1,4")
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--step", default="none")
    parser.add_argument("--races", type=positive, default=10)
    parser.add_argument(
        "--grid",
        type=int,
        default=GRID_REPETITIONS,
        help="repetitions of the grid; its time is scaled to eight",
    )
    parser.add_argument(
        "--final", type=positive, default=40, help="repetitions of the final among answers and foremost"
    )
    parser.add_argument("--keep", type=Path, help="write every sample to this JSON file")
    parser.add_argument("--cores", type=int, default=2)
    options = parser.parse_args()
    console = Console(width=None if sys.stdout.isatty() else 140)
    counts = [int(count) for count in options.workers.split(",")]
    axes = SettingsGrid(
        {kind: [n for n in counts if n or kind not in THREADED] for kind in options.kinds.split(",")},
        prefetch=[int(ahead) for ahead in options.prefetch.split(",")],
        batch_sizes=(options.batch_size,),
        cores=options.cores,
    )
    plan = LoaderPlan(options.data, "cpu", options.step)
    rule = RaceRule()
    with TemporaryDirectory(prefix="race-power-") as scratch:
        with Repetitions(plan, Path(scratch)) as repetitions:
            grid = _repetitions(repetitions, axes.grid(), options.grid, "grid", console)
            grid_seconds = repetitions.seconds * GRID_REPETITIONS / options.grid
        _show(grid, rule, "The grid", console)
        answers: list[str] = []
        races: list[list[Repetition]] = []
        shares: list[float] = []
        for number in range(options.races):
            with Repetitions(plan, Path(scratch)) as repetitions:
                race = Race(repetitions.samples, axes, rule)
                race.run()
            answer = race.answer()
            answers.append(answer.name if answer else "none")
            races.append([*race.repetitions])
            shares.append(repetitions.seconds / grid_seconds)
            console.print(
                f"race {number + 1}: {answers[-1]}, {repetitions.seconds:.0f} s = {shares[-1]:.0%} of "
                f"the grid, {race.failed or 'none failed'}",
                highlight=False,
            )
        foremost = {place.name for place in places(grid, rule)[:FOREMOST]} | set(answers)
        finalists = [setting for setting in axes.grid() if setting.name in foremost]
        with Repetitions(plan, Path(scratch)) as repetitions:
            final = _repetitions(repetitions, finalists, options.final, "final", console)
    _show(final, rule, "The final", console)
    _show(
        [*grid, *final, *(repetition for race in races for repetition in race)], rule, "All samples", console
    )
    known = [_without(number, grid, races, final, rule).get(name) for number, name in enumerate(answers)]
    losses = [place.ratio - 1 for place in known if place is not None]
    good = sum(1 for place in known if place is not None and place.ratio <= 1 + rule.margin)
    may_be = sum(1 for place in known if place is not None and not place.eliminated)
    console.print(
        f"within {rule.margin:.0%} of the best: {good} of {options.races} by the estimate, {may_be} by its bounds; "
        f"lost {sum(losses) / max(1, len(losses)):.1%} on average; answers {dict(Counter(answers))}",
        highlight=False,
    )
    console.print(f"share of the grid's {grid_seconds:.0f} s: {min(shares):.0%} to {max(shares):.0%}")
    if options.keep is not None:
        options.keep.write_text(json.dumps({"grid": grid, "races": races, "final": final}), encoding="utf-8")


def _repetitions(
    repetitions: Repetitions, settings: Sequence[Setting], count: int, name: str, console: Console
) -> list[Repetition]:
    """The samples of so many repetitions of all these settings."""
    found = []
    for number in range(count):
        found.append(repetitions.times(settings))
        console.print(
            f"{name}, repetition {number + 1} of {count}: {repetitions.seconds:.0f} s so far", highlight=False
        )
    return found


def _without(
    number: int,
    grid: Sequence[Repetition],
    races: Sequence[Sequence[Repetition]],
    final: Sequence[Repetition],
    rule: RaceRule,
) -> dict[str, RacePlace]:
    """Where every setting stands by all samples but those of one race, which would speak for its own
    answer."""
    others = [repetition for index, race in enumerate(races) if index != number for repetition in race]
    return {place.name: place for place in places([*grid, *others, *final], rule)}


def _show(repetitions: Sequence[Repetition], rule: RaceRule, title: str, console: Console) -> None:
    """Print where every setting stands."""
    found = places(repetitions, rule)
    plateau = {place.name for place in level(found)}
    table = Table("setting", "against the best", "plateau", title=title)
    for place in found:
        bounds = f"{place.ratio:.3f} ({place.low:.3f} to {place.high:.3f})"
        table.add_row(place.name, bounds, "yes" if place.name in plateau else "")
    console.print(table)


if __name__ == "__main__":
    main()
