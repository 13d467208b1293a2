"""The watch: what it costs, its numbers against nvidia-smi's, energy against power, and another process on
the GPU."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import fmean, median
from typing import TYPE_CHECKING, Any

import torch

from gpu_proof.findings import Part, Skipped, attempt
from gpu_proof.recording import record
from gpu_proof.running import ROOT, environment, harness, latest, tail
from harness.measure.device import chosen
from harness.probes.nvml import cuda_uuid, nvml

if TYPE_CHECKING:
    from harness.monitor.gpu import Gpu

HERTZ = 20.0
PAIRS = 300
"""Slots of 0.2 s with the watch, each beside one without."""
MOST_COST = 0.5
"""Percent."""

BESIDE = """
import sys, threading, torch
held = torch.ones(2**28, device="cuda")
print("ready", flush=True)
over = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), over.set()), daemon=True).start()
while not over.is_set():
    held.mul_(1.0)
    torch.cuda.synchronize()
"""

QUERY = {
    "clocks.sm": ("sm_clock_hertz", 1e6, 0.05),
    "clocks.mem": ("memory_clock_hertz", 1e6, 0.01),
    "memory.used": ("used_bytes", 2.0**20, 0.01),
    "power.draw": ("power_watts", 1.0, 0.10),
    "temperature.gpu": ("temperature_celsius", 1.0, 0.06),
    "utilization.gpu": ("utilisation", 0.01, 0.10),
    "pcie.link.gen.current": ("pcie_generation", 1.0, 0.0),
    "pcie.link.width.current": ("pcie_width", 1.0, 0.0),
}
"""nvidia-smi's words, ours, the factor between them, and how far apart two readings at nearly the same time
may be."""


def watching(part: Part, folder: Path, device: str, *, quick: bool) -> None:
    """Every check that this machine can run."""
    if device == "cuda":
        # Before this process has a context of its own: a run would rightly find that it is not alone.
        attempt(part, "another process on the GPU", partial(_other_process, part, folder))
    attempt(part, "the watch's cost", partial(_cost, part, device, pairs=8 if quick else PAIRS))
    if device != "cuda":
        for name in (
            "NVML against nvidia-smi",
            "energy against power",
            "another process on the GPU",
            "clock events",
        ):
            part.skip(name, "needs CUDA")
        return
    attempt(part, "NVML", partial(_by_nvml, part, folder, device))
    attempt(part, "the bench's energy by its frame", partial(_frames, part, folder))


def _by_nvml(part: Part, folder: Path, device: str) -> None:
    from harness.monitor.gpu import Gpu

    where = chosen(device)
    uuid = cuda_uuid(where)
    with nvml() as session:
        warnings: list[str] = []
        gpu = Gpu(session, uuid, warnings.append)
        handle = session.nvmlDeviceGetHandleByUUID(uuid)
        attempt(part, "NVML's answers, recorded", partial(_record, part, session, handle, folder, where))
        with _load(where):
            attempt(part, "NVML against nvidia-smi", partial(_against_smi, part, gpu, uuid))
            attempt(part, "energy against power", partial(_energy, part, gpu, seconds=10.0))
            attempt(part, "clock events", partial(_events, part, gpu))
        for warning in warnings:
            part.add(warning)


def _cost(part: Part, device: str, pairs: int) -> None:
    """What `scripts/watch_cost.py` prints of rounds beside a watch that is on and off by turns, and of its
    own time."""
    command = [
        sys.executable,
        str(ROOT / "scripts" / "watch_cost.py"),
        "--device",
        device,
        "--pairs",
        str(pairs),
    ]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=400, check=False, env=environment()
    )
    if done.returncode:
        raise RuntimeError(
            f"scripts/watch_cost.py: {(done.stderr.strip().splitlines() or ['exit status'])[-1]}"
        )
    changes, shares = costs(done.stdout)
    for change, low, high in changes:
        part.add(
            "5 ms round beside the watch", change, "%", goal="below 0.5 %",
            # Fewer pairs than those of the proof are no evidence against it.
            reached=change < MOST_COST if pairs >= PAIRS else None, detail={"low": low, "high": high, "pairs": pairs},
        )  # fmt: skip
    for share in shares:
        part.add(
            "the watch's own time", share, "% of one core", goal="below 0.5 %", reached=share < MOST_COST
        )


def costs(text: str) -> tuple[list[tuple[float, ...]], list[float]]:
    """Percent by which rounds are longer, with bounds, and percent of a core, from
    `scripts/watch_cost.py`."""
    changes = re.findall(r"round in quiet pairs with the watch: (\S+) % \((\S+) % to (\S+) %", text)
    shares = re.findall(r"the watch: (\S+) % of one core", text)
    return [tuple(map(float, each)) for each in changes], [float(share) for share in shares]


@contextmanager
def _child(code: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A process that has reported that it is ready; it ends when its input does."""
    command = [sys.executable, "-c", code, *arguments]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment()
    ) as process:
        assert process.stdout is not None
        try:
            if process.stdout.readline().strip() != "ready":
                raise RuntimeError("a process of the proof did not start")
            yield process
        finally:
            process.send_signal(signal.SIGCONT)
            process.communicate(timeout=60)


@contextmanager
def _load(device: torch.device, settled: float = 3.0) -> Iterator[None]:
    """Products on the GPU without a pause, from a thread."""
    left, right = torch.randn(2, 8192, 8192, device=device, dtype=torch.bfloat16)
    over = threading.Event()

    def run() -> None:
        while not over.is_set():
            for _ in range(8):
                torch.mm(left, right)
            torch.cuda.synchronize(device)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        time.sleep(settled)  # clocks, power and temperature settle
        yield
    finally:
        over.set()
        thread.join()


def _record(part: Part, session: Any, handle: Any, folder: Path, device: torch.device) -> None:
    """Two seconds of rest and ten of load, 20 times a second, for the tests that replay them."""
    name = session.nvmlDeviceGetName(handle)
    about = f"Recorded on an {name if isinstance(name, str) else name.decode()}: two seconds idle, ten under products."
    idle = record(session, handle, 40, lambda: time.sleep(1 / HERTZ), about)
    with _load(device, settled=0.0):
        loaded = record(session, handle, 200, lambda: time.sleep(1 / HERTZ), about)
    path = folder / "nvml-recorded.json"
    path.write_text(json.dumps(joined(idle, loaded), separators=(",", ":")) + "\n", encoding="utf-8")
    part.add("NVML's answers, recorded", path.name, detail={"bytes": path.stat().st_size})


def joined(first: Any, second: Any) -> Any:
    """Two recordings as one after the other: lists are joined, the pair of what a link could be is not."""
    if isinstance(first, dict):
        return {
            name: first[name] if name == "pcie_most" else joined(first[name], second[name]) for name in first
        }
    return [*first, *second] if isinstance(first, list) else first


def _readings(gpu: Gpu) -> dict[str, float]:
    found: dict[str, float] = {}
    for source in gpu.sources():
        found.update(source.read())
    return found


def _against_smi(part: Part, gpu: Gpu, uuid: str) -> None:
    """Our readings and nvidia-smi's, taken right after each other, several times, under a steady load."""
    if shutil.which("nvidia-smi") is None:
        part.skip("NVML against nvidia-smi", "no nvidia-smi here")
        return
    pairs: dict[str, list[tuple[float, float]]] = {name: [] for name in QUERY}
    for _ in range(7):
        ours, theirs = _readings(gpu), _smi(uuid)
        for name, (own, factor, _) in QUERY.items():
            if own in ours and name in theirs:
                pairs[name].append((ours[own], theirs[name] * factor))
    for name, (own, _, apart) in QUERY.items():
        if not pairs[name]:
            part.skip(f"{own} against nvidia-smi's {name}", "one of the two does not tell")
            continue
        mine, other = (median(each) for each in zip(*pairs[name], strict=True))
        off = abs(mine / other - 1) if other else abs(mine)
        part.add(
            f"{own} against nvidia-smi's {name}", mine / other if other else mine, "x",
            goal=f"within {apart:.0%}", reached=off <= apart, detail={"ours": mine, "theirs": other},
        )  # fmt: skip


def _smi(uuid: str) -> Mapping[str, float]:
    command = [
        "nvidia-smi",
        f"--id={uuid}",
        f"--query-gpu={','.join(QUERY)}",
        "--format=csv,noheader,nounits",
    ]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True).stdout
    found = {}
    for name, cell in zip(QUERY, answer.strip().split(","), strict=True):
        try:
            found[name] = float(cell)
        except ValueError:
            continue  # [N/A]
    return found


def _energy(part: Part, gpu: Gpu, seconds: float) -> None:
    """The counter's difference against the integral of the power that was read meanwhile."""
    if "energy_joules" not in gpu.energy() or "power_watts" not in gpu.power():
        part.skip("energy against power", "this board has no counter, or does not tell its power")
        return
    moments: list[tuple[float, float]] = []
    start, before = time.monotonic(), gpu.energy()["energy_joules"]
    while (now := time.monotonic()) < start + seconds:
        moments.append((now, gpu.power()["power_watts"]))
        time.sleep(1 / HERTZ)
    spent, over = gpu.energy()["energy_joules"] - before, time.monotonic() - start
    integral = over * fmean(watts for _, watts in moments)
    part.add(
        f"joules of {seconds:g} s by the counter, of those by power", spent / integral, "x",
        goal="within 5 %", reached=abs(spent / integral - 1) <= 0.05,
        detail={"joules": spent, "watts": spent / over, "readings": len(moments)},
    )  # fmt: skip


def _events(part: Part, gpu: Gpu) -> None:
    """What holds the clocks back under a full load, by the driver: a power cap is the throttling that is
    there."""
    from harness.model.telemetry import clock_events

    seen = set()
    for _ in range(20):
        time.sleep(0.05)
        seen.add(int(gpu.clocks().get("throttle", 0)))
    words = sorted({word for mask in seen for word in clock_events(mask)})
    part.add("clock events under a full load", ", ".join(words) or "none")


def _frames(part: Part, folder: Path) -> None:
    """The run's own account of energy: the counter beside the integral of the power, over the whole run."""
    from harness.report.telemetry import energy_frame

    frame = energy_frame(latest(folder))
    whole = frame[frame["case"].isna()].dropna(subset=["joules", "power_joules"])
    for seconds, joules, by_power in whole[["seconds", "joules", "power_joules"]].to_numpy(float).tolist():
        share = joules / by_power
        part.add(
            f"the bench's joules in {seconds:.0f} s by the counter, of those by power", share, "x",
            goal="within 5 %", reached=abs(share - 1) <= 0.05,
        )  # fmt: skip


def _other_process(part: Part, folder: Path) -> None:
    """A short run beside a process that has the GPU already: the run must say so."""
    with _child(BESIDE) as other:
        status = harness(
            ["bench", "--device", "cuda", "--budget", "30s", "--profile", "smoke", "--select", "C4",
             "--results", str(folder / "beside-a-process" / "runs")],
            120, folder / "beside.txt",
        )  # fmt: skip
        pid = other.pid
    try:
        run = latest(folder / "beside-a-process")
    except Skipped:
        raise RuntimeError(
            f"the bench left no run: exit status {status}\n{tail(folder / 'beside.txt')}"
        ) from None
    others: Any = run.telemetry.other_processes
    named = any(seen.pid == pid for seen in others)
    found = ", ".join(sorted({f"{seen.when}: {seen.pid} {seen.name}".strip() for seen in others}))
    part.add(
        "another process on the GPU", found or "not seen", goal=f"process {pid} is named", reached=named,
        detail={"pid": pid, "status": status},
    )  # fmt: skip
