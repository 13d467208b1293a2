#!/usr/bin/env bash
# scipy 1.17.1. Seen on 2026-11-30, Python 3.11.7.
# Behaviour: scipy.stats.brunnermunzel gives no p value where every value of one sample is above every value
# of the other: p is NaN (with a RuntimeWarning), and `p < 0.05` is false. The clearest of all regressions
# is the one that a gate built on it lets pass; where a single pair is the other way round, p is 0.00004.
# Seen: five against five, wholly apart: NaN; one pair reversed: 0.0000388.
# Remedy: scipy.stats.mannwhitneyu, which gives 0.0079.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env" && "$folder/env/bin/pip" install -q scipy==1.17.1 numpy==2.4.6
"$folder/env/bin/python" -W ignore - <<'PYTHON'
from math import isnan

from scipy.stats import brunnermunzel, mannwhitneyu

base = [1, 2, 3, 4, 5]
apart, nearly = [6, 7, 8, 9, 10], [4.5, 7, 8, 9, 10]
seen = [float(brunnermunzel(base, head).pvalue) for head in (apart, nearly)]
rank_sum = mannwhitneyu(base, apart).pvalue
print(f"apart: {seen[0]}, one pair reversed: {seen[1]:.7f}, mannwhitneyu: {rank_sum:.4f}")
assert isnan(seen[0]) and seen[1] < 0.001, "the behaviour has changed"
PYTHON
