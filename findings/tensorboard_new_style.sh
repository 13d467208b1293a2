#!/usr/bin/env bash
# tensorboard 2.21.0 with torch 2.15.0 (SummaryWriter). Seen on 2026-11-30, Python 3.11.7.
# Behaviour: EventAccumulator, which scripts read logs with, keeps 10,000 points of each scalar by default.
# What add_scalar(..., new_style=True) writes ("for faster data loading") is a tensor to it, is missing
# among the scalars, and is thinned out to 10 points at random.
# Seen: 1,000 points each: 1,000 of the old style, 10 of the new.
# Remedy: EventAccumulator(path, size_guidance={"tensors": 0, "scalars": 0}).
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -q tensorboard==2.21.0 torch==2.15.0 numpy==2.4.6 setuptools==84.2.1
cd "$folder" && env/bin/python -W ignore - <<'PYTHON'
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch.utils.tensorboard import SummaryWriter

with SummaryWriter("log") as writer:
    for step in range(1000):
        writer.add_scalar("old", step, step)
        writer.add_scalar("new", step, step, new_style=True)
log = EventAccumulator("log").Reload()
whole = EventAccumulator("log", size_guidance={"tensors": 0}).Reload()
seen = log.Tags()["scalars"], len(log.Scalars("old")), len(log.Tensors("new")), len(whole.Tensors("new"))
print(seen)
assert seen == (["old"], 1000, 10, 1000), "the behaviour has changed"
PYTHON
