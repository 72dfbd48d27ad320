"""Binance spot: klines of an hour and of five minutes, quoted in USDT.

Wire facts: rows of twelve, oldest first, prices as text, times in milliseconds; a kline opens at
its first field, which identifies it, and closes a millisecond before the next one. At most 1000
per request: with a start the oldest from it on, with an end alone the newest up to it. While
trading is suspended there is no kline, so the next page begins after the last row, not after a
fixed span. Too many requests are answered 429 and then 418, both with ``Retry-After``; an address
in a country that is not served gets 451. The default address is the mirror that serves market data
only and needs neither a key nor a country.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from ingestion.assets import Asset
from ingestion.config import Settings
from ingestion.extraction import Extraction
from ingestion.http import Provider
from ingestion.prices.bars import Market, Page, bar_row, candles_of, opened_at
from ingestion.prices.exchange import Exchange
from ingestion.prices.windows import Grid, Window
from ingestion.rejections import Parsed
from ingestion.tables import Row
from ingestion.validate import count, number, optional_number, refuse

PROVIDER = "binance"
#: The quote of every ``binance_id`` of the seed.
QUOTE = "USDT"
LIMIT = 1000
#: Whole requests at either interval: 1 for hourly bars, 12 for those of five minutes.
BACKFILL_SPAN = timedelta(hours=LIMIT)
_FIELDS = 12
#: Later milliseconds are no times that Python knows.
_LATEST = 253_402_300_800_000
_NAMES = {5: "5m", 60: "1h"}


def provider(settings: Settings) -> Provider:
    """Return how Binance is asked: a fifth of the 6000 weight a minute, at 2 per request."""
    base = settings.binance_base_url.rstrip("/")
    return Provider(PROVIDER, base, 10.0, "BINANCE_BASE_URL", patience=2.0)


def parse_klines(payload: list[Any], market: Market, window: Window, clock: datetime) -> Parsed:
    """Return the bars of a page that lie in the window, oldest first, and what is refused."""
    return candles_of(payload, partial(_bar, market=market, window=window, clock=clock), market)


def _quoted(asset: Asset) -> tuple[str, str] | None:
    return (asset.binance_id, QUOTE) if asset.binance_id else None


def _pages(run: Extraction, market: Market, window: Window, backwards: bool) -> Iterator[Page]:
    first, last = window
    while first <= last:
        bounds = {} if backwards else {"startTime": _ms(first)}
        payload, is_sample = _asked(run, market, {**bounds, "endTime": _ms(last)})
        opens = _opens(payload, market)
        inside = [opened for opened in opens if (backwards or first <= opened) and opened <= last]
        if payload and not inside:
            msg = f"{market.id} answered with other klines than those asked for"
            raise run.client.error(msg, "run it again later", wide=True)
        is_all = len(payload) < LIMIT
        if backwards:
            part = Window(first if is_all else max(first, min(inside)), last)
            last = part.first - market.interval
        else:
            part = Window(first, last if is_all else max(inside))
            first = part.last + market.interval
        yield Page(part, parse_klines(payload, market, part, run.clock), is_sample)


def _asked(run: Extraction, market: Market, bounds: dict[str, int]) -> tuple[list[Any], bool]:
    if market.minutes not in _NAMES:
        refused = f"{market.item}: no interval of {market.minutes} minutes"
        raise run.client.error(refused, f"choose from {', '.join(map(str, _NAMES))}")
    query: dict[str, str | int | float] = {"symbol": market.id, "interval": _NAMES[market.minutes]}
    payload, reply = run.client.get_json("api/v3/klines", {**query, **bounds, "limit": LIMIT})
    if not isinstance(payload, list):
        msg = f"{market.id} answered with an object instead of a list of klines"
        raise run.client.error(msg, "check CFW_BINANCE_BASE_URL", wide=True)
    return payload, reply.is_sample


def _opens(payload: list[Any], market: Market) -> list[datetime]:
    """Return the opens of a page's klines, whether or not their values hold."""
    grid = Grid(market.interval, LIMIT)
    times = [raw[0] for raw in payload if isinstance(raw, list) and raw]
    return [
        grid.floor(datetime.fromtimestamp(time / 1000, UTC))
        for time in times
        if type(time) is int and 0 <= time < _LATEST
    ]


def _bar(raw: Any, market: Market, window: Window, clock: datetime) -> Row | None:
    """Return the bar of one kline, None if it was not asked for.

    Raises:
        Invalid: the kline breaks a rule.
    """
    if not isinstance(raw, list):
        refuse("the kline is not a list")
    if len(raw) != _FIELDS:
        refuse(f"the kline has {len(raw)} fields instead of {_FIELDS}")
    opened = opened_at(number(raw[0], "open time") / 1000, market, clock)
    names = ("open", "high", "low", "close", "volume_base")
    prices = {
        name: number(value, name.removesuffix("_base"), as_text=True)
        for name, value in zip(names, raw[1:6], strict=True)
    }
    if number(raw[6], "close time") != _ms(opened + market.interval) - 1:
        refuse("close time does not end the interval")
    volume_quote = optional_number(raw[7], "quote volume", as_text=True)
    trades = None if raw[8] is None else count(raw[8], "trades")
    row = bar_row(PROVIDER, market, opened, prices, volume_quote, trades)
    return row if window.first <= opened <= window.last else None


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


EXCHANGE = Exchange(PROVIDER, LIMIT, _quoted, _pages)
extract = EXCHANGE.extract
backfill_items = EXCHANGE.backfill_items
backfill_requests = EXCHANGE.backfill_requests
backfill = EXCHANGE.backfill
