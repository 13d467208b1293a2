"""The proof's own parts, as far as they go without a GPU: findings, the summary, what is skipped, a
rehearsal."""

from __future__ import annotations

import ast
import json
import re
import shutil
import subprocess
import sys
import time
from argparse import Namespace
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from tests.support.living import ENVIRONMENT, ROOT
from tests.support.replayed import RECORDED, Replayed

sys.path.insert(0, str(ROOT / "scripts"))

from gate_power.live import Call, LiveDecision
from gpu_proof import __main__ as proof
from gpu_proof import clocks, facts, gating, reaching, running, watching
from gpu_proof.findings import FAILED, RUNNING, SKIPPED, Part, Skipped, summary
from gpu_proof.recording import record

from harness import store
from harness.ceilings.cache import MeasuredCeilings
from harness.claims.folder import read as read_claims
from harness.measure.clock import FakeClock
from harness.model import BASELINE, Claim, GateOutcome, Measurement, Trial
from harness.probes.nvml import NvmlError

CPU = torch.device("cpu")


def test_findings_are_kept_and_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Figures with their goals, in JSON and in a table; what was missed is marked, what was skipped says
    why."""
    part = Part("clock", "cuda")
    part.add("a | b", 1.004, "x", goal="within 1%", reached=True)
    part.add("worse", 1.2, "x", goal="within 1%", reached=False)
    part.skip("colder", "needs CUDA")
    part.save(tmp_path)
    other = Part("bench", "cuda", FAILED, "RuntimeError: boom")
    other.save(tmp_path)
    assert [finding.name for finding in part.failures] == ["worse"]
    assert "worse: 1.2 x (goal within 1%: MISSED)" in capsys.readouterr().out
    assert json.loads((tmp_path / "clock.json").read_text())["findings"][2]["skipped"] == "needs CUDA"
    text = summary(tmp_path, ["bench", "clock", "gate"]).read_text()
    assert text.index("## bench (failed: RuntimeError: boom") < text.index("## clock (done")
    assert "| a \\| b | 1.004 x | within 1% | reached |" in text
    assert "**missed**" in text
    assert "skipped: needs CUDA" in text


def test_equal_clocks_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    """On the CPU the warm comparison is run, without goals; what is cold needs CUDA."""
    part = Part("clock", "cpu")
    monkeypatch.setattr(clocks, "TURNS", 2)
    monkeypatch.setattr(clocks, "ROUND", 1e-4)
    few = list(clocks.operations(CPU))[:1]
    monkeypatch.setattr(clocks, "operations", lambda device: iter(few))
    threads = torch.get_num_threads()
    try:
        clocks.clocks(part, CPU)
    finally:
        torch.set_num_threads(threads)
    assert [finding.name for finding in part.findings] == [
        "cold, against triton.testing.do_bench",
        "warm, product of 128, against torch.utils.benchmark",
    ]
    assert part.findings[0].skipped == "needs CUDA"
    assert part.failures == []


@pytest.mark.parametrize(
    ("ours", "theirs", "reached"), [(1.009e-3, 1e-3, True), (1.02e-3, 1e-3, False), (1.02e-5, 1e-5, True)]
)
def test_clocks_must_agree_within_a_percent(ours: float, theirs: float, reached: bool) -> None:
    """Three percent for what lasts less than 20 us."""
    part = Part("clock", "cuda")
    clocks._compared(part, "warm", [ours] * 3, [theirs] * 3)
    assert part.findings[0].reached is reached


def test_calls_fill_a_round() -> None:
    """The number of calls comes from how long one takes."""
    clock = FakeClock()
    assert clocks._count(lambda: clock.advance(1e-3), clock) == 20


def decisions(*outcomes: GateOutcome) -> Call:
    """A gate that decided so."""
    made = [LiveDecision(f"bench_work.py::bench_work[dispatch-{n}]", "head", "seconds", outcome, 14, 1.03, 1.0)
            for n, outcome in enumerate(outcomes)]  # fmt: skip
    return Call(0, 60.0, tuple(made))


def test_what_the_gate_must_reach(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Identical code: twenty decisions, half of them unchanged, and no alarm. 3 % more work: 95 % caught."""
    quiet, alarmed = [GateOutcome.UNCHANGED] * 24, [GateOutcome.UNCHANGED] * 23 + [GateOutcome.REGRESSED]
    undecided = [GateOutcome.INCONCLUSIVE] * 13 + [GateOutcome.UNCHANGED] * 11
    for given, missed in (
        (quiet, []), (alarmed, ["false alarms"]), (quiet[:10], ["decisions"]), (undecided, ["called unchanged"]),
    ):  # fmt: skip
        monkeypatch.setattr(gating, "_gated", lambda *_, given=given, **__: decisions(*given))
        part = Part("gate-identical", "cuda")
        gating.gate_identical(part, tmp_path, "cuda", 1, 1)
        assert [finding.name for finding in part.failures] == missed
    for caught, missed in ((19, []), (18, ["3 % more work caught"])):
        given = [GateOutcome.REGRESSED] * caught + [GateOutcome.INCONCLUSIVE] * (20 - caught)
        monkeypatch.setattr(gating, "_gated", lambda *_, given=given, **__: decisions(*given))
        part = Part("gate-slower", "cuda")
        gating.gate_slower(part, tmp_path, "cuda", 1, 1)
        assert [finding.name for finding in part.failures] == missed


def test_the_short_gate_holds_both(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Six decisions with 3 % more work, all of them caught, and six with the same code, none of which is an
    alarm."""
    caught, quiet = [GateOutcome.REGRESSED] * 6, [GateOutcome.UNCHANGED] * 4 + [GateOutcome.INCONCLUSIVE] * 2
    for slower, same, missed in (
        (caught, quiet, []),
        (caught[:5] + quiet[:1], quiet, ["3 % more work caught"]),
        (caught, quiet[:5] + caught[:1], ["false alarms with the same code"]),
        ([], quiet, ["3 % more work caught"]),
    ):
        gates: list[tuple[float, float, int]] = []
        clock = FakeClock()

        def gated(
            folder: Path,
            device: str,
            seconds: float,
            copies: int,
            *,
            slowdown: float,
            slower: list[GateOutcome] = slower,
            same: list[GateOutcome] = same,
            gates: list[tuple[float, float, int]] = gates,
            clock: FakeClock = clock,
            **_: object,
        ) -> Call:
            gates.append((slowdown, seconds, copies))
            clock.advance(60.0)
            return replace(decisions(*(slower if slowdown else same)), status=int(slowdown > 0))

        monkeypatch.setattr(time, "monotonic", lambda clock=clock: clock.seconds)
        monkeypatch.setattr(gating, "_gated", gated)
        part = Part("gate", "cuda")
        gating.gate(part, tmp_path, "cuda", 160)
        assert [finding.name for finding in part.failures] == missed
        # One copy of each case: more could not be decided in that time.
        assert [(slowdown, copies) for slowdown, _, copies in gates] == [(0.03, 1), (0.0, 1)]
        assert [seconds for _, seconds, _ in gates] == pytest.approx([104.0, 100.0])


def test_a_gate_that_breaks_off_takes_no_other_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is a missed goal with its traceback, and the same code is judged all the same."""

    def gated(*_: object, slowdown: float, **__: object) -> Call:
        if slowdown:
            raise RuntimeError("the gate ended with 2 and no document:\nCUDA error: an illegal memory access")
        return decisions(*[GateOutcome.UNCHANGED] * 6)

    monkeypatch.setattr(gating, "_gated", gated)
    part = Part("gate", "cuda")
    gating.gate(part, tmp_path, "cuda", 160)
    assert [finding.name for finding in part.failures] == ["3 % more work"]
    assert any(finding.name == "false alarms with the same code" for finding in part.findings)
    printed = capsys.readouterr().err
    assert "Traceback (most recent call last)" in printed
    assert "an illegal memory access" in printed


@pytest.mark.parametrize(("status", "document"), [(2, None), (124, None), (0, {"status": 3, "verdicts": []})])
def test_what_a_gate_printed_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int, document: object
) -> None:
    """Its records, its document and its output are in the folder of the proof; its end is in the error."""

    def harness(words: list[str], seconds: float, log: Path, folder: Path) -> int:
        assert (folder / "benchmarks" / "bench_work.py").exists()
        assert words[words.index("--results") + 1] == str(tmp_path / "one" / "results")
        log.write_text("collecting\nRuntimeError: boom\n")
        if document is not None:
            Path(words[words.index("--json") + 1]).write_text(json.dumps(document))
        return status

    monkeypatch.setattr(gating, "harness", harness)
    with pytest.raises(RuntimeError, match="boom" if document is None else "its document says 3"):
        gating._gated(tmp_path / "one", "cpu", 1, 1, slowdown=0.0, target="5%")
    assert (tmp_path / "one" / "output.txt").exists()


H200_BYTES, H200_PRODUCTS, LAUNCH = 4.3e12, 790e12, 5e-6
"""Bytes and operations a second, and seconds of a launch."""


def test_work_that_waits_for_the_gpu_is_large_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """On an H200 each call lasts for three launches at least: the host is not what is waited for."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    made: list[torch.Tensor] = []

    def rand(*shape: int, device: torch.device, dtype: torch.dtype) -> torch.Tensor:
        assert device.type == "cuda"
        made.append(torch.empty(shape, device="meta", dtype=dtype))
        return made[-1]

    names: dict[str, object] = {}
    exec(gating.work_of(gating.GPU_BOUND).format(steps=3), names)
    monkeypatch.setattr(torch, "rand", rand)
    for kind in gating.GPU_BOUND:
        names["KINDS"][kind]()()  # type: ignore[index]
    wide, product = made
    assert 2 * wide.nbytes / H200_BYTES > 3 * LAUNCH
    assert 2 * len(product) ** 3 / H200_PRODUCTS > 3 * LAUNCH


def test_two_kinds_of_the_short_gate_wait_for_the_gpu() -> None:
    """With a baseline and a variant each its kinds make six decisions."""
    assert len(gating.QUICK) * 2 == 6
    assert set(gating.GPU_BOUND) < set(gating.QUICK)
    names: dict[str, object] = {}
    exec(gating.work_of(gating.QUICK).format(steps=3), names)
    assert list(names["KINDS"]) == list(gating.QUICK)  # type: ignore[call-overload]


def test_the_work_under_test_runs_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each kind of work gives the same shape every time, on whatever device there is."""
    names: dict[str, object] = {}
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    exec(gating.work_of().format(steps=3), names)
    kinds = names["KINDS"]
    assert isinstance(kinds, dict)
    assert len(kinds) == 12
    for kind in kinds:
        call = names["iteration"](kind)  # type: ignore[operator]
        assert call().shape == call().shape


def test_no_git_is_no_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without git skips the gate with the reason."""
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(Skipped, match="no git"):
        gating.gate_identical(Part("gate-identical", "cuda"), tmp_path, "cuda", 1, 1)


def test_the_noise_floor_is_by_claim(tmp_path: Path) -> None:
    """From a run's own units: how far one strays, in claims with units enough."""
    writer = store.open_run(tmp_path, [Claim("C4", "bmm is faster", "b.py", "bench_b")])
    inner = store.open_invocation(tmp_path, "invocation-001", environment={}, planned=[])
    for unit in range(8):
        center = 1.0 + 0.01 * (unit % 3)
        trials = (
            Trial(BASELINE, samples={"seconds": (1.0,) * 6}), Trial("bmm", samples={"seconds": (center,) * 6}),
        )  # fmt: skip
        store.write_measurement(inner, Measurement("b.py::bench_b", "C4", unit, trials=trials))
    writer.close()
    inner.close()
    ((spread, smallest),) = running.noise_of(store.load(tmp_path))["C4"]
    assert 0.003 < spread < 0.03
    assert smallest > spread / 2
    with pytest.raises(Skipped, match="no run yet"):
        running.latest(tmp_path / "none")


def test_what_the_watch_costs_is_read_from_its_script() -> None:
    """Percent of longer rounds with their bounds, and percent of a core; nothing where it reports none."""
    text = (
        "one thread: rounds of 6.1 ms, 300 pairs of slots of 0.2 s\n"
        "  mean round with the watch: +0.012 % (-0.050 % to +0.071 %; goal: below 0.5 %)\n"
        "  round in quiet pairs with the watch: -0.001 % (-0.020 % to +0.021 %; goal: below 0.5 %)\n"
        "  the watch: 0.210 % of one core at 20.0 samples a second (goal: below 0.5 %)\n"
    )
    assert watching.costs(text) == ([(-0.001, -0.02, 0.021)], [0.21])
    assert watching.costs("") == ([], [])


def test_nvidia_smis_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its cells become numbers; what it does not report is left out."""
    answer = "1980, 3201, 512, 412.53, 45, 100, [N/A], 16\n"
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: subprocess.CompletedProcess([], 0, stdout=answer))
    found = watching._smi("GPU-1")
    assert found["clocks.sm"] == 1980.0
    assert "pcie.link.gen.current" not in found


def test_a_recording_can_be_replayed() -> None:
    """What is recorded of replayed answers is what they were; a refused call is nought, and no process is
    named."""
    session = Replayed()
    found = record(session, 7, 60, session.tick, "replayed")["readings"]
    for name in (
        "power_milliwatts",
        "energy_millijoules",
        "sm_megahertz",
        "events",
        "temperature",
        "utilisation",
    ):
        assert found[name] == RECORDED["readings"][name][:60]
    assert found["memory"]["used"] == RECORDED["readings"]["memory"]["used"][:60]
    assert found["violations"]["0"] == RECORDED["readings"]["violations"]["0"][:60]
    assert set(found) == set(RECORDED["readings"])
    refused = Replayed({"nvmlDeviceGetPowerUsage": 3})
    assert record(refused, 7, 3, refused.tick, "")["readings"]["power_milliwatts"] == [0, 0, 0]
    both = watching.joined({"a": [1], "pcie_most": [5, 16]}, {"a": [2], "pcie_most": [5, 16]})
    assert both == {"a": [1, 2], "pcie_most": [5, 16]}


@pytest.mark.parametrize(("quick", "missed", "failed"), [(False, 1, 1), (True, 0, 1)])
def test_a_rehearsal_may_miss_goals(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    quick: bool,
    missed: int,
    failed: int,
) -> None:
    """It is too short for most of them; what breaks, breaks in a rehearsal, too, with its place."""

    def misses(part: Part, options: Namespace) -> None:
        # A process that is killed here leaves a part that is not done.
        assert json.loads((tmp_path / "clock.json").read_text())["status"] == RUNNING
        part.add("decisions", 20, goal="at least 100", reached=False)

    def breaks(part: Part, options: Namespace) -> None:
        raise OSError("broken")

    monkeypatch.setattr(proof, "PARTS", {"clock": (misses, ""), "floor": (breaks, "")})
    options = Namespace(folder=tmp_path, device="cpu", quick=quick)
    assert (proof._hold("clock", options), proof._hold("floor", options)) == (missed, failed)
    printed = capsys.readouterr().err
    assert 'raise OSError("broken")' in printed
    assert printed.count("Traceback (most recent call last)") == 1


@pytest.mark.parametrize("part", ["tests", "floor"])
def test_a_part_that_cannot_be_held_is_skipped(tmp_path: Path, part: str) -> None:
    """The command itself: exit status 0, the reason in the file and in the summary."""
    command = [
        sys.executable,
        str(ROOT / "scripts" / "gpu_proof"),
        part,
        "--device",
        "cpu",
        "--folder",
        str(tmp_path),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=ENVIRONMENT, cwd=tmp_path)
    document = json.loads((tmp_path / f"{part}.json").read_text())
    assert document["status"] == SKIPPED
    assert document["reason"] in done.stdout
    assert f"## {part} (skipped" in (tmp_path / "summary.md").read_text()


# --- parts --------------------------------------------------------------------------------------------------


def test_facts_end_none_of_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a GPU nine are skipped and three are measured; on one, a fact that raises is a missed goal."""
    for name in ("_twice", "_jpeg", "_trace"):
        monkeypatch.setattr(facts, name, lambda part, *_, name=name: part.add(name, 1.0))
    part = Part("facts", "cpu")
    facts.facts(part, tmp_path, CPU)
    names = [finding.name for finding in part.findings if not finding.skipped]
    assert names == ["machine", "_twice", "_jpeg", "_trace"]
    assert len([finding for finding in part.findings if finding.skipped == "needs CUDA"]) == 9

    def broken(*_: object) -> None:
        raise ValueError("no such device\nsecond line")

    for name in ("_share", "_by_uuid", "_readings", "_ticks", "_pinned", "_stopped", "_stated_step", "_cold",
                 "_after_profile"):  # fmt: skip
        monkeypatch.setattr(facts, name, broken)
    part = Part("facts", "cuda")
    facts.facts(part, tmp_path, torch.device("cuda", 0))
    assert len(part.failures) == 9
    assert part.failures[0].value == "ValueError: no such device"
    assert part.findings[-1].name == "_trace"


def test_the_short_bench_has_three_claims(tmp_path: Path) -> None:
    """Of C2 only the products, and what the files share."""
    folder = running.few_benchmarks(tmp_path / "few")
    assert sorted(claim.name for claim in read_claims(folder).claims) == ["C2", "C4", "M1"]
    assert (
        '@pytest.mark.parametrize("work", ["gemm"])'
        in (folder / "arithmetic/bench_half_precision.py").read_text()
    )
    shared = {
        word.replace(".", "/")
        for file in folder.rglob("*.py")
        for word in re.findall(r"^ *from (support(?:\.\w+)+) import", file.read_text(), re.MULTILINE)
    }
    assert "support/accuracy" in shared
    assert [name for name in ("conftest", *shared) if not (folder / f"{name}.py").is_file()] == []


def test_a_bench_without_a_run_is_a_failure_that_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An earlier run in the folder is no finding of this one; what was printed is."""
    _a_run(tmp_path / "runs" / "earlier")

    def harness(words: list[str], seconds: float, log: Path) -> int:
        log.write_text("error: the GPU is lost\n")
        return 2

    monkeypatch.setattr(running, "harness", harness)
    part = Part("bench-few", "cuda")
    with pytest.raises(RuntimeError, match="left no run: exit status 2"):
        running.bench_few(part, tmp_path, "cuda", 40)
    assert [finding.name for finding in part.failures] == ["exit status"]
    assert "the GPU is lost" in capsys.readouterr().out


def test_a_case_that_raised_has_its_traceback_in_the_output(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is in the log of the process that measured, inside the run."""

    def harness(words: list[str], seconds: float, log: Path) -> int:
        log.write_text("3 claims\n")
        run = _a_run(tmp_path / "runs" / "new")
        (run / "quiet.log").write_text("nothing\n")
        (run / "process.log").write_text(
            "Traceback (most recent call last):\ntorch.OutOfMemoryError: CUDA out of memory\n"
        )
        return 3

    monkeypatch.setattr(running, "harness", harness)
    part = Part("bench-few", "cuda")
    running.bench_few(part, tmp_path, "cuda", 40)
    printed = capsys.readouterr().out
    assert "process.log:\nTraceback (most recent call last):\ntorch.OutOfMemoryError" in printed
    assert "quiet.log" not in printed
    assert any(finding.value == str(tmp_path / "runs" / "new") for finding in part.findings)


def test_what_takes_too_long_is_interrupted_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A command then reports what it has found so far; one that does not end is killed."""
    monkeypatch.setattr(running, "INTERRUPTED", 60.0)
    code = (
        "import select, signal, sys\n"
        "signal.signal(signal.SIGINT, lambda *_: (print('so far', flush=True), sys.exit()))\n"
        "print('ready', flush=True)\n"
        # Not signal.pause: a signal that comes just before it would be waited for in vain.
        "while True: select.select([], [], [], 0.1)\n"
    )
    log = tmp_path / "output.txt"
    started = _until(log, "ready\n")  # the line's end too: unbuffered, it is a write of its own
    monkeypatch.setattr(subprocess, "Popen", started)
    assert running._logged([sys.executable, "-c", code], 0.0, log) == 124
    assert log.read_text() == "ready\nso far\n"


def _until(log: Path, text: str) -> type[subprocess.Popen[bytes]]:
    """A process that is given no time before it has printed that text."""

    class Started(subprocess.Popen[bytes]):
        def wait(self, timeout: float | None = None) -> int:
            while timeout == 0.0 and text not in log.read_text() and self.poll() is None:
                pass
            return super().wait(timeout)

    return Started


def _a_run(folder: Path) -> Path:
    folder.mkdir(parents=True)
    store.open_run(folder, [Claim("C4", "bmm is faster", "b.py", "bench_b")]).close()
    return folder


def test_only_files_with_gpu_tests_are_collected() -> None:
    """The others import what a machine may lack: a browser's driver, a plotting library, nox."""
    files = running.marked_files()
    assert {"test_gpu.py", "test_ceilings.py", "test_probes.py"} <= {file.name for file in files}
    lacking = {"bokeh", "selenium", "nox", "msgspec", "prefetch_generator"}
    for file in files:
        tree = ast.parse(file.read_text())
        tops = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
        names = {getattr(node, "module", None) or alias.name for node in tops for alias in node.names}
        assert not {name.partition(".")[0] for name in names} & lacking


def test_the_way_of_the_proof_needs_nothing_that_a_plain_machine_lacks() -> None:
    """Every module of the two commands can be imported without nox, msgspec, bokeh, selenium or DALI."""
    code = f"""
import sys
sys.path[:0] = [{str(ROOT / "scripts")!r}, {str(ROOT)!r}]
for name in ("nox", "msgspec", "bokeh", "selenium", "prefetch_generator", "nvidia.dali"):
    sys.modules[name] = None
from gpu_proof import __main__, clocks, facts, gating, reaching, running, tracing, watching
import harness.profile.summary, harness.report.telemetry, harness.cli.main
"""
    subprocess.run([sys.executable, "-c", code], check=True, env=ENVIRONMENT)


def test_a_warning_is_a_miss_only_where_a_ceiling_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other warnings of the measuring process are findings without a goal."""
    warnings = ("no ceiling of launches: RuntimeError: boom", "ceilings beside others: not kept")
    monkeypatch.setattr(reaching, "measured", lambda *_: MeasuredCeilings((), "", {}, warnings))
    part = Part("ceilings", "cpu")
    reaching.ceilings(part, tmp_path, "cpu")
    assert [finding.name for finding in part.failures] == [warnings[0]]
    assert any(finding.name == warnings[1] for finding in part.findings)


def test_large_products_may_be_further_apart() -> None:
    """They run into the power limit, which lowers the clock in a long burst more than in a short one."""
    part = Part("clock", "cuda")
    clocks._compared(part, "product of 8192", [1.02e-3] * 3, [1e-3] * 3, clocks.POWER_LIMITED)
    clocks._compared(part, "copy", [1.02e-3] * 3, [1e-3] * 3)
    assert [finding.reached for finding in part.findings] == [True, False]


def test_only_products_that_reach_the_power_limit_may_be_further_apart(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """From a side of 2048 on; smaller ones, copies and small kernels agree within one per cent."""

    def there(*shape: object, **_: object) -> torch.Tensor:
        sizes = [size for size in shape if isinstance(size, int)]
        return torch.empty(sizes, device="meta")

    for name in ("randn", "rand", "zeros"):
        monkeypatch.setattr(torch, name, there)
    found = {operation.name: operation.within for operation in clocks.operations(torch.device("cuda", 0))}
    assert len(found) == 12
    assert {name for name, within in found.items() if within == clocks.POWER_LIMITED} == {
        f"product of {side}" for side in (2048, 4096, 8192)
    }
    assert {within for within in found.values() if within != clocks.POWER_LIMITED} == {0.01}


def test_triton_that_cannot_be_used_is_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever it raises at its first use: without a C compiler it cannot make its helper."""
    monkeypatch.setattr(
        clocks, "cache", lambda: (_ for _ in ()).throw(RuntimeError("Failed to find C compiler."))
    )
    part = Part("clock", "cuda")
    assert clocks.cold_rival(part, torch.device("cuda", 0)) is None
    assert "Failed to find C compiler" in part.findings[0].skipped
    product = torch.empty(2, 2)
    monkeypatch.setattr(torch, "randn", lambda *_, **__: product)
    part = Part("facts", "cuda")
    facts._cold(part, torch.device("cuda", 0))
    assert [bool(finding.skipped) for finding in part.findings] == [True]


def test_one_check_of_the_watch_ends_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A run that leaves nothing, a script that fails, and a function that the driver's NVML lacks."""

    def lacking(*_: object, **__: object) -> None:
        raise AttributeError("nvmlDeviceGetFieldValues: undefined symbol")

    session = SimpleNamespace(nvmlDeviceGetHandleByUUID=lambda uuid: 7)
    monkeypatch.setattr(watching, "_child", lambda *_: nullcontext(SimpleNamespace(pid=7)))
    monkeypatch.setattr(
        watching, "harness", lambda words, seconds, log: log.write_text("the GPU is lost") and 2
    )
    monkeypatch.setattr(watching, "chosen", lambda _: torch.device("cuda", 0))
    monkeypatch.setattr(watching, "cuda_uuid", lambda _: "GPU-1")
    monkeypatch.setattr(watching, "nvml", lambda: nullcontext(session))
    monkeypatch.setattr(watching, "_load", lambda _: nullcontext())
    for name in ("_cost", "_record", "_against_smi", "_energy"):
        monkeypatch.setattr(watching, name, lacking)
    monkeypatch.setattr(
        watching, "_events", lambda part, gpu: part.add("clock events under a full load", "none")
    )
    part = Part("watching", "cuda")
    watching.watching(part, tmp_path, "cuda", quick=True)
    assert [finding.name for finding in part.failures] == [
        "another process on the GPU", "the watch's cost", "NVML's answers, recorded", "NVML against nvidia-smi",
        "energy against power",
    ]  # fmt: skip
    assert [finding.name for finding in part.findings[5:]] == [
        "clock events under a full load", "the bench's energy by its frame",
    ]  # fmt: skip
    printed = capsys.readouterr().err
    assert printed.count("Traceback (most recent call last)") == 5
    assert "the GPU is lost" in printed


def test_a_kernel_that_raises_ends_its_own_comparison(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next operation is timed all the same."""

    def broken() -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    made = [clocks.Operation("broken", broken), clocks.Operation("sound", lambda: None)]
    monkeypatch.setattr(clocks, "operations", lambda device: iter(made))
    monkeypatch.setattr(clocks, "TURNS", 1)
    monkeypatch.setattr(clocks, "ROUND", 1e-4)
    part = Part("clock", "cpu")
    threads = torch.get_num_threads()
    try:
        clocks.clocks(part, CPU)
    finally:
        torch.set_num_threads(threads)
    assert [(finding.name, finding.value) for finding in part.failures] == [
        ("warm, broken", "OutOfMemoryError: CUDA out of memory")
    ]
    assert part.findings[-1].name == "warm, sound, against torch.utils.benchmark"


def test_another_process_must_be_named_by_its_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The proof's own context would be found by any run: it is the planted process that the run must name."""
    for named in (7, 8):
        seen = SimpleNamespace(when="before", pid=named, name="python")
        run = SimpleNamespace(telemetry=SimpleNamespace(other_processes=(seen,)))
        monkeypatch.setattr(watching, "_child", lambda *_: nullcontext(SimpleNamespace(pid=7)))
        monkeypatch.setattr(watching, "harness", lambda *_: 0)
        monkeypatch.setattr(watching, "latest", lambda _, run=run: run)
        part = Part("watching", "cuda")
        watching._other_process(part, tmp_path)
        assert part.findings[0].reached is (named == 7)


def test_the_other_process_is_looked_for_before_this_one_is_on_the_gpu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing has opened the GPU when the run beside the planted process begins."""
    order: list[str] = []
    monkeypatch.setattr(watching, "_other_process", lambda *_: order.append("process"))
    monkeypatch.setattr(watching, "_cost", lambda *_, **__: order.append("cost"))

    def uuid(_: object) -> str:
        order.append("context")
        return "GPU-1"

    monkeypatch.setattr(watching, "cuda_uuid", uuid)
    monkeypatch.setattr(watching, "chosen", lambda _: torch.device("cuda", 0))
    monkeypatch.setattr(watching, "nvml", lambda: (_ for _ in ()).throw(NvmlError("no driver")))
    monkeypatch.setattr(watching, "_frames", lambda *_: None)
    watching.watching(Part("watching", "cuda"), tmp_path, "cuda", quick=True)
    assert order == ["process", "cost", "context"]
