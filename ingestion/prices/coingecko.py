"""CoinGecko: supply and market capitalisation of now, price and capitalisation of the past.

Wire facts of ``coins/markets``: a bare list of coins, at most 250 per page, integers and floats for
the same field, null where unknown. Ids that do not exist are left out without a word.

Wire facts of ``market_chart/range``: three lists of ``[milliseconds, value]`` with the same times,
oldest first; hourly for ranges of 2 to 90 days, a few seconds to minutes past the hour; a value of
null or 0 is unknown; the volume is that of the last 24 hours; the last point may be of right now.
Keyless and demo keys reach 365 days back. There is no supply in it, and none is computed from
capitalisation and price: a rounded quotient is no measured supply.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from ingestion.config import Settings
from ingestion.errors import SettingsError
from ingestion.extraction import Chunk, Extraction
from ingestion.http import Provider
from ingestion.prices.windows import Grid
from ingestion.rejections import Parsed, checked, parse_page, plain_json
from ingestion.tables import ARCHIVED_SNAPSHOTS, ASSET_SNAPSHOTS, Row
from ingestion.validate import (
    iso_time,
    not_future,
    number,
    optional_number,
    refuse,
    text,
    unix_time,
)

PROVIDER = "coingecko"
PAGE = 250
#: The longest range whose points are hourly is 90 days.
BACKFILL_SPAN = timedelta(days=89)
_SHORTEST_RANGE = timedelta(days=2)
#: How long after its time a point of the past counts as known: they are published within 35 min.
_DECLARED_LAG = timedelta(hours=1)
_HOURS = Grid(timedelta(hours=1), 1)
#: Column of the raw table and field of the coin.
_NUMBERS = {
    "circulating_supply": "circulating_supply",
    "total_supply": "total_supply",
    "max_supply": "max_supply",
    "market_cap_usd": "market_cap",
    "price_usd": "current_price",
}


def provider(settings: Settings) -> Provider:
    """Return how CoinGecko is asked: slowly without a key, 90 requests per minute with one."""
    key = settings.coingecko_api_key
    if key is None:
        return Provider(
            PROVIDER, settings.coingecko_base_url.rstrip("/"), 0.2, "COINGECKO_BASE_URL"
        )
    secret = key.get_secret_value()
    is_pro = "pro-api." in settings.coingecko_base_url
    return Provider(
        PROVIDER,
        settings.coingecko_base_url.rstrip("/"),
        1.5,
        "COINGECKO_API_KEY",
        headers={"x-cg-pro-api-key" if is_pro else "x-cg-demo-api-key": secret},
    )


def extract(run: Extraction) -> Iterator[Chunk]:
    """Yield one snapshot per asset that CoinGecko lists."""
    symbols = {asset.coingecko_id: asset.symbol for asset in run.assets if asset.coingecko_id}
    ids = sorted(symbols)
    pages = [ids[start : start + PAGE] for start in range(0, len(ids), PAGE)]
    yield from run.each(pages, lambda page: _snapshots(run, page, symbols))


def _snapshots(run: Extraction, ids: list[str], symbols: dict[str, str]) -> Iterator[Chunk]:
    params: dict[str, str | int | float] = {
        "vs_currency": "usd",
        "ids": ",".join(ids),
        "per_page": PAGE,
        "page": 1,
    }
    payload, reply = run.client.get_json("coins/markets", params, error_in=error_in)
    if not isinstance(payload, list):
        msg = "coins/markets answered with an object instead of a list of coins"
        raise run.client.error(msg, "check CFW_COINGECKO_BASE_URL", wide=True)
    parsed = parse_markets(payload, symbols, run.clock)
    found = {row["symbol"] for row in parsed.rows}
    silent = [symbols[coin] for coin in ids if symbols[coin] not in found]
    if silent:
        run.notes.append(f"no snapshot of {', '.join(silent)}")
    yield from run.landed(ASSET_SNAPSHOTS, parsed, is_sample=reply.is_sample)


def error_in(payload: Any) -> str | None:
    """Return the error inside a 200 answer: ``error`` or ``status`` in place of the list."""
    if isinstance(payload, dict) and ("error" in payload or "status" in payload):
        return str(payload.get("error") or payload.get("status"))
    return None


def parse_markets(payload: list[Any], symbols: dict[str, str], clock: datetime) -> Parsed:
    """Return the snapshots of a page and what is refused.

    Args:
        payload: the decoded page.
        symbols: our symbol by CoinGecko id.
        clock: the moment of the capture.
    """
    parse = partial(_snapshot, symbols=symbols, clock=clock)
    return parse_page(ASSET_SNAPSHOTS, parse, payload)


def _snapshot(raw: Any, symbols: dict[str, str], clock: datetime) -> Row:
    if not isinstance(raw, dict):
        refuse("the coin is not an object")
    coin = text(raw.get("id"), "id").lower()  # as every id of the catalogue
    if coin not in symbols:
        refuse(f"unknown symbol: {coin[:64]} was not asked for")
    row: Row = {"provider": PROVIDER, "symbol": symbols[coin], "captured_at": clock}
    for column, name in _NUMBERS.items():
        row[column] = optional_number(raw.get(name), name)
        if row[column] is not None and row[column] < 0:
            refuse(f"{name} is negative")
    if row["price_usd"] == 0:
        refuse("current_price is not above zero")
    updated = raw.get("last_updated")
    row["last_updated_at"] = (
        None
        if updated is None
        else not_future(iso_time(updated, "last_updated"), "last_updated", clock)
    )
    row["available_at"] = clock
    row["raw"] = plain_json(raw)
    return row


def backfill_items(run: Extraction) -> list[str]:
    """Return the symbols that CoinGecko lists."""
    return [asset.symbol for asset in run.assets if asset.coingecko_id]


def backfill_requests(item: str, first: datetime, last: datetime, settings: Settings) -> int:
    """Return the requests for the hours of one symbol that begin in [first, last)."""
    return 0 if _HOURS.opens(first, last, settings.clock()) is None else 1


def backfill(run: Extraction, item: str, first: datetime, last: datetime) -> Iterator[Chunk]:
    """Yield hourly price and market capitalisation of one symbol, of hours in [first, last).

    Raises:
        SettingsError: CoinGecko does not list the symbol.
        SourceError: the range is beyond what the key reaches, or CoinGecko failed.
    """
    ids = {asset.symbol: asset.coingecko_id for asset in run.assets if asset.coingecko_id}
    if item not in ids:
        msg = f"coingecko has no {item}; choose among the listed symbols of CFW_SYMBOLS"
        raise SettingsError(msg)
    hours = _HOURS.opens(first, last, run.clock)
    if hours is None:
        return
    end = hours.last + _HOURS.interval
    begin = min(hours.first, end - _SHORTEST_RANGE)
    params: dict[str, str | int | float] = {
        "vs_currency": "usd",
        "from": int(begin.timestamp()),
        "to": int(end.timestamp()),
    }
    path = f"coins/{ids[item]}/market_chart/range"
    payload, reply = run.client.get_json(path, params, error_in=error_in)
    if not isinstance(payload, dict) or not isinstance(payload.get("prices"), list):
        msg = f"{path} answered without a list of prices"
        raise run.client.error(msg, "check CFW_COINGECKO_BASE_URL", wide=True)
    parsed = parse_chart(payload, item, hours.first, end)
    yield from run.landed(ARCHIVED_SNAPSHOTS, parsed, is_sample=reply.is_sample)


def parse_chart(payload: dict[str, Any], symbol: str, first: datetime, end: datetime) -> Parsed:
    """Return the first point of each hour in [first, end), and what is refused.

    A row's ``captured_at`` is the hour, ``last_updated_at`` the point's own time; it is available
    the declared lag later.
    """
    caps, volumes = (_by_time(payload.get(name)) for name in ("market_caps", "total_volumes"))
    parsed = Parsed()
    seen: set[datetime] = set()
    for raw in payload["prices"]:
        outcome = checked(ASSET_SNAPSHOTS, partial(_point, symbol=symbol, caps=caps), raw)
        if isinstance(outcome, dict):
            hour = outcome["captured_at"]
            if hour in seen or not first <= hour < end:
                continue
            seen.add(hour)
            outcome["raw"] = plain_json({"total_volume_24h": volumes.get(raw[0])})
        parsed.add(outcome)
    return parsed


def _point(raw: Any, symbol: str, caps: dict[Any, Any]) -> Row:
    if not isinstance(raw, list) or len(raw) != 2:
        refuse("the point is not a pair of time and price")
    at = unix_time(number(raw[0], "time") / 1000, "time")
    price = number(raw[1], "price")
    if price <= 0:
        refuse("price is not above zero")
    cap = optional_number(caps.get(raw[0]), "market cap")
    if cap is not None and cap < 0:
        refuse("market cap is negative")
    return {
        "provider": PROVIDER,
        "symbol": symbol,
        "captured_at": _HOURS.floor(at),
        "circulating_supply": None,
        "total_supply": None,
        "max_supply": None,
        "market_cap_usd": cap or None,
        "price_usd": price,
        "last_updated_at": at,
        "available_at": at + _DECLARED_LAG,
    }


def _by_time(points: Any) -> dict[Any, Any]:
    """Return the values of a list of points by their times, without those that are no points."""
    pairs = points if isinstance(points, list) else []
    return {
        pair[0]: pair[1]
        for pair in pairs
        if isinstance(pair, list) and len(pair) == 2 and isinstance(pair[0], int | float)
    }
