"""The package under test of a repository that names none."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.gate.builds.guess import guess_package


@pytest.mark.parametrize(
    ("files", "package"),
    [
        (["src/sums/__init__.py", "tests/__init__.py"], "sums"),
        (["my_work/__init__.py", "tests/__init__.py", "docs/conf.py", "setup.py"], "my_work"),
        (["my_work/__init__.py", "other/__init__.py"], "my_work"),
        (["work.py", "noxfile.py"], "work"),
        (["src/one/__init__.py", "src/two/__init__.py"], ""),
        (["src/one/__init__.py", "src/My_Work/__init__.py"], "My_Work"),
        (["one/__init__.py", "two/__init__.py"], ""),
        (["tests/__init__.py", "no-name/__init__.py"], ""),
        ([], ""),
    ],
)
def test_the_package_that_stands_out(tmp_path: Path, files: list[str], package: str) -> None:
    """By the project's name, or because it is alone; nothing where two might be meant."""
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "My-Work"\n')
    for name in files:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert guess_package(tmp_path) == package
