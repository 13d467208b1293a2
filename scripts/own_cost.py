"""What the harness itself costs: between rounds, against torch's own Timer, and at start-up.

Every figure is a ratio or a gap measured in this one process, alternately, so that a noisy machine hits both
alike.

    python scripts/own_cost.py
"""

from __future__ import annotations

import subprocess
import sys
import time
from contextlib import nullcontext
from random import Random
from statistics import median, quantiles

import torch
from torch.utils.benchmark import Timer

from harness.measure.affinity import CorePinning
from harness.measure.blocks import garbage_collection_off, orders, play
from harness.measure.calibrate import RoundSize
from harness.measure.clock import Elapsed, HostClock, Iteration
from harness.measure.local_runner import LocalRunner
from harness.measure.variant import Variant


class Stamping(HostClock):
    """A host clock that remembers when its timed regions began and ended."""

    def __init__(self) -> None:
        super().__init__()
        self.stamps: list[tuple[float, float]] = []

    def lap(self, work: Iteration, iterations: int) -> Elapsed:
        """Time the calls, and note the moments."""
        start = time.perf_counter()
        lap = super().lap(work, iterations)
        self.stamps.append((start, time.perf_counter()))
        return lap


def between_rounds() -> None:
    """Seconds from the end of one round to the start of the next, with a lead-in of one empty call in it."""
    clock = Stamping()
    torch.rand(512, 512) @ torch.rand(512, 512)  # so that there are threads to keep in their places
    placement = CorePinning(torch.get_num_threads)
    runners = {
        name: LocalRunner(
            name,
            Variant(lambda: nullcontext(lambda: None)),
            clock,
            torch.device("cpu"),
            settle=placement.apply,
        )
        for name in "abcd"
    }
    for runner in runners.values():
        runner.setup()
    paces = dict.fromkeys(runners, RoundSize(iterations=1000, lead=1, seconds=1e-8))
    with garbage_collection_off(), placement:
        for order in orders(sorted(runners), 500, Random(0)):
            play(runners, paces, order)
    gaps = [start - end for (_, end), (start, _) in zip(clock.stamps, clock.stamps[1:], strict=False)]
    print(
        f"between rounds: median {1e6 * median(gaps):.1f} us, "
        f"99th percentile {1e6 * quantiles(gaps, n=100)[98]:.1f} us "
        "(goal: at most 50 us)"
    )


def against_timer() -> None:
    """The median of a timed region over the median of ``Timer.timeit``, at one thread each, alternately."""
    torch.set_num_threads(1)
    clock = HostClock()
    square, vector, image = torch.rand(96, 96), torch.rand(2**16), torch.rand(1, 8, 32, 32)
    net = torch.nn.Conv2d(8, 8, 3).requires_grad_(False)
    work: dict[str, Iteration] = {
        "matmul 96": lambda: square @ square,
        "relu 64 Ki": lambda: torch.relu(vector),
        "conv 8x32x32": lambda: net(image),
        "softmax 64 Ki": lambda: vector.view(64, -1).softmax(-1),
    }
    for name, call in work.items():
        timer = Timer("call()", globals={"call": call}, num_threads=1)
        once = timer.blocked_autorange(min_run_time=0.2).median
        count = max(1, round(0.005 / once))
        ours, theirs = [], []
        for turn in range(120):
            for who in (0, 1) if turn % 2 else (1, 0):
                if who:
                    theirs.append(timer.timeit(count).median)
                else:
                    ours.append(clock.lap(call, count).seconds / count)
        ratio = median(ours) / median(theirs)
        print(
            f"against torch Timer, {name}: {1e6 * median(theirs):.1f} us, ratio {ratio:.4f} (goal: within 2 %)"
        )


def start_up() -> None:
    """Wall seconds of the commands that people wait for."""
    for arguments in (["--help"], ["--list"], ["list"], ["bench", "--help"]):
        spent = []
        for _ in range(11):
            start = time.perf_counter()
            subprocess.run(
                [sys.executable, "-m", "harness", *arguments], check=True, stdout=subprocess.DEVNULL
            )
            spent.append(time.perf_counter() - start)
        print(f"python -m harness {' '.join(arguments)}: {median(spent):.3f} s (goal: under 0.3 s)")


if __name__ == "__main__":
    between_rounds()
    against_timer()
    start_up()
