#!/usr/bin/env bash
# safetensors 0.8.0 with torch 2.15.0, Linux. Seen on 2026-11-30, Python 3.11.7.
# Behaviour: safetensors.torch.load_file reads nothing but the head of the file. Its tensors are views of a
# mapping, and the pages come in when somebody uses them: what is timed around load_file is not a load, and
# the disk is waited for in the first step instead. `del` of one tensor gives its pages back.
# Seen: a file of 191 MiB: 3 MiB more resident memory after load_file, 97 more after the sum of one of two
# tensors.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -q safetensors==0.8.0 torch==2.15.0 numpy==2.4.6 psutil==7.2.2
cd "$folder" && env/bin/python - <<'PYTHON'
import psutil
import torch
from safetensors.torch import load_file, save_file

def resident():
    return psutil.Process().memory_info().rss / 2**20

save_file({"first": torch.ones(25_000_000), "second": torch.ones(25_000_000)}, "weights.safetensors")
before = resident()
tensors = load_file("weights.safetensors")
loaded = resident()
tensors["first"].sum()
used = resident()
load, use = loaded - before, used - loaded
print(f"MiB more after load_file: {load:.0f}, after the sum of one of two tensors: {use:.0f}")
assert load < 20 and 80 < use < 120, "the behaviour has changed"
PYTHON
