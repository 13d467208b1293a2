#!/usr/bin/env bash
# pandas 3.1.1. Seen on 2026-11-30, Python 3.11.7.
# Behaviour: the unit that pandas.to_timedelta(..., unit="us") stores depends on the values. Floats that all
# happen to be whole numbers are kept in microseconds, and one fraction among them makes it nanoseconds. The
# type of the numbers going in is the same, so `.astype("int64")` gives numbers 1,000 times apart: a file of
# durations with round values is read as a thousand times faster than the next one.
# Seen: [1.0, 2.0] becomes timedelta64[us] and 1 as a whole number, [1.0, 2.5] timedelta64[ns] and 1000.
# Remedy: `.astype("timedelta64[ns]")` before the whole numbers, or `.dt.total_seconds()`.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env" && "$folder/env/bin/pip" install -q pandas==3.1.1 numpy==2.4.6
"$folder/env/bin/python" - <<'PYTHON'
import pandas

def stored(values):
    durations = pandas.to_timedelta(pandas.Series(values, dtype="float64"), unit="us")
    return str(durations.dtype), int(durations.astype("int64")[0])

seen = stored([1.0, 2.0]), stored([1.0, 2.5])
print(*seen)
assert seen == (("timedelta64[us]", 1), ("timedelta64[ns]", 1000)), "the behaviour has changed"
PYTHON
