"""Coinbase Exchange: products and candles.

Candles are [time, low, high, open, close, volume], newest first, with both bounds inclusive and
at most 300 intervals per request. The running bar is served with what it would show so far.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from ingestion.sandbox.candles import bars_of, served
from ingestion.sandbox.catalogue import Asset
from ingestion.sandbox.model import Bars
from ingestion.sandbox.state import now_of, state_of

GRANULARITIES = (60, 300, 900, 3600, 21600, 86400)
MAX_INTERVALS = 300
NEWEST_WINDOW = 350
TOO_MANY = (
    "granularity too small for the requested time range. "
    "Count of aggregations requested exceeds 300"
)

Candle = list[float | int]


async def products(request: Request) -> JSONResponse:
    """GET /products: every product, online or delisted, without paging."""
    state = state_of(request)
    rows = [_product(asset) for asset in state.catalogue.by_coinbase.values()]
    return JSONResponse(rows, headers={"cache-control": "max-age=5"})


async def product(request: Request) -> JSONResponse:
    """GET /products/{id}."""
    state = state_of(request)
    asset = state.catalogue.by_coinbase.get(request.path_params["product"])
    if asset is None:
        return _error("NotFound", 404)
    return JSONResponse(_product(asset))


async def candles(request: Request) -> JSONResponse:
    """GET /products/{id}/candles."""
    state = state_of(request)
    asset = state.catalogue.by_coinbase.get(request.path_params["product"])
    if asset is None:
        return _error("NotFound", 404)
    query = request.query_params
    granularity = _whole(query.get("granularity", "60"))
    if granularity not in GRANULARITIES:
        return _error("Unsupported granularity", 400)
    now = int(now_of(request).timestamp())
    headers: dict[str, str] = {}
    if "start" in query and "end" in query:
        start, end = _moment(query["start"]), _moment(query["end"])
        if start is None or end is None:
            return _error("Invalid start or end", 400)
        if (end - start) / granularity > MAX_INTERVALS:
            return _error(TOO_MANY, 400)
    else:
        # As the provider does: one bound alone is ignored, and the newest window is cached.
        start, end = newest_start(bars_of(state, asset.symbol, granularity, now), now), now
        headers["cache-control"] = "max-age=300"
    part = served(state, asset.symbol, granularity, now, start, end)
    return JSONResponse([] if part is None else _rows(part), headers=headers)


def newest_start(bars: Bars | None, now: int) -> int:
    """Return the start of the oldest of the newest bars that an open request gets."""
    if bars is None:
        return now
    known = int(np.searchsorted(bars.open_time, now, side="left"))
    return int(bars.open_time[max(known - NEWEST_WINDOW, 0)]) if known else now


def _rows(bars: Bars) -> list[Candle]:
    """Return the candles, newest first."""
    columns = (bars.low, bars.high, bars.open, bars.close, bars.volume)
    rows: list[Candle] = [
        [moment, *(_number(value) for value in values)]
        for moment, *values in zip(
            bars.open_time.tolist(), *(column.tolist() for column in columns), strict=True
        )
    ]
    return rows[::-1]


def _number(value: float) -> float | int:
    return int(value) if value.is_integer() else value


def _product(asset: Asset) -> dict[str, Any]:
    pair = asset.coinbase_id or ""
    base, _, quote = pair.partition("-")
    return {
        "id": pair,
        "base_currency": base,
        "quote_currency": quote,
        "quote_increment": "0.01",
        "base_increment": "0.00000001",
        "display_name": pair,
        "min_market_funds": "1",
        "margin_enabled": False,
        "post_only": False,
        "limit_only": False,
        "cancel_only": False,
        "status": "delisted" if asset.is_delisted else "online",
        "status_message": "",
        "trading_disabled": asset.is_delisted,
        "fx_stablecoin": False,
        "max_slippage_percentage": "0.03000000",
        "auction_mode": False,
        "high_bid_limit_percentage": "",
    }


def _whole(text: str) -> int | None:
    return int(text) if text.isdigit() else None


def _moment(text: str) -> float | None:
    """Return unix seconds of an ISO 8601 time (UTC unless it says otherwise) or of a number."""
    try:
        return float(text)
    except ValueError:
        pass
    try:
        # A "+" of an offset that was not percent-encoded arrives as a space.
        moment = datetime.fromisoformat(text.replace(" 00:00", "+00:00"))
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _error(message: str, status: int) -> JSONResponse:
    return JSONResponse({"message": message}, status_code=status)


ROUTES = [
    Route("/products", products),
    Route("/products/{product}", product),
    Route("/products/{product}/candles", candles),
]
