"""The proof's own parts, as far as they go without a GPU: findings, the summary, what is skipped, a rehearsal."""

from __future__ import annotations

import json
import subprocess
import sys
from argparse import Namespace
from pathlib import Path

import pytest
import torch
from living import ENVIRONMENT, ROOT
from replayed import RECORDED, Replayed

sys.path.insert(0, str(ROOT / "scripts"))

from gate_power.live import Call, Decision
from gpu_proof import __main__ as proof
from gpu_proof import clocks, gating, running, watching
from gpu_proof.findings import FAILED, SKIPPED, Part, Skipped, summary
from gpu_proof.recording import record

from harness import store
from harness.clock import FakeClock
from harness.model import BASELINE, Claim, Gated, Measurement, Trial

CPU = torch.device("cpu")


def test_findings_are_kept_and_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Figures with their goals, in JSON and in a table; what was missed is marked, what was skipped says why."""
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
    """On the CPU the warm comparison is held, and says nothing of goals; what is cold needs CUDA."""
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


def decisions(*outcomes: Gated) -> Call:
    """A gate that decided so."""
    made = [Decision(f"bench_work.py::bench_work[dispatch-{n}]", "head", "seconds", outcome, 14, 1.03, 1.0)
            for n, outcome in enumerate(outcomes)]  # fmt: skip
    return Call(0, 60.0, tuple(made))


def test_what_the_gate_must_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    """Identical code: a hundred decisions and no alarm. 3 % more work: 95 % caught."""
    quiet, alarmed = [Gated.UNCHANGED] * 100, [Gated.UNCHANGED] * 99 + [Gated.REGRESSED]
    for given, missed in ((quiet, []), (alarmed, ["false alarms"]), (quiet[:50], ["decisions"])):
        monkeypatch.setattr(gating, "_held", lambda *_, given=given, **__: decisions(*given))
        part = Part("gate-identical", "cuda")
        gating.gate_identical(part, "cuda", 1, 1)
        assert [finding.name for finding in part.failures] == missed
    for caught, missed in ((19, []), (18, ["3 % more work caught"])):
        given = [Gated.REGRESSED] * caught + [Gated.INCONCLUSIVE] * (20 - caught)
        monkeypatch.setattr(gating, "_held", lambda *_, given=given, **__: decisions(*given))
        part = Part("gate-slower", "cuda")
        gating.gate_slower(part, "cuda", 1, 1)
        assert [finding.name for finding in part.failures] == missed


def test_the_work_under_test_runs_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each kind of work gives the same shape every time, on whatever device there is."""
    names: dict[str, object] = {}
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    exec(gating.WORK.format(steps=3), names)
    kinds = names["KINDS"]
    assert isinstance(kinds, dict)
    assert len(kinds) == 10
    for kind in kinds:
        call = names["iteration"](kind)  # type: ignore[operator]
        assert call().shape == call().shape


def test_no_git_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without git skips the gate with the reason."""
    monkeypatch.setattr(gating.shutil, "which", lambda _: None)
    with pytest.raises(Skipped, match="no git"):
        gating.gate_identical(Part("gate-identical", "cuda"), "cuda", 1, 1)


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
    """Percent of longer rounds with their bounds, and percent of a core; nothing where it says nothing."""
    text = (
        "one thread: rounds of 6.1 ms, 300 pairs of slots of 0.2 s\n"
        "  mean round with the watch: +0.012 % (-0.050 % to +0.071 %; goal: below 0.5 %)\n"
        "  round in quiet pairs with the watch: -0.001 % (-0.020 % to +0.021 %; goal: below 0.5 %)\n"
        "  the watch: 0.210 % of one core at 20.0 samples a second (goal: below 0.5 %)\n"
    )
    assert watching.costs(text) == ([(-0.001, -0.02, 0.021)], [0.21])
    assert watching.costs("") == ([], [])


def test_nvidia_smis_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its cells become numbers; what it does not tell is left out."""
    told = "1980, 3201, 512, 412.53, 45, 100, [N/A], 16\n"
    monkeypatch.setattr(watching.subprocess, "run", lambda *_, **__: subprocess.CompletedProcess([], 0, stdout=told))
    found = watching._smi("GPU-1")
    assert found["clocks.sm"] == 1980.0
    assert "pcie.link.gen.current" not in found


def test_a_recording_can_be_replayed() -> None:
    """What is recorded of replayed answers is what they were; a refused call is nought, and no process is named."""
    session = Replayed()
    found = record(session, 7, 60, session.tick, "replayed")["readings"]
    for name in ("power_milliwatts", "energy_millijoules", "sm_megahertz", "events", "temperature", "utilisation"):
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
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quick: bool, missed: int, failed: int
) -> None:
    """It is too short for most of them; what breaks, breaks in a rehearsal, too."""

    def misses(part: Part, options: Namespace) -> None:
        part.add("decisions", 20, goal="at least 100", reached=False)

    def breaks(part: Part, options: Namespace) -> None:
        raise OSError("broken")

    monkeypatch.setattr(proof, "PARTS", {"clock": (misses, ""), "floor": (breaks, "")})
    options = Namespace(folder=tmp_path, device="cpu", quick=quick)
    assert (proof._hold("clock", options), proof._hold("floor", options)) == (missed, failed)


@pytest.mark.parametrize("part", ["tests", "floor"])
def test_a_part_that_cannot_be_held_is_skipped(tmp_path: Path, part: str) -> None:
    """The command itself: exit status 0, the reason in the file and in the summary."""
    command = [sys.executable, str(ROOT / "scripts" / "gpu_proof"), part, "--device", "cpu", "--folder", str(tmp_path)]
    told = subprocess.run(command, capture_output=True, text=True, check=True, env=ENVIRONMENT, cwd=tmp_path)
    document = json.loads((tmp_path / f"{part}.json").read_text())
    assert document["status"] == SKIPPED
    assert document["reason"] in told.stdout
    assert f"## {part} (skipped" in (tmp_path / "summary.md").read_text()
