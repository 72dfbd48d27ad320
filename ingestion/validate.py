"""Rules a row must meet before it lands, as pure functions.

A parser raises ``Invalid`` through these checks. Reasons never name the clock, so that the same
bad row gives the same rejection at every reading.
"""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta
from typing import Any, NoReturn

from ingestion.schema import Row
from ingestion.text import strip_controls

MAX_TEXT_BYTES = 100_000
#: Clocks of providers may be this much ahead of ours.
CLOCK_SKEW = timedelta(minutes=5)
INT64 = 2**63


class Invalid(ValueError):
    """A value breaks a rule; the text is the reason of the rejection."""


def refuse(reason: str) -> NoReturn:
    """Raise ``Invalid``: the row breaks a rule."""
    raise Invalid(reason)


def number(value: Any, name: str, *, as_text: bool = False) -> float:
    """Return a finite number.

    Args:
        value: as decoded from JSON.
        name: for the reason.
        as_text: the provider writes numbers as strings; both forms are taken then.
    """
    if isinstance(value, bool) or value is None:
        refuse(f"{name} is missing" if value is None else f"{name} is not a number")
    if isinstance(value, str):
        if not as_text:
            refuse(f"{name} is a string where a number belongs")
        return to_float(value, name)
    if not isinstance(value, int | float):
        refuse(f"{name} is not a number")
    return to_float(value, name)


def to_float(value: str | int | float, name: str) -> float:
    """Return a number or numeric text as a finite float."""
    if isinstance(value, str) and ("_" in value or not value.isascii()):
        refuse(f"{name} is a malformed number")  # Python would read 1_000 and foreign digits
    try:
        result = float(value)
    except (ValueError, OverflowError):
        refuse(f"{name} is a malformed number")
    if not math.isfinite(result):
        refuse(f"{name} is not finite")
    return result


def optional_number(value: Any, name: str, *, as_text: bool = False) -> float | None:
    """Return a finite number, or None where there is none."""
    return None if value is None else number(value, name, as_text=as_text)


def count(value: Any, name: str) -> int:
    """Return a whole number of at least 0 that fits 64 bits."""
    result = number(value, name)
    if result < 0 or result != int(result) or result >= INT64:
        refuse(f"{name} is not a count")
    return int(value)


def text(value: Any, name: str, *, length: int | None = None) -> str:
    """Return a text that is there, is text, is not too long, and holds no control character."""
    if value is None:
        refuse(f"{name} is missing")
    if not isinstance(value, str):
        refuse(f"{name} is not text")
    if len(value) > MAX_TEXT_BYTES or len(value.encode("utf-8", "replace")) > MAX_TEXT_BYTES:
        refuse(f"{name} is longer than {MAX_TEXT_BYTES} bytes")
    clean = strip_controls(value).strip()
    if not clean:
        refuse(f"{name} is empty")
    if length is not None and len(clean) > length:
        refuse(f"{name} is longer than {length} characters")
    return clean


def iso_time(value: Any, name: str) -> datetime:
    """Return an ISO 8601 time in UTC; a time without a zone is refused."""
    try:
        moment = datetime.fromisoformat(text(value, name))
    except ValueError as error:
        if isinstance(error, Invalid):
            raise
        refuse(f"{name} is not a time")
    if moment.tzinfo is None:
        refuse(f"{name} has no time zone")
    return moment.astimezone(UTC)


def iso_date(value: Any, name: str) -> date:
    """Return an ISO 8601 date."""
    try:
        return date.fromisoformat(text(value, name))
    except ValueError as error:
        if isinstance(error, Invalid):
            raise
        refuse(f"{name} is not a date")


def unix_time(value: Any, name: str) -> datetime:
    """Return a time given in whole or broken seconds since 1970."""
    seconds = number(value, name)
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        refuse(f"{name} is not a time")


def not_future(moment: datetime, name: str, clock: datetime) -> datetime:
    """Return ``moment`` unless it lies after the clock (with some skew allowed)."""
    if moment > clock + CLOCK_SKEW:
        refuse(f"{name} lies in the future")
    return moment


def check_bar(row: Row) -> None:
    """Refuse a bar whose prices cannot have been.

    Prices are above zero, the volume is not negative, and the high and the low enclose the open
    and the close.
    """
    low, high = row["low"], row["high"]
    for name in ("open", "high", "low", "close"):
        if row[name] <= 0:
            refuse(f"{name} is not above zero")
    if high < low:
        refuse("high is below low")
    if high < max(row["open"], row["close"]):
        refuse("high is below the open or the close")
    if low > min(row["open"], row["close"]):
        refuse("low is above the open or the close")
    if row["volume_base"] < 0:
        refuse("volume is negative")
