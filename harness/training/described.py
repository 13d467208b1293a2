"""What a loader and a step say about themselves, without importing the packages that they are of."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from harness.errors import UsageError
from harness.model import WatchedLoader

Step = Callable[..., object] | str | None
"""The step of a user's loop: a function, or how ``tune --step`` would be given it."""


def described(loader: object, step: Step) -> WatchedLoader:
    """The loader, by attributes that DataLoader and others have. Raises UsageError for what cannot be
    looped over, and for a step that is neither a function nor a text."""
    kind = type(loader)
    if not hasattr(kind, "__iter__"):
        raise UsageError(
            f"watched: {_shown(loader)} cannot be looped over; give the loader of a loop, a DataLoader for example"
        )
    workers = _count(loader, "num_workers")
    return WatchedLoader(
        kind=kind.__name__,
        dataset=_folder(getattr(loader, "dataset", None)),
        step=_step(step),
        batch_size=_count(loader, "batch_size"),
        workers=workers,
        processes=bool(workers)
        and any(each.__module__.startswith("torch.utils.data") for each in kind.__mro__),
        persistent=getattr(loader, "persistent_workers", None) is True,
    )


def _count(loader: object, name: str) -> int | None:
    found = getattr(loader, name, None)
    return found if isinstance(found, int) and not isinstance(found, bool) and found >= 0 else None


def _folder(dataset: object) -> str:
    """The folder of a dataset that is made of one, as ImageFolder is."""
    root = getattr(dataset, "root", None)
    if not isinstance(root, str | Path) or not hasattr(dataset, "class_to_idx"):
        return ""
    return str(root) if Path(root).is_dir() else ""


def _step(step: Step) -> str:
    """``module:function`` of a function that can be imported; empty for others, such as lambdas."""
    if step is None or isinstance(step, str):
        return step or ""
    if not callable(step):
        raise UsageError(f"watched: step={_shown(step)} is not a function; leave it out, or give a function")
    name, module = getattr(step, "__qualname__", ""), getattr(step, "__module__", "")
    if module == "__main__":
        module = Path(getattr(sys.modules["__main__"], "__file__", None) or "").stem
    plain = name.replace(".", "").isidentifier() and all(part.isidentifier() for part in module.split("."))
    return f"{module}:{name}" if plain else ""


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
