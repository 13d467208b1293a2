"""What the sides require and their environments lack."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.gate.builds.interpreter import interpreter
from harness.gate.builds.project import Project
from harness.gate.builds.requirements import Unmet, missing, other_version, stated, unmet
from harness.model import Side

MARKERS = {
    "python_version": "3.11",
    "python_full_version": "3.11.7",
    "sys_platform": "linux",
    "os_name": "posix",
}
VERSIONS = {"some-thing": "2.0", "early": "3.0rc1", "odd": "no version"}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Some.Thing>=1", None),
        ("some_thing[extra]", None),
        ("early>=2", None),
        ("absent>=1,<2", Unmet("parcel", "absent<2,>=1", "absent")),
        ("Absent [extra] ; python_version >= '3.11'", Unmet("parcel", "Absent", "absent")),
        (
            "absent @ https://example.org/absent.whl",
            Unmet("parcel", "absent @ https://example.org/absent.whl", "absent"),
        ),
        ("some-thing<2", Unmet("parcel", "some-thing<2", "some-thing", "2.0")),
        ("absent; python_version < '3.11'", None),
        ("absent; sys_platform == 'win32'", None),
        ("absent; extra == 'docs'", None),
        ("spared", None),
        ("odd>=1", Unmet("parcel", "odd>=1", "odd", "no version")),
        ("not a requirement", None),
    ],
)
def test_what_is_not_met(text: str, found: Unmet | None) -> None:
    """Names are normalised; markers are the side's interpreter's; extras and what may be missing are left
    out."""
    assert unmet([("parcel", text)], VERSIONS, MARKERS, ["Spared"]) == ([found] if found else [])


def test_whose_requirements_count(tmp_path: Path) -> None:
    """Those of what was installed for the side, and those of projects on its path that are known without a
    build."""
    info = tmp_path / "site" / "parcel-1.dist-info"
    info.mkdir(parents=True)
    needs = "Requires-Dist: numpy>=2\nRequires-Dist: rich; extra == 'cli'\n"
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: parcel\nVersion: 1\n{needs}")
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'flat'\ndependencies = ['torch']\n")
    other = tmp_path / "no project"
    other.mkdir()
    assert stated(tmp_path / "site", [Project(tmp_path), Project(other)]) == [
        ("parcel", "numpy>=2"),
        ("parcel", "rich; extra == 'cli'"),
        ("flat", "torch"),
    ]


def test_what_is_said_of_it() -> None:
    """The side, what is missing and for whom, and the three ways out; of another version both."""
    lacks = [Unmet("parcel", "numpy>=2", "numpy"), Unmet("sib", "rich", "rich")]
    assert missing("base, main (1234567)", "/my env/python", lacks, Path("/repo/pyproject.toml")) == (
        "base, main (1234567): not installed: numpy>=2 (for parcel), rich (for sib). Install what is missing "
        "(uv pip install --python '/my env/python' 'numpy>=2' rich); or let each side install what it requires, with "
        'pins = "constraints.txt" in [tool.harness] of /repo/pyproject.toml; or, where benchmarks do without, state '
        'not-required = ["numpy", "rich"] there'
    )
    assert other_version("head", Unmet("parcel", "numpy<2", "numpy", "2.4.0")) == (
        "head: parcel requires numpy<2, and the environment has 2.4.0"
    )


def test_the_markers_of_an_interpreter() -> None:
    """They are packaging's own values for the interpreter that it runs on."""
    from packaging.markers import default_environment

    expected = {name: str(value) for name, value in default_environment().items()}
    assert interpreter(None, Side.BASE).markers == expected
