"""Measurements -> Comparison -> Verdict: every rule of judgement, and nothing else.

`evidence` turns records into numbers, `units` says which of them count, `rules` judges them, and `verdict`
puts both together for each variant. Every judge returns a `Comparison` with its outcome beside it.
"""

from harness.judge.rules import Thresholds
from harness.judge.verdict import comparison, verdicts

__all__ = ["Thresholds", "comparison", "verdicts"]
