"""Correctness before timing: does a variant's result agree with the reference?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import isfinite

from harness.errors import HarnessError

Same = Callable[..., object]


class WrongResult(HarnessError):
    """A variant's result is not the reference's; the message has what differs."""


@dataclass(slots=True)
class Agreement:
    """What the variants of a case must agree on.

    ``same(expected, got)`` agrees by returning True or None, or a mapping of readings that are kept (errors
    against a reference, say); it disagrees by returning False, a reading that is not finite, or raising
    AssertionError.
    """

    same: Same
    expected: object = field(default=None)

    def check(self, got: object) -> dict[str, float]:
        """The readings of the comparison. Raises WrongResult."""
        try:
            answer = self.same(self.expected, got)
        except AssertionError as error:
            raise WrongResult(self._nothing(got) or _sentence(error)) from error
        except Exception as error:
            if nothing := self._nothing(got):
                raise TypeError(nothing) from error
            raise
        if isinstance(answer, Mapping):
            readings = {str(name): float(value) for name, value in answer.items()}
            for name, value in readings.items():
                if not isfinite(value):
                    raise WrongResult(f"its {name} is {value}")
            return readings
        if answer is None or bool(answer):
            return {}
        differs = f"its result differs from the baseline's ({getattr(self.same, '__name__', 'same')} returned False)"
        raise WrongResult(self._nothing(got) or differs)

    def _nothing(self, got: object) -> str:
        """What is wrong where there is no result to compare; empty if there are two."""
        if got is not None and self.expected is not None:
            return ""
        who = "the baseline" if self.expected is None else "it"
        return (
            f"{who} returned None: a variant must return its result, to be compared; if there is none, state that "
            "everything agrees with same=lambda expected, got: True"
        )


def _sentence(error: AssertionError) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return "; ".join(lines[:3]) or "its result differs from the baseline's"
