"""What a test's call returned, in a form that another process can compare with its own.

The two sides of a gate share no objects. A sketch has a digest of what must be equal and the numbers that may
differ by rounding: a change of the order of a sum is no other result.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from math import isfinite
from typing import Any

from harness.plugin.digests import LARGEST, digest_of
from harness.workers.protocol import ResultSketch

MOST_NUMBERS = 4096
"""Numbers of a result that are compared one by one; one with more is not compared."""

DEEPEST = 20
"""Levels of lists and the like that are looked into."""

SAMPLED = 32
"""Elements of a tensor or an array that are compared one by one, beside its sums."""

_FLOAT = 1e-9
_ROUNDING = {"float64": 1e-7, "complex128": 1e-7, "float32": 1e-3, "complex64": 1e-3}
"""The share of a number, or of a typical element, up to which it may differ; 3 % for shorter ones."""

_ADDRESS = re.compile(r"\b0x[0-9a-fA-F]{4,}\b")


class _NotComparable(Exception):
    """A result without a stable form; the message names the type."""


def sketch(result: object) -> ResultSketch:
    """The sketch of a result. Where it has no stable form, only the name of the type that is to blame."""
    whole, numbers = hashlib.sha256(), []
    try:
        for part in _parts(result, DEEPEST):
            if isinstance(part, bytes):
                whole.update(len(part).to_bytes(8, "little") + part)
            else:
                numbers.append(part)
        if len(numbers) > MOST_NUMBERS:
            raise _NotComparable(f"{type(result).__name__} of {len(numbers)} numbers")
    except _NotComparable as error:
        return ResultSketch(unknown=str(error))
    except Exception as error:
        # Whatever an object of theirs raises when it is looked at.
        return ResultSketch(unknown=f"{type(result).__name__} ({type(error).__name__})")
    return ResultSketch(whole.hexdigest()[:16], tuple(numbers), type(result).__name__)


def _parts(value: Any, depth: int) -> Iterator[bytes | tuple[float, float]]:
    """What makes a value what it is: bytes, and numbers with what they may be off by. Raises
    _NotComparable."""
    kind = type(value)
    if depth < 0:
        raise _NotComparable(f"{kind.__name__}, deeply nested")
    module = kind.__module__.partition(".")[0]
    if isinstance(value, float | complex):
        yield from _numbers(value, _FLOAT * abs(value))
    elif isinstance(value, Enum):
        yield f"{kind.__qualname__}.{value.name}".encode()
    elif module == "torch" and hasattr(value, "untyped_storage"):
        yield from _elements(value.detach().resolve_conj().resolve_neg().cpu(), value)
    elif module == "numpy" and hasattr(value, "tobytes"):
        yield from _elements(value, value)
    elif isinstance(value, list | tuple):
        yield f"{kind.__qualname__} of {len(value)}".encode()
        for each in value:
            yield from _parts(each, depth - 1)
    elif isinstance(value, Mapping):
        yield f"{kind.__qualname__} of {len(value)}".encode()
        for name, each in value.items():
            yield from _parts(name, depth - 1)
            yield from _parts(each, depth - 1)
    elif is_dataclass(value) and not isinstance(value, type):
        yield kind.__qualname__.encode()
        for each in fields(value):
            yield from _parts(getattr(value, each.name), depth - 1)
    elif value is None or kind in (bool, int, str, bytes, set, frozenset):
        if not (digest := digest_of(value)):
            raise _NotComparable(f"{kind.__name__} of what has no stable form")
        yield digest.encode()
    else:
        shown = repr(value)
        if _ADDRESS.search(shown):
            raise _NotComparable(kind.__qualname__)
        yield f"{kind.__qualname__} {shown}".encode("utf-8", "surrogatepass")


def _numbers(value: complex, tolerance: float) -> Iterator[bytes | tuple[float, float]]:
    """One number, or the two of a complex one; what is not finite has to be the same."""
    for part in (value.real, value.imag) if isinstance(value, complex) else (value,):
        if isfinite(part):
            yield (float(part), tolerance)
        else:
            yield repr(part).encode()


def _elements(found: Any, value: Any) -> Iterator[bytes | tuple[float, float]]:
    """The elements of a tensor or an array on the CPU: whole numbers as they are, others by sums and
    samples."""
    import numpy

    if value.nbytes > LARGEST or (hasattr(value, "layout") and str(value.layout) != "torch.strided"):
        raise _NotComparable(f"{type(value).__name__} of {value.nbytes} bytes")
    dtype = str(value.dtype).removeprefix("torch.")
    yield f"{type(value).__qualname__} {tuple(value.shape)} {dtype}".encode()
    if dtype == "bfloat16" or dtype.startswith("float8"):
        found = found.float()
    flat = numpy.asarray(found).reshape(-1)
    if flat.dtype.hasobject:
        yield from _parts(flat.tolist(), DEEPEST)
        return
    if flat.dtype.kind not in "fc":
        yield flat.tobytes()
        return
    finite = numpy.isfinite(flat)
    yield numpy.packbits(finite).tobytes()
    wide = numpy.where(finite, flat, 0).astype("complex128" if flat.dtype.kind == "c" else "float64")
    typical = float(numpy.sqrt(numpy.mean(numpy.abs(wide) ** 2))) if wide.size else 0.0
    tolerance = _ROUNDING.get(dtype, 0.03) * typical
    yield from _numbers(complex(wide.sum()), tolerance * max(1, wide.size))
    yield from _numbers(float(numpy.abs(wide).sum()), tolerance * max(1, wide.size))
    for index in numpy.linspace(0, wide.size - 1, min(SAMPLED, wide.size)).astype(int):
        yield from _numbers(complex(wide[index]), tolerance)
