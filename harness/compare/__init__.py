"""Measurements -> Comparison -> Verdict: every rule of judgement, and nothing else.

`evidence` turns records into numbers, `rules` judges numbers, `verdict` puts both into words for each variant.
"""

from harness.compare.evidence import units
from harness.compare.rules import Thresholds
from harness.compare.verdict import comparison, verdicts

__all__ = ["Thresholds", "comparison", "units", "verdicts"]
