"""``selftest``: gate this code against itself, to find out what this machine can distinguish."""

from __future__ import annotations

import argparse
import sys

from harness.cli.options import add_claims, add_gating


def add(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.description = (
        "Gate this code against itself: the noise of this machine, the smallest effect it can resolve, "
        "false alarms."
    )
    add_claims(parser)
    add_gating(parser)


def run(options: argparse.Namespace) -> int:
    """Gate. The status is 1 after a false alarm, 3 if nothing can be judged. Raises HarnessError."""
    from harness.cli.gating import guarded

    return guarded(lambda _: _selftest(options))


def _selftest(options: argparse.Namespace) -> int:
    from harness.cli import gating
    from harness.gate.pair import SideCommand
    from harness.gate.settings import GateSettings
    from harness.model import Side
    from harness.processes.launch import check_interpreter

    request = gating.request_from(options)
    python = check_interpreter(options.python) if options.python else sys.executable
    threads = request.threads
    settings = GateSettings(
        request.benchmarks,
        request.claims,
        (SideCommand(Side.BASE, python, threads, threads), SideCommand(Side.HEAD, python, threads, threads)),
        {Side.BASE: "this code", Side.HEAD: "this code"},
        request.thresholds,
        device=request.device,
        data=request.data,
        seconds=request.seconds,
        watch=request.watch,
        selftest=True,
    )
    return gating.run_gate(request, settings, gating.check_machines)
