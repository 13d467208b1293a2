"""The probes: exact where the answer is known, and never a failure where a machine hides something."""

# ruff: noqa: D102, N802  (the fakes' methods are other people's: their names, and what they do, are given)
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import psutil
import pytest
import torch

from harness.probes import (
    ALLOCATOR,
    NoSnapshot,
    NvmlError,
    ProcessTree,
    allocations,
    cuda_uuid,
    device_bytes,
    nvml,
    out_of_memory,
    peak,
    peak_bytes,
    snapshot,
    watch_tree,
)
from harness.probes.energy import gpu_share
from harness.probes.functions import functions
from harness.probes.held import CUDA, NO_OPERATOR, held, held_at_peak
from harness.probes.launches import kernels
from harness.probes.peak import CPU_SOURCE, CUDA_SOURCE, MARK, TraceEvent, marked_peak
from harness.probes.tree import PSS, TOGETHER
from tests.support.living import PATIENCE, alive, since

CPU = torch.device("cpu")
ONE = 4 * 2**16
MIB = 2**20


@pytest.fixture
def x() -> Any:
    return torch.rand(2**16)


def test_one_result_is_exactly_its_bytes(x: Any) -> None:
    """The sum of two tensors allocates one tensor, to the byte."""
    assert peak_bytes(lambda: x + x, CPU) == (ONE, CPU_SOURCE)


def test_a_chain_out_of_place_holds_two_in_place_one(x: Any) -> None:
    """Out of place, a link's input lives beside its result; in place there is only the first result."""
    assert peak_bytes(lambda: x.neg().relu().neg(), CPU)[0] == 2 * ONE
    assert peak_bytes(lambda: x.neg().relu_().neg_(), CPU)[0] == ONE


def test_the_peak_need_not_be_at_the_end(x: Any) -> None:
    """What was freed before the end counts where it was alive."""

    def call() -> Any:
        many = [x.neg() for _ in range(5)]
        return torch.stack([part.sum() for part in many]).sum()

    assert 5 * ONE <= peak_bytes(call, CPU)[0] < 5 * ONE + 1024


def test_what_lived_before_does_not_count(x: Any) -> None:
    """Freeing an old tensor and allocating one of its size stays at the level at the start."""
    kept = [x.neg()]

    def call() -> None:
        kept.clear()
        kept.append(x.neg())

    assert peak_bytes(call, CPU)[0] == 0
    assert peak_bytes(lambda: None, CPU)[0] == 0


def test_the_saved_tensors_of_a_graph_count(x: Any) -> None:
    """exp keeps its result for the backward pass, so three of them in a row stay alive."""
    leaf = x.requires_grad_()
    assert peak_bytes(lambda: leaf.exp().exp().exp(), CPU)[0] == 3 * ONE
    with torch.no_grad():
        assert peak_bytes(lambda: leaf.exp().exp().exp(), CPU)[0] == 2 * ONE


def test_memory_events_are_taken_in_the_order_of_time() -> None:
    """A trace may list events in any order; what came before the marked call, and other devices, do not
    count."""

    def event(ts: float, size: int, device: int = 0) -> TraceEvent:
        return {"name": "[memory]", "ts": ts, "args": {"Bytes": size, "Device Type": device}}

    mark: TraceEvent = {"name": MARK, "ph": "X", "ts": 10.0, "dur": 5}
    events: list[TraceEvent] = [
        event(13, 10),
        event(11, 40),
        event(12, -40),
        event(12, 1000, device=1),
        {"name": "aten::add", "ph": "X"},
    ]
    assert marked_peak([event(3, 500), *events, mark]) == 40
    assert marked_peak([mark, event(11, -5), event(12, 3)]) == 0
    assert marked_peak([mark]) == 0
    with pytest.raises(ValueError, match="hold the call"):
        marked_peak(events)


def test_replaced_gradients_count_once(x: Any) -> None:
    """A step that drops the old gradients and makes new ones needs those, and the result of the forward
    pass."""
    leaf = x.requires_grad_()

    def step() -> None:
        leaf.grad = None
        leaf.exp().backward(torch.ones(()).expand(leaf.shape))

    step()
    assert peak_bytes(step, CPU)[0] == pytest.approx(ONE, abs=64)


def test_an_error_of_the_call_is_the_callers(x: Any) -> None:
    """What the call raises comes through, and the probe works again afterwards."""
    with pytest.raises(RuntimeError, match="size"):
        peak_bytes(lambda: x + torch.rand(3), CPU)
    assert peak_bytes(lambda: x + x, CPU)[0] == ONE


def test_what_is_held_at_the_peak_is_named_by_operator(x: Any) -> None:
    """Results that are alive at the peak, by who made them; what was freed before is not there."""
    assert held_at_peak(lambda: x.neg().relu().neg(), CPU) == {"aten::neg": ONE, "aten::relu": ONE}
    assert held_at_peak(lambda: x.neg().relu_().neg_(), CPU) == {"aten::neg": ONE}
    assert held_at_peak(lambda: [x.neg() for _ in range(5)], CPU) == {"aten::neg": 5 * ONE}
    assert held_at_peak(lambda: None, CPU) == {}


def test_allocations_belong_to_the_outermost_operator_of_their_thread() -> None:
    """By time and thread; other devices and earlier calls do not count, and some belong to no operator."""

    def memory(ts: Any, size: Any, address: Any, tid: Any = 1, device: Any = CUDA) -> Any:
        args = {"Bytes": size, "Device Type": device, "Addr": address}
        return {"name": "[memory]", "ts": ts, "tid": tid, "args": args}

    def operator(name: Any, ts: Any, dur: Any, tid: Any = 1) -> Any:
        return {"name": name, "cat": "cpu_op", "ph": "X", "ts": ts, "dur": dur, "tid": tid}

    events = [
        {"name": MARK, "ph": "X", "ts": 10.0, "dur": 90},
        operator("aten::mm", 20, 10),
        operator("aten::empty", 22, 2),
        operator("aten::add", 40, 10, tid=2),
        memory(5, 64, 1),
        memory(21, 20, 6),
        memory(22, -20, 6),
        memory(23, 100, 2),
        memory(45, 30, 3, tid=2),
        memory(46, 1000, 4, device=0),
        memory(60, 7, 5),
        memory(70, -100, 2),
    ]
    assert held(events, CUDA) == {"aten::mm": 100, "aten::add": 30, NO_OPERATOR: 7}
    with pytest.raises(ValueError, match="hold the call"):
        held(events[1:], CUDA)


def test_python_functions_are_counted_with_who_called_them(x: Any) -> None:
    """Functions with the file as it is imported; built-in ones by their callers; torch's are operators'
    business."""

    def helper() -> Any:
        return None

    def call() -> Any:
        for _ in range(7):
            helper()
        threading.Event().wait(0)
        return x.neg()

    found = functions(call)
    by_name = {each.name.rpartition(".")[2]: each for each in found if not each.caller}
    assert by_name["helper"].calls == 7
    assert by_name["helper"].file == "test_probes.py"
    assert by_name["helper"].line == helper.__code__.co_firstlineno
    assert by_name["wait"].file == "threading.py"
    waits = [each for each in found if "acquire" in each.name and each.file == "threading.py"]
    assert "Condition.wait" in {each.caller for each in waits}
    assert not any("neg" in each.name or "_window" in each.name for each in found)
    assert all(each.seconds >= 0 and " object at 0x" not in each.name for each in found)


def test_conversions_are_named_though_they_are_torchs(x: Any) -> None:
    """Lists become tensors, and tensors lists, outside operators."""
    numbers = x[:9].tolist()
    found = {
        each.name
        for each in functions(lambda: (torch.tensor(numbers), x[:9].tolist(), torch.relu(x), x.relu()))
    }
    assert {"torch.tensor", "torch.Tensor.tolist"} <= found
    assert not any("relu" in name for name in found)


def test_modules_of_packages_have_their_packages_path() -> None:
    """The same wherever the package is installed."""
    found = {each.file for each in functions(lambda: json.dumps({}))}
    assert {"json/__init__.py", "json/encoder.py"} <= found


def stats(allocated: Any, reserved: Any, retries: Any = 0, ooms: Any = 0) -> Any:
    """The allocator's account: levels and peaks, and what it counts."""
    return {
        "allocated_bytes.all.current": allocated[0],
        "allocated_bytes.all.peak": allocated[1],
        "reserved_bytes.all.current": reserved[0],
        "reserved_bytes.all.peak": reserved[1],
        "num_alloc_retries": retries,
        "num_ooms": ooms,
    }


@pytest.fixture
def cuda_memory(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A torch.cuda whose allocators answer by script, and what was asked of them in what order."""
    calls = []

    def script(before: Any, after: Any, host_before: Any = None, host_after: Any = None) -> Any:
        accounts = iter([before, after])
        host = iter([host_before or {}, host_after or {}])

        def account(device: Any) -> Any:
            calls.append("account")
            return next(accounts)

        fakes = {
            "synchronize": lambda device: calls.append("wait"),
            "empty_cache": lambda: calls.append("empty"),
            "reset_peak_memory_stats": lambda device: calls.append("reset"),
            "reset_peak_host_memory_stats": lambda: calls.append("reset pinned"),
            "memory_stats": account,
            "host_memory_stats": lambda: next(host),
        }
        for name, fake in fakes.items():
            monkeypatch.setattr(torch.cuda, name, fake)
        known = "active_bytes" if "active_bytes.current" in (host_before or {}) else "allocated_bytes"
        monkeypatch.setattr(peak, "account", lambda: known)
        return calls

    return script


GPU = torch.device("cuda")


def test_the_cuda_peak_is_the_allocators_above_the_start(cuda_memory: Any) -> None:
    """On CUDA: wait, empty the pool, note the level, reset the peak, call, wait, subtract."""
    calls = cuda_memory(stats((100, 900), (200, 900)), stats((100, 350), (200, 600)))
    assert peak_bytes(lambda: calls.append("call"), GPU) == (250, CUDA_SOURCE)
    assert calls == ["wait", "empty", "account", "reset", "reset pinned", "call", "wait", "account"]


def test_the_pass_for_memory_reads_the_whole_account(cuda_memory: Any) -> None:
    """Peaks are above the level at the start, counters are differences; page-locked memory is there where
    used."""
    before, after = stats((100, 900), (200, 900), 3, 1), stats((100, 350), (200, 600), 5, 1)
    cuda_memory(before, after, {"active_bytes.current": 8}, {"active_bytes.peak": 40})
    found = allocations(lambda: None, GPU)
    assert {name: value for name, (value, _) in found.items()} == {
        "peak_bytes": 250.0,
        "reserved_bytes": 400.0,
        "allocation_retries": 2.0,
        "ooms": 0.0,
        "pinned_bytes": 32.0,
    }
    assert set(found) == set(ALLOCATOR)
    cuda_memory(before, after)
    assert "pinned_bytes" not in allocations(lambda: None, GPU)


def test_an_older_torch_reports_all_page_locked_memory(cuda_memory: Any) -> None:
    """Where blocks in use are not told apart, those that the allocator owns count."""
    account = stats((0, 0), (0, 0))
    cuda_memory(account, account, {"allocated_bytes.current": 1}, {"allocated_bytes.peak": 5})
    assert allocations(lambda: None, GPU)["pinned_bytes"][0] == 4.0


def test_the_cpu_has_a_peak_alone(x: Any) -> None:
    """What only CUDA's allocator knows is not there, rather than nought."""
    assert allocations(lambda: x + x, CPU) == {"peak_bytes": (float(ONE), CPU_SOURCE)}


CUDA_OOM = (
    "CUDA out of memory. Tried to allocate 20.00 GiB. GPU 0 has a total capacity of 79.11 GiB of which 5.50 GiB is "
    "free. Including non-PyTorch memory, this process has 73.60 GiB memory in use. Of the allocated memory 70.2 GiB is"
)


def test_what_was_short_is_in_the_error() -> None:
    """Of torch's own words: what was asked for and what was free, in bytes and in a sentence."""
    short = out_of_memory(torch.OutOfMemoryError(CUDA_OOM))
    assert short is not None
    assert short.readings == {"asked_bytes": 20 * 2**30, "free_bytes": 5.5 * 2**30}
    assert str(short) == "out of memory on the GPU: 20 GiB were requested, 5.5 GiB were free"


def test_real_shortages_on_the_host_are_recognised() -> None:
    """torch and NumPy asked for an exabyte: their message has the size, the machine has what was free."""
    for ask in (lambda: torch.empty(2**60, dtype=torch.uint8), lambda: np.empty(2**60, np.uint8)):
        with pytest.raises((RuntimeError, MemoryError)) as caught:
            ask()
        short = out_of_memory(caught.value)
        assert short is not None and short.free_bytes is not None
        assert short.place == "host"
        assert short.asked_bytes == pytest.approx(2**60)
        assert 0 < short.free_bytes < 2**50


@pytest.mark.parametrize(
    "error",
    [RuntimeError("CUDA error: device-side assert triggered"), ValueError("sizes differ"), KeyError("x")],
)
def test_other_errors_are_no_shortage(error: Any) -> None:
    """Errors that are not about memory report no shortage."""
    assert out_of_memory(error) is None


def test_a_shortage_without_numbers_is_one() -> None:
    """A library whose message has no numbers leaves the readings empty."""
    short, bare = out_of_memory(RuntimeError("CUDA error: out of memory")), out_of_memory(MemoryError())
    assert short is not None and bare is not None
    assert (short.readings, str(short)) == ({}, "out of memory on the GPU")
    assert bare.asked_bytes is None


@pytest.fixture
def memory_history(monkeypatch: pytest.MonkeyPatch, cuda_memory: Any) -> Any:
    """A torch.cuda.memory that keeps a history by script."""
    calls = cuda_memory({}, {})
    record = lambda enabled, **how: calls.append(("record", enabled))  # noqa: E731
    monkeypatch.setattr(torch.cuda.memory, "_record_memory_history", record)
    monkeypatch.setattr(
        torch.cuda.memory, "_snapshot", lambda device: {"segments": [], "device_traces": [[(1, 2)]]}
    )
    return calls


def test_a_snapshot_holds_one_call(memory_history: Any) -> None:
    """The history begins right before the call, and is off again afterwards, whatever the call does."""
    assert snapshot(lambda: memory_history.append("call"), GPU)["device_traces"] == [[(1, 2)]]
    assert memory_history == ["wait", "empty", ("record", "all"), "call", "wait", ("record", None)]

    def call() -> None:
        raise RuntimeError("boom")

    with pytest.raises(RuntimeError, match="boom"):
        snapshot(call, GPU)
    assert memory_history[-1] == ("record", None)


def test_no_snapshot_says_why(monkeypatch: pytest.MonkeyPatch, memory_history: Any) -> None:
    """The CPU has no history, nor has a torch without that private function."""
    with pytest.raises(NoSnapshot, match="CUDA devices only"):
        snapshot(lambda: None, CPU)
    monkeypatch.delattr(torch.cuda.memory, "_snapshot")
    with pytest.raises(NoSnapshot, match="keeps no history"):
        snapshot(lambda: None, GPU)


@pytest.mark.gpu
def test_the_allocators_account_on_a_gpu() -> None:
    """The same call has the same account every time, to the byte; one result is its bytes, rounded up to
    512."""
    y = torch.rand(2**22, device=GPU)
    first, again = (allocations(lambda: y + y, GPU) for _ in range(2))
    assert first == again
    assert first["peak_bytes"][0] == 4 * 2**22
    assert first["reserved_bytes"][0] >= 4 * 2**22
    assert first["allocation_retries"][0] == first["ooms"][0] == 0


@pytest.mark.gpu
def test_a_shortage_on_a_gpu_is_a_result() -> None:
    """An exabyte is refused with its size and what was free; the device works on."""
    with pytest.raises(torch.OutOfMemoryError) as caught:
        torch.empty(2**55, dtype=torch.uint8, device=GPU)
    short = out_of_memory(caught.value)
    assert short is not None and short.free_bytes is not None
    assert short.asked_bytes == 2**55
    assert 0 < short.free_bytes < 2**40
    assert (torch.ones(2, device=GPU) + 1).sum().item() == 4


@pytest.mark.gpu
def test_a_snapshot_on_a_gpu() -> None:
    """The call's own allocation is in the history, with a line of this file."""
    taken = json.loads(json.dumps(snapshot(lambda: torch.empty(2**20, device=GPU), GPU), default=str))
    sizes = [
        event["size"] for events in taken["device_traces"] for event in events if event["action"] == "alloc"
    ]
    assert 4 * 2**20 in sizes
    assert "test_probes" in json.dumps(taken)


def test_no_peak_on_an_unknown_device() -> None:
    """Another accelerator is an error that names it, not a wrong number."""
    with pytest.raises(ValueError, match="meta"):
        peak_bytes(lambda: None, torch.device("meta"))


@contextmanager
def child(code: str) -> Iterator[subprocess.Popen[str]]:
    """A process running that Python code, once it is ready; it ends when its stdin does."""
    command = [sys.executable, "-S", "-c", f"{code}\nprint('ready', flush=True)\ninput()"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process
        process.communicate("\n")


GRANDCHILD = """
import subprocess, sys
held = subprocess.Popen([sys.executable, "-S", "-c", "x = bytearray(40 << 20); print(flush=True); input()"],
                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)
held.stdout.readline()
"""


@pytest.mark.skipif(not os.path.exists("/proc/self/smaps_rollup"), reason="this system reports no PSS")  # noqa: PTH110
def test_the_tree_holds_descendants() -> None:
    """A grandchild's 40 MiB, its process and its thread are in the account of the tree."""
    with child(GRANDCHILD) as process:
        tree = ProcessTree(process.pid)
        used, source = tree.memory()
        assert source == PSS
        assert 40 * MIB < used < 80 * MIB
        assert list(tree.alive().values()) == [1, 1]


ANOTHER_THREAD = """
import threading
print("ready", flush=True)
input()
threading.Thread(target=threading.Event().wait, daemon=True).start()"""


def test_what_is_left_is_new() -> None:
    """A new thread of this process and a new child count; what a child from before starts does not."""
    tree, ended = ProcessTree(), threading.Event()
    with child(ANOTHER_THREAD) as older:
        living = tree.alive()
        assert living[psutil.Process(older.pid)] == 1
        assert older.stdin is not None and older.stdout is not None
        older.stdin.write("\n")
        older.stdin.flush()
        assert older.stdout.readline() == "ready\n"
        assert tree.alive()[psutil.Process(older.pid)] == 2
        assert tree.left_since(living) == {"threads_left": 0.0, "processes_left": 0.0}
        with child(""):
            mine = threading.Thread(target=ended.wait)
            mine.start()
            try:
                left = tree.left_since(living, settling=0.01)
                assert left == {"threads_left": 2.0, "processes_left": 1.0}
            finally:
                ended.set()
                mine.join()
    assert tree.left_since(living)["processes_left"] == 0


def test_a_thread_that_nobody_waits_for_has_time_to_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """A library that was closed ends its thread a moment later: it is not left behind, and one that goes on
    is."""
    tree, closed = ProcessTree(), threading.Event()
    living = tree.alive()
    thread = threading.Thread(target=closed.wait)
    thread.start()

    def ends(seconds: float) -> None:
        closed.set()
        thread.join()

    monkeypatch.setattr("time.sleep", ends)
    assert tree.left_since(living, settling=0)["threads_left"] == 1.0
    assert tree.left_since(living) == {"threads_left": 0.0, "processes_left": 0.0}


def test_shared_pages_count_once() -> None:
    """A parent and the child forked from it share 64 MiB: the tree's PSS holds them once, the sum of RSS
    twice."""
    code = """
import os
held = bytearray(64 << 20)
read, write = os.pipe()
if os.fork() == 0:
    os.close(write)
    os.read(read, 1)
    os._exit(0)"""
    with child(code) as process:
        used, source = ProcessTree(process.pid).memory()
        resident = sum(member.memory_info().rss for member in ProcessTree(process.pid).members())
        assert resident > 128 * MIB
        if source == PSS:
            assert 64 * MIB < used < 96 * MIB


def test_cpu_seconds_of_children_that_have_exited_count() -> None:
    """What a child spent stays in its parent's account once the parent has waited for it."""
    burn = "import time\nwhile time.process_time() < 0.3: pass"
    with child(f"import subprocess, sys\nsubprocess.run([sys.executable, '-S', '-c', {burn!r}])") as process:
        assert ProcessTree(process.pid).cpu_seconds() >= 0.29


def test_a_hidden_pss_falls_back_to_rss_and_says_so(tmp_path: Path) -> None:
    """Where the kernel does not show smaps_rollup, the source names RSS."""
    (tmp_path / str(os.getpid())).mkdir()
    used, source = ProcessTree(proc=tmp_path).memory()
    assert used > MIB
    assert "RSS" in source


def test_a_process_that_is_gone_counts_nothing() -> None:
    """A tree whose process has ended is empty; it is not an error."""
    with child("") as process:
        tree = ProcessTree(process.pid)
        assert len(tree.alive()) == 1
    assert (tree.memory()[0], tree.cpu_seconds(), tree.alive()) == (0, 0, {})


class FakeTree:
    """A tree with given readings; the last one repeats."""

    def __init__(self, *readings: Any) -> None:
        self.readings = list(readings)
        self.pid = 1
        self.looks = 0
        self.looked = threading.Event()

    def memory(self) -> Any:
        reading = self.readings[min(self.looks, len(self.readings) - 1)]
        self.looks += 1
        if self.looks >= len(self.readings):
            self.looked.set()
        if isinstance(reading, Exception):
            raise reading
        return reading, PSS

    def cpu_seconds(self) -> Any:
        return float(self.looks)

    def alive(self) -> Any:
        return {1: 1}


def test_a_watch_keeps_the_peak() -> None:
    """The highest of the readings is kept, with the CPU-seconds since the start."""
    tree = FakeTree(5, 90, 7, 3)
    with watch_tree(1e-6, tree=cast(ProcessTree, tree)) as seen:
        assert tree.looked.wait(PATIENCE)
    assert (seen.peak_bytes, seen.source, seen.warning) == (90, PSS, "")
    assert seen.samples == tree.looks
    assert seen.cpu_seconds == tree.looks


def test_a_watch_looks_at_the_start_and_at_the_end() -> None:
    """Even a block shorter than the interval is seen twice, and the thread has ended after it."""
    tree = FakeTree(5, 6)
    before = alive()
    with watch_tree(3600, tree=cast(ProcessTree, tree)) as seen:
        pass
    assert (seen.samples, seen.peak_bytes) == (2, 6)
    assert since(before) == []


def test_a_watch_never_fails() -> None:
    """A reading that fails is a warning beside the others; a process that is not there is one, too."""
    with watch_tree(3600, tree=cast(ProcessTree, FakeTree(PermissionError("no"), 8))) as seen:
        pass
    assert "PermissionError" in seen.warning
    assert seen.peak_bytes == 8
    with child("") as process:
        pass
    with watch_tree(3600, pid=process.pid) as seen:
        pass
    assert str(process.pid) in seen.warning
    assert seen.peak_bytes is None


def test_a_number_taken_over_by_another_process_is_not_mistaken(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tree knows its process by its start, not by its number alone."""
    with child("") as process:
        tree = ProcessTree(process.pid)
        monkeypatch.setattr(psutil.Process, "is_running", lambda self: False)
        assert not tree.alive()


class FakeNvml:
    """Two GPUs, told apart by their UUIDs."""

    def __init__(self) -> None:
        self.open = 0

    def nvmlInit(self) -> None:
        self.open += 1

    def nvmlShutdown(self) -> None:
        self.open -= 1

    def nvmlDeviceGetHandleByUUID(self, uuid: Any) -> Any:
        return {"GPU-a": 1, "GPU-b": 2}[uuid]

    def nvmlDeviceGetMemoryInfo(self, handle: Any) -> Any:
        return SimpleNamespace(used=handle * 1000)


def test_device_bytes_follow_the_uuid() -> None:
    """The device is found by its UUID; NVML is shut down again, also where it does not know the device."""
    fake = FakeNvml()
    assert device_bytes("GPU-b", module=fake) == (2000, "NVML, whole device")
    used, reason = device_bytes("GPU-z", module=fake)
    assert used is None
    assert "GPU-z" in reason
    assert fake.open == 0


def test_no_driver_is_a_reason_not_a_failure() -> None:
    """A machine without a driver gives None and why."""

    class NVMLError_LibraryNotFound(Exception):  # noqa: N801
        pass

    class Absent:
        def nvmlInit(self) -> None:
            raise NVMLError_LibraryNotFound

    used, reason = device_bytes("GPU-a", module=Absent())
    assert used is None
    assert "NVMLError_LibraryNotFound" in reason
    with pytest.raises(NvmlError), nvml(Absent()):
        pass


def test_cuda_uuids_are_spelt_as_nvml_spells_them() -> None:
    """torch leaves the prefix out; NVML needs it."""

    def facade(uuid: Any) -> Any:
        properties = SimpleNamespace(uuid=uuid)
        return SimpleNamespace(cuda=SimpleNamespace(get_device_properties=lambda device: properties))

    assert cuda_uuid(0, torch=facade("1234")) == "GPU-1234"
    assert cuda_uuid(0, torch=facade("MIG-1234")) == "MIG-1234"


def test_readings_are_plain_numbers(x: Any) -> None:
    """Everything a probe returns can be written as JSON."""
    json.dumps([peak_bytes(lambda: x + x, CPU), ProcessTree().memory(), ProcessTree().cpu_seconds()])


def test_kernels_are_counted_and_nothing_else() -> None:
    """Launches are a trace's kernels: not the calls that launch them, not copies."""
    events: list[TraceEvent] = [
        {"name": "gemm", "cat": "kernel", "ph": "X"},
        {"name": "cudaLaunchKernel", "cat": "cuda_runtime", "ph": "X"},
        {"name": "Memcpy HtoD", "cat": "gpu_memcpy", "ph": "X"},
        {"name": "relu", "cat": "kernel", "ph": "X"},
        {"name": "process_name", "ph": "M"},
    ]
    assert kernels(events) == 2


@pytest.mark.skipif(not os.path.exists("/proc/self/smaps_rollup"), reason="this system reports no PSS")  # noqa: PTH110
def test_workers_named_count_by_what_they_hold_alone() -> None:
    """A forked child that wrote its own 32 MiB adds about that, not its parent's pages; unnamed ones add
    nothing."""
    script = (
        "import sys; mine = bytearray(32 << 20); sys.stdout.write('x'); sys.stdout.flush(); sys.stdin.read()"
    )
    child = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        assert child.stdout is not None
        child.stdout.read(1)
        tree = ProcessTree()
        without, source = tree.memory_with(set())
        with_child, _ = tree.memory_with({child.pid})
        assert source == TOGETHER
        assert 32 << 20 <= with_child - without + (1 << 20) <= 96 << 20
    finally:
        child.kill()
        child.communicate()


def test_the_share_is_a_fraction() -> None:
    """Utilisation is out of 100."""

    class Nvml(FakeNvml):
        def nvmlDeviceGetUtilizationRates(self, handle: Any) -> Any:
            return SimpleNamespace(gpu=40)

    assert gpu_share("GPU-a", module=Nvml())[0] == 0.4


@pytest.mark.skipif(not os.path.exists("/proc/self/smaps_rollup"), reason="this system reports no PSS")  # noqa: PTH110
def test_what_a_tree_holds_alone() -> None:
    """A child's own 40 MiB are unshared; the tree that is gone holds nothing."""
    with child("x = bytearray(40 << 20)") as process:
        unshared = ProcessTree(process.pid).unshared()
        assert unshared is not None
        assert 40 * MIB <= unshared <= ProcessTree(process.pid).memory()[0]
        tree = ProcessTree(process.pid)
    assert tree.unshared() == 0
