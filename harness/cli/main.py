"""The command line: ``python -m harness`` and ``tipbench``."""

from __future__ import annotations

import argparse
import sys
import traceback
from collections.abc import Collection, Sequence
from importlib import import_module
from typing import Protocol, cast

from harness import __version__
from harness.cli.completion import OPTION, SHELLS, print_completion
from harness.cli.examples import epilog
from harness.cli.output import complain
from harness.cli.parser import HelpFormatter, Parser
from harness.errors import HarnessError
from harness.exit_status import INTERRUPTED, OK, TOOL_ERROR
from harness.program import program

COMMANDS = {
    "bench": "measure the claims on this machine",
    "list": "list the claims",
    "new": "write a benchmark file for a claim of your own",
    "gate": "judge whether a change is slower, for CI",
    "selftest": "find out what this machine can distinguish",
    "tune": "find the best data loader setting",
    "ceilings": "measure the highest rates of this machine",
    "doctor": "say what this machine can measure",
    "report": "show a saved run",
    "compare": "compare saved runs",
    "trend": "show what changed over many saved runs",
    "runs": "list the saved runs",
    "show": "describe a saved run",
    "rm": "remove saved runs",
    "name": "name a saved run",
    "tag": "tag a saved run",
    "baseline": "keep a saved run as its machine's baseline",
}
"""Every command, which is the module of that name in this folder, with its line in ``--help``."""


class Command(Protocol):
    """A command's module."""

    def add(self, parser: argparse.ArgumentParser) -> None:
        """Add the command's description and options to its own parser."""

    def run(self, options: argparse.Namespace) -> int:
        """Run it; the exit status. What it raises is reported in `main`."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit status is one of `harness.exit_status`."""
    typed = list(sys.argv[1:] if arguments is None else arguments)
    if typed[:1] == ["--list"]:
        typed = ["list", *typed[1:]]
    name = next((word for word in typed if word in COMMANDS), None)
    understood = parser([name] if name else [])
    options = understood.parse_args(typed)
    if options.print_completion is not None:
        return print_completion(parser(), options.print_completion)
    if options.command is None:
        understood.print_help()
        return OK
    options.typed = typed
    try:
        return command(options.command).run(options)
    except (HarnessError, OSError) as error:
        complain(error)
    except KeyboardInterrupt:
        complain("interrupted")
        return INTERRUPTED
    except Exception:
        # Left to itself, Python would exit with 1, which is what a gate reports as a regression.
        traceback.print_exc()
    return TOOL_ERROR


def command(name: str) -> Command:
    """The module of a command."""
    return cast(Command, import_module(f"harness.cli.{name}"))


def parser(names: Collection[str] = tuple(COMMANDS)) -> Parser:
    """The parser, with the options of these commands: the modules of the others are not imported."""
    top = Parser(prog=program(), description="Measures PyTorch's performance tips on this machine.")
    top.add_argument("--version", action="version", version=f"tipbench {__version__}")
    top.add_argument("--list", action="store_true", help="short for the command list")
    top.add_argument(
        OPTION, choices=SHELLS, metavar="SHELL",
        help=f"print the script with which a shell completes tipbench: {', '.join(SHELLS)}",
    )  # fmt: skip
    commands = top.add_subparsers(title="commands", metavar="COMMAND", dest="command")
    for name, summary in COMMANDS.items():
        own = commands.add_parser(name, help=summary, formatter_class=HelpFormatter)
        if name in names:
            command(name).add(own)
            own.epilog = epilog(name)
    return top
