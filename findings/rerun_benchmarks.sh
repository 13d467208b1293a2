#!/usr/bin/env bash
# pytest-benchmark 5.3.1 with pytest-rerunfailures 16.7. Seen on 2026-11-30, Python 3.11.7.
# Behaviour: a benchmark that fails on an assertion and is run again is written twice, both with the same
# fullname, and --benchmark-compare-fail judges both. A test that bounds its own time and is run again where
# the machine was busy passes, and the attempt that was thrown away fails the session: reruns make a gate no
# calmer.
# Seen: 1 passed, 1 rerun; two entries called test_busy.py::test_sleep; exit status 1, "Performance has
# regressed".
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -q pytest==9.2.0 pytest-benchmark==5.3.1 pytest-rerunfailures==16.7
cd "$folder" && cat >test_busy.py <<'PYTHON'
import os
import time

attempts = []

def test_sleep(benchmark):
    attempts.append(1)
    busy = "BUSY" in os.environ and len(attempts) == 1
    benchmark.pedantic(time.sleep, args=(2.0 if busy else 0.1,), rounds=1)
    assert benchmark.stats.stats.min < 1.0
PYTHON
run() { env/bin/python -m pytest -q test_busy.py --reruns 1 "$@"; }
run --benchmark-save=base >base.txt
status=0
BUSY=1 run --benchmark-compare=0001 --benchmark-compare-fail=min:500% --benchmark-json=head.json \
    >head.txt 2>&1 || status=$?
list="import json; print(*[one['fullname'] for one in json.load(open('head.json'))['benchmarks']])"
names=$(env/bin/python -c "$list")
echo "status $status, entries: $names"; grep -E "passed|regressed:" head.txt || true
[ "$names" = "test_busy.py::test_sleep test_busy.py::test_sleep" ] && [ "$status" = 1 ] &&
    grep -q "Performance has regressed" head.txt
