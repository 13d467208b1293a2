#!/usr/bin/env bash
# torchdata 0.11.0 (torchdata.nodes), torch 2.14.1. Seen on 2026-11-29, Python 3.11.7.
# Behaviour: nodes.Batcher leaves out the last, smaller batch unless drop_last=False; torch's DataLoader keeps
# it unless drop_last=True. A loop that is moved from one to the other trains on fewer samples, and an epoch is
# shorter by up to a batch.
# Seen: ten samples in fours: Batcher 4, 4; DataLoader 4, 4, 2.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env" && "$folder/env/bin/pip" install -q torch==2.14.1 torchdata==0.11.0 numpy==2.4.6
"$folder/env/bin/python" -W ignore - <<'PYTHON'
import torchdata.nodes as nodes
from torch.utils.data import DataLoader

batcher = [len(batch) for batch in nodes.Loader(nodes.Batcher(nodes.IterableWrapper(range(10)), batch_size=4))]
loader = [len(batch) for batch in DataLoader(range(10), batch_size=4)]
print(f"Batcher {batcher}, DataLoader {loader}")
assert batcher == [4, 4] and loader == [4, 4, 2], "the behaviour has changed"
PYTHON
