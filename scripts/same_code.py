"""The identical-code trial: what does the harness report where nothing differs, and where 5 % more work is
really done?

Writes a folder of benchmarks whose variant ``same`` is the baseline's own code and whose variant ``more``
does 21 steps of work where the baseline does 20, holds one run over all of them, and counts verdicts. Loaders
against themselves and variants set apart in live processes are counted on their own.

    python scripts/same_code.py --measurements 200 --budget 40m --keep results/same-code
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from collections import Counter
from pathlib import Path

from rich.console import Console

from harness.bench.run import bench
from harness.bench.settings import Settings
from harness.cli.parser import positive
from harness.cli.values import seconds
from harness.judge.run import judge
from harness.loading.machine.cores import usable_cores
from harness.model import Outcome
from harness.report.progress.bench import BenchProgress
from harness.store import load

COMPUTE = '''"""Identical code is equally fast."""

import pytest
import torch

from harness import claim


def small_bmm():
    a, b = torch.rand(16, 32, 32), torch.rand(16, 32, 32)
    return lambda: torch.bmm(a, b)


def matmul():
    a = torch.rand(192, 192)
    return lambda: a @ a


def pointwise():
    a = torch.rand(2**16)
    return lambda: torch.relu(a) + 1


def large_pointwise():
    a = torch.rand(2**20)
    return lambda: a * 2


def softmax():
    a = torch.rand(64, 512)
    return lambda: a.softmax(-1)


def convolution():
    net, image = torch.nn.Conv2d(8, 8, 3).requires_grad_(False), torch.rand(1, 8, 32, 32)
    return lambda: net(image)


def dispatch():
    a = torch.rand(4)
    return lambda: a + a


def backward():
    net, x = torch.nn.Linear(64, 64), torch.rand(32, 64)
    return lambda: torch.autograd.grad(net(x).sum(), net.weight)[0]


KINDS = [small_bmm, matmul, pointwise, large_pointwise, softmax, convolution, dispatch, backward]


def steps(work, count):
    def iteration():
        for _ in range(count - 1):
            work()
        return work()

    return iteration


@claim("same_code")
@pytest.mark.parametrize("copy", range({copies}))
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def bench_same_code(compare, kind, copy):
    work = kind()
    compare(baseline=steps(work, 20), identical=steps(work, 20), more=steps(work, 21), same=torch.equal)
'''

APART = '''"""Identical code in live processes is equally fast."""

import pytest
import torch

from harness import claim, prepared


def convolution(flag):
    torch.backends.cudnn.benchmark = flag
    net, images = torch.nn.Conv2d(16, 32, 3), torch.rand(4, 16, 64, 64)
    return lambda: net(images).detach()


@claim("apart", apart=True)
@pytest.mark.parametrize("copy", range(3))
def bench_apart(compare, copy):
    compare(baseline=prepared(convolution, False), identical=prepared(convolution, False),
            same=lambda a, b: a.shape == b.shape)
'''

LOADER = '''"""A loader is as fast as itself."""

import pytest
import torch

from harness import claim, prepared


class Numbers(torch.utils.data.Dataset):
    def __len__(self):
        return 4096

    def __getitem__(self, index):
        return torch.full((28, 28), float(index)).sqrt().sin(), index


class Epoch:
    def __init__(self, workers):
        self.loader = torch.utils.data.DataLoader(
            Numbers(), batch_size=32, num_workers=workers, persistent_workers=workers > 0
        )

    def __call__(self):
        return torch.cat([ids for _, ids in self.loader])


@claim("loader", loader=True)
@pytest.mark.parametrize("workers", [0, 2])
def bench_loader(compare, workers):
    compare(baseline=prepared(Epoch, workers), identical=prepared(Epoch, workers), same=torch.equal, items=4096)
'''


def main() -> None:
    """Write the benchmarks, run them, count."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--measurements",
        type=positive,
        default=200,
        help="compute measurements; eight kinds, so a multiple of 8",
    )
    parser.add_argument("--budget", default="40m")
    parser.add_argument("--keep", type=Path, help="keep the run in this folder")
    parser.add_argument("--select", action="append", default=[], help="only same_code, apart or loader")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tipbench-same-code-") as scratch:
        root = Path(scratch) / "benchmarks"
        root.mkdir()
        (root / "bench_same_code.py").write_text(
            COMPUTE.replace("{copies}", str(max(1, options.measurements // 8)))
        )
        (root / "bench_apart.py").write_text(APART)
        (root / "bench_loader.py").write_text(LOADER)
        settings = Settings(
            root, Path(scratch) / "results", budget=seconds(options.budget), select=tuple(options.select)
        )
        live = BenchProgress(Console(), settings.seconds)
        start = time.monotonic()
        folder = bench(settings, live, width=min(4, usable_cores()))
        live.close()
        count(folder, time.monotonic() - start)
        if options.keep:
            shutil.copytree(folder, options.keep, dirs_exist_ok=True)


def count(folder: Path, elapsed: float) -> None:
    """Print how often each verdict occurred, and whether the goals are reached."""
    run = load(folder)
    tally: dict[tuple[str, str], Counter[Outcome]] = {}
    for verdict in judge(run):
        tally.setdefault((verdict.claim, verdict.variant), Counter())[verdict.outcome] += 1
    units = max(measurement.invocation for measurement in run.measurements)
    print(
        f"\n{len({m.case for m in run.measurements})} measurements, {units} invocations, {elapsed:.0f} s; "
        f"{run.ended.text}"
    )
    for (claim, variant), outcomes in sorted(tally.items()):
        total = sum(outcomes.values())
        shown = ", ".join(f"{n} {outcome} ({n / total:.1%})" for outcome, n in outcomes.most_common())
        print(f"{claim:10} {variant:10} of {total}: {shown}")
    same = tally.get(("same_code", "identical"), Counter())
    more = tally.get(("same_code", "more"), Counter())
    print(
        f"identical: holds {same[Outcome.HOLDS]} (goal 0), fails {same[Outcome.FAILS]} (goal 0), "
        f"no effect {same[Outcome.NO_EFFECT] / max(1, same.total()):.1%} (goal >= 90 %)"
    )
    print(f"5 % more work: fails {more[Outcome.FAILS] / max(1, more.total()):.1%} (goal >= 95 %)")


if __name__ == "__main__":
    main()
