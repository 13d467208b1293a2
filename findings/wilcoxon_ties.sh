#!/usr/bin/env bash
# scipy 1.17.1. Seen on 2026-11-29, Python 3.11.7.
# Behaviour: scipy.stats.wilcoxon gives the exact p value of up to 50 differences, but where two of them are
# equal or one is zero it does so for 13 at most. With one tie more data is weaker evidence: 13 differences, all
# positive, give 0.00024, 14 give 0.00098, eight times the exact 0.00012, by the normal approximation, without a
# word. Timers with coarse steps tie.
# Seen: 13 with a tie 0.000244, 14 with a tie 0.000979, 14 without 0.000122.
# Remedy: method="exact" (conditional on the ranks as they are), or method=scipy.stats.PermutationMethod().
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env" && "$folder/env/bin/pip" install -q scipy==1.17.1 numpy==2.4.6
"$folder/env/bin/python" - <<'PYTHON'
from scipy.stats import wilcoxon

def p(*differences):
    return float(wilcoxon(differences).pvalue)

seen = p(1, *range(1, 13)), p(1, *range(1, 14)), p(*range(1, 15))
print(f"13 with a tie {seen[0]:.6f}, 14 with a tie {seen[1]:.6f}, 14 without {seen[2]:.6f}")
assert seen[0] == 2**-12 and seen[2] == 2**-13 and seen[1] > 4 * seen[2], "the behaviour has changed"
PYTHON
