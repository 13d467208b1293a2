#!/usr/bin/env bash
# torch 2.15.0 (torch.profiler). Seen on 2026-11-30, Python 3.11.7, Linux x86-64.
# Behaviour: in the trace that export_chrome_trace writes, a record_function whose name has a character outside ASCII (or
# a control character) is called "unknown", without a word; two such ranges cannot be told apart, and what sums a trace
# up by name (HTA, perfetto, a script) makes one of them. key_averages() has the names as they are. Quotes become single
# ones, a backslash becomes a slash.
# Seen: "load µs", "conv 3×3" and "größe": unknown, unknown, unknown; "plain" and all four rows of key_averages as given.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env" && "$folder/env/bin/pip" install -q torch==2.15.0 numpy==2.4.6
cd "$folder" && env/bin/python - <<'PYTHON'
import json
from pathlib import Path

import torch
from torch.profiler import ProfilerActivity, profile, record_function

names = ["load µs", "conv 3×3", "größe", "plain"]
with profile(activities=[ProfilerActivity.CPU]) as run:
    for name in names:
        with record_function(name):
            torch.ones(2)
run.export_chrome_trace("trace.json")
events = json.loads(Path("trace.json").read_text(encoding="utf-8"))["traceEvents"]
traced = [event["name"] for event in events if event.get("cat") == "user_annotation"]
averages = {row.key for row in run.key_averages()}
print(f"in the trace {traced}; in key_averages {[name in averages for name in names]}")
assert traced == ["unknown"] * 3 + ["plain"] and averages >= set(names), "the behaviour has changed"
PYTHON
