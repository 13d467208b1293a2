"""Ceilings: what is measured, how it is kept, and what variants reach of it."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable, Iterator
from math import inf
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from rich.console import Console

from harness import store
from harness.ceilings import budgeted, compute, copying, serve, steady
from harness.ceilings import client as module
from harness.ceilings.budgeted import affordable
from harness.ceilings.cache import CeilingsRequest, MeasuredCeilings, kept
from harness.ceilings.client import CeilingsError, CeilingsOutOfTime, measured
from harness.ceilings.compute import launches, products
from harness.ceilings.copying import bus_copies, memory_copies
from harness.ceilings.decoding import IMAGES, decoding
from harness.ceilings.messages import CeilingMeasured, CeilingsDone, PartFailed
from harness.ceilings.steady import steady_seconds
from harness.cli.main import main
from harness.loading.data.cache import cache_root
from harness.loading.data.decoders import tensor_decoder
from harness.measure.clock import FakeClock
from harness.model import BASELINE, Ceiling, Claim, Measurement, Trial, Work, highest
from harness.report.builders.run import run_document
from harness.report.builders.run_details import ARITHMETIC, LOADERS, detail_rows
from harness.report.ceiling_frames import ceilings_frame, rates_frame
from harness.report.ceilings import ceilings_document, ceilings_line, rate
from harness.report.render.terminal import show_document
from harness.report.utilisation import shares
from harness.store import Run, StoreError
from harness.workers.codec import Message, encode
from tests.support.living import ENVIRONMENT, python

CPU = torch.device("cpu")
GPU = "cuda"


class Seconds:
    """In the place of measuring: every call is made once, and takes what the script states."""

    def __init__(self, *scripted: float) -> None:
        self.scripted = list(scripted)
        self.calls = 0

    def __call__(self, call: Callable[[], object], device: torch.device) -> float:
        """The next duration; the last one for ever."""
        call()
        self.calls += 1
        return self.scripted.pop(0) if len(self.scripted) > 1 else self.scripted[0]


# --- what is measured ---------------------------------------------------------------------------------------


def test_products_count_their_operations(monkeypatch: pytest.MonkeyPatch) -> None:
    """A product of n x n matrices is 2 n^3 operations; each arithmetic and side comes once, on random
    numbers."""
    monkeypatch.setattr(compute, "SIDES", {"cpu": (16, 32)})
    found = list(products(CPU, Seconds(1e-3)))
    assert [(c.name, c.detail) for c in found] == [
        ("gemm_fp32", "16 x 16"),
        ("gemm_fp32", "32 x 32"),
        ("gemm_bf16", "16 x 16"),
        ("gemm_bf16", "32 x 32"),
    ]
    assert [c.value for c in found[:2]] == [pytest.approx(2 * 16**3 / 1e-3), pytest.approx(2 * 32**3 / 1e-3)]
    assert {(c.unit, c.device) for c in found} == {("FLOP/s", "cpu")}


def test_a_product_that_would_take_long_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Eight times the operations of one that takes 20 milliseconds are too many: the side before is the
    last."""
    monkeypatch.setattr(compute, "SIDES", {"cpu": (16, 32, 64)})
    found = list(products(CPU, Seconds(1e-3, 0.02)))
    assert [c.detail for c in found] == ["16 x 16", "32 x 32", "16 x 16"]


def test_what_does_not_fit_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sizes that would fill the memory are not tried."""
    monkeypatch.setattr(compute, "SIDES", {"cpu": (16, 32)})
    monkeypatch.setattr(compute, "free_bytes", lambda device: 4 * 3 * 16**2 * 2)
    monkeypatch.setattr(copying, "free_bytes", lambda device: 1)
    assert {c.detail for c in products(CPU, Seconds(1e-6))} == {"16 x 16"}
    assert list(memory_copies(CPU, Seconds(1e-6))) == []


def test_tensor_float_is_what_it_was_before() -> None:
    """The flag is set for the product alone."""
    before = torch.get_float32_matmul_precision()
    with compute.tf32(True):
        assert torch.get_float32_matmul_precision() == "high"
    with compute.tf32(False):
        assert torch.get_float32_matmul_precision() == "highest"
    assert torch.get_float32_matmul_precision() == before


def test_copies_count_bytes_read_and_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """A copy within memory moves every byte twice, one over the bus once."""
    monkeypatch.setattr(copying, "WITHIN", {"cpu": (1,)})
    monkeypatch.setattr(copying, "OVER_THE_BUS", (2,))
    monkeypatch.setattr(torch.Tensor, "pin_memory", torch.Tensor.clone)
    assert list(memory_copies(CPU, Seconds(1.0))) == [
        Ceiling("memory_copy", 2 * 2**20, "B/s", "1 MiB", "cpu")
    ]
    found = list(bus_copies(CPU, Seconds(1.0)))
    assert [c.name for c in found] == [
        "to_device_pinned",
        "to_device_pageable",
        "to_host_pinned",
        "to_host_pageable",
    ]
    assert {(c.value, c.unit, c.detail) for c in found} == {(2.0 * 2**20, "B/s", "2 MiB")}


def test_launches_are_a_rate() -> None:
    """Two microseconds a launch are half a million a second."""
    assert [c.value for c in launches(CPU, Seconds(2e-6))] == [pytest.approx(5e5)]


def test_decoding_is_per_core(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every decoder decodes all files on one thread; the rate is images a second."""
    from PIL import Image

    (tmp_path / "a").mkdir()
    for number in range(IMAGES):
        Image.new("RGB", (32, 24), (number, 0, 0)).save(tmp_path / "a" / f"{number}.jpg")
    threads: list[int] = []

    def seconds(call: Callable[[], object], device: torch.device) -> float:
        threads.append(torch.get_num_threads())
        call()
        return 0.5

    found = list(decoding(tmp_path, seconds))
    assert [c.detail.partition(",")[0] for c in found] == ["Pillow", tensor_decoder()]
    assert {c.value for c in found} == {2.0 * IMAGES}
    assert set(threads) == {1}


def test_the_steady_seconds_are_those_of_a_warm_device() -> None:
    """Warming up does not count, nor does what a neighbour takes from some rounds."""
    clock = FakeClock()
    calls = iter([5.0, 3.0, 2.0, *[1e-3] * 10**6])
    assert steady_seconds(lambda: clock.advance(next(calls)), CPU, clock=clock) == pytest.approx(1e-3)
    rounds = iter(range(10**6))
    # One round in three is delayed.
    hampered = steady_seconds(lambda: clock.advance(0.2 if next(rounds) % 3 == 2 else 0.11), CPU, clock=clock)
    assert hampered == pytest.approx(0.11)
    assert steady.LEAST_ROUNDS >= 3


def test_a_part_that_fails_does_not_end_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """The reason is sent in one line; the other parts are measured."""

    def broken() -> Iterator[Ceiling]:
        yield Ceiling("memory_copy", 1.0, "B/s")
        raise RuntimeError("no memory\nat all")

    parts = [("copies", broken), ("launches", lambda: [Ceiling("launch", 2.0, "1/s")])]
    monkeypatch.setattr(serve, "parts", lambda device, data: parts)
    sent: list[object] = []
    serve.measure(CPU, None, sent.append)
    assert sent == [
        CeilingMeasured(Ceiling("memory_copy", 1.0, "B/s")),
        PartFailed("no ceiling of copies: RuntimeError: no memory"),
        CeilingMeasured(Ceiling("launch", 2.0, "1/s")),
    ]


def test_launches_are_measured_by_a_thread_that_is_kept_on_its_core(monkeypatch: pytest.MonkeyPatch) -> None:
    """As those of the claims are, or a claim might launch faster than the ceiling."""
    monkeypatch.setattr(steady, "steady_seconds", lambda call, device, settle=None: settle)
    monkeypatch.setattr(compute, "launches", lambda device, seconds: [seconds(None, device)])
    parts = dict(serve.parts(torch.device("cuda", 0), None))
    (settle,) = parts["launches"]()
    assert settle is not None


# --- the process, and what is kept --------------------------------------------------------------------------

PROCESS = """
import sys
from harness.ceilings.messages import CeilingMeasured, CeilingsDone, CeilingsIntroduced, PartFailed
from harness.model import Ceiling
from harness.processes.live import Channel
from harness.workers import codec
channel = Channel.inherited()
plan = codec.must_receive(channel)
how = sys.argv[1]
if how == "error":
    codec.send(channel, codec.Failure(f"no device {plan.device}"))
    sys.exit(2)
unusable = "update the driver" if how == "unusable" else ""
codec.send(channel, CeilingsIntroduced({"machine_id": sys.argv[2], "gpus": []}, unusable))
codec.must_receive(channel)
if how == "dies":
    print("Segmentation fault, say", flush=True)
    sys.exit(3)
codec.send(channel, CeilingMeasured(Ceiling("memory_copy", 2e10, "B/s", "64 MiB", "cpu")))
if how == "warns":
    codec.send(channel, PartFailed("no ceiling of decoding"))
codec.send(channel, CeilingsDone())
"""


class Beside:
    """Other processes that use so many cores."""

    def __init__(self, cores: float) -> None:
        self.cores = cores

    def since(self) -> dict[str, float]:
        """What was used."""
        return {"other_cores": self.cores}


@pytest.fixture
def process(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., None]:
    """Lets a script stand in for the process that measures; the cache is a folder of the test's own."""
    monkeypatch.setenv("TIPBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(module, "measuring_environment", lambda borrowed: ENVIRONMENT)
    monkeypatch.setattr(module, "CpuUse", lambda: Beside(0.0))

    def does(how: str, machine: str = "m1") -> None:
        monkeypatch.setattr(module, "ceilings_command", lambda _: python(PROCESS, how, machine))

    return does


COPY = Ceiling("memory_copy", 2e10, "B/s", "64 MiB", "cpu")
REQUEST = CeilingsRequest(sys.executable, "cpu")


def test_measured_once_for_each_environment(process: Callable[..., None], tmp_path: Path) -> None:
    """What was measured is taken from the cache until the environment is another one, or a refresh is
    requested."""
    process("measures")
    seen: list[Ceiling] = []
    first = measured(REQUEST, progress=seen.append)
    assert (first.ceilings, seen, first.kept) == ((COPY,), [COPY], False)
    again = measured(REQUEST, refresh=False, progress=seen.append)
    assert (again.ceilings, again.measured, again.kept, len(seen)) == ((COPY,), first.measured, True, 1)
    assert not measured(REQUEST).kept
    taken = affordable(REQUEST, {"machine_id": "m1", "gpus": []}, 1.0, tmp_path / "log")
    assert taken is not None and taken.kept
    process("measures", "m2")
    assert not measured(REQUEST, refresh=False).kept


@pytest.mark.parametrize(
    "changed",
    [
        {"flags": {"num_threads": 1}},
        {"gpus": [{"name": "another"}]},
        {"machine": {"usable_cores": 1}},
        {"software": {"torch": "2.11"}},
        {"variables": {"OMP_NUM_THREADS": "1"}},
    ],
)
def test_what_changes_a_rate_is_in_the_key(changed: dict[str, Any]) -> None:
    """Threads, GPUs, cores, versions and variables are; the revision of the user's code and the memory are
    not."""
    before: dict[str, Any] = {
        "machine_id": "m",
        "gpus": [],
        "flags": {"num_threads": 2},
        "git": {"revision": "a"},
    }
    assert REQUEST.key(before) != REQUEST.key({**before, **changed})
    assert REQUEST.key(before) == REQUEST.key({**before, "git": {"revision": "b"}})
    smaller, larger = ({**before, "machine": {"cores": 8, "memory_bytes": size}} for size in (2**35, 2**36))
    assert REQUEST.key(smaller) == REQUEST.key(larger)


def test_the_images_are_in_the_key() -> None:
    """Other images decode at another rate."""
    assert REQUEST.key({}) != CeilingsRequest(sys.executable, "cpu", Path("/images")).key({})


@pytest.mark.parametrize(
    "content", ["", "{}", '{"ceilings": []}', '{"measured": "x", "ceilings": [{"name": 3}]}']
)
def test_a_cache_that_makes_no_sense_is_measured_again(process: Callable[..., None], content: str) -> None:
    """Torn or foreign files in the cache are ignored."""
    process("measures")
    measured(REQUEST)
    (file,) = (cache_root() / "ceilings").iterdir()
    file.write_text(content)
    assert kept(REQUEST, {"machine_id": "m1", "gpus": []}) is None
    assert not measured(REQUEST, refresh=False).kept


def test_half_a_measurement_is_not_kept(process: Callable[..., None]) -> None:
    """Where a part could not be measured, the next run tries again."""
    process("warns")
    found = measured(REQUEST)
    assert found.warnings == ("no ceiling of decoding",)
    assert kept(REQUEST, found.environment) is None


def test_what_was_measured_beside_others_is_not_kept(
    process: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A busy machine reaches less than it could: a warning says so, and the next run measures again."""
    process("measures")
    monkeypatch.setattr(module, "CpuUse", lambda: Beside(1000.0))
    found = measured(REQUEST)
    assert "beside others" in found.warnings[0]
    assert found.ceilings == (COPY,)
    assert kept(REQUEST, found.environment) is None


def test_a_process_that_measures_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """By its own CPU time, and not before a last look at what it sent."""
    spent = iter(["", "it did nothing for 180 s", "it did nothing for 180 s"])
    monkeypatch.setattr(module, "CpuLimit", lambda *_: SimpleNamespace(spent=lambda: next(spent)))
    answers: list[Message | None] = [None, None, None, None, CeilingsDone()]
    sent = iter(answers)
    process: Any = SimpleNamespace(
        pid=1, channel=SimpleNamespace(receive=lambda _: None if (it := next(sent)) is None else encode(it))
    )
    with pytest.raises(
        CeilingsError, match="nothing was measured: it did nothing for 180 s; its process was"
    ):
        module._next(process, lambda: None, inf)
    assert module._next(process, lambda: None, inf) == CeilingsDone()


def test_measuring_ends_with_its_limit(
    process: Callable[..., None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A machine that is too busy for it costs a run no more than a part of its time; the command is named."""
    process("measures")
    with pytest.raises(CeilingsOutOfTime, match="not measured in time"):
        measured(REQUEST, limit=0.0)
    limits: list[float] = []

    def too_slow(*given: Any, limit: float) -> MeasuredCeilings:
        limits.append(limit)
        return measured(*given, limit=0.0)

    monkeypatch.setattr(budgeted, "measured", too_slow)
    notes: list[str] = []
    environment = {"machine_id": "m1", "gpus": []}
    assert affordable(REQUEST, environment, 200.0, tmp_path / "log", note=notes.append) is None
    assert limits == [pytest.approx(30.0)]
    assert "took more than their 15 % of the run's time" in notes[-1]
    assert notes[-1].endswith("measure them once with python -m harness ceilings")
    assert kept(REQUEST, environment) is None


def test_a_cache_that_cannot_be_written_costs_nothing_else(
    process: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ceilings are there all the same."""
    process("measures")
    monkeypatch.setenv("TIPBENCH_CACHE", "/proc/nowhere")
    assert measured(REQUEST).ceilings == (COPY,)


def test_ceilings_without_a_home(
    process: Callable[..., None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A user without a home directory has ceilings, too, and they are kept in the temporary folder."""

    def absent() -> Path:
        raise RuntimeError("Could not determine home directory.")

    process("measures")
    monkeypatch.delenv("TIPBENCH_CACHE", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", absent)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    found = measured(REQUEST)
    assert found.ceilings == (COPY,)
    assert kept(REQUEST, found.environment) is not None


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("error", "no device cpu"),
        ("unusable", "update the driver"),
        ("dies", "exit status 3: Segmentation fault, say"),
    ],
)
def test_a_process_that_fails_has_a_reason(process: Callable[..., None], how: str, words: str) -> None:
    """Its error, or how it ended with its last words."""
    process(how)
    with pytest.raises(CeilingsError, match=words):
        measured(REQUEST)


SMALL = """
import sys
from harness.ceilings import compute, copying, serve, steady
compute.SIDES = {"cpu": (32,)}
copying.WITHIN = {"cpu": (1,)}
steady.ROUNDS_SECONDS = 0.0
sys.exit(serve.main())
"""


@pytest.mark.timeout(600)
def test_a_real_process_measures_this_machine(
    process: Callable[..., None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """From the process to the cache: every part of the CPU, in its own units, in an environment that is
    reported."""
    from PIL import Image

    (tmp_path / "images" / "a").mkdir(parents=True)
    Image.new("RGB", (32, 24)).save(tmp_path / "images" / "a" / "1.jpg")
    monkeypatch.setattr(module, "ceilings_command", lambda _: python(SMALL))
    request = CeilingsRequest(sys.executable, "cpu", tmp_path / "images")
    found = measured(request)
    assert found.warnings == ()
    assert {c.name for c in found.ceilings} == {"memory_copy", "gemm_fp32", "gemm_bf16", "decode"}
    assert all(c.value > 0 and c.device == "cpu" for c in found.ceilings)
    software = found.environment["software"]
    assert isinstance(software, dict) and software["torch"] == torch.__version__
    assert kept(request, found.environment) is not None


# --- the command --------------------------------------------------------------------------------------------


def test_the_command_prints_a_table(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A line for each name, the highest first and its other sizes behind it; as JSON on request."""
    ceilings = (
        COPY,
        Ceiling("memory_copy", 1e10, "B/s", "256 MiB"),
        Ceiling("decode", 310.0, "1/s", "Pillow"),
    )
    found = MeasuredCeilings(ceilings, "2026-01-02", {}, ("no ceiling of launches",), kept=True)
    monkeypatch.setattr(module, "measured", lambda *_, **__: found)
    assert main(["ceilings", "--json", str(tmp_path / "out.json")]) == 0
    text = capsys.readouterr().out
    assert "20.0 GB/s" in text
    assert "64 MiB (256 MiB: 10.0 GB/s)" in text
    assert "310 /s" in text
    assert "no ceiling of launches" in text
    assert "measured 2026-01-02; --refresh measures again" in text
    assert json.loads((tmp_path / "out.json").read_text())["ceilings"][0]["value"] == 2e10


def test_the_command_reports_what_is_wrong(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A process that cannot measure is one line and exit status 2; nothing measured at all is 3."""

    def fails(*_: object, **__: object) -> MeasuredCeilings:
        raise CeilingsError("torch sees no CUDA device here")

    monkeypatch.setattr(module, "measured", fails)
    assert main(["ceilings"]) == 2
    assert capsys.readouterr().err == "harness: torch sees no CUDA device here\n"
    assert main(["ceilings", "--data", str(tmp_path / "none")]) == 2
    monkeypatch.setattr(module, "measured", lambda *_, **__: MeasuredCeilings((), "now", {}))
    assert main(["ceilings"]) == 3
    capsys.readouterr()
    assert main(["ceilings", "--json", str(tmp_path / "none" / "out.json")]) == 2
    error = capsys.readouterr().err
    assert error.startswith("harness: --json: cannot write ")
    assert error.endswith("out.json: No such file or directory; name another file\n")


@pytest.mark.parametrize(
    ("ceiling", "words"),
    [
        (Ceiling("memory_copy", 4.31e12, "B/s"), "4.31 TB/s"),
        (Ceiling("gemm_fp32", 181e9, "FLOP/s"), "181 GFLOP/s"),
        (Ceiling("launch", 2.5e5, "1/s"), "250 k/s"),
        (Ceiling("decode", 310.4, "1/s"), "310 /s"),
    ],
)
def test_rates_in_words(ceiling: Ceiling, words: str) -> None:
    """Three digits, a scale and the unit."""
    assert rate(ceiling) == words


def test_hostile_ceilings_are_sanitized() -> None:
    """Names and details from a record have no power over a terminal."""
    bad = Ceiling("x\x1b[31m[red]", 1.0, "\x1b[2J/s", "d\x07\u202e", "cpu\x1b")
    file = io.StringIO()
    show_document(ceilings_document([bad], ["note\x1b[31m"]), Console(file=file, width=120))
    assert "\x1b" not in file.getvalue()
    assert "\u202e" not in file.getvalue()
    assert "[red]" in file.getvalue()


# --- records, shares, frames --------------------------------------------------------------------------------

CLAIM = Claim("C2", "Half is faster.", "bench_c.py", "bench_c")
LOADER = Claim("L1", "Workers help.", "bench_l.py", "bench_l", loader=True)
CEILINGS = (
    COPY,
    Ceiling("memory_copy", 1e10, "B/s", "256 MiB"),
    Ceiling("gemm_fp32", 1e12, "FLOP/s", "2048 x 2048"),
    Ceiling("gemm_bf16", 4e12, "FLOP/s", "2048 x 2048"),
    Ceiling("decode", 100.0, "1/s", "Pillow"),
    Ceiling("decode", 200.0, "1/s", "TorchCodec"),
)


def run(folder: Path, ceilings: tuple[Ceiling, ...] = CEILINGS) -> Run:
    """A run of two claims that declare their work, through the store."""
    work = Work(1, 4e6, 2e9, 0, {BASELINE: "fp32", "half": "bf16"})
    measurements = [
        Measurement("bench_c.py::bench_c[x]", "C2", 1, work=work,
                    trials=(Trial(BASELINE, samples={"seconds": (4e-3,) * 3}),
                            Trial("half", samples={"seconds": (1e-3,) * 3}))),
        Measurement("bench_l.py::bench_l", "L1", 1, work=Work(items=60, bytes=6e9, decoded=60),
                    trials=(Trial(BASELINE, samples={"seconds": (1.0,)}),
                            Trial("workers", samples={"seconds": (0.2,)}))),
    ]  # fmt: skip
    writer = store.open_run(folder, [CLAIM, LOADER], started="2026-01-02T03:04:05+00:00")
    if ceilings:
        store.write_ceilings(writer, ceilings, "2026-01-02T03:04:05+00:00")
    inner = store.open_invocation(
        folder, "invocation-001", environment={"machine": {"usable_cores": 2}}, planned=[]
    )
    for measurement in measurements:
        store.write_measurement(inner, measurement)
    for each in (writer, inner):
        each.close()
    return store.load(folder)


def test_ceilings_come_back_from_the_record(tmp_path: Path) -> None:
    """A run has the ceilings that were written, and the work with its arithmetic."""
    found = run(tmp_path)
    assert found.ceilings == CEILINGS
    assert found.measurements[0].work.precision["half"] == "bf16"
    best = highest(found.ceilings, "memory_copy", "cpu")
    assert best == COPY
    assert highest(found.ceilings, "memory_copy", GPU) is None


@pytest.mark.parametrize(
    "bad",
    [{"value": 0.0}, {"value": "x"}, {"value": float("1e999")}, {"unit": 3}, {"more": 1}, {"detail": None}],
)
def test_a_bad_ceiling_is_an_error_with_its_line(tmp_path: Path, bad: dict[str, Any]) -> None:
    """Records that are not ours name their file and line."""
    run(tmp_path)
    stated = {"name": "a", "value": 1.0, "unit": "B/s", "detail": "", "device": "cpu", **bad}
    line = {"record": "ceilings", "ceilings": [stated], "measured": ""}
    with (tmp_path / "run.jsonl").open("a") as file:
        file.write(json.dumps(line) + "\n")
    with pytest.raises(StoreError, match=r"run\.jsonl:3"):
        store.load(tmp_path)


def test_shares_by_arithmetic_bytes_and_files(tmp_path: Path) -> None:
    """Each variant is compared with the ceiling of its own arithmetic; decoding against that of all cores."""
    found = run(tmp_path)
    products = [m for m in found.measurements if m.claim == "C2"]
    base, half = (shares(found, CLAIM, products, name) for name in (BASELINE, "half"))
    assert base["flops"].share == pytest.approx(2e9 / 4e-3 / 1e12)
    assert half["flops"].share == pytest.approx(2e9 / 1e-3 / 4e12)
    assert half["bytes"].share == pytest.approx(4e6 / 1e-3 / 2e10)
    loading = [m for m in found.measurements if m.claim == "L1"]
    assert shares(found, LOADER, loading, BASELINE)["decoded"].share == pytest.approx(60 / 400)
    # There is no bus on the CPU.
    assert shares(found, LOADER, loading, BASELINE)["bytes"].share is None


def test_work_on_a_gpu_has_the_gpus_ceilings(tmp_path: Path) -> None:
    """A run with a GPU's ceilings compares with those, and a loader's bytes with the bus."""
    gpu = (Ceiling("gemm_fp32", 5e12, "FLOP/s", "", GPU), Ceiling("to_device_pinned", 5e10, "B/s", "", GPU))
    found = run(tmp_path, (*CEILINGS, *gpu))
    products = [m for m in found.measurements if m.claim == "C2"]
    assert shares(found, CLAIM, products, BASELINE)["flops"].share == pytest.approx(2e9 / 4e-3 / 5e12)
    assert shares(found, CLAIM, products, BASELINE)["bytes"].share is None
    loading = [m for m in found.measurements if m.claim == "L1"]
    assert shares(found, LOADER, loading, "workers")["bytes"].share == pytest.approx(6e9 / 0.2 / 5e10)


def test_the_report_shows_shares_beside_rates(tmp_path: Path) -> None:
    """The detail tables have them, the header has the ceilings; a run without has the share of its own
    best."""
    found = run(tmp_path)
    cells = {row.variant: row.cells for row in detail_rows(found, ARITHMETIC)}
    assert (cells["half"]["of ceiling"], cells["half"]["of copying"]) == ("50 % bf16", "20 %")
    assert cells[BASELINE]["of ceiling"] == "50 % fp32"
    loading = {row.variant: row.cells for row in detail_rows(found, LOADERS)}
    assert loading["workers"]["of decoding"] == "75 %"
    file = io.StringIO()
    show_document(run_document(found), Console(file=file, width=160))
    assert (
        "CPU copy 20.0 GB/s, CPU fp32 1.00 TFLOP/s, CPU bf16 4.00 TFLOP/s, CPU decode 200 /s"
        in file.getvalue()
    )
    without = run(tmp_path / "without", ())
    cells = {row.variant: row.cells for row in detail_rows(without, ARITHMETIC)}
    assert (cells["half"]["of ceiling"], cells["half"]["of copying"]) == ("100 % of best", "")
    assert ceilings_line(without.ceilings) == ""


def test_frames_of_ceilings_and_rates(tmp_path: Path) -> None:
    """Tidy: a row a ceiling, and a row a variant and kind of work with its share; empty frames keep their
    types."""
    found = run(tmp_path)
    frame = ceilings_frame(found)
    assert list(frame.columns) == ["name", "device", "detail", "value", "unit"]
    assert frame.groupby("name", observed=True)["value"].max()["decode"] == 200.0
    rates = rates_frame(found).set_index(["claim", "variant", "work"])
    assert rates.loc[("C2", "half", "flops"), "share"] == pytest.approx(0.5)
    assert rates.loc[("L1", "workers", "decoded"), "ceiling_value"] == 400.0
    assert rates["share"].isna().sum() == 2
    assert len(rates) == 8
    empty = run(tmp_path / "without", ())
    assert ceilings_frame(empty).dtypes.astype(str).to_dict()["value"] == "float64"
    assert rates_frame(empty)["share"].isna().all()


@pytest.mark.gpu
def test_the_gpus_ceilings_are_measured() -> None:
    """On a GPU: copies, products in every arithmetic, the bus both ways, launches."""
    device = torch.device(GPU)
    found = [*memory_copies(device), *products(device), *bus_copies(device), *launches(device)]
    assert {c.name for c in found} == {
        "memory_copy", "gemm_fp32", "gemm_tf32", "gemm_fp16", "gemm_bf16", "launch",
        "to_device_pinned", "to_device_pageable", "to_host_pinned", "to_host_pageable",
    }  # fmt: skip
    assert {c.device for c in found} == {GPU}
    pinned, pageable = (highest(found, f"to_device_{kind}", GPU) for kind in ("pinned", "pageable"))
    assert pinned is not None
    assert pageable is not None
    assert pinned.value > pageable.value
