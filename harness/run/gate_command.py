"""``gate`` and ``selftest``: from what was typed to two arms, a result in every form asked for, and an exit status."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

from harness import launch
from harness.benchmarks import read
from harness.claims import ClaimError
from harness.compare.gate import GateThresholds
from harness.launch import LaunchError
from harness.loading.machine.cores import usable_cores
from harness.model import Arm, ArmFacts, Claim, GateResult
from harness.processes import Guard
from harness.run import output
from harness.run.arms import (
    NothingChanged,
    NothingToCompare,
    Prepared,
    Wanted,
    Workshop,
    check_packages,
    known_to_base,
    refuse_documents_alone,
    variables_from,
)
from harness.run.configuration import Configuration, configuration, share
from harness.run.gate import gate
from harness.run.gate_asked import BUDGET, Asked
from harness.run.output import CANNOT_JUDGE, INTERRUPTED, OK, TOOL_ERROR
from harness.run.pair import Introduction, Side
from harness.run.roll_call import CrewError, Refused
from harness.run.settings import UsageError, check_data, hertz, left_out, seconds, select, words
from harness.run.temporary import check_temporary
from harness.run.written import check_writable, write
from harness.store import StoreError, new_run_folder, write_result


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
    except (UsageError, ClaimError, LaunchError, StoreError, CrewError) as error:
        print(f"harness: {error}", file=sys.stderr)
        return TOOL_ERROR
    except KeyboardInterrupt:
        print("harness: interrupted before anything was measured", file=sys.stderr)
        return INTERRUPTED


def _gate(options: argparse.Namespace, benchmarks: Path, stack: ExitStack) -> int:
    budget, watch = _budget_and_watch(options)
    accepted = _accepted(options.accept)
    settings = _configuration(options, benchmarks)
    claims = _claims(options, benchmarks)
    _check_temporary(claims)
    if options.baseline is not None:
        from harness.run.stored import against_stored

        return against_stored(options, benchmarks, claims, settings.thresholds, _finish, accepted)
    base = Wanted(options.base, options.base_python, variables_from(options.base_env, "--base-env"))
    head = Wanted(None, options.head_python, variables_from(options.head_env, "--head-env"))
    _check_repository(options, benchmarks)
    screen = output.console()
    workshop = stack.enter_context(Workshop(tell=lambda text: screen.print(text, highlight=False, soft_wrap=True)))
    try:
        sources = workshop.check_out(base, head, _repository(benchmarks), settings, options.results)
        refuse_documents_alone(sources, benchmarks)
    except NothingChanged as error:
        labels = {Arm.BASE: str(options.base), Arm.HEAD: "working tree"}
        return _finish(_unchanged(str(error), labels, settings.thresholds, options), None, options, benchmarks)
    # Before anything is built: what is wrong with them is known early.
    before, notes = known_to_base(sources, benchmarks, words(options.select))
    prepared = workshop.build(sources)
    prepared_notes = [*notes, *dict.fromkeys(note for side in prepared for note in side.notes)]
    asked = Asked(
        benchmarks,
        claims,
        _sides(prepared, _threads(options), stack),
        {side.arm: side.label for side in prepared},
        settings.thresholds,
        device=options.device,
        data=options.data.resolve() if options.data else None,
        under_test=settings.under_test if options.base is not None else (),
        before=before,
        seconds=budget,
        watch=watch,
        accepted=accepted,
    )

    def check(said: Mapping[Arm, Introduction]) -> Sequence[str]:
        if asked.under_test:
            found = check_packages(*prepared, said[Arm.BASE].packages, said[Arm.HEAD].packages)
            return [*prepared_notes, *found]
        return [*prepared_notes, *_check_machines(said)]

    return _run(asked, options, check)


def _selftest(options: argparse.Namespace, benchmarks: Path, _stack: ExitStack) -> int:
    budget, watch = _budget_and_watch(options)
    settings = _configuration(options, benchmarks)
    threads = _threads(options)
    claims = _claims(options, benchmarks)
    _check_temporary(claims)
    python = launch.check_interpreter(options.python) if options.python else sys.executable
    sides = (Side(Arm.BASE, python, threads, threads), Side(Arm.HEAD, python, threads, threads))
    asked = Asked(
        benchmarks,
        claims,
        sides,
        {Arm.BASE: "this code", Arm.HEAD: "this code"},
        settings.thresholds,
        device=options.device,
        data=options.data.resolve() if options.data else None,
        seconds=budget,
        watch=watch,
        selftest=True,
    )
    return _run(asked, options, _check_machines)


def _budget_and_watch(options: argparse.Namespace) -> tuple[float, float]:
    """Seconds, and looks a second; with them what else may be wrong is looked at before anything is built.

    Raises UsageError, and StoreError for a file that cannot be written.
    """
    check_writable(_files(options), options.results)
    check_data(options.data)
    return seconds(options.budget) if options.budget else BUDGET, hertz(options.watch)


SUMMARY = "GITHUB_STEP_SUMMARY"
"""The variable that names the file of a workflow's summary, to which others write, too."""


def _files(options: argparse.Namespace) -> dict[str, Path | None]:
    """The files to write, by the option or variable that names each."""
    summary = os.environ.get(SUMMARY)
    return {
        "--json": options.json,
        "--junit": options.junit,
        "--markdown": options.markdown,
        SUMMARY: Path(summary) if summary else None,
    }


def _check_machines(said: Mapping[Arm, Introduction]) -> Sequence[str]:
    """Two GPUs of different kinds are no arms of one gate."""
    base, head = (", ".join(gpu["name"] for gpu in said[arm].environment["gpus"]) or "no GPU" for arm in Arm)
    if base != head:
        raise NothingToCompare(f"base runs on {base} and head on {head}; let both see the same one")
    return ()


def _run(
    asked: Asked, options: argparse.Namespace, check: Callable[[Mapping[Arm, Introduction]], Sequence[str]]
) -> int:
    from harness.report.gate.progress import Progress

    now = datetime.now(UTC).astimezone()
    folder = new_run_folder(options.results, now)
    console = output.console()
    screen = Progress(console)
    try:
        with screen:
            result = gate(asked, folder, screen, check)
    except Refused:
        shutil.rmtree(folder)  # nothing was measured
        raise
    except NothingChanged as error:
        result = _unchanged(str(error), asked.labels, asked.thresholds, options)
    except KeyboardInterrupt as interrupt:
        if not interrupt.args or not isinstance(interrupt.args[0], GateResult):
            raise
        result = replace(interrupt.args[0], status=INTERRUPTED)
    return _finish(replace(result, started=now.isoformat(timespec="seconds")), folder, options, asked.benchmarks)


def _unchanged(
    why: str, labels: Mapping[Arm, str], thresholds: GateThresholds, options: argparse.Namespace
) -> GateResult:
    """The result where nothing under test changed: its status is 3, or 0 where that was asked for."""
    return GateResult(
        ArmFacts(Arm.BASE, labels[Arm.BASE]),
        ArmFacts(Arm.HEAD, labels[Arm.HEAD]),
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


def _finish(result: GateResult, folder: Path | None, options: argparse.Namespace, benchmarks: Path) -> int:
    """Show the result, write it in every form that was asked for, and give its exit status.

    A ``folder`` of None keeps nothing: there is nothing that was measured.
    """
    from harness.report import gate as forms
    from harness.report.selftest import selftest_line

    console = output.console()
    content = json.dumps(forms.document(result), indent=1, allow_nan=False)
    if folder is not None:
        write_result(folder, content)
    made = {"--json": lambda: content, "--junit": lambda: forms.junit(result)}
    for option, path in _files(options).items():
        if path is not None:
            text = made[option]() if option in made else forms.markdown(result)
            write(option, path, text, append=option == SUMMARY)
    if os.environ.get("GITHUB_ACTIONS") == "true":
        for line in forms.annotations(result, _from_repository(benchmarks)):
            print(line)
    if folder is not None:
        console.print(f"saved in {folder}", highlight=False, soft_wrap=True)
    if not (result.selftest or result.unchanged) and (
        tested := selftest_line(options.results, result.head.environment.get("machine_id"))
    ):
        console.print(f"selftest of this machine, {tested}", highlight=False, soft_wrap=True)
    forms.show_gate(result, console, every=options.every)
    return result.status


def _from_repository(benchmarks: Path) -> str:
    """The folder of benchmarks as the repository's host names it: relative to the top; as it is outside of any."""
    folder, top = benchmarks.resolve(), _repository(benchmarks).resolve()
    return folder.relative_to(top).as_posix() if folder.is_relative_to(top) else folder.name


def _configuration(options: argparse.Namespace, benchmarks: Path) -> Configuration:
    """What pyproject.toml says, with the flags on top."""
    found = configuration(benchmarks)
    changes: dict[str, Any] = {}
    for name in ("target", "loader_target"):
        if (typed := getattr(options, name, None)) is not None:
            changes[name] = share(typed)
    if not changes:
        return found
    try:
        return replace(found, thresholds=replace(found.thresholds, **changes))
    except ValueError as error:
        raise UsageError(str(error)) from error


def _check_temporary(claims: Sequence[Claim]) -> None:
    """Look at the folder for temporary files before anything is built. Raises UsageError."""
    check_temporary(loaders=any(claim.loader for claim in claims))


def _claims(options: argparse.Namespace, benchmarks: Path) -> tuple[Claim, ...]:
    """The claims to judge. Raises ClaimError where something that is selected cannot be read."""
    reading = read(benchmarks)
    chosen = select(reading, words(options.select))
    if chosen.problems:
        raise ClaimError(chosen.complaint())
    for line in left_out(reading, chosen):
        output.console(sys.stderr).print(line, highlight=False, markup=False, soft_wrap=True)
    return chosen.claims


def _accepted(typed: Sequence[str]) -> frozenset[str]:
    """The exact metrics of which more is accepted. Raises UsageError."""
    found: set[str] = set()
    for word in words(typed):
        if word not in ACCEPTABLE:
            raise UsageError(f"--accept: {word!r} is not a metric that can be accepted ({', '.join(ACCEPTABLE)})")
        found.update(ACCEPTABLE[word])
    return frozenset(found)


ACCEPTABLE = {"memory": ("peak_bytes", "reserved_bytes"), "launches": ("launches",)}
"""Of what more may be accepted, and the metrics meant; for time there is a higher --target."""


def _check_repository(options: argparse.Namespace, benchmarks: Path) -> None:
    """A revision is one of the repository that people are in. Raises UsageError where the benchmarks are another's."""
    here = Path.cwd()
    if options.base is not None and options.benchmarks is None and not here.is_relative_to(_repository(benchmarks)):
        raise UsageError(
            f"--base {options.base}: {here} has no folder 'benchmarks', and those that come with tipbench are another "
            "repository's; change into your repository, or name its benchmarks with --benchmarks FOLDER"
        )


def _repository(benchmarks: Path) -> Path:
    """The repository the benchmarks are in, else the folder above them."""
    return next(
        (folder for folder in (benchmarks, *benchmarks.parents) if (folder / ".git").exists()), benchmarks.parent
    )


def _sides(prepared: Sequence[Prepared], threads: Mapping[str, str], stack: ExitStack) -> tuple[Side, Side]:
    lent = None
    if any(side.lent for side in prepared):
        lent = launch.lend(stack.enter_context(Guard()).folder / "lent")
    base, head = (
        Side(
            side.arm,
            side.python,
            {**threads, **side.environment},
            {**threads, **side.shown},
            lent if side.lent else None,
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
