"""Why a gate does not compare a case or a variant, in words."""

from __future__ import annotations

from harness.model import NotCompared

ONE_FILE = (
    "both sides measure head's files: import what only head has inside the benchmark or fixture that needs it, or give "
    "that benchmark a file"
)
"""What to do where base cannot measure what it has."""

_NOT_IN_FILE = f"base's revision has this {{}}, and not under head's file; {ONE_FILE}"

_TEXTS = {
    NotCompared.SKIPPED: "{reason}",
    NotCompared.FILE_SKIPPED: "head: {reason}",
    NotCompared.GONE: "base has it, head does not: gone or renamed?",
    NotCompared.HEAD_SKIPS: "head skips what base runs: {reason}",
    NotCompared.HEAD_CANNOT_RUN: "head cannot run what base runs: {reason}",
    NotCompared.CASE_NOT_UNDER_HEADS_FILE: _NOT_IN_FILE.format("case"),
    NotCompared.VARIANT_NOT_UNDER_HEADS_FILE: _NOT_IN_FILE.format("variant"),
    NotCompared.HEAD_FAILED: "head: {reason}",
    NotCompared.BASE_CANNOT_IMPORT: f"base cannot import this file: {{reason}}; {ONE_FILE}",
    NotCompared.BASE_CANNOT_RUN: "base cannot run what head runs: {reason}",
    NotCompared.SIDE_LOST: "{reason}",
    NotCompared.NEW_CASE: "base: {reason}",
    NotCompared.NEW_VARIANT: "base does not have this variant",
    NotCompared.SKIPPED_IN_BASE: "base's own revision skips it, too: {reason}",
    NotCompared.NOT_REACHED: "not reached",
    NotCompared.NOT_MEASURED: "not measured: the budget ended before it",
}


def not_compared_text(why: NotCompared, reason: str = "") -> str:
    """The reason of a verdict; ``reason`` is what a side reported."""
    return _TEXTS[why].format(reason=reason)
