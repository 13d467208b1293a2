#!/usr/bin/env bash
# pandas 3.1.1. Seen on 2026-11-29, Python 3.11.7.
# Behaviour: read_json turns the columns `real_time` and `cpu_time` of a benchmark's results into dates, because
# their names end in `_time` (keep_default_dates=True). It does so only where every number is above 31,536,000:
# the same suite has numbers or dates in that column, depending on its fastest benchmark. Google Benchmark
# writes nanoseconds under these names.
# Seen: fastest 25 ms: int64; fastest 45 ms: datetime64, 1971-06-05 20:00:00 for 45,000,000. Stating the
# column's type (dtype={"real_time": "float64"}) changes nothing. Remedy: dtype=False (convert_dates=False is
# deprecated in 3.1).
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env" && "$folder/env/bin/pip" install -q pandas==3.1.1
"$folder/env/bin/python" - <<'PYTHON'
import io
import json

import pandas

def kinds(fastest):
    rows = [{"name": "a", "real_time": fastest}, {"name": "b", "real_time": 9.1e7}]
    text = json.dumps(rows)
    stated = {"real_time": "float64"}
    read = [pandas.read_json(io.StringIO(text), dtype=dtype) for dtype in (None, stated, False)]
    return [table["real_time"].dtype.kind for table in read]

seen = {"fastest 25 ms": kinds(2.5e7), "fastest 45 ms": kinds(4.5e7)}
print(seen)
assert seen == {"fastest 25 ms": ["i", "i", "f"], "fastest 45 ms": ["M", "M", "f"]}, "the behaviour has changed"
PYTHON
