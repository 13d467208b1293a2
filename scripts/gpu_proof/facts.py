"""What cannot be looked up without a GPU, in about a minute: one finding a fact, and none ends the others."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

import torch

from gpu_proof.clocks import cache, cold_rival
from gpu_proof.findings import Part, attempt
from gpu_proof.running import environment
from harness.measure.clock import clock_for

CUDA = "cuda"
WANTED_MODULES = (
    "pynvml",
    "msgspec",
    "hypothesis",
    "pytest_timeout",
    "triton",
    "nvidia.dali",
    "hta",
    "pandas",
)
CATEGORIES = frozenset({"cpu_op", "cuda_runtime", "kernel", "gpu_memcpy", "user_annotation"})
READING_SECONDS = 300e-6
SIDE = 4096
TOLERANCE = 5e-3
"""Of a tensor's largest value: what M1 allows."""

CHILD = """
import sys, torch
a = torch.randn(4096, 4096, device="cuda", dtype=torch.bfloat16)
for _ in range(50): a @ a
torch.cuda.synchronize()
print("ready", flush=True)
for line in sys.stdin:
    a @ a
    torch.cuda.synchronize()
    print("done", flush=True)
"""
"""A process with a context on the GPU, and with work now and then."""


def facts(part: Part, folder: Path, device: Any) -> None:
    """Every fact that this machine can show; one that raises is a missed goal, and the next one follows."""
    folder.mkdir(parents=True, exist_ok=True)
    _machine(part)
    on_gpu: dict[str, Callable[[Part, Any], object]] = {
        "a side's share of the memory": _share,
        "the GPU by its UUID": _by_uuid,
        "a reading's CPU time": _readings,
        "ticks of the energy counter": _ticks,
        "page-locked memory": _pinned,
        "a stopped process beside": _stopped,
        "the clock of a stated step": _stated_step,
        "cold, product of 8192": _cold,
        "launches after a profile": _after_profile,
    }
    anywhere: dict[str, Callable[[Part, Any], object]] = {
        "M1's gradients twice": _twice,
        "a decoder of JPEGs": _jpeg,
        "categories of a trace": lambda part, device: _trace(part, device, folder),
    }
    for name, ask in (*on_gpu.items(), *anywhere.items()):
        if name in on_gpu and device.type != CUDA:
            part.skip(name, "needs CUDA")
            continue
        attempt(part, name, partial(ask, part, device))


def _machine(part: Part) -> None:
    there = {name: _there(name) for name in WANTED_MODULES}
    name = torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"
    part.add(
        "machine", f"{name}, {os.cpu_count()} cores, Python {sys.version.split()[0]}, torch {torch.__version__}",
        detail={"cudnn": torch.backends.cudnn.version(), "modules": there},
    )  # fmt: skip


def _there(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ImportError:
        return False


def _share(part: Part, device: Any) -> None:
    from harness.measure.device import share_device

    share_device(device)
    torch.cuda.set_per_process_memory_fraction(1.0, device)
    part.add("a side's share of the memory", "accepted", goal="accepted", reached=True)


def _by_uuid(part: Part, device: Any) -> None:
    from harness.probes.nvml import cuda_uuid, gpu_names, nvml

    torch.zeros(1, device=device)
    uuid = cuda_uuid(device)
    with nvml() as session:
        known = uuid in gpu_names(session)
        handle = session.nvmlDeviceGetHandleByUUID(uuid)
        running = [each.pid for each in session.nvmlDeviceGetComputeRunningProcesses(handle)]
        version = session.nvmlSystemGetDriverVersion()
    part.add(
        "NVML finds the GPU by its UUID", "yes" if known else "no", goal="yes", reached=known, detail=version
    )
    mine = os.getpid() in running
    part.add(
        "this process among those on the GPU", "yes" if mine else "no", goal="yes", reached=mine,
        detail={"own": os.getpid(), "listed": running},
    )  # fmt: skip


def _readings(part: Part, device: Any) -> None:
    from harness.monitor.gpu import Gpu
    from harness.probes.nvml import cuda_uuid, nvml

    refused: list[str] = []
    costs: dict[str, float] = {}
    with nvml() as session:
        for source in Gpu(session, cuda_uuid(device), refused.append).sources():
            source.read()
            start = time.thread_time()
            source.read()
            costs[source.read.__name__] = time.thread_time() - start
    costliest, most = max(costs.items(), key=lambda each: each[1])
    part.add(
        f"CPU time of the most expensive reading ({costliest})", 1e6 * most, "us",
        goal=f"below {1e6 * READING_SECONDS:.0f} us", reached=most < READING_SECONDS,
        detail={"seconds": costs, "refused": refused},
    )  # fmt: skip


def _ticks(part: Part, device: Any) -> None:
    from harness.probes.energy import LEAST_SECONDS, counter_steps
    from harness.probes.nvml import cuda_uuid, nvml

    with nvml() as session:
        handle = session.nvmlDeviceGetHandleByUUID(cuda_uuid(device))
        step, _, _ = counter_steps(
            lambda: float(session.nvmlDeviceGetTotalEnergyConsumption(handle)) / 1e3, time.perf_counter
        )
    part.add(
        "ticks of the energy counter", 1e3 * step, "ms", goal="20 to 100 ms", reached=0.015 <= step <= 0.12,
        detail={"seconds of joules": max(LEAST_SECONDS, 50 * step)},
    )  # fmt: skip


def _pinned(part: Part, device: Any) -> None:
    from harness.probes.pinned import account

    torch.empty(2**20).pin_memory().to(device, non_blocking=True)
    torch.cuda.synchronize(device)
    peaks = sorted(name for name in torch.cuda.host_memory_stats() if name.endswith(".peak"))
    part.add("account of page-locked memory", account(), detail={"peaks": peaks})


def _each(call: Callable[[], object], count: int, device: Any) -> float:
    """Seconds of a call, of so many in one timed region."""
    return clock_for(device).lap(call, count).seconds / count


def _typical(call: Callable[[], object], count: int, device: Any) -> float:
    return median(_each(call, count, device) for _ in range(9))


def _stopped(part: Part, device: Any) -> None:
    left = torch.randn(SIDE, SIDE, device=device, dtype=torch.bfloat16)

    def call() -> torch.Tensor:
        return left @ left

    _each(call, 50, device)
    alone = _typical(call, 50, device)
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        start_new_session=True, env=environment(),
    )  # fmt: skip
    try:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdout.readline()
        os.killpg(child.pid, signal.SIGSTOP)
        beside = _typical(call, 50, device)
        turns = []
        for _ in range(20):
            os.killpg(child.pid, signal.SIGCONT)
            child.stdin.write("x\n")
            child.stdin.flush()
            child.stdout.readline()
            os.killpg(child.pid, signal.SIGSTOP)
            turns.append(_each(call, 1, device))
    finally:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
    part.add(
        "beside a stopped process with a context", beside / alone, "x", goal="within 1 %",
        reached=abs(beside / alone - 1) <= 0.01, detail={"alone": alone, "after its turn": median(turns)},
    )  # fmt: skip


def _stated_step(part: Part, device: Any) -> None:
    from harness.loading.loop.step_option import cycles_a_second

    time.sleep(3.0)  # the clock falls
    with torch.cuda.device(device):
        found = [cycles_a_second() for _ in range(4)]
    apart = max(found) / min(found) - 1
    part.add(
        "the clock of a stated step, four times", 100 * apart, "% apart", goal="below 1 %", reached=apart < 0.01,
        detail={"megahertz": [round(each / 1e6) for each in found]},
    )  # fmt: skip


def _cold(part: Part, device: Any) -> None:
    left = torch.randn(8192, 8192, device=device, dtype=torch.bfloat16)
    product = torch.empty_like(left)

    def call() -> torch.Tensor:
        return torch.mm(left, left, out=product)

    if (rival := cold_rival(part, device)) is None:
        return
    cleared = cache()
    ours = []
    for _ in range(15):
        cleared.zero_()
        ours.append(_each(call, 1, device))
    theirs = rival(call)
    ratio = median(ours) / theirs
    part.add(
        "cold, product of 8192, against triton's do_bench", ratio, "x", goal="within 5 %",
        reached=abs(ratio - 1) <= 0.05, detail={"ours": median(ours), "theirs": theirs},
    )  # fmt: skip


def _after_profile(part: Part, device: Any) -> None:
    """What a profiler that was attached once costs the launches after it: why they are counted in a pass of
    its own."""
    from harness.probes.launches import launches

    one = torch.zeros(1, device=device)

    def add() -> torch.Tensor:
        return one.add_(1)

    _each(add, 5000, device)
    before = _typical(add, 5000, device)
    start = time.perf_counter()
    count, _ = launches(add, device)
    took = time.perf_counter() - start
    after = _typical(add, 5000, device)
    part.add("launches of one call", count, goal="1", reached=count == 1, detail={"seconds": took})
    part.add("a launch after a profile", after / before, "x", detail={"before": before, "after": after})


def _twice(part: Part, device: Any) -> None:
    from torchvision.models import resnet18

    size, side = (64, 224) if device.type == CUDA else (2, 64)
    net, images = resnet18().to(device).train(), torch.randn(size, 3, side, side, device=device)
    upstream = torch.randn(size, 1000, device=device)

    def step() -> list[torch.Tensor]:
        scores = net(images)
        return [scores.detach(), *torch.autograd.grad(scores, list(net.parameters()), upstream)]

    pairs = list(zip(step(), step(), strict=True))
    off = max(float((one - two).abs().max() / one.abs().max()) for one, two in pairs)
    part.add(
        "M1's gradients twice, off of the largest value",
        off,
        goal=f"below {TOLERANCE}",
        reached=off < TOLERANCE,
    )


def _jpeg(part: Part, device: Any) -> None:
    from harness.loading.data.dataset import epoch_images
    from harness.loading.data.generated import jpeg_folder
    from support.decoding import FAR_LEVELS, FAR_SHARE, PILLOW, DecodingAlone, contents_of, decode_jpeg

    contents = contents_of(epoch_images(jpeg_folder(16), 16))
    wanted, got = DecodingAlone(PILLOW, contents)(), DecodingAlone(decode_jpeg(device), contents)()
    assert wanted is not None
    assert got is not None
    off = torch.cat(
        [(a.short() - b.short()).abs().flatten() for a, b in zip(wanted.images, got.images, strict=True)]
    )
    far = float((off > FAR_LEVELS).float().mean())
    part.add(
        f"values decoded more than {FAR_LEVELS} levels off", far, "of them", goal=f"below {FAR_SHARE}",
        reached=far < FAR_SHARE, detail={"mean": float(off.float().mean()), "largest": int(off.max())},
    )  # fmt: skip
    part.add(
        "damaged images refused", f"{sum(got.refused)} of 4, Pillow {sum(wanted.refused)}",
        detail={"refused": got.refused, "Pillow": wanted.refused},
    )  # fmt: skip


def _trace(part: Part, device: Any, folder: Path) -> None:
    from harness.probes.profile import profile

    net, rows = torch.nn.Linear(512, 512, device=device), torch.randn(64, 512)
    if device.type == CUDA:
        rows = rows.pin_memory()
    file = folder / "facts.json.gz"
    took = profile(lambda: net(rows.to(device, non_blocking=True)).sum().item(), device, file)
    with gzip.open(file, "rt", encoding="utf-8") as opened:
        found = Counter(each.get("cat") for each in json.load(opened)["traceEvents"] if each.get("ph") == "X")
    missing = sorted(CATEGORIES - set(found)) if device.type == CUDA else []
    part.add(
        "categories that a trace lacks", ", ".join(missing) or "none", goal="none", reached=not missing,
        detail={"found": dict(found), "slow-down": took.traced_seconds / took.seconds},
    )  # fmt: skip
