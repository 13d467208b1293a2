"""What watching costs: 5 ms rounds of compute with the watch on and off by turns, and the watch's own CPU time.

One process measures, as in a run; this one watches it for a stretch of rounds or leaves it alone, in random mirror
pairs. A pair is a unit of evidence: the log ratio of the time of all its rounds with the watch to those without.

    python scripts/watch_cost.py [--pairs 120] [--stretch 0.5] [--hertz 20] [--device cpu]
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import time
from contextlib import nullcontext
from pathlib import Path
from random import Random
from statistics import fmean, median
from tempfile import TemporaryDirectory
from typing import Any

from harness.probes.sampler import Sampler
from harness.run.watching import Watch
from harness.stats import hodges_lehmann, signed_rank_interval

GOAL = 0.005
THREADS = {"one thread": 1, "all cores": 0}


def measuring(device_name: str, threads: int) -> None:
    """The measuring process: a stretch of rounds for each line it is told, and what they took."""
    import torch

    from harness.clock import clock_for
    from harness.contest.blocks import garbage_collection_off
    from harness.contest.effort import Effort
    from harness.contest.entrant import LocalEntrant
    from harness.contest.pace import pace, target_seconds, warm_up
    from harness.contest.placement import Placement
    from harness.contest.variant import Variant

    if threads:
        torch.set_num_threads(threads)
    device = torch.device(device_name)
    size = 256 if device.type == "cpu" else 2048
    left, right = torch.rand(2, size, size, device=device)
    left @ right
    placement: Any = Placement(torch.get_num_threads) if device.type == "cpu" else nullcontext()
    settle = getattr(placement, "settle", None)
    with garbage_collection_off(), placement:
        work = Variant(lambda: nullcontext(lambda: left @ right))
        entrant = LocalEntrant("product", work, clock_for(device), device, settle=settle)
        entrant.enter()
        effort = Effort()
        warm = warm_up(entrant, entrant.open()[0], effort, time.perf_counter)
        paced = pace(warm, target_seconds([warm.seconds], effort), effort)
        print(json.dumps({"iterations": paced.iterations, "round": paced.round_seconds}), flush=True)
        for line in sys.stdin:
            end = time.perf_counter() + float(line)
            rounds = []
            while time.perf_counter() < end:
                rounds.append(entrant.lap(paced.iterations, paced.lead).seconds)
            print(json.dumps({"mean": fmean(rounds), "median": median(rounds), "rounds": len(rounds)}), flush=True)


def compare(what: str, options: argparse.Namespace, folder: Path) -> None:
    """Measure one kind of work, with and without the watch by turns, and print what came of it."""
    made: list[Sampler] = []

    def make(*given: Any, **more: Any) -> Sampler:
        made.append(Sampler(*given, **more))
        return made[-1]

    command = [sys.executable, __file__, "--measuring", "--device", options.device, "--threads", str(THREADS[what])]
    with (
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process,
        Watch(folder, options.hertz, make=make, note=print) as watch,
    ):
        assert process.stdin is not None
        assert process.stdout is not None
        if options.device == "cuda":
            import torch

            from harness.probes import cuda_uuid

            watch.measures_on({"device": {"uuid": cuda_uuid(torch.device("cuda"))}})
        else:
            watch.measures_on({"device": {"type": "cpu"}})
        (sampler,) = made
        sampler.stop()
        paced = json.loads(process.stdout.readline())
        random = Random(1)
        logs: dict[str, list[float]] = {"mean": [], "median": []}
        watched, before, samples = 0.0, sampler.cost_seconds, sampler.samples
        for order in (random.sample([True, False], 2) for _ in range(options.pairs)):
            found: dict[bool, Any] = {}
            for on in order:
                start = time.perf_counter()
                if on:
                    sampler.start()
                process.stdin.write(f"{options.stretch}\n")
                process.stdin.flush()
                found[on] = json.loads(process.stdout.readline())
                if on:
                    sampler.stop()
                    watched += time.perf_counter() - start
            for name, values in logs.items():
                values.append(math.log(found[True][name] / found[False][name]))
        process.stdin.close()
    print(f"{what}: rounds of {1e3 * paced['round']:.1f} ms, {options.pairs} pairs of {options.stretch:g} s")
    for name, values in logs.items():
        low, high = signed_rank_interval(values, 0.05) or (math.nan, math.nan)
        shown = [f"{100 * math.expm1(log):+.3f} %" for log in (hodges_lehmann(values), low, high)]
        print(f"  {name} round with the watch: {shown[0]} ({shown[1]} to {shown[2]}; goal: below {100 * GOAL:.1f} %)")
    share = (sampler.cost_seconds - before) / watched
    rate = (sampler.samples - samples) / watched
    print(f"  the watch: {100 * share:.3f} % of one core at {rate:.1f} samples a second (goal: below 0.5 %)")


def main() -> None:
    """Print the cost for work on one thread and on all cores; on a GPU for one kernel after the other."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=120)
    parser.add_argument("--stretch", type=float, default=0.5, help="seconds of rounds with or without the watch")
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
