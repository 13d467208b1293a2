"""Variants: the ways of doing a case's work, as a benchmark hands them over."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass

from harness.model import Status

Iteration = Callable[[], object]
"""One call of a variant's work. It returns its result, so that variants can be compared.

A result with an attribute ``readings`` (a mapping from names to numbers) has them kept, one a block, beside
the time.
"""


@dataclass(frozen=True, slots=True)
class Variant:
    """A way of doing the work; `variant` and `prepared` make one.

    ``prepare`` sets it up, ``around`` is opened around each of its rounds, untimed. ``part`` is how much of
    the case's work one iteration does: what an iteration takes is divided by it.

    Example::

        >>> with variant(lambda: 7).prepare() as iteration:
        ...     iteration()
        7
    """

    prepare: Callable[[], AbstractContextManager[Iteration]]
    around: Callable[[], AbstractContextManager[object]] = nullcontext
    part: float = 1.0


@dataclass(frozen=True, slots=True)
class Unavailable:
    """A variant that this machine cannot run; it is listed as skipped, with the reason.

    `gone` and `must_raise` give those that have no time for another reason, which their ``status`` names.

    Example::

        >>> Unavailable("needs a CUDA GPU").reason
        'needs a CUDA GPU'
    """

    reason: str
    status: Status = Status.SKIPPED


def gone(name: str, *, since: str, instead: str) -> Unavailable:
    """A variant that the tip names and that no longer exists, as the verdict then says.

    Example::

        >>> gone("torch.utils.bottleneck", since="torch 2.14", instead="torch.profiler").reason
        'torch.utils.bottleneck is gone since torch 2.14; use torch.profiler'
    """
    return Unavailable(f"{name} is gone since {since}; use {instead}", Status.GONE)


def must_raise(error: type[Exception], iteration: Iteration, *, match: str = "") -> Unavailable:
    """A variant that cannot work: its error is the verdict, and it has no time.

    It is called once, at once. The claim is confirmed if it raises ``error`` with a message in which the
    regular expression ``match`` is found, and refuted if it raises nothing. Whatever else it raises is
    raised, and makes the case fail.

    Example::

        >>> must_raise(ZeroDivisionError, lambda: 1 / 0).reason
        'raises ZeroDivisionError: division by zero'
        >>> must_raise(ZeroDivisionError, lambda: 1 / 1).status.value
        'refuted'
    """
    try:
        iteration()
    except error as raised:
        if not re.search(match, str(raised)):
            raise
        # Imported here: the package itself is imported in a moment.
        from harness.measure.failure import failure

        return Unavailable(f"raises {failure(raised)}", Status.CONFIRMED)
    return Unavailable(f"raises no {error.__name__}", Status.REFUTED)


def prepared(
    factory: Callable[..., Iteration | AbstractContextManager[Iteration]],
    *args: object,
    around: Callable[[], AbstractContextManager[object]] = nullcontext,
    part: float = 1.0,
    **kwargs: object,
) -> Variant:
    """A variant that needs setting up: ``factory(*args, **kwargs)`` gives its iteration.

    The factory returns the callable, or is a context manager that yields it and tidies up behind it. It is
    called only where the variant is measured: variants are set up in random order, and in their own process
    where they are apart. ``around`` opens a context around each of its rounds, untimed. ``part`` is how much
    of the case's work one iteration does, if not all of it. What the factory raises makes the variant fail,
    with that reason.

    Example::

        >>> def squares(count):
        ...     table = list(range(count))
        ...     return lambda: [number * number for number in table]
        >>> with prepared(squares, 4).prepare() as iteration:
        ...     iteration()
        [0, 1, 4, 9]
    """

    @contextmanager
    def prepare() -> Iterator[Iteration]:
        made = factory(*args, **kwargs)
        if isinstance(made, AbstractContextManager):
            with made as iteration:
                yield iteration
        else:
            yield made

    return Variant(prepare, around, part)


def variant(
    iteration: Iteration, *, around: Callable[[], AbstractContextManager[object]] = nullcontext
) -> Variant:
    """A variant that needs no setting up; ``around`` opens a context around each of its rounds, untimed.

    Example::

        >>> from contextlib import nullcontext
        >>> variant(lambda: 7, around=nullcontext).part
        1.0
    """
    return Variant(lambda: nullcontext(iteration), around)


def as_variant(given: Iteration | Variant | Unavailable) -> Variant | Unavailable:
    """What a benchmark may hand over, as a variant. Raises TypeError for anything else."""
    if isinstance(given, Variant | Unavailable):
        return given
    if callable(given):
        return variant(given)
    raise TypeError(
        f"a variant is a callable, variant(...), prepared(...) or Unavailable(...), not {given!r}"
    )
