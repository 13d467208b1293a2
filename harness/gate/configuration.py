"""What a repository states for the gate: the table ``[tool.harness]`` of its pyproject.toml."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from fnmatch import fnmatchcase
from keyword import iskeyword
from pathlib import Path, PurePath
from typing import Any

from harness.errors import UsageError
from harness.judge.regression import GateThresholds
from harness.model import LARGEST_TARGET, Claim

FILE = "pyproject.toml"

UNTRACKED_LIMIT = 2**30
"""Bytes of what git does not track that head gets a copy of by default."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """What a pyproject.toml states.

    ``under_test`` are import names; ``pins`` is a file of constraints, relative to ``file``'s folder, of
    which each revision has its own; ``not_required`` are distributions that a side may lack although it
    requires them; ``untracked_limit`` is how many bytes that git does not track head may be given a copy of.
    ``file`` is None where there is none; then everything is at its default. ``cluster`` is the table of that
    name as it stands, which is none of the gate's. ``targets`` are slow-downs to be caught, by patterns of
    benchmarks' names, of which the last that fits counts.
    """

    under_test: tuple[str, ...] = ()
    pins: PurePath | None = None
    thresholds: GateThresholds = field(default_factory=GateThresholds)
    not_required: tuple[str, ...] = ()
    untracked_limit: int = UNTRACKED_LIMIT
    file: Path | None = None
    cluster: Mapping[str, object] = field(default_factory=dict)
    targets: Mapping[str, float] = field(default_factory=dict)


def configuration(folder: Path) -> Configuration:
    """The ``[tool.harness]`` of the nearest pyproject.toml at or above ``folder`` that has one, in its
    repository.

    Files further down that belong to other tools do not count. If none has the table, the file is the nearest
    of a project. Raises UsageError that names the file, the key and what may stand there.
    """
    files = [place / FILE for place in _places(folder.resolve()) if (place / FILE).is_file()]
    projects = []
    for file in files:
        document = _document(file)
        if "harness" in _tools(document):
            table = _tools(document)["harness"]
            if not isinstance(table, dict):
                raise UsageError(f"{file}: [tool.harness]: {table!r} is not a table of keys")
            return _read(file, table)
        if {"project", "build-system"} & document.keys():
            projects.append(file)
    return Configuration(file=next(iter(projects + files), None))


def _places(start: Path) -> Iterator[Path]:
    """The folder and those above it, up to the first of its repository."""
    for place in (start, *start.parents):
        yield place
        if (place / ".git").exists():
            return


class _Table:
    """The entries of a table; each method reads one kind of value and raises UsageError with the file and the
    key."""

    def __init__(self, file: Path, entries: Mapping[str, object]) -> None:
        self.file = file
        self.entries = entries

    def error(self, key: str, value: object, expected: str) -> UsageError:
        return UsageError(f"{self.file}: [tool.harness] {key}: {value!r} is not {expected}")

    def names(self, key: str, expected: str) -> tuple[str, ...]:
        found = self.entries.get(key, [])
        if not isinstance(found, list) or not all(isinstance(name, str) and name for name in found):
            raise self.error(key, found, expected)
        return tuple(dict.fromkeys(found))

    def under_test(self) -> tuple[str, ...]:
        names = self.names("under-test", 'a list of import names (example: ["work"])')
        for name in names:
            if not all(part.isidentifier() and not iskeyword(part) for part in name.split(".")):
                what = (
                    "a name that can be imported; write the name after import, not that of the distribution"
                )
                raise self.error("under-test", name, what)
            if name.partition(".")[0] == "harness":
                raise self.error("under-test", name, "under test: harness does the measuring, on both sides")
        return names

    def path(self, key: str) -> PurePath | None:
        found = self.entries.get(key)
        if found is None:
            return None
        if not isinstance(found, str) or not found or PurePath(found).is_absolute():
            raise self.error(key, found, 'the path of a file in the repository (example: "constraints.txt")')
        return PurePath(found)

    def bytes(self, key: str, default: int) -> int:
        """A number of bytes: ``65536`` or ``"64 KiB"``."""
        found = self.entries.get(key, default)
        match = (
            re.fullmatch(r"(\d+)\s*(B|KiB|MiB|GiB)", found.strip(), re.ASCII)
            if isinstance(found, str)
            else None
        )
        if match:
            return int(match[1]) * _SIZES[match[2]]
        if type(found) is not int or found < 0:
            raise self.error(key, found, 'a number of bytes (examples: 65536, "1 MiB")')
        return found

    def table(self, key: str) -> Mapping[str, object]:
        found = self.entries.get(key, {})
        if not isinstance(found, dict):
            raise self.error(key, found, "a table of keys")
        return found

    def looks(self, key: str) -> tuple[int, ...]:
        found = self.entries[key]
        if not isinstance(found, list) or not all(type(look) is int for look in found):
            raise self.error(key, found, "a list of numbers of units (example: [14, 20])")
        return tuple(found)

    def targets(self) -> dict[str, float]:
        found = self.entries.get("targets", {})
        if not isinstance(found, dict):
            raise self.error("targets", found, 'a table of patterns (example: "test_url_*" = "10%")')
        table = _Table(self.file, {f"targets.{pattern}": value for pattern, value in found.items()})
        targets = {pattern: table.share(f"targets.{pattern}") for pattern in found}
        for pattern, target in targets.items():
            if not 0 < target <= LARGEST_TARGET:
                raise self.error(
                    f"targets.{pattern}", found[pattern], f"a share above 0 and up to {LARGEST_TARGET}"
                )
        return targets

    def share(self, key: str) -> float:
        found = self.entries[key]
        if isinstance(found, str):
            return option_share(f"{self.file}: [tool.harness] {key}", found)
        if isinstance(found, bool) or not isinstance(found, int | float):
            raise self.error(key, found, 'a share (examples: 0.05, "5%")')
        return float(found)


def _read(file: Path, entries: Mapping[str, object]) -> Configuration:
    table = _Table(file, entries)
    names = {threshold.name.replace("_", "-"): threshold.name for threshold in fields(GateThresholds)}
    allowed = ["under-test", "pins", "not-required", "untracked-limit", *names, "cluster", "targets"]
    for key in entries:
        if key not in allowed:
            raise UsageError(f"{file}: [tool.harness] has no key {key!r} (allowed: {', '.join(allowed)})")
    given: dict[str, Any] = {}
    for key in names.keys() & entries.keys():
        if key == "bytes-floor":
            given[names[key]] = table.bytes(key, 0)
        else:
            given[names[key]] = table.looks(key) if key.endswith("-looks") else table.share(key)
    try:
        thresholds = GateThresholds(**given)
    except ValueError as error:
        # The message begins with a threshold's name as Python spells it.
        raise UsageError(f"{file}: [tool.harness] {str(error).replace('_', '-')}") from error
    return Configuration(
        table.under_test(),
        table.path("pins"),
        thresholds,
        table.names("not-required", 'a list of distributions (example: ["opencv-python"])'),
        table.bytes("untracked-limit", UNTRACKED_LIMIT),
        file,
        table.table("cluster"),
        table.targets(),
    )


def with_targets(claims: Sequence[Claim], found: Configuration, known: Sequence[Claim]) -> tuple[Claim, ...]:
    """The claims with the targets that the configuration states by pattern, of all that are ``known``.

    A pattern is matched with a claim's name, its ``path::function`` and its path. Raises UsageError for one
    that matches none of them.
    """
    for pattern in found.targets:
        if not any(_matches(claim, pattern) for claim in known):
            names = ", ".join(claim.name for claim in known[:_SHOWN])
            raise UsageError(
                f"{found.file}: [tool.harness.targets] {pattern!r} matches no benchmark's name, path::function or path "
                f"(there are {names}{', ...' if len(known) > _SHOWN else ''})"
            )
    return tuple(replace(claim, target=_target(claim, found.targets)) for claim in claims)


def _target(claim: Claim, targets: Mapping[str, float]) -> float | None:
    stated = [target for pattern, target in targets.items() if _matches(claim, pattern)]
    return stated[-1] if stated else claim.target


_SHOWN = 5


def _matches(claim: Claim, pattern: str) -> bool:
    return any(
        fnmatchcase(name, pattern) for name in (claim.name, f"{claim.path}::{claim.function}", claim.path)
    )


def _document(file: Path) -> Mapping[str, object]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}") from error
    except ValueError as error:  # bad TOML, or bytes that are not UTF-8
        raise UsageError(f"{file} is not valid TOML: {error}") from error


def _tools(document: Mapping[str, object]) -> Mapping[str, object]:
    tool = document.get("tool", {})
    return tool if isinstance(tool, dict) else {}


_SIZES = {"B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}


def share(text: str) -> float:
    """A share, written ``3%`` or ``0.03``: in [0, 1). Raises UsageError."""
    match = re.fullmatch(r"(\d+(?:\.\d*)?|\.\d+)\s*(%?)", text.strip(), re.ASCII)
    found = float(match[1]) / (100 if match[2] else 1) if match else 1.0
    if not found < 1:
        raise UsageError(f"{text!r} is not a share below 1 (examples: 3%, 0.03)")
    return found


def option_share(option: str, text: str) -> float:
    """The share that was given for an option. Raises UsageError that names it."""
    try:
        return share(text)
    except UsageError as error:
        raise UsageError(f"{option}: {error}") from None
