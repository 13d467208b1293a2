"""Variants that a process holds for another one, and its requests about them."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from harness.measure.case import local, placement
from harness.measure.correctness import Agreement, WrongResult
from harness.measure.failure import logged
from harness.measure.shared_state import innocent
from harness.measure.spec import BenchmarkSpec
from harness.measure.variant import Variant
from harness.model import BASELINE, Claim
from harness.processes.live import Channel
from harness.workers.codec import send
from harness.workers.protocol import VariantReady
from harness.workers.server import REWARM, REWARM_PAIR, serve

if TYPE_CHECKING:
    import torch


def serve_variant(
    channel: Channel, claim: Claim, spec: BenchmarkSpec, name: str, device: torch.device
) -> None:
    """Reply to requests about one variant, which is set apart from the others, until `Stop` comes."""
    given = spec.variants[name]
    assert isinstance(given, Variant)
    with ExitStack() as stack:
        settle = placement(claim, stack)
        runner = local(name, given, claim, device, rewarm=REWARM, settle=settle)
        send(channel, VariantReady())
        serve(channel, {name: runner}, logged)


def serve_side(channel: Channel, claim: Claim, spec: BenchmarkSpec, device: torch.device, core: int) -> None:
    """Reply to requests about every variant, as one side of a gate, until `Stop` comes.

    A first result is checked against this side's own baseline, where that was called before. ``core`` is the
    number of the core to begin with.
    """
    present = {name: given for name, given in spec.variants.items() if isinstance(given, Variant)}
    agreement = Agreement(spec.same)
    comparable = spec.reference is not None
    if spec.reference is not None:
        agreement.expected = spec.reference()

    def check(name: str, result: object) -> None:
        nonlocal comparable
        if name == BASELINE and spec.reference is None:
            agreement.expected, comparable = result, True
        elif comparable:
            try:
                agreement.check(result)
            except WrongResult:
                if spec.anew is None or claim.apart or claim.loader or not innocent(spec, name):
                    raise

    with ExitStack() as stack:
        settle = placement(claim, stack, core)
        runners = {
            name: local(name, given, claim, device, rewarm=REWARM_PAIR, settle=settle)
            for name, given in present.items()
        }
        for runner in runners.values():
            stack.callback(runner.teardown)
        # Also where there is a single variant: the driver of both sides sends it to the next case.
        serve(channel, runners, logged, check, keep_alive=True)
