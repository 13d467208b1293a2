"""What a benchmark calls: `Contest`, the value of the ``contest`` fixture."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from harness.contest.measure import Asked, seed_of
from harness.contest.variant import Iteration, Unavailable, Variant, as_variant
from harness.model import BASELINE, Claim, Expect, Measurement, Work

Given = Iteration | Variant | Unavailable


class Contest:
    """Call it once with the variants of a case.

    ``device`` is where to work (a ``torch.device``), ``data`` the user's image folder or None.
    """

    def __init__(
        self,
        case: str,
        claim: Claim,
        session: Any,
        target: str,
        root: Path,
        finished: Callable[[Measurement], None] | None = None,
    ) -> None:
        import torch

        self.case = case
        self.claim = claim
        self._session = session
        self._target = target
        self._root = root
        self._finished = finished
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
        same: Callable[..., object],
        reference: Callable[[], object] | None = None,
        items: float = 0,
        bytes: float = 0,  # noqa: A002 - the word benchmarks use for it
        flops: float = 0,
        expect: str | Mapping[str, str] | None = None,
        **variants: Given,
    ) -> None:
        """Measure the variants against the baseline.

        ``same(expected, got)`` says whether a result agrees with the baseline's, or with ``reference()`` where
        given: it returns True, None or a mapping of readings, or returns False or raises AssertionError. ``items``,
        ``bytes`` and ``flops`` are the work of one iteration. ``expect`` overrides what the claim expects, for all
        variants or by name.
        Raises TypeError for what is no variant, ValueError for expectations of variants that are not there.
        """
        if self._called:
            raise RuntimeError(f"{self.case} holds two contests; write a second function or a parameter")
        self._called = True
        if not variants:
            raise TypeError(f"{self.case} has a baseline and nothing to compare it with")
        given = {BASELINE: as_variant(baseline), **{name: as_variant(value) for name, value in variants.items()}}
        asked = Asked(given, same, reference, Work(items, bytes, flops), self._expectations(given, expect))
        measurement = self._session.hold(self.case, self.claim, asked, self._target, self._root)
        if measurement is not None and self._finished is not None:
            self._finished(measurement)

    def _expectations(self, given: Mapping[str, object], expect: str | Mapping[str, str] | None) -> dict[str, Expect]:
        if isinstance(expect, str):
            return dict.fromkeys(given, Expect(expect))
        stated = expect or {}
        if unknown := set(stated) - set(given):
            raise ValueError(
                f"{self.case} expects something of {', '.join(sorted(unknown))}, which it does not measure"
            )
        return {name: Expect(stated.get(name, self.claim.expect)) for name in given}
