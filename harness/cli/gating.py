"""What ``gate`` and ``selftest`` share: the request, checked before anything is built; running it; and the
outcome."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from harness.bench.resume import OtherEnvironment
from harness.bench.temporary import check_temporary
from harness.claims.claim import ClaimError
from harness.claims.folder import read
from harness.claims.selection import left_out, select
from harness.cli import output
from harness.cli.forms import Forms
from harness.cli.options import benchmarks_folder, data_folder
from harness.cli.page import leave_page
from harness.cli.values import check_data, hertz, seconds, words
from harness.errors import UsageError
from harness.exit_status import CANNOT_JUDGE, INTERRUPTED, OK
from harness.gate.builds.guess import guess_package
from harness.gate.builds.side import BenchmarksRemoved, NothingChanged, NothingToCompare
from harness.gate.configuration import Configuration, configuration, option_share, with_targets
from harness.gate.resume import GateResumption
from harness.gate.run import GateInterrupted, gate
from harness.gate.settings import BUDGET, GateSettings
from harness.judge.gate_verdicts import gone
from harness.judge.regression import GateThresholds, status_of
from harness.loading.machine.cores import usable_cores
from harness.model import Claim, GateNote, GateResult, Side, SideFacts, text_notes
from harness.report.builders import gate_records as records
from harness.report.builders.gate import gate_document
from harness.report.progress.gate import GateProgress
from harness.report.render.annotations import annotation_lines
from harness.report.render.junit import junit
from harness.report.render.markdown import markdown
from harness.report.render.terminal import show_document
from harness.report.selftest import selftest_line
from harness.store import new_run_folder, write_result
from harness.workers.collect import Refused
from harness.workers.protocol import SideInfo

if TYPE_CHECKING:
    from harness.report.html.parts import HtmlPage


@dataclass(frozen=True, slots=True)
class GateRequest:
    """A gate as it was requested; ``threads`` are environment variables of both sides."""

    benchmarks: Path
    results: Path
    select: tuple[str, ...]
    claims: tuple[Claim, ...]
    configuration: Configuration
    device: str
    data: Path | None
    seconds: float
    watch: float
    threads: Mapping[str, str]
    forms: Forms
    every: bool
    page: bool
    unchanged_ok: bool = False

    @property
    def thresholds(self) -> GateThresholds:
        """When something has regressed."""
        return self.configuration.thresholds


def request_from(options: argparse.Namespace, *, unchanged_ok: bool = False) -> GateRequest:
    """The request, as far as it can be checked before anything is built. Raises UsageError, ClaimError,
    StoreError."""
    benchmarks = benchmarks_folder(options)
    forms = Forms.of(options, options.results, summary=True)
    check_data(options.data)
    budget = seconds(options.budget) if options.budget else BUDGET
    watch = hertz(options.watch)
    found = _configuration(options, benchmarks)
    claims = _claims(options, benchmarks, found)
    check_temporary(loaders=any(claim.loader for claim in claims))
    return GateRequest(
        benchmarks,
        options.results,
        words(options.select),
        claims,
        found,
        options.device,
        data_folder(options),
        budget,
        watch,
        _threads(options.threads),
        forms,
        options.every,
        options.page,
        unchanged_ok,
    )


def guarded(work: Callable[[ExitStack], int]) -> int:
    """The exit status of the work; 3 if there is nothing to compare."""
    output.interrupt_on_sigterm()
    try:
        with ExitStack() as stack:
            return work(stack)
    except NothingToCompare as error:
        output.complain(f"nothing to compare: {error}")
        return CANNOT_JUDGE
    except OtherEnvironment as error:
        output.complain(error)
        return CANNOT_JUDGE
    except KeyboardInterrupt:
        output.complain("interrupted before anything was judged")
        return INTERRUPTED


def run_gate(
    request: GateRequest,
    settings: GateSettings,
    check: Callable[[Mapping[Side, SideInfo]], Sequence[GateNote]],
    resumption: GateResumption | None = None,
) -> int:
    """Measure both sides, or what is missing of a gate that is resumed, and finish. ``check`` gets what they
    run on, and gives notes or raises."""
    now = datetime.now(UTC).astimezone()
    folder = resumption.journal.folder if resumption else new_run_folder(request.results, now)
    progress = GateProgress(request.forms.console())
    try:
        with progress:
            result = gate(settings, folder, progress, check, resumption)
    except (Refused, OtherEnvironment):
        # Nothing was measured.
        if resumption:
            resumption.discard()
        else:
            shutil.rmtree(folder)
        raise
    except NothingChanged as error:
        result = unchanged(str(error), settings.labels, request)
    except BenchmarksRemoved as error:
        missing = tuple(map(gone, error.functions))
        result = unchanged("", settings.labels, request)
        result = replace(result, verdicts=missing, status=status_of(missing), notes=text_notes([str(error)]))
    except GateInterrupted as interrupt:
        result = replace(interrupt.result, status=INTERRUPTED)
    return finish(replace(result, started=now.isoformat(timespec="seconds")), folder, request)


def finish(result: GateResult, folder: Path | None, request: GateRequest) -> int:
    """Show the result, write it in every requested form, and give its exit status.

    A ``folder`` of None keeps nothing: nothing was measured. Raises StoreError for the first form that could
    not be written, after the others are and the report is shown.
    """
    try:
        return _finished(result, folder, request)
    except KeyboardInterrupt:
        where = "nothing was measured" if folder is None else f"what was measured is in {folder}"
        output.complain(f"interrupted while the result was shown; {where}")
        return INTERRUPTED


def _finished(result: GateResult, folder: Path | None, request: GateRequest) -> int:
    console = request.forms.console()
    results = records.results(result)
    content = json.dumps(records.document(result), indent=1, allow_nan=False)
    if folder is not None:
        write_result(folder, content)
    try:
        request.forms.write(
            {
                "json": lambda: content,
                "junit": lambda: junit(results),
                "markdown": lambda: markdown(gate_document(result, every=True)),
            }
        )
    finally:
        # A disk that is full by now must not cost the report, too.
        if os.environ.get("GITHUB_ACTIONS") == "true":
            for line in annotation_lines(results, from_repository(request.benchmarks)):
                print(line)
        if folder is not None:
            console.print(f"saved in {folder}", highlight=False, soft_wrap=True)
            if (
                request.page
                and result.verdicts
                and (page := leave_page(folder, partial(_page, result, folder)))
            ):
                console.print(f"page: {page}", highlight=False, soft_wrap=True)
        if not (result.selftest or result.unchanged) and (
            tested := selftest_line(request.results, result.head.environment.get("machine_id"))
        ):
            console.print(f"selftest of this machine, {tested}", highlight=False, soft_wrap=True)
        show_document(gate_document(result, every=request.every), console)
    return result.status


def _page(result: GateResult, folder: Path, _: Path) -> HtmlPage:
    from harness.report.html.gate_page import gate_page

    return gate_page(result, folder.name)


def unchanged(why: str, labels: Mapping[Side, str], request: GateRequest) -> GateResult:
    """The result if nothing under test changed: its status is 3, or 0 on request."""
    return GateResult(
        SideFacts(Side.BASE, labels[Side.BASE]),
        SideFacts(Side.HEAD, labels[Side.HEAD]),
        (),
        OK if request.unchanged_ok else CANNOT_JUDGE,
        0,
        request.thresholds.target,
        request.thresholds.loader_target,
        request.thresholds.alpha,
        0,
        0.0,
        unchanged=why,
    )


def check_machines(sides: Mapping[Side, SideInfo]) -> Sequence[GateNote]:
    """Raises NothingToCompare if the two sides run on GPUs of different kinds."""
    base, head = (
        ", ".join(gpu["name"] for gpu in sides[side].environment["gpus"]) or "no GPU" for side in Side
    )
    if base != head:
        raise NothingToCompare(f"base runs on {base} and head on {head}; let both see the same one")
    return ()


def from_repository(benchmarks: Path) -> str:
    """The folder of benchmarks as the repository's host names it: relative to the top; its name outside of
    any."""
    folder, top = benchmarks.resolve(), repository(benchmarks).resolve()
    return folder.relative_to(top).as_posix() if folder.is_relative_to(top) else folder.name


def repository(benchmarks: Path) -> Path:
    """The repository that the benchmarks are in, else the folder above them."""
    return next(
        (folder for folder in (benchmarks, *benchmarks.parents) if (folder / ".git").exists()),
        benchmarks.parent,
    )


def _configuration(options: argparse.Namespace, benchmarks: Path) -> Configuration:
    """What pyproject.toml states, with the options on top."""
    found = configuration(benchmarks)
    thresholds = found.thresholds
    try:
        if options.target is not None:
            thresholds = replace(thresholds, target=option_share("--target", options.target))
        if options.loader_target is not None:
            thresholds = replace(
                thresholds, loader_target=option_share("--loader-target", options.loader_target)
            )
    except ValueError as error:
        raise UsageError(str(error)) from error
    return replace(found, thresholds=thresholds)


def with_guess(request: GateRequest) -> GateRequest:
    """The same with the package that the project is of, where nothing says what is under test; a line says
    so."""
    file = request.configuration.file
    package = guess_package(file.parent if file else repository(request.benchmarks))
    if not package:
        return request
    request.forms.console().print(
        f"under test: {package}, by the project's folder; [tool.harness] under-test in pyproject.toml says otherwise",
        highlight=False,
        markup=False,
        soft_wrap=True,
    )
    return replace(request, configuration=replace(request.configuration, under_test=(package,)))


def _claims(options: argparse.Namespace, benchmarks: Path, found: Configuration) -> tuple[Claim, ...]:
    """The claims to judge, with their targets. Raises ClaimError if something that is selected cannot be
    read."""
    reading = read(benchmarks)
    chosen = select(reading, words(options.select))
    if chosen.problems:
        raise ClaimError(chosen.complaint())
    for line in left_out(reading, chosen):
        output.console(sys.stderr).print(line, highlight=False, markup=False, soft_wrap=True)
    return with_targets(chosen.claims, found, reading.claims)


def _threads(requested: int | None) -> dict[str, str]:
    """How many threads torch uses on either side: by default one core is left to other processes.

    Threads that wait for each other by spinning lose tenths of a second to any neighbour. A variable of the
    user's counts.
    """
    if requested is not None:
        return {"OMP_NUM_THREADS": str(requested)}
    if "OMP_NUM_THREADS" in os.environ:
        return {}
    return {"OMP_NUM_THREADS": str(max(1, usable_cores() - 1))}
