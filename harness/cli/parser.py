"""A parser of command lines whose errors are those of the command that was typed."""

from __future__ import annotations

import argparse
import sys
import textwrap
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NoReturn

FEW = 8
"""Allowed values that are all listed beside the nearest one."""


class HelpFormatter(argparse.HelpFormatter):
    """Fills paragraphs, as argparse does, and leaves lines that are indented as they are: examples."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return "\n".join(
            f"{indent}{line}"
            if line.startswith(" ") or not line
            else textwrap.fill(line, width, initial_indent=indent)
            for line in text.split("\n")
        )


class Parser(argparse.ArgumentParser):
    """A parser that reports an unknown option itself, with its own usage and the nearest name.

    argparse leaves what a command does not know to the parser above it, which shows the usage of no command.
    A word after an option that takes a value is that value even if it begins with one dash, as ``-5m`` does:
    argparse would take it for an option and not mention the value.
    """

    def parse_known_args(
        self, args: Iterable[str] | None = None, namespace: object = None
    ) -> tuple[Any, list[str]]:
        """As argparse does, but anything unknown is an error here."""
        found, unknown = super().parse_known_args(
            self._joined(sys.argv[1:] if args is None else args), namespace
        )
        if unknown:
            self._refuse(unknown)
        return found, unknown

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        """As argparse does, but with the nearest allowed value; commands are too many to list beside it."""
        known = [str(choice) for choice in action.choices or ()]
        if action.choices is not None and value not in action.choices:
            near = get_close_matches(str(value), known, n=1)
            hints = [f"did you mean {near[0]}?"] if near else []
            if not near or len(known) <= FEW:
                hints.append(f"allowed: {', '.join(known)}")
            raise argparse.ArgumentError(action, f"{value!r} is not known; {' '.join(hints)}")

    def _joined(self, words: Iterable[str]) -> list[str]:
        """The words, with ``=`` between an option and a value that begins with a dash."""
        known = {name: action for action in self._actions for name in action.option_strings}
        joined: list[str] = []
        left = list(words)
        while left:
            word = left.pop(0)
            if word == "--":
                return [*joined, word, *left]
            named = {word} & known.keys() or {
                name for name in known if word[:2] == "--" and name.startswith(word)
            }
            action = known[named.pop()] if len(named) == 1 else None
            if action is not None and action.nargs is None:
                value = left[0] if left else None
                if value is None or value.startswith("--") or value in known:
                    self._refuse_without_value(action, value)
                if value.startswith("-"):
                    word = f"{word}={left.pop(0)}"
            joined.append(word)
        return joined

    def _refuse_without_value(self, action: argparse.Action, instead: str | None) -> NoReturn:
        before = f" before {instead}" if instead else ""
        allowed = (
            ", ".join(map(str, action.choices)) if action.choices else (action.help or "").replace("%%", "%")
        )
        self.error(f"{action.option_strings[-1]}: a value is missing{before} ({allowed})")

    def _refuse(self, unknown: Sequence[str]) -> NoReturn:
        known = [name for action in self._actions for name in action.option_strings]
        word = next((word for word in unknown if word.startswith("-")), unknown[0])
        near = get_close_matches(word.partition("=")[0], known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"{self.prog} --help lists the options"
        self.error(f"unrecognized argument {word}; {hint}")


def positive(text: str) -> int:
    """A whole number from 1 up. Raises ArgumentTypeError, to which argparse adds the option."""
    if not (text.isascii() and text.isdecimal() and (found := int(text)) > 0):
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 (examples: 1, 8)")
    return found


def written_file(text: str) -> Path:
    """A file to write, or ``-``. Raises ArgumentTypeError for any other path that begins with a dash: most
    likely it is an option."""
    if text != "-":
        _refuse_like_an_option(text, "file", "-, or a path that does not")
    return Path(text)


def written_folder(text: str) -> Path:
    """A folder to write in. Raises ArgumentTypeError for one that begins with a dash, as `written_file`
    does."""
    _refuse_like_an_option(text, "folder", "a path that does not")
    return Path(text)


def _refuse_like_an_option(text: str, kind: str, allowed: str) -> None:
    if text.startswith("-"):
        raise argparse.ArgumentTypeError(
            f"{text!r} begins with a dash, as options do (allowed: {allowed}; for a {kind} of this name: ./{text})"
        )
