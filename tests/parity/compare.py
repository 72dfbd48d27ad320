"""Compares two builds of the mart, value by value."""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb
import numpy as np
import pandas as pd

from tests.parity.raw_tables import connect

if TYPE_CHECKING:
    from numpy.typing import NDArray

KEY = ["symbol", "timestamp_iso"]
MART = "ml_features_materialized"
MART_COLUMNS = 53
RELATIVE = 1e-9
"""Largest relative difference of two values."""
SCALE_SHARE = 1e-12
"""Differences below this share of the largest value of the symbol's column count as none."""
PRICE_SCALED = ("macd_line", "macd_signal", "macd_histogram")
"""Differences of nearly equal prices: their scale is that of the price."""


def read_mart(url: str, prefix: str) -> pd.DataFrame:
    """Reads the mart of a warehouse, sorted by key: floats as float64, NULL as NaN.

    Args:
        url: duckdb:///path or mysql://user:password@host:port.
        prefix: schema prefix of the warehouse.
    """
    statement = f"select * from {prefix}_marts.{MART}"
    if url.startswith("duckdb:///"):
        with duckdb.connect(url.removeprefix("duckdb:///"), read_only=True) as warehouse:
            mart = warehouse.execute(statement).df()
    else:
        with connect(url) as server:
            cursor = server.cursor()
            cursor.execute(statement)
            names = [column[0] for column in cursor.description or ()]
            mart = pd.DataFrame(list(cursor.fetchall()), columns=names)
    mart["symbol"] = mart["symbol"].astype(str)
    mart["timestamp_iso"] = mart["timestamp_iso"].astype("datetime64[us]")
    values = [name for name in mart.columns if name not in KEY]
    mart = mart.astype(dict.fromkeys(values, "float64"))
    return mart.sort_values(KEY, ignore_index=True)


def differences(left: pd.DataFrame, right: pd.DataFrame, *, most: int = 20) -> list[str]:
    """Names what differs between two marts; an empty list means that they are the same.

    Keys must be equal, NULLs stand in the same places, and every value agree to RELATIVE, or to
    SCALE_SHARE of the largest absolute value that the symbol has in the column. Each line names
    column, key and both values.

    Args:
        left: one mart, as `read_mart` gives it.
        right: the other.
        most: lines after which to stop.
    """
    if list(left.columns) != list(right.columns):
        return [f"columns differ: {sorted(set(left.columns) ^ set(right.columns))}"]
    found = _key_differences(left, right)
    if found:
        return found[:most]
    for name in left.columns.drop(KEY):
        one = left[name].to_numpy(dtype="float64")
        other = right[name].to_numpy(dtype="float64")
        scale = _scale(left, "current_price" if name in PRICE_SCALED else name)
        for position in np.flatnonzero(_differing(one, other, scale))[: most - len(found)]:
            symbol, hour = left.loc[position, KEY]
            found.append(f"{name} at ({symbol}, {hour}): {one[position]!r} / {other[position]!r}")
    return found


def _scale(mart: pd.DataFrame, name: str) -> NDArray[np.float64]:
    largest = mart[name].abs().groupby(mart["symbol"]).transform("max")
    return largest.fillna(0.0).to_numpy(dtype="float64")


def _differing(
    one: NDArray[np.float64], other: NDArray[np.float64], scale: NDArray[np.float64]
) -> NDArray[np.bool_]:
    allowed = np.maximum(RELATIVE * np.abs(one), SCALE_SHARE * scale)
    both = ~np.isnan(one) & ~np.isnan(other)
    too_far = np.zeros(one.shape, dtype=bool)
    too_far[both] = ~(np.abs(one[both] - other[both]) <= allowed[both])
    return too_far | (np.isnan(one) != np.isnan(other))


def _key_differences(left: pd.DataFrame, right: pd.DataFrame) -> list[str]:
    merged = left[KEY].merge(right[KEY], on=KEY, how="outer", indicator=True)
    only = merged[merged["_merge"] != "both"]
    found = [f"row ({row.symbol}, {row.timestamp_iso}): {row[-1]}" for row in only.itertuples()]
    for name, mart in (("left", left), ("right", right)):
        repeated = mart[mart.duplicated(KEY)]
        found += [f"{name} repeats ({r.symbol}, {r.timestamp_iso})" for r in repeated.itertuples()]
    return found
