"""What a case's parameters are: a digest of each value, for pytest's names of cases may only count them.

``parametrize("shape", [(64, 64), (128, 128)])`` gives ``shape0`` and ``shape1``: after a value was put in
front, the same names stand for other values. Digests are equal for equal values, in any process and on any
machine.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from enum import Enum
from types import BuiltinFunctionType, FunctionType
from typing import Any

LARGEST = 2**28
"""Bytes of a tensor or an array that is still looked at."""

_ADDRESS = re.compile(r"\b0x[0-9a-fA-F]{4,}\b")
_PLAIN = (type(None), bool, int, float, complex, str, bytes)


class _Unknown(Exception):
    """A value that looks different in each process, though it may be the same."""


def digests(item: object) -> dict[str, str]:
    """A digest of each parameter of a pytest item, by name; empty for a value without a stable form."""
    stated: Mapping[str, Any] = getattr(item, "parameters", None) or getattr(
        getattr(item, "callspec", None), "params", {}
    )
    return {name: digest_of(value) for name, value in stated.items()}


def digest_of(value: object) -> str:
    """Sixteen hexadecimal digits that are equal for equal values; empty for what has no stable form."""
    whole = hashlib.sha256()
    try:
        for part in _parts(value):
            whole.update(len(part).to_bytes(8, "little") + part)
    except Exception:
        # Whatever a value of theirs raises when it is looked at: it costs its digest.
        return ""
    return whole.hexdigest()[:16]


def _parts(value: Any) -> Iterator[bytes]:
    """The bytes that make a value what it is, each with its kind. Raises _Unknown."""
    kind = type(value)
    yield f"{kind.__module__}.{kind.__qualname__}".encode()
    module = kind.__module__.partition(".")[0]
    if isinstance(value, Enum):
        yield value.name.encode()
    elif isinstance(value, _PLAIN) and kind in _PLAIN:
        yield repr(value).encode("utf-8", "surrogatepass")
    elif kind in (list, tuple):
        yield str(len(value)).encode()
        for each in value:
            yield from _parts(each)
    elif kind in (set, frozenset):
        yield from sorted(digest_of(each).encode() or _unknown() for each in value)
    elif kind is dict:
        for name, each in value.items():
            yield from _parts(name)
            yield from _parts(each)
    elif isinstance(value, FunctionType | BuiltinFunctionType | type):
        name = f"{value.__module__}.{value.__qualname__}"
        yield _unknown() if "<" in name else name.encode()
    elif module == "torch" and hasattr(value, "untyped_storage"):
        yield from _tensor(value)
    elif module == "numpy" and hasattr(value, "tobytes"):
        yield from _array(value)
    else:
        shown = repr(value)
        yield _unknown() if _ADDRESS.search(shown) else shown.encode("utf-8", "surrogatepass")


def _unknown() -> bytes:
    raise _Unknown


def _tensor(value: Any) -> Iterator[bytes]:
    import torch

    if value.layout != torch.strided or value.is_quantized or value.nbytes > LARGEST:
        _unknown()
    yield f"{tuple(value.shape)} {value.dtype}".encode()
    flat = value.detach().cpu().contiguous().reshape(-1)
    # Byte by byte, because numpy does not know all of torch's types.
    yield flat.view(torch.uint8).numpy().tobytes() if flat.numel() else b""


def _array(value: Any) -> Iterator[bytes]:
    if value.dtype.hasobject or value.nbytes > LARGEST:
        _unknown()
    yield f"{value.shape} {value.dtype.str} {value.dtype.names}".encode()
    yield value.tobytes()
