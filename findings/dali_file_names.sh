#!/usr/bin/env bash
# nvidia-dali-cuda130 2.4.0. Seen on 2026-11-30, Python 3.11.7, on the CPU.
# Behaviour: fn.readers.file takes names that are UTF-8 alone. A name with another byte, which Linux allows and
# os.listdir gives as a surrogate escape, is "Unsupported argument type with name files", without the name; as
# bytes it is turned into the text of a literal, and no such file is found. fn.io.file.read reads the same file.
# Seen: RuntimeError for the name as a str, RuntimeError for it as bytes; fn.io.file.read gives the file's bytes.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env" && "$folder/env/bin/pip" install -q nvidia-dali-cuda130==2.4.0 numpy==2.4.6
"$folder/env/bin/python" - "$folder" <<'PYTHON'
import os
import sys

import numpy as np
from nvidia.dali import fn, pipeline_def

name = os.fsencode(sys.argv[1]) + b"/caf\xe9.bin"
with open(name, "wb") as file:
    file.write(b"seven!!")


@pipeline_def(batch_size=1, num_threads=1, device_id=None)
def listed(files):
    return fn.readers.file(files=files)[0]


@pipeline_def(batch_size=1, num_threads=1, device_id=None)
def by_bytes():
    return fn.io.file.read(fn.external_source(lambda: [np.frombuffer(name, dtype=np.uint8)]))


def outcome(pipeline):
    try:
        pipeline.build()
        return bytes(np.asarray(pipeline.run()[0].at(0)))
    except RuntimeError as error:
        return str(error).splitlines()[0]


def attempt(make):
    try:
        return outcome(make())
    except RuntimeError as error:
        return str(error).splitlines()[0]


text, raw, read = attempt(lambda: listed([os.fsdecode(name)])), attempt(lambda: listed([name])), attempt(by_bytes)
print(f"as str: {text}\nas bytes: {raw}\nio.file.read: {read}")
assert "Unsupported argument type" in text and "Critical error" in raw and read == b"seven!!", "the behaviour has changed"
PYTHON
