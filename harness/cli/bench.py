"""``bench``: measure the claims within a time budget and report their verdicts."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from harness.bench.settings import Settings
from harness.cli import list as listing
from harness.cli.on import add_nodes, check_nodes, run_on
from harness.cli.options import add_claims, add_watch, benchmarks_folder, data_folder
from harness.cli.output import complain, console, interrupt_on_sigterm
from harness.cli.page import add_page
from harness.cli.values import check_data, folder_name, hertz, seconds, share, words
from harness.exit_status import CANNOT_JUDGE, INTERRUPTED, OK, TOOL_ERROR
from harness.store import RUN_FILE, Run, StoreError


def add(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.description = "Measure the claims on this machine and report a verdict for each."
    add_claims(parser)
    parser.add_argument("--budget", metavar="TIME", help="90s, 5m, 1h; default 10m (smoke 3m, thorough 1h)")
    parser.add_argument(
        "--profile", choices=("smoke", "standard", "thorough"), default="standard",
        help="smoke: everything once, no verdicts; standard (default); thorough: more rounds",
    )  # fmt: skip
    parser.add_argument(
        "--resume", metavar="RUN",
        help="go on with a run that was killed, interrupted or out of time; what it measured is kept",
    )  # fmt: skip
    add_watch(parser)
    parser.add_argument(
        "--memory-snapshot", action="store_true",
        help="save each variant's CUDA allocations, with the lines that made them, as JSON in the run's folder",
    )  # fmt: skip
    parser.add_argument(
        "--trace", metavar="NAMES", nargs="?", const="all", action="append", default=[],
        help="also trace every variant, or only these claims' (L1,C4); surprising results are always traced",
    )  # fmt: skip
    parser.add_argument(
        "--folder", metavar="NAME", type=folder_name,
        help="the name of the run's folder in the folder of saved runs; default: the time",
    )  # fmt: skip
    parser.add_argument(
        "--share", metavar="NODE/NODES", type=share,
        help="measure only this node's share of the cases: n1/n1,n2,n3",
    )  # fmt: skip
    add_page(parser)
    add_nodes(parser)
    parser.add_argument("--list", action="store_true", help="list the claims and stop")
    listing.add_forms(parser, "with --list: ")


def settings_from(options: argparse.Namespace) -> Settings:
    """The settings, checked as far as that is possible without importing torch. Raises UsageError."""
    check_data(options.data)
    return Settings(
        benchmarks=benchmarks_folder(options),
        results=options.results,
        select=words(options.select),
        device=options.device,
        data=data_folder(options),
        python=options.python,
        profile=options.profile,
        budget=seconds(options.budget) if options.budget else None,
        watch=hertz(options.watch),
        snapshots=options.memory_snapshot,
        trace=words(options.trace),
        folder=options.folder or "",
        share=options.share,
    )


def run(options: argparse.Namespace) -> int:
    """Measure and report. The status is 3 if something was wrong, failed, timed out or lost."""
    if options.list:
        return listing.run(options)
    interrupt_on_sigterm()
    check_nodes(options)
    if options.resume is None:
        settings = settings_from(options)
        return _measured(options, settings) if options.on is None else run_on(options, settings)
    from harness.bench.resume import OtherEnvironment
    from harness.cli.resuming import resumed

    try:
        with resumed(options) as (settings, there):
            return _measured(options, settings, there)
    except OtherEnvironment as error:
        complain(error)
        return CANNOT_JUDGE


def _measured(options: argparse.Namespace, settings: Settings, there: Run | None = None) -> int:
    """Measure a run, or go on with the one that is there, and report it."""
    from harness.bench.run import UnusableGpu, bench
    from harness.cli.report import show
    from harness.loading.data.cache import cache_note
    from harness.loading.machine.cores import usable_cores
    from harness.report.progress.bench import BenchProgress
    from harness.workers.collect import WorkerError

    made: list[Path] = []
    progress = BenchProgress(console(), settings.part_seconds)
    status = OK

    def began(folder: Path) -> None:
        # A wrong request ends before this: its error stands alone.
        made.append(folder)
        if busy := other_processes():
            progress.note(
                f"this machine is busy ({busy}): threads that wait for each other are delayed, so this takes longer "
                "and times are off; a quiet machine is better"
            )
        if note := cache_note():
            progress.note(note)

    try:
        width = min(4, usable_cores())
        bench(settings, progress, width=width, command=options.typed, began=began, resumed=there)
    except KeyboardInterrupt:
        progress.note("interrupted: what was measured so far is below")
        status = INTERRUPTED
    except UnusableGpu as error:
        complain(error)
        status = CANNOT_JUDGE
    except (WorkerError, StoreError) as error:
        complain(error)
        status = TOOL_ERROR
    finally:
        progress.close()
    # This run, and not the latest in the folder: others may run meanwhile.
    recorded = made and (made[0] / RUN_FILE).is_file()
    # A node's share is a part of a report, and everything once is none.
    page = options.page and settings.share is None and settings.profile != "smoke"
    explained = status in (TOOL_ERROR, CANNOT_JUDGE)
    shown = show(made[0], console(), explained=explained, page=page) if recorded else OK
    return status or shown  # a tool error or an interrupt matters more than the verdicts before it


def other_processes() -> str:
    """What other processes do on this machine, from a short look; empty if it is little."""
    from harness.loading.machine.cores import usable_cores
    from harness.monitor.usage import LONG_ENOUGH, CpuUse, disturbing

    usage = CpuUse()
    time.sleep(LONG_ENOUGH)
    return disturbing(usage.since().get("other_cores", 0.0), usable_cores())
