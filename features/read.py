"""Reads a mart as a stream of Arrow batches, on any engine, with bound values."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa

from features.errors import FeatureError
from features.request import Request
from flows.definition import mart_columns
from flows.past import Mart, exists
from ingestion.engine import engine_for

_HOUR = timedelta(hours=1)


def batches(mart: Mart, asked: Request) -> Iterator[pa.RecordBatch]:
    """Yield the rows in the order of symbol and hour; memory holds one batch at a time.

    Raises:
        FeatureError: the mart is not there.
    """
    check(mart)
    where, values = _where(asked)
    # Names come from the mart's contract; every value is bound.
    sql = (
        f"select {', '.join(map(_selected, asked.columns))} from {mart.table}"  # noqa: S608
        f"{where} order by symbol, timestamp_iso"
    )
    yield from engine_for(mart.settings).stream(sql, values, asked.schema)


def months(mart: Mart, asked: Request) -> list[tuple[datetime, datetime]]:
    """Return the months of the request that may have rows, as [first hour, hour after)."""
    start, end = extent(mart, asked)
    found = []
    first = start.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    while first < end:
        after = first.replace(year=first.year + first.month // 12, month=first.month % 12 + 1)
        found.append((max(first, start), min(after, end)))
        first = after
    return found


def extent(mart: Mart, asked: Request) -> tuple[datetime, datetime]:
    """Return the hours of the request in which the mart has rows, as [first hour, end).

    Raises:
        FeatureError: none of the symbols has a row in the range; says where there are rows.
    """
    check(mart)
    where, values = _where(Request(asked.symbols, None, None, asked.columns))
    found = engine_for(mart.settings).query(
        f"select symbol, min(timestamp_iso) as first_at, max(timestamp_iso) as last_at "  # noqa: S608
        f"from {mart.table}{where} group by symbol",
        values,
    )
    absent = sorted(set(asked.symbols) - {row["symbol"] for row in found})
    if absent:
        msg = f"{mart.table} has no row of {', '.join(absent)}; `cfw status` shows what is loaded"
        raise FeatureError(msg)
    if not found:
        msg = f"the mart {mart.table} is empty; run `cfw run` first"
        raise FeatureError(msg)
    first, last = min(row["first_at"] for row in found), max(row["last_at"] for row in found)
    if (asked.start and asked.start > last) or (asked.end and asked.end <= first):
        msg = (
            f"no rows in the range asked for; the mart has {first:%Y-%m-%d %H:%M} to "
            f"{last:%Y-%m-%d %H:%M} UTC for these symbols"
        )
        raise FeatureError(msg)
    after = last + _HOUR
    return max(first, asked.start or first), min(after, asked.end or after)


def check(mart: Mart) -> None:
    """Refuse a mart that is not there.

    Raises:
        FeatureError: says how it is made.
    """
    if not exists(mart):
        msg = f"there is no mart {mart.table} here; run `cfw run`, or check CFW_WAREHOUSE_URL"
        raise FeatureError(msg)


def _selected(name: str) -> str:
    # A decimal leaves as a double: the same type on every engine.
    return f"{name} + 0e0 as {name}" if mart_columns()[name].startswith("decimal") else name


def _where(asked: Request) -> tuple[str, list[Any]]:
    conditions: list[str] = []
    values: list[Any] = []
    if asked.symbols:
        conditions.append(f"symbol in ({', '.join(['%s'] * len(asked.symbols))})")
        values += asked.symbols
    if asked.start is not None:
        conditions.append("timestamp_iso >= %s")
        values.append(_naive(asked.start))
    if asked.end is not None:
        conditions.append("timestamp_iso < %s")
        values.append(_naive(asked.end))
    return (" where " + " and ".join(conditions) if conditions else ""), values


def _naive(moment: datetime) -> datetime:
    # The mart holds UTC without a zone.
    return moment.replace(tzinfo=None)
