"""What a repository says of itself to the gate: the table ``[tool.harness]`` of its pyproject.toml."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from keyword import iskeyword
from pathlib import Path, PurePath
from typing import Any

from harness.compare.gate import GateThresholds
from harness.run.settings import UsageError

FILE = "pyproject.toml"


@dataclass(frozen=True, slots=True)
class Configuration:
    """What the nearest pyproject.toml states.

    ``under_test`` are import names; ``pins`` is a file of constraints, relative to ``file``'s folder, of which each
    revision has its own; ``file`` is None where there is no pyproject.toml, and everything is at its default.
    """

    under_test: tuple[str, ...] = ()
    pins: PurePath | None = None
    thresholds: GateThresholds = field(default_factory=GateThresholds)
    file: Path | None = None


def configuration(folder: Path) -> Configuration:
    """The ``[tool.harness]`` of the nearest pyproject.toml at or above ``folder``.

    Raises UsageError that names the file, the key and what may stand there.
    """
    start = folder.resolve()
    file = next((place / FILE for place in (start, *start.parents) if (place / FILE).is_file()), None)
    return Configuration() if file is None else _read(file)


def _read(file: Path) -> Configuration:
    table = _table(file)
    names = {threshold.name.replace("_", "-"): threshold.name for threshold in fields(GateThresholds)}
    allowed = ["under-test", "pins", *names]
    for key in table:
        if key not in allowed:
            raise UsageError(f"{file}: [tool.harness] has no key {key!r}; there are {', '.join(allowed)}")
    given: dict[str, Any] = {name: _threshold(file, key, table[key]) for key, name in names.items() if key in table}
    try:
        thresholds = GateThresholds(**given)
    except ValueError as error:
        # The message begins with a threshold's name as Python spells it.
        raise UsageError(f"{file}: [tool.harness] {str(error).replace('_', '-')}") from error
    return Configuration(_under_test(file, table), _pins(file, table), thresholds, file)


def _table(file: Path) -> Mapping[str, Any]:
    try:
        document = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}") from error
    except ValueError as error:  # bad TOML, and bytes that are no UTF-8
        raise UsageError(f"{file} is no valid TOML: {error}") from error
    tool = document.get("tool", {})
    table = tool.get("harness", {}) if isinstance(tool, dict) else {}
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
                f"{file}: [tool.harness] under-test: {name!r} is no name that can be imported; write what stands "
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
        raise UsageError(f"{text!r} is no share below 1; write 3% or 0.03")
    return found
