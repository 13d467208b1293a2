"""Print what a data set of a million files costs to start and to keep in memory, beside torchvision's
ImageFolder.

    python scripts/million_files.py [--files 1000000] [--classes 1000] [--workers 4] [--folder FOLDER]

The files are empty, made once (in a temporary folder that is removed again, or in FOLDER, which stays) and
never opened: what is measured are names and labels. Each way runs in a fresh process that has imported torch
before the clock starts; the clock stops at the first batch of a shuffling DataLoader. Memory is the PSS of
that process and its workers, at its most over the first batches, which touch a good part of all names.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

BATCH, BATCHES = 256, 400


def make(folder: Path, files: int, classes: int) -> None:
    """Empty files, evenly over the classes; does nothing where the last one is there already."""
    share = -(-files // classes)
    places = [(label, range(label * share, min(files, (label + 1) * share))) for label in range(classes)]
    if (folder / f"class_{classes - 1:04d}" / f"image_{files - 1:08d}.jpg").exists():
        return
    for label, numbers in places:
        place = folder / f"class_{label:04d}"
        place.mkdir(parents=True, exist_ok=True)
        for number in numbers:
            os.close(os.open(f"{place}/image_{number:08d}.jpg", os.O_CREAT | os.O_WRONLY, 0o644))


def listed(folder: Path) -> Any:
    """Ours."""
    from harness.loading.data.paths import scan

    return scan(folder)


def image_folder(folder: Path) -> Any:
    """torchvision's, which returns paths instead of pictures here."""
    from torchvision.datasets import ImageFolder

    return ImageFolder(str(folder), loader=str)


class Nothing:
    """As many samples, no names: what Python, torch and the workers cost by themselves."""

    def __init__(self, files: int) -> None:
        self.files = files

    def __len__(self) -> int:
        return self.files

    def __getitem__(self, place: int) -> tuple[str, int]:
        return "", place


WAYS: dict[str, Callable[[Path], Any]] = {"paths": listed, "ImageFolder": image_folder}


def measure(way: str, folder: Path, files: int, workers: int) -> dict[str, float]:
    """Seconds of the scan and until the first batch, and bytes, of one way in this very process."""
    import torchvision.datasets  # noqa: F401
    from torch.utils.data import DataLoader

    import harness.loading.data.paths  # noqa: F401
    from harness.probes import ProcessTree

    tree = ProcessTree()
    begin = perf_counter()
    dataset: Any = WAYS[way](folder) if way in WAYS else Nothing(files)
    scanned = perf_counter()
    iterator = iter(DataLoader(dataset, batch_size=BATCH, shuffle=True, num_workers=workers))
    next(iterator)
    first = perf_counter()
    assert len(dataset) == files
    most = most_workers = 0
    for number, _ in zip(range(BATCHES), iterator, strict=False):
        if number % 40 == 0:
            whole = tree.memory()[0]
            own = ProcessTree(os.getpid()).members()[0]
            most, most_workers = max(most, whole), max(most_workers, whole - pss(own.pid))
    return {"scan": scanned - begin, "start": first - begin, "bytes": most, "worker_bytes": most_workers}


def pss(pid: int) -> int:
    """Bytes of one process, shared pages divided among those who share them."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))


def show(folder: Path, files: int, workers: int, repeats: int) -> None:
    """Each way in turn: the fastest and the slowest start, the most memory, and how much of it the names
    cost."""
    print(f"{files:,} files, {workers} workers, {repeats} starts each, PSS over {BATCHES} batches of {BATCH}")
    print(f"{'':<12}{'scan':>7}{'first batch':>16}{'process tree':>20}{'workers':>20}")
    nothing: tuple[float, ...] = ()
    for way in ("nothing", *WAYS):
        command = [sys.executable, __file__, "--measure", way, "--folder", str(folder)]
        command += ["--files", str(files), "--workers", str(workers)]
        runs = [
            json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
            for _ in range(repeats)
        ]
        starts = [run["start"] for run in runs]
        most = tuple(max(run[name] for run in runs) / 2**20 for name in ("bytes", "worker_bytes"))
        nothing = nothing or most
        sizes = (f"{size:.0f} MiB (+{size - none:.0f})" for size, none in zip(most, nothing, strict=True))
        start = f"{min(starts):.2f}-{max(starts):.2f} s"
        print(
            f"{way:<12}{min(run['scan'] for run in runs):>5.2f} s{start:>16}"
            + "".join(f"{s:>20}" for s in sizes)
        )


def main() -> None:
    """Make the files, measure, show; or, with --measure, measure one way and print it for the parent
    process."""
    parser = argparse.ArgumentParser(
        description="Start a data set of a million file names and keep it in memory."
    )
    parser.add_argument("--files", type=int, default=1_000_000)
    parser.add_argument("--classes", type=int, default=1000)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--folder", type=Path, help="where the files are, or are to be made and kept")
    parser.add_argument("--measure", choices=("nothing", *WAYS), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure(options.measure, options.folder, options.files, options.workers)))
        return
    with tempfile.TemporaryDirectory(prefix="tipbench-million-") as scratch:
        folder = options.folder or Path(scratch)
        begin = perf_counter()
        make(folder, options.files, options.classes)
        print(f"made in {perf_counter() - begin:.0f} s", flush=True)
        show(folder, options.files, options.workers, options.repeats)


if __name__ == "__main__":
    main()
