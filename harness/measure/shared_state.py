"""Variants that disagree, tried again on fresh inputs, alone and behind others: one may change what others
read.

Variants of a case share its inputs, and the order in which they run first is drawn. Where one writes into an
input, the others see it from then on, and those that come later look wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from harness.measure.correctness import Agreement, WrongResult
from harness.measure.spec import BenchmarkSpec
from harness.measure.variant import Variant
from harness.model import BASELINE


def innocent(spec: BenchmarkSpec, name: str) -> bool:
    """Whether another variant is to blame for a disagreement of this one."""
    found = to_blame(spec, [name])
    return bool(found) and name not in found


def to_blame(spec: BenchmarkSpec, wrong: Sequence[str]) -> dict[str, str]:
    """The variants that change what others read, with the reason, where some are ``wrong``; empty if none
    does.

    Raises whatever calling the benchmark again raises.
    """
    again = _Again(spec)
    # Inputs that differ from call to call allow no conclusion.
    if not (again.agrees(BASELINE) and again.agrees(BASELINE)):
        return {}
    blamed: dict[str, str] = {}
    for name in wrong:
        if not again.agrees(name):
            continue  # it is wrong by itself
        if name != BASELINE and not again.agrees(BASELINE, behind=name):
            blamed[name] = _reason(BASELINE)
        for other, given in spec.variants.items():
            if other == name or other in blamed or not isinstance(given, Variant):
                continue
            if not again.agrees(name, behind=other):
                blamed[other] = _reason(name)
    return blamed


def _reason(reader: str) -> str:
    return (
        f"it changes what others read: behind it, {reader} has another result than alone; let it work on a copy of its "
        "own, made in prepared(...)"
    )


class _Again:
    """Runs variants on inputs that the benchmark makes anew, with the same seed, every time."""

    def __init__(self, spec: BenchmarkSpec) -> None:
        self._spec = spec
        self._expected = self._result(BASELINE if spec.reference is None else None)

    def agrees(self, name: str, *, behind: str | None = None) -> bool:
        """Whether that variant agrees on fresh inputs, alone or ``behind`` another one."""
        agreement = Agreement(self._spec.same, self._expected)
        found: list[bool] = []

        def run(fresh: BenchmarkSpec) -> None:
            if behind is not None:
                _first(fresh, behind)
            try:
                agreement.check(_first(fresh, name))
            except WrongResult:
                found.append(False)
            else:
                found.append(True)

        self._call(run, found)
        return found[0]

    def _result(self, name: str | None) -> object:
        """The first result of a variant, or the reference, on inputs that nothing else sees."""
        found: list[object] = []

        def run(fresh: BenchmarkSpec) -> None:
            if name is not None:
                found.append(_first(fresh, name))
            elif fresh.reference is not None:
                found.append(fresh.reference())

        self._call(run, found)
        return found[0]

    def _call(self, run: Callable[[BenchmarkSpec], object], found: Sequence[object]) -> None:
        assert self._spec.anew is not None
        self._spec.anew(run)
        if not found:
            raise RuntimeError("the benchmark did not call compare when it was called again")


def without(spec: BenchmarkSpec, names: Sequence[str]) -> BenchmarkSpec:
    """The same without these variants, and without another trial."""
    left = {name: given for name, given in spec.variants.items() if name not in names}
    return replace(spec, variants=left, anew=None)


def _first(spec: BenchmarkSpec, name: str) -> object:
    given = spec.variants[name]
    if not isinstance(given, Variant):
        raise RuntimeError(f"{name} cannot run here when the benchmark is called again")
    with given.prepare() as iteration, given.around():
        return iteration()
