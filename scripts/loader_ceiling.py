"""Where a DataLoader's cores go: from what one core decodes and transforms, times the cores, to what the loop
gets.

In each block, in random order and for each kind: one process alone; as many processes as cores, side by side;
the same making batches; and a DataLoader with as many workers. Each is a share of one core's rate times the
cores, so that the steps between them say what sharing the machine, making batches, and handing them over
cost. Kinds that are pipelines of threads have no such steps: one thread is compared with as many as there are
cores.

    python scripts/loader_ceiling.py --kinds dataloader,tensors,uint8,packed,spdl,dali --batches 48 --blocks 7
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from multiprocessing.synchronize import Barrier
from pathlib import Path
from random import Random
from typing import Any

import torch
from rich.console import Console
from rich.table import Table
from torch.utils.data import default_collate

from harness.loading.data.folder import Image, first_images
from harness.loading.data.generated import jpeg_folder
from harness.loading.data.repeated import Repeated
from harness.loading.loaders import LOADER_KINDS
from harness.loading.loaders.kind import LoaderRequest
from harness.loading.loop.window import steady
from harness.loading.machine.cores import usable_cores
from harness.loading.machine.page_cache import warm
from harness.model import Setting
from harness.probes import ProcessTree

STAGES = ("one process", "side by side", "making batches", "loader, 2 ready", "loader, 4 ready")

Finish = Callable[[torch.Tensor], torch.Tensor]
"""What the loop's own process does to a batch of images."""


def work(
    dataset: Any,
    finish: Finish | None,
    places: Sequence[int],
    batch_size: int,
    start: Barrier,
    collate: bool,
    rates: Any,
) -> None:
    """One process's work: samples of ``dataset``, in batches if so given, finished; its rate goes to
    ``rates``."""
    torch.set_num_threads(1)
    dataset[places[0]]
    start.wait()
    begin = time.perf_counter()
    waiting = []
    for place in places:
        waiting.append(dataset[place])
        if len(waiting) == batch_size:
            if finish is not None:
                finish(default_collate(waiting)[0])
            elif collate:
                default_collate(waiting)
            waiting.clear()
    rates.put(len(places) / (time.perf_counter() - begin))


def side_by_side(
    dataset: Any, finish: Finish | None, count: int, batch_size: int, processes: int, *, collate: bool
) -> float:
    """Samples a second of so many processes together, each with ``count`` samples of its own."""
    context = multiprocessing.get_context("fork")
    start, rates = context.Barrier(processes), context.SimpleQueue()
    shares = [range(number * count, (number + 1) * count) for number in range(processes)]
    started = [
        context.Process(target=work, args=(dataset, finish, places, batch_size, start, collate, rates))
        for places in shares
    ]
    for process in started:
        process.start()
    rate = float(sum(rates.get() for _ in started))
    for process in started:
        process.join()
    return rate


def in_a_loader(
    kind: str, images: Sequence[Image], batch_size: int, batches: int, workers: int, ahead: int
) -> float:
    """Samples a second of a loader with so many workers, in a window of steady running."""
    setting = Setting(kind, workers, ahead, batch_size)
    coming = Repeated(images, batch_size * (2 * setting.depth + 2 * batches) + 1024, 0)
    with LOADER_KINDS[kind].make(LoaderRequest(setting, coming, torch.device("cpu"))) as loader:
        return 1 / steady(loader.batches(), None, discard=setting.depth, count=batches).seconds


def main() -> None:
    """Read the options, run the blocks, print the shares."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, help="an ImageFolder; default: generated images")
    parser.add_argument("--kinds", default="dataloader,tensors,uint8,packed,spdl,dali")
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--batches", type=int, default=48)
    parser.add_argument("--blocks", type=int, default=7)
    options = parser.parse_args()
    cores = usable_cores()
    torch.set_num_threads(1)
    images = first_images(options.data or jpeg_folder(), 512)
    warm((image.path for image in images), 2**31)
    count = options.batch_size * options.batches // cores
    console = Console(width=None if sys.stdout.isatty() else 140)
    table = Table(
        "kind", "one core, samples/s", *STAGES[1:], title=f"Shares of one core's rate x {cores} cores"
    )
    for kind in options.kinds.split(","):
        if (why := LOADER_KINDS[kind].missing(torch.device("cpu"))) is not None:
            console.print(f"{kind}: {why}")
            continue
        shares, alone = _blocks(
            kind, images, options.batch_size, options.batches, options.blocks, count, cores
        )
        cells = [
            f"{statistics.median(row):.1%} ({min(row):.0%} to {max(row):.0%})" if row else ""
            for row in shares
        ]
        table.add_row(kind, f"{statistics.median(alone):.0f}", *cells)
    console.print(table)
    console.print(f"{len(ProcessTree(os.getpid()).members()) - 1} processes left", highlight=False)


def _blocks(
    kind: str, images: Sequence[Image], batch_size: int, batches: int, blocks: int, count: int, cores: int
) -> tuple[list[list[float]], list[float]]:
    """The shares of every stage but the first, one a block; and one core's rates."""
    ways: dict[str, Callable[[], float]] = {
        name: partial(in_a_loader, kind, images, batch_size, batches, cores, ahead)
        for name, ahead in zip(STAGES[3:], (2, 4), strict=True)
    }
    prepare = LOADER_KINDS[kind].dataset
    if LOADER_KINDS[kind].threads or prepare is None:
        ways[STAGES[0]] = partial(in_a_loader, kind, images, batch_size, batches // cores, 1, 1)
    else:
        dataset = prepare(Repeated(images, count * cores, 0), False)
        finish = LOADER_KINDS[kind].finish
        bare = partial(
            side_by_side, dataset, finish(torch.device("cpu")) if finish else None, count, batch_size
        )
        ways[STAGES[0]] = partial(bare, 1, collate=False)
        ways[STAGES[1]] = partial(bare, cores, collate=False)
        ways[STAGES[2]] = partial(bare, cores, collate=True)
    shares: dict[str, list[float]] = {name: [] for name in STAGES[1:]}
    alone = []
    for number in range(blocks):
        rates = {name: ways[name]() for name in Random(number).sample(sorted(ways), len(ways))}
        alone.append(rates[STAGES[0]])
        for name in ways.keys() - {STAGES[0]}:
            shares[name].append(rates[name] / rates[STAGES[0]] / cores)
    return [*shares.values()], alone


if __name__ == "__main__":
    main()
