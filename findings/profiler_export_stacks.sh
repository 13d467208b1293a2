#!/usr/bin/env bash
# torch 2.14.1 (torch.profiler). Seen on 2026-11-29, Python 3.11.7, also with torch 2.15.0.
# Behaviour: profile(with_stack=True).export_stacks(file) writes an empty file and raises nothing. The stacks
# are there only with the private experimental_config=torch._C._profiler._ExperimentalConfig(verbose=True).
# Seen: 0 bytes without it, about 5,000 with it.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env" && "$folder/env/bin/pip" install -q torch==2.14.1 numpy==2.4.6
cd "$folder" && KINETO_LOG_LEVEL=6 "$folder/env/bin/python" - <<'PYTHON'
from pathlib import Path

import torch
from torch.profiler import ProfilerActivity, profile

def size(**more):
    with profile(activities=[ProfilerActivity.CPU], with_stack=True, **more) as profiled:
        torch.mm(torch.ones(99, 99), torch.ones(99, 99))
    profiled.export_stacks("stacks.txt", "self_cpu_time_total")
    return Path("stacks.txt").stat().st_size

plain, verbose = size(), size(experimental_config=torch._C._profiler._ExperimentalConfig(verbose=True))
print(f"with_stack: {plain} bytes; verbose: {verbose} bytes")
assert plain == 0 and verbose > 0, "the behaviour has changed"
PYTHON
