"""alternative.me: the fear and greed index, newest day first, all values as text."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from ingestion.sandbox.model import FearGreedDay, midnight
from ingestion.sandbox.state import now_of, state_of

#: A day's value is public this long after the day starts.
DELAY = timedelta(minutes=5)
CLASSES = ((25, "Extreme Fear"), (46, "Fear"), (54, "Neutral"), (75, "Greed"))


async def fng(request: Request) -> JSONResponse:
    """GET /fng/: ``limit`` days, all of them for 0, one by default."""
    text = request.query_params.get("limit", "1")
    if not text.isdigit():
        return JSONResponse(_body([], "limit must be a whole number"))
    now = now_of(request)
    days = [d for d in state_of(request).data.fear_greed if midnight(d.day) + DELAY <= now]
    days.sort(reverse=True)
    if int(text):
        days = days[: int(text)]
    return JSONResponse(_body([_row(d, now if i == 0 else None) for i, d in enumerate(days)]))


def classify(value: int) -> str:
    """Return the name of the class that ``value`` falls into."""
    return next((name for limit, name in CLASSES if value <= limit), "Extreme Greed")


def _row(day: FearGreedDay, now: datetime | None) -> dict[str, str]:
    row = {
        "value": str(day.value),
        "value_classification": classify(day.value),
        "timestamp": str(int(midnight(day.day).timestamp())),
    }
    if now is not None:
        left = midnight(day.day) + timedelta(days=1) - now
        row["time_until_update"] = str(max(int(left.total_seconds()), 0))
    return row


def _body(rows: list[dict[str, str]], error: str | None = None) -> dict[str, Any]:
    return {"name": "Fear and Greed Index", "data": rows, "metadata": {"error": error}}


ROUTES = [Route("/fng", fng), Route("/fng/", fng)]
