"""``gate``: judge whether head is slower than base, or than a saved run."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from harness.cli.options import RUN, add_claims, add_gating, named_folder
from harness.cli.values import words
from harness.errors import UsageError

if TYPE_CHECKING:
    from harness.cli.gating import GateRequest
    from harness.model import Side
    from harness.workers.protocol import SideInfo

ACCEPTABLE = {
    "memory": ("peak_bytes", "reserved_bytes"),
    "launches": ("launches",),
    "tracked": ("tracked",),
    "results": ("results",),
}
"""What ``--accept`` allows more of, with the metrics meant, or that head's results are others than base's.

For time there is a higher ``--target``.
"""

NOT_BESIDE_BASELINE = (
    "--base", "--base-python", "--base-env", "--head-python", "--head-env", "--threads", "--resume"
)  # fmt: skip
"""Options of the two sides: beside ``--baseline`` the saved run is the base, and this code is measured as it
is."""


def add(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.description = "Judge whether head is slower than base."
    add_claims(parser, python=False)
    parser.add_argument("--base", metavar="REV", help="a git revision, to compare the working tree with")
    parser.add_argument("--base-python", metavar="PATH", help="the interpreter of the base side")
    parser.add_argument(
        "--base-env", metavar="K=V", action="append", default=[],
        help="an environment variable of the base side; repeatable",
    )  # fmt: skip
    parser.add_argument("--head-python", metavar="PATH", help="the interpreter of the head side")
    parser.add_argument(
        "--head-env", metavar="K=V", action="append", default=[],
        help="an environment variable of the head side; repeatable",
    )  # fmt: skip
    parser.add_argument(
        "--baseline", metavar="RUN", help=f"a saved run to compare with instead of a base: {RUN}"
    )
    parser.add_argument(
        "--resume", metavar="RUN",
        help=f"go on with a gate that was killed, interrupted or out of time; type it as it was: {RUN}",
    )  # fmt: skip
    parser.add_argument(
        "--bisect", metavar="GOOD..BAD",
        help="find the first revision between these two that regressed, by a gate for each step of git bisect",
    )  # fmt: skip
    parser.add_argument(
        "--unchanged-ok", action="store_true",
        help="exit with 0 instead of 3 if nothing under test changed, as in a change of README.md alone",
    )  # fmt: skip
    parser.add_argument(
        "--accept", metavar="METRIC", action="append", default=[],
        help="report more of this without failing (memory, launches, tracked), for a change that is meant to cost it; "
        "results: those of pytest-benchmark's tests may differ between the sides",
    )  # fmt: skip
    add_gating(parser)


def run(options: argparse.Namespace) -> int:
    """Judge. The status is 1 if something regressed, 3 if that cannot be judged. Raises HarnessError."""
    from harness.cli.gating import guarded

    if options.bisect is not None:
        from harness.cli.bisect import run as bisected

        return guarded(lambda _: bisected(options))
    return guarded(lambda stack: _gate(options, stack))


def _gate(options: argparse.Namespace, stack: ExitStack) -> int:
    from harness.bench.resume import digests
    from harness.claims.folder import read
    from harness.claims.selection import select
    from harness.cli import gating
    from harness.gate.base_revision import read_base
    from harness.gate.builds.check_imports import check_packages_and_benchmarks
    from harness.gate.builds.prepare import Builder
    from harness.gate.builds.side import NothingChanged, SideSpec, variables_from
    from harness.gate.builds.unchanged import refuse_documents_alone
    from harness.gate.pair import SideCommand
    from harness.gate.resume import request_of
    from harness.gate.settings import GateSettings
    from harness.model import GateNote, Side, text_notes
    from harness.processes.launch import borrow_packages
    from harness.processes.live import Reaper

    accepted = accepted_metrics(options.accept)
    request = gating.request_from(options, unchanged_ok=options.unchanged_ok)
    if options.baseline is not None:
        refuse_beside_baseline(options)
        return _against_saved(request, options.baseline, accepted)
    resumption = None
    if options.resume is not None:
        from harness.cli.gate_resuming import resumed_gate

        resumption = stack.enter_context(resumed_gate(options.resume, options.results))
    if options.base is not None and not request.configuration.under_test:
        request = gating.with_guess(request)
    base = SideSpec(options.base, options.base_python, variables_from(options.base_env, "--base-env"))
    head = SideSpec(None, options.head_python, variables_from(options.head_env, "--head-env"))
    check_repository(options.base, named_folder(options), request.benchmarks)
    screen = request.forms.console()
    builder = stack.enter_context(
        Builder(note=lambda text: screen.print(text, highlight=False, soft_wrap=True))
    )
    try:
        sources = builder.check_out(
            base, head, gating.repository(request.benchmarks), request.configuration, request.results
        )
        refuse_documents_alone(sources, request.benchmarks)
    except NothingChanged as error:
        labels = {Side.BASE: str(options.base), Side.HEAD: "working tree"}
        return gating.finish(gating.unchanged(str(error), labels, request), None, request)
    # Before anything is built: what is wrong with them is known early.
    before, found = read_base(sources, request.benchmarks, request.select)
    prepared = builder.build(sources)
    notes = [*found, *text_notes(dict.fromkeys(note for side in prepared for note in side.notes))]
    borrowed = None
    if any(side.borrows for side in prepared):
        borrowed = borrow_packages(stack.enter_context(Reaper()).folder / "borrowed")
    base_side, head_side = (
        SideCommand(
            side.side,
            side.python,
            {**request.threads, **side.environment},
            {**request.threads, **side.shown},
            borrowed if side.borrows else None,
        )
        for side in prepared
    )
    settings = GateSettings(
        request.benchmarks,
        request.claims,
        (base_side, head_side),
        {side.side: side.label for side in prepared},
        request.thresholds,
        device=request.device,
        data=request.data,
        under_test=request.configuration.under_test if options.base is not None else (),
        before=before,
        seconds=request.seconds,
        watch=request.watch,
        accepted=accepted,
        sources=digests(select(read(request.benchmarks), request.select)),
    )
    if resumption:
        resumption.check_request(request_of(settings, settings.sources or {}))

    def check(sides: Mapping[Side, SideInfo]) -> Sequence[GateNote]:
        if settings.under_test:
            packages = sides[Side.BASE].packages, sides[Side.HEAD].packages
            own = check_packages_and_benchmarks(
                prepared, packages, before, request.claims, request.benchmarks
            )
            return [*notes, *text_notes(own)]
        return [*notes, *gating.check_machines(sides)]

    return gating.run_gate(request, settings, check, resumption)


def _against_saved(request: GateRequest, baseline: str, accepted: frozenset[str]) -> int:
    from harness.cli.gating import finish
    from harness.gate.baseline import compare_with_saved
    from harness.gate.settings import BaselineSettings
    from harness.report.progress.gate import GateProgress

    settings = BaselineSettings(
        baseline,
        request.results,
        request.benchmarks,
        request.claims,
        request.select,
        request.thresholds,
        device=request.device,
        data=request.data,
        seconds=request.seconds,
        watch=request.watch,
        accepted=accepted,
    )
    with GateProgress(request.forms.console()) as progress:
        result, folder = compare_with_saved(settings, progress)
    return finish(result, folder, request)


def refuse_beside_baseline(options: argparse.Namespace) -> None:
    """Raises UsageError for an option that contradicts ``--baseline``."""
    for option in NOT_BESIDE_BASELINE:
        value = getattr(options, option.removeprefix("--").replace("-", "_"), None)
        if value not in (None, []):
            shown = " ".join(value) if isinstance(value, list) else value
            raise UsageError(
                f"{option}: {shown} contradicts --baseline, where the stored run is the base and this code is measured "
                f"as it is; leave out --baseline or {option}"
            )


def accepted_metrics(typed: Sequence[str]) -> frozenset[str]:
    """The exact metrics of which more is accepted. Raises UsageError."""
    found: set[str] = set()
    for word in words(typed):
        if word not in ACCEPTABLE:
            raise UsageError(f"--accept: {word!r} cannot be accepted (allowed: {', '.join(ACCEPTABLE)})")
        found.update(ACCEPTABLE[word])
    return frozenset(found)


def check_repository(base: str | None, named: Path | None, benchmarks: Path) -> None:
    """Raises UsageError if a revision is named and the benchmarks are another repository's that was not
    ``named``."""
    from harness.cli.gating import repository

    here = Path.cwd()
    if base is not None and named is None and not here.is_relative_to(repository(benchmarks)):
        raise UsageError(
            f"--base {base}: {here} has no folder 'benchmarks', and those that come with tipbench are another "
            "repository's; change into your repository, or name its benchmarks with --benchmarks FOLDER"
        )
