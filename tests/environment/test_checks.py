"""What a machine can measure: each check says what is there, what its absence costs and what to do."""

from __future__ import annotations

import json
import shutil
from collections import namedtuple
from pathlib import Path

import pytest

from harness.cli.main import main
from harness.environment import checks
from harness.environment.checks import check_machine
from harness.loading.data import decoders
from harness.loading.machine.limits import FreeBytes
from harness.model import MachineCheck, Readiness


def found(tmp_path: Path, busy: float = 0.0) -> dict[str, MachineCheck]:
    """The checks by name, with other processes that use so many cores."""
    return {check.name: check for check in check_machine(tmp_path, root=tmp_path, busy=lambda: busy)}


def test_every_check_that_is_not_ready_has_a_remedy(tmp_path: Path) -> None:
    """And says what it costs; one that is ready says neither."""
    for check in found(tmp_path, busy=1.5).values():
        assert check.found
        assert bool(check.remedy) == bool(check.costs) == (check.readiness is not Readiness.READY), check


def test_torch_and_loaders_are_there(tmp_path: Path) -> None:
    """Where the tests run, torch is; the kinds of loaders that need a GPU say so."""
    checked = found(tmp_path)
    assert checked["torch"].readiness is Readiness.READY
    assert "kinds" in checked["loaders"].found


@pytest.mark.parametrize(("busy", "readiness"), [(0.05, Readiness.READY), (1000.0, Readiness.LIMITED)])
def test_a_busy_machine_is_named(tmp_path: Path, busy: float, readiness: Readiness) -> None:
    """From the share of the cores on from which a run warns of others, too."""
    assert found(tmp_path, busy)["other processes"].readiness is readiness


@pytest.mark.parametrize(
    ("governor", "readiness"),
    [("performance", Readiness.READY), ("powersave", Readiness.LIMITED), ("", Readiness.LIMITED)],
)
def test_the_governor_is_read(tmp_path: Path, governor: str, readiness: Readiness) -> None:
    """Where the system shows it; a virtual machine does not."""
    if governor:
        file = tmp_path / "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"
        file.parent.mkdir(parents=True)
        file.write_text(governor + "\n")
    assert found(tmp_path)["CPU clock"].readiness is readiness


def test_little_room_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Shared memory of a container's 64 MiB, and a disk that is nearly full, with what to type."""
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(2**40, 2**40, 2**20))
    monkeypatch.setattr(checks, "free_shared", lambda: FreeBytes(2**26, 2**26, "shared memory"))
    checked = found(tmp_path)
    assert checked["results"].readiness is checked["/dev/shm"].readiness is Readiness.LIMITED
    assert "--shm-size" in checked["/dev/shm"].remedy
    assert "--results" in checked["results"].remedy


def test_without_torch_nothing_can_be_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command says so, and its status is 3; with torch it is 0."""
    monkeypatch.setattr(checks, "_cores_in_use", lambda: 0.0)
    assert main(["doctor", "--results", str(tmp_path), "--json", "-"]) == 0
    names = [check["name"] for check in json.loads(capsys.readouterr().out)["checks"]]
    assert {"torch", "GPU", "cores", "/dev/shm", "loaders"} <= set(names)
    monkeypatch.setattr(checks, "_imported", lambda _: None)
    assert main(["doctor", "--results", str(tmp_path)]) == 3
    assert "cannot be imported" in capsys.readouterr().out


def test_a_missing_tool_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what installs it."""
    monkeypatch.setattr(checks, "TOOLS", ("json", "no_such_tool"))
    check = found(tmp_path)["tools on trial"]
    assert (check.found, check.remedy) == ("without no_such_tool", "pip install no_such_tool")


def test_the_image_decoder_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """TorchCodec where it decodes, else what does so in its place, with the reason and the remedy."""
    assert decoders.decoder_here().startswith(found(tmp_path)["image decoder"].found)
    monkeypatch.setattr(decoders, "without_torchcodec", lambda: "TorchCodec is too old")
    check = found(tmp_path)["image decoder"]
    assert (check.found, check.readiness) == ("torchvision; TorchCodec is too old", Readiness.LIMITED)
    assert "torchcodec 0.16 or later" in check.remedy
