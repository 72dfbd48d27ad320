"""FRED and ALFRED: series, their observations as known on given days, and vintage dates."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from typing import Any

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ingestion.sandbox import fred_vintages as alfred
from ingestion.sandbox.fred_vintages import FIRST_DAY, LAST_DAY, Validity
from ingestion.sandbox.model import MacroSeries, MacroVintage
from ingestion.sandbox.state import now_of, state_of

MAX_VINTAGES = 2000
MAX_ROWS = 100_000
MAX_DATES = 10_000
#: A key of the right form that nobody registered.
UNREGISTERED_KEY = "0" * 32
KEY_HELP = "Read https://fred.stlouisfed.org/docs/api/api_key.html for more information."
FREQUENCIES = {"D": "Daily", "W": "Weekly", "M": "Monthly", "Q": "Quarterly"}


class Refused(Exception):
    """A request answered with status 400 and a message."""


@dataclass(frozen=True)
class Call:
    """What every endpoint needs: the series, what is public of it, and the asked period."""

    series: MacroSeries
    vintages: list[MacroVintage]
    today: date
    start: date
    end: date


async def series(request: Request) -> Response:
    """GET /series."""
    return _answer(request, _series_body)


async def observations(request: Request) -> Response:
    """GET /series/observations."""
    return _answer(request, _observations_body)


async def vintagedates(request: Request) -> Response:
    """GET /series/vintagedates."""
    return _answer(request, _vintagedates_body)


def _answer(request: Request, body: Any) -> Response:
    query = request.query_params
    try:
        _check_key(query)
        if query.get("file_type") != "json":
            xml = '<?xml version="1.0" encoding="utf-8" ?>\n<observations></observations>\n'
            return Response(xml, media_type="text/xml")
        return JSONResponse(body(request))
    except Refused as refused:
        error = {"error_code": 400, "error_message": f"Bad Request.  {refused}"}
        return JSONResponse(error, status_code=400)


def _check_key(query: QueryParams) -> None:
    key = query.get("api_key")
    if key is None:
        msg = f"Variable api_key is not set.  {KEY_HELP}"
        raise Refused(msg)
    if not re.fullmatch(r"[0-9a-z]{32}", key):
        msg = (
            "The value for variable api_key is not a 32 character alpha-numeric "
            f"lower-case string.  {KEY_HELP}"
        )
        raise Refused(msg)
    if key == UNREGISTERED_KEY:
        msg = f"The value for variable api_key is not registered.  {KEY_HELP}"
        raise Refused(msg)


def _call(request: Request, default_start: date | None, default_end: date | None) -> Call:
    """Return the parsed call; without defaults the realtime period is today.

    Raises:
        Refused: the series is unknown, or it has no vintages in the asked period.
    """
    query, now = request.query_params, now_of(request)
    found = state_of(request).data.macro.get(query.get("series_id", "").upper())
    if found is None:
        msg = "The series does not exist."
        raise Refused(msg)
    today = now.date()
    start = _date(query, "realtime_start", default_start or today)
    end = _date(query, "realtime_end", default_end or today)
    if start > end:
        msg = "The value for variable realtime_start is after realtime_end."
        raise Refused(msg)
    vintages = alfred.published(found, now)
    dates = alfred.vintage_dates(vintages)
    is_past = start < today if not dates else end < dates[0]
    if is_past:
        msg = (
            "The series does not exist in ALFRED but may exist in FRED.  "
            f"Real-time period: {start} to {end}."
        )
        raise Refused(msg)
    return Call(found, vintages, today, start, end)


def _observations_body(request: Request) -> dict[str, Any]:
    query = request.query_params
    if query.get("output_type", "1") != "1" or query.get("units", "lin") != "lin":
        msg = "Only output_type 1 and units lin are served here."
        raise Refused(msg)
    days = [date.fromisoformat(d) for d in query.get("vintage_dates", "").split(",") if d]
    call = _call(request, min(days, default=None), max(days, default=None))
    first = _date(query, "observation_start", FIRST_DAY)
    last = _date(query, "observation_end", LAST_DAY)
    _check_cap(call)
    rows = [row for row in _validities(call, days) if first <= row.observation_date <= last]
    if query.get("sort_order", "asc") == "desc":
        rows.reverse()
    limit, offset = _whole(query, "limit", MAX_ROWS, 1, MAX_ROWS), _whole(query, "offset", 0, 0)
    return {
        "realtime_start": str(call.start),
        "realtime_end": str(call.end),
        "observation_start": str(first),
        "observation_end": str(last),
        "units": "lin",
        "output_type": 1,
        "file_type": "json",
        "order_by": "observation_date",
        "sort_order": query.get("sort_order", "asc"),
        "count": len(rows),
        "offset": offset,
        "limit": limit,
        "observations": [_observation(row) for row in rows[offset : offset + limit]],
    }


def _validities(call: Call, days: list[date]) -> list[Validity]:
    if not alfred.vintage_dates(call.vintages):
        plain = [Validity(v.observation_date, v.value, FIRST_DAY, LAST_DAY) for v in call.vintages]
        return alfred.clamped(plain, call.start, call.end)
    rows = alfred.validities(call.vintages)
    if not days:
        return alfred.clamped(rows, call.start, call.end)
    return sorted(row for day in days for row in alfred.clamped(rows, day, day))


def _check_cap(call: Call) -> None:
    dates = alfred.vintage_dates(call.vintages)
    inside = sum(call.start <= day <= call.end for day in dates)
    if inside > MAX_VINTAGES:
        msg = (
            f"There are {inside} vintage dates in the specified real-time period: "
            f"{call.start} to {call.end}. This exceeds the maximum number of vintage dates "
            f"allowed for this file type ({MAX_VINTAGES})."
        )
        raise Refused(msg)


def _observation(row: Validity) -> dict[str, str]:
    return {
        "realtime_start": str(row.realtime_start),
        "realtime_end": str(row.realtime_end),
        "date": str(row.observation_date),
        "value": row.value,
    }


def _vintagedates_body(request: Request) -> dict[str, Any]:
    query = request.query_params
    call = _call(request, FIRST_DAY, LAST_DAY)
    dates = [d for d in alfred.vintage_dates(call.vintages) if call.start <= d <= call.end]
    if query.get("sort_order", "asc") == "desc":
        dates.reverse()
    limit, offset = _whole(query, "limit", MAX_DATES, 1, MAX_DATES), _whole(query, "offset", 0, 0)
    return {
        "realtime_start": str(call.start),
        "realtime_end": str(call.end),
        "order_by": "vintage_date",
        "sort_order": query.get("sort_order", "asc"),
        "count": len(dates),
        "offset": offset,
        "limit": limit,
        "vintage_dates": [str(d) for d in dates[offset : offset + limit]],
    }


def _series_body(request: Request) -> dict[str, Any]:
    call = _call(request, None, None)
    days = [v.observation_date for v in call.vintages]
    dates = alfred.vintage_dates(call.vintages)
    updated = dates[-1] if dates else call.today
    row = {
        "id": call.series.series_id,
        "realtime_start": str(call.start),
        "realtime_end": str(call.end),
        "title": call.series.title or call.series.series_id,
        "observation_start": str(min(days, default=call.today)),
        "observation_end": str(max(days, default=call.today)),
        "frequency": FREQUENCIES.get(call.series.frequency, "Daily"),
        "frequency_short": call.series.frequency,
        "units": call.series.units,
        "units_short": call.series.units,
        "seasonal_adjustment": "Not Seasonally Adjusted",
        "seasonal_adjustment_short": "NSA",
        "last_updated": f"{updated} 08:30:00-05",
        "popularity": 50,
    }
    return {"realtime_start": str(call.start), "realtime_end": str(call.end), "seriess": [row]}


def _date(query: QueryParams, name: str, default: date) -> date:
    text = query.get(name)
    if text is None:
        return default
    try:
        return date.fromisoformat(text)
    except ValueError:
        msg = f"Variable {name} is not a YYYY-MM-DD formatted date."
        raise Refused(msg) from None


def _whole(query: QueryParams, name: str, default: int, least: int, most: int | None = None) -> int:
    text = query.get(name, str(default))
    if not text.isdigit() or int(text) < least or (most is not None and int(text) > most):
        msg = f"The value for variable {name} is not between {least} and {most}."
        raise Refused(msg)
    return int(text)


ROUTES = [
    Route("/series", series),
    Route("/series/observations", observations),
    Route("/series/vintagedates", vintagedates),
]
