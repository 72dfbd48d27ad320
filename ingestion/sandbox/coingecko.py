"""CoinGecko: the market table of now, the list of coins, and price and value of the past."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from ingestion.sandbox.catalogue import Asset
from ingestion.sandbox.model import HOUR, Bars, SandboxData, Snapshots
from ingestion.sandbox.state import iso_ms, now_of, state_of

DAY = 24 * HOUR
#: Older supply figures are not passed off as today's.
SNAPSHOT_VALID = 2 * DAY
MAX_PER_PAGE = 250
#: Without a paid key history ends here; ranges up to the second length are hourly, longer daily.
REACH = 365 * DAY
HOURLY_RANGE = 90 * DAY


async def coins_list(request: Request) -> JSONResponse:
    """GET /coins/list: id, symbol and name of every coin."""
    assets = state_of(request).catalogue.by_coingecko.values()
    return JSONResponse(
        [{"id": a.coingecko_id, "symbol": a.symbol.lower(), "name": a.name} for a in assets]
    )


async def markets(request: Request) -> JSONResponse:
    """GET /coins/markets: one page of coins by market value, largest first."""
    query = request.query_params
    if not query.get("vs_currency"):
        return JSONResponse({"error": "Missing parameter vs_currency"}, status_code=422)
    if query["vs_currency"] != "usd":
        return JSONResponse({"error": "invalid vs_currency"}, status_code=422)
    per_page, page = _whole(query.get("per_page"), 100), _whole(query.get("page"), 1)
    if per_page is None or page is None or not 1 <= per_page <= MAX_PER_PAGE or page < 1:
        return JSONResponse({"error": "invalid per_page or page"}, status_code=422)
    state, now = state_of(request), now_of(request)
    rows = [
        row
        for asset in state.catalogue.by_coingecko.values()
        if (row := market_row(asset, state.data, now)) is not None
    ]
    rows.sort(key=lambda row: (-(row["market_cap"] or 0), row["id"]))
    for rank, row in enumerate(rows, start=1):
        row["market_cap_rank"] = rank if row["market_cap"] else None
    if "ids" in query:
        wanted = set(query["ids"].split(","))
        rows = [row for row in rows if row["id"] in wanted]
    return JSONResponse(rows[(page - 1) * per_page : page * per_page])


async def coin(request: Request) -> JSONResponse:
    """GET /coins/{id}: only what tells a known coin from an unknown one."""
    asset = state_of(request).catalogue.by_coingecko.get(request.path_params["coin"])
    if asset is None:
        return JSONResponse({"error": "coin not found"}, status_code=404)
    return JSONResponse(
        {"id": asset.coingecko_id, "symbol": asset.symbol.lower(), "name": asset.name}
    )


async def market_chart_range(request: Request) -> JSONResponse:
    """GET /coins/{id}/market_chart/range: samples of price, value and the day's turnover."""
    state, query, now = state_of(request), request.query_params, now_of(request).timestamp()
    asset = state.catalogue.by_coingecko.get(request.path_params["coin"])
    if asset is None:
        return JSONResponse({"error": "coin not found"}, status_code=404)
    start, end = _whole(query.get("from"), -1), _whole(query.get("to"), -1)
    if query.get("vs_currency") != "usd" or start is None or end is None or min(start, end) < 0:
        return JSONResponse({"error": "invalid vs_currency, from or to"}, status_code=422)
    if start < now - REACH:
        text = "Your request exceeds the allowed time range. Public API users are limited to "
        status = {"error_code": 10012, "error_message": text + "the past 365 days."}
        return JSONResponse({"error": {"status": status}}, status_code=401)
    step = HOUR if end - start <= HOURLY_RANGE else DAY
    points = _points(asset, state.data, start, int(min(end, now)), step)
    names = ("prices", "market_caps", "total_volumes")
    return JSONResponse({name: [[p[0], p[at]] for p in points] for at, name in enumerate(names, 1)})


def _points(
    asset: Asset, data: SandboxData, start: int, end: int, step: int
) -> list[tuple[int, float, float | None, float | None]]:
    """Return time in milliseconds, price, value and turnover, a little past each full step."""
    snapshots = data.snapshots.get(asset.symbol)
    points = []
    for moment in range(-(-start // step) * step, end + 1, step):
        at = moment + 1 + (moment // step) % 97
        quote = _quote(data.hourly(asset.symbol), at)
        if quote is None or quote.at != moment or at > end:
            continue
        known = _latest(snapshots, at)
        cap = None
        if snapshots and known is not None and at - snapshots.at[known] <= SNAPSHOT_VALID:
            cap = _finite(float(snapshots.cap[known]))
        points.append((at * 1000 + 41, quote.price, cap, quote.volume))
    return points


@dataclass(frozen=True)
class Quote:
    """Prices of a coin at the clock: now, a day before, and the range between."""

    price: float
    before: float | None
    high: float | None
    low: float | None
    volume: float | None
    at: float


def market_row(asset: Asset, data: SandboxData, now: datetime) -> dict[str, Any] | None:
    """Return the coin's row at ``now``, or None when nothing is known of it yet.

    Supply and value are null when the newest known figure is older than two days, and a coin
    without bars is not listed on such a figure alone.
    """
    moment = now.timestamp()
    snapshots = data.snapshots.get(asset.symbol)
    known = _latest(snapshots, moment)
    quote = _quote(data.hourly(asset.symbol), moment) or _snapshot_quote(snapshots, known, moment)
    if quote is None:
        return None
    cap = supply = None
    if snapshots and known is not None and moment - snapshots.at[known] <= SNAPSHOT_VALID:
        cap = _wobbly(float(snapshots.cap[known]))
        supply = _finite(float(snapshots.supply[known]))
    change = quote.price - quote.before if quote.before else None
    return {
        "id": asset.coingecko_id,
        "symbol": asset.symbol.lower(),
        "name": asset.name,
        "image": f"https://images.example/coins/{asset.coingecko_id}.png",
        "current_price": _wobbly(quote.price),
        "market_cap": cap,
        "market_cap_rank": None,
        "fully_diluted_valuation": None,
        "total_volume": _wobbly(quote.volume),
        "high_24h": _wobbly(quote.high),
        "low_24h": _wobbly(quote.low),
        "price_change_24h": change,
        "price_change_percentage_24h": 100 * change / quote.before
        if change is not None and quote.before
        else None,
        "circulating_supply": supply,
        "total_supply": supply,
        "max_supply": snapshots.max_supply if snapshots else None,
        "roi": None,
        "last_updated": iso_ms(datetime.fromtimestamp(quote.at, UTC)),
    }


def _latest(snapshots: Snapshots | None, moment: float) -> int | None:
    if snapshots is None:
        return None
    at = int(np.searchsorted(snapshots.at, moment, side="right")) - 1
    return at if at >= 0 else None


def _snapshot_quote(snapshots: Snapshots | None, known: int | None, moment: float) -> Quote | None:
    if snapshots is None or known is None or math.isnan(snapshots.price[known]):
        return None
    price, at = float(snapshots.price[known]), float(snapshots.at[known])
    if moment - at > SNAPSHOT_VALID:
        return None
    return Quote(price, None, None, None, None, at)


def _quote(bars: Bars | None, moment: float) -> Quote | None:
    """Return prices from the hours closed by ``moment``."""
    if bars is None:
        return None
    last = int(np.searchsorted(bars.open_time, moment - HOUR, side="right"))
    if last == 0:
        return None
    first = int(np.searchsorted(bars.open_time, moment - DAY - HOUR, side="right"))
    day = bars.select(slice(first, last))
    closed_at = float(bars.open_time[last - 1]) + HOUR
    price = float(bars.close[last - 1])
    if len(day) == 0:
        return Quote(price, None, None, None, None, closed_at)
    return Quote(
        price=price,
        before=float(day.open[0]),
        high=float(day.high.max()),
        low=float(day.low.min()),
        volume=float((day.volume * day.close).sum()),
        at=closed_at,
    )


def _finite(value: float) -> float | None:
    return None if math.isnan(value) else value


def _wobbly(value: float | None) -> float | int | None:
    """Return large numbers as integers and small ones as floats, as the provider does."""
    if value is None or math.isnan(value):
        return None
    return round(value) if value >= 1000 else value


def _whole(text: str | None, default: int) -> int | None:
    if text is None:
        return default
    return int(text) if text.isdigit() else None


ROUTES = [
    Route("/coins/list", coins_list),
    Route("/coins/markets", markets),
    Route("/coins/{coin}", coin),
    Route("/coins/{coin}/market_chart/range", market_chart_range),
]
