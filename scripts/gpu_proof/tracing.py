"""A real trace, its summary, and HolisticTraceAnalysis's figures of the same file."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import torch

from gpu_proof.findings import Part
from gpu_proof.running import ROOT
from harness.measure.device import chosen
from harness.probes.profile import profile
from harness.profile.summary import summarise

WITHIN = 0.01


def traces(part: Part, folder: Path, device: str) -> None:
    """Record, summarise and compare; the trace stays beside the findings."""
    where = chosen(device)
    file = folder / f"training-{device}.json.gz"
    folder.mkdir(parents=True, exist_ok=True)
    took = profile(_step(where), where, file)
    part.add("iterations in the window", took.iterations)
    part.add("slow-down under the profiler", took.traced_seconds / took.seconds, "x")
    summary = summarise(file)
    idle = {
        name: getattr(summary, f"idle_{name}_seconds") for name in ("loader", "host", "sync", "copy", "other")
    }
    off = abs(summary.busy_seconds + sum(idle.values()) - summary.wall_seconds) / summary.wall_seconds
    part.add(
        "busy and idle parts, off the wall's time", 100 * off, "%", goal="below 1 %", reached=off < WITHIN
    )
    part.add("busy", 100 * summary.busy_seconds / summary.wall_seconds, "%", detail=idle)
    part.add("size of the trace", file.stat().st_size / 1e6, "MB")
    if device != "cuda":
        part.skip("against HolisticTraceAnalysis", "needs CUDA")
        return
    part.add("kernels launched", summary.launches, goal="some", reached=summary.launches > 0)
    sys.path.insert(0, str(ROOT / "scripts"))
    try:
        import hta  # noqa: F401
        from trace_against_hta import compare
    except ImportError as error:
        part.skip("against HolisticTraceAnalysis", f"{error}; pip install HolisticTraceAnalysis")
        return
    agrees = compare(file)
    part.add(
        "kernel totals and busy time against HolisticTraceAnalysis", "agree" if agrees else "differ",
        goal="within 1 %", reached=agrees,
    )  # fmt: skip


def _step(device: torch.device) -> Callable[[], object]:
    """A training step with copies to the device, a loss that is looked at now and then, and matrix
    products."""
    net = torch.nn.Sequential(
        torch.nn.Conv2d(3, 32, 3, padding=1), torch.nn.ReLU(), torch.nn.AdaptiveAvgPool2d(8), torch.nn.Flatten(),
        torch.nn.Linear(2048, 512), torch.nn.ReLU(), torch.nn.Linear(512, 10),
    ).to(device)  # fmt: skip
    optimiser = torch.optim.SGD(net.parameters(), lr=1e-3)
    images, labels = torch.rand(32, 3, 64, 64), torch.randint(10, (32,))
    if device.type == "cuda":
        images = images.pin_memory()

    def step() -> float:
        optimiser.zero_grad()
        scores = net(images.to(device, non_blocking=True))
        loss = torch.nn.functional.cross_entropy(scores, labels.to(device))
        loss.backward()
        optimiser.step()
        return loss.item()

    return step
