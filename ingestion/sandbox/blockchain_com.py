"""blockchain.com charts: daily figures of Bitcoin, thinned out unless told otherwise."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from ingestion.sandbox.model import midnight
from ingestion.sandbox.onchain_rows import current_values
from ingestion.sandbox.state import now_of, state_of

#: Chart: the metric it shows, its title and unit, and the hour of the day of its points.
CHARTS = {
    "n-unique-addresses": ("AdrActCnt", "Unique Addresses Used", "Addresses", 0),
    "n-transactions": ("TxCnt", "Confirmed Transactions Per Day", "Transactions", 0),
    "hash-rate": ("HashRate", "Hash Rate", "TH/s", 9),
    "transaction-fees": ("FeeTotNtv", "Total Transaction Fees", "BTC", 0),
    "mvrv": ("CapMVRVCur", "Market Value to Realised Value", "", 0),
}
MOST_SAMPLED = 1500
UNITS = {"days": 1, "weeks": 7, "years": 365}


async def chart(request: Request) -> JSONResponse:
    """GET /charts/{chart}: the points of a chart, oldest first."""
    query, now = request.query_params, now_of(request)
    found = CHARTS.get(request.path_params["chart"])
    span = re.fullmatch(r"(\d+)(day|week|year)s?", query.get("timespan", "1year"))
    if found is None or span is None or query.get("format", "json") != "json":
        error = {"status": "not-found", "error": "not-found", "message": "Chart not found"}
        return JSONResponse(error, status_code=404)
    metric, title, unit, hour = found
    length = timedelta(days=int(span[1]) * UNITS[f"{span[2]}s"])
    try:
        start = date.fromisoformat(query["start"]) if "start" in query else now.date() - length
    except ValueError:
        return JSONResponse({"status": "error", "error": "bad start"}, status_code=400)
    versions = state_of(request).data.onchain.get("btc", {}).get(metric, ())
    values = current_values(tuple(v for v in versions if start <= v.day < start + length), now)
    points = [
        {"x": int(_moment(day, hour).timestamp()), "y": float(version.value)}
        for day, version in sorted(values.items())
    ]
    if query.get("sampled", "true") != "false" and len(points) > MOST_SAMPLED:
        points = points[:: -(-len(points) // MOST_SAMPLED)]
    body: dict[str, Any] = {"status": "ok", "name": title, "unit": unit, "period": "day"}
    return JSONResponse({**body, "description": title, "values": points})


def _moment(day: date, hour: int) -> datetime:
    return midnight(day) if not hour else datetime.combine(day, time(hour), UTC)


ROUTES = [Route("/charts/{chart}", chart)]
