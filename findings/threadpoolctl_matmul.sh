#!/usr/bin/env bash
# threadpoolctl 3.8.0 with torch 2.15.0 (x86-64, MKL inside torch). Needs two cores. Seen on 2026-11-30,
# Python 3.11.7.
# Behaviour: threadpool_limits(1) limits the OpenMP library that torch brings, and torch.get_num_threads()
# says 1. But MKL is linked into torch, where threadpoolctl does not find it: once torch.set_num_threads(2)
# was called, matrix products go on with two threads within the limit, and what is compared "with one
# thread" is not. Without that call the limit holds.
# Seen: process time over thread time of products of 700 x 700: 1.0 within the limit, 2.1 within it after
# set_num_threads(2), both with get_num_threads() = 1; 1.0 after set_num_threads(1).
# Remedy: torch.set_num_threads(1).
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -q torch==2.15.0 threadpoolctl==3.8.0 numpy==2.4.6
cd "$folder" && env/bin/python - <<'PYTHON'
import time

import torch
from threadpoolctl import threadpool_limits

x = torch.randn(700, 700)

def threads():
    x @ x
    thread, process = time.thread_time(), time.process_time()
    for _ in range(40):
        x @ x
    return torch.get_num_threads(), (time.process_time() - process) / (time.thread_time() - thread)

fresh = {}
with threadpool_limits(1):
    fresh["limited, nothing set"] = threads()
torch.set_num_threads(2)
with threadpool_limits(1):
    fresh["set to 2, limited"] = threads()
torch.set_num_threads(1)
fresh["set to 1"] = threads()
for name, (said, used) in fresh.items():
    print(f"{name}: get_num_threads() {said}, threads by CPU time {used:.1f}")
said, used = fresh["set to 2, limited"]
assert said == 1 and used > 1.5 and fresh["set to 1"][1] < 1.3, "the behaviour has changed"
PYTHON
