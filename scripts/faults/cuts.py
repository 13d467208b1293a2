"""A journal that ends at any byte: every whole line is read, and nothing is a traceback."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from faults.independent import measurements
from faults.scripted import prepared, scenario
from harness.store import StoreError, load, run_folders


def cut(step: int = 1) -> Iterator[str]:
    """Each file of a run cut at every ``step``-th byte; yields an empty text for each cut, or what was
    wrong."""
    with tempfile.TemporaryDirectory(prefix="faults-") as name:
        scenario(prepared(Path(name)))
        (folder,) = run_folders(Path(name) / "results")
        for file in sorted(folder.glob("*.jsonl")):
            whole = file.read_bytes()
            copy = Path(name) / "copy"
            shutil.copytree(folder, copy)
            for end in range(0, len(whole), step):
                (copy / file.name).write_bytes(whole[:end])
                yield _read(copy, f"{file.name} cut at byte {end}")
            shutil.rmtree(copy)


def _read(folder: Path, where: str) -> str:
    try:
        run = load(folder)
    except StoreError as error:
        return f"{where}: {error}"
    except Exception as error:
        return f"{where}: {type(error).__name__}: {error}"
    ours = {(m.case, m.invocation, m.survey, "") for m in run.measurements}
    # A last line that only lacks its end is whole for our reader.
    return "" if ours >= measurements(folder) else f"{where}: a whole line is not read"
