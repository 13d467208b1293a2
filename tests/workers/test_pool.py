"""The worker pool: real processes that hang, die, exit or go on for ever cost the case in flight and nothing
else."""

from __future__ import annotations

import json
import select
from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from math import inf
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from harness.measure.limits import RoundLimits
from harness.model import FIXTURE, Activity, Claim, Collected, Span, Status
from harness.workers import spare
from harness.workers.codec import Message
from harness.workers.collect import NO_CASE, NO_TEST, Collection, WorkerError
from harness.workers.pool import CALL_LIMIT, CaseRequest, WorkerPool, WorkerReport
from harness.workers.protocol import CaseAbsent, CaseBegins, CaseEnds, CaseTraced, Importing, Ready
from harness.workers.spare import SpareWorker, WorkerSettings, file_limits
from tests.support.forked import fork_for, forked
from tests.support.living import PATIENCE, gone, stopped

MEASURING = """
import json, os, signal, sys, threading
from pathlib import Path
from harness import store
from harness.model import Measurement
from harness.processes.live import Channel
from harness.workers.codec import Failure, must_receive, send
from harness.workers.protocol import *

folder = Path(sys.argv[1])
does = json.loads((folder / "does.json").read_text())
with (folder / "pids").open("a") as file:
    print(os.getpid(), file=file)
if does.get("import") == "fails":
    print("conftest.py: no torch", flush=True)
    sys.exit(4)
channel = Channel.inherited()
for file in [name for name in does if name.endswith(".py")]:
    if (folder / file).as_posix() not in sys.argv[2:]:
        continue
    send(channel, Importing(file))
    match does[file]:
        case "hangs": signal.pause()
        case "dies": os.kill(os.getpid(), signal.SIGKILL)
    send(channel, Importing())
found = tuple(case for case in does if "::" in case)
send(channel, Ready(Collected(found, {"bad.py": "no module"}, {"gone.py": "no GPU"})))
plan = must_receive(channel)
calling = isinstance(plan, CollectPlan)
if calling:
    if does.get("device") == "gone":
        send(channel, Failure("no CUDA device here"))
        sys.exit(2)
    send(channel, EnvironmentFound({"gpu": None}, ""))
elif isinstance(plan, RecordedPlan):
    to = plan.recording
    writer = store.open_invocation(to.folder, to.name, environment={"gpu": None}, planned=plan.cases)
for case in plan.cases:
    send(channel, CaseBegins(case))
    if isinstance(plan, TracePlan) and does[case] == "well":
        send(channel, CaseTraced(case, 1.0, 2.0, reason=str(plan.file)))
        continue
    match does[case]:
        case "hangs": signal.pause()
        case "dies": os.kill(os.getpid(), signal.SIGKILL)
        case "exits": sys.exit(3)
        case "closes": os.closerange(3, 256); os._exit(1)
        case "interrupts": sys.exit(2)
        case "sends nothing": continue
        case "fills the disk":
            send(channel, Failure("cannot write: no space"))
            sys.exit(2)
        case "skips":
            send(channel, CaseAbsent(case, Status.SKIPPED, "needs a GPU"))
            continue
    if calling:
        send(channel, CaseFound(case, ("baseline", "tip", "gone"), {"gone": "why"}))
        continue
    store.write_measurement(writer, Measurement(case, "X", to.invocation, seconds=float(os.getpid())))
    if does[case] == "dies behind its record": os.kill(os.getpid(), signal.SIGKILL)
    send(channel, CaseEnds(case))
if does.get("end") == "hangs": signal.pause()
"""
"""A measuring process by script: does with each case what a file has for it."""

OURS = ("import", "device", "end")


class Script:
    """What measuring processes do, and the pool that drives them."""

    def __init__(self, folder: Path, width: int = 1, time_limits: Mapping[str, float] | None = None) -> None:
        self.folder = folder
        self.began: list[str] = []
        self.ended: list[str] = []
        self.spans: list[Span] = []
        self.invocations = 0
        self.pool = WorkerPool(
            WorkerSettings("python", folder, folder, "cpu", None, width=width, time_limits=time_limits or {}),
            begins=lambda case, invocation: self.began.append(case),
            ends=lambda case, invocation: self.ended.append(case),
            spans=self.spans.append,
        )

    def does(self, **by_name: str) -> list[str]:
        """State what happens in each case; gives the cases."""
        stated = {
            name if name in OURS or name.endswith(".py") else f"x.py::{name}": what
            for name, what in by_name.items()
        }
        (self.folder / "does.json").write_text(json.dumps(stated))
        return [name for name in stated if "::" in name]

    def gives_up_after(self, *events: tuple[type[Message], str]) -> None:
        """Time is up at once after each of these events, each with its case, and never before.

        No limit has to be short for that, so that a slow machine passes none by accident.
        """
        spare = self.pool._spare
        receive = spare.receive
        last: tuple[type[Message], str] = (Message, "")

        def impatient(worker: SpareWorker, limit: float) -> Message | None:
            nonlocal last
            if last in events:
                last = (Message, "")
                return None
            message = receive(worker, limit)
            if message is not None:
                last = (type(message), getattr(message, "case", ""))
            return message

        await_message = spare.await_message

        def impatient_too(
            worker: SpareWorker, seconds: float, until: float = inf, idle: float | None = None
        ) -> tuple[Message | None, str]:
            nonlocal last
            if last in events:
                last = (Message, "")
                return None, f"it did nothing for {idle or seconds:g} s"
            message, spent = await_message(worker, seconds, until, idle)
            if message is not None:
                last = (type(message), getattr(message, "case", "") or getattr(message, "file", ""))
            return message, spent

        spare.receive = impatient  # type: ignore[method-assign]
        spare.await_message = impatient_too  # type: ignore[method-assign]

    def measure(self, cases: list[str], *, ahead: int = 1) -> WorkerReport:
        """One invocation."""
        claim = Claim("X", "a tip", "x.py", "bench", time_limit=PATIENCE)
        requests = {case: CaseRequest(claim, RoundLimits(), None, memory=False) for case in cases}
        self.invocations += 1
        return self.pool.measure(self.invocations, requests, deadline=monotonic() + PATIENCE, ahead=ahead)

    def pids(self) -> list[int]:
        """Every process that was started."""
        file = self.folder / "pids"
        return [int(line) for line in file.read_text().split()] if file.exists() else []


Started = Callable[..., Script]


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Started]:
    """Makes a pool whose processes run the script above; none may be left at the end."""
    fork_for(monkeypatch)
    monkeypatch.setattr(
        spare, "pytest_command", lambda _, __, targets: forked(MEASURING, str(tmp_path), *targets)
    )
    made: list[Script] = []

    def started(width: int = 1, time_limits: Mapping[str, float] | None = None) -> Script:
        made.append(Script(tmp_path, width, time_limits))
        made[-1].pool.__enter__()
        return made[-1]

    yield started
    for one in made:
        one.pool.__exit__(None, None, None)
        assert [pid for pid in one.pids() if not gone(pid)] == []


def statuses(report: WorkerReport) -> dict[str, Any]:
    """What became of each case."""
    found = [*report.measurements, *([report.unfinished] if report.unfinished else [])]
    assert len({m.case for m in found}) == len(found)
    return {m.case.removeprefix("x.py::"): m.status for m in found}


# --- measuring ----------------------------------------------------------------------------------------------


def test_everything_measured_is_reported(script: Started) -> None:
    """A process that measures all its cases: all of them, nothing unfinished, and the screen last of each."""
    one = script()
    report = one.measure(one.does(a="", b=""))
    assert statuses(report) == {"a": Status.MEASURED, "b": Status.MEASURED}
    assert (report.unfinished, report.out_of_time, report.error) == (None, False, "")
    assert one.began == one.ended == ["x.py::a", "x.py::b"]


@pytest.mark.parametrize(
    ("what", "status", "reason"),
    [
        ("dies", Status.FAILED, "SIGKILL"),
        ("exits", Status.FAILED, "exit status 3"),
        ("closes", Status.FAILED, "it closed the connection"),
        ("interrupts", Status.FAILED, "KeyboardInterrupt"),
        ("hangs", Status.TIMED_OUT, f"time limit of {PATIENCE:g} s"),
    ],
)
def test_trouble_costs_the_case_in_flight(script: Started, what: str, status: Status, reason: str) -> None:
    """A case that dies or hangs is named with the reason; what was measured before it is kept, the rest is
    left."""
    one = script()
    if what == "hangs":
        one.gives_up_after((CaseBegins, "x.py::b"))
    report = one.measure(one.does(a="", b=what, c=""))
    assert statuses(report) == {"a": Status.MEASURED, "b": status}
    assert report.unfinished is not None
    assert reason in report.unfinished.reason
    assert not report.unfinished.survey
    assert one.ended == ["x.py::a", "x.py::b"]
    assert (report.out_of_time, report.error) == (False, "")


def test_what_is_on_the_disk_counts(script: Started) -> None:
    """A process that dies between a record and the news of it has measured that case: it is not unfinished
    too."""
    one = script()
    assert statuses(one.measure(one.does(a="dies behind its record"))) == {"a": Status.MEASURED}


def test_the_budget_ends_whatever_is_going_on(script: Started) -> None:
    """At the deadline a case in flight is given up without a verdict on it."""
    one = script()
    (case,) = one.does(a="hangs")
    limits: list[float] = []
    waiting = one.pool._spare
    receive = waiting.receive

    def noted(worker: SpareWorker, limit: float) -> Message | None:
        limits.append(limit)
        return receive(worker, limit)

    waiting.receive = noted  # type: ignore[method-assign]
    claim = Claim("X", "a tip", "x.py", "bench", time_limit=PATIENCE)
    deadline = monotonic() + 0.3
    report = one.pool.measure(
        1, {case: CaseRequest(claim, RoundLimits(), None, memory=False)}, deadline=deadline
    )
    assert limits[-1] <= deadline
    assert (report.measurements, report.unfinished, report.out_of_time, report.error) == ([], None, True, "")


def test_a_process_that_does_not_end_is_ended(script: Started) -> None:
    """A process that hangs when its last case is over does not use up the budget: it is ended, its results
    count."""
    one = script()
    one.gives_up_after((CaseEnds, "x.py::a"))
    report = one.measure(one.does(a="", end="hangs"))
    assert statuses(report) == {"a": Status.MEASURED}
    assert (report.out_of_time, report.error) == (False, "")


def test_what_was_said_in_time_counts_however_late_it_is_read(script: Started) -> None:
    """A driver that gets no core for a while does not give up a process whose answer lies there already."""
    one = script()
    one.does(a="")
    waiting = one.pool._spare
    worker = waiting._launch(frozenset({"x.py"}), 1)
    try:
        assert select.select([worker.process.channel._reading], [], [], PATIENCE)[0]
        message = waiting.receive(worker, monotonic() - 1.0)
        assert isinstance(message, Ready)
        assert waiting.receive(worker, monotonic() - 1.0) is None
    finally:
        worker.process.end()


def test_a_full_disk_stops_the_run(script: Started) -> None:
    """An error that the process sends is the report's error, and blames no case."""
    one = script()
    report = one.measure(one.does(a="", b="fills the disk"))
    assert report.error == "cannot write: no space"
    assert report.unfinished is None


def test_nothing_at_all_is_an_error(script: Started) -> None:
    """A process that measures nothing, though nothing went wrong, is an error with its exit status."""
    one = script()
    one.does(a="sends nothing")
    report = one.measure(["x.py::a"])
    assert report.unfinished is not None or "exit status 0" in report.error


def test_no_process_can_start(script: Started) -> None:
    """Where the import fails, the error has the exit status and the last words."""
    one = script()
    cases = one.does(a="", **{"import": "fails"})
    with pytest.raises(
        WorkerError, match=r"exit status 4: conftest\.py: no torch \(see .*process-001\.log\)"
    ):
        one.measure(cases, ahead=3)


def test_processes_wait_stopped_for_their_turn(script: Started) -> None:
    """As many are started together as are wanted and allowed; those in waiting are stopped, and used one by
    one."""
    one = script(width=3)
    cases = one.does(a="")
    pids = [one.measure(cases, ahead=5).measurements[0].seconds]
    assert len(one.pids()) == 3
    waiting = one.pool._spare.pids
    assert len(waiting) == 2
    assert stopped(*waiting)
    pids += [one.measure(cases, ahead=5).measurements[0].seconds for _ in range(2)]
    assert len(one.pids()) == 3
    assert sorted(pids) == sorted(map(float, one.pids()))


def test_a_spare_process_serves_cases_of_other_files(script: Started) -> None:
    """Those that are started import what later invocations need, so that none is started in vain."""
    one = script(width=2)
    (a,) = one.does(a="")
    claims = [Claim(name, "a tip", f"{name}.py", "bench", time_limit=PATIENCE) for name in ("x", "y")]
    for number, claim in enumerate(claims, start=1):
        request = {a: CaseRequest(claim, RoundLimits(), None, memory=False)}
        one.pool.measure(number, request, deadline=monotonic() + PATIENCE, ahead=2, files=["x.py", "y.py"])
    assert len(one.pids()) == 2


def test_what_processes_do_is_reported_as_spans(script: Started) -> None:
    """Two import side by side; one is measured while the other waits; a case in flight ends with its
    process."""
    made = script(width=2)
    cases = made.does(a="", b="dies")
    made.measure(cases[:1], ahead=2)
    made.measure(cases[1:], ahead=1)
    found = [(span.process, span.activity, span.case, span.invocation) for span in made.spans]
    assert found == [
        (1, Activity.IMPORT, "", 0),
        (2, Activity.IMPORT, "", 0),
        (1, Activity.WAITING, "", 0),
        (1, Activity.SET_UP, "x.py::a", 1),
        (1, Activity.ROUNDS, "x.py::a", 1),
        (1, Activity.ENDING, "", 1),
        (2, Activity.WAITING, "", 0),
        (2, Activity.SET_UP, "x.py::b", 2),
        (2, Activity.ROUNDS, "x.py::b", 2),
    ]
    for one in (1, 2):
        own = [span for span in made.spans if span.process == one]
        assert all(span.begin <= span.end for span in own)
        assert all(before.end <= after.begin for before, after in pairwise(own))


def test_passes_and_collecting_are_spans_of_their_own(script: Started) -> None:
    """What is weighed is not mistaken for what is measured."""
    made = script()
    (case,) = made.does(a="")
    made.pool.collect(["x.py"])
    made.pool.measure_isolated(
        1, case, Claim("X", "a tip", "x.py", "bench"), "tip", deadline=monotonic() + PATIENCE
    )
    assert [
        span.activity for span in made.spans if span.activity not in (Activity.SET_UP, Activity.WAITING)
    ] == [
        Activity.IMPORT,
        Activity.COLLECTING,
        Activity.IMPORT,
        Activity.WEIGHING,
        Activity.ENDING,
    ]


def test_a_solo_pass_is_alone(script: Started) -> None:
    """An isolated pass has a fresh process, none waits beside it, and what goes wrong in it does not stop its
    case."""
    one = script(width=2)
    cases = one.does(a="")
    one.measure(cases, ahead=2)
    (waiting,) = one.pool._spare.pids
    one.does(a="dies")
    report = one.pool.measure_isolated(
        2, cases[0], Claim("X", "", "x.py", "bench"), "tip", deadline=monotonic() + PATIENCE
    )
    assert gone(waiting)
    assert report.unfinished is not None
    assert report.unfinished.survey
    assert report.unfinished.status is Status.FAILED


def test_a_pass_that_counts_is_alone(script: Started) -> None:
    """It has a fresh process and a limit of its own; a case that takes the process with it does not stop."""
    one = script(width=2)
    cases = one.does(a="")
    one.measure(cases, ahead=2)
    (waiting,) = one.pool._spare.pids
    one.does(a="dies")
    claim = Claim("X", "", "x.py", "bench")
    report = one.pool.count(
        2,
        {cases[0]: (claim, ("baseline", "tip"))},
        "joules",
        {cases[0]: 99.0},
        deadline=monotonic() + PATIENCE,
    )
    assert gone(waiting)
    assert report.unfinished is not None
    assert (report.unfinished.survey, report.unfinished.status) == (True, Status.FAILED)


@pytest.mark.parametrize("what", ["well", "dies", "hangs", "sends nothing"])
def test_a_traced_pass_says_what_it_took(script: Started, what: str, tmp_path: Path) -> None:
    """A traced pass has a fresh process too; what it sent is in the report, and its failure stops no run."""
    one = script(width=2)
    (case,) = one.does(a=what)
    claim = Claim("X", "", "x.py", "bench", time_limit=PATIENCE)
    if what == "hangs":
        one.gives_up_after((CaseBegins, case))
    file = tmp_path / "traces" / "a.json.gz"
    report = one.pool.trace(2, case, claim, "tip", file, deadline=monotonic() + PATIENCE)
    assert (report.measurements, report.error) == ([], "")
    assert (report.traced is not None) is (what == "well")
    if report.traced is not None:
        assert report.traced == CaseTraced(case, 1.0, 2.0, reason=str(file))
        assert report.unfinished is None
    if what in ("dies", "hangs"):
        assert report.unfinished is not None


# --- collecting ---------------------------------------------------------------------------------------------


def test_collecting_names_everything(script: Started) -> None:
    """Cases with their variants and what is missing, skips and broken files with their reasons."""
    one = script()
    one.does(a="", b="skips")
    called = one.pool.collect(["x.py"])
    assert called.cases == {"x.py::a": ("baseline", "tip", "gone")}
    assert called.unavailable == {"x.py::a": {"gone": "why"}}
    assert called.skipped == {"x.py::b": "needs a GPU"}
    assert called.collected == Collected(
        ("x.py::a", "x.py::b"), {"bad.py": "no module"}, {"gone.py": "no GPU"}
    )
    assert called.failed == {}
    assert (called.environment, called.unusable_gpu) == ({"gpu": None}, "")


@pytest.mark.parametrize(
    ("what", "reason"),
    [
        ("dies", "SIGKILL"),
        ("exits", "exit status 3"),
        ("hangs", f"not reach its call of compare: it did nothing for {CALL_LIMIT:g} s"),
        ("sends nothing", "without a call of compare"),
    ],
)
def test_trouble_while_collecting_costs_one_case(script: Started, what: str, reason: str) -> None:
    """A case that dies, hangs or never calls its measurement is the only one that fails; the others are
    called."""
    one = script()
    one.does(a="", b=what, c="", d=what)
    if what == "hangs":
        one.gives_up_after((CaseBegins, "x.py::b"), (CaseBegins, "x.py::d"))
    called = one.pool.collect(["x.py"])
    assert list(called.cases) == ["x.py::a", "x.py::c"]
    assert set(called.failed) == {"x.py::b", "x.py::d"}
    assert all(reason in found for found in called.failed.values())


def test_a_file_that_cannot_be_imported_costs_itself(script: Started) -> None:
    """One that hangs, by the time limit of its benchmarks, or takes the process with it is named; the others
    are called."""
    one = script(time_limits={"h.py": 45.0})
    one.does(a="", **{"h.py": "hangs", "d.py": "dies", "x.py": ""})
    one.gives_up_after((Importing, "h.py"))
    called = one.pool.collect(["d.py", "h.py", "x.py"])
    assert list(called.cases) == ["x.py::a"]
    assert called.collected.broken["h.py"] == "a process did not import it: it did nothing for 45 s"
    assert "SIGKILL" in called.collected.broken["d.py"]
    assert called.collected.broken["bad.py"] == "no module"


def test_no_file_can_be_imported(script: Started) -> None:
    """Where none is left the error names the last."""
    one = script()
    one.does(a="", **{"d.py": "dies", "x.py": "dies"})
    with pytest.raises(WorkerError, match=r"no process can import x\.py: its process was ended by SIGKILL"):
        one.pool.collect(["d.py", "x.py"])


def test_the_time_limit_of_a_file() -> None:
    """That of its slowest benchmark, and never too short to read torch from a slow disk."""
    claims = [
        Claim(name, "a tip", path, name, time_limit=limit)
        for name, path, limit in (("A", "a.py", 10.0), ("B", "b.py", 60.0), ("C", "b.py", 300.0))
    ]
    settings = WorkerSettings("python", Path(), Path(), "cpu", None, time_limits=file_limits(claims))
    assert [settings.idle_limit(path) for path in ("a.py", "b.py", "c.py", "")] == [30.0, 300.0, None, None]


def test_a_collection_that_does_not_end(script: Started) -> None:
    """A process that hangs when every case was called is ended, and no case failed."""
    one = script()
    one.gives_up_after((CaseAbsent, "x.py::b"))
    one.does(a="", b="skips", end="hangs")
    called = one.pool.collect(["x.py"])
    assert (list(called.cases), list(called.skipped), called.failed) == (["x.py::a"], ["x.py::b"], {})


def test_nothing_can_be_collected(script: Started) -> None:
    """Where no process starts, or the device is missing, nothing can be measured: an error with the
    reason."""
    one = script()
    one.does(a="", **{"import": "fails"})
    with pytest.raises(WorkerError, match="exit status 4"):
        one.pool.collect(["x.py"])
    one.does(a="", device="gone")
    with pytest.raises(WorkerError, match="no CUDA device here"):
        one.pool.collect(["x.py"])


def test_every_benchmark_is_accounted_for() -> None:
    """A benchmark without a case has its file's reason, or that pytest found none; those with cases are left
    alone. One that is not skipped by what it says itself is marked."""
    paths = ("in/a.py", "in/b.py", "c.py", "d.py", "e.py", "f.py")
    claims = [Claim(path, "a tip", path, "bench") for path in paths]
    claims.append(Claim("g.py", "", "g.py", "test", fixture=FIXTURE))
    called = Collection(
        cases={"e.py::bench[1]": ("baseline",)},
        collected=Collected(
            broken={"in": "no such fixture", "e.py": "not this one's"},
            skipped={"c.py": "no GPU"},
            removed={"f.py::bench": "deselected"},
        ),
    )
    called.account_for(claims)
    assert called.failed == {
        "in/a.py::bench": "no such fixture",
        "in/b.py::bench": "no such fixture",
        "d.py::bench": NO_CASE,
    }
    assert called.skipped == {"c.py::bench": "no GPU", "f.py::bench": "deselected", "g.py::test": NO_TEST}
    assert {(m.case, m.status, bool(m.warnings)) for m in called.absent(claims)} == {
        ("in/a.py::bench", Status.FAILED, False),
        ("in/b.py::bench", Status.FAILED, False),
        ("d.py::bench", Status.FAILED, False),
        ("c.py::bench", Status.SKIPPED, False),
        ("f.py::bench", Status.SKIPPED, True),
        ("g.py::test", Status.SKIPPED, True),
    }
