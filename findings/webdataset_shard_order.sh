#!/usr/bin/env bash
# webdataset 1.0.2. Seen on 2026-11-29, Python 3.11.7.
# Behaviour: WebDataset(shards, shardshuffle=100) shuffles the shards once: every epoch of that object has the
# same order, and so has every epoch of a WebLoader around it, with workers that persist and with new ones. Only
# detshuffle=True gives each epoch an order of its own. shuffle() of samples does differ from epoch to epoch.
# Seen: six shards, four epochs: one order; with detshuffle=True several.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env" && "$folder/env/bin/pip" install -q webdataset==1.0.2 numpy==2.4.6
cd "$folder" && for shard in a b c d e f; do echo 1 >"$shard.txt"; tar cf "$shard.tar" "$shard.txt"; done
env/bin/python -W ignore - <<'PYTHON'
import webdataset

def orders(**more):
    data = webdataset.WebDataset([f"{name}.tar" for name in "abcdef"], shardshuffle=100, **more)
    return ["".join(sample["__key__"][-1] for sample in data) for _ in range(4)]

plain, deterministic = orders(), orders(detshuffle=True)
print(f"shardshuffle {plain}, with detshuffle {deterministic}")
assert len(set(plain)) == 1 and len(set(deterministic)) > 1, "the behaviour has changed"
PYTHON
