"""Snapshots of a GPU's memory: a gzipped JSON file for each variant, in a folder of their own in the
run's."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from pathlib import Path

from harness.store.files import plain_name
from harness.store.lines import StoreError
from harness.store.whole_file import whole_file

SNAPSHOTS = "snapshots"


def snapshot_file(folder: Path, case: str, variant: str) -> Path:
    """Where a run keeps the memory snapshot of a variant; whatever a case is called, a plain name in that
    folder."""
    return folder / SNAPSHOTS / f"{plain_name(f'{case} {variant}')}.json.gz"


def write_snapshot(path: Path, snapshot: Mapping[str, object]) -> None:
    """Keep a memory snapshot as gzipped JSON, whole or not at all. Raises StoreError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with (
            whole_file(path) as draft,
            gzip.open(draft, "wt", encoding="utf-8", compresslevel=6) as file,
        ):
            json.dump(snapshot, file, default=str)
    except OSError as error:
        raise StoreError(
            f"cannot write {path}: {error.strerror}; what was measured is kept beside it"
        ) from error
