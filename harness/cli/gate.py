"""``gate`` and ``selftest``: from what was typed to two sides, a result in every form asked for, and an exit status."""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

from harness.bench.settings import words
from harness.claims.file import ClaimError
from harness.cli import output
from harness.cli.gate_checks import (
    accepted_metrics,
    budget_and_watch,
    check_machines,
    check_repository,
    check_temporary_folder,
    claims_of,
    refuse_beside_baseline,
    settings_of,
)
from harness.cli.gate_forms import finish, repository
from harness.errors import UsageError
from harness.exit_status import CANNOT_JUDGE, INTERRUPTED, OK, TOOL_ERROR
from harness.gate.base_revision import read_base
from harness.gate.builds.check_imports import check_packages_and_benchmarks
from harness.gate.builds.prepare import Builder
from harness.gate.builds.side import (
    BenchmarksRemoved,
    NothingChanged,
    NothingToCompare,
    SideEnv,
    SideSpec,
    variables_from,
)
from harness.gate.builds.unchanged import refuse_documents_alone
from harness.gate.case_state import gone
from harness.gate.pair import SideCommand
from harness.gate.run import gate
from harness.gate.settings import BaselineSettings, GateSettings
from harness.judge.regression import GateThresholds, status_of
from harness.loading.machine.cores import usable_cores
from harness.model import GateResult, Side, SideFacts
from harness.processes import launch
from harness.processes.launch import LaunchError
from harness.processes.live import Reaper
from harness.store import StoreError, new_run_folder
from harness.workers.collect import Refused, WorkerError
from harness.workers.protocol import SideInfo


def hold(options: argparse.Namespace, benchmarks: Path) -> int:
    """``gate``: is head slower than base? 0 nothing regressed, 1 regressed, 2 usage or tool error, 3 cannot judge."""
    return _guarded(lambda stack: _gate(options, benchmarks, stack))


def selftest(options: argparse.Namespace, benchmarks: Path) -> int:
    """``selftest``: the same code on both sides; what this machine can tell apart."""
    return _guarded(lambda stack: _selftest(options, benchmarks, stack))


def _guarded(work: Callable[[ExitStack], int]) -> int:
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        with ExitStack() as stack:
            return work(stack)
    except NothingToCompare as error:
        print(f"harness: nothing to compare: {error}", file=sys.stderr)
        return CANNOT_JUDGE
    except (UsageError, ClaimError, LaunchError, StoreError, WorkerError) as error:
        print(f"harness: {error}", file=sys.stderr)
        return TOOL_ERROR
    except KeyboardInterrupt:
        print("harness: interrupted before anything was measured", file=sys.stderr)
        return INTERRUPTED


def _gate(options: argparse.Namespace, benchmarks: Path, stack: ExitStack) -> int:
    budget, watch = budget_and_watch(options)
    accepted = accepted_metrics(options.accept)
    settings = settings_of(options, benchmarks)
    claims = claims_of(options, benchmarks)
    check_temporary_folder(claims)
    if options.baseline is not None:
        from harness.gate.baseline import compare_with_saved
        from harness.report.gate.progress import GateProgress

        refuse_beside_baseline(options)
        saved = BaselineSettings(
            str(options.baseline),
            options.results,
            benchmarks,
            claims,
            words(options.select),
            settings.thresholds,
            device=options.device,
            data=options.data.resolve() if options.data else None,
            seconds=budget,
            watch=watch,
            accepted=accepted,
        )
        with GateProgress(output.console()) as display:
            result, folder = compare_with_saved(saved, display)
        return finish(result, folder, options, benchmarks)
    base = SideSpec(options.base, options.base_python, variables_from(options.base_env, "--base-env"))
    head = SideSpec(None, options.head_python, variables_from(options.head_env, "--head-env"))
    check_repository(options, benchmarks)
    screen = output.console()
    builder = stack.enter_context(Builder(note=lambda text: screen.print(text, highlight=False, soft_wrap=True)))
    try:
        sources = builder.check_out(base, head, repository(benchmarks), settings, options.results)
        refuse_documents_alone(sources, benchmarks)
    except NothingChanged as error:
        labels = {Side.BASE: str(options.base), Side.HEAD: "working tree"}
        return finish(_unchanged(str(error), labels, settings.thresholds, options), None, options, benchmarks)
    # Before anything is built: what is wrong with them is known early.
    before, notes = read_base(sources, benchmarks, words(options.select))
    prepared = builder.build(sources)
    prepared_notes = [*notes, *dict.fromkeys(note for side in prepared for note in side.notes)]
    asked = GateSettings(
        benchmarks,
        claims,
        _sides(prepared, _threads(options), stack),
        {side.side: side.label for side in prepared},
        settings.thresholds,
        device=options.device,
        data=options.data.resolve() if options.data else None,
        under_test=settings.under_test if options.base is not None else (),
        before=before,
        seconds=budget,
        watch=watch,
        accepted=accepted,
    )

    def check(said: Mapping[Side, SideInfo]) -> Sequence[str]:
        if asked.under_test:
            packages = said[Side.BASE].packages, said[Side.HEAD].packages
            found = check_packages_and_benchmarks(prepared, packages, before, claims, benchmarks)
            return [*prepared_notes, *found]
        return [*prepared_notes, *check_machines(said)]

    return _run(asked, options, check)


def _selftest(options: argparse.Namespace, benchmarks: Path, _stack: ExitStack) -> int:
    budget, watch = budget_and_watch(options)
    settings = settings_of(options, benchmarks)
    threads = _threads(options)
    claims = claims_of(options, benchmarks)
    check_temporary_folder(claims)
    python = launch.check_interpreter(options.python) if options.python else sys.executable
    sides = (SideCommand(Side.BASE, python, threads, threads), SideCommand(Side.HEAD, python, threads, threads))
    asked = GateSettings(
        benchmarks,
        claims,
        sides,
        {Side.BASE: "this code", Side.HEAD: "this code"},
        settings.thresholds,
        device=options.device,
        data=options.data.resolve() if options.data else None,
        seconds=budget,
        watch=watch,
        selftest=True,
    )
    return _run(asked, options, check_machines)


def _run(
    asked: GateSettings, options: argparse.Namespace, check: Callable[[Mapping[Side, SideInfo]], Sequence[str]]
) -> int:
    from harness.report.gate.progress import GateProgress

    now = datetime.now(UTC).astimezone()
    folder = new_run_folder(options.results, now)
    console = output.console()
    screen = GateProgress(console)
    try:
        with screen:
            result = gate(asked, folder, screen, check)
    except Refused:
        shutil.rmtree(folder)  # nothing was measured
        raise
    except NothingChanged as error:
        result = _unchanged(str(error), asked.labels, asked.thresholds, options)
    except BenchmarksRemoved as error:
        result = _unchanged("", asked.labels, asked.thresholds, options)
        missing = tuple(map(gone, error.functions))
        result = replace(result, verdicts=missing, status=status_of(missing), notes=(str(error),))
    except KeyboardInterrupt as interrupt:
        if not interrupt.args or not isinstance(interrupt.args[0], GateResult):
            raise
        result = replace(interrupt.args[0], status=INTERRUPTED)
    return finish(replace(result, started=now.isoformat(timespec="seconds")), folder, options, asked.benchmarks)


def _unchanged(
    why: str, labels: Mapping[Side, str], thresholds: GateThresholds, options: argparse.Namespace
) -> GateResult:
    """The result where nothing under test changed: its status is 3, or 0 where that was asked for."""
    return GateResult(
        SideFacts(Side.BASE, labels[Side.BASE]),
        SideFacts(Side.HEAD, labels[Side.HEAD]),
        (),
        OK if options.unchanged_ok else CANNOT_JUDGE,
        0,
        thresholds.target,
        thresholds.loader_target,
        thresholds.alpha,
        0,
        0.0,
        unchanged=why,
    )


def _sides(
    prepared: Sequence[SideEnv], threads: Mapping[str, str], stack: ExitStack
) -> tuple[SideCommand, SideCommand]:
    borrowed = None
    if any(side.borrows for side in prepared):
        borrowed = launch.borrow_packages(stack.enter_context(Reaper()).folder / "borrowed")
    base, head = (
        SideCommand(
            side.side,
            side.python,
            {**threads, **side.environment},
            {**threads, **side.shown},
            borrowed if side.borrows else None,
        )
        for side in prepared
    )
    return base, head


def _threads(options: argparse.Namespace) -> dict[str, str]:
    """How many threads torch is to use on either side: one core is left to whatever else runs on the machine.

    Threads that wait for each other by spinning lose tenths of a second to any neighbour; what the user has set counts.
    """
    if options.threads is not None:
        return {"OMP_NUM_THREADS": str(options.threads)}
    if "OMP_NUM_THREADS" in os.environ:
        return {}
    return {"OMP_NUM_THREADS": str(max(1, usable_cores() - 1))}


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt
