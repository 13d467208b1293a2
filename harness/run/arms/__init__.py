"""The arms of a gate: what each side is made of, made ready to be measured, and gone afterwards."""

from harness.run.arms.arm import BenchmarksRemoved, NothingChanged, NothingToCompare, Prepared, Wanted, variables_from
from harness.run.arms.checkout import Sources
from harness.run.arms.imported import check_packages, check_packages_and_benchmarks
from harness.run.arms.known import known_to_base
from harness.run.arms.unchanged import refuse_documents_alone
from harness.run.arms.workshop import Workshop

__all__ = [
    "BenchmarksRemoved",
    "NothingChanged",
    "NothingToCompare",
    "Prepared",
    "Sources",
    "Wanted",
    "Workshop",
    "check_packages",
    "check_packages_and_benchmarks",
    "known_to_base",
    "refuse_documents_alone",
    "variables_from",
]
