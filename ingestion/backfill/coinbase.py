"""Hourly history of Coinbase Exchange."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from ingestion.config import Settings
from ingestion.extraction import Chunk, Extraction
from ingestion.prices import coinbase
from ingestion.prices.coinbase import provider
from ingestion.tables import PRICE_BARS

__all__ = ["BACKFILL_SPAN", "backfill", "backfill_items", "backfill_requests", "provider"]

#: Two requests of 300 bars.
BACKFILL_SPAN = timedelta(hours=600)


def backfill_items(run: Extraction) -> list[str]:
    """Return ``BTC@60`` for every asset that Coinbase lists."""
    return [f"{asset.symbol}@60" for asset in run.assets if asset.coinbase_id]


def backfill_requests(item: str, first: datetime, last: datetime, settings: Settings) -> int:
    """Return the pages of 300 bars that the interval takes."""
    return len(list(_windows(first, last)))


def backfill(run: Extraction, item: str, first: datetime, last: datetime) -> Iterator[Chunk]:
    """Yield the bars that open in [first, last)."""
    symbol = item.partition("@")[0]
    product = next(asset.coinbase_id for asset in run.assets if asset.symbol == symbol) or ""
    for window in _windows(first, last):
        payload, reply = run.client.get_json(f"products/{product}/candles", coinbase._query(window))
        if not isinstance(payload, list):
            msg = f"{product} answered with an object instead of a list of candles"
            raise run.client.error(msg, "check CFW_COINBASE_BASE_URL", wide=True)
        page = coinbase.parse_candles(payload, symbol, product, window, run.clock)
        yield from run.landed(PRICE_BARS, page, is_sample=reply.is_sample)


def _windows(first: datetime, last: datetime) -> Iterator[coinbase.Window]:
    opens = -(-first.timestamp() // 3600), -(-last.timestamp() // 3600) - 1
    start, end = (datetime.fromtimestamp(hour * 3600, first.tzinfo) for hour in opens)
    return coinbase._split(start, end)
