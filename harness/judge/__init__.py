"""Measurements -> Comparison -> Verdict: every rule of judgement, and nothing else.

`evidence` turns records into numbers, `rules` judges numbers, `verdict` puts both into words for each variant.
"""

from harness.judge.evidence import units
from harness.judge.rules import Thresholds
from harness.judge.verdict import comparison, verdicts

__all__ = ["Thresholds", "comparison", "units", "verdicts"]
