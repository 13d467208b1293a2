#!/usr/bin/env bash
# torch 2.14.1, torchvision 0.29.1. Seen on 2026-11-30, Python 3.11.7, Linux x86-64, also with torch 2.15.0.
# Behaviour: the first optimizer of a process, torch.optim.SGD as well, imports torch's compiler (torch._dynamo and
# torch._inductor with sympy), although nothing is compiled. A forward and a backward pass do not. Importing
# torchvision does so at once. In a benchmark the second or so that this takes falls into the first step of whichever
# variant happens to train without torchvision.
# Seen: 893 modules in 1.1 s; both passes False, an optimizer True, import torchvision True.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env" && "$folder/env/bin/pip" install -q torch==2.14.1 torchvision==0.29.1 numpy==2.4.6
"$folder/env/bin/python" - <<'PYTHON'
import subprocess
import sys
import time

import torch


def compiler():
    return "torch._dynamo" in sys.modules and "torch._inductor" in sys.modules


layer = torch.nn.Linear(4, 2)
torch.nn.functional.cross_entropy(layer(torch.rand(3, 4)), torch.tensor([0, 1, 0])).backward()
passes, modules, start = compiler(), len(sys.modules), time.perf_counter()
torch.optim.SGD(layer.parameters(), lr=0.1)
print(f"{len(sys.modules) - modules} modules in {time.perf_counter() - start:.1f} s")
alone = subprocess.run(
    [sys.executable, "-c", "import sys, torchvision; print('torch._dynamo' in sys.modules)"],
    capture_output=True, text=True, check=True,
).stdout.strip()
seen = {"both passes": passes, "an optimizer": compiler(), "import torchvision": alone}
print(seen)
assert seen == {"both passes": False, "an optimizer": True, "import torchvision": "True"}, "the behaviour has changed"
PYTHON
