"""``tune``: from what was typed to the best setting, saved as a run."""

from __future__ import annotations

import argparse
import json
import shlex
import shutil
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from math import ceil
from pathlib import Path
from typing import NoReturn

from harness.bench.settings import check_data, hertz, seconds
from harness.bench.temporary import check_temporary
from harness.cli import output
from harness.cli.written import check_writable, write
from harness.errors import UsageError
from harness.exit_status import CANNOT_JUDGE, INTERRUPTED, OK, TOOL_ERROR
from harness.gate.configuration import option_share
from harness.judge.racing import RaceRule
from harness.loading.data.folder import DataError, FolderOddities, oddities
from harness.loading.loaders import LOADER_KINDS
from harness.loading.loop.step_forms import step_form
from harness.model import Certainty, Tuned
from harness.plural import counted
from harness.processes import launch
from harness.processes.launch import LaunchError
from harness.processes.live import temporary_folder
from harness.program import advised
from harness.report.tuning import TuneProgress, show_tuned
from harness.store import StoreError, new_run_folder, write_tuned
from harness.store.codec import to_json
from harness.tune.budget import Budget
from harness.tune.settings import BUDGET, TuneSettings
from harness.tune.step_module import check_module
from harness.tune.tune import tune
from harness.workers.collect import Refused, WorkerError

NEEDED = ("torch", "torchvision", "PIL", "numpy")
"""Modules that another interpreter must have for its loaders to race; the rest is lent."""

ODDITIES = 5.0
"""Seconds in which classes without images are looked for."""


def hold(options: argparse.Namespace, typed: Sequence[str] = ("tune",)) -> int:
    """Tune, show, save: 0 there is an answer, 2 usage or tool error, 3 the answer is provisional, or there is none."""
    start = time.monotonic()
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        asked = _asked(options, start)
        odd = oddities(asked.data, ODDITIES) if asked.data is not None else FolderOddities()
        check_temporary(loaders=True)
        folder = new_run_folder(options.results, datetime.now(UTC).astimezone())
        console = output.console()
        with ExitStack() as stack:
            screen = stack.enter_context(TuneProgress(console))
            for note in (notes := noted(odd)):
                screen.note(note)
            if options.python:
                lent = stack.enter_context(temporary_folder())
                asked = replace(asked, lent=launch.borrow_packages(Path(lent) / "lent"))
            try:
                tuned = tune(asked, folder, screen)
            except (Refused, UsageError):
                shutil.rmtree(folder)  # nothing has run
                raise
        tuned = replace(
            tuned, notes=(*notes, *tuned.notes), decide=again(typed, tuned) if tuned.needs > tuned.budget else ""
        )
        content = json.dumps(to_json(tuned), indent=1, allow_nan=False)
        write_tuned(folder, content)
        show_tuned(tuned, console)
        console.print(f"saved in {folder}", highlight=False, soft_wrap=True)
        if options.json is not None:
            write("--json", options.json, content)
        return status_of(tuned)
    except DataError as error:
        return _complain(f"--data: {error}", TOOL_ERROR)
    except (UsageError, LaunchError, StoreError, Refused) as error:
        return _complain(error, TOOL_ERROR)
    except WorkerError as error:
        return _complain(error, CANNOT_JUDGE)
    except KeyboardInterrupt:
        print(f"harness: interrupted; the samples so far are in {options.results}", file=sys.stderr)
        return INTERRUPTED


def status_of(tuned: Tuned) -> int:
    """The exit status of a tuning: 0 there is an answer, 3 it is provisional or there is none."""
    return OK if tuned.answer is not None and tuned.certainty is not Certainty.PROVISIONAL else CANNOT_JUDGE


def again(typed: Sequence[str], tuned: Tuned) -> str:
    """The command as it was typed, with a budget in which everything has time."""
    kept: list[str] = []
    words = iter(typed)
    for word in words:
        if word == "--budget":
            next(words, None)
        elif not word.startswith("--budget="):
            kept.append(word)
    minutes = max(1, ceil(tuned.needs / 60))
    return advised(shlex.join([*kept, "--budget", f"{minutes}m"]))


def noted(odd: FolderOddities) -> tuple[str, ...]:
    """What people should know about their folder before anything runs."""
    notes = []
    if odd.empty:
        notes.append(
            f"{counted(len(odd.empty), 'class folder')} without images: {_few(odd.empty)}; classes keep the numbers "
            "that ImageFolder(allow_empty=True) gives them, and without that option ImageFolder refuses the folder"
        )
    if odd.hidden:
        notes.append(
            f"hidden folders are no classes: {_few(odd.hidden)}; ImageFolder would number them too: move them away"
        )
    return tuple(notes)


def _few(names: Sequence[str], most: int = 5) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def _asked(options: argparse.Namespace, start: float) -> TuneSettings:
    data: Path | None = options.data
    kinds = tuple(word for part in options.kinds for word in part.split(",") if word)
    if unknown := [kind for kind in kinds if kind not in LOADER_KINDS]:
        raise UsageError(f"--kinds: there is no {', '.join(unknown)}; there are {', '.join(LOADER_KINDS)}")
    try:
        step = step_form(options.step)
    except ValueError as error:
        raise UsageError(str(error)) from None
    batch_sizes = _numbers(options.batch_size, "--batch-size", 1)
    workers = _numbers(options.workers, "--workers", 0) if options.workers else ()
    budget = Budget.of(seconds(options.budget) if options.budget else BUDGET, start)
    watch = hertz(options.watch)
    margin = option_share("--margin", options.margin) if options.margin else RaceRule().margin
    check_writable({"--json": options.json}, options.results)
    check_data(data)
    # These start a process.
    python = launch.check_interpreter(options.python, NEEDED) if options.python else sys.executable
    if step.module:
        check_module(step.module, python)
    return TuneSettings(
        data=data.resolve() if data else None,
        step=options.step,
        device=options.device,
        batch_sizes=batch_sizes,
        kinds=kinds,
        workers=workers,
        budget=budget,
        rule=RaceRule(margin=margin),
        python=python,
        watch=watch,
    )


def _numbers(text: str, option: str, least: int) -> tuple[int, ...]:
    try:
        found = tuple(dict.fromkeys(int(word) for word in text.split(",")))
    except ValueError:
        found = ()
    if not found or min(found) < least:
        raise UsageError(f"{option}: {text!r} is not a list of whole numbers from {least} (examples: 64; 32,64)")
    return found


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt


def _complain(error: object, status: int) -> int:
    output.complain(error)
    return status
