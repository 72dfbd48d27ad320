"""The CSV behind FRED's graphs: the newest values of a series, without a key."""

from __future__ import annotations

from datetime import date

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from ingestion.sandbox import fred_vintages as alfred
from ingestion.sandbox.fred_vintages import FIRST_DAY, LAST_DAY
from ingestion.sandbox.state import now_of, state_of

NOT_FOUND = "<!DOCTYPE html><html><head><title>Error</title></head><body>Not found</body></html>"


async def table(request: Request) -> Response:
    """GET /fredgraph.csv: one column per id, joined on the date, blank where one has none."""
    query, now = request.query_params, now_of(request)
    names = [name.upper() for name in query.get("id", "").split(",") if name]
    macro = state_of(request).data.macro
    try:
        first = date.fromisoformat(query.get("cosd", str(FIRST_DAY)))
        last = date.fromisoformat(query.get("coed", str(LAST_DAY)))
        known = date.fromisoformat(query.get("vintage_date", str(now.date())))
    except ValueError:
        return HTMLResponse(NOT_FOUND, status_code=404)
    if not names or any(name not in macro for name in names):
        return HTMLResponse(NOT_FOUND, status_code=404)
    columns = []
    for name in names:
        rows = alfred.validities(alfred.published(macro[name], now))
        shown = alfred.clamped(rows, known, known)
        columns.append({row.observation_date: row.value for row in shown})
    days = sorted({day for column in columns for day in column if first <= day <= last})
    lines = [",".join(["observation_date", *names])]
    lines += [",".join([str(day), *(column.get(day, "") for column in columns)]) for day in days]
    return Response("\n".join(lines) + "\n", media_type="application/csv")


ROUTES = [Route("/fredgraph.csv", table)]
