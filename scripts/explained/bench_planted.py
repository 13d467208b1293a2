"""Planted differences: each case does its base's work or its head's, as the environment states."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from math import sqrt

import pytest
import torch
from torch.nn.functional import gelu

from harness import claim

HEAD = os.environ.get("PLANTED_SIDE") == "head"

torch.manual_seed(0)
torch.set_num_threads(1)
rows = torch.rand(512, 512)
flat, large = torch.rand(2**18), torch.rand(2**21)
layer = torch.nn.Linear(256, 256)
batch = torch.rand(256, 256)
six = torch.rand(8, 16, 32, 2, 32, 2)
left, right = torch.rand(16, 48, 48), torch.rand(16, 48, 48)
some, all_ = torch.rand(192, 192), torch.rand(512, 512)
record = {str(number): [number] * 8 for number in range(300)}
numbers = [float(number) for number in range(20_000)]
pool = ThreadPoolExecutor(1)


def bookkeeping() -> int:
    """Python that does nothing for the result."""
    return sum(number * number for number in range(10_000))


def counted(number: int) -> int:
    """A helper that is called once for each of many numbers."""
    return number * number + 1


def linears(count: int) -> torch.Tensor:
    """A layer again and again."""
    found = batch
    with torch.no_grad():
        for _ in range(count):
            found = layer(found)
    return found


def with_work(also: Callable[[], object]) -> torch.Tensor:
    """Something beside a layer."""
    also()
    return linears(1)


def waited(seconds: float) -> None:
    """Another thread's answer, which takes that long to come."""
    pool.submit(time.sleep, seconds).result()


def event(seconds: float) -> None:
    """An event that never happens."""
    threading.Event().wait(seconds)


def noted(times: int) -> list[int]:
    """A helper's results."""
    return [counted(number) for number in range(times)]


def kept(count: int) -> torch.Tensor:
    """Results that all stay alive."""
    parts = [flat.neg() for _ in range(count)]
    return parts[-1]


def distances() -> torch.Tensor:
    """Distances by a difference of every pair."""
    return (rows[:, None, :64] - rows[None, :128, :64]).abs().sum(2)


PAIRS: dict[str, tuple[Callable[[], object], Callable[[], object]]] = {
    "layer_twice": (lambda: linears(1), lambda: linears(2)),
    "relu_three_times": (rows.relu, lambda: rows.relu().relu().relu()),
    "sum_by_row": (lambda: rows.sum(1), lambda: [row.sum() for row in rows[:128]]),
    "sums_joined": (lambda: six.sum(5).sum(3), lambda: six.sum((3, 5))),
    "products_joined": (lambda: (some @ some, some @ some), lambda: all_ @ all_),
    "sorts_joined": (lambda: [part.sort() for part in flat[: 2**14].chunk(4)], flat[: 2**16].sort),
    "erfinv_for_relu": (flat.relu, flat.erfinv),
    "sums_for_bmm": (lambda: left @ right, lambda: (left[:, :, :, None] * right[:, None]).sum(2)),
    "gelu_by_hand": (lambda: gelu(flat), lambda: flat * 0.5 * (1 + torch.erf(flat / sqrt(2)))),
    "python_loop": (lambda: linears(1), lambda: with_work(bookkeeping)),
    "python_json": (lambda: linears(1), lambda: with_work(lambda: json.dumps(record))),
    "python_calls": (lambda: with_work(lambda: noted(100)), lambda: with_work(lambda: noted(5_000))),
    "python_list": (lambda: linears(1), lambda: with_work(lambda: torch.tensor(numbers))),
    "copy_contiguous": (lambda: rows.t().sum(), lambda: rows.t().contiguous().sum()),
    "copy_clone": (flat.relu, lambda: flat.clone().relu()),
    "copy_double": (rows.sum, lambda: rows.double().sum()),
    "copy_numpy": (lambda: large.numpy().sum(), lambda: large.numpy().copy().sum()),
    "wait_sleep": (lambda: linears(1), lambda: with_work(lambda: time.sleep(0.003))),
    "wait_thread": (lambda: linears(1), lambda: with_work(lambda: waited(0.003))),
    "wait_event": (lambda: linears(1), lambda: with_work(lambda: event(0.003))),
    "memory_kept": (lambda: kept(1), lambda: kept(6)),
    "memory_out_of_place": (lambda: flat.neg().relu_().neg_(), lambda: flat.neg().relu().neg()),
    "memory_double": (lambda: flat.sqrt().sum(), lambda: flat.double().sqrt().sum()),
    "memory_pairs": (lambda: torch.cdist(rows[:, :64], rows[:128, :64], p=1.0), distances),
}


@claim("P1", expect="same")
@pytest.mark.parametrize("pair", list(PAIRS))
def bench_planted(compare: Callable[..., object], pair: str) -> None:
    """One case, one side."""
    compare(baseline=PAIRS[pair][HEAD], same=lambda *_: None)
