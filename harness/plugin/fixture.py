"""What a benchmark calls: `Compare`, the value of the ``compare`` fixture."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from harness.measure.case import seed_of
from harness.measure.spec import BenchmarkSpec
from harness.measure.variant import Iteration, Unavailable, Variant, as_variant
from harness.model import BASELINE, Claim, Expect, Measurement, Work
from harness.model.ceiling import PRECISIONS

if TYPE_CHECKING:
    import torch

Given = Iteration | Variant | Unavailable


KEYWORDS = ("same", "reference", "items", "bytes", "flops", "decoded", "precision", "expect")
"""What `Compare` takes beside variants."""


def _nothing_to_compare(*_: object) -> bool:
    return True


class CompareSession(Protocol):
    """What the fixture needs of the session that it belongs to."""

    @property
    def data(self) -> Path | None:
        """The user's image folder."""
        ...

    def device(self) -> torch.device:
        """Where to work."""
        ...

    def measure(
        self, case: str, claim: Claim, spec: BenchmarkSpec, target: str, root: Path
    ) -> Measurement | None:
        """Measure a case; None where the measurement goes elsewhere."""
        ...


class SpecCollector:
    """Stands in for a session: hands what a benchmark passes to compare to a function, and measures
    nothing."""

    def __init__(self, session: CompareSession, do: Callable[[BenchmarkSpec], object]) -> None:
        self._session = session
        self._do = do

    @property
    def data(self) -> Path | None:
        """The session's."""
        return self._session.data

    def device(self) -> torch.device:
        """The session's."""
        return self._session.device()

    def measure(self, _case: str, _claim: Claim, spec: BenchmarkSpec, _target: str, _root: Path) -> None:
        """Hand it over."""
        self._do(spec)


class Compare:
    """The value of the ``compare`` fixture: call it once, with the variants of a case.

    ``device`` is where to work, ``data`` the user's image folder or None. The seed of torch is set before the
    benchmark runs, the same for a case in every process.

    Example, a benchmark file::

        '''Adding in place is faster.'''

        import torch

        from harness import Compare, claim


        @claim("A1", expect="lower")
        def bench_add(compare: Compare) -> None:
            a, b, out = torch.rand(3, 1024, device=compare.device)
            compare(
                baseline=lambda: a + b,
                out=lambda: torch.add(a, b, out=out),
                same=torch.equal,
                bytes=3 * a.nbytes,
            )
    """

    def __init__(
        self,
        case: str,
        claim: Claim,
        session: CompareSession,
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
    def device(self) -> torch.device:
        """Where to work; a GPU has its index."""
        return self._session.device()

    @property
    def data(self) -> Path | None:
        """The image folder that the user named with ``--data``, or None."""
        return self._session.data

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
        """Measure the variants against the baseline; a baseline alone is timed for the gate and for
        ``compare``.

        Args:
            baseline: The reference: a callable that returns its result, `variant`, `prepared` or
                `Unavailable`.
            same: ``same(expected, got)`` agrees by returning True, None or a mapping of readings (numbers
                that are kept); it disagrees by returning False or raising AssertionError. Required if there
                are two results.
            reference: Gives the expected result in the place of the baseline's, in float64 say.
            items: Samples that one iteration processes.
            bytes: Bytes that one iteration moves within the device's memory; for a loader, copies to the
                device.
            flops: Floating-point operations of one iteration.
            decoded: Image files that one iteration decodes.
            precision: The arithmetic of the operations: fp32, tf32, fp16 or bf16, for all variants or by
                name.
            expect: What the claim expects of the variants: lower, higher or same, for all or by name; by
                default what the claim states.
            variants: The other ways of doing the work, by name.

        Raises TypeError for what is not a variant and for a missing ``same``, ValueError for an expectation
        or a precision of a variant that is not there, RuntimeError for a second call.
        """
        if self._called:
            raise RuntimeError(f"{self.case} calls compare twice; write a second function or a parameter")
        self._called = True
        if same is None:
            if variants or reference is not None:
                raise TypeError(
                    f"{self.case} does not say when results agree: give same=, torch.equal for example"
                )
            same = _nothing_to_compare
        given = {name: self._variant(name, value) for name, value in {BASELINE: baseline, **variants}.items()}
        spec = BenchmarkSpec(
            variants=given,
            same=same,
            reference=reference,
            work=Work(items, bytes, flops, decoded, self._arithmetic(given, precision) if flops else {}),
            expect=self._expectations(given, expect),
            anew=self._anew if self._again is not None else None,
        )
        measurement = self._session.measure(self.case, self.claim, spec, self._target, self._root)
        if measurement is not None and self._finished is not None:
            self._finished(measurement)

    def _anew(self, do: Callable[[BenchmarkSpec], object]) -> None:
        """Call the benchmark again with a `Compare` that hands over what it passes."""
        assert self._again is not None
        self._again(
            Compare(self.case, self.claim, SpecCollector(self._session, do), self._target, self._root)
        )

    def _variant(self, name: str, value: Given) -> Variant | Unavailable:
        """Raises TypeError that names what was given, and the keyword that may have been meant."""
        try:
            return as_variant(value)
        except TypeError as error:
            near = get_close_matches(name, KEYWORDS, 1)
            others = (
                f"did you mean {near[0]}={value!r}?" if near else f"other keywords are {', '.join(KEYWORDS)}"
            )
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

    def _expectations(
        self, given: Mapping[str, object], expect: str | Mapping[str, str] | None
    ) -> dict[str, Expect]:
        if isinstance(expect, str):
            return dict.fromkeys(given, Expect(expect))
        stated = expect or {}
        if unknown := set(stated) - set(given):
            raise ValueError(
                f"{self.case} expects something of {', '.join(sorted(unknown))}, which it does not measure"
            )
        return {name: Expect(stated.get(name, self.claim.expect)) for name in given}
