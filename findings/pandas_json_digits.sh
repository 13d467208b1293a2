#!/usr/bin/env bash
# pandas 3.1.1. Seen on 2026-11-29, Python 3.11.7.
# Behaviour: to_json writes ten decimals (double_precision=10), not ten digits, so that times in seconds lose
# what matters: samples around 15 ns keep three digits, and a time below 50 ps is written as 0. read_json loses
# the rest: it parses the shortest exact text of a float into a neighbour of that float (precise_float=False).
# read_csv does not.
# Seen: 15 ns samples after to_json and read_json: none equal, up to 1.1 % off; exact text through read_json: 28
# % equal; through read_csv: 100 % equal.
# Remedy: json.dumps of the records, and read_json(..., precise_float=True) or another parser.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env" && "$folder/env/bin/pip" install -q pandas==3.1.1 numpy==2.4.6
"$folder/env/bin/python" - <<'PYTHON'
import io
import json

import numpy
import pandas

seconds = pandas.DataFrame({"seconds": numpy.random.default_rng(0).lognormal(-18, 0.3, 100_000)})
exact = json.dumps([{"seconds": value} for value in seconds["seconds"]])
written = pandas.read_json(io.StringIO(seconds.to_json(orient="records")))["seconds"]
parsed = pandas.read_json(io.StringIO(exact))["seconds"]
precise = pandas.read_json(io.StringIO(exact), precise_float=True)["seconds"]
table = pandas.read_csv(io.StringIO(seconds.to_csv(index=False)))["seconds"]
off = (written / seconds["seconds"] - 1).abs().max()
equal = [float((values == seconds["seconds"]).mean()) for values in (written, parsed, precise, table)]
print(f"to_json: off by up to {off:.2%}; equal: to_json {equal[0]:.0%}, read_json {equal[1]:.0%}, "
      f"precise_float {equal[2]:.0%}, read_csv {equal[3]:.0%}")
assert off > 0.01 and equal[0] < 0.01 and equal[1] < 0.5 and equal[2:] == [1.0, 1.0], "the behaviour has changed"
PYTHON
