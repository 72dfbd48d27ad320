"""ALFRED's vintages, as pure functions: how to ask for them and what the answers mean.

A request may span at most 2,000 vintage dates, and the start of each value's validity is clamped
to the window asked for. Windows are therefore cut exactly on vintage dates: a clamped start is
then a true vintage date, and the history drops it where the value did not change.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any, NamedTuple

from ingestion.days import ONE_DAY, midnight
from ingestion.macro.observations import MISSING, lagged_row
from ingestion.rejections import Parsed, parse_page
from ingestion.tables import MACRO_OBSERVATIONS, Row
from ingestion.validate import iso_date, number, refuse

PROVIDER = "fred"
MAX_VINTAGES = 1900
END_OF_TIME = date(9999, 12, 31)


class Span(NamedTuple):
    """Realtime bounds of a request, both inclusive."""

    first: date
    last: date


def spans(vintages: Sequence[date], size: int = MAX_VINTAGES) -> list[Span]:
    """Return the realtime windows that cover the vintage dates, each with at most ``size``."""
    ordered = sorted(set(vintages))
    starts = ordered[::size]
    ends = [start - ONE_DAY for start in starts[1:]] + [END_OF_TIME]
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
    return parse_page(
        MACRO_OBSERVATIONS,
        parse,
        data,
        label=lambda raw: {"series_id": series_id, "observation": raw},
        order=("vintage_date", "observation_date"),
    )


def coalesced(rows: Sequence[Row], windows: Sequence[Span]) -> list[Row]:
    """Return the observations of several windows without the vintages that clamping made up.

    A value that was in force when a window starts comes with the window's first day as its start.
    It is left out where the value known just before is the same; the first window shows what was
    known before it, if anything, only to the history.

    Args:
        rows: the observations of all windows, in any order.
        windows: what was asked for.

    Returns:
        By vintage, then by date: the order in which the values became known.
    """
    clamps = {window.first for window in windows}
    newest: dict[date, float] = {}
    kept: list[Row] = []
    for row in sorted(rows, key=lambda row: (row["vintage_date"], row["observation_date"])):
        day = row["observation_date"]
        if row["vintage_date"] in clamps and newest.get(day) == row["value"]:
            continue
        newest[day] = row["value"]
        kept.append(row)
    return kept


def _observation(raw: Any, series_id: str, clock: datetime, lag: timedelta | None) -> Row | None:
    if not isinstance(raw, dict):
        refuse("the observation is not an object")
    value = raw.get("value")
    if "value" not in raw:
        refuse("value is missing")
    day = iso_date(raw.get("date"), "date")
    if day > clock.date():
        refuse("date lies in the future")
    if value is None or (isinstance(value, str) and value.strip() in MISSING):
        return None
    figure = number(value, "value", as_text=True)
    if lag is not None:
        return lagged_row(PROVIDER, series_id, day, figure, lag, clock)
    vintage = iso_date(raw.get("realtime_start"), "realtime_start")
    if vintage > clock.date():
        refuse("realtime_start lies in the future")
    return {
        "provider": PROVIDER,
        "series_id": series_id,
        "observation_date": day,
        "vintage_date": vintage,
        "value": figure,
        "is_vintage": True,
        "available_at": midnight(vintage) + ONE_DAY,
    }
