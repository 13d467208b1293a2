#!/usr/bin/env bash
# pandas 3.1.1. Seen on 2026-11-30, Python 3.11.7.
# Behaviour: to_json writes a column of timedeltas as whole milliseconds, cut off: everything below a millisecond becomes
# 0, and 1.999 ms becomes 1. date_unit, which is described for timestamps and ISO 8601 only, governs this as well, and
# nothing in the file tells which unit it was. A warning says that the default becomes ISO 8601, not that digits are lost.
# Seen: 1.5 us, 999 us, 1.999 ms: 0, 0, 1; with date_unit="ns" 1500, 999000, 1999000.
# Remedy: date_format="iso", which keeps all digits.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env" && "$folder/env/bin/pip" install -q pandas==3.1.1 numpy==2.4.6
"$folder/env/bin/python" -W ignore - <<'PYTHON'
import json

import pandas

frame = pandas.DataFrame({"took": pandas.to_timedelta([1_500, 999_000, 1_999_000], unit="ns")})

def written(**options):
    return list(json.loads(frame.to_json(**options))["took"].values())

default, whole = written(), written(date_unit="ns")
texts = [pandas.Timedelta(text).value for text in written(date_format="iso")]
print(f"default {default}, date_unit='ns' {whole}, date_format='iso' in ns {texts}")
assert default == [0, 0, 1] and texts == whole == [1_500, 999_000, 1_999_000], "the behaviour has changed"
PYTHON
