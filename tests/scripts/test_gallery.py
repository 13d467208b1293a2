"""The gallery of the documentation: a page of every run that is kept, made from its records."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import gallery
import pytest

from harness.store.runs import baselines
from tests.support.living import ROOT
from tests.support.saved import claim, measurements_of, save


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Runs of two machines that are kept, one that is not, and a folder without a run."""
    one = claim("A1")
    for name in ("baselines/0123456789ab", "baselines/ba9876543210", "2026-01-01_10-00-00"):
        save(tmp_path / name, [one], measurements_of(one, "m", 3, quick=0.5e-3), machine_id=name[-12:])
    (tmp_path / "baselines" / "notes").mkdir()
    return tmp_path


def test_every_run_that_is_kept_has_its_page(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The list links each and names its machine; all of it is added to the site."""
    monkeypatch.setattr(gallery, "RESULTS", results)
    module = ModuleType("mkdocs.structure.files")
    generated = SimpleNamespace(generated=lambda config, place, content: (place, content))
    monkeypatch.setattr(module, "File", generated, raising=False)
    monkeypatch.setitem(sys.modules, "mkdocs.structure.files", module)
    files: list[tuple[str, str]] = []
    hook: Any = gallery.on_files  # typed for mkdocs, where that is installed
    assert hook(files, None) is files
    found = dict(files)
    assert list(found) == [
        "gallery/index.md", "gallery/0123456789ab.html", "gallery/ba9876543210.html"
    ]  # fmt: skip
    listed = found.pop("gallery/index.md")
    assert re.findall(r"\]\((.*)\)", listed) == ["0123456789ab.html", "ba9876543210.html"]
    assert listed.count("\n## Some CPU, 2 of 8 cores usable\n") == 2
    assert listed.count("- verdicts: 1 holds\n") == 2
    for name, page in found.items():
        assert f"<title>Run {Path(name).stem}" in page
        assert "quick" in page


def test_no_run_is_no_error(tmp_path: Path) -> None:
    """A checkout without results has a list that says so."""
    (only,) = gallery.pages(tmp_path).items()
    assert only == ("gallery/index.md", f"{gallery._INTRODUCTION}\nNo run is kept.\n")


def test_the_site_has_the_gallery_of_this_repository() -> None:
    """Its navigation leads there, the hook is set up, and there is a run to show."""
    site = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    assert "\n  - Gallery: gallery/index.md\n" in site
    assert re.search(r"^hooks: \[.*scripts/gallery\.py.*\]$", site, re.MULTILINE)
    assert gallery.RESULTS == ROOT / "results"
    assert baselines(gallery.RESULTS)
