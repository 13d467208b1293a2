#!/usr/bin/env bash
# webdataset 1.0.2. Seen on 2026-11-30, Python 3.11.7.
# Behaviour: a key ends at its first dot. TarWriter writes keys with dots as they are and WebDataset reads
# all that begin alike as one sample: the frames of a video that are called frame.000, frame.001, ... become
# a single sample, whose fields are called 000.txt, 001.txt, ... A dot in a folder's name does no harm.
# Seen: three samples frame.000 to frame.002 are read as one, called "frame"; as frame-000 they are three.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env" && "$folder/env/bin/pip" install -q webdataset==1.0.2 numpy==2.4.6
cd "$folder" && env/bin/python -W ignore - <<'PYTHON'
import webdataset

def written_and_read(pattern):
    with webdataset.TarWriter("shard.tar") as writer:
        for number in range(3):
            writer.write({"__key__": pattern % number, "txt": str(number), "cls": number})
    return [sample["__key__"] for sample in webdataset.WebDataset("shard.tar", shardshuffle=False)]

seen = written_and_read("frame-%03d"), written_and_read("frame.%03d"), written_and_read("v1.5/%03d")
print(*seen, sep="\n")
expected = ["frame-000", "frame-001", "frame-002"], ["frame"], ["v1.5/000", "v1.5/001", "v1.5/002"]
assert seen == expected, "the behaviour has changed"
PYTHON
