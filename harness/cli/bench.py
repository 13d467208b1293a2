"""The commands behind the command line: they wire a run to the screen and turn what went wrong into an exit status."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from harness.bench.chosen import chosen_claims
from harness.bench.run import UnusableGpu
from harness.bench.run import bench as hold_bench
from harness.bench.settings import Settings, check_data, hertz, seconds, words
from harness.bench.temporary import check_temporary
from harness.claims.file import ClaimError
from harness.cli.output import complain, console, say
from harness.cli.report import show
from harness.errors import UsageError
from harness.exit_status import CANNOT_JUDGE, INTERRUPTED, OK, TOOL_ERROR
from harness.loading.data.cache import cache_note
from harness.model import benchmark_of
from harness.processes.launch import LaunchError
from harness.processes.live import Reaper
from harness.report.format import sanitize
from harness.store import RUN_FILE, StoreError
from harness.workers.collect import WorkerError
from harness.workers.pool import WorkerPool
from harness.workers.spare import WorkerSettings

_LONGEST = 2000


def settings_from(options: argparse.Namespace, benchmarks: Path) -> Settings:
    """What was typed, checked as far as that is possible without importing torch. Raises UsageError."""
    data: Path | None = options.data
    check_data(data)
    return Settings(
        benchmarks=benchmarks,
        results=options.results,
        select=words(options.select),
        device=options.device,
        data=data.resolve() if data else None,
        python=options.python,
        profile=getattr(options, "profile", "standard"),
        budget=seconds(options.budget) if getattr(options, "budget", None) else None,
        watch=hertz(getattr(options, "watch", None)),
        snapshots=getattr(options, "memory_snapshot", False),
        trace=words(getattr(options, "trace", ())),
    )


def bench(options: argparse.Namespace, typed: Sequence[str], benchmarks: Path) -> int:
    """``bench``: hold a run, show it, and say by the exit status whether something was wrong, failed or lost."""
    from harness.loading.machine.cores import usable_cores
    from harness.report.live import BenchProgress

    signal.signal(signal.SIGTERM, _interrupt)
    try:
        settings = settings_from(options, benchmarks)
        made: list[Path] = []
        live = BenchProgress(console(), settings.seconds)
        status = OK

        def began(folder: Path) -> None:
            # A wrong request ends before this: its error stands alone.
            made.append(folder)
            if beside := _others():
                live.note(
                    f"this machine is busy ({beside}): threads that wait for each other are held up, so this takes "
                    "longer and times are off; quiet is better"
                )
            if note := cache_note():
                live.note(note)

        try:
            hold_bench(settings, live, width=min(4, usable_cores()), command=typed, began=began)
        except KeyboardInterrupt:
            live.note("interrupted: what was measured so far is below")
            status = INTERRUPTED
        except UnusableGpu as error:
            complain(error)
            status = CANNOT_JUDGE
        except (WorkerError, StoreError) as error:
            complain(error)
            status = TOOL_ERROR
        finally:
            live.close()
        # This run, and not the latest in the folder: others may be held beside it.
        held = made and (made[0] / RUN_FILE).is_file()
        shown = show(made[0], console(), explained=status in (TOOL_ERROR, CANNOT_JUDGE)) if held else OK
        return status or shown  # a tool error or an interrupt says more than the verdicts that were reached before it
    except (UsageError, StoreError, LaunchError, ClaimError) as error:
        complain(error)
        return TOOL_ERROR


def _others() -> str:
    """What others do on this machine, looked at for a moment; empty where it is little."""
    from harness.loading.machine.cores import usable_cores
    from harness.monitor.usage import LONG_ENOUGH, CpuUse, disturbing

    usage = CpuUse()
    time.sleep(LONG_ENOUGH)
    return disturbing(usage.since().get("other_cores", 0.0), usable_cores())


def list_cases(options: argparse.Namespace, benchmarks: Path) -> int:
    """``list --cases``: call the roll, in a process that imports the benchmarks, and print what answers."""
    from harness.processes.launch import borrow_packages, check_interpreter

    try:
        settings = settings_from(options, benchmarks)
        chosen = chosen_claims(settings, complain)
        check_temporary(loaders=False)
        with Reaper() as guard:
            python, lent = sys.executable, None
            if settings.python:
                python, lent = check_interpreter(settings.python), borrow_packages(guard.folder / "lent")
            started = WorkerSettings(
                python, benchmarks, guard.folder, settings.device, settings.data, keeps_logs=False, borrowed=lent
            )
            with WorkerPool(started) as pool:
                called = pool.collect(sorted({claim.path for claim in chosen.claims}))
        called.account_for(chosen.claims)
    except (UsageError, ClaimError, LaunchError, WorkerError) as error:
        complain(error)
        return TOOL_ERROR
    for claim in chosen.claims:
        say(f"{sanitize(claim.name)}  {sanitize(claim.sentence, _LONGEST)}")
        prefix = f"{claim.path}::{claim.function}"
        for case, variants in called.cases.items():
            if benchmark_of(case) == prefix:
                absent = called.unavailable[case]
                shown = ", ".join(f"{name} (skipped: {absent[name]})" if name in absent else name for name in variants)
                say(f"    {sanitize(case)}: {sanitize(shown, _LONGEST)}")
        for word, cases in (("skipped", called.skipped), ("failed", called.failed)):
            for case, reason in cases.items():
                if benchmark_of(case) == prefix:
                    say(f"    {sanitize(case)}: {word}: {sanitize(reason, _LONGEST)}")
    for problem in chosen.problems:
        complain(problem.message)
    return CANNOT_JUDGE if called.failed or chosen.problems else OK


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt
