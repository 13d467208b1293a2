"""What is looked at before a gate begins: what was typed, the claims, the repository and the machines."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness.bench.settings import check_data, hertz, left_out, seconds, select, words
from harness.bench.temporary import check_temporary
from harness.claims.file import ClaimError
from harness.claims.folder import read
from harness.cli import output
from harness.cli.gate_forms import files_to_write, repository
from harness.cli.written import check_writable
from harness.errors import UsageError
from harness.gate.builds.side import NothingToCompare
from harness.gate.configuration import Configuration, configuration, option_share
from harness.gate.settings import BUDGET
from harness.model import Claim, Side
from harness.workers.protocol import SideInfo


def budget_and_watch(options: argparse.Namespace) -> tuple[float, float]:
    """Seconds, and looks a second; with them what else may be wrong is looked at before anything is built.

    Raises UsageError, and StoreError for a file that cannot be written.
    """
    check_writable(files_to_write(options), options.results)
    check_data(options.data)
    return seconds(options.budget) if options.budget else BUDGET, hertz(options.watch)


NOT_BESIDE_BASELINE = {
    "base": "--base",
    "base_python": "--base-python",
    "base_env": "--base-env",
    "head_python": "--head-python",
    "head_env": "--head-env",
    "threads": "--threads",
}
"""Options that say how two sides differ: beside --baseline the stored run is the base, and this code is as it is."""


def refuse_beside_baseline(options: argparse.Namespace) -> None:
    """Raises UsageError for an option that contradicts ``--baseline``."""
    for name, option in NOT_BESIDE_BASELINE.items():
        value = getattr(options, name, None)
        if value not in (None, []):
            shown = " ".join(value) if isinstance(value, list) else value
            raise UsageError(
                f"{option}: {shown} contradicts --baseline, where the stored run is the base and this code is measured "
                f"as it is; leave out --baseline or {option}"
            )


def check_machines(said: Mapping[Side, SideInfo]) -> Sequence[str]:
    """Two GPUs of different kinds are no sides of one gate."""
    base, head = (", ".join(gpu["name"] for gpu in said[side].environment["gpus"]) or "no GPU" for side in Side)
    if base != head:
        raise NothingToCompare(f"base runs on {base} and head on {head}; let both see the same one")
    return ()


def settings_of(options: argparse.Namespace, benchmarks: Path) -> Configuration:
    """What pyproject.toml says, with the flags on top."""
    found = configuration(benchmarks)
    changes: dict[str, Any] = {}
    for name in ("target", "loader_target"):
        if (typed := getattr(options, name, None)) is not None:
            changes[name] = option_share(f"--{name.replace('_', '-')}", typed)
    if not changes:
        return found
    try:
        return replace(found, thresholds=replace(found.thresholds, **changes))
    except ValueError as error:
        raise UsageError(str(error)) from error


def check_temporary_folder(claims: Sequence[Claim]) -> None:
    """Look at the folder for temporary files before anything is built. Raises UsageError."""
    check_temporary(loaders=any(claim.loader for claim in claims))


def claims_of(options: argparse.Namespace, benchmarks: Path) -> tuple[Claim, ...]:
    """The claims to judge. Raises ClaimError where something that is selected cannot be read."""
    reading = read(benchmarks)
    chosen = select(reading, words(options.select))
    if chosen.problems:
        raise ClaimError(chosen.complaint())
    for line in left_out(reading, chosen):
        output.console(sys.stderr).print(line, highlight=False, markup=False, soft_wrap=True)
    return chosen.claims


def accepted_metrics(typed: Sequence[str]) -> frozenset[str]:
    """The exact metrics of which more is accepted. Raises UsageError."""
    found: set[str] = set()
    for word in words(typed):
        if word not in ACCEPTABLE:
            raise UsageError(f"--accept: {word!r} is not a metric that can be accepted ({', '.join(ACCEPTABLE)})")
        found.update(ACCEPTABLE[word])
    return frozenset(found)


ACCEPTABLE = {"memory": ("peak_bytes", "reserved_bytes"), "launches": ("launches",)}
"""Of what more may be accepted, and the metrics meant; for time there is a higher --target."""


def check_repository(options: argparse.Namespace, benchmarks: Path) -> None:
    """A revision is one of the repository that people are in. Raises UsageError where the benchmarks are another's."""
    here = Path.cwd()
    if options.base is not None and options.benchmarks is None and not here.is_relative_to(repository(benchmarks)):
        raise UsageError(
            f"--base {options.base}: {here} has no folder 'benchmarks', and those that come with tipbench are another "
            "repository's; change into your repository, or name its benchmarks with --benchmarks FOLDER"
        )
