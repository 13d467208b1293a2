"""Summarising a large trace: seconds and memory of a fresh process, on a file of the given size.

The trace is as torch's profiler writes one of a training loop with stacks and shapes: Python functions,
operators that nest, launches with their flows, kernels and copies on two streams, pretty-printed.

Usage: python scripts/trace_speed.py [MEGABYTES] [--gzip]
"""

from __future__ import annotations

import argparse
import gzip
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from time import perf_counter

ROOT = Path(__file__).resolve().parents[1]
LIMIT_SECONDS, LIMIT_BYTES = 20.0, 2 << 30

_SUMMARISE = """
import resource, sys
from pathlib import Path
from time import perf_counter
from harness.profile.summary import summarise
start = perf_counter()
found = summarise(Path(sys.argv[1]))
seconds = perf_counter() - start
idle = sum(getattr(found, f"idle_{part}_seconds") for part in ("loader", "host", "sync", "copy", "other"))
print(seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)
print(f"{found.iterations} iterations, {found.launches} launches, wall {found.wall_seconds:.3f} s, "
      f"busy {found.busy_seconds:.3f} s, idle parts {idle:.3f} s: "
      f"off by {abs(found.busy_seconds + idle - found.wall_seconds) / found.wall_seconds:.2e}")
"""

_KERNELS = (
    "ampere_fp16_s16816gemm_fp16_128x128_ldg8_f2f_stages_64x3_tn",
    "void at::native::vectorized_elementwise_kernel<4, at::native::CUDAFunctor_add<c10::Half>, "
    "std::array<char*, 3ul> >(int, at::native::CUDAFunctor_add<c10::Half>, std::array<char*, 3ul>)",
    "void at::native::(anonymous namespace)::multi_tensor_apply_kernel<at::native::(anonymous namespace)::"
    "TensorListMetadata<2>, at::native::(anonymous namespace)::UnaryOpFunctor<float, 2, 1, 1> >",
    "sm80_xmma_wgrad_implicit_gemm_indexed_f16f16_f16f32_f32_nhwckrsc_nhwc_tilesize128x128x64_stage3_warpsize2x2x1",
)
_OPERATORS = (
    "aten::linear",
    "aten::addmm",
    "aten::conv2d",
    "aten::add_",
    "aten::mul",
    "autograd::engine::backward",
)


def main() -> int:
    """Write it, summarise it in a process of its own, and print what that took."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("megabytes", type=int, nargs="?", default=500)
    parser.add_argument("--gzip", action="store_true", help="compress the file")
    options = parser.parse_args()
    with TemporaryDirectory(prefix="tipbench-") as folder:
        path = Path(folder) / ("trace.json.gz" if options.gzip else "trace.json")
        start = perf_counter()
        written, events = write(path, options.megabytes << 20)
        packed = f", {path.stat().st_size / 2**20:.0f} MiB compressed" if options.gzip else ""
        print(
            f"{written / 2**20:.0f} MiB{packed}, {events:,} events, written in {perf_counter() - start:.0f} s"
        )
        command = [sys.executable, "-c", _SUMMARISE, str(path)]
        done = subprocess.run(
            command, check=True, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}
        )
    first, rest = done.stdout.split("\n", 1)
    seconds, memory = map(float, first.split())
    print(rest.strip())
    print(
        f"summarised in {seconds:.1f} s (limit {LIMIT_SECONDS:g}), {memory / 2**30:.2f} GiB at most (limit 2)"
    )
    return 0 if seconds < LIMIT_SECONDS and memory < LIMIT_BYTES else 1


def write(path: Path, size: int) -> tuple[int, int]:
    """Write a trace of about that many bytes; its bytes and events."""
    written = count = 0
    with gzip.open(path, "wt", compresslevel=1) if path.suffix == ".gz" else path.open("w") as file:
        header = '{\n  "schemaVersion": 1,\n  "deviceProperties": [\n    {"id": 0, "name": "a GPU"}\n  ],\n'
        file.write(f'{header}  "baseTimeNanoseconds": 1700000000000000000,\n  "traceEvents": [\n')
        for event in _events(size):
            file.write(",\n" + event if count else event)
            written += len(event) + 2
            count += 1
        file.write('\n  ],\n  "traceName": "trace.json",\n  "displayTimeUnit": "ms"\n}\n')
    return written, count


def _events(size: int) -> Iterator[str]:
    random = Random(1)
    now, device, correlation, spent, low = 4_000_000_000.0, 0.0, 0, 0, 4_000_000_000.0
    while spent < size:
        begin = now
        for _ in range(200):
            correlation += 1
            events, now, device = _one(random, now, device, correlation)
            for event in events:
                spent += len(event) + 2
                yield event
        yield _span("user_annotation", "tipbench: iteration", begin, now - begin)
        wait = random.uniform(50, 400)
        yield _span("user_annotation", "tipbench: next", now, wait)
        now += wait
    yield _span("user_annotation", "tipbench: window", low, max(now, device) - low)


def _one(random: Random, now: float, device: float, correlation: int) -> tuple[list[str], float, float]:
    """An operator below two Python functions, its launch, and what that put on the GPU."""
    name, kernel = random.choice(_OPERATORS), random.choice(_KERNELS)
    launch, lasts = now + 6, random.uniform(2, 30)
    start = max(device, launch + 4)
    place = "torch/nn/modules/module.py(1736): _wrapped_call_impl"
    end = start + lasts
    where = f'"External id": {correlation}, "correlation": {correlation}'
    events = [
        _span("python_function", place, now, 14, f'"Python parent id": 3, "Python id": {correlation}, "Ev Idx": 4'),
        _span("python_function", "nn.Module: Linear_7", now + 1, 12, f'"Python id": {correlation}, "Ev Idx": 5'),
        _span("cpu_op", name, now + 2, 11, f'"External id": {correlation}, "Sequence number": 77, "Fwd thread id": 0, '
              '"Input Dims": [[32, 1024], [1024, 1024], [], []], "Input type": ["c10::Half", "c10::Half", "", ""]'),
        _span("cpu_op", "aten::addmm", now + 3, 9, f'"External id": {correlation}, "Ev Idx": 7'),
        _span("cuda_runtime", "cudaLaunchKernel", launch, 4, f'{where}, "cbid": 211'),
        _flow("s", correlation, launch), _flow("f", correlation, start),
        _span("kernel", kernel, start, lasts, f'{where}, "queued": 0, "device": 0, "context": 1, "stream": 7, '
              '"registers per thread": 128, "shared memory": 49152, "blocks per SM": 1.18, "warps per SM": 9.48, '
              '"grid": [128, 1, 1], "block": [256, 1, 1], "est. achieved occupancy %": 15', "0", "7"),
    ]  # fmt: skip
    if correlation % 20 == 0:
        copied = f'{where}, "device": 0, "context": 1, "stream": 20, "bytes": 19267584, "memory bandwidth (GB/s)": 24.1'
        events.append(
            _span("gpu_memcpy", "Memcpy HtoD (Pinned -> Device)", start, 2 * lasts, copied, "0", "20")
        )
    return events, now + 15, end


def _span(
    cat: str, name: str, start: float, lasts: float, args: str = "", pid: str = "4242", tid: str = "4242"
) -> str:
    return (
        f'  {{\n    "ph": "X", "cat": "{cat}", "name": "{name}", "pid": {pid}, "tid": {tid},\n'
        f'    "ts": {start:.3f}, "dur": {lasts:.3f},\n    "args": {{\n      {args}\n    }}\n  }}'
    )


def _flow(phase: str, number: int, moment: float) -> str:
    bound = ', "bp": "e"' if phase == "f" else ""
    return (
        f'  {{\n    "ph": "{phase}", "id": {number}, "pid": 0, "tid": 7, "ts": {moment:.3f},\n'
        f'    "cat": "ac2g", "name": "ac2g"{bound}\n  }}'
    )


if __name__ == "__main__":
    sys.exit(main())
