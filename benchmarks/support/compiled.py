"""Compiled functions: how long compiling took, and how often it had to be done again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from shutil import which
from time import perf_counter
from typing import Any
from warnings import catch_warnings, simplefilter

import torch

_live: list[object] = []
"""A mark for each compiled function that is set up."""


def no_compiler() -> str | None:
    """Why torch.compile cannot make code here; None where it can."""
    return None if which("c++") else "torch.compile needs a C++ compiler, and there is no c++ on the path"


@contextmanager
def compiled(make: Callable[[], Callable[..., Any]], *inputs: Any) -> Iterator[Callable[[], Any]]:
    """The iteration of what ``make`` gives, a function of these inputs that is compiled when it is called.

    It is called once before it is measured, without what torch keeps of earlier compilations on the disk, but
    with its compiler started. The results are copies: a CUDA graph writes into the same memory again. Their
    readings are ``compile_seconds``, until the first result was there, and ``recompilations``, the graphs
    that torch has compiled for it since.
    """
    _live.append(make)
    try:
        if no_compiler() is None:
            _start(inputs[0].device)
        config: Any = torch.compiler.config  # what it offers is put there when it is imported
        start = perf_counter()
        with config.patch(force_disable_caches=True), catch_warnings():
            simplefilter("ignore")  # each cache that is off would say so
            function = make()
            function(*inputs).sum().item()  # waits for a GPU as well
        seconds = perf_counter() - start
        again = 0

        def call() -> Any:
            nonlocal again
            before = _graphs()
            result = function(*inputs).clone()
            again += _graphs() - before
            result.readings = {"compile_seconds": seconds, "recompilations": again}
            return result

        yield call
    finally:
        _live.pop()
        if not _live:
            # The next case may compile the same lines of code for other sizes: it would find this graph, and
            # make the sizes dynamic.
            torch.compiler.reset()


@cache
def _start(device: torch.device) -> None:
    """Compile anything: the first time imports the compiler, and prepares its C++ headers, for seconds."""
    torch.compile(lambda x: x + 1)(torch.ones(8, device=device))


def _graphs() -> int:
    """The graphs that torch has compiled in this process so far, as torch itself counts them."""
    from torch._dynamo.utils import counters

    return int(counters["stats"]["unique_graphs"])
