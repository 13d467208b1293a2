"""Results on their way from one live process to another: tensors and plain values, no pickled code.

``torch.load(weights_only=True)`` reads them. A dataclass is written as its fields and the place of its class,
and is put together again from that class at the other end.
"""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

_CLASS = "__dataclass__"
_ARRAY = "__array__"


def save(result: object, path: Path) -> None:
    """Write a result. Raises TypeError for what would have to be pickled."""
    import torch

    torch.save(_pack(result), path)


def load(path: Path) -> object:
    """Read a result that `save` wrote; tensors arrive on the CPU."""
    import torch

    return _unpack(torch.load(path, map_location="cpu", weights_only=True))


def _pack(value: Any) -> Any:
    import numpy
    import torch

    if isinstance(value, torch.Tensor):
        return value.detach()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, numpy.ndarray):
        return {_ARRAY: torch.from_numpy(numpy.ascontiguousarray(value))}
    if is_dataclass(value) and not isinstance(value, type):
        packed = {field.name: _pack(getattr(value, field.name)) for field in fields(value)}
        return {_CLASS: f"{type(value).__module__}:{type(value).__qualname__}", **packed}
    if isinstance(value, dict):
        return {str(key): _pack(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_pack(item) for item in value]
    raise TypeError(
        f"a result of type {type(value).__name__} cannot be sent to another process; "
        "return tensors, numbers, or a dataclass of them"
    )


def _unpack(value: Any) -> Any:
    if isinstance(value, list):
        return [_unpack(item) for item in value]
    if not isinstance(value, dict):
        return value
    if _ARRAY in value:
        return value[_ARRAY].numpy()
    unpacked = {key: _unpack(item) for key, item in value.items() if key != _CLASS}
    if _CLASS not in value:
        return unpacked
    module, _, name = value[_CLASS].partition(":")
    return getattr(import_module(module), name)(**unpacked)
