"""The turnstile: seats that take turns, the others stopped, and none left behind. Real processes without torch."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import pytest
from forked import fork_for, forked
from living import ENVIRONMENT, PATIENCE, ROOT, going, gone, python, state, stopped

from harness.contest import travel
from harness.contest.agreement import Agreement
from harness.contest.effort import Effort
from harness.contest.hold import hold
from harness.contest.seat import SeatedEntrant, SeatError
from harness.contest.turnstile import Turnstile
from harness.model import Expect, Status
from harness.processes import Guard

SEAT = """
import gc, json, os, signal, sys
from pathlib import Path
from harness.clock import HostClock
from harness.contest import travel
from harness.contest.entrant import LocalEntrant
from harness.contest.failure import failure
from harness.contest.serve import serve
from harness.contest.variant import prepared
from harness.processes import Channel

travel.save = lambda result, path: path.write_text(json.dumps(result.value))  # the real one needs torch
channel = Channel.inherited()
plan = channel.receive()

def state(pid):
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]

class Result:
    def __init__(self, child):
        rivals = Path(plan["rivals"]).read_text().split() if os.path.exists(plan["rivals"]) else []
        self.value = plan.get("value", 1)
        self.readings = {"pid": os.getpid(), "child": child, "seed": int(os.environ["PYTHONHASHSEED"]),
                         "collecting": gc.isenabled(), "rivals": len(rivals),
                         "idle": sum(state(pid) == "T" for pid in rivals)}

calls = 0
def factory():
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

if plan["does"] == "never sit":
    print("ImportError: no torch", flush=True)
    sys.exit(3)
channel.send(seated=True)
serve(channel, {plan["variant"]: LocalEntrant(plan["variant"], prepared(factory), HostClock(), None)}, failure)
"""
"""A seat with a forked worker, which does as its plan says from its second iteration on."""


@dataclass
class Room:
    """A turnstile and what its seats are told to do."""

    folder: Path
    does: Mapping[str, str]
    watch: Any = None
    command: Callable[[str], list[str]] = python

    def seating(self, name: str) -> tuple[list[str], dict[str, Any]]:
        """As the plug-in's: a command line, and the first message."""
        return self.command(SEAT), {"variant": name, "does": self.does.get(name, ""), "rivals": str(self.folder / name)}

    def turnstile(self) -> Turnstile:
        """The turnstile itself."""
        return Turnstile(self.seating, environment=ENVIRONMENT, timeout=PATIENCE, watch=self.watch)

    def name_rivals(self, name: str, *pids: int) -> None:
        """Let a seat look at the state of these processes whenever it goes round."""
        (self.folder / name).write_text(" ".join(map(str, pids)))


Rooms = Callable[..., Room]


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rooms:
    """Makes rooms; results travel as JSON."""
    monkeypatch.setattr(travel, "load", lambda path: json.loads(path.read_text()))
    fork_for(monkeypatch)
    return lambda watch=None, **does: Room(tmp_path, does, watch, forked)


@pytest.fixture
def pair(room: Rooms) -> Iterator[tuple[Room, SeatedEntrant, SeatedEntrant]]:
    """Two seats that behave, set up."""
    made = room()
    with made.turnstile() as turnstile:
        seats = turnstile.seat("base"), turnstile.seat("head")
        for seat in seats:
            seat.enter()
        yield made, *seats


def worker(seat: SeatedEntrant) -> int:
    """The forked worker of a seat."""
    return int(seat.lap(1, 0).readings["child"])


def test_idle_seats_are_stopped_while_another_goes_round(pair: tuple[Room, SeatedEntrant, SeatedEntrant]) -> None:
    """In every round the other seat is stopped with its worker; between turns nobody runs."""
    made, base, head = pair
    workers = {seat: worker(seat) for seat in (base, head)}
    made.name_rivals("base", head.pid, workers[head])
    made.name_rivals("head", base.pid, workers[base])
    assert stopped(base.pid, head.pid, *workers.values())
    for seat in (base, head, head, base):
        readings = seat.lap(2, 1).readings
        assert readings["rivals"] == readings["idle"] == 2
        assert stopped(seat.pid, workers[seat])


def test_seats_share_a_hash_seed(pair: tuple[Room, SeatedEntrant, SeatedEntrant]) -> None:
    """Sets and dicts of strings have the same order in both."""
    _, base, head = pair
    assert base.lap(1, 0).readings["seed"] == head.lap(1, 0).readings["seed"]
    assert base.lap(1, 0).readings["pid"] != head.lap(1, 0).readings["pid"]


def test_no_collection_falls_into_a_seats_round(pair: tuple[Room, SeatedEntrant, SeatedEntrant]) -> None:
    """Garbage collection is off in the seat, where the rounds are, not only in the process that gives turns."""
    assert pair[1].lap(1, 0).readings["collecting"] == 0


def test_results_and_seconds_come_back(pair: tuple[Room, SeatedEntrant, SeatedEntrant]) -> None:
    """The first call's result arrives, and a round's seconds are those that the seat's clock took."""
    seconds, result = pair[1].open()
    assert result == 1
    assert seconds > 0
    assert pair[1].lap(3, 0).seconds > 0


def test_outside_watch_reads_the_seat(room: Rooms) -> None:
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

    with room(watch=Tree).turnstile() as turnstile:
        seat = turnstile.seat("base")
        seat.enter()
        assert seat.lap(2, 1).readings["cpu_seconds"] == 2.0
        assert seat.read("tree_bytes") == (4096.0, "a fake tree, after its first epoch, in a live process of its own")
    assert watched == [seat.pid]


def test_leaving_ends_in_order(pair: tuple[Room, SeatedEntrant, SeatedEntrant]) -> None:
    """A seat that was left has gone or goes; leaving it twice, or after its end, is no error."""
    pair[1].leave()
    pair[1].leave()
    with pytest.raises(SeatError):
        pair[1].lap(1, 0)


def test_no_seat_outlives_the_turnstile(room: Rooms) -> None:
    """Seats and workers are gone after the block, also when it ends in an error, whatever state they were in."""
    pids: list[int] = []
    with pytest.raises(KeyboardInterrupt), room().turnstile() as turnstile:
        for name in ("base", "head"):
            seat = turnstile.seat(name)
            seat.enter()
            pids += [seat.pid, worker(seat)]
        pids.append(turnstile.seat("late").pid)
        raise KeyboardInterrupt
    assert [pid for pid in pids if not gone(pid)] == []
    assert [state(pid) for pid in (pids[0], pids[2], pids[4])] == [""] * 3  # reaped, too


def test_a_seat_that_dies_in_mid_turn(room: Rooms) -> None:
    """The death of a seat is an error with its last words, at once; its worker goes too, the other seat plays on."""
    with room(head="die").turnstile() as turnstile:
        base, head = turnstile.seat("base"), turnstile.seat("head")
        base.enter()
        head.enter()
        child = worker(head)
        with pytest.raises(SeatError, match=r"SIGKILL.*: terminate called"):
            head.lap(1, 0)
        assert gone(child)
        assert gone(head.pid)
        head.leave()
        assert base.lap(1, 0).seconds > 0


def test_a_seat_that_never_sits(room: Rooms) -> None:
    """A seat that ends before its contest is an error with its exit status and last line."""
    with room(base="never sit").turnstile() as turnstile, pytest.raises(SeatError, match=r"status 3: ImportError"):
        turnstile.seat("base").enter()


def test_a_seat_that_hangs_is_ended(room: Rooms) -> None:
    """No answer in time is a TimeoutError that names the seat; the seat and its worker are gone."""
    with room(head="hang").turnstile() as turnstile:
        head = turnstile.seat("head")
        head.enter()
        child = worker(head)
        head.seat.timeout = 0.05
        with pytest.raises(TimeoutError, match=r"no answer from head in 0\.05 s"):
            head.lap(1, 0)
        assert gone(head.pid)
        assert gone(child)
        head.leave()


@pytest.mark.parametrize("does", ["raise", "raise at set-up"])
def test_what_a_seat_raises_arrives(room: Rooms, does: str) -> None:
    """An exception in the seat is a SeatError with its one line, and the seat, stopped again, may be asked to leave."""
    with room(base=does).turnstile() as turnstile:
        seat = turnstile.seat("base")
        with pytest.raises(SeatError, match=r"^RuntimeError: (boom|no such loader)$"):
            seat.enter()
            worker(seat)
            seat.lap(1, 0)
        assert stopped(seat.pid)
        seat.leave()


def test_any_name_may_sit(room: Rooms) -> None:
    """A variant's name is no path: one with a slash is seated like any other."""
    with room().turnstile() as turnstile:
        seat = turnstile.seat("../workers=4/pinned")
        seat.enter()
        assert seat.open()[1] == 1


def test_a_contest_between_seats(room: Rooms) -> None:
    """A whole contest of seats: the one that dies fails alone, the others have all their blocks."""
    with room(tip="die").turnstile() as turnstile:
        names = ("baseline", "tip", "trick")
        trials, warnings = hold(
            [turnstile.seat(name) for name in names],
            Agreement(lambda expected, got: expected == got),
            reference=None,
            expect=dict.fromkeys(names, Expect.LOWER),
            now=lambda: 0.0,
            random=Random(1),
            effort=Effort(share=0.0, round_seconds=0.0, longest_round=0.0, fewest_blocks=3, warmup_limit=0.0),
        )
    found = {trial.variant: trial for trial in trials}
    assert found["tip"].status is Status.FAILED
    assert "SIGKILL" in found["tip"].reason
    assert [len(found[name].samples["seconds"]) for name in ("baseline", "trick")] == [3, 3]
    assert warnings == []


COORDINATOR = f"""
import json, sys
sys.path.insert(0, {str(ROOT / "tests")!r})
from pathlib import Path
from test_turnstile import Room
with Room(Path(sys.argv[1]), {{"head": "hang"}}).turnstile() as turnstile:
    base, head = turnstile.seat("base"), turnstile.seat("head")
    base.enter()
    head.enter()
    children = [int(seat.lap(1, 0).readings["child"]) for seat in (base, head)]
    print(json.dumps([base.pid, head.pid, *children]), flush=True)
    head.lap(1, 0)
"""


def test_no_seat_outlives_the_killed_coordinator(tmp_path: Path) -> None:
    """kill -9 of the process that gives turns, in the middle of one: stopped and running seats end, workers too."""
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


# --- travel -----------------------------------------------------------------------------------------------------------


@dataclass
class Epoch:
    """A result with fields, as loaders give."""

    ids: Any
    total: float
    readings: Mapping[str, float]


def test_results_travel(tmp_path: Path) -> None:
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
    travel.save(given, tmp_path / "result.pt")
    got: Any = travel.load(tmp_path / "result.pt")
    assert isinstance(got["epoch"], Epoch)
    assert torch.equal(got["epoch"].ids, torch.arange(3))
    assert (got["epoch"].total, got["epoch"].readings) == (2.5, {"wait_seconds": 0.5})
    assert numpy.array_equal(got["rows"][0], numpy.eye(2))
    assert got["rows"][1:] == [None, "x", True, 7]
    assert torch.equal(got["weight"], weight.detach())
    assert not got["weight"].requires_grad
    assert got["half"].dtype is torch.bfloat16


def test_code_does_not_travel(tmp_path: Path) -> None:
    """What would have to be pickled is refused with what to return instead."""
    with pytest.raises(TypeError, match="return tensors, numbers"):
        travel.save(Guard, tmp_path / "result.pt")
    assert list(tmp_path.iterdir()) == []
