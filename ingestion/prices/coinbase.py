"""Coinbase Exchange: candles of an hour and of five minutes.

Wire facts: rows are ``[time, low, high, open, close, volume]``, newest first, ``time`` the bucket's
start in unix seconds. Both bounds are inclusive, and 300 candles per request are promised. Buckets
without a trade are absent. Rows outside the bounds occur and are dropped.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
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
from ingestion.validate import number, refuse

PROVIDER = "coinbase"
BUCKETS = 300
#: Whole requests at either interval: 2 for hourly bars, 24 for those of five minutes.
BACKFILL_SPAN = timedelta(hours=2 * BUCKETS)
_FIELDS = ("time", "low", "high", "open", "close", "volume")


def provider(settings: Settings) -> Provider:
    """Return how Coinbase is asked: half of the documented 10 requests per second."""
    return Provider(PROVIDER, settings.coinbase_base_url.rstrip("/"), 5.0, "COINBASE_BASE_URL")


def parse_candles(payload: list[Any], market: Market, window: Window, clock: datetime) -> Parsed:
    """Return the bars of a page that lie in the window, oldest first, and what is refused."""
    return candles_of(payload, partial(_bar, market=market, window=window, clock=clock), market)


def _quoted(asset: Asset) -> tuple[str, str] | None:
    product = asset.coinbase_id
    return (product, product.rpartition("-")[2]) if product else None


def _pages(run: Extraction, market: Market, window: Window, backwards: bool) -> Iterator[Page]:
    windows = list(Grid(market.interval, BUCKETS).split(window))
    for part in reversed(windows) if backwards else windows:
        path = f"products/{market.id}/candles"
        payload, reply = run.client.get_json(path, _query(market, part))
        if not isinstance(payload, list):
            msg = f"{market.id} answered with an object instead of a list of candles"
            raise run.client.error(msg, "check CFW_COINBASE_BASE_URL", wide=True)
        yield Page(part, parse_candles(payload, market, part, run.clock), reply.is_sample)


def _bar(raw: Any, market: Market, window: Window, clock: datetime) -> Row | None:
    """Return the bar of one candle, None if it was not asked for.

    Raises:
        Invalid: the candle breaks a rule.
    """
    if not isinstance(raw, list):
        refuse("the candle is not a list")
    if len(raw) != len(_FIELDS):
        refuse(f"the candle has {len(raw)} fields instead of {len(_FIELDS)}")
    time, low, high, open_, close, volume = map(number, raw, _FIELDS)
    opened = opened_at(time, market, clock)
    prices = {"open": open_, "high": high, "low": low, "close": close, "volume_base": volume}
    row = bar_row(PROVIDER, market, opened, prices)
    return row if window.first <= opened <= window.last else None


def _query(market: Market, window: Window) -> dict[str, str | int | float]:
    return {
        "granularity": market.minutes * 60,
        "start": _iso(window.first),
        "end": _iso(window.last),
    }


def _iso(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


EXCHANGE = Exchange(PROVIDER, BUCKETS, _quoted, _pages)
extract = EXCHANGE.extract
backfill_items = EXCHANGE.backfill_items
backfill_requests = EXCHANGE.backfill_requests
backfill = EXCHANGE.backfill
