"""What is read and set on a GPU, on stand-ins that behave as one does: clocks, copies, page-locked memory,
energy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, nullcontext
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils.data import Dataset

from harness.loading.data import decoders
from harness.loading.data.folder import Image
from harness.loading.loaders.dali_shared import DaliLoader
from harness.loading.loaders.side_stream import SideStreamLoader
from harness.loading.loop import loader as loaders
from harness.loading.loop import step_option
from harness.loading.loop.epoch import Batch, run_epoch
from harness.loading.loop.loader import Loader
from harness.loading.loop.window import steady
from harness.measure import case
from harness.measure.limits import RoundLimits
from harness.measure.variant import Variant, as_variant
from harness.model import Claim
from harness.probes import pinned
from harness.probes.energy import joules
from harness.probes.nvml import cuda_uuid, uuid_of
from support.device_decoding import DeviceDecodingLoader
from tests.support.replayed import UUID, Replayed

# --- the clock of a stated step -----------------------------------------------------------------------------


class Idle:
    """A GPU whose clock rises from 345 MHz to 1980 within 0.4 s of work, in the place of ``torch.cuda``."""

    def __init__(self, steps: int = 5) -> None:
        self.seconds = 0.0
        self.steps = steps
        self.slept: list[int] = []

    @property
    def hertz(self) -> float:
        """Cycles a second now."""
        return 1e6 * (345 + (1980 - 345) * min(1.0, int(self.steps * self.seconds / 0.4) / self.steps))

    def sleep(self, cycles: int) -> None:
        """Be busy."""
        self.slept.append(cycles)
        self.seconds += cycles / self.hertz

    def event(self, **_: Any) -> Any:
        """An event that knows when it was recorded."""
        made = SimpleNamespace(at=0.0, synchronize=lambda: None)
        made.record = lambda: setattr(made, "at", self.seconds)
        made.elapsed_time = lambda other: 1e3 * (other.at - made.at)
        return made


@pytest.fixture
def idle(monkeypatch: pytest.MonkeyPatch) -> Idle:
    """The GPU, idle so far."""
    gpu = Idle()
    monkeypatch.setattr(torch.cuda, "_sleep", gpu.sleep, raising=False)
    monkeypatch.setattr(torch.cuda, "Event", gpu.event)
    monkeypatch.setattr(torch.cuda, "device", lambda device: nullcontext())
    return gpu


def test_a_stated_step_is_as_long_as_it_says_on_a_gpu_that_was_idle(
    idle: Idle, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clock is up before it is measured: a step of 20 ms would else last for three."""
    counted = step_option.cycles_a_second
    monkeypatch.setattr(step_option, "cycles_a_second", lambda: counted(now=lambda: idle.seconds))
    step = step_option.step_from("20ms", torch.device("cuda", 0), 10)
    assert step is not None
    start = idle.seconds
    step(torch.empty(0), torch.empty(0))
    assert idle.seconds - start == pytest.approx(0.020, rel=0.01)
    assert 0.5 <= start < 0.6


def test_a_clock_that_never_rests_is_not_waited_for_for_ever(idle: Idle) -> None:
    """After a second the latest reading counts."""
    idle.steps = 10**9
    start, idle.seconds = idle.seconds, idle.seconds
    times = iter(range(10**6))
    assert step_option.cycles_a_second(now=lambda: start + 0.3 * next(times)) > 0
    assert len(idle.slept) <= 2 * 5


# --- copies and waits ---------------------------------------------------------------------------------------


class Clock:
    """Seconds that pass when a test advances them."""

    seconds = 0.0

    def now(self) -> float:
        """What the clock shows."""
        return self.seconds


class Slow:
    """A tensor whose copy to the device blocks for two seconds, as one does while the step runs."""

    def __init__(self, clock: Clock, tensor: Tensor) -> None:
        self.clock = clock
        self.tensor = tensor

    def to(self, device: torch.device, *, non_blocking: bool) -> Tensor:
        """The copy."""
        assert device == torch.device("cuda", 0)
        assert not non_blocking
        self.clock.seconds += 2.0
        return self.tensor


class Copied(Loader):
    """Batches that take a second to come, and four to be copied."""

    clock: Clock

    def batches(self) -> Iterator[Batch]:
        """Three of them."""
        return self.moved(self._host())

    def _host(self) -> Iterator[Any]:
        for number in range(3):
            self.clock.seconds += 1.0
            images, labels = torch.zeros(1), torch.zeros(1, dtype=torch.int64)
            yield Slow(self.clock, images), Slow(self.clock, labels), torch.tensor(number)

    def close(self) -> None:
        """Nothing."""


@pytest.fixture
def copied(monkeypatch: pytest.MonkeyPatch) -> Copied:
    """The loader on a GPU, on a clock by script."""
    clock = Clock()
    monkeypatch.setattr("harness.loading.loop.epoch.time.perf_counter", clock.now)
    monkeypatch.setattr(loaders, "perf_counter", clock.now)
    loader = Copied(device=torch.device("cuda", 0))
    loader.clock = clock
    return loader


def test_a_copy_that_blocks_is_no_wait_for_a_batch(copied: Copied) -> None:
    """It waits for the GPU's own step: its time is counted separately."""
    found = run_epoch(copied.batches(), copied=copied.copied).readings
    assert (found["wait_seconds"], found["copy_seconds"]) == (3.0, 12.0)
    assert (found["wait_p50_seconds"], found["first_batch_seconds"]) == (1.0, 1.0)


def test_a_loader_s_own_epochs_tell_copies_apart(copied: Copied) -> None:
    """With the step and without."""
    for epoch in (copied(), copied.alone()):
        assert (epoch.readings["wait_seconds"], epoch.readings["copy_seconds"]) == (3.0, 12.0)


def test_a_window_s_waits_have_no_copies_either(copied: Copied) -> None:
    """The window lasts for the copies as well, the waits do not."""
    lap = steady(copied.batches(), None, discard=1, count=2, now=copied.clock.now, copied=copied.copied)
    assert (lap.seconds, lap.readings["wait_seconds"]) == (5.0, 1.0)


def test_on_the_cpu_there_are_no_copies(copied: Copied) -> None:
    """Its epochs do not report any."""
    assert Copied().copied is None
    assert "copy_seconds" not in run_epoch([]).readings


GPU = torch.device("cuda", 0)
FILES = [Image("a.jpg", 0), Image("b.jpg", 1)]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """A clock by script, on which each copy of a tensor to the GPU takes two seconds."""
    made, to = Clock(), Tensor.to

    def copied(tensor: Tensor, *where: Any, **how: Any) -> Tensor:
        if where[:1] != (GPU,):
            return to(tensor, *where, **how)
        made.seconds += 2.0
        return tensor

    monkeypatch.setattr(Tensor, "to", copied)
    monkeypatch.setattr(loaders, "perf_counter", made.now)
    return made


class FromDali(DaliLoader):
    """DALI's way of handing over, with batches that are there."""

    def _build(self) -> object:
        return object()

    def _outputs(self) -> Iterator[tuple[Tensor, Tensor]]:
        for place in range(2):
            yield torch.zeros(1, 3, 2, 2), torch.tensor([[place]])


def test_dali_s_copies_are_counted_separately(clock: Clock) -> None:
    """Of images that were decoded on the CPU, and of labels."""
    loader = FromDali(FILES, batch_size=1, threads=1, device=GPU)
    assert len(list(loader.batches())) == 2
    assert loader.copied_seconds == clock.seconds == 8.0


class NvJpeg(DeviceDecodingLoader):
    """nvJPEG, which takes what it is given, or nothing after the file that it is tried with."""

    refuses = False

    def _decode(self, contents: Sequence[bytes | memoryview]) -> list[Tensor]:
        if self.refuses:
            raise RuntimeError("damaged")
        return [torch.zeros(3, 32, 32, dtype=torch.uint8) for _ in contents]


@pytest.mark.skipif(decoders.missing() is not None, reason=str(decoders.missing()))
@pytest.mark.parametrize(("refuses", "seconds"), [(False, 2.0), (True, 6.0)])
def test_copies_of_what_the_cpu_decoded_are_counted_separately(
    clock: Clock, refuses: bool, seconds: float
) -> None:
    """Labels are copied, and two images where nvJPEG refused them."""
    loader = NvJpeg(FILES, transform=lambda: lambda image: image.float(), batch_size=2, workers=0, device=GPU)
    loader.refuses = refuses
    content = decoders.sound_jpeg()
    encoded = torch.frombuffer(bytearray(2 * content), dtype=torch.uint8)
    batch = (encoded, [len(content)] * 2), torch.tensor([0, 1]), torch.tensor([0, 1])
    assert len(list(loader._prepared([batch]))) == 1
    assert loader.copied_seconds == clock.seconds == seconds


class Ahead(SideStreamLoader):
    """A side stream's way of copying, of batches that are there."""

    def host_batches(self) -> Any:
        """Two of them."""
        return [(torch.zeros(1, 3, 2, 2), torch.tensor([0]), torch.tensor([place])) for place in range(2)]


def test_copies_on_a_side_stream_are_counted_separately(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They do not block, and are no wait for a batch either way."""
    stream = SimpleNamespace(record_event=lambda: None, wait_event=lambda event: None)
    monkeypatch.setattr(torch.cuda, "Stream", lambda device: stream)
    monkeypatch.setattr(torch.cuda, "stream", lambda given: nullcontext())
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: stream)
    monkeypatch.setattr(Tensor, "record_stream", lambda tensor, given: None)
    loader = Ahead(Dataset, batch_size=1, workers=0, device=GPU)
    assert [int(ids) for _, _, ids in loader.batches()] == [0, 1]
    assert loader.copied_seconds == clock.seconds == 8.0


# --- page-locked memory -------------------------------------------------------------------------------------


class Host:
    """torch's allocator of page-locked memory; one that ``grows`` never subtracts from its active bytes."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, grows: bool, active: bool = True) -> None:
        self.active, self.owned = 4096, 8192
        self.grows = grows
        self.pinned = 0
        self.active_known = active
        monkeypatch.setattr(torch.cuda, "host_memory_stats", self.stats)
        monkeypatch.setattr(Tensor, "pin_memory", self._pinning())
        monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
        monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
        pinned.account.cache_clear()

    def stats(self) -> dict[str, int]:
        """The account."""
        counters = {"active_bytes.current": self.active} if self.active_known else {}
        return {**counters, "allocated_bytes.current": self.owned, "allocated_bytes.peak": self.owned + 1}

    def _pinning(self) -> Any:
        def pin_memory(tensor: Tensor) -> Tensor:
            """Take a block, which is dropped at once."""
            self.pinned += 1
            self.active += tensor.nbytes if self.grows else 0
            return tensor

        return pin_memory


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    yield
    pinned.account.cache_clear()


@pytest.mark.parametrize(
    ("grows", "active", "name", "now"),
    [
        (False, True, "active_bytes", 4096),
        (True, True, "allocated_bytes", 8192),
        (False, False, "allocated_bytes", 8192),
    ],
)
def test_an_account_that_only_grows_is_not_used(
    monkeypatch: pytest.MonkeyPatch, grows: bool, active: bool, name: str, now: int
) -> None:
    """The account that goes down again gives the bytes in use; where none does, what the allocator owns
    counts."""
    host = Host(monkeypatch, grows=grows, active=active)
    assert pinned.account() == pinned.account() == name
    assert host.pinned == (2 if active else 0)
    assert pinned.pinned_now() == now
    assert pinned.pinned_peak() == 8193


def test_where_cuda_was_not_started_nothing_is_pinned(monkeypatch: pytest.MonkeyPatch) -> None:
    """Asking does not start it."""
    Host(monkeypatch, grows=True)
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: False)
    monkeypatch.setattr(torch.cuda, "host_memory_stats", lambda: pytest.fail("starts CUDA"))
    assert (pinned.pinned_now(), pinned.pinned_peak()) == (0, 0)


# --- energy -------------------------------------------------------------------------------------------------


class Board(Replayed):
    """A board at 200 W whose counter moves every 20 ms, and calls of 5 us; waiting for the device takes
    10."""

    seconds = 0.0
    waits = 0
    calls_made = 0

    def nvmlDeviceGetTotalEnergyConsumption(self, handle: int) -> int:  # noqa: N802
        """The counter, on a clock that moves when it is read."""
        self.seconds += 1e-4
        return round(1e3 * 200.0 * 0.02 * int(self.seconds / 0.02))

    def call(self) -> None:
        """Five microseconds of work."""
        self.calls_made += 1
        self.seconds += 5e-6

    def settle(self) -> None:
        """Wait for the device."""
        self.waits += 1
        self.seconds += 1e-5


def test_a_short_call_is_not_charged_for_the_waiting() -> None:
    """200 W for 5 us are a millijoule; waiting after every call would make it three."""
    board = Board()
    spent, _ = joules(board.call, UUID, board.settle, module=board, now=lambda: board.seconds)
    assert spent == pytest.approx(1e-3, rel=0.05)
    assert board.waits < board.calls_made / 500


# --- names, places ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "uuid", "wanted"),
    [
        ("NVIDIA H200", "8f2b", "GPU-8f2b"),
        ("NVIDIA H200 MIG 1g.18gb", "8f2b", "MIG-8f2b"),
        ("NVIDIA H200", "GPU-8f2b", "GPU-8f2b"),
        ("NVIDIA H200 MIG 1g.18gb", "MIG-8f2b", "MIG-8f2b"),
    ],
)
def test_a_slice_of_a_board_has_a_prefix_of_its_own(name: str, uuid: str, wanted: str) -> None:
    """Otherwise NVML does not find it."""
    seen = SimpleNamespace(name=name, uuid=uuid)
    torch_module: Any = SimpleNamespace(cuda=SimpleNamespace(get_device_properties=lambda device: seen))
    assert uuid_of(seen) == cuda_uuid(None, torch=torch_module) == wanted


def test_threads_have_cores_of_their_own_on_a_gpu_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is bound by the host's launches would wander over the cores; a loader's workers would inherit the
    places."""
    placed: list[object] = []
    monkeypatch.setattr(case, "local", lambda *_, settle, **__: placed.append(settle))
    terms = case.MeasureOptions(GPU, RoundLimits(), seed=1, invocation=1)
    for loader in (False, True):
        with ExitStack() as stack:
            variant = as_variant(lambda: 1)
            assert isinstance(variant, Variant)
            given = {"baseline": variant}
            case.runners(Claim("X", "", "x.py", "bench", loader=loader), given, terms, stack, Random(0))
    assert (placed[0] is None, placed[1] is None) == (False, True)
