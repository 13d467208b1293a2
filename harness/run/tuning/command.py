"""``tune``: from what was typed to the best setting, saved as a run."""

from __future__ import annotations

import argparse
import json
import signal
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

from harness import launch
from harness.compare.race import RaceRule
from harness.launch import LaunchError
from harness.loading.images import recipe
from harness.loading.machine.cores import usable_cores, worker_counts
from harness.loading.machine.limits import this_machine, worker_cap
from harness.model import LOADER_KINDS, Setting
from harness.plural import counted
from harness.report.plain import document_of
from harness.report.tuning import Progress, show_tuned
from harness.run import output
from harness.run.configuration import share
from harness.run.output import CANNOT_JUDGE, INTERRUPTED, OK, TOOL_ERROR
from harness.run.roll_call import CrewError
from harness.run.settings import UsageError, hertz, seconds
from harness.run.tuning.race import PREFETCH, Axes
from harness.run.tuning.tune import Asked, tune
from harness.store import StoreError, new_run_folder, write_tuned

BUDGET = 300.0
"""Seconds a tuning may take where nobody says how long."""

KINDS = ("dataloader", "tensors", "uint8", "dali", "dali_gpu")
"""Kinds that race where nobody names any."""

SAMPLE_VALUES = 3 * recipe.SIZE**2
"""Colour values of a sample in a batch."""


def hold(options: argparse.Namespace) -> int:
    """Tune, show, save: 0 there is an answer, 2 usage or tool error, 3 no setting finished a lap."""
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        asked = _asked(options)
        folder = new_run_folder(options.results, datetime.now(UTC).astimezone())
        console = output.console()
        workers = _numbers(options.workers, "--workers", 0) if options.workers else None
        with Progress(console) as screen:
            tuned = tune(asked, folder, screen, lambda told, asked: axes_of(told, asked, workers))
        content = json.dumps(document_of(tuned), indent=1, allow_nan=False)
        write_tuned(folder, content)
        if options.json is not None:
            _write(options.json, content)
        show_tuned(tuned, console)
        console.print(f"saved in {folder}", highlight=False, soft_wrap=True)
        return OK if tuned.answer is not None else CANNOT_JUDGE
    except (UsageError, LaunchError, StoreError) as error:
        return _complain(error, TOOL_ERROR)
    except CrewError as error:
        return _complain(error, CANNOT_JUDGE)
    except KeyboardInterrupt:
        print(f"harness: interrupted; the laps so far are in {options.results}", file=sys.stderr)
        return INTERRUPTED


def axes_of(introduced: Mapping[str, Any], asked: Asked, workers: tuple[int, ...] | None = None) -> Axes:
    """The grid for this machine: kinds that are here, worker counts up to what it can carry. Raises UsageError.

    Counts that were asked for (``workers``) are bound by memory alone: more workers than the cores can feed are slow,
    not wrong.
    """
    cores = usable_cores()
    on_gpu = introduced["device"] == "cuda"
    here = _kinds_here(asked.kinds or KINDS, introduced)
    counts = workers or (0, *worker_counts(cores, int(on_gpu)))
    own = {kind: [count for count in counts if count or not LOADER_KINDS[kind].threads] for kind in here}
    if not any(own.values()):
        raise UsageError(f"{', '.join(here)}: at least one thread is needed, and --workers names none")
    machine = this_machine()
    reasons: dict[int, str] = {}

    def fits(setting: Setting) -> bool:
        kind = LOADER_KINDS[setting.kind]
        if not kind.queued and setting.prefetch not in (0, PREFETCH[0]):
            return False  # it would be the same loader once more
        if kind.threads:
            return True
        cap = worker_cap(setting.batch_size * SAMPLE_VALUES * kind.value_bytes, setting.prefetch, machine=machine)
        for limit in cap.limits:
            if setting.workers > limit.most and not (workers and limit.name == "cores"):
                reasons.setdefault(setting.workers, limit.sentence)
                return False
        return True

    axes = Axes(
        {kind: counts for kind, counts in own.items() if counts},
        pin=(True, False) if on_gpu else (False,),
        batch_sizes=asked.batch_sizes,
        cores=cores,
        fits=fits,
    )
    if not axes.grid():
        told = "; ".join(f"{counted(count, 'worker')}: {why}" for count, why in reasons.items())
        raise UsageError(f"no setting fits into this machine ({told}): ask for fewer workers or a smaller --batch-size")
    return axes


def _kinds_here(wanted: Sequence[str], introduced: Mapping[str, Any]) -> list[str]:
    missing = introduced["missing"]
    here = [kind for kind in wanted if kind not in missing]
    if not here:
        raise UsageError("; ".join(f"{kind}: {missing[kind]}" for kind in wanted))
    return here


def _asked(options: argparse.Namespace) -> Asked:
    data: Path | None = options.data
    if data is not None:
        from harness.loading.images.folder import DataError, check_folder

        try:
            check_folder(data)
        except DataError as error:
            raise UsageError(f"--data: {error}") from error
    kinds = tuple(word for part in options.kinds for word in part.split(",") if word)
    if unknown := [kind for kind in kinds if kind not in LOADER_KINDS]:
        raise UsageError(f"--kinds {','.join(unknown)}: there are {', '.join(LOADER_KINDS)}")
    python = launch.check_interpreter(options.python) if options.python else sys.executable
    margin = share(options.margin) if options.margin else RaceRule().margin
    return Asked(
        data=data.resolve() if data else None,
        step=options.step,
        device=options.device,
        batch_sizes=_numbers(options.batch_size, "--batch-size", 1),
        kinds=kinds,
        seconds=seconds(options.budget) if options.budget else BUDGET,
        rule=RaceRule(margin=margin),
        python=python,
        watch=hertz(options.watch),
    )


def _numbers(text: str, option: str, least: int) -> tuple[int, ...]:
    try:
        found = tuple(dict.fromkeys(int(word) for word in text.split(",")))
    except ValueError:
        found = ()
    if not found or min(found) < least:
        raise UsageError(f"{option} {text!r}: write whole numbers from {least}, such as 64 or 32,64")
    return found


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise StoreError(f"cannot write {path}: {error.strerror}; everything measured is kept") from error


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt


def _complain(error: Exception, status: int) -> int:
    print(f"harness: {error}", file=sys.stderr)
    return status
