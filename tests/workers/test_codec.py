"""Messages between processes arrive as they were sent, and nothing else is taken for one."""

from __future__ import annotations

import json
from dataclasses import dataclass, is_dataclass
from math import inf
from pathlib import Path

import pytest

from harness.measure.limits import RoundLimits
from harness.measure.runner import Round
from harness.model import Collected, FunctionTime, Package, Status
from harness.processes.live import ChannelClosed
from harness.workers import protocol, variant_requests
from harness.workers.codec import Failure, FailureKind, Message, Request, decode, encode, reply_type
from harness.workers.protocol import CaseAbsent, CaseOptions, MeasurePlan, Ready, Recording, SideInfo
from harness.workers.variant_requests import (
    Done,
    FunctionsFound,
    ReadingTaken,
    RequestFirstCall,
    RequestRound,
    RequestSetup,
    RoundDone,
)

SENT = [
    Failure("boom", FailureKind.WRONG, {"short_bytes": 4.0}, "a.jpg"),
    Ready(Collected(("a.py::b",), {"c.py": "no module"}, {})),
    CaseAbsent("a.py::b", Status.SKIPPED, "needs a GPU"),
    RoundDone(Round(0.5, None, {"wait_seconds": inf}, 2.0)),
    ReadingTaken((4096.0, "a tree")),
    ReadingTaken(None),
    RequestFirstCall("tip", Path("result.pt")),
    RequestFirstCall("tip"),
    FunctionsFound((FunctionTime("f", "a.py", 1, 3, 0.5),)),
    SideInfo({"gpus": [], "device": {"type": "cpu"}}, (Package("x", "/x.py", "00"),), ""),
    MeasurePlan(
        ("a.py::b",), "cpu", None, recording=Recording(Path("run"), "invocation-001", 1, seed=2**32),
        options={"a.py::b": CaseOptions(RoundLimits(share=0.0), ("tip",), memory=True)}, snapshots=False,
    ),
]  # fmt: skip


@pytest.mark.parametrize("message", SENT, ids=lambda message: type(message).__name__)
def test_a_message_arrives_as_it_was_sent(message: Message) -> None:
    """Paths, enumerations, tuples, nested dataclasses and infinite numbers have the type they had."""
    got = decode(json.loads(json.dumps(encode(message))))
    assert got == message
    assert repr(got) == repr(message)


@pytest.mark.parametrize("line", [{}, {"type": "builtins.int", "fields": {}}, {"event": "ready"}])
def test_what_is_not_a_message_is_refused(line: dict[str, object]) -> None:
    """An object of another kind ends the conversation; no class is looked up by its name."""
    with pytest.raises(ChannelClosed, match="not a message"):
        decode(line)


def test_a_request_states_its_reply() -> None:
    """The type that `WorkerClient.request` gives is the one it checks the reply against."""
    assert reply_type(RequestSetup("tip")) is Done
    assert reply_type(RequestRound("tip", 1, 0)) is RoundDone

    @dataclass(frozen=True, slots=True)
    class Unstated(Request):  # type: ignore[type-arg]
        pass

    with pytest.raises(TypeError, match="Unstated does not state its reply"):
        reply_type(Unstated())


def test_every_message_is_frozen_and_documented() -> None:
    """The protocol is its dataclasses: each is frozen, has slots and a docstring."""
    known = {**vars(protocol), **vars(variant_requests)}.values()
    messages = [kind for kind in known if isinstance(kind, type) and is_dataclass(kind)]
    assert len(messages) > 20
    for kind in messages:
        assert kind.__dataclass_params__.frozen, kind  # type: ignore[attr-defined]
        assert "__slots__" in vars(kind), kind
        assert kind.__doc__ and not kind.__doc__.startswith(f"{kind.__name__}("), kind
