"""What a checkout is as a project, and what is shown of a build of it that failed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from harness.gate.builds.error_lines import error_lines
from harness.gate.builds.project import Project, satisfied


@pytest.mark.parametrize(
    ("files", "installable"),
    [
        ({"pyproject.toml": "[build-system]\n"}, True),
        ({"setup.py": ""}, True),
        ({"pyproject.toml": "[project]\nname = 'x'\n", "setup.py": ""}, True),
        ({"pyproject.toml": "[project]\nname = 'x'\n", "setup.cfg": "[metadata]\nname = x\n"}, True),
        ({"pyproject.toml": "[project]\nname = 'x'\n[tool.uv]\npackage = true\n"}, True),
        ({"pyproject.toml": "[project]\nname = 'x'\n[tool.setuptools]\npackages = ['x']\n"}, True),
        ({"pyproject.toml": "[build-system]\n[tool.pdm]\ndistribution = true\n"}, True),
        ({"pyproject.toml": "[build-system]\n[tool.hatch.envs.test]\nskip-install = true\n"}, True),
        ({"pyproject.toml": "[project]\nname = 'x'\nversion = '1'\n"}, False),
        ({"pyproject.toml": "[project]\nname = 'x'\n", "setup.cfg": "[flake8]\n"}, False),
        ({"pyproject.toml": "[tool.harness]\n"}, False),
        ({"pyproject.toml": "[tool.poetry]\nname = 'x'\n"}, False),
        ({"pyproject.toml": "[build-system]\n[tool.uv]\npackage = false\n"}, False),
        ({"pyproject.toml": "[build-system]\n[tool.poetry]\npackage-mode = false\n"}, False),
        ({"pyproject.toml": "[build-system]\n[tool.pdm]\ndistribution = false\n"}, False),
        ({"pyproject.toml": "[build-system]\n[tool.pdm]\npackage-type = 'application'\n"}, False),
        ({"pyproject.toml": "[build-system]\n[tool.hatch.envs.default]\nskip-install = true\n"}, False),
        ({"pyproject.toml": "tool = 3\n"}, False),
        ({"pyproject.toml": "no toml"}, False),
        ({}, False),
    ],
)
def test_what_can_be_installed(tmp_path: Path, files: Mapping[str, str], installable: bool) -> None:
    """A project is installed if it states how it is built, and not that it is not a package."""
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    assert Project(tmp_path).installable is installable


def test_what_a_project_states(tmp_path: Path) -> None:
    """Dependencies are known unless only a build states them; setuptools builds a project that names no
    backend."""
    file = tmp_path / "pyproject.toml"
    file.write_text("[project]\nname = 'x'\ndependencies = ['a>=1']\n")
    assert Project(tmp_path).dependencies == ["a>=1"]
    assert Project(tmp_path).build_requirements == ["setuptools>=40.8.0"]
    file.write_text("[project]\nname = 'x'\ndynamic = ['dependencies']\n[build-system]\nrequires = ['b']\n")
    assert Project(tmp_path).dependencies is None
    assert Project(tmp_path).build_requirements == ["b"]
    file.unlink()
    assert Project(tmp_path).dependencies is None


@pytest.mark.parametrize(
    ("requirements", "met"),
    [
        ([], True),
        (["Some.Thing>=1"], True),
        (["some-thing>=3"], False),
        (["absent"], False),
        (["some-thing", "absent; python_version < '3'"], True),
        (["some-thing @ https://example.org/x.whl"], False),
        (["not a requirement"], False),
        (["early>=2.0rc1"], True),
        (["setuptools>=61"], False),
        (["setuptools", "wheel"], False),
        (["odd>=1"], False),
    ],
)
def test_what_a_build_needs_is_there(requirements: list[str], met: bool) -> None:
    """Names are normalised, versions and markers count, and setuptools of old need wheel beside them."""
    versions = {"some-thing": "2.0", "early": "2.0rc1", "setuptools": "65.5.0", "odd": "no version"}
    assert satisfied(requirements, versions) is met
    if requirements == ["setuptools>=61"]:
        assert satisfied(requirements, {**versions, "wheel": "0.40"})
        assert satisfied(requirements, {"setuptools": "70.1.0"})


FLAT = """
Using Python 3.11.7 environment at: env
   Building mk @ file:///tmp/mk
error: Failed to build `mk @ file:///tmp/mk`
  cause: The build backend returned an error
  cause: Call to `setuptools.build_meta:__legacy__.build_wheel` failed (exit status: 1)

         [stderr]
         error: Multiple top-level packages discovered in a flat-layout: ['exp', 'data', 'mypkg'].

         To avoid accidental inclusion of unwanted files or directories,
         setuptools will not proceed with this build.

         1. set up custom discovery (`find` directive with `include` or `exclude`)
         2. use a `src-layout`

hint: Build failures usually indicate a problem with the package or the build environment
"""
COMPILER = """
  gcc -Wno-error=format -c parcel/_c.c -o build/_c.o
  parcel/_c.c:1:10: fatal error: cuda.h: No such file or directory
      1 | #include <cuda.h>
        |          ^~~~~~~~
  compilation terminated.
  error: command '/usr/bin/gcc' failed with exit code 1
  [end of output]
  note: This error originates from a subprocess, and is likely not a problem with pip.
  ERROR: Failed building wheel for parcel
error: failed-wheel-build-for-install
"""
RAISED = """
         Traceback (most recent call last):
           File "setup.py", line 3, in <module>
             import torch
         ModuleNotFoundError: No module named 'torch'

hint: This error likely indicates that `mk@1` depends on `torch`, but doesn't declare it as a build dependency.
"""


@pytest.mark.parametrize(
    ("output", "shown"),
    [
        (
            FLAT,
            [
                "[stderr]",
                "error: Multiple top-level packages discovered in a flat-layout: ['exp', 'data', 'mypkg'].",
            ],
        ),
        (
            COMPILER,
            [
                "gcc -Wno-error=format -c parcel/_c.c -o build/_c.o",
                "parcel/_c.c:1:10: fatal error: cuda.h: No such file or directory",
                "1 | #include <cuda.h>",
                "| ^~~~~~~~",
            ],
        ),
        (
            RAISED,
            [
                'File "setup.py", line 3, in <module>',
                "import torch",
                "ModuleNotFoundError: No module named 'torch'",
            ],
        ),
        ("step 1\nno compiler here\nhint: Build failures usually are", ["step 1", "no compiler here"]),
        ("hint: nothing else", ["hint: nothing else"]),
        ("", []),
    ],
    ids=["advice", "compiler", "raised", "no-error", "nothing", "silent"],
)
def test_the_error_is_shown_and_not_the_advice_after_it(output: str, shown: list[str]) -> None:
    """Of a long output the lines with the error remain, with the place that they name."""
    assert [" ".join(line.split()) for line in error_lines(output.strip().splitlines())] == shown


def test_the_first_errors_of_many() -> None:
    """The first errors are the cause; 15 lines are shown of however many."""
    lines = error_lines([f"x.cu({number}): error: no instance" for number in range(99)])
    assert (len(lines), lines[0]) == (15, "x.cu(0): error: no instance")
