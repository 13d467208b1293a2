"""A small git repository with a package under test, whose working tree really does some percent more than its
base."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

STEPS = 100
"""Steps of an iteration on the base; 105 on the head are 5 % more work."""

WORK = '''"""What is under test: some kinds of work, so many steps an iteration."""

import torch

STEPS = {steps}


def small_bmm():
    a, b = torch.rand(16, 32, 32), torch.rand(16, 32, 32)
    return lambda: torch.bmm(a, b)


def matmul():
    a = torch.rand(96, 96)
    return lambda: a @ a


def pointwise():
    a = torch.rand(2**13)
    return lambda: torch.relu(a) + 1


def large_pointwise():
    a = torch.rand(2**17)
    return lambda: a * 2


def softmax():
    a = torch.rand(32, 256)
    return lambda: a.softmax(-1)


def convolution():
    net, image = torch.nn.Conv2d(4, 4, 3).requires_grad_(False), torch.rand(1, 4, 24, 24)
    return lambda: net(image)


def dispatch():
    a = torch.rand(4)
    return lambda: a + a


def backward():
    net, x = torch.nn.Linear(32, 32), torch.rand(16, 32)
    return lambda: torch.autograd.grad(net(x).sum(), net.weight)[0]


def sorting():
    a = torch.rand(512)
    return lambda: a.sort().values


def dictionary():
    numbers, one = dict.fromkeys(range(200), 0), torch.ones(1)

    def count():
        for key in numbers:
            numbers[key] += 1
        return one

    return count


KINDS = {{
    made.__name__: made
    for made in (
        small_bmm, matmul, pointwise, large_pointwise, softmax, convolution, dispatch, backward, sorting, dictionary
    )
}}


def iteration(kind, steps=STEPS):
    """A callable that takes the steps of one iteration, on the same numbers: others would sort otherwise."""
    torch.manual_seed(0)
    step = KINDS[kind]()

    def take():
        for _ in range(steps - 1):
            step()
        return step()

    return take


class Numbers(torch.utils.data.Dataset):
    """More samples for more steps: an epoch that takes 5 % more steps is 5 % longer in all that it does.

    Without workers an epoch lasts as long as that of the recorded loader, about 0.15 s, and has 20 prefetch depths.
    """

    def __len__(self):
        return 64 * STEPS // 10

    def __getitem__(self, index):
        value = torch.full((64,), float(index))
        for _ in range(60):
            value = (value * 0.5).sin()
        return value, index


class Epoch:
    """One epoch of a loader over all samples; gives their numbers."""

    def __init__(self, workers):
        self.loader = torch.utils.data.DataLoader(
            Numbers(), batch_size=8, num_workers=workers, persistent_workers=workers > 0
        )

    def __call__(self):
        return torch.cat([ids for _, ids in self.loader])
'''

COMPUTE = '''"""The work under test, {copies} cases of each kind, a baseline and a variant in each."""

import pytest
import torch
import work

from harness import claim


@claim("work")
@pytest.mark.parametrize("copy", range({copies}))
@pytest.mark.parametrize("kind", list(work.KINDS))
def bench_work(compare, kind, copy):
    compare(baseline=work.iteration(kind), variant=work.iteration(kind), same=lambda a, b: a.shape == b.shape)
'''

TOGETHER = '''"""The work under test in one process, {copies} cases of each kind, base and head as variants."""

import pytest
import work

from harness import claim


@claim("work")
@pytest.mark.parametrize("copy", range({copies}))
@pytest.mark.parametrize("kind", list(work.KINDS))
def bench_work(compare, kind, copy):
    compare(baseline=work.iteration(kind), head=work.iteration(kind, {steps}), same=lambda a, b: a.shape == b.shape)
'''

LOADER = '''"""Loaders of the data set under test."""

import pytest
import torch
import work

from harness import claim, prepared


@claim("loader", loader=True)
@pytest.mark.parametrize("copy", range({copies}))
@pytest.mark.parametrize("workers", [0, 2])
def bench_loader(compare, workers, copy):
    compare(
        baseline=prepared(work.Epoch, workers), variant=prepared(work.Epoch, workers), same=torch.equal
    )
'''


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository with a base revision called ``main`` and a working tree that differs from it."""

    root: Path

    def write(self, name: str, text: str) -> None:
        """Write one file."""
        file = self.root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    def git(self, *arguments: str) -> str:
        """Call git here and return what it prints. Raises CalledProcessError where it fails."""
        identity = ("-c", "user.name=Gate", "-c", "user.email=gate@localhost", "-c", "commit.gpgsign=false")
        command = ["git", *identity, *arguments]
        return subprocess.run(command, cwd=self.root, check=True, capture_output=True, text=True).stdout


def slowed(slowdown: float) -> int:
    """The steps of an iteration that does that share more. Raises ValueError where that is no whole number of
    steps."""
    steps = STEPS * (1 + slowdown)
    if abs(steps - round(steps)) > 1e-9:
        raise ValueError(f"{slowdown:+.2%} of {STEPS} steps is no whole number of steps")
    return round(steps)


def make_together(root: Path, slowdown: float, *, copies: int = 4) -> Path:
    """A folder of benchmarks in the empty folder ``root``: base and head of each case are variants in one
    process."""
    folder = root / "benchmarks"
    (folder / "work").mkdir(parents=True)
    (folder / "work" / "__init__.py").write_text(WORK.format(steps=STEPS), encoding="utf-8")
    text = TOGETHER.replace("{copies}", str(copies)).replace("{steps}", str(slowed(slowdown)))
    (folder / "bench_work.py").write_text(text, encoding="utf-8")
    return folder


def make(
    root: Path, slowdown: float, *, loader: bool = False, copies: int = 2, work: str = WORK
) -> Repository:
    """A repository in the empty folder ``root``, its head doing that share more steps: really, and in whole
    steps.

    Without a slow-down head differs by a comment. ``copies`` are the cases of each of 10 kinds of work, or of
    2 kinds of loaders; each case has a baseline and a variant, and head's are judged against base's. ``work``
    is the package under test, with ``{steps}`` where the number of steps goes. Raises ValueError where the
    slow-down is no whole number of steps.
    """
    steps = slowed(slowdown)
    repository = Repository(root)
    repository.write(".gitignore", "results/\n__pycache__/\n")
    repository.write("pyproject.toml", '[tool.harness]\nunder-test = ["work"]\n')
    repository.write("work/__init__.py", work.format(steps=STEPS))
    name, text = ("bench_loader.py", LOADER) if loader else ("bench_work.py", COMPUTE)
    repository.write(f"benchmarks/{name}", text.replace("{copies}", str(copies)))
    repository.git("init", "--quiet", "-b", "main")
    repository.git("add", ".")
    repository.git("commit", "--quiet", "-m", "Base")
    repository.git("checkout", "--quiet", "-b", "head")
    changed = work.format(steps=steps)
    repository.write("work/__init__.py", changed if slowdown else changed + "\n# nothing else has changed\n")
    repository.git("commit", "--quiet", "-am", "Head")
    return repository
