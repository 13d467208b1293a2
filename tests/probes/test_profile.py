"""The profiler's pass: small real traces of the CPU, read back and summarised."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from pathlib import Path

import pytest
import torch

from harness.loading.loop.epoch import run_epoch
from harness.model import ITERATION_MARK, WAIT_MARK, WINDOW_MARK
from harness.probes import profile as module
from harness.probes import waits
from harness.probes.profile import MOST_ITERATIONS, WINDOW_SECONDS, ProfiledPass, profile
from harness.profile.summary import summarise
from harness.report.grown import growth
from harness.report.trace_text import cause

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def linears(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """Traces of one and of two linear layers, four iterations long."""
    folder = tmp_path_factory.mktemp("traces")
    layer, x = torch.nn.Linear(256, 256), torch.rand(256, 256)
    files = {}
    for count in (1, 2):

        def step(count: int = count) -> torch.Tensor:
            with torch.no_grad():
                for _ in range(count):
                    found: torch.Tensor = layer(x)
            return found

        files[count] = folder / "traces" / f"{count}.json.gz"
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(module, "_iterations", lambda *_: 4)  # whatever a call takes here
            assert isinstance(profile(step, CPU, files[count]), ProfiledPass)
    return files


@pytest.mark.parametrize(
    ("each", "iterations"),
    [(2 * WINDOW_SECONDS, 1), (WINDOW_SECONDS / 3.1, 3), (1e-6, MOST_ITERATIONS), (0.0, MOST_ITERATIONS)],
)
def test_a_window_has_as_many_iterations_as_fit(
    each: float, iterations: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At least one, and no more than a trace can hold; by a scripted clock."""
    now = 0.0

    def call() -> None:
        nonlocal now
        now += each

    monkeypatch.setattr(module, "perf_counter", lambda: now)
    assert module._iterations(call, lambda: None) == iterations


def test_a_slow_first_call_makes_no_short_window(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is compiled, or delayed, once does not predict the calls that come after."""
    now = 0.0
    took = iter([0.9 * WINDOW_SECONDS, *[WINDOW_SECONDS / 10] * 10])

    def call() -> None:
        nonlocal now
        now += next(took)

    monkeypatch.setattr(module, "perf_counter", lambda: now)
    assert module._iterations(call, lambda: None) == 10


def test_a_pass_leaves_a_whole_trace(linears: dict[int, Path]) -> None:
    """The file is a Chrome trace with each iteration marked once, and nothing of the warming up."""
    document = json.loads(gzip.decompress(linears[1].read_bytes()))
    names = Counter(event["name"] for event in document["traceEvents"] if event.get("ph") == "X")
    assert names[WINDOW_MARK] == 1
    assert names[ITERATION_MARK] == 4
    assert names["aten::linear"] == names[ITERATION_MARK]
    assert [path.name for path in linears[1].parent.iterdir() if path.suffix == ".part"] == []


def test_the_summary_of_a_real_trace(linears: dict[int, Path]) -> None:
    """A loop of matrix products is busy with them; busy and idle are the wall's time."""
    found = summarise(linears[1])
    assert not found.gpu
    assert found.iterations == 4
    assert found.busy_seconds + found.idle_host_seconds == pytest.approx(found.wall_seconds, rel=1e-6)
    calls = {spent.name: spent for spent in found.operators}
    assert calls["aten::linear"].calls == calls["aten::linear"].outer_calls == found.iterations
    assert calls["aten::addmm"].outer_calls == 0
    assert cause(found)


def test_twice_the_work_is_named(linears: dict[int, Path]) -> None:
    """Real profiles of one and two layers differ by the layer, and the explanation states how often it
    runs."""
    explanation = growth(summarise(linears[1]), summarise(linears[2]), 1e-4)
    assert explanation.startswith("aten::linear runs 2x instead of 1x")


@pytest.mark.parametrize("workers", [0, 2])
def test_waits_for_batches_are_the_loaders(tmp_path: Path, workers: int) -> None:
    """The harness's own loop marks its waits for any loader; they are what a slow loader's loop goes to."""
    images = torch.rand(64, 3, 64, 64)
    data = torch.utils.data.TensorDataset(images, torch.arange(64), torch.arange(64))
    loader = torch.utils.data.DataLoader(data, batch_size=16, num_workers=workers)
    file = tmp_path / "loader.json.gz"
    profile(lambda: run_epoch(loader, lambda images, _: images.sum()), CPU, file)
    document = json.loads(gzip.decompress(file.read_bytes()))
    names = Counter(event["name"] for event in document["traceEvents"] if event.get("ph") == "X")
    # iter(), four batches, and the news of the end
    assert names[WAIT_MARK] == 6 * names[ITERATION_MARK]
    found = summarise(file)
    waited = sum(event["dur"] for event in document["traceEvents"] if event["name"] == WAIT_MARK)
    assert found.idle_loader_seconds == pytest.approx(waited / 1e6, rel=1e-6)
    parts = found.busy_seconds + found.idle_loader_seconds + found.idle_host_seconds
    assert parts == pytest.approx(found.wall_seconds, rel=1e-6)


def test_waits_are_marked_only_in_a_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    """Outside a traced pass a wait is not marked, and afterwards not any more."""
    from contextlib import nullcontext

    entered = []

    def mark() -> nullcontext[None]:
        entered.append(1)
        return nullcontext()

    with waits.waiting():
        pass
    with waits.marking(mark), waits.waiting():
        pass
    with waits.waiting():
        pass
    assert entered == [1]


def test_a_pass_that_fails_leaves_nothing(tmp_path: Path) -> None:
    """What the call raises passes through; there is no file, and the next pass works."""
    calls = 0

    def fails() -> None:
        nonlocal calls
        calls += 1
        if calls > 3:
            raise RuntimeError("boom")

    with pytest.raises(RuntimeError, match="boom"):
        profile(fails, CPU, tmp_path / "traces" / "x.json.gz")
    assert list(tmp_path.rglob("*")) == []
    profile(lambda: torch.ones(3).sum(), CPU, tmp_path / "traces" / "x.json.gz")
    assert summarise(tmp_path / "traces" / "x.json.gz").iterations >= 1


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    """A file in the place of the folder is an error, and no trace is left half done."""
    (tmp_path / "traces").write_text("in the way")
    with pytest.raises(OSError, match="traces"):
        profile(lambda: torch.ones(3).sum(), CPU, tmp_path / "traces" / "x.json.gz")
