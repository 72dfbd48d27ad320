"""Binance spot: klines and the list of symbols.

Klines are rows of twelve, oldest first, numbers as text, times in milliseconds. Where the data
does not tell turnover and trades, as in a folder of real bars, these fields are null: a real
figure is not made up.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from ingestion.sandbox.candles import flow, served
from ingestion.sandbox.catalogue import Asset
from ingestion.sandbox.model import Bars
from ingestion.sandbox.sample_minutes import Flow
from ingestion.sandbox.state import now_of, state_of

DEFAULT_LIMIT, MAX_LIMIT = 500, 1000
MINUTE, DAY = 60, 86400
INTERVALS = {
    **{f"{n}m": n * MINUTE for n in (1, 3, 5, 15, 30)},
    **{f"{n}h": n * 60 * MINUTE for n in (1, 2, 4, 6, 8, 12)},
    **{"1d": DAY, "3d": 3 * DAY, "1w": 7 * DAY, "1M": 30 * DAY},
}
#: Weight of a request; 6000 a minute are allowed.
WEIGHT_HEADERS = {"x-mbx-used-weight": "2", "x-mbx-used-weight-1m": "2"}


class BadRequest(Exception):
    """A request that Binance refuses, with its code and text."""

    def __init__(self, code: int, text: str) -> None:
        """Keep what the answer says."""
        super().__init__(text)
        self.body = {"code": code, "msg": text}


class Wanted(NamedTuple):
    """What klines are asked for; the bounds are in milliseconds."""

    asset: Asset
    seconds: int
    limit: int
    start: int | None
    end: int | None


async def klines(request: Request) -> JSONResponse:
    """GET /api/v3/klines."""
    state, now = state_of(request), int(now_of(request).timestamp())
    try:
        wanted = parse(request.query_params, state.catalogue.by_binance)
    except BadRequest as refused:
        return JSONResponse(refused.body, status_code=400, headers=WEIGHT_HEADERS)
    first = -(-(wanted.start or 0) // 1000)
    last = now if wanted.end is None else wanted.end // 1000
    part = served(state, wanted.asset.symbol, wanted.seconds, now, first, last)
    if part is None:
        return JSONResponse([], headers=WEIGHT_HEADERS)
    is_forward = wanted.start is not None
    part = part.select(slice(None, wanted.limit) if is_forward else slice(-wanted.limit, None))
    found = flow(state, wanted.asset.symbol, part, wanted.seconds, now)
    return JSONResponse(rows_of(part, found, wanted.seconds), headers=WEIGHT_HEADERS)


def parse(query: QueryParams, known: dict[str, Asset]) -> Wanted:
    """Return what is asked for.

    Raises:
        BadRequest: a parameter is missing, malformed or unknown.
    """
    asset = known.get(_needed(query, "symbol"))
    if asset is None:
        raise BadRequest(-1121, "Invalid symbol.")
    seconds = INTERVALS.get(_needed(query, "interval"))
    if seconds is None:
        raise BadRequest(-1120, "Invalid interval.")
    limit = _whole(query, "limit")
    if limit == 0:
        raise BadRequest(-1130, "Data sent for parameter 'limit' is not valid.")
    bounds = _whole(query, "startTime"), _whole(query, "endTime")
    return Wanted(asset, seconds, min(limit or DEFAULT_LIMIT, MAX_LIMIT), *bounds)


async def exchange_info(request: Request) -> JSONResponse:
    """GET /api/v3/exchangeInfo: the symbols, traded or not."""
    assets = state_of(request).catalogue.by_binance.values()
    limit = {"interval": "MINUTE", "intervalNum": 1, "limit": 6000}
    body = {
        "timezone": "UTC",
        "serverTime": int(now_of(request).timestamp() * 1000),
        "rateLimits": [{"rateLimitType": "REQUEST_WEIGHT", **limit}],
        "exchangeFilters": [],
        "symbols": [_symbol(asset) for asset in assets],
    }
    return JSONResponse(body, headers=WEIGHT_HEADERS)


def rows_of(bars: Bars, found: Flow | None, seconds: int) -> list[list[Any]]:
    """Return bars as rows of twelve; without ``found``, what it would tell is null."""
    columns = (bars.open, bars.high, bars.low, bars.close, bars.volume)
    rows: list[list[Any]] = []
    for at, (opened, *values) in enumerate(
        zip(bars.open_time.tolist(), *(column.tolist() for column in columns), strict=True)
    ):
        told: list[Any] = [None, None, None, None]
        if found is not None:
            quote = float(found.quote[at])
            # Takers bought half.
            told = [_text(quote), int(found.trades[at]), _text(values[4] / 2), _text(quote / 2)]
        closes = (opened + seconds) * 1000 - 1
        rows.append([opened * 1000, *map(_text, values), closes, *told, "0"])
    return rows


def _text(value: float) -> str:
    return f"{value:.8f}"


def _symbol(asset: Asset) -> dict[str, Any]:
    symbol = asset.binance_id or ""
    return {
        "symbol": symbol,
        "status": "BREAK" if asset.is_delisted else "TRADING",
        "baseAsset": symbol.removesuffix("USDT"),
        "quoteAsset": "USDT",
        "isSpotTradingAllowed": True,
    }


def _needed(query: QueryParams, name: str) -> str:
    value = query.get(name)
    if not value:
        text = f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed."
        raise BadRequest(-1102, text)
    return value


def _whole(query: QueryParams, name: str) -> int | None:
    value = query.get(name)
    if value is None:
        return None
    if not value.isdigit():
        raise BadRequest(-1100, f"Illegal characters found in parameter '{name}'.")
    return int(value)


ROUTES = [
    Route("/klines", klines),
    Route("/exchangeInfo", exchange_info),
]
