"""A parser of command lines whose errors are those of the command that was typed."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any, NoReturn


class Parser(argparse.ArgumentParser):
    """A parser that complains of an unknown option itself, with its own usage and the name that is nearest.

    argparse leaves what a command does not know to the parser above it, which shows the usage of no command.
    """

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> tuple[Any, list[str]]:
        """As argparse has it, but whatever is unknown is an error here."""
        found, unknown = super().parse_known_args(args, namespace)
        if unknown:
            self._refuse(unknown)
        return found, unknown

    def _refuse(self, unknown: Sequence[str]) -> NoReturn:
        known = [name for action in self._actions for name in action.option_strings]
        word = next((word for word in unknown if word.startswith("-")), unknown[0])
        near = get_close_matches(word.partition("=")[0], known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"{self.prog} --help lists what there is"
        self.error(f"unrecognized argument {word}; {hint}")
