"""Warnings about a measurement in words."""

from __future__ import annotations

import pytest

from harness.model import CaseWarning, WarningCode
from harness.report.warning_text import warning_text


@pytest.mark.parametrize("code", WarningCode)
def test_every_code_has_words(code: WarningCode) -> None:
    """No code prints its own name, and the detail, the seconds or the variant are in the words."""
    words = warning_text(CaseWarning(code, "tip", "OSError: boom", "joules", 2.5))
    assert any(part in words for part in ("OSError: boom", "2.5 s", "tip"))
    assert code.value not in words.replace("OSError: boom", "")
