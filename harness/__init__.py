"""Put PyTorch's performance tips on trial on your own machine.

A benchmark file states a tip with `claim`, and hands its ways of doing the work to the fixture `Compare`: a
plain callable, `variant` or `prepared`, or `Unavailable` where this machine cannot run one; `gone` where the
tip's function no longer exists, `must_raise` where the error is the verdict. A notebook gets a `SavedRun`
from `load`; in it are a `Measurement` with a `Trial` per variant, and a `Verdict` with its `Comparison`.
A training loop of your own says where its time goes through `watched`, which gives a `WatchedLoop`.
Everything raised on purpose is a `HarnessError`. Importing this package imports neither torch nor pandas nor
pytest.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from harness.claims.claim import ClaimError, claim
from harness.errors import HarnessError
from harness.measure.variant import Unavailable, Variant, gone, must_raise, prepared, variant
from harness.model import Comparison, Measurement, Outcome, Status, Trial, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path
    from typing import TypeVar

    from harness.plugin.fixture import Compare
    from harness.report.saved_run import SavedRun
    from harness.store import StoreError
    from harness.training.loop import WatchedLoop

    Batch = TypeVar("Batch")

__all__ = [
    "ClaimError",
    "Compare",
    "Comparison",
    "HarnessError",
    "Measurement",
    "Outcome",
    "SavedRun",
    "Status",
    "StoreError",
    "Trial",
    "Unavailable",
    "Variant",
    "Verdict",
    "WatchedLoop",
    "__version__",
    "claim",
    "gone",
    "load",
    "must_raise",
    "prepared",
    "variant",
    "watched",
]
__version__ = "0.1.0"

_LATER = {
    "Compare": "harness.plugin.fixture",
    "SavedRun": "harness.report.saved_run",
    "StoreError": "harness.store",
    "WatchedLoop": "harness.training.loop",
}
"""Names whose modules are imported at their first use: they bring pytest, or take time."""


def load(run: str | Path, results: str | Path = "results") -> SavedRun:
    """A saved run with its samples, verdicts and readings as pandas frames, each made at its first use.

    ``run`` is a folder, a run's name, the beginning of a name that no other run shares, ``latest``, or
    ``latest~1`` for the run before it. ``results`` is the folder that has the runs. Raises `StoreError` if
    there is no such run, or if a file of it cannot be read; the message names the file and, for a bad record,
    the line.

    Example::

        >>> run = load("latest", results)
        >>> seconds = run.samples.query("metric == 'seconds'")
        >>> sorted(seconds.columns)
        ['block', 'case', 'claim', 'invocation', 'label', 'metric', 'unit', 'value', 'variant']
    """
    from pathlib import Path

    from harness.report.saved_run import load as loaded

    return loaded(run, Path(results))


def watched(
    loader: Iterable[Batch],
    step: Callable[..., object] | str | None = None,
    *,
    results: str | Path = "results",
    quiet: bool = False,
) -> WatchedLoop[Batch]:
    """The loader, watched: loop over it in the loader's place, and learn where your training's time goes.

    ``loader`` is a DataLoader or anything else that gives batches. ``step`` is only named in the command that
    is advised: the function that does your step, or ``"module:function"``; without it the time of your step
    takes its place. The run is saved under ``results``, and ``tipbench report RUN`` shows it again. ``quiet``
    prints nothing. Raises `HarnessError` for a loader that cannot be looped over.

    Example::

        >>> for images, labels in watched([(1, 2), (3, 4)], results=results, quiet=True):
        ...     print(images, labels)
        1 2
        3 4
    """
    from pathlib import Path

    from harness.training.loop import watched_loop

    return watched_loop(loader, step, results=Path(results), quiet=quiet)


def __dir__() -> list[str]:
    """The public names."""
    return list(__all__)


def __getattr__(name: str) -> object:
    if name in _LATER:
        return getattr(import_module(_LATER[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
