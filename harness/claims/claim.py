"""The decorator that states what a benchmark claims, and what it may state."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from typing import Any, Literal, TypeVar

from harness.errors import HarnessError
from harness.model import LARGEST_MARGIN, LARGEST_TARGET, LONGEST_TIME_LIMIT, METRICS, Claim, Expect

LOADER_MARGIN = 0.05
LOADER_TIME_LIMIT = 300.0

Function = TypeVar("Function", bound=Callable[..., Any])

_STATED = {field.name for field in fields(Claim)} - {
    "sentence", "why", "source", "path", "function", "fixture"
}  # fmt: skip
_SWITCHES = {"apart", "loader"}
_MOST = {"margin": LARGEST_MARGIN, "time_limit": LONGEST_TIME_LIMIT, "target": LARGEST_TARGET}


class ClaimError(HarnessError):
    """A claim that cannot be read; the message names the value or the file and line, and the remedy.

    Example::

        >>> claim("L2", margin=-1)(lambda compare: None)
        Traceback (most recent call last):
        ...
        harness.claims.claim.ClaimError: claim 'L2': margin is -1, not a number above 0 and up to 1000
    """


def claim(
    name: str,
    *,
    metric: str = "seconds",
    expect: Literal["lower", "higher", "same"] = "lower",
    margin: float | None = None,
    needs: str | Sequence[str] = (),
    apart: bool = False,
    loader: bool = False,
    time_limit: float | None = None,
    target: float | None = None,
) -> Callable[[Function], Function]:
    """State what a benchmark claims; a decorator for a function ``bench_*``.

    The sentence of the claim is the first paragraph of the file's docstring, or of the function's own. A
    paragraph that begins with ``Why:`` says what makes it hold or fail, one that begins with ``Source:`` who
    teaches it. All arguments must be literals, because they are also read from the file's text, without
    importing it.

    Args:
        name: Its short name in tables and for ``--select``; not empty.
        metric: The metric the claim is about, a name from `harness.model.METRICS`, ``seconds`` (per
            iteration) or ``peak_bytes`` for example.
        expect: What the variants do to the metric, relative to the baseline.
        margin: The relative effect that counts as none, above 0 and up to 1000; 0.02, or 0.05 for a loader.
        needs: What the machine must have: ``"cuda"``, or modules that can be imported. Without it, cases are
            skipped.
        apart: Whether each variant has a process of its own, because it changes what stays (cuDNN's plans,
            the allocator's settings, environment variables).
        loader: Whether an iteration is an epoch of a data loader, which is timed on the host with its
            CPU-seconds.
        time_limit: Seconds for one case in one invocation, up to a week; 60, or 300 for a loader.
        target: The slow-down that a gate must catch, a share up to 0.99; by default that of the whole suite.
            ``[tool.harness.targets]`` in pyproject.toml comes before it.

    Raises ClaimError for a value that is not allowed.

    Example::

        >>> @claim("L2", expect="lower", needs="cuda", margin=0.03)
        ... def bench_pin_memory_copy(compare): ...
        >>> bench_pin_memory_copy.claim.margin
        0.03
    """
    stated: dict[str, Any] = {
        "metric": metric,
        "expect": expect,
        "needs": needs,
        "apart": apart,
        "loader": loader,
    }
    stated |= {
        key: value
        for key, value in (("margin", margin), ("time_limit", time_limit), ("target", target))
        if value is not None
    }

    def mark(function: Function) -> Function:
        function.claim = claim_from(name, stated, path="", function=function.__name__)  # type: ignore[attr-defined]
        return function

    return mark


def claim_from(name: str, stated: Mapping[str, object], *, path: str, function: str) -> Claim:
    """The claim, without its sentence, with the defaults for what is not stated. Raises ClaimError for a
    value that is not allowed."""
    unknown = set(stated) - _STATED
    if unknown:
        raise ClaimError(
            f"claim {name!r} states {', '.join(sorted(unknown))}; may state {', '.join(sorted(_STATED))}"
        )
    values: dict[str, Any] = dict(stated)
    if not (isinstance(name, str) and name):
        raise ClaimError(f"a claim's name is a text, not {name!r}")
    if "metric" in values and values["metric"] not in list(METRICS):
        raise ClaimError(
            f"claim {name!r}: metric {values['metric']!r} is not a metric (metrics: {', '.join(METRICS)})"
        )
    try:
        values["expect"] = Expect(values.get("expect", Expect.LOWER))
    except ValueError:
        raise ClaimError(
            f"claim {name!r}: expect is {values['expect']!r}, not lower, higher or same"
        ) from None
    needs = values.get("needs", ())
    needs = (needs,) if isinstance(needs, str) else needs
    if not (isinstance(needs, tuple | list) and all(isinstance(need, str) for need in needs)):
        raise ClaimError(f"claim {name!r}: needs is {needs!r}, not a text or a row of texts")
    values["needs"] = tuple(needs)
    for key in _SWITCHES & set(values):
        if not isinstance(values[key], bool):
            raise ClaimError(f"claim {name!r}: {key} is {values[key]!r}, not True or False")
    for key, most in _MOST.items():
        value = values.get(key, most)
        # Written this way round, the comparison refuses what is not a number (NaN), too.
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= most:
            raise ClaimError(f"claim {name!r}: {key} is {value!r}, not a number above 0 and up to {most:g}")
    if values.get("loader"):
        values.setdefault("margin", LOADER_MARGIN)
        values.setdefault("time_limit", LOADER_TIME_LIMIT)
    return Claim(name=name, sentence="", path=path, function=function, **values)
