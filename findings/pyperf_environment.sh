#!/usr/bin/env bash
# pyperf 2.11.0. Seen on 2026-11-29, Python 3.11.7.
# Behaviour: pyperf measures in worker processes that get a few variables only (PATH, HOME, locale and the
# like). OMP_NUM_THREADS, MKL_NUM_THREADS or CUDA_VISIBLE_DEVICES that were set for the run do not reach what is
# measured, without a word: the parent has them, the workers have not.
# Seen: OMP_NUM_THREADS=1: the worker sees None; with --inherit-environ=OMP_NUM_THREADS it sees 1.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env" && "$folder/env/bin/pip" install -q pyperf==2.11.0
cd "$folder" && cat >bench.py <<'PYTHON'
import os

import pyperf

runner = pyperf.Runner(values=1, processes=1, warmups=1)
runner.metadata["threads"] = str(os.environ.get("OMP_NUM_THREADS"))
runner.bench_func("nothing", int)
PYTHON
export OMP_NUM_THREADS=1
env/bin/python bench.py --quiet -o plain.json
env/bin/python bench.py --quiet -o told.json --inherit-environ=OMP_NUM_THREADS
plain=$(env/bin/python -m pyperf metadata plain.json | sed -n 's/^- threads: //p')
told=$(env/bin/python -m pyperf metadata told.json | sed -n 's/^- threads: //p')
echo "plain: $plain; with --inherit-environ: $told"
[ "$plain" = None ] && [ "$told" = 1 ] || { echo "the behaviour has changed"; exit 1; }
