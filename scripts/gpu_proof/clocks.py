"""The clock against others': cold against triton's, warm against torch's own Timer, alternately in one
process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from math import ceil
from random import Random
from statistics import median
from typing import Any

import torch

from gpu_proof.findings import Part, attempt
from harness.measure.clock import Clock, clock_for

TURNS = 15
"""Times that each clock measures, in random order."""

ROUND = 0.02
"""Seconds."""

SMALL = 20e-6
POWER_LIMITED = 0.03
LAUNCH_BOUND = 0.95
"""The share of the device's time that the host must take to launch, for the host to be what is waited for."""


@dataclass(frozen=True, slots=True)
class Operation:
    """Something to time; ``launch_bound`` is what is known of it, None where it depends on the machine.

    ``within`` is how far two clocks may be apart: products so large that a board reaches its power limit run
    at a lower clock in a long burst than in a short one, and that is no clock's fault.
    """

    name: str
    call: Callable[[], object]
    launch_bound: bool | None = None
    within: float = 0.01


def operations(device: torch.device) -> Iterator[Operation]:
    """Products from small to large, copies from 1 MiB on, and kernels that do next to nothing."""
    gpu = device.type == "cuda"
    for side in (512, 1024, 2048, 4096, 8192) if gpu else (128, 256, 512):
        dtype = torch.bfloat16 if gpu else torch.float32
        left, right = torch.randn(2, side, side, device=device, dtype=dtype)
        product = torch.empty_like(left)
        bound = False if gpu and side >= 4096 else None
        within = POWER_LIMITED if gpu and side >= 2048 else 0.01
        yield Operation(f"product of {side}", partial(torch.mm, left, right, out=product), bound, within)
    for mib in (1, 16, 64, 256, 1024) if gpu else (1, 16, 64):
        source = torch.rand(mib * 2**18, device=device)
        target = torch.empty_like(source)
        bound = False if gpu and mib >= 64 else None
        yield Operation(f"copy of {mib} MiB", partial(target.copy_, source), bound)
    one, few = torch.zeros(1, device=device), torch.rand(2**16, device=device)
    yield Operation("add to one number", lambda: one.add_(1), True if gpu else None)
    yield Operation("relu of 64 Ki", few.relu, True if gpu else None)


def clocks(part: Part, device: torch.device) -> None:
    """Warm and cold ratios of every operation, and which were found to be launch-bound."""
    torch.set_num_threads(max(1, torch.get_num_threads() - (device.type == "cpu")))
    clock = clock_for(device)
    random = Random(0)
    cold = cold_rival(part, device)
    for operation in operations(device):
        attempt(part, f"warm, {operation.name}", partial(_warm, part, operation, clock, random))
        if cold is not None:
            attempt(part, f"cold, {operation.name}", partial(_cold, part, operation, clock, cold, random))
        attempt(part, f"launch-bound, {operation.name}", partial(_bound, part, operation, clock, device))


def _goal(seconds: float, within: float) -> float:
    return max(within, 0.03) if seconds < SMALL else within


def _warm(part: Part, operation: Operation, clock: Clock, random: Random) -> None:
    """Our timed regions against ``Timer.timeit`` of as many calls, on as many threads."""
    from torch.utils.benchmark import Timer

    timer = Timer("call()", globals={"call": operation.call}, num_threads=torch.get_num_threads())
    count = _count(operation.call, clock)
    ours: list[float] = []
    theirs: list[float] = []
    for _ in range(TURNS):
        for who in random.sample((True, False), 2):
            if who:
                ours.append(clock.lap(operation.call, count).seconds / count)
            else:
                theirs.append(timer.timeit(count).median)
    _compared(part, f"warm, {operation.name}, against torch.utils.benchmark", ours, theirs, operation.within)


def cold_rival(part: Part, device: torch.device) -> Callable[[Callable[[], object]], float] | None:
    """Seconds by triton's clock; None, and a check that is skipped, where it cannot be used."""
    if device.type != "cuda":
        part.skip("cold, against triton.testing.do_bench", "needs CUDA")
        return None
    try:
        from triton.testing import do_bench

        cache()  # at its first use Triton compiles a helper, for which it needs a C compiler
    except Exception as error:
        words = str(error).strip().splitlines() or [""]
        part.skip("cold, against triton.testing.do_bench", f"triton cannot be used: {words[0][:200]}")
        return None
    return lambda call: float(do_bench(call, warmup=10, rep=60, return_mode="median")) / 1e3


def _cold(
    part: Part,
    operation: Operation,
    clock: Clock,
    rival: Callable[[Callable[[], object]], float],
    random: Random,
) -> None:
    """Our timed regions of one call, the L2 cleared before each, against triton's median."""
    cleared = cache()
    ours: list[float] = []
    theirs: list[float] = []
    for _ in range(5):
        for who in random.sample((True, False), 2):
            if who:
                regions = []
                for _ in range(TURNS):
                    # Still under way when the call is launched behind it: the device does not wait for the
                    # host.
                    cleared.zero_()
                    regions.append(clock.lap(operation.call, 1).seconds)
                ours.append(median(regions))
            else:
                theirs.append(rival(operation.call))
    _compared(part, f"cold, {operation.name}, against triton's do_bench", ours, theirs, operation.within)


def cache() -> Any:
    """The tensor that Triton clears to empty the L2 cache. Raises whatever Triton raises at its first use."""
    from triton import runtime

    return runtime.driver.active.get_empty_cache_for_benchmark()


def _compared(part: Part, name: str, ours: list[float], theirs: list[float], within: float = 0.01) -> None:
    mine, other = median(ours), median(theirs)
    goal = _goal(other, within)
    cuda = part.device == "cuda"
    part.add(
        name, mine / other, "x",
        goal=f"within {goal:.0%}" if cuda else "",
        reached=abs(mine / other - 1) <= goal if cuda else None,
        detail={"ours": mine, "theirs": other},
    )  # fmt: skip


def _bound(part: Part, operation: Operation, clock: Clock, device: torch.device) -> None:
    if device.type != "cuda":
        return
    count = _count(operation.call, clock)
    shares = []
    for _ in range(5):
        region = clock.lap(operation.call, count)
        shares.append((region.host_seconds or 0.0) / region.seconds)
    found = median(shares) >= LAUNCH_BOUND
    known = operation.launch_bound
    part.add(
        f"launch-bound, {operation.name}", "yes" if found else "no",
        goal="" if known is None else "yes" if known else "no",
        reached=None if known is None else found is known,
        detail={"host_share": median(shares)},
    )  # fmt: skip


def _count(call: Callable[[], object], clock: Clock) -> int:
    """Calls that fill a round, once warm."""
    for _ in range(3):
        call()
    seconds = min(clock.lap(call, 5).seconds / 5 for _ in range(3))
    return max(1, ceil(ROUND / max(seconds, 1e-7)))
