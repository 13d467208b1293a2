"""The two commands of the proof on a GPU: parts that end in order, late, or by a crash, and what stays of
them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tarfile
from argparse import Namespace
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.support.living import ENVIRONMENT, ROOT, gone

sys.path.insert(0, str(ROOT / "scripts"))

from gpu_proof import __main__ as proof
from gpu_proof import commands, gating, running
from gpu_proof.commands import ARCHIVE, COMMANDS, Command
from gpu_proof.findings import DONE, FAILED, RUNNING, Part, cut_off

PART = """
import faulthandler, json, os, select, signal, sys
faulthandler.register(signal.SIGUSR1)
name, folder = sys.argv[1], sys.argv[2]

def save(status):
    found = {"name": "found", "value": 1, "unit": "", "goal": "", "reached": None, "skipped": "", "detail": {}}
    document = {"part": name, "device": "cpu", "status": status, "reason": "", "seconds": 1.0, "findings": [found]}
    with open(f"{folder}/{name}.json", "w") as file:
        json.dump(document, file)

save("running")
print(f"{name} has begun", flush=True)
"""
"""What a part does at first, in little time."""

IN_ORDER = 'save("done")'


@pytest.fixture
def hold(tmp_path: Path) -> Callable[..., int]:
    """Hold a command whose parts are these scripts, each behind `PART`; gives its exit status."""

    def held(command: Command, scripts: Mapping[str, str]) -> int:
        def words(name: str, seconds: float) -> list[str]:
            return [
                sys.executable,
                "-X",
                "faulthandler",
                "-c",
                PART + scripts[name],
                name,
                str(tmp_path / "findings"),
            ]

        return commands.hold(command, tmp_path / "findings", "cpu", words, list(proof.PARTS))

    return held


def documents(folder: Path) -> dict[str, Any]:
    """What the folder of the findings says of each part."""
    return {file.stem: json.loads(file.read_text()) for file in sorted((folder / "findings").glob("*.json"))}


def test_the_commands_fit_into_twelve_minutes() -> None:
    """Each part has a limit of its own, and both commands together end in time."""
    assert sum(command.seconds for command in COMMANDS.values()) <= 12 * 60
    for command in COMMANDS.values():
        assert set(command.parts) <= set(proof.PARTS)
        assert max(command.parts.values()) < command.seconds


@pytest.mark.parametrize("late", [0.0, 30.0])
@pytest.mark.parametrize("name", COMMANDS["second"].parts)
def test_a_part_s_own_budget_ends_before_its_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, late: float
) -> None:
    """Also where the part before took so long that less than its limit is left: it then has time to judge."""
    limit = COMMANDS["second"].parts[name] - late
    budgets: list[float] = []
    for module, function in (
        (gating, "gate"), (gating, "gate_slower"), (gating, "gate_identical"),
        (running, "bench"), (running, "bench_few"),
    ):  # fmt: skip
        monkeypatch.setattr(
            module, function, lambda part, folder, device, seconds, *_: budgets.append(seconds)
        )
    options = Namespace(folder=tmp_path, device="cuda", quick=False, short=True, limit=limit, select=[])
    proof.PARTS[name][0](Part(name, "cuda"), options)
    (budget,) = budgets
    later = gating.LATER if name == "gate" else running.FEW_LATER
    assert 60 < budget <= limit - commands.GRACE - later - running.INTERRUPTED - 5


def test_a_part_that_hangs_is_ended_and_the_next_one_is_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hold: Callable[..., int]
) -> None:
    """With all that it started; it keeps what it had found, and says where it was. What comes of all is
    packed."""
    monkeypatch.setattr(commands, "GRACE", 60.0)
    os.mkfifo(tmp_path / "child")
    hangs = f"""
child = os.fork()
if child:
    with open({str(tmp_path / "child")!r}, "w") as file:
        file.write(str(child))
while True:  # not signal.pause: a signal that comes just before it would be waited for in vain
    select.select([], [], [], 0.1)
"""
    children: list[int] = []

    class Late(subprocess.Popen[str]):
        """Its three seconds are over when it hangs, however long that takes."""

        def wait(self, timeout: float | None = None) -> int:
            if timeout != 3.0:
                return super().wait(timeout)
            children.append(int((tmp_path / "child").read_text()))
            raise subprocess.TimeoutExpired(self.args, timeout)

    monkeypatch.setattr(subprocess, "Popen", Late)
    command = Command(600.0, {"clock": 63.0, "floor": 300.0, "traces": 0.0})
    assert hold(command, {"clock": hangs, "floor": IN_ORDER, "traces": IN_ORDER}) == 1
    (child,) = children
    assert gone(child)
    found = documents(tmp_path)
    assert {name: document["status"] for name, document in found.items()} == {
        "clock": FAILED, "floor": DONE, "traces": FAILED,
    }  # fmt: skip
    assert (found["clock"]["reason"], found["traces"]["reason"]) == ("not over after 3 s", "no time left")
    assert len(found["clock"]["findings"]) == 1
    said = (tmp_path / "findings" / "clock.txt").read_text()
    assert said.startswith("clock has begun\n")
    assert "Current thread" in said
    assert "KeyboardInterrupt" in said
    with tarfile.open(tmp_path / ARCHIVE) as archive:
        names = {
            f"findings/{name}"
            for name in ("clock.json", "clock.txt", "floor.json", "floor.txt", "summary.md")
        }
        assert names <= set(archive.getnames())


@pytest.mark.parametrize(
    ("ending", "reason", "said"),
    [
        ("raise SystemExit('no CUDA device')", "ended with exit status 1", "no CUDA device"),
        ("import torch_that_is_not_there", "ended with exit status 1", "ModuleNotFoundError"),
        ("os.kill(os.getpid(), signal.SIGKILL)", "was ended by SIGKILL", "has begun"),
        (
            "import faulthandler; faulthandler._sigabrt()",
            "was ended by SIGABRT",
            "Fatal Python error: Aborted",
        ),
    ],
)
def test_a_part_whose_process_ends_early_is_no_success(
    tmp_path: Path,
    hold: Callable[..., int],
    capfd: pytest.CaptureFixture[str],
    ending: str,
    reason: str,
    said: str,
) -> None:
    """A crash says where it was, for want of memory nothing; the next part is held, and an older file is no
    finding."""
    Part("clock", "cuda", DONE).save(tmp_path / "findings")
    command = Command(600.0, {"clock": 300.0, "floor": 300.0})
    assert hold(command, {"clock": ending, "floor": IN_ORDER}) > 0
    found = documents(tmp_path)
    assert (found["clock"]["status"], found["floor"]["status"]) == (FAILED, DONE)
    assert found["clock"]["reason"] == f"its process {reason} before the part was over"
    assert said in (tmp_path / "findings" / "clock.txt").read_text()
    assert said in capfd.readouterr().out


def test_a_part_that_never_begins_has_found_nothing(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """What an earlier proof found in its place does not stand for it."""
    Part("clock", "cuda", DONE).save(tmp_path / "findings")

    def words(name: str, seconds: float) -> list[str]:
        return [sys.executable, "-c", "import torch_that_is_not_there"]

    assert (
        commands.hold(Command(600.0, {"clock": 300.0}), tmp_path / "findings", "cpu", words, ["clock"]) == 1
    )
    clock = documents(tmp_path)["clock"]
    assert (clock["status"], clock["device"]) == (FAILED, "cpu")
    assert clock["reason"] == "its process ended with exit status 1 before the part was over"
    assert "ModuleNotFoundError" in capfd.readouterr().out


def test_a_command_that_is_ended_ends_its_part_and_packs(tmp_path: Path) -> None:
    """SIGTERM is what a time limit from outside sends first."""
    script = f"""
import sys
sys.path.insert(0, {str(ROOT / "scripts")!r})
from pathlib import Path
from gpu_proof import commands
commands.ends_in_order()
folder = Path({str(tmp_path / "findings")!r})
part = "import os, signal; print(os.getpid(), flush=True); signal.pause()"
words = lambda name, seconds: [sys.executable, "-c", part]
commands.hold(commands.Command(250.0, {{"clock": 240.0}}), folder, "cpu", words, ["clock"])
"""
    command = [sys.executable, "-c", script]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT) as process:
        assert process.stdout is not None
        part = int(process.stdout.readline())
        process.send_signal(signal.SIGTERM)
        assert process.wait(200) == 128 + signal.SIGTERM
    assert gone(part)
    assert (tmp_path / ARCHIVE).exists()
    clock = documents(tmp_path)["clock"]
    assert (clock["status"], clock["reason"]) == (FAILED, "the command was ended")


def test_a_signal_while_a_part_starts_ends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hold: Callable[..., int]
) -> None:
    """It takes effect when the part can be ended: none is left behind."""
    started: list[int] = []

    class Struck(subprocess.Popen[str]):
        """The signal arrives when the process is there, and nobody knows of it yet."""

        def __init__(self, *words: Any, **more: Any) -> None:
            super().__init__(*words, **more)
            started.append(self.pid)
            signal.raise_signal(signal.SIGTERM)

    def ended(*_: object) -> None:
        raise SystemExit(143)

    before = signal.signal(signal.SIGTERM, ended)
    try:
        monkeypatch.setattr(subprocess, "Popen", Struck)
        with pytest.raises(SystemExit):
            hold(Command(600.0, {"clock": 63.0}), {"clock": "signal.pause()"})
    finally:
        signal.signal(signal.SIGTERM, before)
    (pid,) = started
    assert gone(pid)
    assert (documents(tmp_path)["clock"]["status"], documents(tmp_path)["clock"]["reason"]) == (
        FAILED, "the command was ended",
    )  # fmt: skip


def test_findings_are_on_the_disk_at_once(tmp_path: Path) -> None:
    """A part that is ended has kept what it found by then."""
    part = Part("clock", "cuda", folder=tmp_path)
    part.add("warm", 1.0, "x")
    document = json.loads((tmp_path / "clock.json").read_text())
    assert [finding["name"] for finding in document["findings"]] == ["warm"]
    cut_off(tmp_path, "clock", "cuda", "out of time")
    cut_off(tmp_path, "gate", "cuda", "no time left")
    for name, kept in (("clock", 1), ("gate", 0)):
        document = json.loads((tmp_path / f"{name}.json").read_text())
        assert (document["status"], len(document["findings"])) == (FAILED, kept)


def test_a_part_that_is_ended_while_it_saves_loses_that_finding_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a file would be no JSON, and would end the command where it marks the part as cut off."""
    part = Part("clock", "cuda", RUNNING, folder=tmp_path)
    part.add("warm", 1.0, "x")
    write = Path.write_text

    def half(path: Path, text: str, **options: Any) -> int:
        write(path, text[: len(text) // 2], **options)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_text", half)
        with pytest.raises(KeyboardInterrupt):
            part.add("cold", 2.0, "x")
    cut_off(tmp_path, "clock", "cuda", "out of time")
    document = json.loads((tmp_path / "clock.json").read_text())
    assert (document["status"], [each["name"] for each in document["findings"]]) == (FAILED, ["warm"])
