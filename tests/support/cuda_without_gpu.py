"""CUDA without a GPU: torch's own functions with their own checks of arguments, and answers where the driver
would be.

Only what needs a driver is replaced: the start of CUDA, and the calls into C. Everything that torch itself
says of an argument (a device without an index, a wrong type) is said here as well.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import pytest
import torch

CURRENT = 0


def without_gpu(
    monkeypatch: pytest.MonkeyPatch, **calls: Callable[..., Any]
) -> list[tuple[str, tuple[Any, ...]]]:
    """Let torch see a GPU; gives the list of calls into C, which grows as they are made.

    ``calls`` answers for functions of ``torch._C`` by name; others that are named with None give None.
    """
    made: list[tuple[str, tuple[Any, ...]]] = []

    def answering(name: str, answer: Callable[..., Any] | None) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            made.append((name, arguments))
            return answer(*arguments) if answer is not None else None

        return call

    known: dict[str, Callable[..., Any] | None] = {
        "_cuda_getDevice": lambda: CURRENT,
        "_cuda_setMemoryFraction": None,
        "_cuda_synchronize": None,
        **calls,
    }
    for name, answer in known.items():
        monkeypatch.setattr(torch._C, name, answering(name, answer), raising=False)
    for module in [module for name, module in sys.modules.items() if name.startswith("torch.cuda")]:
        if hasattr(module, "_lazy_init"):
            monkeypatch.setattr(module, "_lazy_init", lambda: None)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    return made
