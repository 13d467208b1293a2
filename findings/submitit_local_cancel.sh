#!/usr/bin/env bash
# submitit 1.5.4. Seen on 2026-11-30, Python 3.11.7.
# Behaviour: cancel() of the local executor's jobs sends SIGINT, and SIGKILL a second later. A job that needs longer
# to end (to write its last records, to end its own processes) is killed on the way. SIGTERM to the process whose
# number is the job's id is passed on and leaves it its time, but submitit's wrapper ignores it unless the job handles it.
# Seen: a job that needs three seconds to end has begun its clean-up and not finished it.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env" && "$folder/env/bin/pip" install -q submitit==1.5.4
cd "$folder" && cat >jobs.py <<'PYTHON'
import time
from pathlib import Path

import submitit

def job():
    try:
        Path("began").touch()
        time.sleep(60)
    finally:
        Path("cleaning").touch()
        time.sleep(3)
        Path("cleaned").touch()

executor = submitit.LocalExecutor(folder="logs")
executor.update_parameters(timeout_min=2)
found = executor.submit(job)
while not Path("began").exists():
    time.sleep(0.1)
found.cancel()
while not found.done():
    time.sleep(0.1)
time.sleep(4)
print("clean-up begun:", Path("cleaning").exists(), " finished:", Path("cleaned").exists())
assert Path("cleaning").exists() and not Path("cleaned").exists(), "the behaviour has changed"
PYTHON
env/bin/python jobs.py
