#!/usr/bin/env bash
# torch 2.15.0 (DataLoader). Seen on 2026-11-30, Python 3.11.7.
# Behaviour: with persistent_workers=True, torch.initial_seed() and get_worker_info().seed are in every epoch what they
# were in the first. An IterableDataset that shuffles with a generator of its own, seeded by either of them in __iter__,
# has a new order in each epoch with workers that are started anew, and one order for ever with workers that persist: an
# option for speed changes what is trained on. The global generators do go on from epoch to epoch.
# Seen: orders of four epochs with new workers: 4, with workers that persist: 1; from torch's global generator 4 and 4.
# Remedy: seed it by torch.randint(2**62, ()), which draws from the global generator.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env" && "$folder/env/bin/pip" install -q torch==2.15.0 numpy==2.4.6
"$folder/env/bin/python" - <<'PYTHON'
import random

import torch
from torch.utils.data import DataLoader, IterableDataset

class Shuffled(IterableDataset):
    def __init__(self, seed):
        self.seed = seed

    def __iter__(self):
        items = list(range(20))
        random.Random(self.seed()).shuffle(items)
        return iter(items)

def drawn():
    return int(torch.randint(2**62, ()))

def orders(seed, persistent):
    loader = DataLoader(Shuffled(seed), num_workers=1, batch_size=None, persistent_workers=persistent)
    return len({tuple(loader) for _ in range(4)})

fresh, persistent = orders(torch.initial_seed, False), orders(torch.initial_seed, True)
others = orders(drawn, False), orders(drawn, True)
print(f"orders of four epochs: new workers {fresh}, persistent {persistent}; from the global generator {others}")
assert (fresh, persistent, others) == (4, 1, (4, 4)), "the behaviour has changed"
PYTHON
