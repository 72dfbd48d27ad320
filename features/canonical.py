"""One hash for the same rows, whichever engine built them and whichever writer stored them.

Two builds of one state agree in everything but the last bits of some floats: sums are added in
another order by another number of threads, another engine, another version of it. Hashing the bits
would call them different; rounding first only moves the question to the values that lie beside an
edge of rounding, of which a million rows have some for certain.

So a float counts as the nearest point of a grid of 28 bits (eight digits), and the cells that lie
within a 2^-12th of a step of an edge are written down in the manifest with the side that they were
put on. A later build puts the same cells on the same side. Two builds that differ by less than that
margin (2^-40 of the value, 9e-13) therefore have the same hash, always; a value that moved by more
than a step (4e-9) has another one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

METHOD = "grid-28-bits/1"
_BITS = 28
_MARGIN = 2.0**-12
#: Columns whose values may be small differences of large numbers, and what their last bits are
#: relative to: another column of the row, or a size. All others: the value itself.
_SCALES: dict[str, str | float] = {
    **dict.fromkeys(
        (
            "price_change_24h",
            "macd_line",
            "macd_signal",
            "macd_histogram",
            "bb_upper",
            "bb_lower",
            "atr_14",
        ),
        "current_price",
    ),
    "price_volatility_7d": 0.01,
    **dict.fromkeys(("rsi_14", "stoch_k", "stoch_d", "price_change_percentage_24h"), 100.0),
    **dict.fromkeys(
        (
            "avg_cryptobert_score",
            "avg_minilm_score",
            "avg_vader_score",
            "avg_finbert_sentiment_score",
            "avg_general_cryptobert_score",
            "avg_general_vader_score",
            "social_avg_sentiment",
            "social_engagement_weighted_sentiment",
            "social_verified_user_sentiment",
        ),
        1.0,
    ),
}

Edges = dict[str, list[int]]


def scale_columns(columns: Sequence[str]) -> set[str]:
    """Return the columns that must be read beside these to hash them."""
    return {s for name in columns if isinstance(s := _SCALES.get(name), str)}


def column_hashes(
    table: pa.Table, columns: Sequence[str], edges: Mapping[str, Sequence[int]] | None = None
) -> tuple[dict[str, str], Edges]:
    """Return a hash per column, and the cells beside an edge.

    Args:
        table: the rows in their order; holds also `scale_columns(columns)`.
        columns: those that are hashed.
        edges: the cells of an earlier build, per column: row + 1, negative where the value was put
            on the lower side.

    Returns:
        SHA-256 by column, and the edges of this build (those given, where they are given).
    """
    hashes: dict[str, str] = {}
    found: Edges = {}
    values: np.ndarray[Any, Any] | bytes
    for name in columns:
        column = table[name].combine_chunks()
        if pa.types.is_floating(column.type):
            values, near = _grid(_floats(column), _scale(table, name), (edges or {}).get(name, ()))
            if near and edges is None:
                found[name] = near
        else:
            values = _exact(column)
        hashes[name] = _hash(column, values)
    return hashes, found if edges is None else {k: list(v) for k, v in edges.items()}


def content_hash(parts: Sequence[tuple[str, str]]) -> str:
    """Return the hash of named hashes."""
    digest = hashlib.sha256(METHOD.encode())
    for name, value in parts:
        digest.update(f"\n{name} {value}".encode())
    return digest.hexdigest()


def _grid(
    values: np.ndarray[Any, Any], scale: np.ndarray[Any, Any], edges: Sequence[int]
) -> tuple[np.ndarray[Any, Any], list[int]]:
    """Return the values on the grid, and the cells beside an edge as `column_hashes` does."""
    known = np.isfinite(values)
    size = np.maximum(np.abs(np.where(known, values, 0.0)), np.where(np.isfinite(scale), scale, 0))
    _, exponent = np.frexp(size)
    steps = np.ldexp(np.where(known, values, 0.0), _BITS - exponent)
    floor = np.floor(steps)
    beyond = steps - floor - 0.5
    up = beyond >= 0
    near = np.flatnonzero((np.abs(beyond) < _MARGIN) & known)
    told = [int(row + 1 if up[row] else -row - 1) for row in near]
    if len(edges):
        rows = np.abs(np.asarray(edges, dtype=np.int64)) - 1
        usable = rows < len(values)
        rows, sides = rows[usable], np.asarray(edges, dtype=np.int64)[usable] > 0
        beside = np.abs(beyond[rows]) < 2 * _MARGIN
        up[rows[beside]] = sides[beside]
    grid = np.ldexp(floor + up, exponent - _BITS)
    on_grid: np.ndarray[Any, Any] = np.where(known, grid, np.nan) + 0.0
    return on_grid, told


def _scale(table: pa.Table, name: str) -> np.ndarray[Any, Any]:
    scale = _SCALES.get(name, 0.0)
    sizes: np.ndarray[Any, Any]
    if isinstance(scale, str):
        sizes = np.abs(_floats(table[scale].combine_chunks()))
    else:
        sizes = np.full(table.num_rows, scale)
    return sizes


def _floats(column: Any) -> np.ndarray[Any, Any]:
    found: np.ndarray[Any, Any] = column.cast(pa.float64()).fill_null(0.0).to_numpy(False)
    return found


def _exact(column: Any) -> np.ndarray[Any, Any] | bytes:
    if pa.types.is_string(column.type):
        return "\x00".join(column.fill_null("").to_pylist()).encode()
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.timestamp("us", tz="UTC"))
    found: np.ndarray[Any, Any] = column.cast(pa.int64()).fill_null(0).to_numpy(False)
    return found


def _hash(column: Any, values: np.ndarray[Any, Any] | bytes) -> str:
    """Hash type, number of rows, where values are missing, and the values in fixed byte order."""
    digest = hashlib.sha256(f"{column.type} {len(column)} ".encode())
    digest.update(np.packbits(column.is_valid().to_numpy(False)).tobytes())
    if isinstance(values, bytes):
        digest.update(values)
    else:
        kind = "<f8" if values.dtype.kind == "f" else "<i8"
        digest.update(np.ascontiguousarray(values, dtype=kind).tobytes())
    return digest.hexdigest()
