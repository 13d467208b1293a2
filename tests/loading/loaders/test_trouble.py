"""Loaders in trouble: one line that names the worker, the limit or the file; nothing hangs, nothing is left
behind."""

from __future__ import annotations

import errno
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Set
from functools import partial
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch
from PIL import Image as Pillow
from torch import Tensor
from torch._utils import ExceptionWrapper
from torch.utils.data import Dataset
from torch.utils.data import dataloader as torchs

from harness.loading.data.dataset import Photographs
from harness.loading.data.folder import DataError, Image, check_folder
from harness.loading.errors import messages
from harness.loading.errors.messages import LoaderError, explained
from harness.loading.errors.timeout import LoaderStalled, TimeLimit
from harness.loading.errors.workers import dead_workers, sigchld_blocked
from harness.loading.loaders import background, dali, dali_dynamic, dali_shared
from harness.loading.loaders.background import BackgroundLoader
from harness.loading.loaders.dataloader import PlainLoader
from harness.loading.loop import loader as loop_module
from harness.loading.loop.epoch import Batch, run_epoch, same_samples
from harness.loading.loop.loader import Loader
from harness.loading.loop.rounds import in_windows
from harness.loading.machine import limits
from harness.measure import isolated as passes
from harness.measure.case import MeasureOptions, measure
from harness.measure.limits import RoundLimits
from harness.measure.spec import BenchmarkSpec
from harness.measure.variant import as_variant, prepared
from harness.model import BASELINE, METRICS, Claim, Expect, Status, Work
from harness.probes.shared_memory import shared_bytes, watch_shared
from tests.support.living import ENVIRONMENT, PATIENCE, alive, gone, since

pytestmark = pytest.mark.usefixtures("own_temporary_files")

PLAIN = pytest.param(PlainLoader, id="plain")
BACKGROUND = pytest.param(
    BackgroundLoader,
    id="background",
    marks=pytest.mark.skipif(background.missing() is not None, reason=str(background.missing())),
)


class Awkward(ValueError):
    """An error that cannot be made anew from its message."""

    def __init__(self, one: int, two: int) -> None:
        super().__init__(f"{one} and {two}")


def _fail(kind: str) -> Any:
    match kind:
        case "raises":
            raise ValueError("no such\nlabel: 7")
        case "raises awkwardly":
            raise Awkward(1, 2)
        case "memory":
            raise MemoryError
        case "shared memory":
            raise RuntimeError(
                "unable to allocate shared memory(shm) for file </torch_1_2_3>: No space left on device (28)"
            )
        case "descriptors":
            raise RuntimeError("received 0 items of ancdata")
        case "exits":
            os._exit(3)
        case "hangs":
            threading.Event().wait()
    os.kill(os.getpid(), getattr(signal, kind))


class Faulty(Dataset[Any]):
    """Samples that cost nothing; at one of them something happens to the process that prepares it."""

    def __init__(self, count: int = 40, kind: str = "", at: int = 13) -> None:
        self.count = count
        self.kind = kind
        self.at = at

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, place: int) -> tuple[Tensor, int, int]:
        if self.kind and place == self.at:
            _fail(self.kind)
        return torch.zeros(1, 14, 14), place % 10, place


def the_worker_of(loader: Loader) -> BaseProcess:
    """The one worker of a loader that has run an epoch; other tests and other loaders may have children here,
    too."""
    (worker,) = loader._own
    return worker


@pytest.fixture(autouse=True)
def nothing_left(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Whatever happens in a test, no process and no thread outlives it."""

    # What torch asks every five seconds, whether its workers are alive, it asks all the time.
    monkeypatch.setattr(torchs._MultiProcessingDataLoaderIter._try_get_data, "__defaults__", (0.05,))
    before = alive()
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
    assert since(before) == []


# --- workers that die or raise ------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [PLAIN, BACKGROUND])
@pytest.mark.parametrize(
    ("failure", "message"),
    [
        (
            "SIGKILL",
            r"worker \(pid \d+\) was killed \(SIGKILL\), as happens where memory runs out \(now .* free in .*\)",
        ),
        (
            "SIGBUS",
            r"worker \(pid \d+\) died of a bus error \(SIGBUS\).*/dev/shm, .*B in all, is full: use fewer workers",
        ),
        ("SIGSEGV", r"worker \(pid \d+\) was ended by SIGSEGV"),
        ("exits", r"worker \(pid \d+\) ended by itself with exit status 3: load with no workers"),
        (
            "raises",
            r"a loader worker raised ValueError: no such label: 7 \(in _fail, .*test_trouble\.py, line \d+\)",
        ),
        ("raises awkwardly", r"a loader worker raised Awkward: 1 and 2 \(in _fail"),
        ("memory", r"a loader worker found no memory \(now .*\): use fewer workers"),
        ("shared memory", r"^/dev/shm, .* in all, is full: .*--shm-size"),
        ("descriptors", r"more files are open than the limit of \d+ allows.*ulimit -n"),
    ],
)
def test_a_worker_in_trouble(kind: type[PlainLoader], failure: str, message: str) -> None:
    """A worker that dies or raises ends the epoch with one line that gives the cause, and what to do."""
    with (
        pytest.raises(LoaderError, match=message) as caught,
        kind(partial(Faulty, kind=failure), batch_size=2, workers=2) as it,
    ):
        it()
    assert "\n" not in str(caught.value)


def test_what_is_loaded_outside_an_epoch_is_explained_too() -> None:
    """Batches taken from a loader directly raise the same error when the loader's context ends."""
    loader = PlainLoader(partial(Faulty, kind="SIGKILL"), batch_size=2, workers=2)
    with pytest.raises(LoaderError, match=r"was killed \(SIGKILL\)"), loader:
        list(loader.batches())


@pytest.mark.parametrize("place", ["before it is silenced", "while it is silenced"])
def test_a_death_reported_while_the_loader_tidies_up(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """torch raises it wherever the main thread is: the loader tidies up all the same, and reports the
    cause."""
    news = [RuntimeError("DataLoader worker (pid 4711) is killed by signal: Killed. ")]
    original = signal.signal if place == "while it is silenced" else sigchld_blocked

    def interrupted(*arguments: Any) -> Any:
        if news:
            raise news.pop()
        return original(*arguments)

    before = set(multiprocessing.active_children())
    loader = PlainLoader(Faulty, batch_size=2, workers=1)
    if place == "while it is silenced":
        with pytest.raises(KeyError, match="mine"), loader:
            loader()
            monkeypatch.setattr(signal, "signal", interrupted)
            raise KeyError("mine")
    else:
        with pytest.raises(LoaderError, match=r"pid 4711\) was killed \(SIGKILL\)"), loader:
            loader()
            monkeypatch.setattr(loop_module, "sigchld_blocked", interrupted)
    assert news == []
    assert set(multiprocessing.active_children()) <= before


def test_errors_of_the_step_stay_what_they_are() -> None:
    """What the step raises is not the loader's: it comes through as it is, many lines or not."""

    def step(images: Tensor, labels: Tensor) -> None:
        raise RuntimeError("CUDA error: out of memory\nCompile with TORCH_USE_CUDA_DSA")

    with (
        pytest.raises(RuntimeError, match=r"^CUDA error"),
        PlainLoader(Faulty, batch_size=2, step=step) as loader,
    ):
        loader()


def test_another_loaders_worker_dies() -> None:
    """torch reports a dead worker to any running epoch: that epoch survives, and the worker's own loader
    fails."""
    victims: list[BaseProcess] = []

    def step(images: Tensor, labels: Tensor) -> None:
        if victims:
            victim = victims.pop()
            victim.kill()
            assert gone(int(victim.pid or 0))

    with (
        PlainLoader(Faulty, batch_size=2, workers=1) as idle,
        PlainLoader(Faulty, batch_size=2, workers=1, step=step) as busy,
    ):
        expected = idle()
        busy()
        victims.append(the_worker_of(idle))
        same_samples(expected, busy())
        assert not victims
        with pytest.raises(LoaderError, match=r"was killed \(SIGKILL\)"):
            idle()
        same_samples(expected, busy())


@pytest.mark.parametrize(
    ("number", "message"), [("SIGKILL", r"was killed \(SIGKILL\)"), ("SIGUSR1", "was ended by SIGUSR1")]
)
def test_a_batch_that_breaks_off(number: str, message: str) -> None:
    """A worker that dies while its batch is fetched breaks a connection first: the error is how the worker
    ended."""

    before = set(multiprocessing.active_children())

    class BrokenOff(PlainLoader):
        def batches(self) -> Iterator[Batch]:
            yield from super().batches()
            (worker,) = set(multiprocessing.active_children()) - before
            with sigchld_blocked():
                os.kill(int(worker.pid or 0), getattr(signal, number))
                if number == "SIGKILL":
                    worker.join()  # else it is seen to end only after the connection
            raise ConnectionResetError(errno.ECONNRESET, "Connection reset by peer")

    for way in (Loader.__call__, lambda loader: list(loader.batches())):
        with pytest.raises(LoaderError, match=message), BrokenOff(Faulty, batch_size=2, workers=1) as loader:
            way(loader)


def test_a_broken_connection_without_a_dead_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where all workers are alive a broken connection is raised as it is."""
    monkeypatch.setattr(
        "harness.loading.loop.loader.LAST_WAIT", 0.1
    )  # all of it is waited for: no worker ends

    def step(images: Tensor, labels: Tensor) -> None:
        raise ConnectionResetError(errno.ECONNRESET, "of the step's own")

    with (
        pytest.raises(ConnectionResetError, match="of the step"),
        PlainLoader(Faulty, batch_size=2, step=step) as loader,
    ):
        loader()


def test_news_of_a_death_do_not_disturb_the_tidying_up() -> None:
    """A worker that dies while another loader is closed interrupts nothing, and torch reports it
    afterwards."""
    with PlainLoader(Faulty, batch_size=2, workers=1) as loader:
        loader()
        worker = the_worker_of(loader)
        with sigchld_blocked():
            worker.kill()
            worker.join()
        assert dead_workers()[int(worker.pid or 0)] == -signal.SIGKILL
        assert signal.getsignal(signal.SIGCHLD) != signal.SIG_DFL


def test_the_other_variants_go_on() -> None:
    """In a measurement the variant whose worker is killed fails with that line; the others are measured."""

    def variant(**options: Any) -> Any:
        return prepared(PlainLoader, partial(Faulty, **options), batch_size=4, workers=2)

    def in_a_window(**options: Any) -> Any:
        return prepared(in_windows, PlainLoader, partial(Faulty, **options), batch_size=4, workers=2)

    handed = {
        BASELINE: variant(),
        "killed": variant(kind="SIGKILL"),
        "broken": variant(kind="raises"),
        "fine": variant(),
        "windows": in_a_window(),
    }
    asked = BenchmarkSpec(handed, same_samples, None, Work(), dict.fromkeys(handed, Expect.LOWER))
    quick = RoundLimits(share=0.0, round_seconds=0.0, longest_round=0.0, fewest_blocks=2, warmup_limit=0.0)
    claim = Claim("L", "A tip.", "l.py", "bench_l", loader=True)
    found = measure(
        "l.py::bench_l", claim, asked, MeasureOptions(torch.device("cpu"), quick, 5, 1, memory=False)
    )
    assert {trial.variant: trial.status for trial in found.trials} == {
        BASELINE: Status.MEASURED,
        "killed": Status.FAILED,
        "broken": Status.FAILED,
        "fine": Status.MEASURED,
        "windows": Status.MEASURED,
    }
    reasons = {trial.variant: trial.reason for trial in found.trials}
    assert "was killed (SIGKILL)" in reasons["killed"] and "no such label: 7" in reasons["broken"]


# --- the words ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        (
            RuntimeError("DataLoader worker (pid 7) is killed by signal: Terminated. "),
            LoaderError,
            "ended by SIGTERM",
        ),
        (
            RuntimeError("DataLoader worker (pid(s) 7, 8) exited unexpectedly"),
            LoaderError,
            "pid 7) ended without a reason",
        ),
        (
            RuntimeError("DataLoader worker (pid(s) 9, 7) exited unexpectedly"),
            LoaderError,
            "pid 9) was killed (SIGKILL)",
        ),
        (RuntimeError("DataLoader timed out after 30 seconds"), LoaderStalled, "no batch came for 30"),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), LoaderError, "found no memory"),
        (BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable"), LoaderError, "no more processes"),
        (OSError(errno.EMFILE, "Too many open files"), LoaderError, "more files are open"),
        (OSError(errno.ENOSPC, "No space left on device"), LoaderError, "is full"),
        (
            DataError("a.jpg cannot be decoded ([Errno 24] Too many open files: 'a.jpg')"),
            LoaderError,
            "more files are open",
        ),
        (
            ModuleNotFoundError("x", name="nvidia.dali"),
            LoaderError,
            "needs nvidia, .*pip install nvidia-dali-cuda120",
        ),
        (ModuleNotFoundError("x", name="webdataset"), LoaderError, "pip install webdataset"),
    ],
)
def test_explained(error: Exception, kind: type[Exception], message: str) -> None:
    """Each form of an error by torch, Python and the kernel becomes one line."""
    result = explained(error, {9: -signal.SIGKILL})
    assert type(result) is kind
    assert all(part in str(result) for part in message.split(".*")) and "\n" not in str(result)


@pytest.mark.parametrize("file", ["a.jpg", 'a "b" ü.jpg', "a\nb.jpg", "a\udcff.jpg", None])
def test_the_file_at_fault_comes_over_from_a_worker(file: str | None) -> None:
    """torch carries an error's class and printed traceback over; the file is the same, the message as it
    was."""
    try:
        try:
            raise OSError("it is empty")
        except OSError as error:
            raise DataError("it cannot be decoded (it is empty): remove it", file) from error
    except DataError:
        carried = ExceptionWrapper(where="in DataLoader worker process 0")
    with pytest.raises(DataError) as caught:
        carried.reraise()
    assert caught.value.file is None
    found = explained(caught.value)
    assert isinstance(found, DataError)
    assert (str(found), found.file) == ("it cannot be decoded (it is empty): remove it", file)


@pytest.mark.parametrize(
    "error",
    [
        DataError("a.jpg cannot be decoded (it is empty): remove or replace it"),
        LoaderError("explained already"),
        FileNotFoundError(errno.ENOENT, "No such file or directory", "x"),
        OSError(errno.ENOSPC, "No space left on device", "/tmp/full"),
        ZeroDivisionError("division by zero"),
        KeyError("x"),
    ],
)
def test_clear_already(error: Exception) -> None:
    """What is clear already is left alone, files' own errors with it."""
    assert explained(error) is None


def test_what_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system's memory is unknown the message does without it."""
    monkeypatch.setattr(messages, "free_memory", lambda: None)
    monkeypatch.setattr(messages, "free_shared", lambda: None)
    killed, bus = (
        RuntimeError(f"DataLoader worker (pid 7) is killed by signal: {s}. ") for s in ("Killed", "Bus error")
    )
    assert "not known here" in str(explained(killed))
    assert "shared memory is full" in str(explained(bus))
    assert "the loader hangs" in messages.stalled(60.0, 2)


# --- timeouts -----------------------------------------------------------------------------------------------


@pytest.fixture
def hasten(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """From when this is called loaders wait 0.1 s for a batch, those included that are in an epoch.

    Until then they wait as long as ever: a busy machine may take its time over the first batches.
    """
    bounds: list[TimeLimit] = []
    bound = Loader._bound

    def kept(loader: Loader, others: Set[BaseProcess]) -> TimeLimit:
        bounds.append(bound(loader, others))
        return bounds[-1]

    def hasten() -> None:
        for limit in bounds:
            limit.seconds = 0.1

    monkeypatch.setattr(Loader, "_bound", kept)
    return hasten


@pytest.mark.parametrize("kind", [PLAIN, BACKGROUND])
def test_a_worker_that_hangs(kind: type[PlainLoader], hasten: Callable[[], None]) -> None:
    """A loader from which nothing comes is given up, its workers are ended, and the error states their
    number."""

    def step(images: Tensor, labels: Tensor) -> None:
        hasten()

    with (
        pytest.raises(
            LoaderStalled, match=r"no batch came for 0\.1 s from 1 live worker, the loader hangs: look for"
        ),
        kind(partial(Faulty, kind="hangs"), batch_size=2, workers=1, step=step) as loader,
    ):
        loader()


def test_a_worker_that_hangs_in_a_loop_of_the_caller(hasten: Callable[[], None]) -> None:
    """A caller that iterates over the batches is not left waiting either, and the workers are ended."""
    loader = PlainLoader(partial(Faulty, kind="hangs", at=5), batch_size=2, workers=1)
    seen: list[int] = []
    with pytest.raises(LoaderStalled, match=r"no batch came for 0\.1 s from 1 live worker"), loader:
        for _, _, ids in loader.with_timeout():
            seen += ids.tolist()
            if len(seen) == 4:
                hasten()
        loader()
    assert seen == [0, 1, 2, 3]


@pytest.mark.skipif(background.missing() is not None, reason=str(background.missing()))
def test_what_is_left_of_an_epoch_is_not_loaded_to_be_drained() -> None:
    """A long epoch that is left half-way behind a thread ends at once."""
    places: list[int] = []

    class Seen(Faulty):
        def __getitem__(self, place: int) -> tuple[Tensor, int, int]:
            places.append(place)
            return super().__getitem__(place)

    with BackgroundLoader(lambda: Seen(1_000_000), batch_size=2) as loader:
        assert next(iter(loader.batches()))[2].tolist() == [0, 1]
    assert len(places) < 20


def test_patient_batches_may_be_left_early() -> None:
    """The alarm's handler goes back with the iterator."""
    before = signal.getsignal(signal.SIGALRM)
    with PlainLoader(Faulty, batch_size=2, workers=1) as loader:
        batches = loader.with_timeout()
        next(batches)
        assert signal.getsignal(signal.SIGALRM) != before
        del batches
        assert signal.getsignal(signal.SIGALRM) == before
        assert sorted(loader().ids.tolist()) == list(range(40))


def test_a_sample_that_hangs_in_this_process() -> None:
    """Without workers, too, the wait has an end."""
    with (
        pytest.raises(LoaderStalled, match="from 0 live workers"),
        PlainLoader(partial(Faulty, kind="hangs"), batch_size=2) as it,
    ):
        it.max_wait = 0.1
        it()


def test_a_pipe_among_the_images(tmp_path: Path) -> None:
    """A pipe that has an image's name would be read for ever."""
    os.mkfifo(tmp_path / "pipe.jpg")
    loader = PlainLoader(partial(Photographs, [Image(str(tmp_path / "pipe.jpg"), 0)]), batch_size=1)
    with pytest.raises((LoaderStalled, DataError)), loader:
        loader.max_wait = 0.1
        loader()


def test_full_shared_memory_is_seen_in_a_stall(monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch that found no room in shared memory never arrives: the stall says so."""
    monkeypatch.setattr(messages, "free_shared", lambda: limits.FreeBytes(100, 64 * 2**20, "/dev/shm"))
    assert "/dev/shm, 64 MiB in all, is full: use fewer workers" in messages.stalled(60.0, 2)


def test_a_long_step_is_no_stall() -> None:
    """Only waiting counts: the alarm is off while the step runs."""
    timers: list[float] = []

    def step(images: Tensor, labels: Tensor) -> None:
        timers.append(signal.getitimer(signal.ITIMER_REAL)[0])

    with PlainLoader(partial(Faulty, 4), batch_size=2, step=step) as loader:
        loader()
    assert timers == [0.0, 0.0]


def test_a_time_limit_leaves_no_trace() -> None:
    """The handler that was there is there again, after an error too, and no alarm is left."""
    before = signal.getsignal(signal.SIGALRM)
    with pytest.raises(ZeroDivisionError), TimeLimit(5.0) as limit:
        assert signal.getsignal(signal.SIGALRM) != before
        limit.over(lambda: 1 // 0)
    assert signal.getsignal(signal.SIGALRM) == before
    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0


def test_the_first_alarm_may_be_late_news() -> None:
    """One alarm alone ends nothing, for a process that was stopped finds one waiting; the second one does."""

    def alarms(count: int) -> int:
        for _ in range(count):
            signal.raise_signal(signal.SIGALRM)
        return count

    with TimeLimit(1000.0) as limit:
        assert limit.over(alarms, 1) == 1
        assert limit.over(alarms, 1) == 1
        with pytest.raises(LoaderStalled, match="1000 s"):
            limit.over(alarms, 2)


def test_an_alarm_that_is_set_already_is_left_alone() -> None:
    """Where an alarm is set already, and off the main thread, nothing is bounded and nothing disturbed."""
    before = signal.signal(signal.SIGALRM, lambda *_: None)
    signal.setitimer(signal.ITIMER_REAL, 1000.0)
    try:
        with TimeLimit(0.01) as limit:
            assert limit.over(lambda: signal.getitimer(signal.ITIMER_REAL)[0]) > 900
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    seen: list[object] = []

    def elsewhere() -> None:
        with TimeLimit(0.01) as limit:
            seen.append(limit.over(lambda: signal.getitimer(signal.ITIMER_REAL)[0]))

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert seen == [0.0]


# --- shared memory that is too small ------------------------------------------------------------------------

SMALL = """
import os, subprocess, sys, time
from functools import partial
from pathlib import Path
import torch
from torch._utils import ExceptionWrapper
from torch.utils.data import Dataset
from harness.loading.loaders.dataloader import PlainLoader

FILLING = Path("/dev/shm/filling")

class Filled(PlainLoader):
    # Is waited for when shared memory is full: on a busy machine, too, the stall is of the batch that found
    # no room.
    max_wait = 0.1
    def batches(self):
        batches = iter(self.host_batches())
        while (there := os.statvfs("/dev/shm")).f_bavail > there.f_blocks / 50:
            time.sleep(0.001)
        return self.moved(batches)

class Large(Dataset):
    def __init__(self, filled):
        self.filled = filled
    def __len__(self):
        return 64
    def __getitem__(self, place):
        if self.filled and place == 0:
            # Room is left for one batch of two images, and for nothing that comes after it.
            there = os.statvfs("/dev/shm")
            pages = there.f_bavail - -(-2 * 4 * 100_000 // there.f_frsize)
            FILLING.write_bytes(bytes(pages * there.f_frsize))
        return torch.zeros(1, 1, 100_000), place % 10, place

for size, filled in (("8k", False), ("512k", False), ("4m", True), ("64m", False)):
    subprocess.run(["mount", "-o", f"remount,size={size}", "/dev/shm"], check=True)
    try:
        with (Filled if filled else PlainLoader)(partial(Large, filled), batch_size=2, workers=1) as loader:
            print(size, len(loader().ids), "samples")
    except Exception as error:
        print(size, type(error).__name__, error)
    FILLING.unlink(missing_ok=True)
    assert not Path(f"/proc/self/task/{os.getpid()}/children").read_text()
"""


def test_shared_memory_too_small() -> None:
    """A /dev/shm without room for a queue, for a batch, or for the labels that follow a batch is named, with
    its size.

    torch does not report the last of these: the worker's queue drops the batch, and the loop would wait for
    ever. Nothing is left of a loader that failed, and with room enough the next one works.
    """
    if shutil.which("unshare") is None:
        pytest.skip("no unshare here")
    enter = ["unshare", "-m" if os.geteuid() == 0 else "-rm", "sh", "-c"]
    mount = "mount -t tmpfs tmpfs /dev/shm"
    if subprocess.run([*enter, mount], capture_output=True, check=False).returncode:
        pytest.skip("no mount namespace may be made here")
    command = [*enter, f'{mount} && exec "$@"', "sh", sys.executable, "-c", SMALL]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=PATIENCE, check=False, env=ENVIRONMENT
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("8k LoaderError /dev/shm, 8 KiB in all, is full: use fewer workers")
    assert lines[1].startswith("512k LoaderError /dev/shm, 512 KiB in all, is full: use fewer workers")
    assert lines[2].startswith(
        "4m LoaderStalled no batch came for 0.1 s from 1 live worker: /dev/shm, 4 MiB in all, is full: use"
    )
    assert lines[3:] == ["64m 64 samples"]


# --- images that are no ordinary photographs ----------------------------------------------------------------

READERS = [
    pytest.param(partial(PlainLoader, workers=0), id="plain"),
    pytest.param(partial(PlainLoader, workers=1), id="plain, a worker"),
]
PIPELINES = [
    pytest.param(
        kind,
        id=name,
        marks=pytest.mark.skipif(dali_shared.missing() is not None, reason=str(dali_shared.missing())),
    )
    for name, kind in (("pipeline", dali.PipelineLoader), ("dynamic", dali_dynamic.DynamicLoader))
]


def _loader(kind: Any, images: list[Image]) -> Loader:
    if kind in (dali.PipelineLoader, dali_dynamic.DynamicLoader):
        made: Loader = kind(images, batch_size=2, threads=2)
        return made
    plain: Loader = kind(partial(Photographs, images), batch_size=2)
    return plain


def _photograph(path: Path, mode: str = "RGB") -> Image:
    noise = Pillow.effect_noise((64, 48), 60)
    if mode == "I;16":
        Pillow.fromarray(np.asarray(noise).astype(np.uint16) * 257).save(path)
    else:
        noise.convert("RGB").convert(mode).save(path)
    return Image(str(path), 0)


@pytest.mark.parametrize("kind", [*READERS, *PIPELINES])
def test_uncommon_images_are_loaded(tmp_path: Path, kind: Any) -> None:
    """CMYK, grey, palettes, transparency and 16 bits are images like others."""
    modes = {"CMYK": "jpg", "L": "jpg", "P": "png", "LA": "png", "RGBA": "png", "1": "png", "I;16": "png"}
    images = [
        _photograph(tmp_path / f"{number}.{ending}", mode)
        for number, (mode, ending) in enumerate(modes.items())
    ]
    with _loader(kind, images) as loader:
        epoch = loader()
    assert sorted(epoch.ids.tolist()) == list(range(len(modes)))


def _damaged(path: Path, damage: str) -> Image:
    """A file that no image can be made of."""
    match damage:
        case "empty":
            path.touch()
        case "cut short":
            content = Path(_photograph(path).path).read_bytes()
            path.write_bytes(content[: len(content) // 2])
        case "folder":
            path.mkdir()
        case "dangling":
            path.symlink_to(path.with_name("nowhere"))
        case "huge":
            _huge(path)
    return Image(str(path), 0)


def _huge(path: Path) -> None:
    """A PNG's header that promises more pixels than memory holds."""
    import struct
    import zlib

    body = b"IHDR" + struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    header = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    data = b"IDAT" + zlib.compress(b"\0" * 1000)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + header + struct.pack(">I", len(data) - 4) + data + b"\0" * 4)


@pytest.mark.parametrize("damage", ["empty", "cut short", "folder", "dangling", "huge"])
@pytest.mark.parametrize("kind", [*READERS, *PIPELINES])
def test_damaged_files_are_named(tmp_path: Path, kind: Any, damage: str) -> None:
    """A file that cannot be read is an error of one line that names it, whatever reads it."""
    images = [_photograph(tmp_path / f"{number}.jpg") for number in range(4)]
    images.insert(2, _damaged(tmp_path / "victim.jpg", damage))
    with (
        pytest.raises(DataError, match=r"victim\.jpg cannot be decoded .*remove or replace") as caught,
        _loader(kind, images) as it,
    ):
        it()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("files", "message"), [((), "no class sub-folders in"), (("a/x.txt", "b/y.gif"), "no images in the 2")]
)
def test_empty_folders(tmp_path: Path, files: tuple[str, ...], message: str) -> None:
    """A folder without classes, and classes without images, are errors that name it and say what to do."""
    for file in files:
        (tmp_path / file).parent.mkdir()
        (tmp_path / file).touch()
    with pytest.raises(DataError, match=f"{message}.*{tmp_path}.*arrange it as"):
        check_folder(tmp_path)


def test_without_dali(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error of a loader whose package is missing names it, and how to get it."""

    def absent(name: str = "") -> Any:
        raise ModuleNotFoundError("No module named 'nvidia'", name="nvidia")

    monkeypatch.setattr(dali, "module", absent)
    loader = dali.PipelineLoader([_photograph(tmp_path / "1.jpg")], batch_size=1, threads=1)
    with (
        pytest.raises(LoaderError, match="needs nvidia, which is not installed: pip install nvidia-dali"),
        loader,
    ):
        loader()


@pytest.mark.filterwarnings("ignore:This DataLoader will create")
def test_more_workers_than_cores() -> None:
    """More workers than there are cores is slow, not wrong; the message states how many a machine can
    carry."""
    workers = limits.PER_CORE * (os.cpu_count() or 1) + 1
    with PlainLoader(Faulty, batch_size=2, workers=workers) as loader:
        assert sorted(loader().ids.tolist()) == list(range(40))
    cap = limits.worker_cap(1, machine=limits.WorkerRoom(os.cpu_count() or 1, None, None))
    assert cap.most < workers and "usable core" in cap.reason


# --- what a solo pass reads ---------------------------------------------------------------------------------


def test_a_loader_alone() -> None:
    """An epoch alone has no step, and after another one it reports the gap between the two."""
    calls: list[int] = []

    def step(images: Tensor, labels: Tensor) -> None:
        calls.append(len(labels))

    with PlainLoader(Faulty, batch_size=4, step=step) as loader:
        assert "epoch_gap_seconds" not in loader.alone().readings
        assert not calls
        whole = loader()
        assert len(calls) == 10
        alone = loader.alone()
    same_samples(whole, alone)
    assert alone.readings["epoch_gap_seconds"] == whole.ending_seconds + alone.readings["first_batch_seconds"]
    assert len(calls) == 10


def test_ending_seconds_by_a_fake_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """The end of an epoch is the wait after its last batch's step."""
    now = 0.0

    def batches() -> Iterator[Batch]:
        nonlocal now
        for _ in range(2):
            now += 1.0
            yield torch.zeros(1, 1), torch.tensor([1]), torch.tensor([1])
        now += 0.25

    monkeypatch.setattr("harness.loading.loop.epoch.time.perf_counter", lambda: now)
    assert run_epoch(batches()).ending_seconds == 0.25


def test_a_solo_pass_of_a_loader() -> None:
    """It reads the loader alone and in its loop, the gap between epochs and shared memory, all known
    metrics."""
    variant = prepared(PlainLoader, Faulty, batch_size=8, workers=2, step=lambda images, labels: None)
    asked = BenchmarkSpec(
        {BASELINE: as_variant(variant)}, same_samples, None, Work(), {BASELINE: Expect.LOWER}
    )
    terms = MeasureOptions(torch.device("cpu"), RoundLimits(), 5, 1)
    found = passes.measure_isolated(
        "l.py::bench_l", Claim("L", "A tip.", "l.py", "bench_l", loader=True), asked, terms, BASELINE
    )
    (trial,) = found.trials
    assert trial.status is Status.MEASURED, trial.reason
    assert {"seconds", "loader_seconds", "epoch_gap_seconds", "shm_bytes", "pss_bytes"} <= set(trial.solo)
    assert set(trial.solo) <= set(METRICS) and set(trial.solo) == set(trial.sources)
    assert "without the step" in trial.sources["loader_seconds"] and "/dev/shm" in trial.sources["shm_bytes"]
    assert (trial.solo["threads_left"], trial.solo["processes_left"]) == (0.0, 0.0)
    assert "first_batch_seconds" not in trial.solo


def test_a_solo_pass_of_a_loader_in_windows() -> None:
    """Whole epochs, so that nothing of a lead-in is counted; windows have no first batch, which is read
    here."""
    variant = prepared(in_windows, PlainLoader, Faulty, batch_size=8, workers=1)
    asked = BenchmarkSpec(
        {BASELINE: as_variant(variant)}, same_samples, None, Work(), {BASELINE: Expect.LOWER}
    )
    terms = MeasureOptions(torch.device("cpu"), RoundLimits(), 5, 1)
    found = passes.measure_isolated(
        "l.py::bench_l", Claim("L", "A tip.", "l.py", "bench_l", loader=True), asked, terms, BASELINE
    )
    (trial,) = found.trials
    assert trial.status is Status.MEASURED, trial.reason
    assert {"seconds", "loader_seconds", "epoch_gap_seconds", "first_batch_seconds"} <= set(trial.solo)
    assert "its first epoch" in trial.sources["first_batch_seconds"]
    assert (trial.solo["threads_left"], trial.solo["processes_left"]) == (0.0, 0.0)


def test_shared_memory_in_use(tmp_path: Path) -> None:
    """The most above the start counts, freed or not at the end, and nothing where it cannot be read."""
    levels = iter([100, 100, 900, 400])

    def look(place: Path) -> Any:
        return SimpleNamespace(f_blocks=1000, f_bfree=1000 - next(levels, 400), f_frsize=2)

    with watch_shared(interval=1e-6, place=tmp_path, look=look) as seen:
        while next(levels, None) is not None:
            pass
    assert seen.peak_bytes is not None and 0 <= seen.peak_bytes <= 1600
    with watch_shared(
        50, interval=1000.0, look=lambda place: cast(Any, SimpleNamespace(f_blocks=9, f_bfree=2, f_frsize=10))
    ) as seen:
        pass
    assert seen.peak_bytes == 20
    assert shared_bytes(tmp_path / "nowhere") is None
    with watch_shared(place=tmp_path / "nowhere") as seen:
        pass
    assert seen.peak_bytes is None
