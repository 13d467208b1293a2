"""What a repository says of itself to the gate: the table ``[tool.harness]`` of its pyproject.toml."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from keyword import iskeyword
from pathlib import Path, PurePath
from typing import Any

from harness.errors import UsageError
from harness.judge.regression import GateThresholds

FILE = "pyproject.toml"

UNTRACKED_LIMIT = 2**30
"""Bytes of what git does not track that head gets a copy of without being asked for."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """What a pyproject.toml states.

    ``under_test`` are import names; ``pins`` is a file of constraints, relative to ``file``'s folder, of which each
    revision has its own; ``not_required`` are distributions that a side may lack although it requires them;
    ``untracked_limit`` is how many bytes that git does not track head may be given a copy of. ``file`` is None where
    there is no pyproject.toml, and everything is at its default.
    """

    under_test: tuple[str, ...] = ()
    pins: PurePath | None = None
    thresholds: GateThresholds = field(default_factory=GateThresholds)
    not_required: tuple[str, ...] = ()
    untracked_limit: int = UNTRACKED_LIMIT
    file: Path | None = None


def configuration(folder: Path) -> Configuration:
    """The ``[tool.harness]`` of the nearest pyproject.toml at or above ``folder`` that has one, in its repository.

    Other tools have files of their own further down, and those say nothing to us. Where none has the table the file is
    the nearest of a project. Raises UsageError that names the file, the key and what may stand there.
    """
    files = [place / FILE for place in _places(folder.resolve()) if (place / FILE).is_file()]
    projects = []
    for file in files:
        document = _document(file)
        if "harness" in _tools(document):
            return _read(file, _table(file, document))
        if {"project", "build-system"} & document.keys():
            projects.append(file)
    return Configuration(file=next(iter(projects + files), None))


def _places(start: Path) -> Iterator[Path]:
    """The folder and those above it, up to the first of its repository."""
    for place in (start, *start.parents):
        yield place
        if (place / ".git").exists():
            return


def _read(file: Path, table: Mapping[str, Any]) -> Configuration:
    names = {threshold.name.replace("_", "-"): threshold.name for threshold in fields(GateThresholds)}
    allowed = ["under-test", "pins", "not-required", "untracked-limit", *names]
    for key in table:
        if key not in allowed:
            raise UsageError(f"{file}: [tool.harness] has no key {key!r}; there are {', '.join(allowed)}")
    given: dict[str, Any] = {name: _threshold(file, key, table[key]) for key, name in names.items() if key in table}
    try:
        thresholds = GateThresholds(**given)
    except ValueError as error:
        # The message begins with a threshold's name as Python spells it.
        raise UsageError(f"{file}: [tool.harness] {str(error).replace('_', '-')}") from error
    return Configuration(
        _under_test(file, table), _pins(file, table), thresholds, _not_required(file, table), _limit(file, table), file
    )


def _document(file: Path) -> Mapping[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}") from error
    except ValueError as error:  # bad TOML, and bytes that are no UTF-8
        raise UsageError(f"{file} is not valid TOML: {error}") from error


def _tools(document: Mapping[str, Any]) -> Mapping[str, Any]:
    tool = document.get("tool", {})
    return tool if isinstance(tool, dict) else {}


def _table(file: Path, document: Mapping[str, Any]) -> Mapping[str, Any]:
    table = _tools(document)["harness"]
    if not isinstance(table, dict):
        raise UsageError(f"{file}: [tool.harness] is a table of keys, not {table!r}")
    return table


def _under_test(file: Path, table: Mapping[str, Any]) -> tuple[str, ...]:
    names = table.get("under-test", [])
    if not isinstance(names, list):
        raise UsageError(f'{file}: [tool.harness] under-test is a list of import names, as in ["work"], not {names!r}')
    for name in names:
        if not isinstance(name, str) or not all(_importable(part) for part in name.split(".")):
            raise UsageError(
                f"{file}: [tool.harness] under-test: {name!r} is not a name that can be imported; write what stands "
                "after import, not what is installed"
            )
        if name.partition(".")[0] == "harness":
            raise UsageError(f"{file}: [tool.harness] under-test: harness does the measuring, on both sides")
    return tuple(dict.fromkeys(names))


def _importable(part: str) -> bool:
    return part.isidentifier() and not iskeyword(part)


def _pins(file: Path, table: Mapping[str, Any]) -> PurePath | None:
    pins = table.get("pins")
    if pins is None:
        return None
    if not isinstance(pins, str) or not pins or PurePath(pins).is_absolute():
        raise UsageError(
            f'{file}: [tool.harness] pins is the path of a file in the repository, as in "constraints.txt", '
            f"not {pins!r}"
        )
    return PurePath(pins)


def _not_required(file: Path, table: Mapping[str, Any]) -> tuple[str, ...]:
    names = table.get("not-required", [])
    if not isinstance(names, list) or not all(isinstance(name, str) and name for name in names):
        raise UsageError(
            f'{file}: [tool.harness] not-required is a list of distributions, as in ["opencv-python"], not {names!r}'
        )
    return tuple(dict.fromkeys(names))


def _limit(file: Path, table: Mapping[str, Any]) -> int:
    limit = _bytes(file, "untracked-limit", table.get("untracked-limit", UNTRACKED_LIMIT))
    if limit < 0:
        raise UsageError(f"{file}: [tool.harness] untracked-limit is a number of bytes from 0 up, not {limit}")
    return limit


def _threshold(file: Path, key: str, value: Any) -> float | tuple[int, ...]:
    if key == "bytes-floor":
        return _bytes(file, key, value)
    if key.endswith("-looks"):
        if not isinstance(value, list) or not all(type(look) is int for look in value):
            raise UsageError(
                f"{file}: [tool.harness] {key} is a list of numbers of units, as in [14, 20], not {value!r}"
            )
        return tuple(value)
    if isinstance(value, str):
        try:
            return share(value)
        except UsageError as error:
            raise UsageError(f"{file}: [tool.harness] {key}: {error}") from None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise UsageError(f'{file}: [tool.harness] {key} is a share, as in 0.05 or "5%", not {value!r}')
    return float(value)


def _bytes(file: Path, key: str, value: Any) -> int:
    """A number of bytes: ``65536`` or ``"64 KiB"``."""
    match = re.fullmatch(r"(\d+)\s*(B|KiB|MiB|GiB)", value.strip(), re.ASCII) if isinstance(value, str) else None
    if match:
        return int(match[1]) * _SIZES[match[2]]
    if isinstance(value, bool) or not isinstance(value, int):
        raise UsageError(f'{file}: [tool.harness] {key}: {value!r} is not a number of bytes (examples: 65536, "1 MiB")')
    return value


_SIZES = {"B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}


def share(text: str) -> float:
    """A share as people write it, ``3%`` or ``0.03``: in [0, 1). Raises UsageError."""
    match = re.fullmatch(r"(\d+(?:\.\d*)?|\.\d+)\s*(%?)", text.strip(), re.ASCII)
    found = float(match[1]) / (100 if match[2] else 1) if match else 1.0
    if not found < 1:
        raise UsageError(f"{text!r} is not a share below 1 (examples: 3%, 0.03)")
    return found


def option_share(option: str, text: str) -> float:
    """The share that was typed behind an option. Raises UsageError that names it."""
    try:
        return share(text)
    except UsageError as error:
        raise UsageError(f"{option}: {error}") from None
