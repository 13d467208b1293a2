"""``tune``: from what was typed to the best setting, saved as a run."""

from __future__ import annotations

import argparse
import json
import shlex
import shutil
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from math import ceil
from pathlib import Path
from typing import Any, NoReturn

from harness.bench.settings import check_data, hertz, seconds
from harness.bench.temporary import check_temporary
from harness.cli import output
from harness.cli.written import check_writable, write
from harness.errors import UsageError
from harness.exit_status import CANNOT_JUDGE, INTERRUPTED, OK, TOOL_ERROR
from harness.gate.configuration import option_share
from harness.judge.racing import RaceRule
from harness.loading.data import recipe
from harness.loading.data.folder import DataError, FolderOddities, oddities
from harness.loading.loaders import KINDS, LOADER_KINDS
from harness.loading.loop.step_forms import step_form
from harness.loading.machine.cores import usable_cores, worker_counts
from harness.loading.machine.limits import this_machine, worker_cap
from harness.model import Certainty, LeftOut, Setting, Tuned
from harness.plural import counted
from harness.processes import launch
from harness.processes.launch import LaunchError
from harness.processes.live import temporary_folder
from harness.program import advised
from harness.report.plain import document_of
from harness.report.tuning import TuneProgress, show_tuned
from harness.report.tuning.certainty import no_room
from harness.store import StoreError, new_run_folder, write_tuned
from harness.tune.budget import Budget
from harness.tune.race import PREFETCH, SettingsGrid
from harness.tune.settings import BUDGET, TuneSettings
from harness.tune.step_module import check_module
from harness.tune.tune import tune
from harness.workers.collect import Refused, WorkerError

NEEDED = ("torch", "torchvision", "PIL", "numpy")
"""Modules that another interpreter must have for its loaders to race; the rest is lent."""

ODDITIES = 5.0
"""Seconds in which classes without images are looked for."""

SAMPLE_VALUES = 3 * recipe.SIZE**2
"""Colour values of a sample in a batch."""


def hold(options: argparse.Namespace, typed: Sequence[str] = ("tune",)) -> int:
    """Tune, show, save: 0 there is an answer, 2 usage or tool error, 3 the answer is provisional, or there is none."""
    start = time.monotonic()
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        workers = _numbers(options.workers, "--workers", 0) if options.workers else None
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
                tuned = tune(asked, folder, screen, lambda told, asked: axes_of(told, asked, workers))
            except (Refused, UsageError):
                shutil.rmtree(folder)  # nothing has run
                raise
        tuned = replace(
            tuned, notes=(*notes, *tuned.notes), decide=again(typed, tuned) if tuned.needs > tuned.budget else ""
        )
        content = json.dumps(document_of(tuned), indent=1, allow_nan=False)
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
        print(f"harness: interrupted; the laps so far are in {options.results}", file=sys.stderr)
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


def axes_of(
    introduced: Mapping[str, Any], asked: TuneSettings, workers: tuple[int, ...] | None = None
) -> tuple[SettingsGrid, tuple[LeftOut, ...]]:
    """The grid for this machine: kinds that are here, worker counts up to what it can carry; what it cannot. Raises
    UsageError where it can carry nothing.

    Counts that were asked for (``workers``) are bound by memory alone: more workers than the cores can feed are slow,
    not wrong.
    """
    cores = usable_cores()
    on_gpu = introduced["device"] == "cuda"
    here = _kinds_here(asked.kinds or [kind.name for kind in KINDS if kind.default], introduced)
    counts = workers or (0, *worker_counts(cores, int(on_gpu)))
    own = {kind: [count for count in counts if count or not LOADER_KINDS[kind].threads] for kind in here}
    if not any(own.values()):
        raise UsageError(f"{', '.join(here)}: at least one thread is needed, and --workers names none")
    machine = this_machine()
    refused: dict[tuple[str, str], dict[str, None]] = {}

    def fits(setting: Setting) -> bool:
        kind = LOADER_KINDS[setting.kind]
        if not kind.queued and setting.prefetch not in (0, PREFETCH[0]):
            return False  # it would be the same loader once more
        if kind.threads:
            return True
        cap = worker_cap(setting.batch_size * SAMPLE_VALUES * kind.value_bytes, setting.prefetch, machine=machine)
        for limit in cap.limits:
            if setting.workers > limit.most and not (workers and limit.name == "cores"):
                refused.setdefault((limit.name, limit.sentence), {})[setting.name] = None
                return False
        return True

    axes = SettingsGrid(
        {kind: counts for kind, counts in own.items() if counts},
        pin=(True, False) if on_gpu else (False,),
        batch_sizes=asked.batch_sizes,
        cores=cores,
        fits=fits,
    )
    there_is = axes.grid()
    left_out = tuple(LeftOut(limit, sentence, tuple(names)) for (limit, sentence), names in refused.items())
    if not there_is:
        raise UsageError(f"no setting fits into this machine: {'; '.join(no_room(each) for each in left_out)}")
    return axes, left_out


def _kinds_here(wanted: Sequence[str], introduced: Mapping[str, Any]) -> list[str]:
    missing = introduced["missing"]
    here = [kind for kind in wanted if kind not in missing]
    if not here:
        raise UsageError("; ".join(f"{kind}: {missing[kind]}" for kind in wanted))
    return here


def _asked(options: argparse.Namespace, start: float) -> TuneSettings:
    data: Path | None = options.data
    kinds = tuple(word for part in options.kinds for word in part.split(",") if word)
    if unknown := [kind for kind in kinds if kind not in LOADER_KINDS]:
        raise UsageError(f"--kinds: {unknown[0]!r} is not a kind of loader (kinds: {', '.join(LOADER_KINDS)})")
    try:
        step = step_form(options.step)
    except ValueError as error:
        raise UsageError(str(error)) from None
    batch_sizes = _numbers(options.batch_size, "--batch-size", 1)
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
