"""What nox's sessions share: the status of a command is the status of nox, whatever the version of nox."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.support.living import ENVIRONMENT, ROOT, until

NOXFILE = ROOT / "noxfile.py"


class CommandFailed(Exception):
    """Nox's own, as it was until 2025; since 2026 it carries ``return_code``."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Session:
    """A session in which every command ends the same way."""

    posargs = ("--base", "main")

    def __init__(self, failure: CommandFailed | None) -> None:
        self._failure = failure
        self.ran: list[tuple[Any, ...]] = []
        self.stated: dict[str, Any] = {}

    def run(self, *words: str, **stated: Any) -> bool:
        """Run it."""
        self.ran.append(words)
        self.stated = stated
        if self._failure is not None:
            raise self._failure
        return True


@pytest.fixture
def harness_session(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any, str], None]:
    """The noxfile's function for a command of ours, with a stand-in for nox."""
    nox, command = ModuleType("nox"), ModuleType("nox.command")
    for name, value in {"session": lambda *one, **_: one[0] if one else lambda f: f, "Session": Session,
                        "options": ModuleType("options"), "command": command}.items():  # fmt: skip
        setattr(nox, name, value)
    command.CommandFailed = CommandFailed  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "nox", nox)
    monkeypatch.setitem(sys.modules, "nox.command", command)
    spec = importlib.util.spec_from_file_location("noxfile_under_test", NOXFILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found: Callable[[Any, str], None] = module._harness
    return found


def failing(status: int, *, new: bool) -> CommandFailed:
    """What nox raises for that status."""
    failure = CommandFailed(f"Returned code {status}")
    if new:
        failure.return_code = status  # type: ignore[attr-defined]
    return failure


@pytest.mark.parametrize("new", [False, True])
@pytest.mark.parametrize(("status", "expected"), [(1, 1), (2, 2), (3, 3), (130, 130), (-15, 143)])
def test_nox_ends_with_the_commands_status(
    harness_session: Callable[[Any, str], None], new: bool, status: int, expected: int
) -> None:
    """Slower is 1 and cannot judge is 3 for a shell that typed nox, too; a signal is 128 and its number."""
    session = Session(failing(status, new=new))
    with pytest.raises(SystemExit) as ended:
        harness_session(session, "gate")
    assert ended.value.code == expected
    assert session.ran == [("python", "-m", "harness", "gate", "--base", "main")]


def test_success_and_a_command_that_never_ran(harness_session: Callable[[Any, str], None]) -> None:
    """A session that succeeds goes on; what nox refuses to start stays nox's own failure."""
    session = Session(None)
    harness_session(session, "bench")
    # nox kills what it interrupts after half a second, unless it is configured to wait
    assert session.stated["interrupt_timeout"] is None
    with pytest.raises(CommandFailed):
        harness_session(Session(CommandFailed("External program disallowed.")), "bench")


COMMAND = """
import os, pathlib, select, signal, sys
status = sys.argv[2]
def close(*_):
    pathlib.Path("closed").write_text("the closing report")
    sys.exit(130)
if status == "waits":
    signal.signal(signal.SIGINT, close)
    pathlib.Path("ready").touch()
    while True: select.select([], [], [], 0.1)  # a signal just before signal.pause would be waited for in vain
sys.exit(int(status))
"""
"""A command in the place of ours."""

SESSIONS = """
import importlib.util, nox
spec = importlib.util.spec_from_file_location("ours", {noxfile!r})
ours = importlib.util.module_from_spec(spec)
spec.loader.exec_module(ours)

@nox.session(venv_backend="none")
def ends(session):
    ours._harness(session, "gate")
"""


@pytest.fixture
def typed(tmp_path: Path) -> Callable[[str], subprocess.Popen[bytes]]:
    """Start the nox that is on the PATH, with a session that runs a command of that status."""
    program = shutil.which("nox")
    if program is None:
        pytest.skip("there is no nox on the PATH")
    (tmp_path / "harness").mkdir()
    (tmp_path / "harness" / "__init__.py").touch()
    (tmp_path / "harness" / "__main__.py").write_text(COMMAND)
    (tmp_path / "noxfile.py").write_text(SESSIONS.format(noxfile=str(NOXFILE)))
    environment = {
        **ENVIRONMENT,
        "PYTHONPATH": "",
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }

    def start(status: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [program, "-s", "ends", "--", status], cwd=tmp_path, env=environment, start_new_session=True,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    return start


@pytest.mark.parametrize("status", [0, 1, 2, 3, 130])
def test_a_real_nox_ends_with_it(typed: Callable[[str], subprocess.Popen[bytes]], status: int) -> None:
    """Typed as people type it."""
    assert typed(str(status)).wait() == status


def test_ctrl_c_under_a_real_nox(typed: Callable[[str], subprocess.Popen[bytes]], tmp_path: Path) -> None:
    """The whole group gets the signal, as from a terminal: the command closes as it would without nox, status
    130."""
    process = typed("waits")
    assert until(lambda: (tmp_path / "ready").exists() or process.poll() is not None)
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait() == 130
    assert (tmp_path / "closed").exists()
