"""Sets on the command line: their runs judged and shown together."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from harness.cli.forms import Forms, as_json
from harness.exit_status import CANNOT_JUDGE, OK
from harness.store import RUN_FILE, Run, StoreError, load
from harness.store.sets import read_set

if TYPE_CHECKING:
    from rich.console import Console

    from harness.report.builders.run_set import SetContent


def show_set(folder: Path, screen: Console) -> int:
    """Print a set; the status is 3 if a part is missing, or something was wrong, failed, timed out or lost.

    Raises StoreError.
    """
    return _show(_judged(folder), screen)


def report_set(folder: Path, forms: Forms) -> int:
    """The same, with the forms that were requested. Raises StoreError."""
    from harness.report.builders.hud_records import hud_records
    from harness.report.builders.run_set import set_document
    from harness.report.builders.run_set_records import set_records, set_results
    from harness.report.render.junit import junit
    from harness.report.render.markdown import markdown

    forms.refuse_except("a set", ("markdown", "junit", "hud-json", "json"))
    judged = _judged(folder)
    status = _show(judged, forms.console())
    forms.write(
        {
            "markdown": lambda: markdown(set_document(judged)),
            "junit": lambda: junit(set_results(judged)),
            "hud-json": lambda: as_json([each for run in judged.runs.values() for each in hud_records(run)]),
            "json": lambda: as_json(set_records(judged)),
        }
    )
    return status


def _judged(folder: Path) -> SetContent:
    from harness.report.builders.run_set import set_content

    found = read_set(folder)
    runs: dict[str, Run] = {}
    unread: dict[str, str] = {}
    for node in found.plan.nodes:
        job = found.latest.get(node)
        if job is None or not (folder / job.name / RUN_FILE).is_file():
            continue
        try:
            runs[node] = load(folder / job.name)
        except (StoreError, OSError) as error:
            # One file that cannot be read does not keep the other nodes' runs from being shown.
            unread[node] = str(error)
    return set_content(found, runs, unread)


def _show(judged: SetContent, screen: Console) -> int:
    from harness.judge.run import BAD, measured_nothing, without_case
    from harness.report.builders.run_set import set_document
    from harness.report.render.terminal import show_document

    show_document(set_document(judged), screen)
    bad = any(verdict.outcome in BAD for own in judged.contents.values() for verdict in own.verdicts)
    runs = judged.runs.values()
    empty = not any(run.measurements for run in runs)
    vanished = all(map(measured_nothing, runs)) and any(map(without_case, runs))
    return CANNOT_JUDGE if judged.lost or bad or empty or vanished else OK
