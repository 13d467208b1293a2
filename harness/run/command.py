"""The commands behind the command line: they wire a run to the screen and turn what went wrong into an exit status."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from rich.console import Console

from harness.claims import ClaimError
from harness.launch import LaunchError
from harness.model import Tuned
from harness.run.bench import BAD, CANNOT_JUDGE, OK, TOOL_ERROR, UnusableGpu, chosen_claims
from harness.run.bench import bench as hold_bench
from harness.run.crew import Crew
from harness.run.roll_call import CrewError
from harness.run.settings import WATCH, Settings, UsageError, hertz, seconds
from harness.store import RUN_FILE, TUNE, TUNED_FILE, StoreError, load, run_folders

INTERRUPTED = 130


def settings_from(options: argparse.Namespace, benchmarks: Path) -> Settings:
    """What was typed, checked as far as that is possible without importing torch. Raises UsageError."""
    data: Path | None = options.data
    if data is not None:
        from harness.loading.folder import DataError, check_folder

        try:
            check_folder(data)
        except DataError as error:
            raise UsageError(f"--data: {error}") from error
    return Settings(
        benchmarks=benchmarks,
        results=options.results,
        select=tuple(word for part in options.select for word in part.split(",") if word),
        device=options.device,
        data=data.resolve() if data else None,
        python=options.python,
        profile=getattr(options, "profile", "standard"),
        budget=seconds(options.budget) if getattr(options, "budget", None) else None,
        watch=hertz(getattr(options, "watch", None) or f"{WATCH:g}"),
        snapshots=getattr(options, "memory_snapshot", False),
    )


def bench(options: argparse.Namespace, typed: Sequence[str], benchmarks: Path) -> int:
    """``bench``: hold a run, show it, and say by the exit status whether something was wrong, failed or lost."""
    from harness.loading.cores import usable_cores
    from harness.report.live import Live

    signal.signal(signal.SIGTERM, _interrupt)
    try:
        settings = settings_from(options, benchmarks)
        before = set(run_folders(settings.results))
        live = Live(_console(), settings.seconds)
        status = OK
        if (load := os.getloadavg()[0]) > usable_cores() / 2:
            live.note(
                f"this machine is busy (load average {load:.1f} on {usable_cores()} cores): threads that wait for "
                "each other are held up, so this takes longer and times are off; quiet is better"
            )
        try:
            hold_bench(settings, live, width=min(4, usable_cores()), command=typed)
        except KeyboardInterrupt:
            live.note("interrupted: what was measured so far is below")
            status = INTERRUPTED
        except UnusableGpu as error:
            live.note(str(error))
            status = CANNOT_JUDGE
        except (CrewError, StoreError) as error:
            _complain(error)
            status = TOOL_ERROR
        finally:
            live.close()
        new = [folder for folder in run_folders(settings.results) if folder not in before]
        shown = show(new[-1]) if new else OK
        return status or shown  # a tool error or an interrupt says more than the verdicts that were reached before it
    except (UsageError, StoreError, LaunchError, ClaimError) as error:
        return _complain(error)


def show(folder: Path) -> int:
    """Print a run; the status says whether something in it was wrong, failed, timed out or lost."""
    from harness.compare.judge import judge
    from harness.report.terminal import show_run

    run = load(folder)
    show_run(run, _console())
    return CANNOT_JUDGE if any(verdict.outcome in BAD for verdict in judge(run)) else OK


def report(options: argparse.Namespace) -> int:
    """``report``: show a saved run again."""
    try:
        folder: Path | None = options.run
        if folder is None:
            runs = run_folders(options.results)
            if not runs:
                raise StoreError(f"no runs in {options.results}; make one with: python -m harness bench")
            folder = runs[-1]
        if (tuned := tuned_in(folder)) is not None:
            from harness.report.tuning import show_tuned

            show_tuned(tuned, _console())
            return OK if tuned.answer is not None else CANNOT_JUDGE
        status = show(folder)
        if options.csv:
            from harness.report.frames import samples_frame

            samples_frame(load(folder)).to_csv(options.csv, index=False)
        return status
    except (StoreError, OSError) as error:
        return _complain(error)


def tuned_in(folder: Path) -> Tuned | None:
    """What a tuning saved in this folder; None where it is another kind of run. Raises StoreError."""
    from harness.report.plain import noun_from

    if load(folder).facts.get("profile") != TUNE:
        return None
    file = folder / TUNED_FILE
    try:
        return noun_from(Tuned, json.loads(file.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise StoreError(f"the tuning in {folder} did not come to its end; its laps are in {RUN_FILE}") from None
    except (OSError, ValueError) as error:
        raise StoreError(f"{file} is no result of a tuning ({error}); tune again") from error


def list_cases(options: argparse.Namespace, benchmarks: Path) -> int:
    """``list --cases``: call the roll, in a process that imports the benchmarks, and print what answers."""
    from tempfile import TemporaryDirectory

    from harness.launch import check_interpreter, lend

    try:
        settings = settings_from(options, benchmarks)
        claims = chosen_claims(settings)
        with TemporaryDirectory(prefix="tipbench-") as scratch:
            python, lent = sys.executable, None
            if settings.python:
                python, lent = check_interpreter(settings.python), lend(Path(scratch) / "lent")
            with Crew(
                python, benchmarks, Path(scratch), device=settings.device, data=settings.data, width=1, lent=lent
            ) as crew:
                called = crew.roll_call(sorted({claim.path for claim in claims}))
    except (UsageError, ClaimError, LaunchError, CrewError) as error:
        return _complain(error)
    for claim in claims:
        print(f"{claim.name}  {claim.sentence}")
        prefix = f"{claim.path}::{claim.function}"
        for case, variants in called.cases.items():
            if case.partition("[")[0] == prefix:
                absent = called.unavailable[case]
                shown = ", ".join(f"{name} (skipped: {absent[name]})" if name in absent else name for name in variants)
                print(f"    {case}: {shown}")
        for word, cases in (("skipped", called.skipped), ("failed", called.failed)):
            for case, reason in cases.items():
                if case.partition("[")[0] == prefix:
                    print(f"    {case}: {word}: {reason}")
    for nodeid, reason in called.broken.items():
        print(f"    {nodeid}: cannot be imported: {reason}")
    return CANNOT_JUDGE if called.failed or called.broken else OK


def _console() -> Console:
    width = None if sys.stdout.isatty() else int(os.environ.get("COLUMNS", "120"))
    return Console(width=width)


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt


def _complain(error: Exception) -> int:
    print(f"harness: {error}", file=sys.stderr)
    return TOOL_ERROR
