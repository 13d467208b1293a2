#!/usr/bin/env bash
# torch 2.14.1 (torch.compile, Inductor's C++ code). Needs a C++ compiler. Seen on 2026-11-29, Python 3.11.7.
# Behaviour: torch.set_num_threads is one of the things that compiled code is guarded on. A benchmark over
# thread counts compiles once more for each new count, inside what it times if its warm-up used another one; a
# count that was seen before costs nothing. The default limit of 8 recompilations holds for thread counts as
# well.
# Seen: graphs compiled after calls with 2, 1, 2, 1 threads: 1, 2, 2, 2.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env" && "$folder/env/bin/pip" install -q torch==2.14.1 numpy==2.4.6 setuptools==84.2.1
cd "$folder" && cat >threads.py <<'PYTHON'
import torch
from torch._dynamo.utils import counters

@torch.compile
def compiled(x):
    return (x.sin() + 1).cos().sum()

seen = []
for threads in (2, 1, 2, 1):
    torch.set_num_threads(threads)
    compiled(torch.ones(1000, 1000))
    seen.append(counters["stats"]["unique_graphs"])
print(f"graphs after calls with 2, 1, 2, 1 threads: {seen}")
assert seen == [1, 2, 2, 2], "the behaviour has changed"
PYTHON
TORCHINDUCTOR_CACHE_DIR="$folder/cache" "$folder/env/bin/python" threads.py
