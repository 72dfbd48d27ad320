"""What on-chain providers share: when a day could be known, where a series goes on, errors."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any

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


def unread(
    cursor: Mapping[str, Any] | None, start: date, last: date, reread: timedelta
) -> tuple[date, date] | None:
    """Return where a series' history starts and the first day to ask for; None if nothing is due.

    Args:
        cursor: ``from`` and ``through`` (ISO days) of what was read, None at first contact.
        start: the first day of history that is wanted.
        last: the last day that has ended.
        reread: how far back restatements are looked for.
    """
    first = start
    if cursor is not None and date.fromisoformat(cursor["from"]) <= start:
        through, start = date.fromisoformat(cursor["through"]), date.fromisoformat(cursor["from"])
        if through >= last:
            return None
        first = max(through - reread, start)
    return (start, first) if first <= last else None


def advanced(cursor: Mapping[str, Any] | None, start: date, newest: date) -> dict[str, Any]:
    """Return the cursor of a series that was read through ``newest``; it never goes back."""
    through = newest.isoformat()
    if cursor is not None:
        through = max(through, cursor["through"])
    return {"from": start.isoformat(), "through": through}


def error_in(payload: Any) -> str | None:
    """Return the error that a provider hides inside a 200 answer."""
    if isinstance(payload, dict) and payload.get("error"):
        return str(payload["error"])
    return None


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
