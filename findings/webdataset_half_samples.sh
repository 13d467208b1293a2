#!/usr/bin/env bash
# webdataset 1.0.2. Seen on 2026-11-29, Python 3.11.7.
# Behaviour: the files of a sample must be neighbours in the tar. Where all images come first and all labels
# after them (`tar cf shard.tar *.jpg *.cls`), each file becomes a sample of its own: twice as many samples as
# there are, each half of one, without an error until a label is asked for; a handler that skips errors then
# leaves no sample at all.
# Seen: five samples become ten; with to_tuple(..., handler=ignore_and_continue) none.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env" && "$folder/env/bin/pip" install -q webdataset==1.0.2 numpy==2.4.6
cd "$folder" && for number in 0 1 2 3 4; do echo "$number" >"$number.txt"; echo "$number" >"$number.cls"; done
tar cf apart.tar ./*.txt ./*.cls
tar cf together.tar $(ls ./*.txt ./*.cls | sort)
env/bin/python -W ignore - <<'PYTHON'
import webdataset

def samples(shard):
    return webdataset.WebDataset(shard, shardshuffle=False)

def pairs(shard):
    return samples(shard).to_tuple("txt", "cls", handler=webdataset.ignore_and_continue)

seen = {shard: (len(list(samples(shard))), len(list(pairs(shard)))) for shard in ("together.tar", "apart.tar")}
print(seen)
assert seen == {"together.tar": (5, 5), "apart.tar": (10, 0)}, "the behaviour has changed"
PYTHON
