#!/usr/bin/env bash
# submitit 1.5.4. Seen on 2026-11-29, Python 3.11.7.
# Behaviour: the local executor takes slurm_array_parallelism and does not keep to it: all jobs of an array
# start at once. Benchmarks that were tried out with cluster="local" before they go to Slurm disturb each other.
# Seen: four jobs of 1.5 s with slurm_array_parallelism=1: each begins before the one before it has ended.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env" && "$folder/env/bin/pip" install -q submitit==1.5.4
cd "$folder" && cat >jobs.py <<'PYTHON'
import time

import submitit

def job(number):
    begin = time.time()
    time.sleep(1.5)
    return begin, time.time()

executor = submitit.AutoExecutor(folder="logs", cluster="local")
executor.update_parameters(slurm_array_parallelism=1, timeout_min=2)
spans = sorted(job.result() for job in executor.map_array(job, range(4)))
overlapping = sum(after[0] < before[1] for before, after in zip(spans, spans[1:]))
print(f"{overlapping} of 3 jobs began before the one before them had ended")
assert overlapping > 0, "the behaviour has changed"
PYTHON
env/bin/python jobs.py
