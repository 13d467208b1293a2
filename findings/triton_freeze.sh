#!/usr/bin/env bash
# triton 3.9.0. Seen on 2026-11-29, Python 3.11.7, Linux x86-64, no GPU.
# Behaviour: a process that imports Triton's compiler module and calls `gc.freeze()`, as is advised before a fork and
# before timing, reports leaked instances, types and functions when it ends: nanobind counts what is still alive, and
# Python's last collection leaves frozen objects out. The exit status is 0. `gc.unfreeze()` before the end, for example
# by `atexit`, silences it.
# Seen: 0 lines on stderr without `gc.freeze()`, 30 with it ("nanobind: leaked 4 instances!", "leaked 64 types!",
# "leaked 514 functions!"), 0 with `gc.unfreeze()` at exit.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env" && "$folder/env/bin/pip" install -q triton==3.9.0
lines() {
  "$folder/env/bin/python" -c "$1" 2>&1 | wc -l
}
plain=$(lines "import triton._C.libtriton")
frozen=$(lines "import gc, triton._C.libtriton; gc.freeze()")
undone=$(lines "import atexit, gc, triton._C.libtriton; gc.freeze(); atexit.register(gc.unfreeze)")
echo "plain: $plain lines; frozen: $frozen; frozen until exit: $undone"
[ "$plain" = 0 ] && [ "$frozen" -gt 0 ] && [ "$undone" = 0 ] || {
  echo "the behaviour has changed"
  exit 1
}
