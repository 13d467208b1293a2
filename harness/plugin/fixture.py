"""What a benchmark calls: `Compare`, the value of the ``compare`` fixture."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from harness.measure.case import seed_of
from harness.measure.spec import BenchmarkSpec
from harness.measure.variant import Iteration, Unavailable, Variant, as_variant
from harness.model import BASELINE, Claim, Expect, Measurement, Work
from harness.model.ceiling import PRECISIONS

Given = Iteration | Variant | Unavailable


KEYWORDS = ("same", "reference", "items", "bytes", "flops", "decoded", "precision", "expect")
"""What `Compare` takes beside variants."""


def _nothing_to_compare(*_: object) -> bool:
    return True


class SpecCollector:
    """Stands in for a session: hands what a benchmark asks for to a function, and measures nothing."""

    def __init__(self, session: Any, do: Callable[[BenchmarkSpec], object]) -> None:
        self._session = session
        self._do = do

    @property
    def data(self) -> Path | None:
        """The session's."""
        folder: Path | None = self._session.data
        return folder

    def device(self) -> Any:
        """The session's."""
        return self._session.device()

    def measure(self, _case: str, _claim: Claim, asked: BenchmarkSpec, _target: str, _root: Path) -> None:
        """Hand it over."""
        self._do(asked)


class Compare:
    """Call it once with the variants of a case.

    ``device`` is where to work (a ``torch.device``), ``data`` the user's image folder or None. ``again`` calls the
    benchmark with another `Compare`, None where that is not possible.
    """

    def __init__(
        self,
        case: str,
        claim: Claim,
        session: Any,
        target: str,
        root: Path,
        finished: Callable[[Measurement], None] | None = None,
        again: Callable[[Compare], object] | None = None,
    ) -> None:
        import torch

        self.case = case
        self.claim = claim
        self._session = session
        self._target = target
        self._root = root
        self._finished = finished
        self._again = again
        self._called = False
        torch.manual_seed(seed_of(case))

    @property
    def device(self) -> Any:
        """Where to work."""
        return self._session.device()

    @property
    def data(self) -> Path | None:
        """The image folder the user named with ``--data``, or None."""
        folder: Path | None = self._session.data
        return folder

    def __call__(
        self,
        *,
        baseline: Given,
        same: Callable[..., object] | None = None,
        reference: Callable[[], object] | None = None,
        items: float = 0,
        bytes: float = 0,  # noqa: A002 - the word benchmarks use for it
        flops: float = 0,
        decoded: float = 0,
        precision: str | Mapping[str, str] = "fp32",
        expect: str | Mapping[str, str] | None = None,
        **variants: Given,
    ) -> None:
        """Measure the variants against the baseline; a baseline alone is timed for the gate and for `compare`.

        ``same(expected, got)`` says whether a result agrees with the baseline's, or with ``reference()`` where
        given: it returns True, None or a mapping of readings, or returns False or raises AssertionError; where there is
        something to compare it must be given. ``items``,
        ``bytes`` (moved within the device's memory; for a loader, copied to the device), ``flops`` and ``decoded``
        (image files) are the work of one iteration, which reports compare with what the machine reaches at best.
        ``precision`` says what arithmetic the operations are in (fp32, tf32, fp16, bf16), for all variants or by name.
        ``expect`` overrides what the claim expects, for all variants or by name.
        Raises TypeError for what is no variant, ValueError for expectations or precisions of what is not there.
        """
        asked = self._asked(baseline, same, reference, items, bytes, flops, decoded, precision, expect, variants)
        if self._again is not None:
            asked = replace(asked, anew=self._anew)
        measurement = self._session.measure(self.case, self.claim, asked, self._target, self._root)
        if measurement is not None and self._finished is not None:
            self._finished(measurement)

    def _anew(self, do: Callable[[BenchmarkSpec], object]) -> None:
        """Call the benchmark again with a `Compare` that hands over what it asks for."""
        assert self._again is not None
        self._again(Compare(self.case, self.claim, SpecCollector(self._session, do), self._target, self._root))

    def _asked(
        self,
        baseline: Given,
        same: Callable[..., object] | None,
        reference: Callable[[], object] | None,
        items: float,
        bytes_moved: float,
        flops: float,
        decoded: float,
        precision: str | Mapping[str, str],
        expect: str | Mapping[str, str] | None,
        variants: Mapping[str, Given],
    ) -> BenchmarkSpec:
        if self._called:
            raise RuntimeError(f"{self.case} calls compare twice; write a second function or a parameter")
        self._called = True
        if same is None:
            if variants or reference is not None:
                raise TypeError(f"{self.case} does not say when results agree: give same=, torch.equal for example")
            same = _nothing_to_compare
        given = {name: self._variant(name, value) for name, value in {BASELINE: baseline, **variants}.items()}
        work = Work(items, bytes_moved, flops, decoded, self._arithmetic(given, precision) if flops else {})
        return BenchmarkSpec(given, same, reference, work, self._expectations(given, expect))

    def _variant(self, name: str, value: Given) -> Variant | Unavailable:
        """Raises TypeError that names what was given, and the keyword that may have been meant."""
        try:
            return as_variant(value)
        except TypeError as error:
            near = get_close_matches(name, KEYWORDS, 1)
            others = f"did you mean {near[0]}={value!r}?" if near else f"other keywords are {', '.join(KEYWORDS)}"
            raise TypeError(f"{self.case}: compare({name}={value!r}): {error}; {others}") from None

    def _arithmetic(self, given: Mapping[str, object], precision: str | Mapping[str, str]) -> dict[str, str]:
        """What arithmetic each variant's operations are in."""
        stated = dict.fromkeys(given, precision) if isinstance(precision, str) else dict(precision)
        if unknown := set(stated) - set(given):
            raise ValueError(
                f"{self.case} states the precision of {', '.join(sorted(unknown))}, which it does not measure"
            )
        if wrong := set(stated.values()) - set(PRECISIONS):
            raise ValueError(
                f"{self.case} states the precision {sorted(wrong)[0]!r}; there are {', '.join(PRECISIONS)}"
            )
        return stated

    def _expectations(self, given: Mapping[str, object], expect: str | Mapping[str, str] | None) -> dict[str, Expect]:
        if isinstance(expect, str):
            return dict.fromkeys(given, Expect(expect))
        stated = expect or {}
        if unknown := set(stated) - set(given):
            raise ValueError(
                f"{self.case} expects something of {', '.join(sorted(unknown))}, which it does not measure"
            )
        return {name: Expect(stated.get(name, self.claim.expect)) for name in given}
