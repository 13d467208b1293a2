"""The folder for temporary files: what is wrong with it is said before anything is begun."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from multiprocessing.connection import Listener
from pathlib import Path
from typing import Any

import pytest

from harness.bench import temporary
from harness.bench.temporary import check_temporary, executable
from harness.errors import UsageError

Seen = Callable[..., None]


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Seen:
    """Make the file system of the folder for temporary files look like this."""

    def change(**values: int) -> None:
        real = os.statvfs(tmp_path)
        named = {name: getattr(real, name) for name in dir(real) if name.startswith("f_")}
        faked = type("Statvfs", (), {**named, **values})
        monkeypatch.setattr(os, "statvfs", lambda folder: faked)

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return change


def refusal(**asked: Any) -> str:
    with pytest.raises(UsageError) as caught:
        check_temporary(**{"loaders": False, **asked})
    return str(caught.value)


def test_a_folder_that_serves(seen: Seen) -> None:
    """Room, files and a path short enough are no complaint; a file system that counts no files has enough of
    them."""
    seen(f_bavail=temporary.LEAST, f_frsize=1, f_files=0, f_favail=0)
    check_temporary(loaders=False)


def test_a_folder_that_is_full(seen: Seen, tmp_path: Path) -> None:
    """Too few bytes or files are said with what there is, what is needed, and the remedy."""
    seen(f_bavail=3, f_frsize=2**20)
    assert refusal() == (
        f"{tmp_path}, for temporary files, has 3.00 MiB left, and 16.0 MiB may be needed; make room there, or set "
        "TMPDIR to another folder"
    )
    seen(f_bavail=2**30, f_frsize=1, f_files=1000, f_favail=5)
    assert refusal() == (
        f"{tmp_path}, for temporary files, can hold 5 more files (inodes), and 200 may be needed; remove some there, "
        "or set TMPDIR to another folder"
    )


def test_no_folder_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where Python finds none it is said with the folders that were tried."""

    def none() -> str:
        raise FileNotFoundError(2, "No usable temporary directory found in ['/tmp']")

    monkeypatch.setattr(tempfile, "gettempdir", none)
    assert refusal() == (
        "temporary files can be written nowhere (No usable temporary directory found in ['/tmp']); set TMPDIR to "
        "another folder"
    )


@pytest.mark.parametrize("extra", [0, 1])
def test_a_path_too_long_for_the_sockets_of_workers(monkeypatch: pytest.MonkeyPatch, extra: int) -> None:
    """The longest path that is let pass is the longest under which the sockets of Python's workers can be
    bound."""
    with tempfile.TemporaryDirectory(dir="/tmp") as root:  # short, unlike the folder of a test
        folder = Path(root) / "x".ljust(temporary.LONGEST - len(root) - 1 + extra, "x")
        socket = folder / "pymp-12345678" / "listener-12345678"
        socket.parent.mkdir(parents=True)
        monkeypatch.setattr(tempfile, "tempdir", str(folder))
        check_temporary(loaders=False)
        if extra:
            assert f"{folder}, for temporary files, is a path of {temporary.LONGEST + 1} bytes" in refusal(
                loaders=True
            )
            with pytest.raises(OSError, match="AF_UNIX path too long"):
                Listener(str(socket))
        else:
            check_temporary(loaders=True)
            Listener(str(socket)).close()


def test_whether_code_can_be_loaded_from_a_folder(seen: Seen, tmp_path: Path) -> None:
    """A file system mounted noexec is known by its flags."""
    seen(f_flag=os.ST_NOEXEC | os.ST_NOSUID)
    assert not executable(tmp_path)
    seen(f_flag=os.ST_NOSUID)
    assert executable(tmp_path)
