"""``bench --resume RUN``: which run is meant, and the settings that it was begun with."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from harness.bench.resume import request_of
from harness.bench.settings import PROFILES, Settings
from harness.bench.share import Share
from harness.cli.options import benchmarks_folder, data_folder
from harness.cli.resumable import named_to_resume
from harness.cli.values import check_data, hertz, seconds, share, words
from harness.errors import UsageError
from harness.model import RunRequest
from harness.program import advised
from harness.store import LOOP, RUN_FILE, TUNE, Run, read_run_record
from harness.store.parts import being_measured, next_part, part_file
from harness.store.runs import RunEntry, Wanted, open_entry
from harness.store.sets import run_end


@contextmanager
def resumed(options: argparse.Namespace) -> Iterator[tuple[Settings, Run]]:
    """The run that ``--resume`` names, marked as being measured, with its settings. Raises HarnessError."""
    wanted = Wanted("run that can be resumed", _resumable)
    entry = named_to_resume(options.resume, options.results, wanted)
    if entry.gate or entry.side is not None:
        raise UsageError(
            f"--resume: {entry.label} is a gate; type the gate as it was, with --resume {entry.label}"
        )
    if entry.is_set:
        raise UsageError(f"--resume: {entry.label} is a set of runs; name one of them: {entry.label}/NODE")
    if entry.profile == TUNE:
        raise UsageError(
            f"--resume: {entry.label} is a tuning; type the tuning as it was, with --resume {entry.label}"
        )
    if entry.profile == LOOP:
        raise UsageError(f"--resume: {entry.label} is a watched training loop, and only runs can be resumed")
    with being_measured(entry.folder):
        run = open_entry(entry)
        yield _settings(options, run, request_of(run)), run


def _resumable(entry: RunEntry) -> bool:
    """Whether its first record says what was requested, and its last one that it did not come to its end."""
    if entry.kind != "run" or entry.broken:
        return False
    end = run_end(entry.folder, part_file(RUN_FILE, next_part(entry.folder) - 1))
    return (end is None or not end.complete) and "request" in read_run_record(entry.folder / RUN_FILE)


def _settings(options: argparse.Namespace, run: Run, request: RunRequest) -> Settings:
    """The run's own settings. What it executes and reads is named on the command line, and must be the same:
    a folder of records from elsewhere starts nothing by itself."""
    profile, budget = run.facts.get("profile"), run.facts.get("budget")
    if profile not in PROFILES or not isinstance(budget, int | float):
        raise UsageError(
            f"--resume: {run.folder} has no profile and budget of a run; measure anew: {advised('bench')}"
        )
    for option, typed, usual, own in (
        ("--select", words(options.select), (), request.select),
        ("--trace", words(options.trace), (), request.trace),
        ("--device", options.device, "auto", request.device),
        ("--profile", options.profile, "standard", profile),
        ("--share", str(options.share or ""), "", run.facts.get("share", "")),
        ("--folder", options.folder, None, None),
        ("--memory-snapshot", options.memory_snapshot, False, request.snapshots),
    ):
        if typed not in (usual, own):
            raise UsageError(
                f"{option}: what {run.folder} measures was settled when it began; leave the option out, or measure "
                "anew without --resume"
            )
    check_data(options.data)
    benchmarks, data = benchmarks_folder(options), data_folder(options)
    for option, here, there in (
        ("--benchmarks", str(benchmarks), run.facts.get("benchmarks")),
        ("--data", str(data or ""), run.facts.get("data")),
        ("--python", _interpreter(options.python), run.facts.get("python")),
    ):
        if here != there:
            raise UsageError(
                f"{option}: {run.folder} has {there or 'generated images'}, and this would be "
                f"{here or 'generated images'}; "
                + (f"type {option} {there}" if there else f"leave {option} out")
                + ", or measure anew without --resume"
            )
    return Settings(
        benchmarks=benchmarks,
        results=run.folder.parent,
        select=request.select,
        device=request.device,
        data=data,
        python=options.python,
        profile=profile,
        budget=float(budget),
        watch=hertz(options.watch),
        snapshots=request.snapshots,
        trace=request.trace,
        share=_share(run),
        again=seconds(options.budget) if options.budget else None,
    )


def _share(run: Run) -> Share | None:
    stated = run.facts.get("share")
    try:
        return None if stated is None else share(str(stated))
    except argparse.ArgumentTypeError as error:
        raise UsageError(f"--resume: {run.folder}: share: {error}") from None


def _interpreter(named: str | None) -> str:
    from harness.processes.launch import check_interpreter

    return check_interpreter(named) if named else sys.executable
