"""The fingerprint: complete without a GPU, with fakes of one; and the GPU that torch cannot use."""

from __future__ import annotations

# ruff: noqa: D102, N802  (the fakes' methods are NVML's: their names, and what they do, are given)
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType, ModuleType, SimpleNamespace
from typing import Any

import pytest

from harness.environment import fingerprint, gpus, machine_id, measured_on, unusable_gpu
from harness.environment.packages import installed
from harness.environment.software import variables
from harness.environment.software import versions as software
from tests.support.living import ROOT

MACHINE = {"cpu": "A CPU", "cores": 8, "memory_bytes": 16 * 2**30}


class NVMLError_LibraryNotFound(Exception):  # noqa: N801
    """What NVML raises without a driver."""


Device = tuple[str, str, tuple[int, int]]
"""A GPU's name, UUID and compute capability."""


class FakeNvml:
    """A driver and its GPUs, as NVML lists them; None: no driver."""

    def __init__(
        self,
        driver: str | None = "535.104.05",
        cuda: int = 12020,
        gpus: Sequence[Device] = (("NVIDIA H200", "GPU-1", (9, 0)),),
    ) -> None:
        self.driver, self.cuda, self.gpus = driver, cuda, gpus

    def nvmlInit(self) -> None:
        if self.driver is None:
            raise NVMLError_LibraryNotFound

    def nvmlShutdown(self) -> None:
        pass

    def nvmlSystemGetDriverVersion(self) -> bytes:
        assert self.driver is not None
        return self.driver.encode()

    def nvmlSystemGetCudaDriverVersion_v2(self) -> int:
        return self.cuda

    def nvmlDeviceGetCount(self) -> int:
        return len(self.gpus)

    def nvmlDeviceGetHandleByIndex(self, index: int) -> Device:
        return self.gpus[index]

    def nvmlDeviceGetName(self, handle: Device) -> str:
        return handle[0]

    def nvmlDeviceGetUUID(self, handle: Device) -> str:
        return handle[1]

    def nvmlDeviceGetCudaComputeCapability(self, handle: Device) -> tuple[int, int]:
        return handle[2]

    def nvmlDeviceGetMemoryInfo(self, handle: Device) -> SimpleNamespace:
        return SimpleNamespace(total=141 * 10**9, used=1)


def fake_torch(
    *,
    build: str | None = "13.0",
    available: bool = False,
    arches: Sequence[str] = ("sm_75", "sm_90", "compute_120"),
    refusal: str = "no device. More.",
) -> ModuleType:
    """A torch that reports these facts of CUDA and no others; its flags cannot be read."""

    def init() -> None:
        raise RuntimeError(refusal)

    properties = SimpleNamespace(name="Seen by torch", uuid="77", total_memory=8, major=8, minor=6)
    cuda = SimpleNamespace(
        is_available=lambda: available,
        init=init,
        get_arch_list=lambda: list(arches),
        device_count=lambda: 1,
        get_device_properties=lambda index: properties,
    )
    fake = ModuleType("torch")
    vars(fake).update(__version__="2.14.1", version=SimpleNamespace(cuda=build), cuda=cuda)
    return fake


ABSENT = FakeNvml(driver=None)


def test_the_fingerprint_here_is_json_and_says_the_flags() -> None:
    """This machine's own fingerprint survives JSON and names torch's version and flags."""
    import torch

    found = fingerprint()
    assert json.loads(json.dumps(found)) == found
    assert found["software"]["torch"] == torch.__version__
    assert found["flags"]["num_threads"] == torch.get_num_threads()
    assert found["flags"]["cudnn_benchmark"] is False
    assert found["machine"]["usable_cores"] <= found["machine"]["cores"]


def test_flags_are_read_as_they_are_now() -> None:
    """A flag that was changed is in the next fingerprint."""
    import torch

    torch.backends.cudnn.benchmark = True
    try:
        assert fingerprint(module=ABSENT)["flags"]["cudnn_benchmark"] is True
    finally:
        torch.backends.cudnn.benchmark = False


def test_only_torch_is_imported() -> None:
    """Versions come from the installed packages' metadata: none of them is imported."""
    code = (
        "import sys; from harness.environment import fingerprint; assert 'torch' not in sys.modules; "
        "found = fingerprint(); print(found['software']['torchvision'], "
        "[name for name in ('torchvision', 'torchcodec', 'nvidia.dali', 'pandas') if name in sys.modules])"
    )
    output = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    ).stdout
    assert output.endswith("[]\n")


def test_gpus_and_driver_come_from_nvml() -> None:
    """Name, UUID, memory, compute capability; the driver's version and its CUDA, whether bytes or text."""
    found = fingerprint(torch=fake_torch(), module=FakeNvml())
    assert found["gpus"] == [
        {"name": "NVIDIA H200", "uuid": "GPU-1", "memory_bytes": 141 * 10**9, "compute_capability": "9.0"}
    ]
    assert found["driver"] == {"version": "535.104.05", "cuda": "12.2"}
    assert found["software"]["cuda"] == "13.0"
    assert set(found["flags"].values()) == {"unreadable"}


def test_without_nvml_torch_describes_the_gpus() -> None:
    """A GPU that only torch sees is listed, with a warning; no GPU at all is no warning."""
    found = fingerprint(torch=fake_torch(available=True), module=ABSENT)
    assert found["gpus"][0]["uuid"] == "GPU-77"
    assert "NVMLError_LibraryNotFound" in found["warnings"][0]
    none = fingerprint(torch=fake_torch(), module=ABSENT)
    assert (none["gpus"], none["driver"], none["warnings"]) == ([], {}, [])


def test_absent_packages_have_no_version() -> None:
    """What is not installed is None, and so is everything of a torch that is not there."""
    found = software(None)
    assert found["torch"] is None
    assert found["cuda"] is None
    assert set(found) >= {
        "python",
        "torchvision",
        "torchcodec",
        "triton",
        "dali",
        "dali_wheel",
        "prefetch_generator",
    }


@pytest.mark.parametrize("wheel", ["nvidia-dali-cuda120", "nvidia-dali-cuda130"])
def test_the_dali_wheel_is_named(monkeypatch: pytest.MonkeyPatch, wheel: str) -> None:
    """Either wheel brings the same import: the record states which it was."""
    from harness.environment import software as module

    monkeypatch.setattr(module, "_version", lambda name: "2.4" if name == wheel else None)
    assert (software(None)["dali"], software(None)["dali_wheel"]) == ("2.4", wheel)


@pytest.mark.parametrize(("folder", "kept"), [("torchinductor_me", False), ("mine", True)])
def test_what_torch_sets_itself_is_nobody_s_choice(folder: str, kept: bool) -> None:
    """Its compiler's cache where torch puts it by default; another place is the user's."""
    found = variables({"TORCHINDUCTOR_CACHE_DIR": f"{tempfile.gettempdir()}/{folder}"})
    assert bool(found) is kept


def test_relevant_variables_without_secrets() -> None:
    """What steers threads, CUDA and allocators is recorded; secrets and what is private are not."""
    environ = {
        "OMP_NUM_THREADS": "2",
        "CUDA_VISIBLE_DEVICES": "1",
        "PYTORCH_ALLOC_CONF": "a:b",
        "TORCH_LOGS": "+all",
        "NVIDIA_API_KEY": "hush",
        "HOME": "/root",
        "PROMPT": "$",
        "MKL_NUM_THREADS": "1",
        "COMP_WORDS": "x",
    }
    assert list(variables(environ)) == [
        "CUDA_VISIBLE_DEVICES",
        "MKL_NUM_THREADS",
        "OMP_NUM_THREADS",
        "PYTORCH_ALLOC_CONF",
        "TORCH_LOGS",
    ]


def test_git_revision_branch_and_dirt(tmp_path: Path) -> None:
    """The revision, its branch and whether files differ from it; None in a folder without a repository."""
    assert fingerprint(torch=fake_torch(), module=ABSENT, directory=tmp_path)["git"] is None
    who = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false")
    first = (*who, "commit", "-q", "--allow-empty", "-m", "first")
    for command in (("init", "-q", "-b", "main"), first, ("checkout", "-q", "-b", "a/b"), ("tag", "a/b")):
        subprocess.run(["git", "-C", tmp_path, *command], check=True)
    clean = fingerprint(torch=fake_torch(), module=ABSENT, directory=tmp_path)["git"]
    assert len(clean["revision"]) == 40
    assert (clean["branch"], clean["dirty"]) == ("a/b", False)
    (tmp_path / "new").write_text("")
    subprocess.run(["git", "-C", tmp_path, "checkout", "-q", "--detach"], check=True)
    detached = fingerprint(torch=fake_torch(), module=ABSENT, directory=tmp_path)["git"]
    assert detached == {"revision": clean["revision"], "branch": "", "dirty": True}


def test_git_may_be_absent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No git on the path is no failure."""
    monkeypatch.setenv("PATH", str(tmp_path))
    assert fingerprint(torch=fake_torch(), module=ABSENT)["git"] is None


def test_container_hints(tmp_path: Path) -> None:
    """The usual marks of a container are distinguished."""

    def hint(environ: Mapping[str, str] = MappingProxyType({})) -> object:
        found = fingerprint(torch=fake_torch(), module=ABSENT, root=tmp_path, environ=dict(environ))
        return found["machine"]["container"]

    assert hint() is None
    (tmp_path / ".dockerenv").write_text("")
    assert hint() == "docker"
    assert hint({"KUBERNETES_SERVICE_HOST": "x"}) == "kubernetes"


def test_the_machine_id_follows_the_machine(tmp_path: Path) -> None:
    """Equal for equal machines; another system, CPU or GPU is another machine, another GPU order is not."""
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/machine-id").write_text("abc\n")
    gpus = [{"uuid": "GPU-1"}, {"uuid": "GPU-2"}]
    here = machine_id(MACHINE, gpus, root=tmp_path)
    # A virtual machine's memory may grow while it runs.
    assert here == machine_id(MACHINE | {"memory_bytes": 24 * 2**30}, gpus[::-1], root=tmp_path)
    assert len(here) == 12
    assert "abc" not in here
    others = [
        machine_id(MACHINE | {"cpu": "B"}, gpus, root=tmp_path),
        machine_id(MACHINE, gpus[:1], root=tmp_path),
    ]
    (tmp_path / "etc/machine-id").write_text("abd")
    others.append(machine_id(MACHINE, gpus, root=tmp_path))
    assert len({here, *others}) == 4


def test_a_driver_too_old_is_named_with_its_remedy() -> None:
    """The message names the GPU, the driver, torch's CUDA and what to do."""
    reason = unusable_gpu(torch=fake_torch(), module=FakeNvml(), environ={})
    assert reason is not None
    for word in (
        "NVIDIA H200",
        "535.104.05",
        "12.2",
        "2.14.1",
        "13.0",
        "update",
        "torch built for CUDA 12.2",
    ):
        assert word in reason


@pytest.mark.parametrize(
    ("torch", "nvml", "environ"),
    [
        pytest.param(fake_torch(available=True), FakeNvml(cuda=13000), {}, id="torch can use it"),
        pytest.param(fake_torch(), ABSENT, {}, id="no driver"),
        pytest.param(fake_torch(), FakeNvml(gpus=()), {}, id="no GPU"),
        pytest.param(fake_torch(), FakeNvml(), {"CUDA_VISIBLE_DEVICES": ""}, id="hidden"),
        pytest.param(fake_torch(), FakeNvml(), {"CUDA_VISIBLE_DEVICES": "-1"}, id="hidden by -1"),
        pytest.param(
            fake_torch(available=True, arches=("sm_75", "sm_90a")), FakeNvml(), {}, id="arch with a letter"
        ),
        pytest.param(fake_torch(available=True, arches=()), FakeNvml(), {}, id="no arch list"),
    ],
)
def test_nothing_is_wrong(torch: Any, nvml: FakeNvml, environ: dict[str, str]) -> None:
    """A usable GPU, no GPU and a GPU that was hidden on purpose are all normal."""
    assert unusable_gpu(torch=torch, module=nvml, environ=environ) is None


@pytest.mark.parametrize(
    ("torch", "nvml", "words"),
    [
        pytest.param(
            fake_torch(build=None), FakeNvml(), ("built without CUDA", "CUDA build"), id="CPU build"
        ),
        pytest.param(
            fake_torch(refusal="CUDA unknown error. x"),
            FakeNvml(cuda=13010),
            ("CUDA unknown error;", "nvidia-smi"),
            id="torch refuses",
        ),
        pytest.param(
            fake_torch(available=True),
            FakeNvml(cuda=13000, gpus=(("Tesla P100", "GPU-1", (6, 0)),)),
            ("6.0", "7.5", "older torch"),
            id="GPU too old",
        ),
    ],
)
def test_other_reasons_are_named_too(torch: Any, nvml: FakeNvml, words: tuple[str, ...]) -> None:
    """Whatever keeps torch from the GPU, the message gives the cause and what to do."""
    reason = unusable_gpu(torch=torch, module=nvml, environ={})
    assert reason is not None
    assert all(word in reason for word in words)


def test_what_a_process_measures_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """A GPU by its UUID, the CPU by its name; where torch does not know it, the GPU has none."""
    import torch

    cpu, cuda = torch.device("cpu"), torch.device("cuda")
    monkeypatch.setattr(gpus, "cuda_uuid", lambda device: f"GPU-of-{device.type}")
    assert measured_on(cpu) == {"type": "cpu"}
    assert measured_on(cuda) == {"type": "cuda", "uuid": "GPU-of-cuda"}

    def silent(device: object) -> None:
        raise AttributeError("uuid")

    monkeypatch.setattr(gpus, "cuda_uuid", silent)
    assert measured_on(cuda) == {"type": "cuda"}


def test_what_is_installed() -> None:
    """Every distribution with its version, by a name that two interpreters spell alike."""
    found = installed()
    assert found["pytest"] == pytest.__version__
    assert list(found) == sorted(found)
    assert all(name == name.lower() for name in found)
