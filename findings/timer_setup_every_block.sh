#!/usr/bin/env bash
# torch 2.14.1 (torch.utils.benchmark). Seen on 2026-11-29, Python 3.11.7, also with torch 2.15.0.
# Behaviour: Timer runs `setup` again for every block, twice for one timeit(), and about three times as often as
# there are measured blocks in blocked_autorange(). An expensive setup costs minutes that min_run_time does not
# count, and inputs that setup draws at random differ from block to block.
# Seen: timeit(100): 2 runs; blocked_autorange(min_run_time=0.2): 15 runs for 5 blocks of 10,000.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env" && "$folder/env/bin/pip" install -q torch==2.14.1 numpy==2.4.6
"$folder/env/bin/python" - <<'PYTHON'
import torch
from torch.utils.benchmark import Timer

runs = []
timer = Timer("x.add(1)", setup="runs.append(1)", globals={"x": torch.ones(10), "runs": runs})
timer.timeit(100)
once = len(runs)
runs.clear()
blocks = len(timer.blocked_autorange(min_run_time=0.2).raw_times)
print(f"timeit(100): {once} runs of setup; blocked_autorange: {len(runs)} runs for {blocks} blocks")
assert once == 2 and len(runs) > blocks, "the behaviour has changed"
PYTHON
