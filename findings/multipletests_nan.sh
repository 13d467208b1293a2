#!/usr/bin/env bash
# statsmodels 0.15.0. Seen on 2026-11-30, Python 3.11.7.
# Behaviour: one p value that is NaN (brunnermunzel of samples that are wholly apart, a test of equal samples) changes
# what multipletests says of the others, by the method: with fdr_bh, fdr_by and simes-hochberg `reject` is right and all
# corrected p values are NaN, so that `corrected < 0.05` finds nothing; with hommel `reject` is false for all as well;
# with holm and bonferroni the NaN alone is NaN and counts as one more test. No warning. scipy's
# false_discovery_control raises a ValueError. An open issue of 2016 (statsmodels #2899) has the first of these.
# Seen: 0.001, 0.01, NaN, 0.5: `reject` and `corrected < 0.05` find 2 and 0 by fdr_bh, 0 and 0 by hommel, 2 and 2 by holm.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env" && "$folder/env/bin/pip" install -q statsmodels==0.15.0 scipy==1.17.1 pandas==3.1.1 numpy==2.4.6
"$folder/env/bin/python" - <<'PYTHON'
from statsmodels.stats.multitest import multipletests

def rejected(values, method):
    reject, corrected, *_ = multipletests(values, alpha=0.05, method=method)
    return int(reject.sum()), int((corrected < 0.05).sum())

methods = ("fdr_bh", "hommel", "holm")
hole = [rejected([0.001, 0.01, float("nan"), 0.5], method) for method in methods]
whole = [rejected([0.001, 0.01, 0.5], method) for method in methods]
print(f"rejected, {', '.join(methods)}: with a NaN {hole}, without it {whole}")
assert hole == [(2, 0), (0, 0), (2, 2)] and whole == [(2, 2)] * 3, "the behaviour has changed"
PYTHON
