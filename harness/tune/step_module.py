"""Whether the module of a user's step or dataset can be found, without importing anything of the user's."""

from __future__ import annotations

import subprocess
from pathlib import Path

from harness.errors import UsageError
from harness.processes.launch import printed

_MISSING = """
import importlib.util, pkgutil, sys

sys.path.insert(0, sys.argv[1])
top, *parts = sys.argv[2].split(".")
found = [importlib.util.find_spec(top)]
name = top
while found[0] is not None and parts and not any(spec.origin for spec in found):
    # Not PathFinder: it looks for a namespace package's parent among the modules that are imported.
    finders = [pkgutil.get_importer(place) for spec in found for place in spec.submodule_search_locations or ()]
    name += "." + parts.pop(0)
    found = [spec for finder in finders if finder and (spec := finder.find_spec(name))] or [None]
if found[0] is None:
    print(name)
"""
"""Prints the first part of a dotted name that cannot be found. It stops at the first module with code of its
own, which may define where its parts are; a namespace package has none."""


def check_module(option: str, module: str, python: str) -> None:
    """Raises UsageError if this interpreter finds no such module, looking in the working folder first.

    If that cannot be known without importing, or the interpreter does not start, nothing is raised.
    """
    here = Path.cwd()
    try:
        missing = printed(python, _MISSING, str(here), module).strip()
    except (OSError, subprocess.SubprocessError):
        return
    if missing:
        raise UsageError(
            f"{option}: there is no module {missing!r}, neither in {here} nor among what {python} can import; name a "
            f"module and a function in it (example: training:{option.strip('-')})"
        )
