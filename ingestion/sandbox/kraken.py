"""Kraken: OHLC bars and the list of pairs; every answer is status 200, errors too.

The bars come under Kraken's own name of the pair, oldest first, the running bar last, the newest
720 and no older one. Where the data does not tell the average price and the trades, as in a folder
of real bars, these fields are null.
"""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from ingestion.sandbox.candles import flow, served
from ingestion.sandbox.catalogue import Asset
from ingestion.sandbox.model import Bars
from ingestion.sandbox.sample_minutes import Flow
from ingestion.sandbox.state import now_of, state_of

INTERVALS = (1, 5, 15, 30, 60, 240, 1440, 10080, 21600)
NEWEST = 720
#: Assets that Kraken listed early have names of four letters, the dollar too.
_EARLY = frozenset({"XBT", "ETH", "LTC", "XRP", "XLM", "ETC", "XMR", "ZEC", "REP"})


async def ohlc(request: Request) -> JSONResponse:
    """GET /OHLC."""
    state, query, now = state_of(request), request.query_params, int(now_of(request).timestamp())
    if not query.get("pair"):
        return _error("EGeneral:Invalid arguments")
    asset = next((a for a in state.catalogue.assets if query["pair"] in _names(a)), None)
    if asset is None:
        return _error("EQuery:Unknown asset pair")
    minutes, since = query.get("interval", "1"), query.get("since", "0")
    if not minutes.isdigit() or int(minutes) not in INTERVALS:
        return _error("EGeneral:Invalid arguments:interval")
    if not since.isdigit():
        return _error("EGeneral:Invalid arguments:since")
    seconds = 60 * int(minutes)
    bars = served(state, asset.symbol, seconds, now, 0, now)
    rows: list[list[Any]] = []
    if bars is not None:
        newest = bars.select(slice(-NEWEST, None))
        rows = _rows(newest, flow(state, asset.symbol, newest, seconds, now))
    # The running bar is there whatever is asked for.
    shown = [row for row in rows if row[0] > int(since)] or rows[-1:]
    final = [row[0] for row in rows if row[0] + seconds <= now]
    result = {pair_key(asset): shown, "last": final[-1] if final else int(since)}
    return JSONResponse({"error": [], "result": result})


async def asset_pairs(request: Request) -> JSONResponse:
    """GET /AssetPairs."""
    assets = [a for a in state_of(request).catalogue.assets if a.kraken_id]
    return JSONResponse({"error": [], "result": {pair_key(a): _pair(a) for a in assets}})


def pair_key(asset: Asset) -> str:
    """Return Kraken's own name of an asset's pair, under which it answers."""
    base = _base(asset)
    return f"X{base}ZUSD" if base in _EARLY else f"{base}USD"


def _base(asset: Asset) -> str:
    return (asset.kraken_id or "").removesuffix("USD")


def _names(asset: Asset) -> tuple[str, ...]:
    """Return every name that Kraken takes for an asset's pair."""
    if asset.kraken_id is None:
        return ()
    return (asset.kraken_id, pair_key(asset), f"{_base(asset)}/USD", f"{asset.symbol}USD")


def _pair(asset: Asset) -> dict[str, Any]:
    return {
        "altname": asset.kraken_id,
        "wsname": f"{_base(asset)}/USD",
        "base": f"X{_base(asset)}" if _base(asset) in _EARLY else _base(asset),
        "quote": "ZUSD",
        "status": "cancel_only" if asset.is_delisted else "online",
    }


def _rows(bars: Bars, found: Flow | None) -> list[list[Any]]:
    columns = (bars.open, bars.high, bars.low, bars.close, bars.volume)
    rows = []
    for at, (opened, *values) in enumerate(
        zip(bars.open_time.tolist(), *(column.tolist() for column in columns), strict=True)
    ):
        *prices, volume = values
        average = trades = None
        if found is not None:
            trades = int(found.trades[at])
            average = f"{found.quote[at] / volume if volume else 0.0:.8f}"
        rows.append([opened, *(f"{p:.8f}" for p in prices), average, f"{volume:.8f}", trades])
    return rows


def _error(text: str) -> JSONResponse:
    return JSONResponse({"error": [text]})


ROUTES = [
    Route("/OHLC", ohlc),
    Route("/AssetPairs", asset_pairs),
]
