"""When an on-chain day could be known, the same for every provider."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from ingestion.days import ONE_DAY, midnight
from ingestion.tables import Row

#: A day loaded this soon after its end was seen first when it was loaded.
FRESH = timedelta(days=3)
#: For older days the moment of publication is not known; this much after the day's end it was.
DECLARED_LAG = timedelta(hours=24)


def end_of(day: date) -> datetime:
    """Return the first moment after ``day``: its figures are complete then."""
    return midnight(day) + ONE_DAY


def available_at(day: date, clock: datetime, *, archive: bool = False) -> datetime:
    """Return when a day met for the first time could be known.

    Args:
        day: what was measured.
        clock: now.
        archive: the day comes from a backfill; else a day that just ended was first seen now.
    """
    end = end_of(day)
    if not archive and clock - end <= FRESH:
        return clock
    return min(end + DECLARED_LAG, clock)


def onchain_row(
    provider: str, symbol: str, metric: str, day: date, value: float, public: datetime
) -> Row:
    """Return a row of ``onchain_metrics``."""
    return {
        "provider": provider,
        "symbol": symbol,
        "metric": metric,
        "day": day,
        "value": value,
        "available_at": public,
    }
