"""``bench`` on several nodes: a set with one job for each, every job an ordinary ``bench``."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from harness.bench.chosen import chosen_claims
from harness.bench.run import GRACE
from harness.bench.settings import Settings
from harness.bench.share import Share
from harness.cluster.drive import ClusterDisplay, Driver, Moments
from harness.cluster.job import NodeJob
from harness.cluster.nodes import Variables
from harness.cluster.place import Place
from harness.errors import UsageError
from harness.model.run_set import JobOutcome, SetPlan
from harness.program import SCRIPT, program
from harness.store import StoreError
from harness.store.sets import JobJournal, new_set

MARGIN = 600.0
"""Seconds that a job may take beyond its budget: our own budget ends first."""


@dataclass(frozen=True, slots=True)
class SetRequest:
    """Where the jobs of a set run: the kind of place, its nodes with their variables, and whether each node
    measures everything."""

    on: str
    nodes: Mapping[str, Variables]
    each: bool


class RefusedJobs(UsageError):
    """No job was taken, and no set is left."""


def time_limit(budget: float) -> float:
    """The seconds that a job may take: the budget and ten minutes, more where a run may overrun a long budget
    by more."""
    return budget + max(MARGIN, budget * GRACE + MARGIN / 2)


def bench_set(
    settings: Settings,
    request: SetRequest,
    place: Place,
    display: ClusterDisplay,
    *,
    command: Sequence[str] = (),
    note: Callable[[str], None] = lambda _: None,
    began: Callable[[Path], None] = lambda _: None,
    moments: Moments | None = None,
) -> Path:
    """Measure a set and return its folder; ``began`` gets it before the first job is submitted.

    KeyboardInterrupt passes through once the jobs are cancelled. Raises ClaimError, UsageError, StoreError.
    """
    chosen_claims(settings, note)
    nodes = tuple(sorted(request.nodes))
    started = datetime.now(UTC)
    plan = SetPlan(
        request.on,
        nodes,
        request.each,
        started.isoformat(timespec="seconds"),
        tuple(command),
        settings.seconds,
        settings.profile,
    )
    folder = new_set(settings.results, started.astimezone(), plan).resolve()
    began(folder)
    jobs = [
        NodeJob(
            node,
            node,
            folder,
            bench_command(settings, folder, node, None if request.each else Share(node, nodes)),
            time_limit(settings.seconds),
            Path.cwd(),
            request.nodes[node],
        )
        for node in nodes
    ]
    journal = JobJournal(folder)
    driver = Driver(place, journal, display, moments)
    try:
        driver.drive(jobs)
    except BaseException as error:
        with suppress(StoreError):  # a full disk, say, which the error that passes through reports
            journal.close("interrupted" if isinstance(error, KeyboardInterrupt) else "stopped")
        raise
    journal.close("every job ended")
    if all(end.outcome is JobOutcome.REFUSED for end in driver.ends):
        shutil.rmtree(folder)
        reasons = dict.fromkeys(end.reason for end in driver.ends)
        raise RefusedJobs(f"--on {request.on}: no job was taken: {'; '.join(reasons)}")
    return folder


def bench_command(settings: Settings, results: Path, folder: str, share: Share | None) -> tuple[str, ...]:
    """The ordinary command whose run is ``results/folder``, in words that mean the same in any folder."""
    words = [*_program(), "bench", "--benchmarks", str(settings.benchmarks), "--results", str(results)]
    words += ["--folder", folder, "--device", settings.device, "--profile", settings.profile]
    words += ["--budget", f"{settings.seconds:.0f}", "--watch", f"{settings.watch:g}"]
    for option, values in (("--select", settings.select), ("--trace", settings.trace)):
        words += [f"{option}={value}" for value in values]
    if settings.data is not None:
        words += ["--data", str(settings.data)]
    if settings.python is not None:
        words += ["--python", settings.python]
    if settings.snapshots:
        words.append("--memory-snapshot")
    if share is not None:
        words += ["--share", str(share)]
    return tuple(words)


def _program() -> list[str]:
    """The program as it was started here, for another working folder may have a package of our name."""
    if program() == SCRIPT:
        return [sys.executable, str(Path(sys.argv[0]).resolve())]
    return [sys.executable, "-m", "harness"]
