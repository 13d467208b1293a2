#!/usr/bin/env bash
# torch 2.15.0 (torch.profiler). Seen on 2026-11-30, Python 3.11.7.
# Behaviour: a torch profile with with_stack=True takes the place of cProfile (sys.setprofile) and does not give it back:
# what runs within the torch profile and everything after it is missing in cProfile's statistics, without a word. A script
# under `python -m cProfile` that takes one short trace at its start is not profiled from there on, and its hot spots
# are those of its start. Without with_stack cProfile goes on.
# Seen: before True, within False, after False; with_stack=False: True, True, True.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env" && "$folder/env/bin/pip" install -q torch==2.15.0 numpy==2.4.6
"$folder/env/bin/python" - <<'PYTHON'
import cProfile
import pstats

from torch.profiler import ProfilerActivity, profile

def before():
    return sum(range(10))

def within():
    return sum(range(20))

def after():
    return sum(range(30))

def recorded(with_stack):
    python = cProfile.Profile()
    python.enable()
    before()
    with profile(activities=[ProfilerActivity.CPU], with_stack=with_stack):
        within()
    after()
    python.disable()
    names = {name for _, _, name in pstats.Stats(python).stats}
    return [function.__name__ in names for function in (before, within, after)]

plain, stacks = recorded(False), recorded(True)
print(f"before, within, after: with_stack=True {stacks}, with_stack=False {plain}")
assert stacks == [True, False, False] and plain == [True] * 3, "the behaviour has changed"
PYTHON
