"""The answering side of a live process: one request after the other about the variants that live here."""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path

from harness.measure.correctness import WrongResult
from harness.measure.runner import LocalRunner
from harness.probes import NoSnapshot, out_of_memory
from harness.processes.live import Channel, Message
from harness.workers import tensors

REWARM = 0.005
"""Seconds of lead-in, at least, after a process was stopped."""

REWARM_PAIR = 0.002
"""The same in a gate, whose rounds are short and many: what is left of the switch is alike on both sides."""


def serve(
    channel: Channel,
    runners: Mapping[str, LocalRunner],
    failure: Callable[[BaseException], str],
    check: Callable[[str, object], object] | None = None,
    *,
    keep_alive: bool = False,
) -> None:
    """Answer requests about the variants until told to stop, or until one was torn down, unless ``keep_alive`` is set.

    ``check`` is called with a variant's name and first result where the question does not say where to put the result;
    it raises for one that disagrees.
    """
    while True:
        question = channel.receive()
        assert question is not None
        if question["do"] == "stop":
            return
        runner = runners[question["variant"]]
        try:
            channel.send(**_answer(question, runner, check))
        except WrongResult as error:
            channel.send(error=str(error), wrong=True)
        except Exception as error:
            short = out_of_memory(error)
            channel.send(error=failure(error), readings=dict(short.readings) if short else {})
        if question["do"] == "teardown" and not keep_alive:
            return


def _answer(question: Message, runner: LocalRunner, check: Callable[[str, object], object] | None) -> Message:
    match question["do"]:
        case "setup":
            runner.setup()
            # Collections would fall into rounds, and the process that gives turns can only stop its own.
            gc.collect()
            gc.disable()
        case "first_call":
            seconds, result = runner.first_call()
            if "path" in question:
                tensors.save(result, Path(question["path"]))
            elif check is not None:
                check(runner.name, result)
            return {"seconds": seconds}
        case "round":
            turn = runner.run_round(question["iterations"], question["lead"])
            return asdict(turn)
        case "read":
            value, source = runner.read(question["metric"]) or (0.0, "")
            return {"value": value, "source": source}
        case "teardown":
            runner.teardown()
        case _:
            return _examined(question, runner)
    return {"ok": True}


def _examined(question: Message, runner: LocalRunner) -> Message:
    """What an untimed pass of its own finds: allocations, a trace, Python functions."""
    match question["do"]:
        case "snapshot":
            try:
                runner.snapshot(Path(question["path"]))
            except NoSnapshot as none:
                return {"none": str(none)}
            return {"ok": True}
        case "profile":
            found = runner.profile(Path(question["path"]))
            return {"seconds": found.seconds, "traced_seconds": found.traced_seconds}
        case "functions":
            return {"functions": [asdict(each) for each in runner.functions()]}
        case "held":
            return {"held": runner.held_at_peak()}
    raise ValueError(f"no question is called {question['do']!r}")
