"""Claims about options of loading and the work around it: variants agree on tiny data, planted faults are
caught."""

from __future__ import annotations

import importlib.util
import pickle
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from itertools import product
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image as Pillow
from torch import Tensor
from torch.utils.data import WeightedRandomSampler

from harness.claims.folder import read
from harness.loading.data.dataset import Photographs, epoch_images
from harness.loading.data.folder import Image
from harness.loading.data.generated import jpeg_folder, tiny_set, uneven_folder
from harness.loading.loaders.dataloader import PlainLoader
from harness.loading.loop.epoch import Epoch, same_pixels
from harness.measure.correctness import Agreement, WrongResult
from harness.measure.variant import Unavailable, Variant, as_variant
from support import sampling
from support.checksum import Checksummed
from support.crop import crop_first
from support.epochs_in_a_row import Epochs, same_epochs
from support.sampling import DrawnEpoch, Labels, ShuffledEpoch, WeightedLoader, same_or_drawn
from support.statistics import cropped, same_statistics, streamed, two_passes
from support.training_step import TrainingStep
from support.whole_batches import as_it_is
from tests.support.living import ROOT, alive, since
from tests.support.spoilt import faults

BENCHMARKS = ROOT / "benchmarks"
CPU = torch.device("cpu")
MODULES = {
    "F1": "bench_worker_starts",
    "F2": "bench_thread_counts",
    "F7": "bench_allocators",
    "F8": "bench_threads",
    "L6": "bench_crop_first",
    "L7": "bench_lazy_decoding",
    "L8": "bench_persistent_workers",
    "L13": "bench_samplers",
    "L14": "bench_dataset_statistics",
    "L15": "bench_to_tensor",
    "L16": "bench_batch_size",
    "L17": "bench_worker_details",
}
VARIANTS = {
    "F1": ["forkserver", "forkserver_preloaded", "spawn"],
    "F2 processes": ["torch", "omp_variable"],
    "F2 opencv_in_processes": ["opencv", "omp_variable"],
    "F2 threads": ["torch"],
    "F7": ["one_arena", "jemalloc", "tcmalloc"],
    "F8": ["spdl", "nodes"],
    "L6": ["crop_first"],
    "L7": ["lazy"],
    "L8": ["persistent"],
    "L13": ["shuffled", "weighted"],
    "L14": ["streaming"],
    "L15": ["to_tensor", "permuted"],
    "L16": ["batch_64", "batch_256", "batch_1024"],
    "L17": ["one_thread", "all_threads", "out_of_order", "batch_fetch"],
}

pytestmark = [
    pytest.mark.filterwarnings("ignore:This DataLoader will create"),
    pytest.mark.filterwarnings("ignore:The image decoding and encoding capabilities:DeprecationWarning"),
    pytest.mark.usefixtures("one_thread"),
]


class FakeCompare:
    """Takes a case as the real measurement does and measures nothing."""

    data = None
    device = CPU

    def __call__(
        self,
        *,
        same: Callable[..., object],
        items: float = 0,
        decoded: float = 0,
        expect: Any = None,
        **rivals: Any,
    ) -> None:
        """Keep what a benchmark hands over."""
        self.same, self.items, self.expect = same, items, expect or {}
        self.rivals = {name: as_variant(given) for name, given in rivals.items()}
        assert set(self.expect) <= set(rivals)

    def result(self, name: str) -> Any:
        """The result of the second iteration of a variant, which leaves nothing behind that the first did
        not."""
        variant = self.rivals[name]
        assert isinstance(variant, Variant)
        with variant.prepare() as iteration:
            iteration()
            return iteration()


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """What the fixtures in benchmarks/conftest.py give, smaller."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TIPBENCH_CACHE", str(tmp_path_factory.mktemp("cache")))
        loop = {"device": CPU, "step": TrainingStep(CPU, 10), "pin_memory": False, "non_blocking": False}
        yield {
            "images": jpeg_folder(16),
            "uneven": uneven_folder(16),
            "tiny": tiny_set(64),
            "loop": loop,
            "device": CPU,
        }


@pytest.fixture(scope="module")
def files(inputs: dict[str, Any]) -> list[Image]:
    """Twelve photographs, each once."""
    return epoch_images(inputs["images"], 12)


def _module(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, BENCHMARKS / "loading" / f"{name}.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _cases() -> list[Any]:
    found = []
    for claim, name in MODULES.items():
        marks = [
            mark
            for mark in getattr(getattr(_module(name), name), "pytestmark", [])
            if mark.name == "parametrize"
        ]
        for values in product(*(mark.args[1] for mark in marks)):
            given = dict(zip([mark.args[0] for mark in marks], values, strict=True))
            found.append(pytest.param(claim, given, id="-".join([claim, *values])))
    return found


def _forking(dataset: Callable[[], Any], **options: Any) -> PlainLoader:
    """A loader whose workers fork: those that are started anew import torch for seconds. What they would be
    sent is pickled all the same."""
    if options.get("multiprocessing_context") in ("spawn", "forkserver"):
        pickle.dumps((dataset(), options.get("collate_fn"), options.get("worker_init_fn")))
    return PlainLoader(dataset, **{**options, "multiprocessing_context": None})


def held(
    claim: str, given: dict[str, str], inputs: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> FakeCompare:
    """The measurement of one case, on tiny data."""
    module = _module(MODULES[claim])
    function = getattr(module, module.__name__)
    smaller = {
        "window_batches": lambda workers: 3,
        "TINY": 3 * 64,
        "usable_cores": lambda: 1,
        "MILLION": 20_000,
        "SAMPLES": 128,
        "RECORDS": {"few_objects": 10, "million_objects": 1000},
        "PlainLoader": _forking,
    }
    for name, value in smaller.items():
        if hasattr(module, name):
            monkeypatch.setattr(module, name, value)
    compare = FakeCompare()
    wanted = set(function.__code__.co_varnames[: function.__code__.co_argcount])
    torch.manual_seed(0)
    function(compare, **given, **{name: value for name, value in inputs.items() if name in wanted})
    return compare


@pytest.mark.parametrize(("claim", "given"), _cases())
def test_variants_agree(
    claim: str, given: dict[str, str], inputs: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every variant agrees with the baseline, does the stated work, and leaves no thread and no process.

    A lost sample, a wrong label and other wrong results are caught.
    """
    before = alive()
    compare = held(claim, given, inputs, monkeypatch)
    expected = VARIANTS.get(" ".join([claim, *given.values()])) or VARIANTS[claim]
    assert list(compare.rivals) == ["baseline", *expected]
    baseline = compare.result("baseline")
    agreement = Agreement(compare.same, baseline)
    for wrong in faults(baseline, pixels=compare.same is same_pixels):
        with pytest.raises(WrongResult):
            agreement.check(wrong)
    for name, rival in compare.rivals.items():
        if isinstance(rival, Unavailable):
            assert rival.reason == "has one core" or "is not installed" in rival.reason
            continue
        result = compare.result(name) if name != "baseline" else baseline
        agreement.check(result)
        if isinstance(result, Epoch):
            assert result.ids.numel() == compare.items
    assert since(before) == []


def test_claims() -> None:
    """The claims are read, loaders' as such; none needs a GPU, and those that change a process are apart."""
    claims = {claim.name: claim for claim in read(BENCHMARKS / "loading").claims}
    assert {name for name in MODULES if claims[name].loader} == set(MODULES) - {"L15", "L16"}
    assert not any(claims[name].needs for name in MODULES)
    assert {name for name in MODULES if claims[name].apart} == {"F1", "F8"}
    assert {str(claims[name].expect) for name in ("L13", "L17")} == {"same"}


def test_the_variant_is_the_tip() -> None:
    """No claim expects its variants to cost: the habit is the baseline."""
    found = {str(claim.expect) for claim in read(BENCHMARKS).claims}
    assert found == {"lower", "same"}


# --- planted faults -----------------------------------------------------------------------------------------


def _itself(given: Any) -> Any:
    return given


@pytest.mark.parametrize("cut_from", ["resized", "whole"])
def test_another_crop_is_caught(
    cut_from: str, inputs: dict[str, Any], files: list[Image], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A crop that is off by one pixel, or pixels normalised twice, do not agree."""
    compare = held("L6", {"cut_from": cut_from}, inputs, monkeypatch)
    agreement = Agreement(compare.same, compare.result("baseline"))
    right = crop_first(cut_from == "resized")
    used = epoch_images(inputs["images"], int(compare.items))

    def shifted(picture: Any) -> Any:
        return right(picture.crop((1, 0, picture.width + 1, picture.height)))

    def twice(picture: Any) -> Any:
        return right(picture) - 1e-3

    for transform, agrees in ((right, True), (shifted, False), (twice, False)):
        loader = PlainLoader(
            partial(Photographs, used, partial(_itself, transform)), batch_size=8, step=Checksummed()
        )
        if agrees:
            agreement.check(loader())
        else:
            with pytest.raises(WrongResult, match="pixels that arrived add up"):
                agreement.check(loader())


def test_a_sample_exchanged_between_epochs_is_caught() -> None:
    """Lost in the first epoch and doubled in the second, a sample is missed, though the sum of both is
    right."""
    ids = torch.tensor([0, 1, 2, 0, 1, 2])
    right = Epochs(ids, ids, lengths=(3, 3))
    same_epochs(right, replace(right, ids=ids.flip(0), labels=ids.flip(0)))
    wrong = torch.tensor([0, 1, 1, 0, 2, 2])
    with pytest.raises(AssertionError, match=r"epoch 1: .*missing: ids 2"):
        same_epochs(right, replace(right, ids=wrong, labels=wrong))
    with pytest.raises(AssertionError, match="2 epochs expected, 1 delivered"):
        same_epochs(right, replace(right, lengths=(6,)))


def _weighted(**options: Any) -> WeightedLoader:
    return WeightedLoader(
        partial(Labels, 20_000, 4),
        weights=[1.0, 2.0, 3.0, 4.0],
        batch_size=512,
        collate_fn=as_it_is,
        **options,
    )


def test_what_is_drawn_by_weight_matches_the_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shares follow the weights of the classes; with the weights ignored, each drawn once or at random, they
    do not."""
    expected = PlainLoader(partial(Labels, 20_000, 4), batch_size=512, collate_fn=as_it_is)()
    drawn = _weighted()()
    assert drawn.shares.tolist() == pytest.approx([0.1, 0.2, 0.3, 0.4])
    assert (torch.bincount(drawn.labels) / 20_000).tolist() == pytest.approx([0.1, 0.2, 0.3, 0.4], abs=0.02)
    same_or_drawn(expected, drawn)
    assert torch.equal(drawn.ids, _weighted()().ids)
    once = DrawnEpoch(expected.ids, expected.labels, shares=drawn.shares)
    with pytest.raises(AssertionError, match="class 0 was drawn 5000 times, its weight gives 2000"):
        same_or_drawn(expected, once)
    monkeypatch.setattr(
        sampling,
        "WeightedRandomSampler",
        lambda each, n, **options: WeightedRandomSampler([1.0] * n, n, **options),
    )
    with pytest.raises(AssertionError, match="class 0 was drawn"):
        same_or_drawn(expected, _weighted()())


def test_what_is_not_shuffled_is_caught() -> None:
    """The same samples in the same order are right for the baseline, and wrong for what is to be shuffled."""
    ids = torch.arange(500)
    expected, mixed = Epoch(ids, ids % 10), torch.randperm(500, generator=torch.Generator().manual_seed(0))
    same_or_drawn(expected, ShuffledEpoch(mixed, mixed % 10))
    same_or_drawn(expected, Epoch(ids, ids % 10))
    with pytest.raises(AssertionError, match="500 of 500 shuffled samples are where they were"):
        same_or_drawn(expected, ShuffledEpoch(ids, ids % 10))
    with pytest.raises(AssertionError, match="missing: ids 0"):
        same_or_drawn(expected, ShuffledEpoch(mixed.clamp(min=1), mixed % 10))


@pytest.mark.parametrize(
    ("ids", "labels", "said"),
    [
        ([0, 1, 2, 9], [0, 1, 0, 1], "sample 9 is none of those"),
        ([0, 1, 2, -1], [0, 1, 0, 1], "sample -1 is none of those"),
        ([0, 1, 2, 3], [0, 1, 1, 1], "with another label: id 2"),
        ([0, 1, 2], [0, 1, 0], "4 samples expected, 3 delivered"),
    ],
)
def test_samples_that_cannot_have_been_drawn(ids: list[int], labels: list[int], said: str) -> None:
    """Strange, relabelled or missing samples are named, whatever the frequencies."""
    expected = Epoch(torch.tensor([0, 1, 2, 3]), torch.tensor([0, 1, 0, 1]))
    half = torch.tensor([0.5, 0.5])
    with pytest.raises(AssertionError, match=said):
        same_or_drawn(expected, DrawnEpoch(torch.tensor(ids), torch.tensor(labels), shares=half))


def test_wrong_statistics_are_caught(files: list[Image]) -> None:
    """Both ways agree with NumPy on all pixels at once; a lost image or a mean that is off does not pass."""
    expected = two_passes(files)
    crop = cropped()
    pixels = np.stack([np.asarray(crop(Pillow.open(path).convert("RGB"))) for path, _ in files]) / 255
    assert expected.mean.tolist() == pytest.approx(pixels.mean((0, 1, 2)).tolist())
    assert expected.deviation.tolist() == pytest.approx(pixels.std((0, 1, 2)).tolist())
    assert expected.pixels == len(files) * 224 * 224 and expected.readings["seconds_per_1000_images"] > 0
    images = torch.from_numpy((pixels * 255).round().astype(np.uint8)).permute(0, 3, 1, 2)
    labels = torch.zeros(len(files))

    def stream(images: Tensor) -> Any:
        return streamed([(part, labels[: len(part)], labels[: len(part)]) for part in images.split(5)])

    same_statistics(expected, stream(images))
    for wrong, said in (
        (images[1:], "pixels of each channel"),
        (images.flip(1), "mean is"),
        (images // 2, "mean is"),
    ):
        with pytest.raises(AssertionError, match=said):
            same_statistics(expected, stream(wrong))
    with pytest.raises(AssertionError, match="deviation is"):
        same_statistics(expected, replace(expected, deviation=expected.deviation + 2e-4))


@pytest.mark.parametrize("claim", ["L15", "L16"])
def test_a_wrong_number_is_caught(
    claim: str, inputs: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One value that is off in a converted picture or in one sample's output does not pass, nor another
    shape."""
    given = {"picture": "photograph"} if claim == "L15" else {}
    compare = held(claim, given, inputs, monkeypatch)
    baseline = compare.result("baseline")
    agreement = Agreement(compare.same, baseline)
    wrong = baseline.clone()
    wrong.view(-1)[7] += 0.1
    nothing = baseline.clone()
    nothing.view(-1)[7] = float("nan")
    for spoilt in (wrong, nothing, baseline[1:]):
        with pytest.raises(WrongResult):
            agreement.check(spoilt)
