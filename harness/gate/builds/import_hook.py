"""The start-up of a side's own interpreter: its own packages first, then those of the one it is built on.

`install` puts the module below and a .pth file that imports it into an environment's site-packages, so that
every process of the side, loader workers included, begins with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import harness

_NAME = "_tipbench_side"

_MODULE = '''"""Made for one side of a gate, and gone after it."""
import os
import site
import sys
from importlib.machinery import PathFinder

OWN = {own!r}
UNDER_TEST = {under_test!r}
HARNESS = {harness!r}
BEHIND = {behind!r}
STANDARD = os.path.dirname(os.path.abspath(os.__file__))
MOVED = {moved!r}


class OwnFirst:
    """Looks for packages among the side's own before any path, folder or editable install."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        *parents, _ = name.split(".")
        if name == "harness":
            return PathFinder.find_spec(name, [HARNESS])
        if name not in UNDER_TEST and (parents or name in sys.stdlib_module_names):
            return None
        spec = PathFinder.find_spec(name, [os.path.join(own, *parents) for own in OWN])
        if spec is not None and spec.loader is None:
            if name not in UNDER_TEST:
                return None
            # A list stays as it is; what it was would follow changes of sys.path out of the side.
            spec.submodule_search_locations = list(spec.submodule_search_locations)
        return spec


def moved(path):
    """What lies in the user's checkout, Python and packages of an environment apart, lies in the side's own."""
    within = os.path.abspath(path)
    for top, own, head in MOVED:
        below = os.path.relpath(within, top)
        kept = any(within == folder or within.startswith(folder + os.sep) for folder in [*BEHIND, STANDARD])
        # What git ignores is in no checkout of ours.
        if not below.startswith(os.pardir) and not kept and os.path.exists(os.path.join(head, below)):
            return os.path.normpath(os.path.join(own, below))
    return path


for folder in BEHIND:
    site.addsitedir(folder)
sys.path[:] = [path and moved(path) for path in sys.path]
for name, module in list(sys.modules.items()):
    if name.startswith("__editable___"):  # setuptools' editable installs have a finder each
        for places in (getattr(module, "MAPPING", {{}}), getattr(module, "NAMESPACES", {{}})):
            for package, place in list(places.items()):
                places[package] = moved(place) if isinstance(place, str) else [moved(path) for path in place]
if UNDER_TEST:
    sys.meta_path.insert(0, OwnFirst)
    for name in UNDER_TEST:
        if OwnFirst.find_spec(name) is None:
            sys.modules[name] = None  # this side has none, and must not take the other's
sys.path += {last!r}
'''


def install(
    site: Path,
    *,
    behind: Sequence[str],
    own: Sequence[Path] = (),
    under_test: Sequence[str] = (),
    last: Sequence[Path] = (),
    moved: tuple[Path, Path, Path] | None = None,
) -> None:
    """Let an environment with these site-packages see the folders ``behind`` its own, .pth files included.

    With ``under_test``, those packages come from the ``own`` folders or not at all, and other top-level
    modules from there before anywhere else; ``last`` ends sys.path. ``moved`` are the user's checkout, the
    side's own and head's: what PYTHONPATH or an editable install would import from the first comes from the
    second, where the third has it. The harness is always this one. Replaces what was there before.
    """
    text = _MODULE.format(
        own=[str(folder) for folder in own],
        under_test=list(under_test),
        harness=str(Path(harness.__file__).resolve().parents[1]),
        behind=list(behind),
        last=[str(folder) for folder in last],
        moved=[] if moved is None else [tuple(map(str, moved))],
    )
    (site / f"{_NAME}.py").write_text(text, encoding="utf-8")
    (site / f"{_NAME}.pth").write_text(f"import {_NAME}\n", encoding="utf-8")
