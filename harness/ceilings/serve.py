"""The process that measures ceilings: it introduces its environment, and then sends one rate after the
other."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from harness.ceilings.messages import (
    BeginMeasuring,
    CeilingMeasured,
    CeilingsDone,
    CeilingsIntroduced,
    CeilingsPlan,
    PartFailed,
)
from harness.errors import UsageError
from harness.measure.device import chosen
from harness.model import Ceiling
from harness.processes.live import Channel, ChannelClosed
from harness.program import advised
from harness.workers import codec
from harness.workers.codec import Failure, FailureKind, Message

if TYPE_CHECKING:
    import torch


def parts(device: torch.device, data: Path | None) -> Iterator[tuple[str, Callable[[], Iterable[Ceiling]]]]:
    """What is measured for work on that device, by name; a GPU is fed by a host, so the host's ceilings come
    along."""
    import torch

    from harness.ceilings.compute import launches, products
    from harness.ceilings.copying import bus_copies, memory_copies
    from harness.ceilings.decoding import decoding
    from harness.ceilings.steady import steady_seconds
    from harness.measure.affinity import CorePinning

    if device.type == "cuda":
        yield "copies on the GPU", partial(memory_copies, device)
        yield "matrix products on the GPU", partial(products, device)
        yield "copies over the bus", partial(bus_copies, device)
    # The claims' threads are pinned to cores of their own, too, and so is the one that launches their
    # kernels.
    with CorePinning(torch.get_num_threads) as pinning:
        pinned = partial(steady_seconds, settle=pinning.apply)
        if device.type == "cuda":
            yield "launches", partial(launches, device, pinned)
        yield "copies in memory", partial(memory_copies, torch.device("cpu"), pinned)
        yield "matrix products on the CPU", partial(products, torch.device("cpu"), pinned)
    yield "decoding", partial(decoding, data)


def measure(device: torch.device, data: Path | None, send: Callable[[Message], object]) -> None:
    """Measure every part and ``send`` each ceiling at once; if a part fails, a warning is sent and the others
    go on."""
    for name, part in parts(device, data):
        try:
            for ceiling in part():
                send(CeilingMeasured(ceiling))
        except ChannelClosed:
            raise
        except Exception as error:
            traceback.print_exc()
            first, *_ = str(error).strip().splitlines() or [""]
            send(PartFailed(f"no ceiling of {name}: {type(error).__name__}: {first[:300]}"))


def main() -> int:
    """Serve one measurement."""
    channel = Channel.inherited()
    if channel is None:
        sys.exit(f"the harness starts this process: {advised('ceilings')}")
    try:
        plan = codec.must_receive(channel)
        assert isinstance(plan, CeilingsPlan)
        from harness.environment import fingerprint, unusable_gpu

        try:
            device = chosen(plan.device)
        except UsageError as error:
            codec.send(channel, Failure(str(error), FailureKind.REFUSED))
            return 2
        unusable = "" if plan.device == "cpu" else unusable_gpu() or ""
        codec.send(channel, CeilingsIntroduced(fingerprint(), unusable))
        assert isinstance(codec.must_receive(channel), BeginMeasuring)
        measure(device, plan.data, partial(codec.send, channel))
        codec.send(channel, CeilingsDone())
    except ChannelClosed:
        return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
