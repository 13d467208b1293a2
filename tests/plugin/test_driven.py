"""A driven session: what becomes of a case is sent or recorded once, never lost."""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from harness import environment, plugin, store
from harness.measure.failure import failure
from harness.measure.limits import RoundLimits
from harness.measure.spec import BenchmarkSpec
from harness.measure.variant import Unavailable, as_variant, prepared
from harness.model import BASELINE, FIXTURE, Claim, Collected, Expect, Measurement, Status, WarningCode, Work
from harness.plugin import driven, served
from harness.plugin.driven import DrivenSession
from harness.plugin.results import sketch
from harness.probes.profile import ProfiledPass
from harness.processes.live import ChannelClosed
from harness.workers.codec import Failure, FailureKind, Message, decode, encode
from harness.workers.protocol import (
    CaseAbsent,
    CaseBegins,
    CaseEnds,
    CaseFound,
    CaseOptions,
    CaseTraced,
    CollectPlan,
    CountPlan,
    EnvironmentFound,
    IsolatedPlan,
    MeasurePlan,
    Plan,
    Ready,
    Recording,
    SideInfo,
    SidePlan,
    TracePlan,
    VariantPlan,
    VariantReady,
)
from harness.workers.variant_requests import (
    Done,
    RequestFirstCall,
    RequestRound,
    RequestSetup,
    RequestTeardown,
    RoundDone,
    Stop,
)
from tests.support.devices import device_of

CASE = "x.py::bench_x"
CLAIM = Claim("X", "a tip", "x.py", "bench_x")
QUICK = RoundLimits(share=0.0, round_seconds=0.0, longest_round=0.0, fewest_blocks=2, warmup_limit=0.0)
ON: tuple[tuple[str], str, None, dict[str, str]] = ((CASE,), "auto", None, {})
"""The case, its device, its data, and no other name for its claim."""


class Driver:
    """A channel by script: what the driver sends, and what it received."""

    def __init__(self, *sends: Message) -> None:
        self.sends = list(sends)
        self.received: list[Message] = []

    def send(self, **message: object) -> None:
        """Receive a message."""
        self.received.append(decode(message))

    def receive(self, timeout: float | None = None) -> dict[str, object]:
        """Send the next one."""
        if not self.sends:
            raise ChannelClosed("nothing more to send")
        return encode(self.sends.pop(0))

    def events(self) -> list[type[Message]]:
        """The kinds of messages received so far, without the first."""
        return [type(message) for message in self.received[1:]]


Sessions = Callable[..., tuple[DrivenSession, Driver]]


def session_of(driver: Driver, device: str = "cpu") -> DrivenSession:
    """A session on a device without torch."""
    made = DrivenSession(driver)  # type: ignore[arg-type]
    made.__dict__["_device"] = device_of(device, 0)
    return made


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> Sessions:
    """Makes sessions that work in an environment without facts, by a plan and what the driver sends after
    it."""
    monkeypatch.setattr(environment, "fingerprint", lambda: {"gpu": None})
    monkeypatch.setattr(environment, "unusable_gpu", lambda: None)

    def started(plan: Plan, *sends: Message) -> tuple[DrivenSession, Driver]:
        driver = Driver(plan, *sends)
        made = session_of(driver)
        assert made.choose({CASE: "the item", "y.py::bench_y": "another"}) == ["the item"]
        return made, driver

    return started


@pytest.fixture
def recording(tmp_path: Path) -> Recording:
    """Where records go."""
    return Recording(tmp_path, "invocation-007", 7, seed=1)


@pytest.fixture
def measuring(recording: Recording) -> MeasurePlan:
    """A plan to measure the case."""
    options = {CASE: CaseOptions(QUICK, None, memory=False)}
    return MeasurePlan(*ON, recording=recording, options=options, snapshots=False)


def spec_of(**variants: Any) -> BenchmarkSpec:
    """What a benchmark hands over; the baseline gives 1."""
    given = {BASELINE: as_variant(lambda: 1), **{name: as_variant(value) for name, value in variants.items()}}
    return BenchmarkSpec(
        given, lambda expected, got: expected == got, None, Work(), dict.fromkeys(given, Expect.LOWER)
    )


def run(made: DrivenSession, **variants: Any) -> None:
    """Measure the case."""
    made.begin(CASE)
    made.measure(CASE, CLAIM, spec_of(**variants), f"{CASE}", Path())


def recorded(tmp_path: Path) -> list[Measurement]:
    """What is on the disk."""
    return store.read_measurements(tmp_path / "invocation-007.jsonl")


def test_garbage_is_collected_again_once_all_is_imported(session: Sessions, measuring: MeasurePlan) -> None:
    """It is not while benchmarks are imported; from then on it is, without a look through what was
    imported."""
    before = gc.get_freeze_count()
    imported = [[number] for number in range(1000)]
    gc.disable()
    try:
        session(measuring)
        assert gc.isenabled()
    finally:
        gc.enable()
    assert gc.get_freeze_count() >= before + len(imported)


def test_what_a_benchmark_has_imported_is_left_out_of_collections_as_well(
    session: Sessions, measuring: MeasurePlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is from the next case on. Where nothing was imported, nothing more is left out."""
    made, _ = session(measuring)
    made.begin(CASE)
    before = gc.get_freeze_count()
    kept = [[number] for number in range(1000)]
    made.begin(CASE)
    assert gc.get_freeze_count() == before
    monkeypatch.setitem(sys.modules, "imported_by_a_benchmark", ModuleType("imported_by_a_benchmark"))
    made.begin(CASE)
    assert gc.get_freeze_count() >= before + len(kept)


class Forks(Driver):
    """A server that forks, or the channel of a process that it has forked."""

    closed = 0

    def close(self) -> None:
        """Count it."""
        self.closed += 1


@pytest.mark.parametrize(
    ("apart", "device", "possible", "forks"),
    [
        ({CASE}, "cpu", True, True),
        ({"y.py::bench_y"}, "cpu", True, False),
        ({CASE}, "cuda", True, False),
        ({CASE}, "cpu", False, False),
    ],
    ids=["apart", "another case is", "a GPU", "an old kernel"],
)
def test_what_is_forked_for(
    measuring: MeasurePlan,
    monkeypatch: pytest.MonkeyPatch,
    apart: set[str],
    device: str,
    possible: bool,
    forks: bool,
) -> None:
    """Variants apart of a case to measure, on a CPU, where it can be done; the server ends with the
    session."""
    server, made = Forks(), session_of(Driver(measuring), device)
    monkeypatch.setattr(made, "_environment", dict)
    monkeypatch.setattr(driven, "available", lambda: possible)
    monkeypatch.setattr(driven, "fork_server", lambda: server)
    assert made.choose({CASE: "the item"}, apart) == ["the item"]
    made.close()
    made.close()
    assert server.closed == forks


def test_a_forked_process_has_a_plan_of_its_own(
    measuring: MeasurePlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes that from its own channel, reports to that, a failure too, and has no server to end."""
    channel = Forks(VariantPlan(*ON, variant="tip"), RequestSetup("tip"), Stop())

    def forked() -> Forks:
        monkeypatch.setattr(os, "getpid", lambda: 4711)
        return channel

    monkeypatch.setattr(driven, "available", lambda: True)
    monkeypatch.setattr(driven, "fork_server", forked)
    monkeypatch.setattr(driven, "Channel", Forks)
    monkeypatch.setattr(os, "_exit", pytest.fail)
    near = Driver(measuring)
    made = session_of(near)
    items = {"y.py::bench_y": "another", CASE: "the item"}
    assert made.choose(items, {CASE}) == ["the item"]
    run(made, tip=lambda: 1)
    made.without_measurement(CASE, CLAIM, skipped=False, reason="teardown failed")
    made.without_measurement("y.py::bench_y", CLAIM, skipped=False, reason="no input")
    made.close()
    assert channel.closed == 0
    assert [type(message) for message in near.received] == [Ready]
    assert isinstance(channel.received[0], VariantReady)
    assert channel.received[-1] == Failure("no input")


def test_a_measured_case_is_recorded_and_reported(
    session: Sessions, measuring: MeasurePlan, tmp_path: Path
) -> None:
    """A measurement that went well is on the disk when its end is sent; nothing is added afterwards."""
    made, driver = session(measuring)
    run(made, tip=lambda: 1, gone=Unavailable("no GPU"))
    (found,) = recorded(tmp_path)
    assert (found.case, found.claim, found.invocation, found.status) == (CASE, "X", 7, Status.MEASURED)
    assert {trial.variant: trial.status for trial in found.trials} == {
        BASELINE: Status.MEASURED,
        "tip": Status.MEASURED,
        "gone": Status.SKIPPED,
    }
    made.without_measurement(CASE, CLAIM, skipped=False, reason="teardown failed")
    assert len(recorded(tmp_path)) == 1
    assert driver.events() == [CaseBegins, CaseEnds]
    assert store.read_header(tmp_path / "invocation-007.jsonl")["planned"] == [CASE]


def test_what_a_case_changes_for_others_is_recorded(
    session: Sessions, measuring: MeasurePlan, tmp_path: Path
) -> None:
    """By the name of what is otherwise afterwards; nothing is, where a variant puts it back itself."""
    made, _ = session(measuring)
    handler = signal.getsignal(signal.SIGUSR2)
    try:
        run(made, tip=lambda: (signal.signal(signal.SIGUSR2, signal.SIG_IGN) and 1) or 1)
    finally:
        signal.signal(signal.SIGUSR2, handler)
    (found,) = recorded(tmp_path)
    (warning,) = found.warnings
    assert warning.code is WarningCode.STATE_CHANGED
    assert warning.detail.startswith("signal handlers (User defined signal 2")


def test_a_pass_that_counts_is_recorded(session: Sessions, recording: Recording, tmp_path: Path) -> None:
    """What was counted is a record of its own; so is what kept a case from being counted, which is no verdict
    on it."""
    made, driver = session(
        CountPlan(*ON, recording=recording, reading="launches", variants={CASE: (BASELINE, "tip")})
    )
    run(made, tip=lambda: 1)
    (found,) = recorded(tmp_path)
    assert found.survey
    assert [trial.variant for trial in found.trials] == [BASELINE, "tip"]
    assert driver.events() == [CaseBegins, CaseEnds]


def test_a_pass_for_memory_reads_all_that_the_allocator_has(
    session: Sessions, recording: Recording, tmp_path: Path
) -> None:
    """On the CPU that is the peak alone; it is a reading that repeating does not change, with its source."""
    made, _ = session(
        CountPlan(*ON, recording=recording, reading="peak_bytes", variants={CASE: (BASELINE, "tip")})
    )
    run(made, tip=lambda: 1)
    (found,) = recorded(tmp_path)
    assert found.survey
    for trial in found.trials:
        assert (set(trial.exact), trial.solo) == ({"peak_bytes"}, {})
        assert "a pass of its own" in trial.sources["peak_bytes"]


def test_a_case_that_cannot_be_counted_is_no_trouble(
    session: Sessions, recording: Recording, tmp_path: Path
) -> None:
    """The record of a case that failed on the way to being counted is that of a survey."""
    made, _ = session(
        CountPlan(*ON, recording=recording, reading="launches", variants={CASE: (BASELINE, "tip")})
    )
    made.begin(CASE)
    made.without_measurement(CASE, CLAIM, skipped=False, reason="no such file")
    (found,) = recorded(tmp_path)
    assert (found.survey, found.status) == (True, Status.FAILED)


@pytest.mark.parametrize("skipped", [True, False])
def test_a_case_without_a_measurement_is_recorded(
    session: Sessions, measuring: MeasurePlan, tmp_path: Path, skipped: bool
) -> None:
    """A case that skips or fails before its measurement has a record with the reason, and its end is sent."""
    made, driver = session(measuring)
    made.begin(CASE)
    made.without_measurement(CASE, CLAIM, skipped=skipped, reason="no such file")
    (found,) = recorded(tmp_path)
    assert (found.status, found.reason) == (Status.SKIPPED if skipped else Status.FAILED, "no such file")
    assert driver.events() == [CaseBegins, CaseEnds]


@pytest.mark.parametrize("ends", [pytest.skip, pytest.fail])
def test_skipping_inside_a_variant_is_recorded(
    session: Sessions, measuring: MeasurePlan, tmp_path: Path, ends: Any
) -> None:
    """`pytest.skip` in a variant's factory ends the measurement past every handler, and is recorded all the
    same."""
    made, _ = session(measuring)

    def factory() -> Any:
        ends("the decoder needs a driver")

    with pytest.raises(ends.Exception):
        run(made, tip=prepared(factory))
    made.without_measurement(CASE, CLAIM, skipped=ends is pytest.skip, reason="the decoder needs a driver")
    (found,) = recorded(tmp_path)
    assert found.reason == "the decoder needs a driver"


def test_a_full_disk_is_reported_and_ends_the_process(
    session: Sessions, measuring: MeasurePlan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What cannot be written is reported over the channel, and the process ends instead of measuring for
    nothing."""
    made, driver = session(measuring)

    def full(writer: object, measurement: Measurement) -> None:
        raise store.StoreError("cannot write: no space")

    monkeypatch.setattr(store, "write_measurement", full)
    with pytest.raises(pytest.exit.Exception):
        run(made, tip=lambda: 1)
    assert driver.received[-1] == Failure("cannot write: no space", FailureKind.REFUSED)


def test_a_side_with_one_variant_stays_until_it_is_stopped(session: Sessions) -> None:
    """The driver sends it before the next case: received there, it would end that measurement before it
    began."""
    asks = RequestSetup(BASELINE), RequestFirstCall(BASELINE), RequestTeardown(BASELINE)
    of_the_next_case = RequestSetup(BASELINE)
    made, driver = session(SidePlan(*ON, core=0), *asks, Stop(), of_the_next_case)
    run(made)
    assert driver.sends == [of_the_next_case]


def test_a_side_reports_what_it_measures_on(session: Sessions) -> None:
    """The monitor of a gate must watch the same GPU: the environment names the device, as in a run's."""
    _, driver = session(SidePlan(*ON, core=0, introduce=True))
    (_, info) = driver.received
    assert isinstance(info, SideInfo)
    reported = dict(info.environment)
    assert reported.pop("packages")["pytest"] == pytest.__version__
    assert reported == {"gpu": None, "device": {"type": "cpu"}}


def test_collecting_measures_nothing(session: Sessions, tmp_path: Path) -> None:
    """While cases are collected a case names its variants and runs none of them; nothing is recorded."""
    made, driver = session(CollectPlan(*ON))
    run(made, tip=pytest.fail, gone=Unavailable("no GPU"))
    made.without_measurement("y.py::bench_y", CLAIM, skipped=True, reason="needs a GPU")
    assert driver.events() == [EnvironmentFound, CaseBegins, CaseFound, CaseAbsent]
    assert driver.received[0] == Ready(Collected((CASE, "y.py::bench_y")))
    assert driver.received[-2:] == [
        CaseFound(CASE, (BASELINE, "tip", "gone"), {"gone": "no GPU"}),
        CaseAbsent("y.py::bench_y", Status.SKIPPED, "needs a GPU"),
    ]
    assert list(tmp_path.iterdir()) == []


def test_an_isolated_pass_that_fails_early_stays_a_solo_pass(
    session: Sessions, recording: Recording, tmp_path: Path
) -> None:
    """A failure before an isolated pass is recorded as one of that pass: it does not stop a case that is
    measured."""
    made, _ = session(IsolatedPlan(*ON, recording=recording, variant="tip"))
    made.begin(CASE)
    made.without_measurement(CASE, CLAIM, skipped=False, reason="boom")
    (found,) = recorded(tmp_path)
    assert found.survey
    assert found.status is Status.FAILED


def test_an_isolated_pass_measures_one_variant(
    session: Sessions, recording: Recording, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An isolated pass has the readings of its variant alone, those after leaving early included, and no
    samples."""
    monkeypatch.setattr("harness.probes.pinned.pinned_peak", lambda: 0)
    made, _ = session(IsolatedPlan(*ON, recording=recording, variant="tip"))
    left: list[str] = []

    class Tip:
        def __call__(self) -> int:
            return 1

        def leave_early(self) -> None:
            left.append("early")

    run(made, tip=Tip(), other=pytest.fail)
    (found,) = recorded(tmp_path)
    (trial,) = found.trials
    assert (found.survey, trial.variant, trial.samples, trial.status) == (True, "tip", {}, Status.MEASURED)
    assert {"seconds", "pss_bytes", "threads_left", "processes_left"} <= set(trial.solo)
    assert (trial.solo["threads_left"], trial.solo["processes_left"]) == (0.0, 0.0)
    assert "early" in trial.sources["threads_left"]
    assert left == ["early"]


def test_a_traced_pass_traces_one_variant(
    session: Sessions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its process reports what an iteration took without and with the profiler, and writes no record."""
    file = tmp_path / "traces" / "x.json.gz"
    asked_for: list[Path] = []

    def profile(call: Any, device: Any, path: Path) -> ProfiledPass:
        asked_for.append(path)
        call()
        return ProfiledPass(3, 1e-3, 2e-3)

    monkeypatch.setattr("harness.probes.profile.profile", profile)
    made, driver = session(TracePlan(*ON, variant="tip", file=file))
    run(made, tip=lambda: 1, other=pytest.fail)
    made.without_measurement(CASE, CLAIM, skipped=False, reason="teardown failed")
    assert asked_for == [file]
    assert driver.received[1:] == [CaseBegins(CASE), CaseTraced(CASE, 1e-3, 2e-3)]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("early", [True, False])
def test_a_traced_pass_that_fails_has_a_reason(session: Sessions, tmp_path: Path, early: bool) -> None:
    """Before its measurement or in it: an error with the reason, and no record."""

    def raises() -> None:
        raise RuntimeError("boom")

    made, driver = session(TracePlan(*ON, variant="tip", file=tmp_path / "x"))
    made.begin(CASE)
    if early:
        made.without_measurement(CASE, CLAIM, skipped=False, reason="RuntimeError: boom")
    else:
        run(made, tip=raises)
    failed = driver.received[-1]
    assert isinstance(failed, CaseTraced)
    assert failed.reason.endswith("RuntimeError: boom")


def test_a_process_serves_its_variant(session: Sessions, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process replies for its own variant, reports what it raises, and ends after the teardown."""
    monkeypatch.setattr(served, "REWARM", 0.0)
    requests = RequestSetup("tip"), RequestRound("tip", 2, 1), RequestTeardown("tip")
    made, driver = session(VariantPlan(*ON, variant="tip"), *requests)
    calls: list[int] = []
    run(made, tip=lambda: calls.append(1), other=pytest.fail)
    assert len(calls) == 3
    assert driver.events() == [VariantReady, Done, RoundDone, Done]
    made.without_measurement(CASE, CLAIM, skipped=False, reason="teardown failed")
    assert len(driver.received) == 5


def test_what_ends_a_process_is_sent(session: Sessions) -> None:
    """A process that skips or fails before or in its measurement sends it as an error, which ends its
    turn."""

    def factory() -> Any:
        pytest.skip("the decoder needs a driver")

    made, driver = session(VariantPlan(*ON, variant="tip"), RequestSetup("tip"))
    with pytest.raises(pytest.skip.Exception):
        run(made, tip=prepared(factory))
    made.without_measurement(CASE, CLAIM, skipped=True, reason="the decoder needs a driver")
    assert driver.received[-1] == Failure("the decoder needs a driver")


def test_order_is_random_by_the_seed(session: Sessions, tmp_path: Path) -> None:
    """Cases are measured in an order drawn from the plan's seed; what is not here is left out."""
    cases = tuple(f"{name}.py::bench" for name in "abcdef")
    orders = set()
    for seed in range(20):
        recording = Recording(tmp_path, f"invocation-{seed}", 1, seed)
        plan = MeasurePlan(
            (*cases, "gone.py::bench"), "auto", None, recording=recording, options={}, snapshots=False
        )
        order = session_of(Driver(plan)).choose({case: case for case in cases})
        assert sorted(order) == sorted(cases)
        orders.add(tuple(order))
    assert len(orders) > 10


def test_failures_are_one_line() -> None:
    """What was raised is put into one line of bounded length."""
    assert failure(RuntimeError("\n\n  boom \nmore")) == "RuntimeError: boom"
    assert failure(KeyError()) == "KeyError"
    assert len(failure(RuntimeError("x" * 10_000))) <= 500


@pytest.mark.parametrize("plan", [VariantPlan(*ON, variant="tip"), SidePlan(*ON, core=1)])
def test_threads_of_live_processes_are_placed_on_a_gpu_too(
    monkeypatch: pytest.MonkeyPatch, plan: Plan
) -> None:
    """Work that is bound by the host's launches would move over the cores."""
    placed: list[object] = []

    def local(name: str, *_: object, settle: object, **__: object) -> SimpleNamespace:
        placed.append(settle)
        return SimpleNamespace(teardown=lambda: None)

    monkeypatch.setattr(served, "local", local)
    monkeypatch.setattr(served, "serve", lambda *_, **__: None)
    monkeypatch.setattr(driven, "share_device", lambda _: None)
    made = session_of(Driver(plan), "cuda")
    made.choose({CASE: "the item"})
    made.measure(CASE, CLAIM, spec_of(tip=lambda: 1), CASE, Path())
    assert len(placed) == (1 if isinstance(plan, VariantPlan) else 2)
    assert None not in placed


@pytest.mark.parametrize("skipped", [False, True])
def test_what_a_benchmark_raised_is_in_the_log_before_it_is_reported(
    session: Sessions,
    measuring: MeasurePlan,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    skipped: bool,
) -> None:
    """The driver may kill this process before pytest prints it at its end. A skip is not logged."""
    made, _ = session(measuring)
    logged: list[str] = []
    monkeypatch.setattr(made, "without_measurement", lambda *_, **__: logged.append(capsys.readouterr().err))
    monkeypatch.setattr(plugin, "claim_of", lambda item: CLAIM)
    monkeypatch.setattr(plugin, "case_of", lambda item: CASE)
    monkeypatch.setattr(plugin, "place_of", lambda collector: "x.py")
    try:
        raise RuntimeError("CUDA error: an illegal memory access")
    except RuntimeError as error:
        raised = SimpleNamespace(excinfo=SimpleNamespace(value=error))
    item = SimpleNamespace(config=SimpleNamespace(stash={plugin.SESSION: made}))
    hook = plugin.pytest_runtest_makereport(item, raised)  # type: ignore[arg-type]
    next(hook)
    with pytest.raises(StopIteration):
        hook.send(SimpleNamespace(passed=False, skipped=skipped))  # type: ignore[arg-type]
    collector = SimpleNamespace(config=item.config)
    collecting = plugin.pytest_make_collect_report(collector)  # type: ignore[arg-type]
    next(collecting)
    monkeypatch.setattr(made, "not_collected", made.without_measurement)
    with pytest.raises(StopIteration):
        collecting.send(SimpleNamespace(call=raised, skipped=skipped, nodeid="x.py"))  # type: ignore[arg-type]
    assert len(logged) == 2
    for words in logged:
        assert (
            "Traceback (most recent call last)" in words and "illegal memory access" in words
        ) is not skipped


SUITE = replace(CLAIM, fixture=FIXTURE)


def test_a_test_is_reported_when_it_has_passed(session: Sessions) -> None:
    """While cases are collected, what it asserts of its result comes first."""
    made, driver = session(CollectPlan(*ON))
    made.begin(CASE)
    assert made.measure(CASE, SUITE, spec_of(), CASE, Path()) is None
    made.returned(CASE, 7)
    assert driver.events() == [EnvironmentFound, CaseBegins]
    made.passed(CASE, SUITE)
    found = driver.received[-1]
    assert isinstance(found, CaseFound)
    assert (found.case, found.variants, found.result) == (CASE, (BASELINE,), sketch(7))


def test_a_test_that_fails_behind_its_call_has_failed(session: Sessions) -> None:
    """Its time would be worth nothing."""
    made, driver = session(CollectPlan(*ON))
    made.measure(CASE, SUITE, spec_of(), CASE, Path())
    made.without_measurement(CASE, SUITE, skipped=False, reason="assert 7 == 8")
    assert driver.received[-1] == CaseAbsent(CASE, Status.FAILED, "assert 7 == 8")


@pytest.mark.parametrize(("claim", "fixture"), [(CLAIM, "compare"), (SUITE, "benchmark")])
@pytest.mark.parametrize("plan", [CollectPlan(*ON), SidePlan(*ON, core=0)])
def test_a_test_that_calls_nothing_has_failed(
    session: Sessions, plan: Plan, claim: Claim, fixture: str
) -> None:
    """Wherever its driver waits for it."""
    made, driver = session(plan)
    made.passed(CASE, claim)
    assert driver.received[-1] == CaseAbsent(CASE, Status.FAILED, f"it ended without a call of {fixture}")
