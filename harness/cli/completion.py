"""Completion by the shell: a script with every command and option, which shtab writes."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from harness.cli.output import complain
from harness.exit_status import OK, TOOL_ERROR

SHELLS = ("bash", "zsh", "tcsh")
OPTION = "--print-completion"
NAME = "tipbench"
"""The command that is completed; ``python -m harness`` is another's, python's."""

_FOLDERS = ("FOLDER",)
_FILES = ("FILE", "PATH")


def print_completion(parser: argparse.ArgumentParser, shell: str) -> int:
    """Print the script; the status is 2 without shtab, which nothing else imports."""
    try:
        print(script(parser, shell))
    except ModuleNotFoundError:
        complain(f"{OPTION}: shtab is not installed; install it with: pip install shtab")
        return TOOL_ERROR
    return OK


def script(parser: argparse.ArgumentParser, shell: str) -> str:
    """The script for one shell: its words are the parser's, folders and files where an option takes one.

    Raises ModuleNotFoundError.
    """
    import shtab

    parser.prog = NAME
    for action in _actions(parser):
        kind = (
            shtab.DIRECTORY
            if action.metavar in _FOLDERS
            else shtab.FILE
            if action.metavar in _FILES
            else None
        )
        if kind is not None:
            action.complete = kind  # type: ignore[attr-defined]
    found: str = shtab.complete(parser, shell)
    return found


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    for action in parser._actions:
        yield action
        if isinstance(action, argparse._SubParsersAction):
            for own in action.choices.values():
                yield from _actions(own)
