"""Warnings about a measurement in words."""

from __future__ import annotations

from harness.model import CaseWarning, WarningCode


def warning_text(warning: CaseWarning) -> str:
    """A warning as the footnote of the rows that it concerns."""
    match warning.code:
        case WarningCode.NOT_TORN_DOWN:
            return f"{warning.subject} did not tidy up: {warning.detail}"
        case WarningCode.NO_READING:
            return f"no {warning.quantity} of {warning.subject}: {warning.detail}"
        case WarningCode.NO_SNAPSHOT:
            return f"no memory snapshot of {warning.subject}: {warning.detail}"
        case WarningCode.NOT_STEADY:
            return f"{warning.subject} was still getting faster after {warning.seconds:g} s of warming up"
        case WarningCode.NOT_RETRIED:
            return f"the variants that disagree were not tried again: {warning.detail}"
        case WarningCode.NOT_WATCHED | WarningCode.OTHER:
            return warning.detail
