"""The far end of a live process: replies to one request after the other about the variants that it holds."""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping

from harness.measure.correctness import WrongResult
from harness.measure.local_runner import LocalRunner
from harness.probes import NoSnapshot, out_of_memory
from harness.processes.live import Channel
from harness.workers import tensors, variant_requests
from harness.workers.codec import Failure, FailureKind, Message, must_receive, send

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
    """Reply to requests about these variants until `Stop` comes, or until one was torn down unless
    ``keep_alive``.

    ``failure`` puts what was raised into one line. ``check`` is called with a variant's name and first result
    where the request names no file for the result; it raises for one that disagrees.
    """
    while True:
        request = must_receive(channel)
        if isinstance(request, variant_requests.Stop):
            return
        if not isinstance(request, variant_requests.VariantRequest):
            raise TypeError(f"not a request about a variant: {request}")
        try:
            reply = _reply(request, runners[request.variant], check)
        except WrongResult as error:
            reply = Failure(str(error), FailureKind.WRONG)
        except Exception as error:
            short = out_of_memory(error)
            reply = Failure(failure(error), readings=short.readings if short else {})
        send(channel, reply)
        if isinstance(request, variant_requests.RequestTeardown) and not keep_alive:
            return


def _reply(
    request: variant_requests.VariantRequest[Message],
    runner: LocalRunner,
    check: Callable[[str, object], object] | None,
) -> Message:
    match request:
        case variant_requests.RequestSetup():
            runner.setup()
            # Collections would fall into rounds, and the process that gives turns can only stop its own.
            gc.collect()
            gc.disable()
        case variant_requests.RequestFirstCall(path=path):
            seconds, result = runner.first_call()
            if path is not None:
                tensors.save(result, path)
            elif check is not None:
                check(runner.name, result)
            return variant_requests.FirstCallDone(seconds, runner.window_seconds)
        case variant_requests.RequestRound(iterations=iterations, lead=lead):
            return variant_requests.RoundDone(runner.run_round(iterations, lead))
        case variant_requests.RequestReading(metric=metric):
            return variant_requests.ReadingTaken(runner.read(metric))
        case variant_requests.RequestTeardown():
            runner.teardown()
        case _:
            return _examined(request, runner)
    return variant_requests.Done()


def _examined(request: variant_requests.VariantRequest[Message], runner: LocalRunner) -> Message:
    """What an untimed pass of its own finds: allocations, a trace, Python functions."""
    match request:
        case variant_requests.RequestSnapshot(path=path):
            try:
                runner.snapshot(path)
            except NoSnapshot as absent:
                return variant_requests.SnapshotDone(str(absent))
            return variant_requests.SnapshotDone()
        case variant_requests.RequestProfile(path=path):
            runner.profile(path)
            return variant_requests.Done()
        case variant_requests.FindFunctions():
            return variant_requests.FunctionsFound(runner.functions())
        case variant_requests.FindHeldBytes():
            return variant_requests.HeldBytesFound(runner.held_at_peak())
    raise TypeError(f"not a request that is known here: {request}")
