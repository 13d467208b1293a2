"""The two sides of a gate in words, and in what they differ beyond what is being compared."""

from __future__ import annotations

import re
from dataclasses import dataclass

from harness.model import GateResult, SideFacts
from harness.report.environment_diff import EnvironmentDifference, environment_diff
from harness.report.format import sanitize

DIGEST = 12
"""Characters shown of a package's digest."""

_OWN_CACHES = frozenset(
    {"TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR", "TORCH_EXTENSIONS_DIR", "CUDA_CACHE_PATH"}
)
_SECRET = re.compile(r"(KEY|TOKEN)S?(_|$)|SECRET|PASSW|CREDENTIAL", re.IGNORECASE)
_EXPECTED = frozenset({"git", "warnings"})
_PACKAGE = "packages."


@dataclass(frozen=True, slots=True)
class SideText:
    """A side in words; ``lines`` are pairs of a label and the words."""

    side: str
    label: str
    lines: tuple[tuple[str, str], ...]


def sides(result: GateResult) -> tuple[SideText, SideText]:
    """Both sides in words, base first."""
    return _side(result.base), _side(result.head)


def variables(side: SideFacts) -> dict[str, str]:
    """The variables of a side; the value of one that is named like a secret is not shown anywhere."""
    return {name: "(hidden)" if _SECRET.search(name) else value for name, value in side.variables.items()}


def differences(result: GateResult) -> list[EnvironmentDifference]:
    """What differs between the sides' environments beyond what has to: revisions, compile caches, stated
    variables.

    What only one side has comes last: an interpreter of another project may have a hundred packages more.
    """
    stated = {*result.base.variables, *result.head.variables, *_OWN_CACHES}
    found = [
        each
        for each in environment_diff([result.base.environment, result.head.environment], _EXPECTED)
        if not (each.name.startswith("variables.") and each.name.removeprefix("variables.") in stated)
    ]
    known = {each.name.removeprefix("software.") for each in found if each.name.startswith("software.")}
    once = [
        each
        for each in found
        if not (each.name.startswith(_PACKAGE) and each.name.removeprefix(_PACKAGE) in known)
    ]
    return sorted(once, key=lambda each: each.name.startswith(_PACKAGE) and "absent" in each.values)


def _side(side: SideFacts) -> SideText:
    lines = [("python", sanitize(side.python))] if side.python else []
    lines += [
        ("with", f"{sanitize(name, 100)}={sanitize(value, 100)}") for name, value in variables(side).items()
    ]
    for package in side.packages:
        where = (
            f"{sanitize(package.digest)[:DIGEST]}  {sanitize(package.file)}" if package.file else "not there"
        )
        lines.append((sanitize(package.name, 100), where))
    return SideText(str(side.side), sanitize(side.label), tuple(lines))
