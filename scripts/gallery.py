"""A hook of mkdocs: the gallery, with the page of every run that is kept in ``results/baselines/``.

Pages are made from the records when the site is built, so that none is in the repository twice.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.report.builders.run import counts_text
from harness.report.builders.run_content import content
from harness.report.header import header_lines
from harness.report.html.render import html
from harness.report.html.run_page import run_page
from harness.report.render.markdown_escape import prose
from harness.store import load
from harness.store.runs import baselines

if TYPE_CHECKING:
    from mkdocs.structure.files import Files

RESULTS = Path(__file__).resolve().parents[1] / "results"
FOLDER = "gallery"

_INTRODUCTION = """\
# Gallery

Each page below is what `tipbench bench` left on one machine: the answer first, then every claim, its reason and its
figures. They are made from the records in `results/baselines/`; the same page of a run of yours is written by
`tipbench report RUN --html page.html`.
"""
_LINE = ("machine", "GPU", "software", "run")


def on_files(files: Files, config: Any) -> Files:
    """Add the gallery to the site."""
    from mkdocs.structure.files import File

    for place, text in pages(RESULTS).items():
        files.append(File.generated(config, place, content=text))
    return files


def pages(results: Path) -> dict[str, str]:
    """The files of the gallery by their places in the site: a list of the machines, and a page of each."""
    machines = {folder.name: _machine(folder) for folder in baselines(results)}
    listed = [lines for lines, _ in machines.values()] or ["\nNo run is kept.\n"]
    found = {f"{FOLDER}/{name}.html": page for name, (_, page) in machines.items()}
    return {f"{FOLDER}/index.md": "".join((_INTRODUCTION, *listed)), **found}


@cache
def _machine(folder: Path) -> tuple[str, str]:
    """What the list says of a machine, and its page."""
    run = load(folder)
    judged = content(run)
    facts = dict(header_lines(run))
    title = ", ".join(facts.get("machine", folder.name).split(", ")[:2])
    lines = [f"- {name}: {prose(facts[name])}" for name in _LINE if facts.get(name)]
    return (
        "\n".join(
            (
                f"\n## {prose(title)}\n",
                f"- [its page]({folder.name}.html)",
                *lines,
                f"- verdicts: {prose(counts_text(judged.counts))}\n",
            )
        ),
        html(run_page(run, judged=judged)),
    )
