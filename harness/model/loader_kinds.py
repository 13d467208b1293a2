"""The kinds of loaders there are, and what must be known of them where nothing is loaded: names, limits, words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LoaderKind:
    """What is known of a kind of loader without running it.

    ``threads`` says that its workers are threads of a pipeline, of which there is at least one: such a kind lives in a
    process where nothing is forked. ``queued`` says that it can be told how many batches to keep ready. ``ordered``
    says that samples come in the order they were written in. ``value_bytes`` are those of one colour value in the
    batches that its workers hand over: 4 for float32, 1 for uint8.
    """

    name: str
    threads: bool = False
    queued: bool = True
    ordered: bool = False
    value_bytes: int = 4


LOADER_KINDS: Mapping[str, LoaderKind] = {
    kind.name: kind
    for kind in (
        LoaderKind("dataloader"),
        LoaderKind("tensors"),
        LoaderKind("uint8", value_bytes=1),
        LoaderKind("background"),
        LoaderKind("side_stream"),
        LoaderKind("packed"),
        LoaderKind("shards", ordered=True),
        LoaderKind("spdl", threads=True),
        LoaderKind("nodes", threads=True),
        LoaderKind("dali", threads=True),
        LoaderKind("dali_gpu", threads=True),
        LoaderKind("dali_dynamic", threads=True, queued=False),
        LoaderKind("dali_capture", threads=True, queued=False),
        LoaderKind("dali_proxy", threads=True, queued=False),
    )
}
"""Every kind that can be named, by name."""
