#!/usr/bin/env bash
# scipy 1.17.1. Seen on 2026-11-29, Python 3.11.7.
# Behaviour: scipy.stats.mstats.trimmed_mean_ci and trimmed_stde take limits of 0 (trim nothing), which would be Student's
# interval, as their check of the limits allows, and raise UnboundLocalError: "cannot access local variable 'lowidx'".
# Seen: limits (0.2, 0.2) give an interval, (0.0, 0.0) raises.
# Remedy: scipy.stats.ttest_1samp(values, 0).confidence_interval() where nothing is to be trimmed.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env" && "$folder/env/bin/pip" install -q scipy==1.17.1 numpy==2.4.6
"$folder/env/bin/python" - <<'PYTHON'
from scipy.stats import mstats

values = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
print("limits 0.2:", tuple(map(float, mstats.trimmed_mean_ci(values, limits=(0.2, 0.2)))))
try:
    mstats.trimmed_mean_ci(values, limits=(0.0, 0.0))
except UnboundLocalError as error:
    print("limits 0.0:", error)
else:
    raise AssertionError("the behaviour has changed")
PYTHON
