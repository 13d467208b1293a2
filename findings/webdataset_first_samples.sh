#!/usr/bin/env bash
# webdataset 1.0.2. Seen on 2026-11-29, Python 3.11.7.
# Behaviour: shuffle(1000) begins to hand out samples when it holds 100 (initial=100), so that the first sample
# is always one of the first hundred, and the beginning of an epoch is mixed less than its end. A short epoch,
# as benchmarks have them, sees nearly the order of the files.
# Seen: first sample of 300 epochs over 1,000 samples: never beyond the first 100; with initial=1000 nearly
# anywhere.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env" && "$folder/env/bin/pip" install -q webdataset==1.0.2 numpy==2.4.6
cd "$folder" && mkdir samples && for number in $(seq -w 0 999); do echo 1 >"samples/$number.txt"; done
tar cf shard.tar -C samples $(ls samples)
env/bin/python -W ignore - <<'PYTHON'
import webdataset

def latest(**more):
    data = webdataset.WebDataset("shard.tar", shardshuffle=False).shuffle(1000, **more)
    return max(int(next(iter(data))["__key__"]) for _ in range(300))

default, filled = latest(), latest(initial=1000)
print(f"latest first sample of 300 epochs: {default}; with initial=1000: {filled}")
assert default < 100 < filled, "the behaviour has changed"
PYTHON
