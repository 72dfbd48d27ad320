"""What a mart holds, in a few figures."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ingestion.config import Settings
from ingestion.destination import Warehouse

MART = "ml_features_materialized"
_SIGNIFICANT_DIGITS = 12


@dataclass(frozen=True)
class MartSummary:
    """The mart in figures.

    Attributes:
        coverage_pct: column -> share of rows in which it is not NULL, in percent.
        latest: the newest row of the symbol with the most rows.
        content_hash: sha256 over every value, in key order; the same rows give the same hash.
    """

    table: str
    rows: int
    symbols: int
    first_at: datetime | None
    last_at: datetime | None
    coverage_pct: dict[str, float]
    latest: dict[str, Any]
    content_hash: str


def summarise_mart(settings: Settings) -> MartSummary:
    """Read the whole mart and describe it. Meant for marts of a demo's size."""
    table = f"{settings.schema_prefix}_marts.{MART}"
    rows = Warehouse(settings).query(
        f"select * from {table} order by symbol, timestamp_iso"  # noqa: S608 - our own names
    )
    columns = list(rows[0]) if rows else []
    newest = max(rows, key=lambda row: (row["timestamp_iso"], row["symbol"] == "BTC"), default={})
    return MartSummary(
        table=table,
        rows=len(rows),
        symbols=len({row["symbol"] for row in rows}),
        first_at=min((row["timestamp_iso"] for row in rows), default=None),
        last_at=max((row["timestamp_iso"] for row in rows), default=None),
        coverage_pct={
            name: 100 * sum(row[name] is not None for row in rows) / len(rows) for name in columns
        },
        latest=newest,
        content_hash=content_hash(rows),
    )


def content_hash(rows: list[dict[str, Any]]) -> str:
    """Return a hash of rows in their order; floats count to 12 significant digits."""
    digest = hashlib.sha256()
    for row in rows:
        digest.update("|".join(_text(value) for value in row.values()).encode())
        digest.update(b"\n")
    return digest.hexdigest()


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.{_SIGNIFICANT_DIGITS}g}"
    if isinstance(value, datetime):
        return value.isoformat()
    return "" if value is None else str(value)
