#!/usr/bin/env bash
# duckdb 2.0.1. Seen on 2026-11-29, Python 3.11.7.
# Behaviour: read_json takes a column's type from the first 20,480 rows. Where these hold whole numbers only and
# a later row has a fraction, the fraction is rounded (half to even) into BIGINT without an error or a warning.
# A counter-like metric of a long record, or seconds written by a tool that prints 1 for 1.0, is changed in
# silence.
# Seen: 30,000 rows of 1, then 1.5 and 2.5: read as 2 and 2. polars 2.1.0 raises on the same file.
# Remedy: sample_size=-1, or columns={...}.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env" && "$folder/env/bin/pip" install -q duckdb==2.0.1
cd "$folder" && env/bin/python - <<'PYTHON'
from pathlib import Path

import duckdb

Path("rows.jsonl").write_text('{"seconds": 1}\n' * 30_000 + '{"seconds": 1.5}\n{"seconds": 2.5}\n')

def last(options=""):
    rows = duckdb.sql(f"select seconds from read_json('rows.jsonl'{options})").fetchall()
    return [row[0] for row in rows[-2:]]

default, whole = last(), last(", sample_size=-1")
print(f"default {default}, sample_size=-1 {whole}")
assert default == [2, 2] and whole == [1.5, 2.5], "the behaviour has changed"
PYTHON
