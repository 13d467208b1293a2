"""The answering side of a seat: one question after the other about the variants that live here."""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path

from harness.contest import travel
from harness.contest.agreement import Disagreement
from harness.contest.entrant import LocalEntrant
from harness.probes import NoSnapshot, shortage
from harness.processes import Channel, Message

REWARM = 0.005
"""Seconds of lead-in, at least, after a seat was stopped."""

REWARM_PAIR = 0.002
"""The same in a gate, whose rounds are short and many: what is left of the switch is alike on both sides."""


def serve(
    channel: Channel,
    entrants: Mapping[str, LocalEntrant],
    failure: Callable[[BaseException], str],
    check: Callable[[str, object], object] | None = None,
    *,
    stays: bool = False,
) -> None:
    """Sit: answer questions about the variants until told to rise, or as soon as one was left, unless it ``stays``.

    ``check`` is called with a variant's name and first result where the question does not say where to put the result;
    it raises for one that disagrees.
    """
    while True:
        question = channel.receive()
        assert question is not None
        if question["do"] == "rise":
            return
        entrant = entrants[question["variant"]]
        try:
            channel.send(**_answer(question, entrant, check))
        except Disagreement as error:
            channel.send(error=str(error), wrong=True)
        except Exception as error:
            short = shortage(error)
            channel.send(error=failure(error), readings=dict(short.readings) if short else {})
        if question["do"] == "leave" and not stays:
            return


def _answer(question: Message, entrant: LocalEntrant, check: Callable[[str, object], object] | None) -> Message:
    match question["do"]:
        case "enter":
            entrant.enter()
            # Collections would fall into rounds, and the process that gives turns can only stop its own.
            gc.collect()
            gc.disable()
        case "open":
            seconds, result = entrant.open()
            if "path" in question:
                travel.save(result, Path(question["path"]))
            elif check is not None:
                check(entrant.name, result)
            return {"seconds": seconds}
        case "lap":
            turn = entrant.lap(question["iterations"], question["lead"])
            return asdict(turn)
        case "read":
            value, source = entrant.read(question["metric"]) or (0.0, "")
            return {"value": value, "source": source}
        case "leave":
            entrant.leave()
        case _:
            return _examined(question, entrant)
    return {"ok": True}


def _examined(question: Message, entrant: LocalEntrant) -> Message:
    """What an untimed pass of its own finds: allocations, a trace, Python functions."""
    match question["do"]:
        case "snapshot":
            try:
                entrant.snapshot(Path(question["path"]))
            except NoSnapshot as none:
                return {"none": str(none)}
            return {"ok": True}
        case "profile":
            found = entrant.profile(Path(question["path"]))
            return {"seconds": found.seconds, "traced_seconds": found.traced_seconds}
        case "functions":
            return {"functions": [asdict(each) for each in entrant.functions()]}
        case "held":
            return {"held": entrant.held_at_peak()}
    raise ValueError(f"no question is called {question['do']!r}")
