"""Record rounds of identical code beside busy neighbours, in the form of the recording of a quiet machine.

    python scripts/verdict_power/record.py tests/data/neighbours.json.gz

Every process measures all workloads, in random order: `BLOCKS` blocks of `base` and `head` on separate
buffers, in random order within a block. A neighbour is a process that computes without end.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from gate_power.neighbour import busy

BLOCKS = 30
"""Blocks of a compute workload in one process: three units of ten pairs."""

EPOCHS = 12
"""Blocks of the loader in one process: six units of two pairs."""

LOADER = "dataloader_epoch_2_workers"
ROUND = 0.005
"""Seconds of a compute round."""

TRIES = 20
"""Rounds of which the quickest says how long undisturbed ones are."""

Work = Callable[[], object]


def main() -> None:
    """Start the neighbours and one process after another; write what they measured."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("file", type=Path, nargs="?", help="where the recording goes")
    parser.add_argument("--processes", type=int, default=36)
    parser.add_argument("--neighbours", type=int, default=1, help="processes that compute meanwhile")
    parser.add_argument("--about", help="what the machine does meanwhile, in words")
    parser.add_argument("--measure", action="store_true", help="measure in this process and print it")
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measured()))
        return
    if options.file is None:
        parser.error("name the file that the recording goes to")
    found: dict[str, list[dict[str, list[float]]]] = {}
    with busy(options.neighbours):
        for _ in range(options.processes):
            done = subprocess.run(
                [sys.executable, __file__, "--measure"], check=True, stdout=subprocess.PIPE, text=True
            )
            for name, sides in json.loads(done.stdout).items():
                found.setdefault(name, []).append(sides)
    about = options.about or f"{options.neighbours} busy on {len(os.sched_getaffinity(0))} cores"
    text = json.dumps({"unit": "seconds per sample", "environment": about, "designs": {"duet": found}})
    options.file.write_bytes(gzip.compress(text.encode(), mtime=0))


def measured() -> dict[str, dict[str, list[float]]]:
    """Seconds of the rounds of either side, by workload."""
    made = workloads()
    found = {}
    for name in random.sample(sorted(made), len(made)):
        make = made[name]
        loader = name == LOADER
        sides = {"base": make(), "head": make()}
        number = 1 if loader else min(calibrated(work) for work in sides.values())
        rows: dict[str, list[float]] = {side: [] for side in sides}
        for _ in range(EPOCHS if loader else BLOCKS):
            for side in random.sample(sorted(sides), 2):
                if not loader:
                    sides[side]()
                rows[side].append(float(f"{timed(sides[side], number):.5g}"))
        found[name] = rows
    return found


def calibrated(work: Work) -> int:
    """Iterations of a round, doubled until the quickest of some is long enough; also the warm-up."""
    number = 1
    while (best := min(timed(work, number) for _ in range(TRIES))) < ROUND / 2:
        number *= 2
    return max(1, round(number * ROUND / best))


def timed(work: Work, number: int) -> float:
    """Seconds of so many iterations."""
    start = time.perf_counter()
    for _ in range(number):
        work()
    return time.perf_counter() - start


def workloads() -> dict[str, Callable[[], Work]]:
    """What is measured: the eight workloads of the recording of a quiet machine."""
    import torch

    def bmm() -> Work:
        a, b = torch.rand(16, 32, 32), torch.rand(16, 32, 32)
        return lambda: torch.bmm(a, b)

    def bilinear() -> Work:
        image = torch.rand(2, 32, 14, 14)
        return lambda: torch.einsum("bchw,bdhw->bcd", image, image)

    def convolution() -> Work:
        net, image = torch.nn.Conv2d(8, 16, 3), torch.rand(1, 8, 24, 24)
        return lambda: net(image).sum().backward()

    def relu() -> Work:
        a = torch.rand(2**24)
        return lambda: torch.relu_(a)

    def matmul() -> Work:
        a = torch.rand(256, 256, dtype=torch.bfloat16)
        return lambda: a @ a

    def dictionary() -> Work:
        numbers = dict.fromkeys(range(1000), 0)

        def count() -> None:
            for key in numbers:
                numbers[key] += 1

        return count

    def dispatch() -> Work:
        a = torch.rand(4)
        return lambda: a + a

    def epochs() -> Work:
        loader = torch.utils.data.DataLoader(Numbers(), batch_size=8, num_workers=2, persistent_workers=True)

        def epoch() -> None:
            for _ in loader:
                pass

        return epoch

    class Numbers(torch.utils.data.Dataset[torch.Tensor]):
        def __len__(self) -> int:
            return 512

        def __getitem__(self, index: int) -> torch.Tensor:
            value = torch.full((64,), float(index))
            for _ in range(60):
                value = (value * 0.5).sin()
            return value

    return {
        "bmm_16x32x32": bmm,
        "bilinear_pooling": bilinear,
        "conv2d_forward_backward": convolution,
        "relu_inplace_64MiB": relu,
        "matmul_bf16_256": matmul,
        "python_dict": dictionary,
        "dispatch_add": dispatch,
        LOADER: epochs,
    }


if __name__ == "__main__":
    main()
