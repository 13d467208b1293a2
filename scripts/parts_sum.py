"""Do the parts of a loop's time add up to the loop? They are differences of samples with other inputs.

In each block, in random order: samples with every feed, and one more of the loop with a warm page cache,
which no part is made of. The sum of step, copy and prepare is compared with it: between the two are the noise
of a sample, and what a sample does to the one behind it.

    python scripts/parts_sum.py --kind dali --workers 2 --batch-size 32 --step 20ms --blocks 24
"""

from __future__ import annotations

import argparse
import sys
from math import expm1, log, sqrt
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import numpy as np

from harness.judge.headroom import headroom
from harness.judge.stats import trimmed_interval
from harness.model import LoopPart, Setting, StepInput
from harness.tune.messages import LoaderPlan
from harness.tune.race_workers import RaceWorkers

WITHIN = 0.05
AGAIN = "again"


def block(workers: RaceWorkers, setting: Setting, number: int) -> dict[str, float]:
    """Seconds a sample by feed, and of the loop measured once more."""
    feeds = [*StepInput, AGAIN]
    found = {}
    for feed in Random(number).sample(feeds, len(feeds)):
        sample = workers.sample(setting, StepInput.WARM if feed == AGAIN else StepInput(feed), seed=number)
        found[str(feed)] = sample.seconds
    return found


def main() -> None:
    """Measure, and print the parts, their sum and the loop."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", help="an ImageFolder; default: generated images")
    parser.add_argument("--kind", default="dataloader")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--prefetch", type=int, default=2)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--step", default="20ms")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--blocks", type=int, default=24)
    options = parser.parse_args()
    setting = Setting(options.kind, options.workers, options.prefetch, options.batch_size)
    plan = LoaderPlan(options.data, options.device, options.step)
    blocks = []
    with (
        TemporaryDirectory(prefix="parts-sum-") as folder,
        RaceWorkers(sys.executable, plan, Path(folder)) as workers,
    ):
        for number in range(options.blocks):
            workers.begin_repetition([setting])
            blocks.append(block(workers, setting, number))
            print(
                f"block {number + 1}: {', '.join(f'{k} {1e3 * v:.3f}' for k, v in blocks[-1].items())}",
                flush=True,
            )
    found = headroom([{feed: each[str(feed)] for feed in StepInput} for each in blocks])
    parts = [share for share in found.parts if share.part is not LoopPart.FETCH]
    whole, loop = sum(share.seconds for share in parts), float(np.mean([each[AGAIN] for each in blocks]))
    ratios = np.array([log(each[str(StepInput.WARM)]) - log(each[AGAIN]) for each in blocks])
    sums = " + ".join(f"{share.part} {1e3 * share.seconds:.3f}" for share in parts)
    print(f"{setting.name}: {sums} = {1e3 * whole:.3f} ms a sample; the loop once more {1e3 * loop:.3f} ms")
    off, low, high = (expm1(value) for value in (np.mean(ratios), *trimmed_interval(ratios, 0.05, 0.0)))
    noise = float(np.std(ratios, ddof=1)) / sqrt(2)
    word = "reached" if abs(off) < WITHIN else "missed"
    print(
        f"off by {off:+.1%} ({low:+.1%} to {high:+.1%}; goal within {WITHIN:.0%}: {word}); a sample's noise {noise:.1%}"
    )


if __name__ == "__main__":
    main()
