"""The process that measures ceilings: it says what it runs on, and then, if asked to, one rate after the other."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from harness.errors import UsageError
from harness.measure.device import chosen
from harness.model import Ceiling
from harness.processes.live import Channel, ChannelClosed
from harness.program import advised


def parts(device: Any, data: Path | None) -> Iterator[tuple[str, Callable[[], Iterable[Ceiling]]]]:
    """What is measured for work on that ``torch.device``, by name; a GPU is fed by a host, so the host's come along."""
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
    # The claims' threads are kept on cores of their own, too, and so is what launches their kernels.
    with CorePinning(torch.get_num_threads) as placement:
        placed = partial(steady_seconds, settle=placement.apply)
        if device.type == "cuda":
            yield "launches", partial(launches, device, placed)
        yield "copies in memory", partial(memory_copies, torch.device("cpu"), placed)
        yield "matrix products on the CPU", partial(products, torch.device("cpu"), placed)
    yield "decoding", partial(decoding, data)


def measure(device: Any, data: Path | None, tell: Callable[..., object]) -> None:
    """Measure every part and ``tell`` each ceiling at once; a part that fails is told, and the others go on."""
    for name, part in parts(device, data):
        try:
            for ceiling in part():
                tell(ceiling=asdict(ceiling))
        except ChannelClosed:
            raise
        except Exception as error:
            traceback.print_exc()
            words = str(error).strip().splitlines() or [""]
            tell(warning=f"no ceiling of {name}: {type(error).__name__}: {words[0][:300]}")


def main() -> int:
    """Serve one measurement."""
    channel = Channel.inherited()
    if channel is None:
        sys.exit(f"ceilings are measured by the harness: {advised('ceilings')}")
    try:
        plan = channel.receive()
        assert plan is not None
        from harness.environment import fingerprint, unusable_gpu

        try:
            device = chosen(plan["device"])
        except UsageError as error:
            channel.send(error=str(error))
            return 2
        unusable = "" if plan["device"] == "cpu" else unusable_gpu() or ""
        channel.send(environment=fingerprint(), unusable=unusable)
        channel.receive()
        measure(device, Path(plan["data"]) if plan["data"] else None, channel.send)
        channel.send(done=True)
    except ChannelClosed:
        return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
