"""Put PyTorch's performance tips on trial on your own machine.

A benchmark needs three names from here: `claim` states the tip, `prepared` or `variant` hands over a way of doing the
work, `Unavailable` says why this machine cannot run one. A notebook needs `load`. Importing this package imports no
torch and no pandas.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.claims.file import claim
from harness.measure.variant import Unavailable, prepared, variant

if TYPE_CHECKING:
    from pathlib import Path

    from harness.report.saved_run import SavedRun

__all__ = ["Unavailable", "__version__", "claim", "load", "prepared", "variant"]
__version__ = "0.1.0"


def load(run: str | Path, results: str | Path = "results") -> SavedRun:
    """A saved run as pandas frames: by folder, name, a unique beginning of either, or ``latest``.

    Raises `harness.store.StoreError` that says what is wrong and where.
    """
    from pathlib import Path

    from harness.report.saved_run import load as loaded

    return loaded(run, Path(results))
