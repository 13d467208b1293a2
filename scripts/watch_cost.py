"""What watching costs: 5 ms rounds of compute with the watch on and off by turns, and the watch's own CPU
time.

One process measures round after round and is not spoken to; this one watches it in one of every two slots,
first or second in random mirror pairs, and sleeps through the other. A slot is as short as one look at the
host, or four at a GPU, for noise lives at 0.1 to 10 seconds: what differs between two neighbouring slots is
the watch and little else. A pair of slots is a unit of evidence: the log ratio of the mean of all rounds
within the one to that within the other.

The mean over all pairs counts everything the watch does, the writing now and then too, and everything the
neighbours do. The quiet pairs, the 70 % with the smallest product of both times, show more exactly what the
typical slot loses.

    python scripts/watch_cost.py [--pairs 375] [--slot 0.2] [--hertz 20] [--device cpu]
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from harness.cli.parser import positive
from harness.judge.stats import Floats, trimmed_interval
from harness.judge.units import KEEP
from harness.measure.device import chosen
from harness.monitor.run import Monitor
from harness.monitor.sampler import Sampler

GOAL = 0.005
THREADS = {"one thread": 1, "all cores": 0}
SETTLE = 1.0
"""Seconds of rounds before the first slot."""


def measuring(device_name: str, threads: int) -> None:
    """The measuring process: rounds until a given moment, and then when each ended and what it took."""
    import torch

    from harness.measure.affinity import CorePinning
    from harness.measure.blocks import garbage_collection_off
    from harness.measure.calibrate import pace, target_seconds, warm_up
    from harness.measure.clock import clock_for
    from harness.measure.limits import RoundLimits
    from harness.measure.local_runner import LocalRunner
    from harness.measure.variant import Variant

    if threads:
        torch.set_num_threads(threads)
    device = chosen(device_name)
    size = 256 if device.type == "cpu" else 2048
    left, right = torch.rand(2, size, size, device=device)
    left @ right
    placement: Any = CorePinning(torch.get_num_threads) if device.type == "cpu" else nullcontext()
    settle = getattr(placement, "settle", None)
    with garbage_collection_off(), placement:
        work = Variant(lambda: nullcontext(lambda: left @ right))
        runner = LocalRunner("product", work, clock_for(device), device, settle=settle)
        runner.setup()
        effort = RoundLimits()
        warm = warm_up(runner, runner.first_call()[0], effort, time.perf_counter)
        paced = pace(warm, target_seconds([warm.seconds], effort), effort)
        print(json.dumps({"round": paced.iterations * paced.seconds}), flush=True)
        end = float(sys.stdin.readline())
        rounds: list[tuple[float, float]] = []
        while (now := time.monotonic()) < end:
            # No lead-in: the round before has just warmed everything up.
            seconds = runner.run_round(paced.iterations, 0).seconds
            rounds.append((now, seconds))
        print(json.dumps(rounds), flush=True)


class Slots:
    """Pairs of slots from ``start`` on; in each pair the watch is on in the first one or in the second.

    The watch lives by ``now``: the seconds that it has been on so far. Slots in which it is off do not exist
    for it.
    """

    def __init__(self, seconds: float, first: Sequence[bool]) -> None:
        self.seconds = seconds
        self.first = first
        self.start = math.inf

    def now(self) -> float:
        """Seconds of slots with the watch so far."""
        return self._on(time.monotonic())

    def wait(self, seconds: float) -> bool:
        """Sleep until so many more seconds with the watch have passed; True where there are not so many."""
        reached = self.now() + seconds
        if reached >= len(self.first) * self.seconds:
            return True
        time.sleep(max(0.0, self._moment(reached) - time.monotonic()))
        return False

    @property
    def end(self) -> float:
        """The end of the last pair."""
        return self.start + 2 * self.seconds * len(self.first)

    def times(self, rounds: Sequence[tuple[float, float]]) -> tuple[Floats, Floats]:
        """The mean round of every pair, without the watch and with it; a round across a border counts for
        neither."""
        begins, seconds = np.asarray(rounds).T
        slot = np.floor((begins - self.start) / self.seconds).astype(int)
        ends = np.floor((begins + seconds - self.start) / self.seconds).astype(int)
        within = (slot >= 0) & (slot == ends) & (slot < 2 * len(self.first))
        counts = np.bincount(slot[within], minlength=2 * len(self.first))
        means = np.bincount(slot[within], seconds[within], minlength=2 * len(self.first)) / np.maximum(
            counts, 1
        )
        pairs, first = means.reshape(-1, 2), np.asarray(self.first)
        whole = (counts.reshape(-1, 2) > 0).all(axis=1)
        off, on = np.where(first, pairs[:, 1], pairs[:, 0]), np.where(first, pairs[:, 0], pairs[:, 1])
        return off[whole], on[whole]

    def _on(self, moment: float) -> float:
        if moment < self.start:
            return 0.0
        pair, within = divmod(moment - self.start, 2 * self.seconds)
        if pair >= len(self.first):
            return len(self.first) * self.seconds
        begin = 0.0 if self.first[int(pair)] else self.seconds
        return pair * self.seconds + min(max(within - begin, 0.0), self.seconds)

    def _moment(self, on: float) -> float:
        pair, within = divmod(on, self.seconds)
        return (
            self.start + 2 * pair * self.seconds + within + (0.0 if self.first[int(pair)] else self.seconds)
        )


class ByTurns(Sampler):
    """The watch's own sampler; its thread is started when the slots are."""

    def start(self) -> None:
        """Not yet."""

    def begin(self) -> None:
        """Now."""
        super().start()


def compare(what: str, options: argparse.Namespace, folder: Path) -> None:
    """Measure one kind of work, with and without the watch by turns, and print what came of it."""
    period = 1 / options.hertz
    looks = max(1, round(options.slot * options.hertz))
    # In random mirror pairs, so that neither is first more often.
    first = [on for _ in range(0, options.pairs, 2) for on in Random().sample([True, False], 2)]
    slots = Slots(looks * period, first[: options.pairs])
    made: list[ByTurns] = []

    def make(*given: Any, **more: Any) -> Sampler:
        made.append(ByTurns(*given, wait=slots.wait, **more))
        return made[-1]

    command = [
        sys.executable,
        __file__,
        "--measuring",
        "--device",
        options.device,
        "--threads",
        str(THREADS[what]),
    ]
    with (
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process,
        Monitor(folder, options.hertz, make=make, note=print, now=slots.now) as watch,
    ):
        assert process.stdin is not None
        assert process.stdout is not None
        if options.device == "cuda":
            from harness.probes import cuda_uuid

            watch.measures_on({"device": {"uuid": cuda_uuid(chosen("cuda"))}})
        else:
            watch.measures_on({"device": {"type": "cpu"}})
        (sampler,) = made
        paced = json.loads(process.stdout.readline())
        slots.start = time.monotonic() + SETTLE
        process.stdin.write(f"{slots.end}\n")
        process.stdin.flush()
        # Looks lie half a period from the borders of their slot: what they hold up ends within it.
        slots.wait(period / 2)
        sampler.begin()
        off, on = slots.times(json.loads(process.stdout.readline()))
        watched = slots.now()
    print(f"{what}: rounds of {1e3 * paced['round']:.1f} ms, {len(on)} pairs of slots of {slots.seconds:g} s")
    logs = np.log(on) - np.log(off)
    quiet = np.argsort(np.log(on) + np.log(off))[: math.ceil(KEEP * len(logs))]
    for name, values, trim in (("mean round", logs, 0.0), ("round in quiet pairs", logs[quiet], 0.2)):
        low, high = trimmed_interval(values, 0.05, trim)
        shown = [f"{100 * math.expm1(log):+.3f} %" for log in ((low + high) / 2, low, high)]
        print(
            f"  {name} with the watch: {shown[0]} ({shown[1]} to {shown[2]}; goal: below {100 * GOAL:.1f} %)"
        )
    share, rate = sampler.cost_seconds / watched, sampler.samples / watched
    print(f"  the watch: {100 * share:.3f} % of one core at {rate:.1f} samples a second (goal: below 0.5 %)")


def main() -> None:
    """Print the cost for work on one thread and on all cores; on a GPU for one kernel after the other."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pairs", type=positive, default=375)
    parser.add_argument("--slot", type=float, default=0.2, help="seconds of rounds with or without the watch")
    parser.add_argument("--hertz", type=float, default=20.0)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--measuring", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--threads", type=int, default=0, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measuring:
        measuring(options.device, options.threads)
        return
    for what in THREADS if options.device == "cpu" else list(THREADS)[:1]:
        with TemporaryDirectory(prefix="tipbench-watch-") as folder:
            compare(what, options, Path(folder))


if __name__ == "__main__":
    main()
