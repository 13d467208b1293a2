"""Columns of names: categories, made without a string for each row."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import pandas as pd


def category(names: Iterable[str], lengths: npt.NDArray[np.int64]) -> pd.Categorical[str]:
    """One name a series, repeated by its length, without ever making a string a row."""
    codes: dict[str, int] = {}
    numbered = [codes.setdefault(name, len(codes)) for name in names]
    # object, not pandas' own strings: those refuse what cannot be encoded, and names are whatever was
    # recorded
    categories: pd.Index[str] = pd.Index(list(codes), dtype=object)
    return pd.Categorical.from_codes(
        np.repeat(np.asarray(numbered, np.int32), lengths), categories=categories
    )
