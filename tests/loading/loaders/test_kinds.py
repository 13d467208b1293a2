"""Every kind: it delivers what the plain loader does, names what it lacks, and its code runs as it is
printed."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image as Pillow

from harness.loading import loaders
from harness.loading.data.folder import Image
from harness.loading.loaders import KINDS, LOADER_KINDS
from harness.loading.loaders.dali_shared import DECODED
from harness.loading.loaders.kind import LoaderKind, LoaderRequest
from harness.loading.loop.check import first_difference
from harness.loading.loop.loader import Loader
from harness.model import Setting, StepInput
from harness.tune.messages import LoaderPlan, MeasureSample
from harness.tune.worker import LoaderWorker
from tests.support.living import ROOT, alive, until
from tests.support.photographs import by_id, delivered, photographs

CPU = torch.device("cpu")
SOME = 7

pytestmark = [
    pytest.mark.filterwarnings("error:The image decoding and encoding capabilities:DeprecationWarning"),
    pytest.mark.usefixtures("one_thread"),
]


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Image]]:
    """A few photographs of different sizes, and a cache of their own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TIPBENCH_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield photographs(tmp_path_factory.mktemp("photographs"), SOME)


def made(name: str, images: list[Image], fixed: bool) -> Loader:
    """A loader of that kind, with no more workers than it must have."""
    kind = LOADER_KINDS[name]
    if reason := kind.missing(CPU):
        pytest.skip(reason)
    least = 1 if kind.threads else 0
    return kind.make(LoaderRequest(Setting(name, least, 2 * least, 4), images, CPU, fixed=fixed))


@pytest.mark.parametrize("name", LOADER_KINDS)
def test_what_a_kind_delivers(name: str, images: list[Image]) -> None:
    """Under the recipe with nothing random: the same samples with the same labels, and pixels that are
    alike."""
    with made("dataloader", images, True) as plain, made(name, images, True) as loader:
        assert first_difference(list(plain.batches()), loader.batches()) is None


@pytest.mark.parametrize("name", LOADER_KINDS)
def test_a_race_is_over_random_crops(name: str, images: list[Image]) -> None:
    """The recipe that is timed is the one for training: each epoch has the same samples and other pixels."""
    with made(name, images, False) as loader:
        first, second = delivered(loader), delivered(loader)
    for epoch in (first, second):
        assert sorted(number for _, _, ids in epoch for number in ids.reshape(-1).tolist()) == list(
            range(SOME)
        )
    pairs = zip(by_id(first), by_id(second), strict=True)
    assert not any(torch.equal(one, other) for one, other in pairs)


@pytest.mark.parametrize("name", LOADER_KINDS)
def test_a_window_of_a_kind(name: str, images: list[Image]) -> None:
    """Every kind is timed in the midst of a long epoch, and leaves neither a thread nor a process behind."""
    if reason := LOADER_KINDS[name].missing(CPU):
        pytest.skip(reason)
    least = 1 if LOADER_KINDS[name].threads else 0
    worker = LoaderWorker(LoaderPlan(str(Path(images[0].path).parents[1]), "cpu", "none"))
    request = MeasureSample(Setting(name, least, 2 * least, 2), StepInput.WARM, 1, 2, 0.0)
    before = alive()
    assert worker.sample(request).samples == 4
    assert alive().processes <= before.processes
    assert until(lambda: alive().threads <= before.threads)


def test_kinds_that_need_a_gpu_say_so() -> None:
    """Nothing else is missing for want of one."""
    missing = {name: kind.missing(CPU) for name, kind in LOADER_KINDS.items()}
    assert "no CUDA here" in str(missing["side_stream"])
    assert "no CUDA here" in str(missing["dali_gpu"]) or missing["dali"] is not None
    assert missing["dataloader"] is None


def test_a_kind_without_dali(monkeypatch: pytest.MonkeyPatch) -> None:
    """All of DALI's kinds report that it is not installed, and how to get it."""
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    for name in ("dali", "dali_gpu", "dali_dynamic", "dali_capture", "dali_proxy"):
        assert "not installed (pip install nvidia-dali-cuda120" in str(LOADER_KINDS[name].missing(CPU))


# --- the descriptions ---------------------------------------------------------------------------------------


def test_every_file_with_a_kind_is_in_the_list() -> None:
    """A file whose kind is not in `KINDS` would never be raced; names are unique."""
    folder = Path(str(loaders.__file__)).parent
    files = {path.stem for path in folder.glob("*.py") if "\nKIND = " in path.read_text(encoding="utf-8")}
    assert {kind.name for kind in KINDS} == files
    assert len(LOADER_KINDS) == len(KINDS)


def test_extras_exist_and_come_with_all_loaders() -> None:
    """What a kind names can be installed, and the sessions of nox that run every kind install it."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"][
        "optional-dependencies"
    ]
    together = re.findall(r"[\w-]+", extras["loaders"][0].partition("[")[2])
    for extra in {kind.extra for kind in KINDS if kind.extra}:
        assert extra in extras
        assert any(name.startswith(extra) for name in together), f"{extra} is not part of the extra 'loaders'"


def test_kinds_are_described_without_torch() -> None:
    """Names, what is known of each, and the code are there on a laptop that has neither torch nor NumPy."""
    program = """
import sys
sys.modules.update(dict.fromkeys(("torch", "torchvision", "numpy", "PIL", "pytest")))  # importing one raises
from harness.loading.loaders import KINDS
from harness.model import Setting
for kind in KINDS:
    print(kind.name, kind.workers.value, len(kind.code(Setting(kind.name, 2, 2, 4))) > 300)
"""
    shown = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, check=True, capture_output=True, text=True
    )
    assert [line.split() for line in shown.stdout.splitlines()] == [
        [kind.name, "thread" if kind.threads else "worker", "True"] for kind in KINDS
    ]


# --- the code to paste --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five pictures in two classes, beside a class without any; one is stored to be turned when it is
    shown."""
    root = tmp_path_factory.mktemp("pictures") / "my images"
    for number in range(5):
        place = root / f"class_{number % 2}"
        place.mkdir(exist_ok=True, parents=True)
        tags = Pillow.Exif()
        tags[0x0112] = 6 if number == 3 else 1
        Pillow.new("RGB", (300, 280), (number * 40, 10, 10)).save(place / f"{number}.jpg", exif=tags)
    (root / "class_without").mkdir()
    return root


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("pin", [False, True])
@pytest.mark.parametrize("persistent", [False, True])
def test_the_code_makes_that_very_loader(workers: int, pin: bool, persistent: bool, pictures: Path) -> None:
    """It gives a DataLoader of the folder with exactly the options of the setting."""
    setting = Setting("dataloader", workers, 4 if workers else 0, 8, pin)
    names: dict[str, Any] = {}
    exec(LOADER_KINDS["dataloader"].code(setting, folder=str(pictures), persistent=persistent), names)
    loader = names["loader"]
    assert (loader.batch_size, loader.num_workers, loader.pin_memory) == (8, workers, pin)
    assert loader.prefetch_factor == (4 if workers else None)
    assert loader.persistent_workers is (workers > 0 and persistent)
    assert len(loader.dataset) == 5


@pytest.mark.parametrize("name", LOADER_KINDS)
def test_the_code_runs_as_it_is_printed(
    name: str, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With nothing added but the folder, it gives batches of the recipe's shape: all five samples, nothing
    turned.

    A snippet ends in ``loader``, in ``batches`` (an iterator, or a function that gives one), or in a loop.
    """
    kind = LOADER_KINDS[name]
    if reason := kind.missing(CPU):
        pytest.skip(reason)
    monkeypatch.chdir(tmp_path)
    if name == "dali_proxy":  # whose thread waits for five seconds before it ends
        from nvidia.dali.plugin.pytorch.experimental import proxy

        from harness.loading.loaders.dali_proxy import prompt

        monkeypatch.setattr(proxy, "DALIServer", prompt(proxy.DALIServer))
    seen: list[Any] = []
    code = kind.code(Setting(name, 1 if kind.ordered else 2, 3, 4), folder=str(pictures))
    names: dict[str, Any] = {"seen": seen}
    exec(code.replace("        ...", "        seen.append(batch)"), names)
    if not seen:
        made = names.get("batches", names.get("loader"))
        assert made is not None
        seen += made() if callable(made) else made
    images, labels = zip(*map(_images_and_labels, seen), strict=True)
    assert [tuple(batch.shape[-3:]) for batch in images] == [(3, 224, 224)] * 2
    assert [len(batch) for batch in images] == [4, 1]
    assert sorted(int(label) for batch in labels for label in batch.reshape(-1)) == [0, 0, 0, 1, 1]


def _images_and_labels(batch: Any) -> tuple[torch.Tensor, torch.Tensor]:
    if isinstance(batch[0], dict):  # one of DALI's, which holds a dictionary for each pipeline
        return batch[0]["images"], batch[0]["labels"]
    return batch[0], batch[1]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_the_code_is_whole_and_has_nothing_of_ours(kind: LoaderKind, device: str) -> None:
    """Every kind's compiles, names the images at its top, and imports nothing that only this project has."""
    code = kind.code(Setting(kind.name, 2, 3, 4), device=device)
    compile(code, kind.name, "exec")
    assert code.startswith("folder = 'path/to/images'  # one sub-folder a class")
    assert "harness" not in code
    if kind.extra == "dali":  # its decoder's own defaults give other pixels than those that raced
        assert [name for name, value in DECODED.items() if f"{name}={value}" not in code] == []
