"""Every NVML function that is called, failing with every error there is: never fatal, and never without a
reason."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pynvml
import pytest

from harness.environment.gpus import list_gpus, unusable_gpu
from harness.measure.clock import FakeClock
from harness.model import HOST
from harness.probes.energy import gpu_share, joules
from harness.probes.nvml import device_bytes
from tests.support.living import ROOT
from tests.support.replayed import CODES, RECORDED, UUID, Replayed
from tests.support.staged import CASE, ON_GPU, Stage

FUNCTIONS = sorted(name for name in dir(Replayed) if re.match(r"nvml[A-Z]", name) and name != "nvmlMemory_v2")
LATER = {
    "nvmlDeviceGetCurrentClocksEventReasons": "nvmlDeviceGetCurrentClocksThrottleReasons",
    "nvmlDeviceGetTemperatureV": "nvmlDeviceGetTemperature",
    "nvmlDeviceGetViolationStatus": "nvmlDeviceGetFieldValues",
}
"""Functions that have replaced others, which are asked where these are not there."""


def kind(code: int) -> str:
    """What the error of that number is called."""
    return type(pynvml.NVMLError(code)).__name__


@dataclass(frozen=True)
class Seen:
    """What a watch read of the GPU and of the host, and what it warned of."""

    of_gpu: frozenset[str]
    of_host: frozenset[str]
    warnings: tuple[str, ...]

    def lost(self, whole: Seen) -> frozenset[str]:
        """What is read of a GPU that answers everything, and was not here."""
        return whole.of_gpu - self.of_gpu


def watched(folder: Path, module: Replayed, later: Mapping[str, int] | None = None) -> Seen:
    """A watch from its first call to its last, over two cases; errors ``later`` begin between them."""
    folder.mkdir()
    stage = Stage(folder, module)
    with stage.watch as watch:
        watch.measures_on(ON_GPU)
        watch.begins(CASE, 1)
        stage.passes(0.2)
        watch.ends(CASE, 1)
        module.errors.update(later or {})
        watch.begins(CASE, 2)
        stage.passes(0.2)
        watch.ends(CASE, 2)
    found = stage.seen()
    assert found.cost is not None
    own = [each for each in found.series if each.invocation == 2]
    assert len(set(found.warnings)) == len(found.warnings)
    return Seen(
        frozenset(each.quantity for each in own if each.device == UUID),
        frozenset(each.quantity for each in own if each.device == HOST),
        (*found.warnings, *filter(None, [found.no_nvml])),
    )


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Seen:
    """What is read where everything answers."""
    return watched(tmp_path_factory.mktemp("whole") / "run", Replayed())


@cache
def source() -> str:
    """All of the harness."""
    return "\n".join(file.read_text(encoding="utf-8") for file in (ROOT / "harness").rglob("*.py"))


def test_the_storm_reaches_every_call() -> None:
    """Every NVML function that the harness names is among those that fail here, and its bindings have it."""
    named = set(re.findall(r"\bnvml(?:Device|Init|Shutdown|System)\w*", source()))
    assert named - {"nvmlSystemGetCudaDriverVersion"} <= set(FUNCTIONS)
    assert len(CODES) > 25
    assert all(hasattr(pynvml, name) for name in set(FUNCTIONS) - set(LATER.values()))


def test_what_answers_is_read_whole(whole: Seen) -> None:
    """Where nothing fails, nothing is missing and there is nothing to say."""
    assert whole.warnings == ()
    assert {"sm_clock_hertz", "energy_joules", "uncorrected_errors", "pcie_width", "throttle"} <= whole.of_gpu
    assert {"load", "busy_cores", "cpu_seconds"} <= whole.of_host


@pytest.mark.parametrize("function", FUNCTIONS)
def test_any_error_from_the_start(function: str, tmp_path: Path, whole: Seen) -> None:
    """Whatever a function answers, the watch goes on with the rest; what is not read has a reason with its
    name."""
    for code in CODES:
        seen = watched(tmp_path / str(code), Replayed({function: code}))
        named = [warning for warning in seen.warnings if kind(code) in warning]
        assert seen.of_host == whole.of_host, kind(code)
        assert named or not seen.lost(whole), (kind(code), seen.lost(whole))


@pytest.mark.parametrize("function", FUNCTIONS)
def test_any_error_in_the_middle(function: str, tmp_path: Path, whole: Seen) -> None:
    """The same where it answered before: a time-out, a driver that is reloaded, a board that falls off its
    bus."""
    for code in (pynvml.NVML_ERROR_TIMEOUT, pynvml.NVML_ERROR_UNINITIALIZED, pynvml.NVML_ERROR_GPU_IS_LOST):
        seen = watched(tmp_path / str(code), Replayed(), {function: code})
        assert seen.of_host == whole.of_host
        assert not seen.lost(whole) or any(kind(code) in warning for warning in seen.warnings), kind(code)


@pytest.mark.parametrize("newer", sorted(LATER))
def test_any_error_of_the_older_way(newer: str, tmp_path: Path, whole: Seen) -> None:
    """Where the newer function is not there, and the older one fails too, the reason is the older one's."""
    for code in CODES:
        errors = {newer: pynvml.NVML_ERROR_FUNCTION_NOT_FOUND, LATER[newer]: code}
        seen = watched(tmp_path / str(code), Replayed(errors))
        assert seen.lost(whole)
        assert any(kind(code) in warning for warning in seen.warnings), kind(code)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_bindings_without_a_function(function: str, tmp_path: Path, whole: Seen) -> None:
    """Old bindings do not know a name: as if the driver did not."""
    seen = watched(tmp_path / "run", Replayed(missing=(function,)))
    assert seen.of_host == whole.of_host
    assert not seen.lost(whole) or any("AttributeError" in warning for warning in seen.warnings)


HOLLOW = SimpleNamespace(
    **dict.fromkeys(("total", "used", "reserved", "gpu", "memory", "violationTime", "pid", "usedGpuMemory")),
    nvmlReturn=0,
    value=SimpleNamespace(ullVal=None),
)
"""An answer whose every field is None."""


@pytest.mark.parametrize("answer", [None, HOLLOW, [HOLLOW]], ids=["none", "hollow", "hollow list"])
@pytest.mark.parametrize("function", FUNCTIONS)
def test_answers_without_content(function: str, answer: Any, tmp_path: Path, whole: Seen) -> None:
    """None, or fields that are None, in the place of numbers: not fatal, and what is not read has a
    reason."""
    module = Replayed()
    module.__dict__[function] = lambda *_, **__: answer
    seen = watched(tmp_path / "run", module)
    assert seen.of_host == whole.of_host
    assert seen.warnings or not seen.lost(whole)


@pytest.mark.parametrize("code", CODES)
def test_fields_that_come_with_an_error(code: int, tmp_path: Path, whole: Seen) -> None:
    """A field may carry an error of its own; then there is no such counter, and the first refusal is the
    reason."""
    module = Replayed({"nvmlDeviceGetViolationStatus": pynvml.NVML_ERROR_DEPRECATED})
    module.__dict__["nvmlDeviceGetFieldValues"] = lambda *_: [SimpleNamespace(nvmlReturn=code)]
    seen = watched(tmp_path / "run", module)
    assert (
        {name for name in seen.lost(whole) if name.endswith("violation_seconds")} == seen.lost(whole) != set()
    )
    assert all("NVMLError_Deprecated" in warning for warning in seen.warnings)


@pytest.mark.parametrize("number", [0, 2**22 + 1, 2**32 - 1])
def test_process_numbers_that_no_process_has(number: int, tmp_path: Path) -> None:
    """As virtual machines show them: no process is named, a warning says why, memory in use before counts as
    one."""
    memory = {**RECORDED["readings"]["memory"], "used": [2**34]}
    stage = Stage(tmp_path, Replayed(processes=[[[number, None]]], memory=memory))
    with stage.watch as watch:
        watch.measures_on(ON_GPU)
        stage.passes(1.2)
    seen = stage.seen()
    assert [(other.when, other.pid) for other in seen.other_processes] == [("before", 0)]
    assert [warning for warning in seen.warnings if "does not report the numbers" in warning] == list(
        seen.warnings
    )


# --- other readers of NVML ----------------------------------------------------------------------------------


@pytest.mark.parametrize("function", FUNCTIONS)
def test_the_environment_is_described_whatever_nvml_answers(function: str) -> None:
    """GPUs that cannot be described are a warning with the reason; that there is no driver is none."""
    torch: Any = SimpleNamespace(cuda=SimpleNamespace(is_available=lambda: False))
    for code in CODES:
        warnings: list[str] = []
        gpus, _ = list_gpus(torch, Replayed({function: code}), warnings)
        expected = not gpus and kind(code) != "NVMLError_LibraryNotFound"
        assert any(kind(code) in warning for warning in warnings) == expected, (kind(code), warnings)
        assert gpus or unusable_gpu(torch=torch, module=Replayed({function: code}), environ={}) is None


@pytest.mark.parametrize("function", FUNCTIONS)
def test_used_bytes_or_the_reason(function: str) -> None:
    """The device's used bytes, with where they come from, else None and NVML's error."""
    for code in CODES:
        found, words = device_bytes(UUID, module=Replayed({function: code}))
        assert found is not None or kind(code) in words, kind(code)


def share(module: Replayed) -> tuple[float, str]:
    """How busy the GPU was."""
    return gpu_share(UUID, module=module)


def spent(module: Replayed) -> tuple[float, str]:
    """What an iteration of a twentieth of a second takes."""
    clock = FakeClock()

    def call() -> None:
        clock.advance(0.05)
        module.tick()

    def now() -> float:
        call()
        return clock.now()

    return joules(call, UUID, lambda: None, module=module, now=now)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_energy_and_share_or_an_error_with_its_name(function: str) -> None:
    """Readings of a variant by itself come, or raise what NVML raised: the caller notes it as a warning."""
    for code in CODES:
        for asked in (share, spent):
            try:
                value, source = asked(Replayed({function: code}))
            except Exception as error:
                assert kind(code) in f"{type(error).__name__} {error}", (kind(code), error)
            else:
                assert value >= 0 and source
