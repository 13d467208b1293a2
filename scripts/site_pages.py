"""A hook of mkdocs: pages of the site that lie outside of docs/, and links to and from them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parents[1]
OUTSIDE = {"README.md": "index.md", "CONTRIBUTING.md": "CONTRIBUTING.md", "CHANGELOG.md": "CHANGELOG.md"}
"""Files of the repository by their places in the site; those of examples/ keep theirs."""

_LINK = re.compile(r"\]\((?P<target>[^)\s:]+?)(?P<anchor>#[^)\s]*)?\)")


def on_files(files: Files, config: Any) -> Files:
    """Add the pages, and the examples as files to download."""
    places = OUTSIDE | {
        f"examples/{path.name}": f"examples/{path.name}" for path in (ROOT / "examples").iterdir()
    }
    for source, place in places.items():
        if (ROOT / source).is_file():
            files.append(File.generated(config, place, abs_src_path=str(ROOT / source)))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Turn links between files of the repository into links between pages of the site."""
    folder = ROOT if page.file.src_uri in OUTSIDE.values() else ROOT / "docs"
    return _LINK.sub(lambda link: f"]({_place(folder, link['target'])}{link['anchor'] or ''})", markdown)


def _place(folder: Path, target: str) -> str:
    source = (folder / target).resolve()
    if source.is_relative_to(ROOT / "docs"):
        return source.relative_to(ROOT / "docs").as_posix()
    if source.is_relative_to(ROOT):
        name = source.relative_to(ROOT).as_posix()
        return OUTSIDE.get(name, name)
    return target
