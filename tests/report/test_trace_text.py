"""What traces say in words and frames: causes, differences between two, and a run's records of them."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

import harness
from harness import store
from harness.model import BASELINE, Ceiling, FunctionTime, Spent, Traced, TraceSummary, Work
from harness.profile.difference import changes, slowed
from harness.report.grown import difference, growth, memory_growth
from harness.report.trace_frame import trace_frame
from harness.report.trace_text import cause
from harness.store import Run, StoreError, trace_name
from harness.store.codec import decode
from tests.support.reported import measurements_of, saved, shown
from tests.support.saved import claim

EMPTY = TraceSummary(
    gpu=False, iterations=2, wall_seconds=0.02, busy_seconds=0.0, idle_loader_seconds=0.0, idle_host_seconds=0.0,
    idle_sync_seconds=0.0, idle_copy_seconds=0.0, idle_other_seconds=0.0, kernel_seconds=0.0, copy_seconds=0.0,
    overlap=None, launches=0, tensor_core_share=None, operators=(), kernels=(),
)  # fmt: skip


def spent(name: str, calls: int, seconds: float, outer: bool = True) -> Spent:
    """An operator that calls nothing."""
    return Spent(name, calls, seconds, calls if outer else 0, seconds if outer else 0.0)


def cpu(*operators: Spent, wall: float = 0.02, iterations: int = 2, **parts: float) -> TraceSummary:
    """A trace of the CPU; busy is its outer operators' time."""
    busy = sum(each.outer_seconds for each in operators)
    idle: dict[str, Any] = {"idle_host_seconds": wall - busy - sum(parts.values()), **parts}
    return replace(
        EMPTY, iterations=iterations, wall_seconds=wall, busy_seconds=busy, operators=operators, **idle
    )


# --- the cause ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("summary", "says"),
    [
        (
            cpu(spent("aten::addmm", 2, 0.012), spent("aten::t", 2, 0.003)),
            "75 % of the time goes to operators, most of it aten::addmm (80 %)",
        ),
        (cpu(idle_loader_seconds=0.015), "the loop waits 75 % of the time for the loader"),
        (cpu(spent("aten::t", 2, 0.002)), "90 % of the time goes to Python and whatever else is in no operator"),
        (replace(EMPTY, wall_seconds=0.0), "the trace has no time in it"),
        (
            replace(EMPTY, gpu=True, busy_seconds=0.018, kernel_seconds=0.016, tensor_core_share=0.5,
                    kernels=(spent("gemm", 8, 0.012),)),
            "the GPU is busy 90 % of the time, 50 % of its kernels' time on tensor cores, most of it gemm (75 %)",
        ),
        (
            replace(EMPTY, gpu=True, busy_seconds=0.018, copy_seconds=0.017, kernel_seconds=0.001),
            "the GPU is busy 90 % of the time, mostly with copies",
        ),
        (
            replace(EMPTY, gpu=True, busy_seconds=0.002, idle_host_seconds=0.016, kernel_seconds=0.002, launches=200),
            "the GPU waits 80 % of the time for the host to launch: 100 kernels an iteration of 10.0 us each",
        ),
        (replace(EMPTY, gpu=True, idle_loader_seconds=0.016), "the GPU waits 80 % of the time for the loader"),
        (replace(EMPTY, gpu=True, idle_sync_seconds=0.016), "the GPU waits 80 % of the time for synchronisation"),
        (replace(EMPTY, gpu=True, idle_copy_seconds=0.016), "the GPU waits 80 % of the time for copies"),
    ],
)  # fmt: skip
def test_the_cause_is_what_most_of_the_time_goes_to(summary: TraceSummary, says: str) -> None:
    """One sentence for the largest part."""
    assert cause(summary) == says


def test_hostile_names_have_no_power() -> None:
    """A kernel may be called anything."""
    sentence = cause(cpu(spent("\x1b[31mred\n" + "x" * 10_000, 1, 0.02)))
    assert "\x1b" not in sentence
    assert "\n" not in sentence
    assert len(sentence) < 300


# --- the difference -----------------------------------------------------------------------------------------


def test_more_calls_are_named_with_their_counts() -> None:
    """An operator called twice as often is named, per iteration, whatever the numbers of iterations."""
    base = cpu(spent("aten::linear", 2, 0.0024), spent("aten::relu", 2, 0.001))
    head = cpu(spent("aten::linear", 8, 0.0096), spent("aten::relu", 4, 0.002), iterations=4, wall=0.045)
    assert difference(base, head).startswith("aten::linear runs 2x instead of 1x, +1.20 ms")
    assert "relu" not in difference(base, head)
    assert difference(head, base).startswith("aten::linear runs 1x instead of 2x, -1.20 ms")


def test_counts_count_whatever_the_times_say() -> None:
    """Twice the calls in a profile that happened to be quicker are named, without its seconds."""
    base = cpu(spent("aten::linear", 2, 0.012))
    head = cpu(spent("aten::linear", 4, 0.011), wall=0.019)
    assert growth(base, head, 0.003).startswith("aten::linear runs 2x instead of 1x")
    assert "+" not in growth(base, head, 0.003)


def test_what_takes_longer_is_named_with_its_time() -> None:
    """Equal counts: the time counts, if it is noticeable."""
    base = cpu(spent("aten::mm", 2, 0.010), spent("aten::t", 2, 0.004))
    head = cpu(spent("aten::mm", 2, 0.014), spent("aten::t", 2, 0.0041), wall=0.024)
    assert difference(base, head) == "aten::mm +2.00 ms"
    assert [change.name for change in changes(base, head)] == ["aten::mm"]


def test_what_is_new_or_gone_is_named() -> None:
    """One side's operators are compared with none."""
    base = cpu(spent("aten::mm", 2, 0.010))
    head = cpu(spent("aten::mm", 2, 0.010), spent("aten::copy_", 6, 0.003), wall=0.023)
    assert difference(base, head) == "aten::copy_ runs 3x instead of 0x, +1.50 ms"


def test_inner_operators_count_where_outer_ones_are_the_same() -> None:
    """A compiled region is one call; what it calls twice as often is inside."""
    region = Spent("Torch-Compiled Region: 0/0", 2, 0.001, 2, 0.010)
    longer = Spent("Torch-Compiled Region: 0/0", 2, 0.001, 2, 0.014)
    base = cpu(region, spent("aten::mm", 2, 0.008, outer=False))
    head = cpu(longer, spent("aten::mm", 4, 0.012, outer=False), wall=0.024)
    assert difference(base, head) == "aten::mm runs 2x instead of 1x, +2.00 ms"


def test_kernels_and_waits_are_named() -> None:
    """On a GPU kernels say what grew; parts of the idle time are named as such."""
    base = replace(EMPTY, gpu=True, kernels=(spent("gemm", 2, 0.010),), idle_loader_seconds=0.004)
    head = replace(base, kernels=(spent("gemm", 4, 0.020),), idle_loader_seconds=0.010, wall_seconds=0.036)
    assert (
        difference(base, head)
        == "kernel gemm runs 2x instead of 1x, +5.00 ms; waiting for the loader +3.00 ms"
    )


def test_the_same_profiles_say_so() -> None:
    """Noise is not named."""
    base = cpu(spent("aten::mm", 2, 0.010))
    assert difference(base, cpu(spent("aten::mm", 2, 0.0101))) == (
        "the profiles show the same calls, none of them much longer"
    )
    assert changes(EMPTY, replace(EMPTY, wall_seconds=0.0)) == ()


def test_growth_names_only_what_grew() -> None:
    """For a gate a profile that happens to be shorter as a whole still names what there is more of."""
    base = cpu(spent("aten::mm", 2, 0.010), spent("aten::t", 2, 0.006), wall=0.024)
    head = cpu(spent("aten::mm", 4, 0.012), spent("aten::t", 2, 0.002))
    assert growth(base, head, 0.001) == "aten::mm runs 2x instead of 1x, +1.00 ms"


# --- what grew, of a change that was measured ---------------------------------------------------------------


def gpu(base: TraceSummary = EMPTY, **found: Any) -> TraceSummary:
    """A trace of a GPU."""
    return replace(base, gpu=True, **found)


def test_fewer_calls_that_take_longer_are_named() -> None:
    """One sum over two dimensions may take longer than two sums after each other: calls fell, time grew."""
    base = cpu(spent("aten::sum", 4, 0.008))
    head = cpu(spent("aten::sum", 2, 0.0212), wall=0.034)
    assert growth(base, head, 0.0066) == "aten::sum runs 1x instead of 2x, +6.60 ms"
    assert difference(base, head) == "aten::sum runs 1x instead of 2x, +6.60 ms"
    assert difference(head, base) == "aten::sum runs 2x instead of 1x, -6.60 ms"


@pytest.mark.parametrize("change", [120e-6, 188e-6, 1e-3, 1.0])
def test_no_more_is_named_than_was_measured(change: float) -> None:
    """Profiles are slower than what was measured: what they blame adds up to the measured change at the
    most."""
    base = cpu(spent("aten::mm", 2, 0.002), spent("aten::add", 2, 0.002))
    head = cpu(spent("aten::mm", 2, 0.00546), spent("aten::add", 2, 0.0025), wall=0.028)
    sentence = growth(base, head, change)
    scale = {"s": 1.0, "ms": 1e-3, "us": 1e-6}
    named = [float(number) * scale[unit] for number, unit in re.findall(r"\+([\d.]+) (\w+)", sentence)]
    assert 0 < sum(named) <= change * 1.005
    assert ("% of the difference" in sentence) is (change == 1.0)


def test_calls_say_more_than_times() -> None:
    """A noisy operator that is called as often as before comes after the one that is called more often."""
    base = cpu(spent("aten::mm", 2, 0.010), spent("aten::relu", 2, 0.001))
    head = cpu(spent("aten::mm", 2, 0.012), spent("aten::relu", 4, 0.0024), wall=0.024)
    assert growth(base, head, 0.0007) == "aten::relu runs 2x instead of 1x, +700 us"


def test_an_operator_in_another_ones_place_is_named_with_it() -> None:
    """What took over has the time, and what is gone is said."""
    base = cpu(spent("aten::tanh", 2, 0.003))
    head = cpu(spent("aten::erfinv", 2, 0.004), wall=0.021)
    assert growth(base, head, 0.0005) == (
        "aten::erfinv runs 1x instead of 0x, +500 us; aten::tanh runs 0x instead of 1x"
    )


def test_a_copy_is_named_on_the_cpu() -> None:
    """It is an operator like others."""
    base = cpu(spent("aten::sum", 2, 0.004))
    head = cpu(spent("aten::sum", 2, 0.004), spent("aten::contiguous", 2, 0.002), wall=0.022)
    assert growth(base, head, 0.001) == "aten::contiguous runs 1x instead of 0x, +1.00 ms"


def took(name: str, calls: float, seconds: float, caller: str = "", line: int = 7) -> FunctionTime:
    """A function of one file."""
    return FunctionTime(name, "package/module.py", line, calls, seconds, caller)


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        (took("step", 1, 1e-3), took("step", 1, 2e-3, line=9), "most of it in step (package/module.py:9)"),
        (
            took("help", 10, 1e-4), took("help", 1000, 1e-3),
            "most of it in help (package/module.py:7), which runs 1000x instead of 10x",
        ),
        (
            took("other", 1, 1e-4), took("time.sleep", 1, 1e-3, caller="step"),
            "most of it in time.sleep, called by step (package/module.py:7), which runs 1x instead of 0x",
        ),
    ],
)  # fmt: skip
def test_python_is_named_by_its_function(before: FunctionTime, after: FunctionTime, says: str) -> None:
    """Time outside operators is Python's or a wait: the function that takes longer is named, and where it
    is."""
    base, head = cpu(spent("aten::mm", 2, 0.010)), cpu(spent("aten::mm", 2, 0.010), wall=0.0224)
    assert growth(base, head, 0.0012, [before], [after]) == f"code outside torch's operators +1.20 ms, {says}"
    assert growth(base, head, 0.0012) == "code outside torch's operators +1.20 ms"


def test_a_function_with_little_of_it_is_not_blamed() -> None:
    """What no function took is nobody's."""
    base, head = cpu(spent("aten::mm", 2, 0.010)), cpu(spent("aten::mm", 2, 0.010), wall=0.0300)
    sentence = growth(base, head, 0.005, [took("step", 1, 1e-3)], [took("step", 1, 1.5e-3)])
    assert sentence == "code outside torch's operators +5.00 ms"
    sentence = growth(base, head, 0.005, [took("step", 1, 1e-3)], [took("step", 1, 3e-3)])
    assert sentence.endswith("+5.00 ms, the largest part of it in step (package/module.py:7)")


def test_functions_of_one_name_count_together() -> None:
    """Lambdas of one file have one name; one that is called more often comes before some noise of another."""
    one, other = took("<lambda>", 1, 1e-4), took("<lambda>", 1, 2e-4, line=30)
    assert slowed([one, other], [other, one]) is None
    found = slowed([one, took("noisy", 1, 1e-3)], [one, took("noisy", 1, 1.2e-3), took("new", 3, 1e-4)])
    assert found is not None
    assert (found.where.name, found.base_calls, found.head_calls) == ("new", 0.0, 3.0)
    assert found.share == pytest.approx(1 / 3)


def test_a_slow_base_does_not_hide_more_calls() -> None:
    """What its additional calls take says more than the difference of two noisy times."""
    base = cpu(spent("aten::linear", 2, 0.0129))
    head = cpu(spent("aten::linear", 4, 0.013), wall=0.0244)
    sentence = growth(base, head, 0.006, [], [took("forward", 1, 1e-3)])
    assert sentence.startswith("aten::linear runs 2x instead of 1x; code outside torch's operators +2.15 ms")


def test_more_calls_without_seconds_have_no_share() -> None:
    """Where the base's profile happened to be the slower one, the calls are named, and no share of 0 %."""
    base = cpu(spent("aten::add", 400, 0.012), wall=0.024)
    head = cpu(spent("aten::add", 800, 0.011))
    assert growth(base, head, 0.0004) == "aten::add runs 400x instead of 200x"


def test_a_function_that_is_called_more_often_comes_before_noise() -> None:
    """Calls of Python functions count like those of operators."""
    base, head = cpu(spent("aten::mm", 2, 0.010)), cpu(spent("aten::mm", 2, 0.014), wall=0.0264)
    sentence = growth(base, head, 0.0012, [took("help", 10, 1e-4)], [took("help", 1000, 1e-3)])
    assert sentence.startswith("code outside torch's operators +1.20 ms, most of it in help")
    assert "aten::mm" not in sentence


def test_what_a_gpu_does_more_of_is_named_with_the_operators() -> None:
    """Kernels have the time; the operators that launched them are named by their numbers alone."""
    base = gpu(kernels=(spent("gemm", 2, 0.010),), operators=(spent("aten::mm", 2, 2e-4),))
    head = gpu(
        base, kernels=(spent("gemm", 4, 0.020),), operators=(spent("aten::mm", 4, 4e-4),), wall_seconds=0.030
    )
    assert (
        growth(base, head, 0.005)
        == "kernel gemm runs 2x instead of 1x, +5.00 ms; aten::mm runs 2x instead of 1x"
    )


def test_a_copy_to_a_gpu_is_named() -> None:
    """Copies by their name, with the call that made them."""
    base = gpu(kernels=(spent("gemm", 2, 0.010),))
    name = "Memcpy HtoD (Pageable -> Device)"
    head = gpu(
        base, copies=(spent(name, 2, 0.004),), calls=(spent("cudaMemcpyAsync", 2, 0.004),), wall_seconds=0.024
    )
    assert growth(base, head, 0.002) == (
        f"copy {name} runs 1x instead of 0x, +2.00 ms; cudaMemcpyAsync runs 1x instead of 0x"
    )


def test_a_synchronisation_is_named() -> None:
    """The GPU waits because of it; which call it was is said with its number."""
    base = gpu(kernels=(spent("gemm", 2, 0.010),), calls=(spent("cudaDeviceSynchronize", 2, 0.001),))
    head = gpu(
        base, idle_sync_seconds=0.004, wall_seconds=0.024,
        calls=(spent("cudaStreamSynchronize", 6, 0.006), spent("cudaDeviceSynchronize", 2, 0.001)),
    )  # fmt: skip
    assert growth(base, head, 0.002) == (
        "waiting for synchronisation +2.00 ms; cudaStreamSynchronize runs 3x instead of 0x"
    )


def test_a_host_that_launches_more_is_named() -> None:
    """Where the GPU waits for the host, it is said which operators there are more of."""
    base = gpu(kernels=(spent("add", 20, 0.001),), operators=(spent("aten::add", 20, 0.002),))
    head = gpu(
        base, kernels=(spent("add", 200, 0.0011),), operators=(spent("aten::add", 200, 0.02),),
        idle_host_seconds=0.018, wall_seconds=0.038,
    )  # fmt: skip
    assert growth(base, head, 0.009) == (
        "waiting for the host +9.00 ms; kernel add runs 100x instead of 10x; aten::add runs 100x instead of 10x"
    )


def test_memory_is_named_by_operator() -> None:
    """Bytes at the peak on either side, and never more of a growth than there is in all."""
    mib = 2**20
    assert memory_growth({"aten::neg": 4 * mib}, {"aten::neg": 24 * mib}, 20.0 * mib) == (
        "aten::neg holds 24.0 MiB at the peak instead of 4.00 MiB, +20.0 MiB"
    )
    assert memory_growth({"aten::amax": 8192}, {"aten::max": 24576, "aten::t": 64}, 16384.0) == (
        "aten::max holds 24.0 KiB at the peak instead of 0 B, +16.0 KiB"
    )
    assert memory_growth({"aten::neg": 8}, {"aten::neg": 8}, 8.0) == ""


# --- records and frames -------------------------------------------------------------------------------------

C = claim("C1")
CASE = f"{C.path}::{C.function}[m]"


def traced_run(folder: Path, *traces: Traced) -> Run:
    """A run with one case and these traces."""
    run = saved(folder, [C], measurements_of(C, "m", 7, tip=2e-3))
    writer = store.Writer(folder / "more.jsonl")
    for each in traces:
        store.write_trace(writer, each)
    writer.close()
    return store.load(run.folder)


SUMMARY = cpu(spent("aten::linear", 4, 0.012))
BASE = cpu(spent("aten::linear", 2, 0.006), wall=0.012)
TRACED = Traced(CASE, "C1", "tip", 9, "traces/c1-tip.json.gz", 1000, 0.01, 0.012, cause(SUMMARY), "", SUMMARY)
OF_BASE = replace(TRACED, variant=BASELINE, file="traces/c1-base.json.gz", cause=cause(BASE), summary=BASE)


def test_records_of_traces_come_back(tmp_path: Path) -> None:
    """What was written is what is loaded, in order."""
    failed = Traced(CASE, "C1", "tip", 3, note="no trace: RuntimeError: no CUPTI")
    assert traced_run(tmp_path, OF_BASE, TRACED, failed).traces == (OF_BASE, TRACED, failed)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("file", "../../etc/passwd"),
        ("file", "/etc/passwd"),
        ("file", "traces/../x"),
        ("file", "traces/.."),
        ("file", "traces/a\\b"),
        ("file", 7),
        ("seconds", "long"),
        ("file_bytes", True),
        ("summary", []),
        ("summary", {**asdict(SUMMARY), "wall_seconds": None}),
        ("summary", {**asdict(SUMMARY), "operators": [{"name": 1}]}),
        ("summary", {**asdict(SUMMARY), "more": 1}),
    ],
)
def test_foreign_records_are_refused(tmp_path: Path, field: str, value: Any) -> None:
    """No path out of the run's folder, no other types: one error with file and line."""
    traced_run(tmp_path, TRACED)
    path = tmp_path / "more.jsonl"
    path.write_text(json.dumps({**json.loads(path.read_text()), field: value}) + "\n")
    with pytest.raises(StoreError, match=r"more\.jsonl:1"):
        store.load(tmp_path)


def test_copies_and_calls_come_back_and_may_be_absent(tmp_path: Path) -> None:
    """Records of versions that did not know them are read as ones without any."""
    copied = replace(
        SUMMARY, copies=(spent("Memcpy", 2, 0.1),), calls=(spent("cudaStreamSynchronize", 2, 0.1),)
    )
    assert traced_run(tmp_path / "new", replace(TRACED, summary=copied)).traces[0].summary == copied
    record = asdict(TRACED)
    del record["summary"]["copies"], record["summary"]["calls"]
    assert decode(json.dumps(record), Traced).summary == SUMMARY


def test_a_record_that_is_no_trace() -> None:
    """Infinite numbers are refused as well."""
    line = json.dumps({**asdict(TRACED), "seconds": 7.5}).replace("7.5", "1e999")
    with pytest.raises(ValueError, match="out of range"):
        decode(line, Traced)


def test_the_frame_has_a_row_a_trace(tmp_path: Path) -> None:
    """Columns as the docstring says, parts that add up, and the difference from the baseline's trace."""
    frame = trace_frame(
        traced_run(tmp_path, OF_BASE, TRACED, Traced(CASE, "C1", "other", 3, note="no trace: x"))
    )
    assert list(frame["variant"]) == [BASELINE, "tip", "other"]
    tip = frame.iloc[1]
    assert tip["slow_down"] == pytest.approx(1.2)
    assert tip["top_operator"] == "aten::linear"
    assert tip["difference"].startswith("aten::linear runs 2x instead of 1x, +3.00 ms")
    parts = (
        frame[[name for name in frame.columns if name.startswith("idle_")]].sum(axis=1)
        + frame["busy_seconds"]
    )
    assert parts[:2].to_numpy() == pytest.approx(frame["wall_seconds"][:2].to_numpy())
    assert frame["wall_seconds"].isna().tolist() == [False, False, True]
    assert frame["note"][2] == "no trace: x"
    assert len(trace_frame(traced_run(tmp_path / "none"))) == 0
    assert len(harness.load(tmp_path).trace) == 3


@pytest.mark.parametrize(
    ("flops", "moved", "says"),
    [(1.5e9, 1e6, "compute"), (1.5e8, 3.6e6, "memory"), (1e8, 1e5, ""), (0.0, 0.0, "")],
)
def test_bound_is_the_nearest_ceiling(tmp_path: Path, flops: float, moved: float, says: str) -> None:
    """Work that reaches half of a measured ceiling is bound by it; what is not declared or measured is not
    known."""
    run = traced_run(tmp_path, TRACED)
    work = Work(flops=flops, bytes=moved)
    ceilings = (Ceiling("gemm_fp32", 1e12, "FLOP/s"), Ceiling("memory_copy", 2e9, "B/s"))
    own = tuple(replace(measurement, work=work) for measurement in run.measurements)
    assert trace_frame(replace(run, measurements=own, ceilings=ceilings))["bound"].tolist() == [says]
    assert trace_frame(replace(run, measurements=own))["bound"].tolist() == [""]


def test_the_report_has_the_cause_as_a_footnote(tmp_path: Path) -> None:
    """The row of a traced variant points to its cause, what differs from the baseline, and the file."""
    sentence = " ".join(shown(traced_run(tmp_path, OF_BASE, TRACED)).split())
    assert "trace of m tip (traces/c1-tip.json.gz): 60 % of the time goes to operators" in sentence
    assert "against the baseline: aten::linear runs 2x instead of 1x, +3.00 ms" in sentence


@pytest.mark.parametrize(
    "case", ["a.py::b[x]", "../../a.py::b[../../x]", "\u2028.py::b[\x00\n]", "a" * 5000, "-"]
)
def test_names_of_traces_are_plain(case: str) -> None:
    """Whatever a case is called, its trace lies in the folder of traces, under a name of its own."""
    name = trace_name(case, "tip")
    folder, file = name.split("/")
    assert folder == "traces"
    assert file.endswith(".json.gz")
    assert set(file) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")
    assert len(file) < 130
    assert not file.startswith((".", "-"))
    assert trace_name(case, "tip") != trace_name(case, "other")
