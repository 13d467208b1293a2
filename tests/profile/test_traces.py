"""Traces: read whatever their size and origin, and summarised to numbers that were worked out by hand."""

from __future__ import annotations

import gzip
import json
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.model import TraceSummary
from harness.profile import chunks
from harness.profile.chunks import TraceError
from harness.profile.events import EventKind, TraceEvents, read
from harness.profile.intervals import gaps, intersection, length, union, within, without
from harness.profile.kernels import tensor_cores
from harness.profile.summary import busiest, busy_times, summarise
from harness.report.grown import growth
from tests.support import chrome

US = 1e-6


def parts(found: TraceSummary) -> dict[str, float]:
    """Busy and idle, in microseconds."""
    names = ("busy", "idle_loader", "idle_host", "idle_sync", "idle_copy", "idle_other")
    return {name: round(getattr(found, f"{name}_seconds") / US, 3) for name in names}


@pytest.fixture(params=["msgspec", "the standard library"])
def library(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """What reads the JSON: where msgspec is not installed, the standard library."""
    if request.param != "msgspec":
        monkeypatch.setitem(sys.modules, "msgspec", None)
    return str(request.param)


# --- the summary --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["trace.json", "trace.json.gz"])
@pytest.mark.parametrize("offset", [0.0, 4.2e12])
@pytest.mark.usefixtures("library")
def test_the_worked_example(tmp_path: Path, name: str, offset: float) -> None:
    """Every part of a GPU's thousand microseconds is what was worked out by hand, wherever the clock
    stood."""
    found = summarise(chrome.written(tmp_path, chrome.WORKED_EXAMPLE, name, offset))
    assert parts(found) == pytest.approx(
        {
            "busy": 525,
            "idle_loader": 200,
            "idle_host": 20,
            "idle_sync": 170,
            "idle_copy": 40,
            "idle_other": 45,
        },
        abs=0.01,
    )
    assert (found.gpu, found.iterations, found.launches) == (True, 2, 4)
    assert found.wall_seconds == pytest.approx(1000 * US)
    assert sum(parts(found).values()) == pytest.approx(1000, rel=1e-3)
    assert found.kernel_seconds == pytest.approx(465 * US)
    assert found.copy_seconds == pytest.approx(100 * US)
    assert found.overlap == pytest.approx(0.4, abs=1e-3)
    assert found.tensor_core_share == pytest.approx(170 / 465, abs=1e-3)


def test_kernels_and_operators_by_name(tmp_path: Path) -> None:
    """Kernels are counted and summed by name; an operator's own time is without those it called."""
    found = summarise(chrome.written(tmp_path, chrome.WORKED_EXAMPLE))
    assert [(k.name[:12], k.calls, round(k.seconds / US)) for k in found.kernels] == [
        ("void at::nat", 2, 195),
        ("sm80_xmma_ge", 1, 170),
        ("ampere_sgemm", 1, 100),
    ]
    own = {
        o.name: (o.calls, round(o.seconds / US), o.outer_calls, round(o.outer_seconds / US))
        for o in found.operators
    }
    assert own == {"aten::addmm": (1, 16, 0, 0), "aten::linear": (1, 4, 1, 20)}


def test_copies_and_calls_that_block_by_name(tmp_path: Path) -> None:
    """Copies of the device, and the calls of the threads that drive it which synchronise or copy."""
    found = summarise(chrome.written(tmp_path, chrome.WORKED_EXAMPLE))
    assert [(c.name, c.calls, round(c.seconds / US)) for c in found.copies] == [
        ("Memcpy HtoD (Pageable -> Device)", 1, 100)
    ]
    assert [(c.name, c.calls, round(c.seconds / US)) for c in found.calls] == [
        ("cudaDeviceSynchronize", 1, 254), ("cudaMemcpyAsync", 1, 70), ("cudaStreamSynchronize", 1, 70),
    ]  # fmt: skip


def test_what_a_gpu_has_more_of_is_named(tmp_path: Path) -> None:
    """An iteration that copies once more and waits for it, from events to the sentence."""
    events = [
        chrome.mark("tipbench: window", 0, 300),
        chrome.operator("aten::mm", 5, 15),
        chrome.call("cudaLaunchKernel", 6, 14, 1),
        chrome.kernel("gemm", 20, 220, 1),
        chrome.call("cudaDeviceSynchronize", 16, 300),
    ]
    more = [
        chrome.operator("aten::item", 300, 400),
        chrome.call("cudaMemcpyAsync", 302, 310, 2),
        chrome.on_gpu("gpu_memcpy", "Memcpy DtoH (Device -> Pageable)", 312, 352, 2),
        chrome.call("cudaStreamSynchronize", 311, 400),
    ]
    base = summarise(chrome.written(tmp_path, events, "base.json"))
    head = summarise(
        chrome.written(tmp_path, [chrome.mark("tipbench: window", 0, 400), *events[1:], *more], "head.json")
    )
    explanation = growth(base, head, 100 * US)
    assert explanation.startswith("copy Memcpy DtoH (Device -> Pageable) runs 1x instead of 0x, +40.0 us; ")
    assert "waiting for synchronisation +5" in explanation
    assert "cudaStreamSynchronize runs 1x instead of 0x" in explanation
    assert "aten::item runs 1x instead of 0x" in explanation


def test_operators_nest_by_thread(tmp_path: Path) -> None:
    """Threads do not call each other, siblings follow each other, and equal starts nest by length."""
    events = [
        chrome.mark("tipbench: window", 0, 100),
        chrome.operator("a", 0, 50),
        chrome.operator("b", 0, 20),
        chrome.operator("b", 20, 30),
        chrome.operator("c", 22, 29),
        chrome.operator("a", 10, 60, thread=9),
    ]
    found = {o.name: o for o in summarise(chrome.written(tmp_path, events)).operators}
    counts = {name: (o.calls, round(o.seconds / US), o.outer_calls) for name, o in found.items()}
    assert counts == {"a": (2, 70, 2), "b": (2, 23, 0), "c": (1, 7, 0)}


def test_a_trace_without_a_gpu(tmp_path: Path) -> None:
    """On the CPU busy is the time in operators on the main thread outside the loader's, the rest is the
    host's."""
    events = [
        chrome.mark("tipbench: window", 0, 100),
        chrome.mark("tipbench: iteration", 0, 100),
        chrome.mark("tipbench: next", 0, 30),
        chrome.operator("aten::stack", 10, 20),
        chrome.operator("aten::mm", 40, 70),
        chrome.operator("aten::mul", 45, 50),
        chrome.operator("aten::mm", 0, 100, thread=2),
    ]
    found = summarise(chrome.written(tmp_path, events))
    assert parts(found) == {
        "busy": 30, "idle_loader": 30, "idle_host": 40, "idle_sync": 0, "idle_copy": 0, "idle_other": 0,
    }  # fmt: skip
    assert (found.gpu, found.launches, found.overlap, found.tensor_core_share) == (False, 0, None, None)


def test_steps_of_the_profiler_are_a_window_too(tmp_path: Path) -> None:
    """A trace of the user's own loop counts from its first step to the end of the last, or as a whole."""
    steps = [chrome.mark(f"ProfilerStep#{n}", 100 * n, 100 * n + 90) for n in (1, 2, 3)]
    wait = chrome.mark("enumerate(DataLoader)#_SingleProcessDataLoaderIter.__next__", 100, 150)
    prefetched = chrome.mark(
        "enumerate(DataLoader)#_MultiProcessingDataLoaderIter.__next__", 200, 300, thread=2
    )
    found = summarise(
        chrome.written(tmp_path, [*steps, wait, prefetched, chrome.operator("aten::mm", 0, 1000)])
    )
    assert (found.iterations, round(found.wall_seconds / US)) == (3, 290)
    assert found.idle_loader_seconds == pytest.approx(50 * US)
    bare = summarise(chrome.written(tmp_path, [chrome.operator("aten::mm", 50, 90)]))
    assert (bare.iterations, round(bare.wall_seconds / US), round(bare.busy_seconds / US)) == (1, 40, 40)


def test_launches_that_are_not_in_the_trace(tmp_path: Path) -> None:
    """Idle time that ends with a kernel of unknown launch is other, unless the host's events explain it."""
    events = [
        chrome.mark("tipbench: window", 0, 100),
        chrome.call("cudaLaunchKernel", 0, 5, 1),
        chrome.kernel("k", 10, 20, 1),
        chrome.kernel("k", 60, 100, 77),
        chrome.mark("tipbench: next", 30, 40),
    ]
    assert parts(summarise(chrome.written(tmp_path, events))) == {
        "busy": 50, "idle_loader": 10, "idle_host": 5, "idle_sync": 0, "idle_copy": 0, "idle_other": 35,
    }  # fmt: skip


def test_nothing_to_summarise(tmp_path: Path) -> None:
    """A trace without events is one without time."""
    found = summarise(chrome.written(tmp_path, []))
    assert (found.wall_seconds, found.busy_seconds, found.operators) == (0.0, 0.0, ())


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 12), st.integers(0, 3)), max_size=30), st.data())
def test_parts_add_up_whatever_happens(found: list[tuple[int, int, int]], data: st.DataObject) -> None:
    """Busy and idle parts are the wall's, for any kernels, calls and waits at all."""
    from harness.profile.summary import summary

    rows = []
    for start, lasts, kind in found:
        name = data.draw(st.sampled_from(["cudaLaunchKernel", "cudaMemcpyAsync", "cudaStreamSynchronize"]))
        rows.append(
            (start, lasts, (EventKind.KERNEL, EventKind.COPY, EventKind.CALL, EventKind.MARK)[kind], name)
        )
    names = (
        "cudaLaunchKernel",
        "cudaMemcpyAsync",
        "cudaStreamSynchronize",
        "tipbench: next",
        "tipbench: window",
    )
    rows.append((5, 30, EventKind.MARK, "tipbench: window"))
    count = len(rows)
    kinds = np.array([row[2] for row in rows], np.int8)
    events = TraceEvents(
        names,
        ((1, 1),),
        (0,),
        kinds,
        np.array(
            [
                names.index("tipbench: next" if r[2] is EventKind.MARK and r[3] in names[:3] else r[3])
                for r in rows
            ]
        ),
        np.zeros(count, np.int32),
        np.where(kinds >= EventKind.KERNEL, 0, -1).astype(np.int32),
        np.array(data.draw(st.lists(st.integers(-1, 5), min_size=count, max_size=count)), np.int64),
        np.array([row[0] for row in rows], float),
        np.array([row[1] for row in rows], float),
    )
    made = summary(events)
    idle = sum(getattr(made, f"idle_{part}_seconds") for part in ("loader", "host", "sync", "copy", "other"))
    assert made.busy_seconds + idle == pytest.approx(made.wall_seconds)
    assert made.wall_seconds == 30


@pytest.mark.parametrize(
    ("name", "uses"),
    [
        (chrome.GEMM, True),
        ("volta_h884gemm_64x128_ldg8_nn", True),
        ("ampere_bf16_s16816gemm_bf16_128x128_ldg8_f2f_stages_32x5_tn", True),
        ("cutlass_80_tensorop_s1688gemm_128x256_16x3_nt_align4", True),
        ("sm80_xmma_fprop_implicit_gemm_tf32f32_tf32f32_f32_nhwckrsc_nchw", True),
        ("nvjet_hsh_128x256_64x4_1x2_h_bz_coopA_NTT", True),
        ("void flash_fwd_kernel<Flash_fwd_kernel_traits<64, 128>>", True),
        ("ampere_sgemm_128x64_nn", False),
        ("sm80_xmma_fprop_implicit_gemm_f32f32_f32f32_f32_nhwckrsc_nchw", False),
        ("void cutlass::Kernel<cutlass_80_simt_sgemm_256x128_8x4_nn_align1>", False),
        ("void at::native::vectorized_elementwise_kernel<4, at::native::CUDAFunctor_add<float>>", False),
        ("void summary_kernel<float>", False),
    ],
)
def test_names_of_tensor_core_kernels(name: str, uses: bool) -> None:
    """The families that use tensor cores are known by name, and their members that do not."""
    assert tensor_cores(name) is uses


# --- intervals ----------------------------------------------------------------------------------------------

SPANS = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 9)), max_size=20)


def cells(spans: list[tuple[int, int]]) -> set[int]:
    """The same as a set of unit cells."""
    return {cell for start, lasts in spans for cell in range(start, start + lasts)}


def times(spans: list[tuple[int, int]]) -> np.ndarray:
    """As a set of time."""
    starts = np.array([start for start, _ in spans], float)
    return union(starts, starts + np.array([lasts for _, lasts in spans], float))


@given(SPANS, SPANS)
def test_sets_of_time_are_sets(one: list[tuple[int, int]], other: list[tuple[int, int]]) -> None:
    """Union, intersection, difference, gaps and cutting agree with sets of unit cells."""
    a, b = times(one), times(other)
    assert length(a) == len(cells(one))
    assert length(intersection(a, b)) == len(cells(one) & cells(other))
    assert length(without(a, b)) == len(cells(one) - cells(other))
    assert length(gaps(a, 3, 50)) == len(set(range(3, 50)) - cells(one))
    assert length(within(a, 3, 50)) == len(set(range(3, 50)) & cells(one))
    assert (np.diff(a.ravel()) > 0).all()


# --- reading ------------------------------------------------------------------------------------------------


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read in pieces of a few events."""
    monkeypatch.setattr(chunks, "PIECE", 700)


HOSTILE = [
    'cut "here"}, {"ph": "X',
    "}, {", "}]", "]}", '"traceEvents": [{', "\\", '\\"', "\u2028\U0001f600", "", "a" * 5000, "\n},\n{\n",
]  # fmt: skip


@pytest.mark.parametrize("form", ["pretty", "tight", "array"])
@pytest.mark.usefixtures("small_pieces", "library")
def test_pieces_never_cut_an_event(tmp_path: Path, form: str) -> None:
    """However the file is laid out and whatever names contain, every event is read once and whole."""
    events = [chrome.operator(HOSTILE[n % len(HOSTILE)], n, n + 1) for n in range(200)]
    nested = {"args": {"deep": [{"a": [{}, {"b": 1}]}, {"c": {}}], "correlation": 3}}
    events = [{**event, **nested} if n % 7 == 0 else event for n, event in enumerate(events)]
    document = json.loads(chrome.document(events))
    document = {"distributedInfo": {"traceEvents": [{}]}, **document, "after": [{"a": [1]}, {"b": "}]"}]}
    content = {
        "pretty": json.dumps(document, indent=2),
        "tight": json.dumps(document, separators=(",", ":")),
        "array": json.dumps(events),
    }[form]
    path = tmp_path / "trace.json"
    path.write_text(content, encoding="utf-8")
    found = read(path)
    ordered = [found.names[code] for code in found.name]
    assert ordered == [event["name"][:500] for event in events]
    assert [round(start / US) for start in found.start] == list(range(200))


def test_memory_is_bounded(tmp_path: Path) -> None:
    """What is read of a trace takes a fraction of its size: pieces, and columns of what counts."""
    line = json.dumps(
        chrome.span("python_function", "f" * 200, 0, 1, **{"Python id": 1, "Python parent id": 2})
    )
    kept = json.dumps(chrome.operator("aten::mm", 1, 2))
    path = tmp_path / "trace.json.gz"
    with gzip.open(path, "wt", compresslevel=1) as file:
        file.write('{"traceEvents": [' + ",\n".join([line, line, kept]))
        for _ in range(62):
            file.write(",\n" + ",\n".join([line, line, kept] * 1000))
        file.write("]}")
    tracemalloc.start()
    try:
        found = read(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(found.start) == 62001
    with gzip.open(path) as file:
        size = len(file.read())
    assert size > 50e6
    assert peak < 35e6


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "no list of events"),
        (b"not json at all", "no list of events"),
        (b'{"schemaVersion": 1}', "no list of events"),
        (b'{"a": {"traceEvents": []', "no list of events"),
        (b'{"traceEvents": [', "breaks off"),
        (b'{"traceEvents": [{"ph": "X"}', "breaks off"),
        (b'{"traceEvents": [{"ph": "X"},]}', "breaks off"),
        (b'{"traceEvents": [{"ph": "X"}]', "breaks off"),
        (b'{"traceEvents": [{"name": "\xff"}]}', "breaks off"),
        (b'{"traceEvents": [{"ph": "X", "ts": 1e999}]}', ""),
        (b'{"traceEvents": [{"ph": "X", "ts": NaN}]}', "breaks off"),
        (b'{"traceEvents": [{"ph": "X", "ts": "early"}]}', "not a trace as torch writes them"),
        (b'{"traceEvents": [7]}', "not a trace as torch writes them"),
        (b'{"traceEvents": [{"ph": "X", "args": [1]}]}', "not a trace as torch writes them"),
        (
            b'{"traceEvents": [{"args": {"correlation": 99999999999999999999}}]}',
            "not a trace as torch writes them",
        ),
        (b'{"traceEvents": ' + b"[" * 100000, "breaks off"),
        (b"\x1f\x8b but no gzip", "damaged"),
        (gzip.compress(chrome.document(chrome.WORKED_EXAMPLE))[:-40], "damaged"),
    ],
)
@pytest.mark.usefixtures("library")
def test_what_is_no_trace_is_one_clear_error(tmp_path: Path, content: bytes, reason: str) -> None:
    """Malformed, torn and foreign files are refused in one sentence that names the file."""
    path = tmp_path / "strange.json"
    path.write_bytes(content)
    with pytest.raises(TraceError, match=r"strange\.json") as caught:
        read(path)
    assert reason in str(caught.value)


def test_a_missing_file_is_one_clear_error(tmp_path: Path) -> None:
    """So is one that is not there, or is a folder."""
    for path in (tmp_path / "gone.json", tmp_path):
        with pytest.raises(TraceError, match=str(path)):
            read(path)


def test_what_is_too_large_is_refused(tmp_path: Path) -> None:
    """A file that unpacks to more than the limit is refused before it is in memory, as is one of too many
    events."""
    path = tmp_path / "bomb.json.gz"
    path.write_bytes(gzip.compress(b'{"traceEvents": [' + b" " * (30 << 20)))
    tracemalloc.start()
    try:
        with pytest.raises(TraceError, match=r"bomb.*trace fewer iterations"):
            read(path, most_bytes=10 << 20)
        assert tracemalloc.get_traced_memory()[1] < 40e6
    finally:
        tracemalloc.stop()
    many = chrome.written(tmp_path, [chrome.operator("aten::mm", n, n + 1) for n in range(30)])
    with pytest.raises(TraceError, match="more than the 20 events"):
        read(many, most_events=20)


def test_negative_durations_and_strange_places(tmp_path: Path) -> None:
    """Kineto has written negative durations; processes and threads may be words."""
    strange = {**chrome.operator("aten::mm", 5, 6), "pid": "Spans", "tid": None}
    events = [{**chrome.operator("aten::mm", 10, 20), "dur": -3.0}, strange]
    assert read(chrome.written(tmp_path, events)).seconds == pytest.approx([0.0, US])


def test_the_first_years_of_kineto_had_other_words(tmp_path: Path) -> None:
    """Categories as torch 1.8 wrote them are understood."""
    events = [
        {**chrome.kernel("k", 0, 5, 1), "cat": "Kernel"},
        {**chrome.kernel("m", 5, 7, 2), "cat": "Memcpy"},
        {**chrome.call("cudaLaunchKernel", 0, 1, 1), "cat": "Runtime"},
        {**chrome.operator("aten::mm", 0, 2), "cat": "Operator"},
    ]
    found = read(chrome.written(tmp_path, events))
    assert found.kind.tolist() == [EventKind.KERNEL, EventKind.COPY, EventKind.CALL, EventKind.OPERATOR]
    device = busiest(found)
    assert device is not None
    assert length(busy_times(device)) == pytest.approx(7 * US)
