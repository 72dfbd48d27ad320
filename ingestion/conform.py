"""Whether a complete row fits the declaration of its table."""

from __future__ import annotations

import math
from datetime import date, datetime
from typing import Any

from ingestion.schema import Row, Table

_PYTHON: dict[str, tuple[type, ...]] = {
    "text": (str,),
    "double": (float, int),
    "bigint": (int,),
    "bool": (bool,),
    "timestamp": (datetime,),
    "date": (date,),
    "json": (dict, list, str, int, float),
}


def conform(table: Table, row: Row) -> str | None:
    """Return why a complete row (but for ``loaded_at``) does not fit its table, or None."""
    unknown = [name for name in row if name not in table.by_name]
    if unknown:
        return f"column {unknown[0]} is not declared"
    for column in table.columns:
        if column.name == "loaded_at":
            continue
        value = row.setdefault(column.name, None)
        reason = None if value is None and column.nullable else _misfit(column.data_type, value)
        if reason is None and column.length is not None and value is not None:
            reason = "is too long" if len(value) > column.length else None
        if reason:
            return f"{column.name} {reason}"
    return None


def _misfit(data_type: str, value: Any) -> str | None:
    if value is None:
        return "is missing"
    fits = isinstance(value, _PYTHON[data_type])
    if not fits or (data_type != "bool" and isinstance(value, bool)):
        return f"is not of type {data_type}"
    if isinstance(value, datetime):
        if data_type == "date":
            return "is a time, not a date"
        return "has no time zone" if value.tzinfo is None else None
    if isinstance(value, float) and data_type == "double" and not math.isfinite(value):
        return "is not finite"
    return None
