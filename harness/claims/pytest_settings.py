"""How a repository has set up its tests: pytest's own settings, read where pytest would read them."""

from __future__ import annotations

import configparser
import os
import re
import shlex
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

_NAMES = (
    "pytest.toml", ".pytest.toml", "pytest.ini", ".pytest.ini", "pyproject.toml", "tox.ini", "setup.cfg",
)  # fmt: skip
_SECTIONS = {"setup.cfg": "tool:pytest"}
_ALWAYS = frozenset({"pytest.toml", ".pytest.toml", "pytest.ini", ".pytest.ini"})
"""Files that are pytest's even if they state nothing."""

KEPT = ("--import-mode", "-p", "--asyncio-mode", "--ds")
"""Of ``addopts``, what decides whether tests can be imported and called; each is followed by a value."""


LEFT_OUT = (
    "tipbench", "benchmark", "codspeed", "xdist", "xdist.looponfail", "forked", "pytest_forked", "parallel",
    "pytest_cov", "cov", "memray", "pytest-memray", "monitor", "pytest_monitor", "profiling", "pytest_profiling",
    "randomly", "random_order", "random-order", "pytest_reverse", "rerunfailures", "pytest_rerunfailures", "flaky",
    "timeout", "pytest_timeout", "repeat", "pytest_repeat", "sugar", "pytest_sugar", "html", "json-report",
    "pytest_jsonreport", "instafail", "progress", "pretty", "rich", "picked", "testmon", "split", "pytest-split",
)  # fmt: skip
"""Plug-ins of pytest that measure, select, reorder, repeat or show tests, and bring no fixture that a test
needs."""


@dataclass(frozen=True, slots=True)
class PytestSettings:
    """What of pytest's settings decides which tests there are, and how they run.

    ``folder`` is pytest's rootdir, ``file`` states the settings, None if nothing does. ``files``,
    ``functions`` and ``classes`` say what is a test, and ``skipped`` which folders have none
    (``norecursedirs``, where stated); ``options`` is the part of ``addopts`` that measuring processes keep.
    """

    folder: Path
    file: Path | None = None
    files: tuple[str, ...] = ("test_*.py", "*_test.py")
    functions: tuple[str, ...] = ("test",)
    classes: tuple[str, ...] = ("Test",)
    options: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()

    def is_skipped(self, folder: Path) -> bool:
        """Whether the settings keep pytest out of a folder: by its name, or by the end of its path."""
        return any(
            fnmatch(str(folder), pattern if Path(pattern).is_absolute() else f"*{os.sep}{pattern}")
            if os.sep in pattern
            else fnmatch(folder.name, pattern)
            for pattern in self.skipped
        )

    def is_file(self, name: str) -> bool:
        """Whether a file of this name has tests."""
        return any(fnmatch(name, pattern.rpartition("/")[2]) for pattern in self.files)

    def is_function(self, name: str) -> bool:
        """Whether a function of this name is a test."""
        return _begins(name, self.functions)

    def is_class(self, name: str) -> bool:
        """Whether a class of this name has tests."""
        return _begins(name, self.classes)


def pytest_settings(folder: Path) -> PytestSettings:
    """The settings for tests in ``folder``: those of the nearest file that has any, in its repository.

    A file that cannot be read counts as none: pytest itself has the better message.
    """
    project = None
    for place in (folder, *folder.parents):
        for name in _NAMES:
            stated = _stated(place / name)
            if stated is not None:
                return _settings(place / name, stated)
        if project is None and any((place / name).is_file() for name in ("pyproject.toml", "setup.py")):
            project = place
        if (place / ".git").exists():
            break
    return PytestSettings(project or folder)


def _stated(file: Path) -> Mapping[str, object] | None:
    """What the file states for pytest; None if it is not pytest's."""
    if not file.is_file():
        return None
    none: Mapping[str, object] | None = {} if file.name in _ALWAYS else None
    try:
        text = file.read_text(encoding="utf-8")
        if file.suffix != ".toml":
            parser = configparser.RawConfigParser(strict=False, allow_no_value=True)
            parser.read_string(text)
            section = _SECTIONS.get(file.name, "pytest")
            return dict(parser[section]) if parser.has_section(section) else none
        document = tomllib.loads(text)
    except (OSError, ValueError, configparser.Error):
        return none
    if file.name != "pyproject.toml":
        found = document.get("pytest", none)
    else:
        tool = document.get("tool", {}).get("pytest", {})
        found = tool.get("ini_options", tool or None) if isinstance(tool, dict) else None
    return found if isinstance(found, dict) else none


def _settings(file: Path, stated: Mapping[str, object]) -> PytestSettings:
    def words(key: str, default: tuple[str, ...] = ()) -> tuple[str, ...]:
        value = stated.get(key)
        if isinstance(value, list):
            return tuple(map(str, value))
        try:
            return tuple(shlex.split(value, comments=True)) if isinstance(value, str) and value else default
        except ValueError:
            return default

    usual = PytestSettings(file.parent, file)
    return PytestSettings(
        file.parent,
        file,
        words("python_files", usual.files),
        words("python_functions", usual.functions),
        words("python_classes", usual.classes),
        kept(words("addopts")),
        words("norecursedirs"),
    )


def kept(options: tuple[str, ...]) -> tuple[str, ...]:
    """Of these options those that measuring processes keep, with their values.

    The others run tests side by side, measure coverage, select tests or shape what pytest prints.
    """
    found: list[str] = []
    for option, following in zip(options, [*options[1:], ""], strict=False):
        name, equals, _ = option.partition("=")
        if equals and name in KEPT:
            found.append(option)
        elif option in KEPT and following not in LEFT_OUT:
            found += [option, following]
        elif re.match("-p[^-]", option) and option[2:] not in LEFT_OUT:
            found.append(option)
    return tuple(found)


def _begins(name: str, patterns: tuple[str, ...]) -> bool:
    return any(
        fnmatch(name, pattern) if any(mark in pattern for mark in "*?[") else name.startswith(pattern)
        for pattern in patterns
    )
