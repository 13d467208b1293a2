"""The loading benchmarks, each variant run for one short epoch by a measurement that times nothing."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest
import torch

from harness.claims.folder import read
from harness.loading.data.generated import jpeg_folder, tiny_set, uneven_folder
from harness.loading.loop.epoch import same_pixels
from harness.measure.correctness import Agreement, WrongResult
from harness.measure.variant import Unavailable, Variant
from support.training_step import TrainingStep
from support.transformed import MOST_LEVELS
from tests.support.living import ROOT
from tests.support.spoilt import faults

BENCHMARKS = ROOT / "benchmarks"
CPU = torch.device("cpu")

pytestmark = [
    pytest.mark.filterwarnings("ignore:This DataLoader will create"),
    pytest.mark.filterwarnings("ignore:'pin_memory' argument"),
    pytest.mark.filterwarnings("error:The image decoding and encoding capabilities:DeprecationWarning"),
]


class FakeCompare:
    """Enters every variant, runs one epoch and applies ``same``, which must refuse wrong results."""

    data = None
    device = CPU

    def __init__(self) -> None:
        self.ran: list[str] = []
        self.unavailable: dict[str, str] = {}
        self.kept: dict[str, Any] = {}
        self.said: dict[str, dict[str, float]] = {}
        self.readings: dict[str, dict[str, float]] = {}
        self.parts: dict[str, float] = {}

    def __call__(self, *, baseline: Variant, same: Any, **given: Any) -> None:
        """As the real one, without a clock."""
        self.kept = {
            name: given.pop(name) for name in ("items", "bytes", "decoded", "expect") if name in given
        }
        assert set(self.kept.get("expect") or {}) <= set(given)
        expected = None
        for name, variant in {"baseline": baseline, **given}.items():
            if isinstance(variant, Unavailable):
                self.unavailable[name] = variant.reason
                continue
            with variant.prepare() as iteration:
                result: Any = iteration()
            if expected is None:
                expected = result
                for wrong in faults(result, pixels=same is same_pixels):
                    with pytest.raises(WrongResult):
                        Agreement(same, expected).check(wrong)
            said = same(expected, result)
            assert said is not False
            self.said[name] = dict(said or {})
            self.readings[name] = dict(getattr(result, "readings", {}))
            self.parts[name] = variant.part
            of_all = round(self.kept["items"] * variant.part)
            assert len(getattr(result, "ids", range(of_all))) == of_all
            self.ran.append(name)


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """What the fixtures in benchmarks/conftest.py give, smaller."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TIPBENCH_CACHE", str(tmp_path_factory.mktemp("cache")))
        loop = {"device": CPU, "step": TrainingStep(CPU, 10), "pin_memory": False, "non_blocking": False}
        yield {"images": jpeg_folder(16), "uneven": uneven_folder(16), "tiny": tiny_set(64), "loop": loop}
    torch.set_num_threads(before)


def _benchmark(name: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, BENCHMARKS / "loading" / f"{name}.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "SAMPLES", 5, raising=False)
    monkeypatch.setattr(module, "window_batches", lambda workers: 5, raising=False)
    return module


def _ask(module: ModuleType, **given: Any) -> FakeCompare:
    compare = FakeCompare()
    getattr(module, module.__name__)(compare, **given)
    return compare


def _chosen(inputs: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: inputs[name] for name in (*names, "images")}


@pytest.mark.parametrize("work", ["jpeg_loop", "tiny_loop", "tiny_alone"])
def test_num_workers(inputs: dict[str, Any], monkeypatch: pytest.MonkeyPatch, work: str) -> None:
    """The sweep of workers agrees with none, the taught four among them; each has an epoch of its own length.

    One as long as the deepest loader's would take minutes without workers on a machine with many cores.
    """
    module = _benchmark("bench_num_workers", monkeypatch)
    monkeypatch.setattr(module, "usable_cores", lambda: 2)
    monkeypatch.setattr(module, "window_batches", lambda workers: 4 * max(1, workers))
    compare = _ask(module, work=work, **_chosen(inputs, "tiny", "loop"))
    assert compare.ran == ["baseline", "workers_1", "workers_2", "workers_4"]
    batches = {"baseline": 4, "workers_1": 4, "workers_2": 8, "workers_4": 16}
    assert {name: 8 * part for name, part in compare.parts.items()} == pytest.approx(batches)


@pytest.mark.parametrize("cost", ["even", "uneven"])
def test_prefetch_factor(inputs: dict[str, Any], monkeypatch: pytest.MonkeyPatch, cost: str) -> None:
    """Four depths agree, and a shallower one is expected to be slower."""
    module = _benchmark("bench_prefetch_factor", monkeypatch)
    compare = _ask(module, cost=cost, **_chosen(inputs, "uneven", "loop"))
    assert compare.ran == ["baseline", "factor_1", "factor_4", "factor_8"]
    assert compare.kept["expect"] == {"factor_1": "higher"}


@pytest.mark.parametrize("workers", [0, 2])
def test_prefetch_generator(inputs: dict[str, Any], monkeypatch: pytest.MonkeyPatch, workers: int) -> None:
    """The background thread agrees with the plain loader, and the side stream says what it lacks."""
    pytest.importorskip("prefetch_generator")
    compare = _ask(
        _benchmark("bench_prefetch_generator", monkeypatch), workers=workers, **_chosen(inputs, "loop")
    )
    assert compare.ran == ["baseline", "background"]
    assert "no CUDA" in compare.unavailable["side_stream"]


@pytest.mark.parametrize("samples", ["jpeg", "tiny"])
def test_pin_memory_pixels(inputs: dict[str, Any], monkeypatch: pytest.MonkeyPatch, samples: str) -> None:
    """On a CPU nothing is pinned, but the variants run, and their pixels add up alike."""
    module = _benchmark("bench_pin_memory", monkeypatch)
    monkeypatch.setattr(module, "usable_cores", lambda: 1)
    given = {**_chosen(inputs, "tiny"), "train_step": inputs["loop"]["step"]}
    compare = _ask(module, samples=samples, **given)
    assert compare.ran == ["baseline", "non_blocking", "pinned", "pinned_non_blocking"]
    assert compare.kept["bytes"] % compare.kept["items"] == 0


def test_dali(inputs: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Every way of DALI's that needs no GPU agrees with the DataLoader; the one that does says so."""
    module = _benchmark("bench_dali", monkeypatch)
    if (reason := module.missing()) is not None:
        pytest.skip(reason)
    monkeypatch.setattr(module, "usable_cores", lambda: 1)
    compare = _ask(module, **_chosen(inputs, "loop"))
    assert compare.ran == ["baseline", "pipeline", "dynamic", "dynamic_capture", "proxy"]
    assert "no CUDA" in compare.unavailable["mixed"]


def test_without_dali(inputs: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Where DALI is not installed, every variant of it says so and how to get it, and the baseline still
    runs."""
    module = _benchmark("bench_dali", monkeypatch)
    monkeypatch.setattr(module, "missing", lambda: "NVIDIA DALI is not installed")
    monkeypatch.setattr(module, "usable_cores", lambda: 1)
    compare = _ask(module, **_chosen(inputs, "loop"))
    assert compare.ran == ["baseline"]
    assert set(compare.unavailable) == {"pipeline", "mixed", "dynamic", "dynamic_capture", "proxy"}


def test_decoders_alone(inputs: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Every decoder on the CPU gives Pillow's bits and refuses what Pillow refuses; nvJPEG says what it
    lacks."""
    module = _benchmark("bench_fast_decoders", monkeypatch)
    compare = _ask(module, work="decoding_alone", **_chosen(inputs, "loop"))
    assert compare.ran == ["baseline", "decode_jpeg", *([] if module.missing() else ["dali"])]
    assert all(compare.said[name]["max_level_difference"] == 0 for name in compare.ran)
    assert {compare.said[name]["damaged_refused"] for name in compare.ran} == {4.0}
    assert "no CUDA" in compare.unavailable["nvjpeg"]


def test_decoders_in_a_loader(inputs: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Loaders with each decoder deliver the same samples."""
    module = _benchmark("bench_fast_decoders", monkeypatch)
    monkeypatch.setattr(module, "usable_cores", lambda: 1)
    compare = _ask(module, work="in_a_loader", **_chosen(inputs, "loop"))
    assert compare.ran == ["baseline", "decode_jpeg", *([] if module.missing() else ["dali"])]


def test_without_fast_decoders(inputs: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing else or DALI cannot decode, that variant says so, and the others still run."""
    module = _benchmark("bench_fast_decoders", monkeypatch)
    monkeypatch.setattr(module, "missing", lambda: "no DALI")
    monkeypatch.setattr(module.decoders, "missing", lambda: "no decoder")
    compare = _ask(module, work="decoding_alone", **_chosen(inputs, "loop"))
    assert compare.ran == ["baseline"]
    assert compare.unavailable["decode_jpeg"] == "no decoder" and compare.unavailable["dali"] == "no DALI"


def test_uint8_to_device(inputs: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """On a CPU there is no bus, but both ways run, their pixels agree, and uint8 is a quarter of the
    bytes."""
    module = _benchmark("bench_uint8_to_device", monkeypatch)
    monkeypatch.setattr(module, "usable_cores", lambda: 1)
    compare = _ask(module, **_chosen(inputs, "loop"))
    assert compare.ran == ["baseline", "uint8"]
    assert compare.said["uint8"]["max_difference"] < 1e-5
    moved = {name: readings["moved_bytes"] for name, readings in compare.readings.items()}
    assert moved["baseline"] == 4 * moved["uint8"] > 0


@pytest.mark.parametrize("work", ["fixed_alone", "augmented_alone", "augmented_in_a_loader"])
def test_transforms_v2(inputs: dict[str, Any], monkeypatch: pytest.MonkeyPatch, work: str) -> None:
    """Transforms v2 prepare what v1 do: alike to a rounding on Pillow's images, to a level or so on
    tensors."""
    module = _benchmark("bench_transforms_v2", monkeypatch)
    monkeypatch.setattr(module, "usable_cores", lambda: 1)
    compare = _ask(module, work=work, **_chosen(inputs, "loop"))
    assert compare.ran == ["baseline", "v2", "v2_tensors"]
    if work.endswith("alone"):
        assert compare.said["v2"]["max_level_difference"] < 1e-3
        assert 0 < compare.said["v2_tensors"]["max_level_difference"] <= MOST_LEVELS


@pytest.mark.parametrize("cache", ["warm", "cold"])
def test_packed_pixels(inputs: dict[str, Any], monkeypatch: pytest.MonkeyPatch, cache: str) -> None:
    """A memory map and both sorts of shards deliver the folder's pixels, and say what they fetched from the
    disk."""
    module = _benchmark("bench_packed_pixels", monkeypatch)
    monkeypatch.setattr(module, "usable_cores", lambda: 1)
    compare = _ask(module, cache=cache, **_chosen(inputs, "loop"))
    shards = [] if module.missing() else ["pixel_shards", "jpeg_shards"]
    assert compare.ran == ["baseline", "memmap", *shards] and compare.kept["items"] == 16
    assert (compare.kept["expect"] or {}).get("memmap") == ("higher" if cache == "cold" else None)
    if cache == "cold":
        assert compare.readings["memmap"]["disk_bytes"] >= 16 * 3 * 256**2
        assert 0 < compare.readings["baseline"]["disk_bytes"] < compare.readings["memmap"]["disk_bytes"]


def test_without_webdataset(inputs: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Where webdataset is not installed, shards say how to get it, and the memory map still runs."""
    module = _benchmark("bench_packed_pixels", monkeypatch)
    monkeypatch.setattr(module, "missing", lambda: "webdataset is not installed")
    monkeypatch.setattr(module, "usable_cores", lambda: 1)
    compare = _ask(module, cache="warm", **_chosen(inputs, "loop"))
    assert compare.ran == ["baseline", "memmap"] and set(compare.unavailable) == {
        "pixel_shards",
        "jpeg_shards",
    }


def test_cold_files_need_a_disk(inputs: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Where files are kept in memory there is no cold cache to measure, and the case says so."""
    module = _benchmark("bench_packed_pixels", monkeypatch)
    monkeypatch.setattr(module.EvictedFiles, "works", lambda self: False)
    with pytest.raises(pytest.skip.Exception, match="set TIPBENCH_CACHE"):
        _ask(module, cache="cold", **_chosen(inputs, "loop"))


def test_claims() -> None:
    """The five claims are read as loaders', the ones with sticky state apart, the GPU's with their need."""
    claims = {claim.name: claim for claim in read(BENCHMARKS / "loading").claims}
    assert {"L1", "L2", "L3", "L4", "L5"} <= set(claims)
    assert all(claims[name].loader for name in ("L1", "L2", "L3", "L4", "L5"))
    assert claims["L5"].apart and claims["L2"].needs == ("cuda",)


def test_claims_of_decoders_and_pixels() -> None:
    """L9 to L12 are loaders' claims; DALI's decoder, beside forking loaders, is apart; a bus needs a GPU."""
    claims = {claim.name: claim for claim in read(BENCHMARKS / "loading").claims}
    assert all(claims[name].loader for name in ("L9", "L10", "L11", "L12"))
    assert claims["L9"].apart and claims["L10"].needs == ("cuda",)


def test_every_benchmark_of_loading_is_run() -> None:
    """Here, with the other claims about loading, or with those of compute: all plant wrong results."""
    folder = ROOT / "tests" / "benchmarks"
    text = "".join(
        (folder / f"test_{name}.py").read_text() for name in ("loading", "loading_claims", "compute")
    )
    files = [file.stem for file in (BENCHMARKS / "loading").glob("bench_*.py")]
    assert [name for name in files if f'"{name}"' not in text and f'"loading/{name}.py"' not in text] == []
