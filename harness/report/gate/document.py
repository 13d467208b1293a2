"""A gate's result as plain JSON values and back: the saved form, and what ``--json`` writes."""

from __future__ import annotations

from typing import Any

from harness.model import GateResult, Side
from harness.report.gate.content import variables
from harness.store.codec import from_json, to_json


def document(result: GateResult) -> dict[str, Any]:
    """The result by the names of its fields, with ``schema`` first; what is not finite is None.

    Values of variables that are named like a secret are left out: such files are uploaded.
    """
    found = to_json(result)
    for name, arm in (("base", result.base), ("head", result.head)):
        found[name]["variables"] = variables(arm)
    return found


def result_from(document: object) -> GateResult:
    """The result that `document` wrote. Raises ValueError that names the field for anything else."""
    found = from_json(GateResult, document)
    if found.status > 255:
        raise ValueError(f"status {found.status} is not an exit status")
    for side, arm in ((found.base, Side.BASE), (found.head, Side.HEAD)):
        if side.arm is not arm:
            raise ValueError(f"{arm}.arm is not {arm}")
    return found
