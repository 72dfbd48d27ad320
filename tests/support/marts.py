"""Reads marts and compares them: keys, NULLs, and every value."""

from __future__ import annotations

from pathlib import Path

import duckdb
import numpy as np
import pandas as pd

KEY = ["symbol", "timestamp_iso"]
RELATIVE = 1e-9
#: Below this share of its column's largest value a difference is rounding: means that cross zero
#: have no relative precision there.
FLOOR = 1e-12


def read_mart(path: Path, schema: str = "crypto_marts") -> pd.DataFrame:
    """Return the whole mart in key order."""
    with duckdb.connect(str(path), read_only=True) as connection:
        return connection.execute(
            f"select * from {schema}.ml_features_materialized order by symbol, timestamp_iso"
        ).df()


def differences(expected: pd.DataFrame, actual: pd.DataFrame) -> list[str]:
    """Return one line per column that differs, naming the first key and both values."""
    if list(expected.columns) != list(actual.columns):
        return [f"columns differ: {sorted(set(expected.columns) ^ set(actual.columns))}"]
    left, right = (frame.set_index(KEY) for frame in (expected, actual))
    if not left.index.equals(right.index):
        odd = left.index.symmetric_difference(right.index)
        return [
            f"keys differ: {len(left)} and {len(right)} rows, {len(odd)} unmatched: {list(odd[:3])}"
        ]
    lines = []
    for name in left.columns:
        a, b = left[name].astype(float).to_numpy(), right[name].astype(float).to_numpy()
        wrong = np.isnan(a) != np.isnan(b)
        scale = np.nanmax(np.abs(a)) if (~np.isnan(a)).any() else 0.0
        with np.errstate(invalid="ignore"):
            wrong |= np.abs(a - b) > np.maximum(RELATIVE * np.abs(a), FLOOR * scale)
        if wrong.any():
            at = int(np.argmax(wrong))
            lines.append(
                f"{name}: {wrong.sum()} rows, first {left.index[at]}: {a[at]!r} and {b[at]!r}"
            )
    return lines


def assert_same(expected: pd.DataFrame, actual: pd.DataFrame) -> None:
    """Fail with a line per differing column."""
    found = differences(expected, actual)
    assert not found, "\n".join(found)
