"""Which Python functions an iteration spends its time in, outside torch: a pass of its own, never a
timed round.
"""

from __future__ import annotations

import cProfile
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import PurePath
from time import perf_counter
from types import CodeType
from typing import Any

from harness.model import FunctionTime

WINDOW_SECONDS = 0.05
"""Seconds that one window of calls is to last."""

WINDOWS = 3
"""Windows of which the quickest counts: what else runs on the machine only ever adds time."""

CONVERSIONS = frozenset({"tolist", "tensor", "as_tensor", "new_tensor", "numpy", "from_numpy"})
"""Built-in functions of torch that work outside operators, number by number some of them."""

QUOTE = "'"
MOST_CALLS = 50
MOST_FUNCTIONS = 200


def functions(call: Callable[[], object]) -> tuple[FunctionTime, ...]:
    """Calls and own seconds per ``call`` of the Python functions that run on this thread, the most
    expensive first.

    Built-in functions stand under the Python function that called them. Those of torch are left out
    but `CONVERSIONS`: a trace has them as operators. The profiler slows calls down: the times are
    to be held against each other, not against a clock's. Raises whatever the call raises, and
    ValueError where another profiler is active.
    """
    start = perf_counter()
    call()
    calls = max(1, min(MOST_CALLS, round(WINDOW_SECONDS / max(perf_counter() - start, 1e-9))))
    found = [_window(call, calls) for _ in range(WINDOWS)]
    _, entries = min(found, key=lambda window: window[0])
    own = _times(entries, calls, _modules())
    return tuple(sorted(own, key=lambda function: -function.seconds)[:MOST_FUNCTIONS])


def _window(call: Callable[[], object], calls: int) -> tuple[float, list[Any]]:
    profiler = cProfile.Profile()
    start = perf_counter()
    profiler.enable()
    try:
        for _ in range(calls):
            call()
    finally:
        profiler.disable()
    return perf_counter() - start, profiler.getstats()


def _times(entries: list[Any], calls: int, modules: Mapping[str, str]) -> Iterator[FunctionTime]:
    for entry in entries:
        code = entry.code
        if not isinstance(code, CodeType) or code is _window.__code__:
            continue
        file, line = _place(code.co_filename, modules), code.co_firstlineno
        yield FunctionTime(code.co_qualname, file, line, entry.callcount / calls, entry.inlinetime / calls)
        for inner in entry.calls or ():
            if isinstance(inner.code, str) and (name := _builtin(inner.code)):
                own = inner.callcount / calls, inner.inlinetime / calls
                yield FunctionTime(name, file, line, *own, caller=code.co_qualname)


def _builtin(text: str) -> str:
    """``time.sleep`` for ``<built-in method time.sleep>``; nothing for torch's own and what only
    has an address.
    """
    match text.strip("<>").split(" "):
        case ["built-in", "method", full]:
            name = full.removeprefix("builtins.")
        case ["method", method, "of", kind, "objects"]:
            name = f"{kind.strip(QUOTE)}.{method.strip(QUOTE)}".replace("torch._C.TensorBase", "torch.Tensor")
        case _:
            name = text
    if " object at 0x" in name or ("torch" in name and name.rpartition(".")[2] not in CONVERSIONS):
        return ""
    return name


def _modules() -> Mapping[str, str]:
    """Names of modules by their files."""
    return {
        str(file): name
        for name, module in list(sys.modules.items())
        if (file := getattr(module, "__file__", None))
    }


def _place(file: str, modules: Mapping[str, str]) -> str:
    """The file relative to what its module is imported from, wherever that lies."""
    parts = PurePath(file).parts
    depth = modules[file].count(".") + 1 if file in modules else 1
    if parts and parts[-1] == "__init__.py" and file in modules:
        depth += 1
    return "/".join(parts[-depth:]) if parts else file
