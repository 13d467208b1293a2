"""``tune``: find the best data loader setting for these images and this step, and save the result as a
run."""

from __future__ import annotations

import argparse
import shlex
import shutil
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING

from harness.cli.forms import Forms, add_forms, as_json
from harness.cli.options import RUN, add_device, add_results, add_watch, data_folder
from harness.cli.output import complain, interrupt_on_sigterm
from harness.cli.page import add_page, leave_page
from harness.cli.values import check_data, hertz, seconds, whole_numbers
from harness.errors import UsageError
from harness.exit_status import CANNOT_JUDGE, INTERRUPTED, OK
from harness.model import Certainty, Tuned
from harness.plural import counted
from harness.program import advised

if TYPE_CHECKING:
    from harness.loading.data.folder import FolderOddities
    from harness.loading.loop.step_forms import StepForm
    from harness.report.html.parts import HtmlPage
    from harness.store import Run
    from harness.tune.resume import TuneResumption
    from harness.tune.settings import TuneDisplay, TuneSettings

NEEDED = ("torch", "torchvision", "PIL", "numpy")
"""Modules that another interpreter must have for its loaders to race; it borrows the rest."""

ODDITIES = 5.0
"""Seconds in which classes without images are looked for."""


def add(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.description = (
        "Race data loader settings on your images or dataset, with your step, and say where its time goes."
    )
    source = parser.add_mutually_exclusive_group()
    source.add_argument(
        "--data", type=Path, metavar="FOLDER", help="your ImageFolder; default: generated images"
    )
    source.add_argument(
        "--dataset", metavar="MODULE:FUNCTION",
        help="a function of yours that returns a dataset, or a dataset and a collate function",
    )  # fmt: skip
    parser.add_argument("--batch-size", default="64", metavar="N", help="default 64; 32,64 races both")
    parser.add_argument(
        "--step", default="none", metavar="STEP",
        help="the work on each batch: none (default), 20ms, resnet18, resnet50, or your module:function",
    )  # fmt: skip
    parser.add_argument(
        "--kinds", action="append", default=[], metavar="NAME", help="only these: dataloader,dali"
    )
    parser.add_argument(
        "--workers", metavar="N,N", help="only these worker counts; default: 0 to twice the cores"
    )
    parser.add_argument("--margin", metavar="SHARE", help="settings this close are equally good; default 3%%")
    parser.add_argument("--budget", metavar="TIME", help="90s, 5m, 1h; default 5m")
    add_device(parser)
    parser.add_argument(
        "--python", metavar="PATH", help="tune for the torch of this interpreter; default: this one"
    )
    parser.add_argument(
        "--resume", metavar="RUN",
        help=f"go on with a tuning that was killed, interrupted or out of time; type it as it was: {RUN}",
    )  # fmt: skip
    add_results(parser)
    add_forms(parser, "markdown", "json")
    add_page(parser)
    add_watch(parser)


def run(options: argparse.Namespace) -> int:
    """Tune, show, save. The status is 3 if the answer is provisional, or there is none. Raises
    HarnessError."""
    start = time.monotonic()
    from harness.bench.resume import OtherEnvironment
    from harness.bench.temporary import check_temporary
    from harness.processes.launch import borrow_packages
    from harness.processes.live import temporary_folder
    from harness.report.builders.tuning import tuning_document
    from harness.report.progress.tune import TuneProgress
    from harness.report.render.markdown import markdown
    from harness.report.render.terminal import show_document
    from harness.store import load, new_run_folder, write_tuned
    from harness.store.codec import to_json
    from harness.workers.collect import Refused, WorkerError

    interrupt_on_sigterm()
    try:
        settings, forms = settings_from(options, start)
        notes = () if settings.dataset else known(settings.data)
        check_temporary(loaders=True)
        console = forms.console()
        with ExitStack() as stack:
            resumption = _resumption(options, settings, stack)
            folder = (
                resumption.run.folder
                if resumption
                else new_run_folder(options.results, datetime.now(UTC).astimezone())
            )
            display = stack.enter_context(TuneProgress(console))
            for note in notes:
                display.note(note)
            if options.python:
                place = stack.enter_context(temporary_folder())
                settings = replace(settings, borrowed=borrow_packages(Path(place) / "borrowed"))
            tuned = _tuned(settings, folder, display, resumption)
    except Refused:
        raise
    except (WorkerError, OtherEnvironment) as error:
        complain(error)
        return CANNOT_JUDGE
    except KeyboardInterrupt:
        complain(f"interrupted; the samples so far are in {options.results}")
        return INTERRUPTED
    decide = again(options.typed, tuned) if tuned.needs > tuned.budget else ""
    tuned = replace(tuned, notes=(*notes, *tuned.notes), decide=decide)
    content = as_json(to_json(tuned))
    write_tuned(folder, content)
    document = tuning_document(tuned)
    show_document(document, console)
    console.print(f"saved in {folder}", highlight=False, soft_wrap=True)
    if options.page and tuned.ranked:
        page = leave_page(folder, lambda _: page_of(tuned, load(folder)))
        if page is not None:
            console.print(f"page: {page}", highlight=False, soft_wrap=True)
    forms.write({"json": lambda: content, "markdown": lambda: markdown(document)})
    return status_of(tuned)


def _resumption(
    options: argparse.Namespace, settings: TuneSettings, stack: ExitStack
) -> TuneResumption | None:
    """The tuning that is gone on with, marked until the stack is closed; None for a new one."""
    if options.resume is None:
        return None
    from harness.cli.tune_resuming import resumed_tuning

    resumption = stack.enter_context(resumed_tuning(options.resume, options.results))
    resumption.check_request(settings)
    return resumption


def _tuned(
    settings: TuneSettings, folder: Path, display: TuneDisplay, resumption: TuneResumption | None
) -> Tuned:
    """Tune; a folder in which nothing was measured is removed, and a part of a tuning as well."""
    from harness.bench.resume import OtherEnvironment
    from harness.report.builders.tuning_words import no_room
    from harness.tune.grid import NothingFits
    from harness.tune.tune import tune
    from harness.workers.collect import Refused

    try:
        return tune(settings, folder, display, resumption)
    except (NothingFits, Refused, UsageError, OtherEnvironment) as error:
        if resumption:
            resumption.discard()
        else:
            shutil.rmtree(folder)
        if isinstance(error, NothingFits):
            raise UsageError(f"{error}: {'; '.join(map(no_room, error.left_out))}") from error
        raise


def page_of(tuned: Tuned, run: Run) -> HtmlPage:
    """The page of a tuning, with the machine that its run recorded."""
    from harness.report.html.tuned_page import tuned_page
    from harness.report.selftest import selftest_of

    return tuned_page(tuned, run.environment, selftest_of(run), run.folder.name)


def status_of(tuned: Tuned) -> int:
    """The exit status of a tuning: 0 there is an answer, 3 it is provisional or there is none."""
    return OK if tuned.answer is not None and tuned.certainty is not Certainty.PROVISIONAL else CANNOT_JUDGE


def again(typed: Sequence[str], tuned: Tuned) -> str:
    """The command as it was typed, with a budget in which everything has time."""
    kept: list[str] = []
    words = iter(typed)
    for word in words:
        if word in ("--budget", "--resume"):
            next(words, None)
        elif not word.startswith(("--budget=", "--resume=")):
            kept.append(word)
    minutes = max(1, ceil(tuned.needs / 60))
    return advised(shlex.join([*kept, "--budget", f"{minutes}m"]))


def known(data: Path | None) -> tuple[str, ...]:
    """Notes on the images before anything runs: what is odd about a folder, or where generated ones are kept.

    Raises UsageError for a folder from which none can be taken.
    """
    from harness.loading.data.cache import cache_note
    from harness.loading.data.folder import DataError, oddities

    if data is None:
        return (note,) if (note := cache_note()) else ()
    try:
        return noted(oddities(data, ODDITIES))
    except DataError as error:
        raise UsageError(f"--data: {error}") from error


def noted(odd: FolderOddities) -> tuple[str, ...]:
    """Notes on the folder before anything runs."""
    notes = []
    if odd.empty:
        notes.append(
            f"{counted(len(odd.empty), 'class folder')} without images: {_few(odd.empty)}; classes keep the numbers "
            "that ImageFolder(allow_empty=True) gives them, and without that option ImageFolder refuses the folder"
        )
    if odd.hidden:
        notes.append(
            f"hidden folders are not classes: {_few(odd.hidden)}; ImageFolder would number them too: move them away"
        )
    return tuple(notes)


def _few(names: Sequence[str], most: int = 5) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def settings_from(options: argparse.Namespace, start: float) -> tuple[TuneSettings, Forms]:
    """The settings, with a budget that began at ``start``, and the forms. Raises UsageError, StoreError."""
    from harness.gate.configuration import option_share
    from harness.judge.racing import RaceRule
    from harness.loading.loaders import LOADER_KINDS
    from harness.loading.loop.step_forms import function_form, step_form
    from harness.processes.launch import check_interpreter
    from harness.tune.budget import Budget
    from harness.tune.settings import BUDGET, TuneSettings
    from harness.tune.step_module import check_module

    kinds = tuple(word for part in options.kinds for word in part.split(",") if word)
    if unknown := [kind for kind in kinds if kind not in LOADER_KINDS]:
        raise UsageError(
            f"--kinds: {unknown[0]!r} is not a kind of loader (kinds: {', '.join(LOADER_KINDS)})"
        )
    try:
        step = step_form(options.step)
        dataset = function_form(options.dataset) if options.dataset is not None else None
    except ValueError as error:
        raise UsageError(str(error)) from None
    if dataset is not None:
        check_own(step, kinds)
    batch_sizes = whole_numbers(options.batch_size, "--batch-size", 1)
    workers = whole_numbers(options.workers, "--workers", 0) if options.workers else ()
    budget = Budget.of(seconds(options.budget) if options.budget else BUDGET, start)
    watch = hertz(options.watch)
    margin = option_share("--margin", options.margin) if options.margin else RaceRule().margin
    forms = Forms.of(options, options.results)
    check_data(options.data)
    # These start a process.
    python = check_interpreter(options.python, NEEDED) if options.python else sys.executable
    if step.module:
        check_module("--step", step.module, python)
    if dataset is not None:
        check_module("--dataset", dataset.module, python)
    settings = TuneSettings(
        data=data_folder(options),
        step=options.step,
        device=options.device,
        batch_sizes=batch_sizes,
        kinds=kinds,
        workers=workers,
        budget=budget,
        rule=RaceRule(margin=margin),
        python=python,
        watch=watch,
        dataset=options.dataset or "",
    )
    return settings, forms


def check_own(step: StepForm, kinds: Sequence[str]) -> None:
    """Raises UsageError for what needs image files, and cannot be had with a dataset of the user's."""
    from harness.tune.messages import PLAIN

    if step.network:
        raise UsageError(
            f"--step: {step.network} takes the images of --data; with --dataset name a function of yours "
            "(training:step), a time (20ms) or none"
        )
    if others := [kind for kind in kinds if kind != PLAIN]:
        raise UsageError(
            f"--kinds: {', '.join(others)} reads image files itself; with --dataset only {PLAIN} races, with all "
            "of its settings"
        )
