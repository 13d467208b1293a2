"""Taking turns: processes that take turns, the others stopped, and none left behind. Real processes without
torch."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import pytest

from harness.measure.correctness import Agreement
from harness.measure.limits import RoundLimits
from harness.measure.runner import Round
from harness.measure.session import SessionOptions, run_session
from harness.model import Claim, Expect, Status, WarningCode
from harness.processes.live import Reaper
from harness.workers import tensors, turns
from harness.workers.client import RemoteRunner, WorkerFailed
from harness.workers.protocol import VariantPlan
from harness.workers.turns import TakingTurns, own_processes
from tests.support.forked import fork_for, forked
from tests.support.living import ENVIRONMENT, PATIENCE, ROOT, going, gone, python, state, stopped

PROCESS = """
import gc, json, os, signal, sys
from pathlib import Path
from harness.measure.clock import HostClock
from harness.workers import tensors
from harness.measure.local_runner import LocalRunner
from harness.measure.runner import Round
from harness.model import WarningCode
from harness.measure.failure import failure
from harness.workers.server import serve
from harness.measure.variant import prepared
from harness.processes.live import Channel
from harness.workers.codec import must_receive, send
from harness.workers.protocol import VariantReady

tensors.save = lambda result, path: path.write_text(json.dumps(result.value))  # the real one needs torch
channel = Channel.inherited()
plan = must_receive(channel).claims  # what the test states of it
variant = plan["variant"]

def state(pid):
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]

class Result:
    def __init__(self, child):
        rivals = Path(plan["rivals"]).read_text().split() if os.path.exists(plan["rivals"]) else []
        self.value = plan.get("value", 1)
        self.readings = {"pid": os.getpid(), "child": child, "seed": int(os.environ["PYTHONHASHSEED"]),
                         "collecting": gc.isenabled(), "rivals": len(rivals),
                         "idle": sum(state(pid) == "T" for pid in rivals)}

class Windowed:
    window_seconds = 0.5
    def __call__(self):
        return Result(0)
    def window(self, cpu_seconds):
        return Round(3.0, None, {"wait_seconds": 1.5}, 1.5, (WarningCode.WINDOW_CUT,))

calls = 0
def factory():
    if plan["does"] == "windows":
        return Windowed()
    child = os.fork()
    if not child:
        while True: signal.pause()
    if plan["does"] == "raise at set-up":
        raise RuntimeError("no such loader")
    def iteration():
        global calls
        calls += 1
        if calls > 1:
            match plan["does"]:
                case "die":
                    print("terminate called", flush=True)
                    os.kill(os.getpid(), signal.SIGKILL)
                case "hang": signal.pause()
                case "raise": raise RuntimeError("boom")
        return Result(child)
    return iteration

if plan["does"] == "never ready":
    print("ImportError: no torch", flush=True)
    sys.exit(3)
send(channel, VariantReady())
serve(channel, {variant: LocalRunner(variant, prepared(factory), HostClock(), None)}, failure)
"""
"""A process with a forked worker, which does as its plan states from its second iteration on."""


@dataclass
class Room:
    """Processes that take turns, and what each does."""

    folder: Path
    does: Mapping[str, str]
    watch: Any = None
    command: Callable[[str], list[str]] = python

    def launch(self, name: str) -> tuple[list[str], VariantPlan]:
        """As the plug-in's: a command line, and the plan, whose claims have what the script is to do."""
        does = {"variant": name, "does": self.does.get(name, ""), "rivals": str(self.folder / name)}
        return self.command(PROCESS), VariantPlan((), "cpu", None, does, variant=name)

    def turns(self) -> TakingTurns:
        """The turns themselves."""
        return TakingTurns(self.launch, environment=ENVIRONMENT, timeout=PATIENCE, watch=self.watch)

    def name_rivals(self, name: str, *pids: int) -> None:
        """Let a process look at the state of these processes whenever it goes round."""
        (self.folder / name).write_text(" ".join(map(str, pids)))


Rooms = Callable[..., Room]


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rooms:
    """Makes rooms; results are sent as JSON."""
    monkeypatch.setattr(tensors, "load", lambda path: json.loads(path.read_text()))
    fork_for(monkeypatch)
    return lambda watch=None, **does: Room(tmp_path, does, watch, forked)


@pytest.fixture
def pair(room: Rooms) -> Iterator[tuple[Room, RemoteRunner, RemoteRunner]]:
    """Two processes that behave, set up."""
    made = room()
    with made.turns() as turns:
        remotes = turns.start("base"), turns.start("head")
        for remote in remotes:
            remote.setup()
        yield made, *remotes


def child_of(remote: RemoteRunner) -> int:
    """The forked worker of a process."""
    return int(remote.run_round(1, 0).readings["child"])


def test_idle_processes_are_stopped_during_another_ones_round(
    pair: tuple[Room, RemoteRunner, RemoteRunner],
) -> None:
    """In every round the other process is stopped with its worker; between turns none runs."""
    made, base, head = pair
    children = {remote: child_of(remote) for remote in (base, head)}
    made.name_rivals("base", head.pid, children[head])
    made.name_rivals("head", base.pid, children[base])
    assert stopped(base.pid, head.pid, *children.values())
    for remote in (base, head, head, base):
        readings = remote.run_round(2, 1).readings
        assert readings["rivals"] == readings["idle"] == 2
        assert stopped(remote.pid, children[remote])


def test_processes_share_a_hash_seed(pair: tuple[Room, RemoteRunner, RemoteRunner]) -> None:
    """Sets and dicts of strings have the same order in both."""
    _, base, head = pair
    assert base.run_round(1, 0).readings["seed"] == head.run_round(1, 0).readings["seed"]
    assert base.run_round(1, 0).readings["pid"] != head.run_round(1, 0).readings["pid"]


def test_no_collection_falls_into_a_round(pair: tuple[Room, RemoteRunner, RemoteRunner]) -> None:
    """Garbage collection is off in the process, where the rounds are, not only in the process that gives
    turns."""
    assert pair[1].run_round(1, 0).readings["collecting"] == 0


def test_results_and_seconds_come_back(pair: tuple[Room, RemoteRunner, RemoteRunner]) -> None:
    """The first call's result arrives, and a round's seconds are those that the process's clock took."""
    seconds, result = pair[1].first_call()
    assert result == 1
    assert seconds > 0
    assert pair[1].run_round(3, 0).seconds > 0


def test_usage_is_read_from_outside(room: Rooms) -> None:
    """CPU-seconds are read from outside before and after a round, per iteration with its lead-in."""
    readings = iter([10.0, 16.0])
    watched: list[int] = []

    class Tree:
        def __init__(self, pid: int) -> None:
            watched.append(pid)

        def cpu_seconds(self) -> float:
            return next(readings)

        def members(self) -> list[Any]:
            return []

        def memory_with(self, workers: set[int]) -> tuple[int, str]:
            return 4096, "a fake tree"

    with room(watch=Tree).turns() as turns:
        remote = turns.start("base")
        remote.setup()
        assert remote.run_round(2, 1).readings["cpu_seconds"] == 2.0
        assert remote.read("tree_bytes") == (
            4096.0,
            "a fake tree, after its first epoch, in a live process of its own",
        )
    assert watched == [remote.pid]


def test_windows_of_another_process(room: Rooms) -> None:
    """How long they take is known from the first call on; what is read from outside is none of theirs."""

    class Tree:
        def __init__(self, pid: int) -> None:
            pass

        def cpu_seconds(self) -> float:
            raise AssertionError("a lead-in would count")

    with room(watch=Tree, base="windows").turns() as turns:
        remote = turns.start("base")
        remote.setup()
        assert remote.window_seconds == 0.0
        remote.first_call()
        assert remote.window_seconds == 0.5
        found = remote.run_round(1, 0)
        assert found == Round(3.0, None, {"wait_seconds": 1.5}, 1.5, (WarningCode.WINDOW_CUT,))


def test_leaving_ends_in_order(pair: tuple[Room, RemoteRunner, RemoteRunner]) -> None:
    """A process that was left has gone or goes; leaving it twice, or after its end, is no error."""
    pair[1].teardown()
    pair[1].teardown()
    with pytest.raises(WorkerFailed):
        pair[1].run_round(1, 0)


def test_no_process_outlives_its_turns(room: Rooms) -> None:
    """Processes and workers are gone after the block, also when it ends in an error, whatever state they were
    in."""
    pids: list[int] = []
    with pytest.raises(KeyboardInterrupt), room().turns() as turns:
        for name in ("base", "head"):
            remote = turns.start(name)
            remote.setup()
            pids += [remote.pid, child_of(remote)]
        pids.append(turns.start("late").pid)
        raise KeyboardInterrupt
    assert [pid for pid in pids if not gone(pid)] == []
    assert [state(pid) for pid in (pids[0], pids[2], pids[4])] == [""] * 3  # reaped, too


def test_a_process_that_dies_in_mid_turn(room: Rooms) -> None:
    """The death of a process is an error with its last words, at once; its worker goes too, the other goes
    on."""
    with room(head="die").turns() as turns:
        base, head = turns.start("base"), turns.start("head")
        base.setup()
        head.setup()
        child = child_of(head)
        with pytest.raises(WorkerFailed, match=r"SIGKILL.*: terminate called"):
            head.run_round(1, 0)
        assert gone(child)
        assert gone(head.pid)
        head.teardown()
        assert base.run_round(1, 0).seconds > 0


def test_a_process_that_is_never_ready(room: Rooms) -> None:
    """A process that ends before its measurement is an error with its exit status and last line."""
    with (
        room(base="never ready").turns() as turns,
        pytest.raises(WorkerFailed, match=r"status 3: ImportError"),
    ):
        turns.start("base").setup()


def test_a_process_that_hangs_is_ended(room: Rooms) -> None:
    """No answer in time is a TimeoutError that names the process; the process and its worker are gone."""
    with room(head="hang").turns() as turns:
        head = turns.start("head")
        head.setup()
        child = child_of(head)
        head.client.timeout = 0.05
        with pytest.raises(TimeoutError, match=r"no answer from head in 0\.05 s"):
            head.run_round(1, 0)
        assert gone(head.pid)
        assert gone(child)
        head.teardown()


@pytest.mark.parametrize("does", ["raise", "raise at set-up"])
def test_what_a_process_raises_arrives(room: Rooms, does: str) -> None:
    """An exception in a process is a WorkerFailed with its one line; the process may then be torn down."""
    with room(base=does).turns() as turns:
        remote = turns.start("base")
        with pytest.raises(WorkerFailed, match=r"^RuntimeError: (boom|no such loader)$"):
            remote.setup()
            child_of(remote)
            remote.run_round(1, 0)
        assert stopped(remote.pid)
        remote.teardown()


def test_a_variant_may_have_any_name(room: Rooms) -> None:
    """A variant's name is no path: one with a slash is started like any other."""
    with room().turns() as turns:
        remote = turns.start("../workers=4/pinned")
        remote.setup()
        assert remote.first_call()[1] == 1


def test_a_session_of_processes(room: Rooms) -> None:
    """A whole measurement of processes: the one that dies fails alone, the others have all their blocks."""
    with room(tip="die").turns() as turns:
        names = ("baseline", "tip", "trick")
        trials, warnings = run_session(
            [turns.start(name) for name in names],
            Agreement(lambda expected, got: expected == got),
            reference=None,
            expect=dict.fromkeys(names, Expect.LOWER),
            options=SessionOptions(
                RoundLimits(
                    share=0.0, round_seconds=0.0, longest_round=0.0, fewest_blocks=3, warmup_limit=0.0
                ),
                now=lambda: 0.0,
                random=Random(1),
            ),
        )
    found = {trial.variant: trial for trial in trials}
    assert found["tip"].status is Status.FAILED
    assert "SIGKILL" in found["tip"].reason
    assert [len(found[name].samples["seconds"]) for name in ("baseline", "trick")] == [3, 3]
    assert warnings == []


COORDINATOR = f"""
import json, sys
sys.path[0:0] = [{str(ROOT)!r}, {str(ROOT / "tests" / "workers")!r}]
from pathlib import Path
from test_turns import Room
with Room(Path(sys.argv[1]), {{"head": "hang"}}).turns() as turns:
    base, head = turns.start("base"), turns.start("head")
    base.setup()
    head.setup()
    children = [int(remote.run_round(1, 0).readings["child"]) for remote in (base, head)]
    print(json.dumps([base.pid, head.pid, *children]), flush=True)
    head.run_round(1, 0)
"""


def test_no_process_outlives_the_killed_coordinator(tmp_path: Path) -> None:
    """kill -9 of the process that gives turns, in the middle of one: stopped and running processes end,
    workers too."""
    with subprocess.Popen(
        [sys.executable, "-c", COORDINATOR, str(tmp_path)], stdout=subprocess.PIPE, env=ENVIRONMENT
    ) as coordinator:
        assert coordinator.stdout is not None
        base, head, *children = json.loads(coordinator.stdout.readline())
        assert stopped(base, children[0])
        assert going(head, children[1])
        coordinator.send_signal(signal.SIGKILL)
        coordinator.wait(PATIENCE)
    assert [pid for pid in (base, head, *children) if not gone(pid)] == []


def test_one_process_that_hangs_leaves_time_for_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer's time limit is below the case's: the case's own would end all of its processes at the same
    moment."""
    given: dict[str, Any] = {}

    def taking_turns(launch: object, **more: Any) -> Any:
        given.update(more)
        raise LookupError

    monkeypatch.setattr(turns, "TakingTurns", taking_turns)
    claim = Claim("X", "a tip", "x.py", "bench_x", apart=True, time_limit=90.0)
    with pytest.raises(LookupError), ExitStack() as stack:
        own_processes(lambda name: ([], VariantPlan((), "cpu", None, variant=name)))(
            claim, ("baseline", "tip"), stack
        )
    assert 0 < given["timeout"] <= 45.0
    assert given["watch"] is None


# --- results sent -------------------------------------------------------------------------------------------


@dataclass
class Epoch:
    """A result with fields, as loaders give."""

    ids: Any
    total: float
    readings: Mapping[str, float]


def test_results_are_sent(tmp_path: Path) -> None:
    """Tensors, arrays, numbers, nested containers and dataclasses arrive as they were."""
    import numpy
    import torch

    weight = torch.ones(3, requires_grad=True)
    given = {
        "epoch": Epoch(torch.arange(3), 2.5, {"wait_seconds": 0.5}),
        "rows": [numpy.eye(2), None, "x", True, 7],
        "weight": weight,
        "half": torch.ones(2, dtype=torch.bfloat16),
    }
    tensors.save(given, tmp_path / "result.pt")
    got: Any = tensors.load(tmp_path / "result.pt")
    assert isinstance(got["epoch"], Epoch)
    assert torch.equal(got["epoch"].ids, torch.arange(3))
    assert (got["epoch"].total, got["epoch"].readings) == (2.5, {"wait_seconds": 0.5})
    assert numpy.array_equal(got["rows"][0], numpy.eye(2))
    assert got["rows"][1:] == [None, "x", True, 7]
    assert torch.equal(got["weight"], weight.detach())
    assert not got["weight"].requires_grad
    assert got["half"].dtype is torch.bfloat16


def test_code_is_not_sent(tmp_path: Path) -> None:
    """What would have to be pickled is refused with what to return instead."""
    with pytest.raises(TypeError, match="return tensors, numbers"):
        tensors.save(Reaper, tmp_path / "result.pt")
    assert list(tmp_path.iterdir()) == []
