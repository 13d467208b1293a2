"""The gate on a GPU: identical code must raise no alarm, three percent more work really done must be
caught."""

from __future__ import annotations

import json
import shutil
import time
from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from gate_power.live import CAN_BE_JUDGED, Call, decisions_of
from gate_power.repository import make

from gpu_proof.findings import Part, Skipped, attempt
from gpu_proof.running import harness, tail, tracebacks
from harness.model import GateOutcome

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
"""Kinds of the short gate: with a baseline and a variant each, six decisions, which can fall after 11 units.
"""


LATER = 20.0
"""Seconds beyond its budget after which a gate is ended: it starts, builds both sides, and reports."""


def work_of(kinds: Sequence[str] = (*HOST_BOUND, *GPU_BOUND)) -> str:
    """The package under test with these kinds of work, and with ``{steps}`` where their number goes."""
    return WORK.replace("CHOSEN", ", ".join(kinds))


def gate(part: Part, folder: Path, device: str, seconds: float) -> None:
    """Both gates in little time: 3 % more work is caught in all of six decisions, and the same code raises no
    alarm.

    One that breaks off is a missed goal, and the other runs all the same.
    """
    start = time.monotonic()
    for name, hold, share in (("3 % more work", _short_slower, 0.65), ("the same code", _short_same, 0.3)):
        # The second one has what the first has left, and a share of its own at least.
        left = seconds - (time.monotonic() - start) if hold is _short_same else 0.0
        attempt(part, name, partial(hold, part, folder, device, max(share * seconds, left)))


def _short_slower(part: Part, folder: Path, device: str, seconds: float) -> None:
    slower = _gated(folder / "gate-short-slower", device, seconds, 1, slowdown=0.03, target="3%", kinds=QUICK)
    outcomes = Counter(one.outcome for one in slower.decisions)
    part.add("exit status with 3 % more work", str(slower.status), goal="1", reached=slower.status == 1)
    caught = outcomes[GateOutcome.REGRESSED]
    part.add(
        "3 % more work caught", caught, f"of {len(slower.decisions)}", goal="all",
        reached=caught == len(slower.decisions) > 0, detail=_named(outcomes),
    )  # fmt: skip
    _outcomes(part, slower, "3 % more work: ")


def _short_same(part: Part, folder: Path, device: str, seconds: float) -> None:
    same = _gated(folder / "gate-short-same", device, seconds, 1, slowdown=0.0, target="5%", kinds=QUICK)
    outcomes = Counter(one.outcome for one in same.decisions)
    alarms = outcomes[GateOutcome.REGRESSED]
    part.add(
        "false alarms with the same code", alarms, goal="0", reached=alarms == 0, detail=_named(outcomes)
    )
    _outcomes(part, same, "the same code: ")


def gate_identical(part: Part, folder: Path, device: str, seconds: float, copies: int) -> None:
    """Head differs from base by a comment: nothing may be called regressed."""
    found = _gated(folder / "gate-long-same", device, seconds, copies, slowdown=0.0, target="5%")
    outcomes = Counter(one.outcome for one in found.decisions)
    alarms = outcomes[GateOutcome.REGRESSED]
    part.add("decisions", len(found.decisions), goal="at least 20", reached=len(found.decisions) >= 20)
    part.add("false alarms", alarms, goal="0", reached=alarms == 0)
    share = (outcomes[GateOutcome.UNCHANGED] + outcomes[GateOutcome.IMPROVED]) / max(1, len(found.decisions))
    part.add(
        "called unchanged",
        share,
        "of them",
        goal="at least half",
        reached=share >= 0.5,
        detail=_named(outcomes),
    )
    _outcomes(part, found)


def gate_slower(part: Part, folder: Path, device: str, seconds: float, copies: int) -> None:
    """Head takes 103 steps where base takes 100, exactly: at a target of 3 % nearly all of it must be
    caught."""
    found = _gated(folder / "gate-long-same", device, seconds, copies, slowdown=0.03, target="3%")
    outcomes = Counter(one.outcome for one in found.decisions)
    caught = outcomes[GateOutcome.REGRESSED] / max(1, len(found.decisions))
    part.add("decisions", len(found.decisions), detail=_named(outcomes))
    part.add("3 % more work caught", caught, "of them", goal="at least 0.95", reached=caught >= 0.95)
    part.add(
        "called unchanged all the same",
        outcomes[GateOutcome.UNCHANGED],
        goal="0",
        reached=not outcomes[GateOutcome.UNCHANGED],
    )
    _outcomes(part, found)


def _named(outcomes: Counter[GateOutcome]) -> dict[str, int]:
    return {str(outcome): count for outcome, count in outcomes.items()}


def _gated(
    folder: Path,
    device: str,
    seconds: float,
    copies: int,
    *,
    slowdown: float,
    target: str,
    kinds: Sequence[str] = (*HOST_BOUND, *GPU_BOUND),
) -> Call:
    """One gate on a repository made for it; its records, its document and what it prints stay in ``folder``.

    Raises RuntimeError with the end of what it printed where it decided nothing, or had to be ended.
    """
    if shutil.which("git") is None:
        raise Skipped("the gate compares revisions, and there is no git here")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    log, document = folder / "output.txt", folder / "document.json"
    with TemporaryDirectory(prefix="gpu-proof-") as scratch:
        root = Path(scratch) / "repository"
        root.mkdir()
        make(root, slowdown, copies=copies, work=work_of(kinds))
        words = [
            "gate",
            "--base",
            "main",
            "--json",
            str(document),
            "--results",
            str(folder / "results"),
            "--every",
        ]
        words += ["--target", target, "--device", device, "--budget", f"{seconds:.0f}s"]
        print(f"  two live processes take turns on the {device}, for up to {seconds:.0f} s", flush=True)
        start = time.monotonic()
        status = harness(words, seconds + LATER, log, root)
        wall = time.monotonic() - start
    if status != 0 and (said := tracebacks(folder)):
        print(said, flush=True)
    if status not in CAN_BE_JUDGED or not document.exists():
        raise RuntimeError(f"the gate ended with {status} and no document:\n{tail(log)}")
    found = json.loads(document.read_text(encoding="utf-8"))
    if found.get("status") != status:
        raise RuntimeError(f"the gate ended with {status}, and its document says {found.get('status')}")
    return Call(status, wall, decisions_of(found))


def _outcomes(part: Part, found: Call, words: str = "") -> None:
    """How each kind of work came out, and what it took."""
    part.add(f"{words}exit status", str(found.status))
    part.add(f"{words}wall time", found.wall, "s")
    part.add(
        f"{words}units a decision", sum(one.units for one in found.decisions) / max(1, len(found.decisions))
    )
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
