"""``bench --on``: the same command on several nodes, each with a job of its own."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from harness.cli.output import complain, console
from harness.cli.parser import positive
from harness.errors import UsageError
from harness.exit_status import INTERRUPTED, OK, TOOL_ERROR
from harness.report.format import duration
from harness.store import StoreError

if TYPE_CHECKING:
    from harness.bench.settings import Settings
    from harness.cluster.configuration import ClusterConfiguration
    from harness.cluster.nodes import Variables
    from harness.cluster.place import Place
    from harness.processes.live import Reaper

PLACES = ("here", "local", "slurm")


def add_nodes(parser: argparse.ArgumentParser) -> None:
    """Add where the jobs run, and on how many nodes."""
    parser.add_argument(
        "--on", choices=PLACES,
        help="run as jobs, whose runs are a set: on a Slurm cluster, or on this machine with submitit (local) or "
        "without (here), a node for each GPU",
    )  # fmt: skip
    parser.add_argument(
        "--nodes", type=positive, metavar="N", help="with --on: deal the cases to N nodes; default: 1"
    )
    parser.add_argument(
        "--each", action="store_true", help="with --on: every node measures all cases; default: all nodes"
    )


def check_nodes(options: argparse.Namespace) -> None:
    """Raises UsageError for options that need each other, or exclude each other."""
    if options.on is None:
        for name, given in (("--nodes", options.nodes), ("--each", options.each)):
            if given:
                raise UsageError(f"{name} needs --on, which says where the nodes are: {', '.join(PLACES)}")
        return
    for name, given in (
        ("--folder", options.folder),
        ("--share", options.share),
        ("--resume", options.resume),
    ):
        if given:
            raise UsageError(
                f"{name} is for a single run, and --on makes a set of them: leave one of them out"
            )


def run_on(options: argparse.Namespace, settings: Settings) -> int:
    """Measure on the nodes and report. The status is that of the whole set; 130 after an interrupt."""
    from harness.cli.sets import show_set
    from harness.cluster.bench import SetRequest, bench_set, time_limit
    from harness.cluster.configuration import cluster_configuration
    from harness.gate.configuration import configuration
    from harness.processes.live import Reaper
    from harness.program import shadowed
    from harness.report.progress.cluster import ClusterProgress

    stated = configuration(Path())
    cluster = cluster_configuration(stated.cluster, stated.file)
    limit = time_limit(settings.seconds)
    if options.on == "slurm" and cluster.time is not None and limit > cluster.time:
        raise UsageError(
            f"--budget: a job of {duration(settings.seconds, exact=True)} has a time limit of "
            f"{duration(limit, exact=True)}, and time in {cluster.place} allows {duration(cluster.time, exact=True)}; "
            "choose a shorter budget"
        )
    if options.on != "here" and shadowed(Path()):
        raise UsageError(
            f"--on {options.on}: this folder has a package harness of its own, which the jobs would import; type the "
            "command in another folder, with --benchmarks FOLDER"
        )
    if options.on == "slurm" and "%" in str(settings.results.resolve()):
        raise UsageError(
            f"--results: {settings.results} lies in a folder with % in its name, which Slurm takes for a job's number "
            "in the names of logs; choose another folder"
        )
    made: list[Path] = []
    status = OK
    with Reaper() as guard:
        place, nodes = _place(options, cluster, guard)
        progress = ClusterProgress(console(), len(nodes))
        try:
            with progress:
                bench_set(
                    settings,
                    SetRequest(options.on, nodes, options.each),
                    place,
                    progress,
                    command=options.typed,
                    note=progress.note,
                    began=made.append,
                )
        except KeyboardInterrupt:
            progress.note("interrupted: what was measured so far is below")
            status = INTERRUPTED
        except StoreError as error:
            complain(error)
            status = TOOL_ERROR
    shown = show_set(made[0], console()) if made else OK
    return status or shown


def _place(
    options: argparse.Namespace, cluster: ClusterConfiguration, guard: Reaper
) -> tuple[Place, dict[str, Variables]]:
    """Where the jobs run, and its nodes. Raises UsageError."""
    from harness.cluster.here import Here
    from harness.cluster.local import Local, check_submitit
    from harness.cluster.nodes import nodes_here

    wanted = options.nodes or (None if options.each else 1)
    if options.on != "here":
        check_submitit(f"--on {options.on}")
    if options.on == "slurm":
        from harness.cluster.slurm import Slurm

        slurm = Slurm(cluster)
        return slurm, {node: {} for node in slurm.nodes(wanted)}
    nodes = nodes_here(wanted, device=options.device)
    return (Here(guard) if options.on == "here" else Local()), dict(nodes)
