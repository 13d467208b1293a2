"""The gate on a GPU: identical code must alarm nobody, three percent more work really done must be caught."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from gate_power.live import Call, call
from gate_power.repository import make

from gpu_proof.findings import Part, Skipped
from harness.model import Gated

WORK = '''"""What is under test: kinds of GPU work, so many steps an iteration."""

import torch

STEPS = {steps}
DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")


def random(*shape, dtype=torch.float32):
    return torch.rand(*shape, device=DEVICE, dtype=dtype)


def dispatch():
    a = random(4)
    return lambda: a + a


def pointwise():
    a = random(2**18)
    return lambda: a * 2


def chain():
    a = random(2**16)
    return lambda: a.relu().sigmoid()


def softmax():
    a = random(256, 512)
    return lambda: a.softmax(-1)


def reduction():
    a = random(512, 512)
    return lambda: a.sum(0)


def product():
    a = random(256, 256)
    return lambda: a @ a


def half_product():
    a = random(512, 512, dtype=torch.bfloat16)
    return lambda: a @ a


def small_bmm():
    a, b = random(64, 32, 32), random(64, 32, 32)
    return lambda: torch.bmm(a, b)


def convolution():
    net, image = torch.nn.Conv2d(8, 8, 3, device=DEVICE).requires_grad_(False), random(1, 8, 32, 32)
    return lambda: net(image)


def gathering():
    table, places = random(1000, 64), torch.arange(0, 1000, 3, device=DEVICE)
    return lambda: table[places]


def wide():
    a = random(2**24 if DEVICE.type == "cuda" else 2**16)
    return lambda: a * 2


def wide_product():
    side = 2048 if DEVICE.type == "cuda" else 128
    a = random(side, side, dtype=torch.bfloat16)
    return lambda: a @ a


KINDS = {{made.__name__: made for made in (CHOSEN,)}}


def iteration(kind, steps=STEPS):
    """A callable that takes the steps of one iteration."""
    step = KINDS[kind]()

    def take():
        for _ in range(steps - 1):
            step()
        return step()

    return take
'''


HOST_BOUND = (
    "dispatch", "pointwise", "chain", "softmax", "reduction", "product", "half_product", "small_bmm", "convolution",
    "gathering",
)  # fmt: skip
GPU_BOUND = ("wide", "wide_product")
"""Kinds of work by what is waited for on a GPU: the host's launches, or the GPU itself."""

QUICK = ("softmax", *GPU_BOUND)
"""Kinds of the short gate: with a baseline and a variant each, six decisions, which can fall after 11 units."""


def work_of(kinds: Sequence[str] = (*HOST_BOUND, *GPU_BOUND)) -> str:
    """The package under test with these kinds of work, and with ``{steps}`` where their number goes."""
    return WORK.replace("CHOSEN", ", ".join(kinds))


def gate(part: Part, device: str, seconds: float) -> None:
    """Both gates in little time: 3 % more work is caught in all of six decisions, and the same code alarms nobody."""
    slower = _held(device, 0.65 * seconds, 1, slowdown=0.03, target="3%", kinds=QUICK)
    outcomes = Counter(one.outcome for one in slower.decisions)
    part.add("exit status with 3 % more work", str(slower.status), goal="1", reached=slower.status == 1)
    caught = outcomes[Gated.REGRESSED]
    part.add(
        "3 % more work caught", caught, f"of {len(slower.decisions)}", goal="all",
        reached=caught == len(slower.decisions) > 0, detail=_named(outcomes),
    )  # fmt: skip
    _told(part, slower, "3 % more work: ")
    same = _held(device, max(0.3 * seconds, seconds - slower.wall), 1, slowdown=0.0, target="5%", kinds=QUICK)
    outcomes = Counter(one.outcome for one in same.decisions)
    alarms = outcomes[Gated.REGRESSED]
    part.add("false alarms with the same code", alarms, goal="0", reached=alarms == 0, detail=_named(outcomes))
    _told(part, same, "the same code: ")


def gate_identical(part: Part, device: str, seconds: float, copies: int) -> None:
    """Head differs from base by a comment: nothing may be called regressed."""
    found = _held(device, seconds, copies, slowdown=0.0, target="5%")
    outcomes = Counter(one.outcome for one in found.decisions)
    alarms = outcomes[Gated.REGRESSED]
    part.add("decisions", len(found.decisions), goal="at least 20", reached=len(found.decisions) >= 20)
    part.add("false alarms", alarms, goal="0", reached=alarms == 0)
    share = (outcomes[Gated.UNCHANGED] + outcomes[Gated.IMPROVED]) / max(1, len(found.decisions))
    part.add("called unchanged", share, "of them", goal="at least half", reached=share >= 0.5, detail=_named(outcomes))
    _told(part, found)


def gate_slower(part: Part, device: str, seconds: float, copies: int) -> None:
    """Head takes 103 steps where base takes 100, exactly: at a target of 3 % nearly all of it must be caught."""
    found = _held(device, seconds, copies, slowdown=0.03, target="3%")
    outcomes = Counter(one.outcome for one in found.decisions)
    caught = outcomes[Gated.REGRESSED] / max(1, len(found.decisions))
    part.add("decisions", len(found.decisions), detail=_named(outcomes))
    part.add("3 % more work caught", caught, "of them", goal="at least 0.95", reached=caught >= 0.95)
    part.add(
        "called unchanged all the same", outcomes[Gated.UNCHANGED], goal="0", reached=not outcomes[Gated.UNCHANGED]
    )
    _told(part, found)


def _named(outcomes: Counter[Gated]) -> dict[str, int]:
    return {str(outcome): count for outcome, count in outcomes.items()}


def _held(
    device: str,
    seconds: float,
    copies: int,
    *,
    slowdown: float,
    target: str,
    kinds: Sequence[str] = (*HOST_BOUND, *GPU_BOUND),
) -> Call:
    if shutil.which("git") is None:
        raise Skipped("the gate compares revisions, and there is no git here")
    with TemporaryDirectory(prefix="gpu-proof-") as scratch:
        root = Path(scratch) / "repository"
        root.mkdir()
        make(root, slowdown, copies=copies, work=work_of(kinds))
        options = ["--target", target, "--device", device, "--budget", f"{seconds:.0f}s", "--every"]
        print(f"  two live processes take turns on the {device}, for up to {seconds:.0f} s", flush=True)
        return call(root, options)


def _told(part: Part, found: Call, words: str = "") -> None:
    """How each kind of work came out, and what it took."""
    part.add(f"{words}exit status", str(found.status))
    part.add(f"{words}wall time", found.wall, "s")
    part.add(f"{words}units a decision", sum(one.units for one in found.decisions) / max(1, len(found.decisions)))
    kinds: dict[str, list[float]] = {}
    for one in found.decisions:
        if one.ratio is not None:
            kinds.setdefault(one.case.partition("[")[2].partition("-")[0], []).append(one.ratio)
    for kind, ratios in kinds.items():
        low, high = min(ratios), max(ratios)
        part.add(
            f"{words}head / base, {kind}",
            median(ratios),
            "x",
            detail={"low": low, "high": high, "decisions": len(ratios)},
        )
