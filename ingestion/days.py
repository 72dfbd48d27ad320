"""Whole UTC days: bounds of a period, and the first moment of a day."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

ONE_DAY = timedelta(days=1)


def midnight(day: date) -> datetime:
    """Return the first moment of ``day``, UTC."""
    return datetime.combine(day, time(0), UTC)


def days_within(first: datetime, last: datetime) -> tuple[date, date] | None:
    """Return the first and the last day that start in [first, last); None where none does."""
    start = first.astimezone(UTC)
    opening = start.date() + (ONE_DAY if start != midnight(start.date()) else timedelta(0))
    closing = (last.astimezone(UTC) - timedelta(microseconds=1)).date()
    return (opening, closing) if opening <= closing else None
