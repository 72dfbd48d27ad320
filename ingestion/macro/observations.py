"""Rows of macro observations that come without vintages: known after a declared lag."""

from __future__ import annotations

import tomllib
from datetime import date, datetime, timedelta
from pathlib import Path

from ingestion.days import midnight
from ingestion.tables import Row

SERIES_FILE = Path(__file__).with_name("series.toml")
#: How FRED writes a missing value.
MISSING = frozenset({".", ""})
#: Observations this much older than the start of history are loaded, for yearly changes.
LOOKBACK = timedelta(days=3 * 365)
#: Without vintages, this stretch of the newest observations is read again on each run.
REREAD = timedelta(days=60)


def declared_lags() -> dict[str, timedelta]:
    """Return the publication lag per series from the table; ``default`` for any other."""
    table = tomllib.loads(SERIES_FILE.read_text(encoding="utf-8"))
    return {name: timedelta(hours=entry["lag_hours"]) for name, entry in table.items()}


def lagged_row(
    provider: str, series_id: str, day: date, value: float, lag: timedelta, clock: datetime
) -> Row:
    """Return an observation without a vintage: public after its lag, but never after now.

    A value that changes later becomes a vintage of the day on which that was seen (``history``).
    """
    public = min(midnight(day) + lag, clock)
    return {
        "provider": provider,
        "series_id": series_id,
        "observation_date": day,
        "vintage_date": public.date(),
        "value": value,
        "is_vintage": False,
        "available_at": public,
    }
