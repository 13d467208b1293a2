"""``report``: show a saved run, gate or tuning, on the terminal and in the forms that were requested."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Collection, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from harness.cli.forms import FORMS, Forms, add_forms, as_json
from harness.cli.named import named, nearest
from harness.cli.options import RUN, add_results
from harness.cli.output import complain
from harness.cli.page import leave_page
from harness.cli.sets import report_set
from harness.cli.tune import page_of, status_of
from harness.cli.watched import report_loop
from harness.errors import UsageError
from harness.exit_status import CANNOT_JUDGE, OK, REGRESSED
from harness.model import EndReason, Status, Tuned
from harness.plural import counted
from harness.program import advised
from harness.report.format import sanitize
from harness.store import LOOP, RESULT_FILE, RUN_FILE, TUNE, TUNED_FILE, Run, StoreError, load
from harness.store.files import text_of
from harness.store.runs import RunEntry, open_entry

if TYPE_CHECKING:
    from rich.console import Console

    from harness.report.builders.run_content import RunContent
    from harness.report.document import Document
    from harness.report.html.parts import HtmlPage


def add(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.description = "Show a saved run, a line for each claim: the latest by default."
    parser.add_argument("run", nargs="?", default="latest", metavar="RUN", help=RUN)
    parser.add_argument(
        "claims", nargs="*", metavar="CLAIM",
        help="show everything about these claims; without RUN: of the latest run",
    )  # fmt: skip
    parser.add_argument("--details", action="store_true", help="show everything about every claim")
    parser.add_argument(
        "--timeline", action="store_true",
        help="show where the run's time went instead: shares by activity, and what each process did",
    )  # fmt: skip
    add_results(parser)
    add_forms(parser, *FORMS)


def run(options: argparse.Namespace) -> int:
    """Show a saved run. The status is that of the command that made it. Raises StoreError."""
    forms = Forms.of(options)
    entry, claims = named(options.run, options.claims, options.results)
    if entry.is_set:
        _only_of_a_run(options.timeline, claims, entry, "a set")
        return report_set(entry.folder, forms)
    if entry.gate and entry.side is None:
        _only_of_a_run(options.timeline, claims, entry, "a gate")
        return _gate(entry, forms)
    found = open_entry(entry)
    if found.facts.get("profile") == TUNE:
        _only_of_a_run(options.timeline, claims, entry, "a tuning")
        return _tuning(found, forms)
    if found.facts.get("profile") == LOOP:
        _only_of_a_run(options.timeline, claims, entry, "a watched loop")
        return report_loop(found, forms)
    if options.timeline:
        return _timeline(found, forms)
    known = [claim.name for claim in found.claims]
    if unknown := [name for name in claims if name not in known]:
        raise UsageError(
            f"{found.folder} has no claim {sanitize(unknown[0])!r}; {nearest(unknown[0], known)}"
        )
    status, content, document = _show(found, forms.console(), claims, details=options.details)
    _write(found, content, document, forms)
    return status


def _timeline(run: Run, forms: Forms) -> int:
    from harness.report.builders.timeline import timeline_document
    from harness.report.render.markdown import markdown
    from harness.report.render.terminal import show_document

    forms.refuse_except("a timeline", ("markdown",))
    document = timeline_document(run)
    show_document(document, forms.console())
    forms.write({"markdown": lambda: markdown(document)})
    return OK


def _only_of_a_run(timeline: bool, claims: Sequence[str], entry: RunEntry, what: str) -> None:
    """Raises StoreError if a timeline or claims were requested of something else."""
    for asked, has in ((timeline, "--timeline: "), (claims, f"{' '.join(claims)}: ")):
        if asked:
            part = "a timeline" if timeline else "claims"
            raise StoreError(
                f"{has}{entry.folder} is {what}; only a run has {part}: name one ({advised('runs')})"
            )


def show(folder: Path, screen: Console, *, explained: bool = False, page: bool = False) -> int:
    """Print a run; the status is 3 if something was wrong, failed, timed out or lost, or nothing could be
    measured.

    ``explained`` means that the reason of the run's end was already printed: without records only its folder
    is named. With ``page`` that is written into the folder first, if anything was measured. Raises
    StoreError.
    """
    run = load(folder)
    if explained and not run.measurements:
        screen.print(f"saved in {folder}", highlight=False, markup=False, soft_wrap=True)
        return CANNOT_JUDGE
    return _show(run, screen, page=page)[0]


def _show(
    run: Run, screen: Console, claims: Collection[str] = (), *, details: bool = False, page: bool = False
) -> tuple[int, RunContent, Document]:
    """Judge a run and print it: the status, and what the other forms are made of.

    Without ``details`` a line for each claim, unless only some ``claims`` are shown.
    """
    from harness.judge.run import BAD, measured_nothing, without_case
    from harness.report.builders.answer import answer_document
    from harness.report.builders.run import run_document
    from harness.report.builders.run_content import content
    from harness.report.render.terminal import show_document

    judged = content(run, claims)
    document = run_document(run, judged)
    measured = not measured_nothing(run)
    if page and measured:
        leave_page(run.folder, partial(_page, run, judged))
    show_document(document if details or claims else answer_document(run, judged), screen)
    if not measured:
        if run.facts.get("share") and run.ended.complete and not run.planned:
            complain(f"no case is in this node's share ({run.facts['share']})")
            return OK, judged, document
        complain(f"{run.folder} holds no finished measurement: {_why_empty(run)}")
        return (OK if _all_skipped(run) and not without_case(run) else CANNOT_JUDGE), judged, document
    bad = any(verdict.outcome in BAD for verdict in judged.verdicts)
    return (CANNOT_JUDGE if bad else OK), judged, document


def _write(run: Run, judged: RunContent, document: Document, forms: Forms) -> None:
    """Write the requested forms of a run. Raises StoreError."""
    if not forms.paths:
        return
    from harness.report.builders import run_records as records
    from harness.report.builders.benchmark_records import benchmark_json
    from harness.report.builders.hud_records import hud_records
    from harness.report.render.junit import junit
    from harness.report.render.markdown import markdown
    from harness.report.render.tables import write_parquet

    results = records.results(run, judged.verdicts)

    def frame_csv() -> str:
        from harness.report.frames import samples_frame

        return samples_frame(run).to_csv(index=False)

    def frame_parquet(path: Path) -> None:
        from harness.report.frames import samples_frame

        write_parquet(samples_frame(run), path)

    def page(path: Path) -> None:
        from harness.report.html import save_page

        save_page(_page(run, judged, path), path)

    forms.write(
        {
            "markdown": lambda: markdown(document),
            "csv": frame_csv,
            "junit": lambda: junit(results),
            "benchmark-json": lambda: as_json(benchmark_json(run)),
            "hud-json": lambda: as_json(hud_records(run)),
            "json": lambda: as_json(records.document(run, judged)),
        },
        {"parquet": frame_parquet, "html": page},
    )


def _page(run: Run, judged: RunContent, path: Path) -> HtmlPage:
    from harness.report.html.run_page import run_page

    return run_page(run, path, judged)


def _gate(entry: RunEntry, forms: Forms) -> int:
    from harness.report.builders import gate_records as records
    from harness.report.builders.gate import gate_document
    from harness.report.render.junit import junit
    from harness.report.render.markdown import markdown
    from harness.report.render.terminal import show_document

    file = entry.folder / RESULT_FILE
    try:
        result = records.result_from(json.loads(text_of(file)))
    except FileNotFoundError:
        raise StoreError(
            f"the gate in {entry.folder} did not come to its end: it has no {RESULT_FILE}; gate --resume goes on"
        ) from None
    except (OSError, ValueError, RecursionError) as error:
        raise StoreError(f"{file} is not a result of a gate ({error}); gate again") from error
    document = gate_document(result, every=True)
    show_document(document, forms.console())
    texts = {
        "markdown": lambda: markdown(document),
        "junit": lambda: junit(records.results(result)),
        "json": lambda: as_json(records.document(result)),
    }
    forms.refuse_except("a gate", {*texts, "html"})

    def page(path: Path) -> None:
        from harness.report.html import save_page
        from harness.report.html.gate_page import gate_page

        save_page(gate_page(result, entry.folder.name), path)

    forms.write(texts, {"html": page})
    return result.status if result.status in (OK, REGRESSED, CANNOT_JUDGE) else CANNOT_JUDGE


def _tuning(run: Run, forms: Forms) -> int:
    from harness.report.builders.tuning import tuning_document
    from harness.report.render.markdown import markdown
    from harness.report.render.terminal import show_document
    from harness.store.codec import to_json

    tuned = tuned_in(run)
    forms.refuse_except("a tuning", ("markdown", "json", "html"))
    document = tuning_document(tuned)
    show_document(document, forms.console())

    def page(path: Path) -> None:
        from harness.report.html import save_page

        save_page(page_of(tuned, run), path)

    forms.write(
        {"json": lambda: as_json(to_json(tuned)), "markdown": lambda: markdown(document)}, {"html": page}
    )
    return status_of(tuned)


def tuned_in(run: Run) -> Tuned:
    """The result that a tuning saved beside its samples. Raises StoreError."""
    from harness.store.codec import from_json

    file = run.folder / TUNED_FILE
    try:
        return from_json(Tuned, json.loads(text_of(file)))
    except FileNotFoundError:
        raise StoreError(
            f"the tuning in {run.folder} did not come to its end; its samples are in {RUN_FILE}"
        ) from None
    except (OSError, ValueError, RecursionError) as error:
        raise StoreError(f"{file} is not a result of a tuning ({error}); tune again") from error


def _all_skipped(run: Run) -> bool:
    """Whether the run came to its end and every case was skipped."""
    skipped = {measurement.case for measurement in run.measurements if measurement.status is Status.SKIPPED}
    return run.ended.complete and skipped != set() and skipped >= _reached(run) | {*run.planned}


def _reached(run: Run) -> set[str]:
    return {measurement.case for measurement in run.measurements}


def _why_empty(run: Run) -> str:
    from harness.report.next_command import resumable

    if not run.facts and not run.claims:
        return f"{run.folder / RUN_FILE} is empty, its process died before its first record"
    if run.ended.reason is EndReason.STOPPED:
        return run.ended.text
    if run.measurements:
        return _why_unmeasured(run)
    if not run.planned:
        return f"no case was planned; {advised('list --cases')} lists the cases"
    if run.ended.text:
        return f"the run ended before its first measurement: {run.ended.text}"
    return f"the run was stopped before the first one{'' if resumable(run) else '; start it again'}"


def _why_unmeasured(run: Run) -> str:
    """What became of the cases of a run, none of which was measured."""
    from harness.judge.run import without_case

    if _all_skipped(run) and (vanished := without_case(run)):
        name, why = next(iter(vanished.items()))
        more = f", and none of {len(vanished) - 1} more" if len(vanished) > 1 else ""
        return f"pytest has no case of {name} ({why}){more}; {advised('list --cases')} lists the cases"
    counts = Counter(str(measurement.status) for measurement in run.measurements)
    if missed := len({*run.planned} - _reached(run)):
        counts["not reached"] = missed
    why = ", ".join(f"{counted(count, 'case')} {status}" for status, count in counts.items())
    return f"{why}; {run.ended.text}" if missed and run.ended.text else why
