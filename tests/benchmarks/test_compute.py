"""The compute claims on the CPU: their variants agree, a wrong one is caught, every iteration does the same
work."""

import importlib.util
import inspect
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import torch

from harness import Unavailable
from harness.claims.folder import read
from harness.loading.data.generated import jpeg_folder
from harness.measure.correctness import Agreement, WrongResult
from harness.measure.variant import Variant, as_variant
from harness.model import Status
from harness.probes import peak_bytes
from support.compiled import compiled
from tests.support.cuda_without_gpu import without_gpu
from tests.support.living import ENVIRONMENT, ROOT
from tests.support.spoilt import spoilt

BENCHMARKS = ROOT / "benchmarks"
CPU = torch.device("cpu")
PATHS = (
    *(
        path.relative_to(BENCHMARKS).as_posix()
        for room in ("arithmetic", "memory", "scaling", "watching")
        for path in sorted((BENCHMARKS / room).glob("bench_*.py"))
    ),
    "loading/bench_conversions.py",
    "loading/bench_image_decoders.py",
)
DRIFTING = ("bench_optimizers", "bench_parameter_groups")
"""Benchmarks whose iterations go on from one another: only the first ones have equal results."""


@dataclass
class FakeCompare:
    """Takes a case as the real measurement does and measures nothing: `rivals` holds what was handed over."""

    rivals: dict[str, Any] = field(default_factory=dict)
    stated: dict[str, Any] = field(default_factory=dict)
    precision: dict[str, Any] = field(default_factory=dict)

    def __call__(
        self,
        *,
        same: Any,
        reference: Any = None,
        items: Any = 0,
        bytes: Any = 0,  # noqa: A002
        flops: Any = 0,
        decoded: Any = 0,
        precision: Any = "fp32",
        expect: Any = None,
        **rivals: Any,
    ) -> None:
        """Keep what a benchmark hands over."""
        self.rivals = {name: as_variant(given) for name, given in rivals.items()}
        self.stated = {"same": same, "reference": reference, "items": items, "flops": flops, "expect": expect}
        self.precision = precision if isinstance(precision, dict) else dict.fromkeys(self.rivals, precision)

    @property
    def variants(self) -> Any:
        """Those that this machine can run."""
        return {name: rival for name, rival in self.rivals.items() if isinstance(rival, Variant)}

    def agreement(self) -> Any:
        """The case's check, with the reference's or the baseline's result as what is expected."""
        reference = self.stated["reference"]
        return Agreement(
            self.stated["same"], reference() if reference else calls(self.rivals["baseline"], 1)[0]
        )


def calls(variant: Any, number: Any) -> Any:
    """The results of that many iterations of a variant, set up and surrounded as in a measurement."""
    with ExitStack() as stack:
        iteration = stack.enter_context(variant.prepare())
        stack.enter_context(variant.around())
        return [iteration() for _ in range(number)]


def cases() -> Any:
    """Every case of the files, as (function, its parameters)."""
    found = []
    for path in PATHS:
        spec = importlib.util.spec_from_file_location(Path(path).stem, BENCHMARKS / path)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        function = getattr(module, Path(path).stem)
        marks = [mark for mark in getattr(function, "pytestmark", []) if mark.name == "parametrize"]
        for values in product(*(mark.args[1] for mark in marks)):
            parameters = dict(zip([mark.args[0] for mark in marks], values, strict=True))
            name = "-".join([function.__name__.removeprefix("bench_"), *values])
            found.append(pytest.param(function, parameters, id=name))
    return found


def case(name: Any) -> Any:
    """The (function, parameters) of the case of that name."""
    return next(found.values for found in CASES if found.id == name)


CASES = cases()
FUNCTIONS = {found.values[0].__name__: found.values[0] for found in CASES}
# The small batch is the same network on fewer images; the full one takes a third of this file's time.
TRIED = [found for found in CASES if "resnet50" not in found.id]


def held(function: Any, parameters: Any) -> Any:
    """The fake measurement after the benchmark has handed over one case."""
    torch.manual_seed(0)
    compare = FakeCompare()
    given: dict[str, Any] = {"device": lambda: CPU, "images": jpeg_folder}
    wanted = [name for name in inspect.signature(function).parameters if name in given]
    function(compare, **{name: given[name]() for name in wanted}, **parameters)
    return compare


@pytest.fixture(autouse=True)
def _uncompiled(monkeypatch: pytest.MonkeyPatch) -> None:
    """torch.compile captures graphs as ever, and runs them as they are: making code takes seconds."""
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="eager"))


@pytest.fixture(autouse=True)
def _flags_restored() -> Any:
    backends = torch.backends
    before = backends.cudnn.benchmark, backends.cudnn.deterministic
    threads = torch.get_num_threads()
    # Beside a busy neighbour, threads that wait for one another make a call of 15 ms last for seconds.
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
    backends.cudnn.benchmark, backends.cudnn.deterministic = before


WITHOUT_CPU_KERNEL = {"bench_fp8": "aten::_scaled_mm_v2"}
"""Operators of claims about a GPU that torch 2.11 has for a GPU alone."""


@pytest.mark.parametrize(("function", "parameters"), TRIED)
def test_variants_agree_and_a_wrong_one_is_caught(function: Any, parameters: Any) -> None:
    """First and second iterations of every variant agree with what is expected; a spoilt result does not."""
    for needed in function.claim.needs:
        if needed != "cuda":
            pytest.importorskip(needed)
    if operator := WITHOUT_CPU_KERNEL.get(function.__name__):
        kernel: Any = torch._C._dispatch_has_kernel_for_dispatch_key  # it has no stub
        if not kernel(operator, "CPU"):
            pytest.skip(f"{operator} has no CPU kernel in torch {torch.__version__}")
    compare = held(function, parameters)
    varying = parameters.get("shapes") == "varying" or parameters.get("kind") == "random"
    agreement = compare.agreement()
    assert len(compare.rivals) > 1
    settled = [rival.status for rival in compare.rivals.values() if isinstance(rival, Unavailable)]
    assert Status.REFUTED not in settled
    assert len(compare.variants) > 1 or Status.CONFIRMED in settled
    drifting = function.__name__ in DRIFTING
    for name, variant in compare.variants.items():
        first, *others = calls(variant, 1 if drifting else 2)
        agreement.check(first)
        with pytest.raises(WrongResult):
            agreement.check(spoilt(first))
        for second in others:
            agreement.check(second)
            if name == "baseline" and not varying:
                torch.testing.assert_close(first, second)


def test_gradients_may_be_summed_in_another_order() -> None:
    """cuDNN's backward does so from call to call: what is off by a thousandth of a tensor's largest value
    agrees."""
    compare = held(*case("inplace-resnet18-training"))
    torch.manual_seed(0)
    expected = [torch.randn(64, 64), 1e-6 * torch.randn(64)]
    moved = [tensor + 2e-3 * tensor.abs().max() * torch.rand_like(tensor) for tensor in expected]
    agreement = Agreement(compare.stated["same"], expected)
    agreement.check(moved)
    for wrong in ([expected[0], 1.1 * expected[1]], [expected[0]], [expected[0][:1], expected[1]]):
        with pytest.raises(WrongResult):
            agreement.check(wrong)


def test_the_float64_reference_is_of_a_few_rows() -> None:
    """Every process computes it anew, and float64 is slow on a GPU; a wrong last row is still seen."""
    compare = held(*case("half_precision-gemm-tf32_off"))
    expected = compare.stated["reference"]()
    assert expected.shape == (16, 512)
    assert expected.dtype is torch.float64
    (whole,) = calls(compare.rivals["baseline"], 1)
    assert compare.stated["same"](expected, whole)["max_relative_error"] < 1e-5


def test_half_precision_states_its_errors_and_refuses_what_is_not_a_number() -> None:
    """The errors against float64 are kept as readings, bfloat16's above float32's; NaN and Inf disagree."""
    compare = held(*case("half_precision-gemm-tf32_off"))
    agreement = compare.agreement()
    readings = {name: agreement.check(calls(variant, 1)[0]) for name, variant in compare.variants.items()}
    assert readings["baseline"]["max_relative_error"] < 1e-5
    assert 1e-4 < readings["bfloat16"]["max_relative_error"] < 0.1
    assert set(readings["autocast_bfloat16"]) == {"max_relative_error", "mean_relative_error", "max_ulp"}
    assert isinstance(compare.rivals["half"], Unavailable)
    for broken in (float("nan"), float("inf")):
        result = calls(compare.rivals["baseline"], 1)[0].clone()
        result[0, 0] = broken
        with pytest.raises(WrongResult):
            agreement.check(result)


def test_parameters_of_a_synchronised_norm_are_finite_and_of_their_shapes() -> None:
    """Without two GPUs the case is not run, but its check refuses what ranks that fell apart would give."""
    same = FUNCTIONS["bench_synchronised_norm"].__globals__["same"]
    expected = [torch.zeros(2, 3), torch.ones(4)]
    assert same(expected, [torch.ones(2, 3), torch.zeros(4)])
    for wrong in ([torch.ones(3, 2), torch.ones(4)], [torch.ones(2, 3), torch.ones(4) / 0], expected[:1]):
        assert not same(expected, wrong)


def test_work_is_stated() -> None:
    """A matrix product of side n states its 2 n^3 operations."""
    compare = held(*case("half_precision-gemm-tf32_off"))
    assert compare.stated["flops"] == 2 * 256 * 512 * 512
    assert compare.precision == {
        "baseline": "fp32", "half": "fp16", "autocast_half": "fp16", "bfloat16": "bf16", "autocast_bfloat16": "bf16",
    }  # fmt: skip
    assert set(held(*case("bilinear_pooling-half")).precision.values()) == {"bf16"}


def test_tf32_is_skipped_on_the_cpu() -> None:
    """The CPU has no TF32 mode to try, and the case says so."""
    with pytest.raises(pytest.skip.Exception, match="TF32"):
        held(*case("half_precision-resnet50-tf32_on"))


@pytest.mark.parametrize("usual", [("highest", True), ("medium", False)])
def test_tf32_is_set_for_a_round_and_restored(usual: Any) -> None:
    """Both TF32 switches follow the case inside a round and are as before after it."""
    around = case("half_precision-gemm-tf32_off")[0].__globals__["tf32"]
    before = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    try:
        torch.set_float32_matmul_precision(usual[0])
        torch.backends.cudnn.allow_tf32 = usual[1]
        for on in (True, False):
            with around(on):
                assert (torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32) == (on, on)
            assert usual == (torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32)
    finally:
        torch.set_float32_matmul_precision(before[0])
        torch.backends.cudnn.allow_tf32 = before[1]


def test_bilinear_pooling_is_the_one_of_the_papers() -> None:
    """The root keeps the sign of the mean product, and an image's matrix has length one."""
    pooled = case("bilinear_pooling-float32")[0].__globals__["pooled"]
    products = torch.tensor([[[40.0, -90.0], [-90.0, 160.0]], [[0.0, 0.0], [0.0, 250.0]]])
    by_hand = torch.tensor([[[2.0, -3.0], [-3.0, 4.0]], [[0.0, 0.0], [0.0, 5.0]]])
    by_hand /= torch.tensor([38.0**0.5, 5.0])[:, None, None]
    torch.testing.assert_close(pooled(products, 10), by_hand, rtol=1e-4, atol=1e-4)


def test_varying_shapes_are_new_at_every_step_and_alike_for_every_variant() -> None:
    """The sizes differ from step to step, have nearly the same area, and come in one order for all."""
    sizes = case("cudnn_benchmark-varying")[0].__globals__["sizes"]
    ours, theirs = sizes(112, True), sizes(112, True)
    first = [next(ours) for _ in range(300)]
    assert first == [next(theirs) for _ in range(300)]
    assert len(set(first)) == 300
    assert all(abs(high * wide / 112**2 - 1) < 0.03 for high, wide in first)


@pytest.mark.parametrize("work", ["relu", "clamp", "add"])
def test_in_place_saves_the_result_in_inference(work: Any) -> None:
    """Without a graph, in place leaves only the copy alive, and out of place the copy and the result."""
    compare = held(*case(f"inplace-{work}-inference"))
    one = 4 * 2**18
    peaks = {}
    for name, variant in compare.variants.items():
        with variant.prepare() as iteration:
            iteration()
            peaks[name] = peak_bytes(iteration, CPU)[0]
    # Python numbers given to an operation live for a moment as tensors of a few bytes.
    assert peaks["in_place"] == pytest.approx(one, abs=64)
    assert peaks["baseline"] == pytest.approx(2 * one, abs=64)


@pytest.mark.parametrize(
    ("function", "parameters"),
    [
        found
        for found in CASES
        if found.values[0].claim.metric == "peak_bytes" and found.values[0].__name__ != "bench_inplace"
    ],
)
def test_memory_is_what_the_claim_expects(function: Any, parameters: Any) -> None:
    """Bytes are exact: on the CPU every variant needs less than the baseline, or as much, as is expected of
    it."""
    compare = held(function, parameters)
    peaks = {}
    for name, variant in compare.variants.items():
        with variant.prepare() as iteration, variant.around():
            iteration()
            peaks[name] = peak_bytes(iteration, CPU)[0]
    stated = compare.stated["expect"] or {}
    for name, peak in peaks.items():
        expect = stated if isinstance(stated, str) else stated.get(name, function.claim.expect)
        ratio = peak / peaks["baseline"]
        if name == "baseline" or expect == "same":
            assert ratio == pytest.approx(1, abs=function.claim.margin), (name, peaks)
        else:
            assert ratio < 1 - function.claim.margin, (name, peaks)


def test_what_is_compiled_again_is_counted() -> None:
    """Torch's caches are off while a function is compiled; graphs that are compiled later are counted, once
    each."""
    factor, off = [1.0], []
    function = torch.compile(lambda x: x * factor[0])

    def make() -> Any:
        off.append(torch.compiler.config.force_disable_caches)
        return function

    with compiled(make, torch.ones(3)) as call:
        assert call().readings["recompilations"] == 0
        factor[0] = 2.0
        assert call().readings["recompilations"] == 1
        result = call()
    assert result.tolist() == [2.0] * 3 and result.readings["recompilations"] == 1
    assert 0 < result.readings["compile_seconds"] < float("inf")
    assert (off, torch.compiler.config.force_disable_caches) == ([True], False)


def test_segments_are_expandable_for_one_variant_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """The allocator is set before the variant has any memory, the baseline's as well: a setting stays."""
    compare = held(*case("expandable_segments-fixed"))
    made = without_gpu(monkeypatch, _accelerator_setAllocatorSettings=lambda setting: None)
    for variant in compare.variants.values():
        with variant.prepare():
            pass
    settings = [arguments for name, arguments in made if name.endswith("AllocatorSettings")]
    assert settings == [("expandable_segments:False",), ("expandable_segments:True",)]


def test_no_file_imports_what_takes_seconds() -> None:
    """Every process imports the files that it measures; torchvision brings torch's compiler along."""
    listed = ", ".join(repr(str(path)) for path in sorted(BENCHMARKS.glob("*/bench_*.py")))
    program = f"""
import runpy, sys
sys.path.insert(0, {str(BENCHMARKS)!r})
for file in [{listed}]:
    runpy.run_path(file)
slow = {{"torchvision", "torchcodec", "torch._inductor", "nvidia.dali", "visdom", "tensorboard"}}
print(sorted(slow & set(sys.modules)))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_claims_are_readable_without_importing() -> None:
    """The files state their claims in literals, each with a sentence."""
    claims = {claim.path: claim for claim in read(BENCHMARKS).claims}
    assert len({claims[path].name for path in PATHS}) == len(PATHS)
    assert claims["arithmetic/bench_bmm.py"].name == "C4"
    assert claims["memory/bench_inplace.py"].metric == "peak_bytes"
    assert claims["arithmetic/bench_cudnn_benchmark.py"].apart
    assert all(claims[path].sentence.endswith(".") for path in PATHS)
