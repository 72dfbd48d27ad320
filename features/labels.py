"""Labels that cannot leak: what a position taken at a row's close would have returned."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import pyarrow as pa

from features.client import arrow_of, converted
from features.errors import FeatureError, unknown

AVAILABLE = "label_available_at"
_MICROSECONDS = 3_600_000_000


def forward_returns(
    frame: Any,
    horizons: int | Sequence[int],
    *,
    kind: Literal["log", "simple"] = "log",
    price: str = "current_price",
) -> Any:
    """Return the frame with a column `forward_return_<h>h` per horizon.

    The label of hour t compares the close of the bar that opened at t with the close of the bar of
    the same symbol that opened exactly h hours later. Where that bar is not in the frame (a gap,
    the end of the data) the label is missing: it is never taken from another hour.

    `label_available_at` is when the last of a row's labels is known, or known to be missing: the
    close of the bar of the longest horizon. Features of the row are known at its own close, one
    hour after `timestamp_iso`; `time_splits` keeps both apart.

    Args:
        frame: of pandas, polars or Arrow, with `symbol`, `timestamp_iso` and the price; any order.
        horizons: whole hours, at least 1.
        kind: `log`: ln(later / now); `simple`: later / now - 1.
        price: the column that is compared.

    Returns:
        A frame of the same kind, rows in the same order.

    Raises:
        FeatureError: a column is missing, a horizon is no whole positive hour, a row repeats.
    """
    table, format = arrow_of(frame)
    wanted = _horizons(horizons)
    if kind not in ("log", "simple"):
        msg = f"kind '{kind}': choose log or simple"
        raise FeatureError(msg)
    needed = ("symbol", "timestamp_iso", price)
    if absent := [name for name in needed if name not in table.column_names]:
        raise FeatureError(unknown("column", absent, table.column_names) + " in this frame")
    opened = hours_of(table)
    prices = table[price].cast(pa.float64()).to_numpy()
    later = _later_rows(table, opened, wanted)
    for horizon, rows in zip(wanted, later, strict=True):
        values = _returns(prices, rows, kind)
        table = table.append_column(
            f"forward_return_{horizon}h", pa.array(values, mask=~np.isfinite(values))
        )
    known = (opened + max(wanted) + 1) * _MICROSECONDS
    table = table.append_column(AVAILABLE, pa.array(known).cast(pa.timestamp("us", tz="UTC")))
    return converted(table, format)


def hours_of(table: pa.Table, name: str = "timestamp_iso") -> np.ndarray[Any, np.dtype[np.int64]]:
    """Return a time column as whole hours since 1970.

    Raises:
        FeatureError: a time is missing or not a whole hour.
    """
    column = table[name]
    if not pa.types.is_timestamp(column.type) or column.null_count:
        msg = f"column {name} must hold a time in every row"
        raise FeatureError(msg)
    micros = column.cast(pa.timestamp("us", tz="UTC")).cast(pa.int64()).to_numpy()
    if len(micros) and (micros % _MICROSECONDS).any():
        msg = f"column {name} must hold whole hours"
        raise FeatureError(msg)
    hours: np.ndarray[Any, np.dtype[np.int64]] = micros // _MICROSECONDS
    return hours


def _horizons(horizons: int | Sequence[int]) -> list[int]:
    given = [horizons] if isinstance(horizons, int) else list(horizons)
    wanted = sorted(set(given))
    if not wanted or any(isinstance(h, bool) or not isinstance(h, int) or h < 1 for h in wanted):
        msg = f"horizons {given}: give whole hours, at least 1, such as [1, 24]"
        raise FeatureError(msg)
    return wanted


def _later_rows(
    table: pa.Table, opened: np.ndarray[Any, Any], horizons: Sequence[int]
) -> list[np.ndarray[Any, Any]]:
    """Return, per horizon, the position of the row exactly that much later, or -1."""
    codes = table["symbol"].combine_chunks().dictionary_encode()
    symbol = codes.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    if not len(opened):
        return [np.empty(0, dtype=np.int64) for _ in horizons]
    # One number per symbol and hour, with room for the longest horizon between two symbols.
    span = int(opened.max() - opened.min()) + max(horizons) + 1
    key = symbol * span + (opened - opened.min())
    order = np.argsort(key, kind="stable")
    known = key[order]
    if (known[1:] == known[:-1]).any():
        at = int(order[1:][known[1:] == known[:-1]][0])
        msg = f"symbol {table['symbol'][at]} has two rows of {table['timestamp_iso'][at]}"
        raise FeatureError(msg)
    found = []
    for horizon in horizons:
        place = np.minimum(np.searchsorted(known, key + horizon), len(known) - 1)
        found.append(np.where(known[place] == key + horizon, order[place], -1))
    return found


def _returns(
    prices: np.ndarray[Any, Any], rows: np.ndarray[Any, Any], kind: str
) -> np.ndarray[Any, Any]:
    later = np.where(rows >= 0, prices[rows], np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where((prices > 0) & (later > 0), later / prices, np.nan)
        values: np.ndarray[Any, Any] = np.log(ratio) if kind == "log" else ratio - 1
    return values
