"""World Bank indicators: a list of two, newest year first; errors are a list of one."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ingestion.sandbox.model import AnnualValue
from ingestion.sandbox.state import now_of, state_of

DEFAULT_ROWS = 50
MOST_ROWS = 32_500
NAMES = {"US": ("US", "United States", "USA"), "WLD": ("1W", "World", "WLD")}


async def indicator(request: Request) -> Response:
    """GET /country/{country}/indicator/{indicator}: pages of annual figures."""
    query = request.query_params
    if query.get("format") != "json":
        xml = '<?xml version="1.0" encoding="utf-8"?>\n<wb:data></wb:data>\n'
        return Response(xml, media_type="text/xml")
    country, name = (request.path_params[part].upper() for part in ("country", "indicator"))
    values = state_of(request).data.indicators.get(f"{country}:{name}")
    size, page = query.get("per_page", str(DEFAULT_ROWS)), query.get("page", "1")
    years = re.fullmatch(r"(\d{4})(?::(\d{4}))?", query.get("date", "1900:2100"))
    is_bad = not (size.isdigit() and 0 < int(size) <= MOST_ROWS and page.isdigit() and int(page))
    if values is None or years is None or is_bad:
        return JSONResponse(_error("120", "Invalid value"))
    first, last = int(years[1]), int(years[2] or years[1])
    today = now_of(request).date()
    shown = {year: v for year, v in current(values, today).items() if first <= year <= last}
    rows = [_row(country, name, year, value) for year, value in sorted(shown.items(), reverse=True)]
    return JSONResponse(_page(rows, int(page), int(size), _updated(values, today)))


def current(values: tuple[AnnualValue, ...], today: date) -> dict[int, float | None]:
    """Return, by year, the figure published last; the newest year not out yet is null."""
    shown: dict[int, float | None] = {}
    for value in sorted(values, key=lambda v: v.published):
        if value.published <= today:
            shown[value.year] = value.value
    if shown:
        shown.setdefault(max(shown) + 1, None)
    return shown


def _page(rows: list[dict[str, Any]], page: int, size: int, updated: str) -> list[Any]:
    if not rows:
        return [{"page": 0, "pages": 0, "per_page": 0, "total": 0, "lastupdated": updated}, None]
    meta = {
        "page": page,
        "pages": -(-len(rows) // size),
        "per_page": size,
        "total": len(rows),
        "sourceid": "2",
        "lastupdated": updated,
    }
    return [meta, rows[(page - 1) * size : page * size]]


def _updated(values: tuple[AnnualValue, ...], today: date) -> str:
    return str(max((v.published for v in values if v.published <= today), default=today))


def _row(country: str, name: str, year: int, value: float | None) -> dict[str, Any]:
    code, title, iso3 = NAMES.get(country, (country, country, country))
    return {
        "indicator": {"id": name, "value": name},
        "country": {"id": code, "value": title},
        "countryiso3code": iso3,
        "date": str(year),
        "value": value,
        "unit": "",
        "obs_status": "",
        "decimal": 1,
    }


def _error(number: str, key: str) -> list[Any]:
    text = "The provided parameter value is not valid"
    return [{"message": [{"id": number, "key": key, "value": text}]}]


ROUTES = [Route("/country/{country}/indicator/{indicator}", indicator)]
