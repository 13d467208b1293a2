"""Chrome traces by hand, in the form that Kineto writes: times in microseconds, one process, streams of one
GPU."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

Event = dict[str, Any]

HOST, MAIN, STREAM = 100, 1, 7


def span(cat: str, name: str, start: float, end: float, thread: int = MAIN, **args: Any) -> Event:
    """Something the host did."""
    return {
        "ph": "X", "cat": cat, "name": name, "pid": HOST, "tid": thread, "ts": start, "dur": end - start, "args": args,
    }  # fmt: skip


def mark(name: str, start: float, end: float, thread: int = MAIN) -> Event:
    """A span that somebody marked."""
    return span("user_annotation", name, start, end, thread)


def operator(name: str, start: float, end: float, thread: int = MAIN) -> Event:
    """An operator."""
    return span("cpu_op", name, start, end, thread, **{"External id": 5, "Input Dims": [[2, 2], []]})


def call(name: str, start: float, end: float, correlation: int = 0, thread: int = MAIN) -> Event:
    """A call of the CUDA runtime."""
    return span("cuda_runtime", name, start, end, thread, cbid=211, correlation=correlation)


def on_gpu(
    cat: str, name: str, start: float, end: float, correlation: int, stream: int = STREAM, device: int = 0
) -> Event:
    """Something a GPU did."""
    return {
        "ph": "X", "cat": cat, "name": name, "pid": device, "tid": stream, "ts": start, "dur": end - start,
        "args": {"device": device, "context": 1, "stream": stream, "correlation": correlation, "grid": [1, 1, 1]},
    }  # fmt: skip


def kernel(
    name: str, start: float, end: float, correlation: int, stream: int = STREAM, device: int = 0
) -> Event:
    """A kernel."""
    return on_gpu("kernel", name, start, end, correlation, stream, device)


def document(events: list[Event], offset: float = 0.0) -> bytes:
    """The whole trace; ``offset`` microseconds are added to every moment."""
    moved = [{**event, "ts": event["ts"] + offset} if "ts" in event else event for event in events]
    whole = {
        "schemaVersion": 1,
        "deviceProperties": [{"id": 0, "name": "a GPU", "numSms": 108}],
        "baseTimeNanoseconds": 1700000000000000000,
        "traceEvents": moved,
        "traceName": "trace.json",
        "displayTimeUnit": "ms",
    }
    return json.dumps(whole, indent=1).encode()


def written(folder: Path, events: list[Event], name: str = "trace.json", offset: float = 0.0) -> Path:
    """The trace as a file; gzip where the name says so."""
    path = folder / name
    content = document(events, offset)
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    return path


GEMM = "sm80_xmma_gemm_bf16bf16_bf16f32_f32_tn_n_tilesize128x128x64"

WORKED_EXAMPLE: list[Event] = [
    {"ph": "M", "name": "process_name", "pid": HOST, "tid": 0, "ts": 0.0, "args": {"name": "python"}},
    {"ph": "s", "id": 1, "pid": HOST, "tid": MAIN, "ts": 210.0, "cat": "ac2g", "name": "ac2g"},
    mark("tipbench: window", 0, 1000),
    mark("tipbench: iteration", 0, 500),
    mark("tipbench: iteration", 500, 1000),
    # Waits 200 for a batch, then takes 20 to launch, and the kernel 10 to begin.
    mark("tipbench: next", 0, 200),
    operator("aten::linear", 205, 225),
    operator("aten::addmm", 208, 224),
    call("cudaLaunchKernel", 210, 220, 1),
    kernel(GEMM, 230, 400, 1),
    # Nothing runs for 40 while a call stages pageable memory; the copy overlaps the next kernel by 40.
    call("cudaMemcpyAsync", 380, 450, 2),
    on_gpu("gpu_memcpy", "Memcpy HtoD (Pageable -> Device)", 440, 540, 2, stream=20),
    call("cudaLaunchKernel", 455, 460, 3),
    kernel("ampere_sgemm_128x64_nn", 500, 600, 3),
    # The host comes out of a synchronisation 50 after the GPU ran dry, launches 50 later, the kernel begins 5
    # after.
    call("cudaStreamSynchronize", 580, 650),
    call("cudaLaunchKernel", 690, 700, 4),
    kernel("void at::native::reduce_kernel<512>", 705, 800, 4),
    # Was queued all the while, whatever the host does: 30 of nothing.
    call("cuLaunchKernelEx", 701, 703, 5),
    kernel("void at::native::reduce_kernel<512>", 830, 930, 5),
    call("cudaDeviceSynchronize", 706, 960),
    # None of these counts: another thread's waits, another GPU, what came before the window.
    mark("enumerate(DataLoader)#_MultiProcessingDataLoaderIter.__next__", 0, 1000, thread=2),
    call("cudaDeviceSynchronize", 0, 1000, thread=3),
    kernel("elsewhere", 100, 900, 900, device=1),
    kernel("warming up", -300, -200, 901),
]
"""One thousand microseconds whose every part is known."""
