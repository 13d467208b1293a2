#!/usr/bin/env bash
# torch 2.14.1 (torch.profiler). Seen on 2026-11-29, Python 3.11.7, also with torch 2.15.0.
# Behaviour: a profile on the CPU has the operators of the thread that started it and of no other Python thread,
# neither of one that was there before nor of one that starts while the profile runs. Loaders that decode in
# threads (prefetch_generator, SPDL, a ThreadPoolExecutor) are invisible, and a step that waits for them looks
# like idle time.
# Seen: main thread True, thread from before False, thread started within False.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env" && "$folder/env/bin/pip" install -q torch==2.14.1 numpy==2.4.6
KINETO_LOG_LEVEL=6 "$folder/env/bin/python" - <<'PYTHON'
from concurrent.futures import ThreadPoolExecutor
from threading import Thread

import torch
from torch.profiler import ProfilerActivity, profile

matrix = torch.rand(50, 50)
with ThreadPoolExecutor(1) as pool:
    pool.submit(torch.trace, matrix).result()  # its thread is there before the profile
    with profile(activities=[ProfilerActivity.CPU]) as profiled:
        torch.mm(matrix, matrix)
        pool.submit(torch.linalg.qr, matrix).result()
        within = Thread(target=torch.linalg.svd, args=(matrix,))
        within.start()
        within.join()
names = " ".join(event.key for event in profiled.key_averages())
seen = {"main thread": "aten::mm" in names, "from before": "qr" in names, "started within": "svd" in names}
print(seen)
assert seen == {"main thread": True, "from before": False, "started within": False}, "the behaviour has changed"
PYTHON
