"""The loading benchmarks, each variant run for one short epoch by a contest that times nothing."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from harness.claims import read
from harness.contest.variant import Unavailable, Variant
from harness.loading.generated import jpeg_folder, tiny_set, uneven_folder
from harness.loading.step import TrainingStep

ROOT = Path(__file__).parent.parent / "benchmarks"
CPU = torch.device("cpu")

pytestmark = [
    pytest.mark.filterwarnings("ignore:This DataLoader will create"),
    pytest.mark.filterwarnings("ignore:'pin_memory' argument"),
]


class FakeContest:
    """Enters every variant, runs one epoch and applies ``same``."""

    data = None
    device = CPU

    def __init__(self) -> None:
        self.ran: list[str] = []
        self.unavailable: dict[str, str] = {}
        self.kept: dict[str, Any] = {}

    def __call__(self, *, baseline: Variant, same: Any, **given: Any) -> None:
        """As the real one, without a clock."""
        self.kept = {name: given.pop(name) for name in ("items", "bytes", "expect") if name in given}
        assert set(self.kept.get("expect", {})) <= set(given)
        expected = None
        for name, variant in {"baseline": baseline, **given}.items():
            if isinstance(variant, Unavailable):
                self.unavailable[name] = variant.reason
                continue
            with variant.prepare() as iteration:
                result: Any = iteration()
            expected = expected or result
            assert same(expected, result) is not False
            assert len(result.ids) == self.kept["items"]
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
    spec = importlib.util.spec_from_file_location(name, ROOT / "loading" / f"{name}.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "epoch_batches", lambda deepest: 5)
    return module


def _ask(module: ModuleType, **given: Any) -> FakeContest:
    contest = FakeContest()
    getattr(module, module.__name__)(contest, **given)
    return contest


def _chosen(inputs: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: inputs[name] for name in (*names, "images")}


@pytest.mark.parametrize("work", ["jpeg_loop", "tiny_loop", "tiny_alone"])
def test_num_workers(inputs: dict[str, Any], monkeypatch: pytest.MonkeyPatch, work: str) -> None:
    """The sweep of workers agrees with none, the taught four among them."""
    module = _benchmark("bench_num_workers", monkeypatch)
    monkeypatch.setattr(module, "usable_cores", lambda: 2)
    contest = _ask(module, work=work, **_chosen(inputs, "tiny", "loop"))
    assert contest.ran == ["baseline", "workers_1", "workers_2", "workers_4"]


@pytest.mark.parametrize("cost", ["even", "uneven"])
def test_prefetch_factor(inputs: dict[str, Any], monkeypatch: pytest.MonkeyPatch, cost: str) -> None:
    """Four depths agree, and a shallower one is expected to be slower."""
    module = _benchmark("bench_prefetch_factor", monkeypatch)
    contest = _ask(module, cost=cost, **_chosen(inputs, "uneven", "loop"))
    assert contest.ran == ["baseline", "factor_1", "factor_4", "factor_8"]
    assert contest.kept["expect"] == {"factor_1": "higher"}


@pytest.mark.parametrize("workers", [0, 2])
def test_prefetch_generator(inputs: dict[str, Any], monkeypatch: pytest.MonkeyPatch, workers: int) -> None:
    """The background thread agrees with the plain loader, and the side stream says what it lacks."""
    pytest.importorskip("prefetch_generator")
    contest = _ask(_benchmark("bench_prefetch_generator", monkeypatch), workers=workers, **_chosen(inputs, "loop"))
    assert contest.ran == ["baseline", "background"]
    assert "no CUDA" in contest.unavailable["side_stream"]


@pytest.mark.parametrize("samples", ["jpeg", "tiny"])
def test_pin_memory_pixels(inputs: dict[str, Any], monkeypatch: pytest.MonkeyPatch, samples: str) -> None:
    """On a CPU nothing is pinned, but the variants run, and their pixels add up alike."""
    module = _benchmark("bench_pin_memory", monkeypatch)
    monkeypatch.setattr(module, "usable_cores", lambda: 1)
    given = {**_chosen(inputs, "tiny"), "train_step": inputs["loop"]["step"]}
    contest = _ask(module, samples=samples, **given)
    assert contest.ran == ["baseline", "non_blocking", "pinned", "pinned_non_blocking"]
    assert contest.kept["bytes"] % contest.kept["items"] == 0


def test_dali(inputs: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Every way of DALI's that needs no GPU agrees with the DataLoader; the one that does says so."""
    module = _benchmark("bench_dali", monkeypatch)
    if (reason := module.missing()) is not None:
        pytest.skip(reason)
    monkeypatch.setattr(module, "usable_cores", lambda: 1)
    contest = _ask(module, **_chosen(inputs, "loop"))
    assert contest.ran == ["baseline", "pipeline", "dynamic", "dynamic_capture", "proxy"]
    assert "no CUDA" in contest.unavailable["mixed"]


def test_without_dali(inputs: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Where DALI is not installed, every variant of it says so and how to get it, and the baseline still runs."""
    module = _benchmark("bench_dali", monkeypatch)
    monkeypatch.setattr(module, "missing", lambda: "NVIDIA DALI is not installed")
    monkeypatch.setattr(module, "usable_cores", lambda: 1)
    contest = _ask(module, **_chosen(inputs, "loop"))
    assert contest.ran == ["baseline"]
    assert set(contest.unavailable) == {"pipeline", "mixed", "dynamic", "dynamic_capture", "proxy"}


def test_claims() -> None:
    """The five claims are read as loaders', the ones with sticky state apart, the GPU's with their need."""
    claims = {claim.name: claim for claim in read(ROOT / "loading")}
    assert {"L1", "L2", "L3", "L4", "L5"} <= set(claims)
    assert all(claims[name].loader for name in ("L1", "L2", "L3", "L4", "L5"))
    assert claims["L5"].apart and claims["L2"].needs == ("cuda",)
