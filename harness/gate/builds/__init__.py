"""The sides of a gate: what each side is made of, made ready to be measured, and gone afterwards."""

from harness.gate.builds.check_imports import check_packages, check_packages_and_benchmarks
from harness.gate.builds.checkout import BothSources
from harness.gate.builds.known import known_to_base
from harness.gate.builds.side import (
    BenchmarksRemoved,
    NothingChanged,
    NothingToCompare,
    SideEnv,
    SideSpec,
    variables_from,
)
from harness.gate.builds.unchanged import refuse_documents_alone
from harness.gate.builds.workshop import Builder

__all__ = [
    "BenchmarksRemoved",
    "BothSources",
    "Builder",
    "NothingChanged",
    "NothingToCompare",
    "SideEnv",
    "SideSpec",
    "check_packages",
    "check_packages_and_benchmarks",
    "known_to_base",
    "refuse_documents_alone",
    "variables_from",
]
