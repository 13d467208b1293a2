"""Which package is under test where a repository does not say so: the one that it is the project of."""

from __future__ import annotations

from pathlib import Path

from harness.gate.builds.project import Project

_BESIDE = frozenset({
    "test", "tests", "testing", "benchmark", "benchmarks", "bench", "perf", "doc", "docs", "example", "examples",
    "script", "scripts", "tool", "tools", "ci", "requirements", "tasks", "setup", "conftest", "noxfile", "build",
})  # fmt: skip
"""What lies beside a package and is none that people install."""


def guess_package(folder: Path) -> str:
    """The import name of the package or module in a project's folder; empty if none stands out.

    It has the project's name, or is the only one there; what lies in src/ comes first.
    """
    name = Project(folder).name.replace("-", "_")
    for place in (folder / "src", folder / "lib", folder / "python", folder):
        there = sorted(_packages(place)) if place.is_dir() else []
        named = [one for one in there if name and one.lower() in (name, name.removeprefix("python_"))]
        if named or len(there) == 1:
            return (named or there)[0]
    return ""


def _packages(place: Path) -> set[str]:
    found = {path.parent.name for path in place.glob("*/__init__.py")} | {
        path.stem for path in place.glob("*.py")
    }
    return {
        name for name in found if name.isidentifier() and name.lower() not in _BESIDE and name != "harness"
    }
