"""Rows of numbers as files: CSV, and Parquet where pyarrow is installed."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import HarnessError

if TYPE_CHECKING:
    import pandas as pd

Rows = Sequence[Mapping[str, object]]


class MissingPackage(HarnessError):
    """A form needs a package that is not installed; the message says how to install it."""


def csv_of(rows: Rows) -> str:
    """The rows as CSV with a header; what is unknown is empty.

    A text that a spreadsheet would take for a formula has an apostrophe before it.
    """
    file = io.StringIO()
    if rows:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows({name: _neutral(value) for name, value in row.items()} for row in rows)
    return file.getvalue()


def _neutral(value: object) -> object:
    if not isinstance(value, str):
        return value
    # Before Python 3.13 the writer leaves a carriage return unquoted, and readers take it for a line's end.
    whole = value.replace("\r", " ")
    return f"'{whole}" if value.startswith(_FORMULA) else whole


_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def write_parquet(rows: Rows | pd.DataFrame, path: Path) -> None:
    """Write rows or a frame. Raises MissingPackage without pyarrow, and OSError."""
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise MissingPackage(
            f"--parquet needs pyarrow ({error}): pip install pyarrow, or write --csv instead"
        ) from None
    table = (
        pa.Table.from_pylist([dict(row) for row in rows])
        if isinstance(rows, Sequence)
        else pa.Table.from_pandas(rows)
    )
    pq.write_table(table, path)
