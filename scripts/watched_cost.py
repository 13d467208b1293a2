"""What `harness.watched` costs a training loop: the same loop bare and watched, by turns.

A turn is two loops of the same number of iterations, one after the other in random order. The step is 5 ms
long: it sleeps, which leaves the processor to what is beside it, or computes. Two figures are shown side by
side for each: CPU-seconds of this process by iteration, and time by iteration. A turn is a unit of evidence;
intervals are Student's, over turns. Times of a busy machine say little, CPU-seconds of a loop that sleeps say
much.

    python scripts/watched_cost.py [--turns 10] [--iterations 250] [--workers 2]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import numpy as np

import harness
from harness.cli.parser import positive
from harness.judge.stats import trimmed_interval

STEP, GOAL = 0.005, 0.005


class Numbers:
    """A dataset of so many numbers."""

    def __init__(self, count: int) -> None:
        self._count = count

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, place: int) -> int:
        if place >= self._count:
            raise IndexError(place)
        return place


@dataclass(frozen=True)
class Cost:
    """CPU-seconds and seconds of one iteration."""

    cpu: float
    wall: float


def compute(seconds: float) -> None:
    """Keep this core at work for so long."""
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


def loop(batches: Iterable[object], step: Callable[[float], None]) -> Cost:
    """One epoch. The first batch is not counted: workers start for it."""
    iterator = iter(batches)
    next(iterator)
    count, cpu, begin = 0, time.process_time(), time.perf_counter()
    for _ in iterator:
        step(STEP)
        count += 1
    return Cost((time.process_time() - cpu) / count, (time.perf_counter() - begin) / count)


def turns(
    loader: Iterable[object], step: Callable[[float], None], count: int, folder: Path
) -> Iterator[tuple[Cost, Cost]]:
    """Costs bare and watched, of each turn."""
    watched = harness.watched(loader, results=folder, quiet=True)
    for number in range(count):
        costs = {each: loop(watched if each else loader, step) for each in Random(number).sample((0, 1), 2)}
        yield costs[0], costs[1]


def show(what: str, bare: list[float], watched: list[float]) -> None:
    """Print one figure: both loops, and what the watch adds to a step, with its interval."""
    added = (np.array(watched) - np.array(bare)) / STEP
    low, high = trimmed_interval(added, 0.05, 0.0)
    print(
        f"  {what}: {1e6 * np.mean(bare):.1f} us bare, {1e6 * np.mean(watched):.1f} us watched an iteration; added: "
        f"{100 * np.mean(added):+.3f} % of a step ({100 * low:+.3f} to {100 * high:+.3f} %; goal: {100 * GOAL:.1f} %)"
    )


def main() -> None:
    """Print the cost for a step that sleeps and for one that computes."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--turns", type=positive, default=10)
    parser.add_argument("--iterations", type=positive, default=250)
    parser.add_argument(
        "--workers", type=int, default=2, help="worker processes of the DataLoader; 0 for none"
    )
    options = parser.parse_args()
    from torch.utils.data import DataLoader

    loader: DataLoader[int] = DataLoader(
        Numbers(options.iterations + 1),  # type: ignore[arg-type]
        batch_size=1,
        num_workers=options.workers,
        persistent_workers=options.workers > 0,
    )
    for name, step in (("a step that sleeps", time.sleep), ("a step that computes", compute)):
        with TemporaryDirectory(prefix="tipbench-watched-") as folder:
            costs = list(turns(loader, step, options.turns, Path(folder)))
        print(f"{name}, {options.turns} turns of {options.iterations} iterations, {options.workers} workers:")
        show("CPU", [bare.cpu for bare, _ in costs], [watched.cpu for _, watched in costs])
        show("time", [bare.wall for bare, _ in costs], [watched.wall for _, watched in costs])


if __name__ == "__main__":
    main()
