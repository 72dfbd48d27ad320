"""ALFRED's vintages, as pure functions: how to ask for them and what the answers mean.

A request may span at most 2,000 vintage dates, and the start of each value's validity is clamped
to the window asked for. Windows are therefore cut exactly on vintage dates: a clamped start is
then a true vintage date, and the history drops it where the value did not change.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from typing import Any, NamedTuple

from ingestion.rejections import Parsed, Rejection, checked, reject, unique
from ingestion.tables import MACRO_OBSERVATIONS, Row
from ingestion.validate import iso_date, number, refuse

PROVIDER = "fred"
MAX_VINTAGES = 1900
END_OF_TIME = date(9999, 12, 31)
_DAY = timedelta(days=1)
#: How FRED writes a missing value.
_MISSING = frozenset({".", "", None})


class Span(NamedTuple):
    """Realtime bounds of a request, both inclusive."""

    first: date
    last: date


def spans(vintages: Sequence[date], size: int = MAX_VINTAGES) -> list[Span]:
    """Return the realtime windows that cover the vintage dates, each with at most ``size``."""
    ordered = sorted(set(vintages))
    starts = ordered[::size]
    ends = [start - _DAY for start in starts[1:]] + [END_OF_TIME]
    return [Span(start, end) for start, end in zip(starts, ends, strict=False) if starts]


def parse_vintage_dates(payload: Any) -> tuple[list[date], int]:
    """Return the vintage dates of a page and how many there are in all.

    Raises:
        Invalid: the page is not one of vintage dates.
    """
    if not isinstance(payload, dict) or not isinstance(payload.get("vintage_dates"), list):
        refuse("no list of vintage dates")
    days = [iso_date(day, "vintage date") for day in payload["vintage_dates"]]
    total = payload.get("count")
    return days, total if isinstance(total, int) else len(days)


def parse_observations(
    data: Sequence[Any], series_id: str, clock: datetime, lag: timedelta | None
) -> Parsed:
    """Return the observations of a page, by vintage and date, and what is refused.

    Args:
        data: the ``observations`` of a page.
        series_id: whose they are.
        clock: now.
        lag: None where ``realtime_start`` is a vintage date; else the declared publication lag
            of a series that has no vintages.
    """
    parse = partial(_observation, series_id=series_id, clock=clock, lag=lag)
    kept: list[tuple[Row, Any]] = []
    refused: list[Rejection] = []
    for raw in data:
        outcome = checked(MACRO_OBSERVATIONS, parse, raw)
        if isinstance(outcome, Rejection):
            labelled = {"series_id": series_id, "observation": raw}
            refused.append(reject(MACRO_OBSERVATIONS.name, outcome.reason, labelled))
        elif outcome is not None:
            kept.append((outcome, raw))
    page = unique(MACRO_OBSERVATIONS, kept)
    page.rejections += refused
    page.rows.sort(key=lambda row: (row["vintage_date"], row["observation_date"]))
    return page


def _observation(raw: Any, series_id: str, clock: datetime, lag: timedelta | None) -> Row | None:
    if not isinstance(raw, dict):
        refuse("the observation is not an object")
    value = raw.get("value")
    if "value" not in raw:
        refuse("value is missing")
    day = iso_date(raw.get("date"), "date")
    if day > clock.date():
        refuse("date lies in the future")
    if value is None or (isinstance(value, str) and value.strip() in _MISSING):
        return None
    figure = number(value, "value", as_text=True)
    if lag is None:
        vintage = iso_date(raw.get("realtime_start"), "realtime_start")
        if vintage > clock.date():
            refuse("realtime_start lies in the future")
        public = _midnight(vintage) + _DAY
    else:
        public = min(_midnight(day) + lag, clock)
        vintage = public.date()
    return {
        "provider": PROVIDER,
        "series_id": series_id,
        "observation_date": day,
        "vintage_date": vintage,
        "value": figure,
        "is_vintage": lag is None,
        "available_at": public,
    }


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(0), UTC)
