"""What all tests share: the same environment everywhere, and files in an order that suits two workers."""

from __future__ import annotations

import multiprocessing.util
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.conftest import LONGEST, OTHERS, pytest_collection_modifyitems
from tests.support.living import PATIENCE, ROOT

SEEN = """
import os
from tests.conftest import OTHERS

def test_seen():
    assert {name: os.environ[name] for name in OTHERS if name in os.environ and not name.startswith("PYTEST_")} == {}
    assert "PYTEST_ADDOPTS" not in os.environ
"""


def test_tests_see_nothing_of_the_terminal_or_ci(tmp_path: Path) -> None:
    """Colours, widths and CI's files that the user's environment asks for are not for what tests call."""
    (tmp_path / "test_seen.py").write_text(SEEN)
    (tmp_path / "conftest.py").write_text((ROOT / "tests" / "conftest.py").read_text())
    environment = {**os.environ, **dict.fromkeys(OTHERS, "1"), "PYTEST_ADDOPTS": "-q"}
    environment |= {"PYTEST_PLUGINS": "", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "test_seen.py"]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("shuffle", [None, 3])
def test_the_longest_files_come_first(shuffle: int | None) -> None:
    """Files keep their order otherwise, and a random one is left as it is."""
    names = ["test_a.py", LONGEST[1], "test_b.py", LONGEST[0], LONGEST[1]]
    items: list[Any] = [SimpleNamespace(path=Path(name)) for name in names]
    config: Any = SimpleNamespace(getoption=lambda *_: shuffle)
    pytest_collection_modifyitems(config, items)
    ordered = [LONGEST[0], LONGEST[1], LONGEST[1], "test_a.py", "test_b.py"]
    assert [item.path.name for item in items] == (ordered if shuffle is None else names)


def test_the_longest_files_are_there() -> None:
    """A name in the list is a file's."""
    assert all(list((ROOT / "tests").rglob(name)) for name in LONGEST)


@pytest.mark.usefixtures("own_temporary_files")
def test_temporary_files_of_a_test_whose_workers_die_are_its_own() -> None:
    """What it leaves there goes with the folder; multiprocessing's own folder stays for later tests."""
    folder = tempfile.gettempdir()
    with tempfile.NamedTemporaryFile(delete=False) as left:
        assert Path(left.name).parent == Path(folder)
    assert Path(folder).name.startswith("tipbench-test-")
    assert Path(multiprocessing.util.get_temp_dir()).parent != Path(folder)
