"""``report``: a saved run again, on the terminal and in the forms that were asked for; gates and tunings, too."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from harness.cli.output import complain
from harness.cli.writing import FORMS, as_json, check_forms, console, option_of, write_forms
from harness.exit_status import CANNOT_JUDGE, OK, TOOL_ERROR
from harness.model import Certainty, EndReason, Status, Tuned
from harness.plural import counted
from harness.program import advised
from harness.store import RESULT_FILE, RUN_FILE, TUNE, TUNED_FILE, Run, StoreError, load
from harness.store.runs import RunEntry, find, open_entry

if TYPE_CHECKING:
    from harness.report.content import RunContent


def report(options: argparse.Namespace) -> int:
    """Show a saved run again. The status is that of ``bench``."""
    try:
        check_forms(options)
        entry = find(options.run, options.results)
        if entry.gate and entry.side is None:
            return _gate(entry, options)
        run = open_entry(entry)
        if run.facts.get("profile") == TUNE:
            return _tuning(run, options)
        status, told = _show(run, console(options))
        write_run_forms(run, told, options)
    except StoreError as error:
        complain(error)
        return TOOL_ERROR
    return status


def show(folder: Path, screen: Console, *, explained: bool = False) -> int:
    """Print a run; the status is 3 if something was wrong, failed, timed out or lost, or nothing could be measured.

    ``explained`` says that people have read why the run ended: where it has no record, only its folder is named.
    Raises StoreError.
    """
    run = load(folder)
    if explained and not run.measurements:
        screen.print(f"saved in {folder}", highlight=False, markup=False, soft_wrap=True)
        return CANNOT_JUDGE
    return _show(run, screen)[0]


def _show(run: Run, screen: Console) -> tuple[int, RunContent]:
    """Judge a run and print it: the status, and what was told, for every other form."""
    from harness.judge.run import BAD
    from harness.report.content import content
    from harness.report.terminal import show_run

    told = content(run)
    show_run(run, screen, told)
    if not any(measurement.status is Status.MEASURED for measurement in run.measurements):
        complain(f"{run.folder} holds no finished measurement: {_why_empty(run)}")
        return (OK if _all_skipped(run) else CANNOT_JUDGE), told
    return (CANNOT_JUDGE if any(verdict.outcome in BAD for verdict in told.verdicts) else OK), told


def write_run_forms(run: Run, told: RunContent, options: argparse.Namespace) -> None:
    """The forms of a run that were asked for, from what was told of it. Raises StoreError."""
    if not any(getattr(options, form, None) for form in FORMS):
        return
    from harness.report.files import write_parquet
    from harness.report.forms.benchmark import benchmark_json
    from harness.report.forms.document import document
    from harness.report.forms.junit import junit
    from harness.report.forms.markdown import markdown

    def frame_csv() -> str:
        from harness.report.frames import samples_frame

        return samples_frame(run).to_csv(index=False)

    def frame_parquet(path: Path) -> None:
        from harness.report.frames import samples_frame

        write_parquet(samples_frame(run), path)

    def page(path: Path) -> None:
        from harness.report.html import save_page
        from harness.report.html.run_page import run_page

        save_page(run_page(run, path, told), path)

    write_forms(
        options,
        {
            "markdown": lambda: markdown(run, told),
            "csv": frame_csv,
            "junit": lambda: junit(run, told.verdicts),
            "benchmark_json": lambda: as_json(benchmark_json(run)),
            "json": lambda: as_json(document(run, told)),
        },
        {"parquet": frame_parquet, "html": page},
    )


def _gate(entry: RunEntry, options: argparse.Namespace) -> int:
    from harness.report import gate

    file = entry.folder / RESULT_FILE
    try:
        result = gate.result_from(json.loads(file.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise StoreError(f"the gate in {entry.folder} did not come to its end: it has no {RESULT_FILE}") from None
    except (OSError, ValueError, RecursionError) as error:
        raise StoreError(f"{file} is not a result of a gate ({error}); gate again") from error
    gate.show_gate(result, console(options), every=True)
    texts = {
        "markdown": lambda: gate.markdown(result),
        "junit": lambda: gate.junit(result),
        "json": lambda: as_json(gate.document(result)),
    }
    _refuse(options, "a gate", {*texts, "html"})

    def page(path: Path) -> None:
        from harness.report.html import save_page
        from harness.report.html.gate_page import gate_page

        save_page(gate_page(result, entry.folder.name), path)

    write_forms(options, texts, {"html": page})
    return result.status if result.status in (OK, 1, CANNOT_JUDGE) else CANNOT_JUDGE


def _tuning(run: Run, options: argparse.Namespace) -> int:
    from harness.report.tuning import show_tuned

    tuned = tuned_in(run)
    _refuse(options, "a tuning", ("json", "html"))
    show_tuned(tuned, console(options))
    from harness.store.codec import to_json

    def page(path: Path) -> None:
        from harness.report.html import save_page
        from harness.report.html.tuned_page import tuned_page
        from harness.report.selftest import selftest_of

        save_page(tuned_page(tuned, run.environment, selftest_of(run), run.folder.name), path)

    write_forms(options, {"json": lambda: as_json(to_json(tuned))}, {"html": page})
    return OK if tuned.answer is not None and tuned.certainty is not Certainty.PROVISIONAL else CANNOT_JUDGE


def tuned_in(run: Run) -> Tuned:
    """What a tuning saved beside its laps. Raises StoreError."""
    from harness.store.codec import from_json

    file = run.folder / TUNED_FILE
    try:
        return from_json(Tuned, json.loads(file.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise StoreError(f"the tuning in {run.folder} did not come to its end; its laps are in {RUN_FILE}") from None
    except (OSError, ValueError, RecursionError) as error:
        raise StoreError(f"{file} is not a result of a tuning ({error}); tune again") from error


def _refuse(options: argparse.Namespace, what: str, known: Collection[str]) -> None:
    for form in FORMS:
        if getattr(options, form, None) is not None and form not in known:
            raise StoreError(f"{option_of(form)} has nothing to say of {what}")


def _all_skipped(run: Run) -> bool:
    """Whether the run came to its end, and every case was skipped: that is no failure, as one skipped case is none."""
    skipped = {measurement.case for measurement in run.measurements if measurement.status is Status.SKIPPED}
    return run.ended.complete and skipped != set() and skipped >= _reached(run) | {*run.planned}


def _reached(run: Run) -> set[str]:
    return {measurement.case for measurement in run.measurements}


def _why_empty(run: Run) -> str:
    if not run.facts and not run.claims:
        return f"{run.folder / RUN_FILE} is empty, its process died before its first record"
    if run.ended.reason is EndReason.STOPPED:
        return run.ended.text
    if run.measurements:
        counts = Counter(str(measurement.status) for measurement in run.measurements)
        if missed := len({*run.planned} - _reached(run)):
            counts["not reached"] = missed
        why = ", ".join(f"{counted(count, 'case')} {status}" for status, count in counts.items())
        return f"{why}; {run.ended.text}" if missed and run.ended.text else why
    if not run.planned:
        return f"no case was planned; {advised('list --cases')} says what there is"
    if run.ended.text:
        return f"the run ended before its first measurement: {run.ended.text}"
    return "the run was stopped before the first one; start it again"
