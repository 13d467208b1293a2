#!/usr/bin/env bash
# torch 2.15.0 (torch.profiler). Seen on 2026-11-30, Python 3.11.7, Linux x86-64.
# Behaviour: profile.add_metadata(key, value) takes any string and writes it between quotes as it is: with a quote in it
# (a command line, a configuration) the whole trace is no JSON any more, which is noticed when somebody opens it.
# add_metadata_json takes JSON and turns its backslashes into slashes, so that valid JSON with a quote within a string
# breaks the trace as well. Names of ranges with quotes do no harm.
# Seen: "batch 8" and {"batch": 8} are read back; 'name "fast"' is a JSONDecodeError both ways.
# Remedy: no quotes and no backslashes in what is added.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env" && "$folder/env/bin/pip" install -q torch==2.15.0 numpy==2.4.6
cd "$folder" && env/bin/python - <<'PYTHON'
import json
from pathlib import Path

import torch
from torch.profiler import ProfilerActivity, profile

def read_back(method, value):
    with profile(activities=[ProfilerActivity.CPU]) as run:
        torch.ones(2)
        getattr(run, method)("note", value)
    run.export_chrome_trace("trace.json")
    try:
        return json.loads(Path("trace.json").read_text(encoding="utf-8"))["note"]
    except json.JSONDecodeError:
        return "no JSON"

quoted = 'name "fast"'
plain, broken = read_back("add_metadata", "batch 8"), read_back("add_metadata", quoted)
table, escaped = (read_back("add_metadata_json", json.dumps(value)) for value in ({"batch": 8}, quoted))
print(f"plain {plain!r}, quoted {broken!r}; as JSON: table {table!r}, quoted {escaped!r}")
assert (plain, table) == ("batch 8", {"batch": 8}) and broken == escaped == "no JSON", "the behaviour has changed"
PYTHON
