"""Values as people type them behind options: durations, rates, lists of names."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable
from pathlib import Path

from harness.bench.settings import WATCH
from harness.bench.share import Share
from harness.errors import UsageError
from harness.store.runs import BASELINES, LATEST, NAME

OFTENEST = 1000.0
"""Looks a second that make any sense: NVML's own readings change far less often."""

SHORTEST_BUDGET = 20.0
"""Seconds; importing torch and collecting the cases take about that long on a small machine."""


def seconds(text: str) -> float:
    """A time budget as people write it: ``90``, ``90s``, ``5m``, ``1h30m``. Raises UsageError."""
    match = re.fullmatch(r"(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s?)?", text.strip())
    if not text.strip() or match is None:
        raise UsageError(f"--budget: {text!r} is not a duration (examples: 90s, 5m, 1h30m)")
    hours, minutes, rest = (float(part) if part else 0.0 for part in match.groups())
    budget = 3600 * hours + 60 * minutes + rest
    if budget < SHORTEST_BUDGET:
        raise UsageError(
            f"--budget: {text} is too short: importing torch alone takes some of it; give at least {SHORTEST_BUDGET:g}s"
        )
    return budget


def hertz(text: str | None) -> float:
    """How often a second to look at the machine: ``20``, ``5.5``; ``0`` not at all; `WATCH` where nothing was
    typed.

    Raises UsageError.
    """
    if text is None:
        return WATCH
    try:
        rate = float(text)
    except ValueError:
        rate = -1.0
    if not (rate == 0 or 0.1 <= rate <= OFTENEST):
        raise UsageError(
            f"--watch: {text!r} is not a rate; looks a second are 0.1 to {OFTENEST:g}, or 0 to watch nothing "
            "(example: 20)"
        )
    return rate


def whole_numbers(text: str, option: str, least: int) -> tuple[int, ...]:
    """Numbers with commas between them, each once. Raises UsageError for none, or one below ``least``."""
    try:
        found = tuple(dict.fromkeys(int(word) for word in text.split(",")))
    except ValueError:
        found = ()
    if not found or min(found) < least:
        raise UsageError(
            f"{option}: {text!r} is not a list of whole numbers from {least} (examples: 64; 32,64)"
        )
    return found


def folder_name(text: str) -> str:
    """The name of a run's folder. Raises ArgumentTypeError, to which argparse adds the option."""
    if not NAME.fullmatch(text) or text.startswith((LATEST, BASELINES)):
        raise argparse.ArgumentTypeError(
            f"{text[:80]!r} is not a name: letters, digits, . _ + - only, at most 80, and nothing that begins with "
            f"{LATEST} or {BASELINES}"
        )
    return text


def share(text: str) -> Share:
    """A node and all nodes, ``n1/n1,n2``. Raises ArgumentTypeError, as `folder_name` does."""
    node, _, listed = text.partition("/")
    nodes = tuple(listed.split(","))
    if node not in nodes or len(set(nodes)) < len(nodes) or not all(map(NAME.fullmatch, nodes)):
        raise argparse.ArgumentTypeError(
            f"{text[:80]!r} is not a node and the list of all nodes, each once, in which it is (example: n1/n1,n2,n3)"
        )
    return Share(node, nodes)


def check_data(folder: Path | None) -> None:
    """Raises UsageError for a folder of images, named with ``--data``, from which none can be taken."""
    if folder is not None:
        from harness.loading.data.folder import DataError, check_folder

        try:
            check_folder(folder)
        except DataError as error:
            raise UsageError(f"--data: {error}") from error


def words(given: Iterable[str]) -> tuple[str, ...]:
    """What was named behind an option that may be repeated and takes several names, with commas between
    them."""
    return tuple(word for part in given for word in part.split(",") if word)
