#!/usr/bin/env bash
# spdl-core 0.8.0. Seen on 2026-11-29, Python 3.11.7.
# Behaviour: a pipe stage with concurrency above 1 hands items on as they are completed
# (output_order="completion"), where DataLoader's workers keep the order of the sampler. The order of samples
# changes from run to run, and comparing a loader's batches one by one with another's fails.
# Seen: item 0 takes 0.3 s, the others nothing: item 0 comes last; with output_order="input" it comes first.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env" && "$folder/env/bin/pip" install -q spdl-core==0.8.0
"$folder/env/bin/python" - <<'PYTHON'
import time

from spdl.pipeline import PipelineBuilder

def slow_first(item):
    time.sleep(0.3 if item == 0 else 0)
    return item

def order(**more):
    stages = PipelineBuilder().add_source(range(6)).pipe(slow_first, concurrency=3, **more).add_sink(10)
    pipeline = stages.build(num_threads=3)
    with pipeline.auto_stop():
        return list(pipeline)

default, kept = order(), order(output_order="input")
print(f"default {default}, output_order='input' {kept}")
assert default[0] != 0 and sorted(default) == kept == list(range(6)), "the behaviour has changed"
PYTHON
