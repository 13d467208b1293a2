"""The claims on the pages about writing one: they are read, and run, as they stand."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import torch

from harness.claims.file import read_file
from tests.support.living import ROOT


@pytest.mark.parametrize("page", ["README.md", "docs/YOUR_CLAIMS.md"])
def test_the_claim_of_a_page_runs(page: str, tmp_path: Path) -> None:
    """It is found with its name and sentence, and in both cases its variants agree."""
    text = (ROOT / page).read_text(encoding="utf-8")
    (code,) = (block for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL) if "bench_" in block)
    file = tmp_path / "bench_add.py"
    file.write_text(code, encoding="utf-8")
    (found,) = read_file(file, tmp_path)
    assert (found.name, found.sentence) == ("A1", "Adding in place is faster.")
    names: dict[str, Any] = {}
    exec(code, names)
    (mark,) = names["bench_add"].pytestmark
    agreed = []

    def compare(*, baseline: Any, out: Any, same: Any, **_stated: Any) -> None:
        agreed.append(same(baseline(), out()))

    for size in mark.args[1]:
        names["bench_add"](compare, torch.device("cpu"), size)
    assert agreed == [True, True]
