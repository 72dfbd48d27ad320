"""A history of the owner's size, generated from fixed seeds: 124 symbols of hourly bars, on-chain
days, macro series, news with scores and mentions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from ingestion.assets import read_assets
from ingestion.config import Settings
from ingestion.tables import TABLES

START = datetime(2021, 1, 1, tzinfo=UTC)
HOURS = 28_192
ARTICLES_PER_HOUR = 1.4
VADER, VADER_REVISION = "vader", "3.3.2"
_US = 1_000_000


@dataclass(frozen=True)
class Scale:
    """How much to generate: symbols, and hours of history."""

    symbols: tuple[str, ...]
    hours: int

    @property
    def end(self) -> datetime:
        """The close of the newest bar."""
        return START + timedelta(hours=self.hours)


def scale_of(settings: Settings, share: float = 1.0) -> Scale:
    """Return all symbols of the seed over a share of the full history."""
    symbols = tuple(asset.symbol for asset in read_assets(settings.assets_path))
    return Scale(symbols, int(HOURS * share))


def tables(scale: Scale) -> Iterator[tuple[str, pa.Table]]:
    """Yield (raw table, rows), in pieces that fit in memory."""
    for number, symbol in enumerate(scale.symbols):
        yield "price_bars", _bars(scale, symbol, number)
        yield "onchain_metrics", _chain_days(scale, symbol, number)
    yield "macro_observations", _macro(scale)
    yield from _news(scale)


def _typed(name: str, columns: dict[str, Any]) -> pa.Table:
    """Return the columns in the table's declared order and types; missing ones are NULL."""
    types = {
        "text": pa.string(),
        "double": pa.float64(),
        "bigint": pa.int64(),
        "bool": pa.bool_(),
        "timestamp": pa.timestamp("us", "UTC"),
        "date": pa.date32(),
        "json": pa.string(),
    }
    rows = max(len(v) for v in columns.values() if isinstance(v, np.ndarray | list))
    arrays, names = [], []
    for column in TABLES[name].columns:
        if column.name == "loaded_at":
            continue  # stamped by the load
        kind = types[column.data_type]
        value = columns.get(column.name)
        if value is None:
            arrays.append(pa.nulls(rows, kind))
        elif isinstance(value, np.ndarray | list):
            arrays.append(pa.array(value).cast(kind))
        else:
            arrays.append(pa.array([value] * rows, kind))
        names.append(column.name)
    return pa.table(dict(zip(names, arrays, strict=True)))


def _hours(scale: Scale) -> np.ndarray:
    first = np.datetime64(START.replace(tzinfo=None), "us")
    return first + np.arange(scale.hours) * np.timedelta64(3600 * _US, "us")


def _bars(scale: Scale, symbol: str, number: int) -> pa.Table:
    random = np.random.default_rng(number)
    returns = random.normal(0, 0.008, HOURS)[: scale.hours]
    close = 10 ** random.uniform(-2, 4) * np.exp(np.cumsum(returns))
    open_ = np.concatenate([[close[0]], close[:-1]])
    spread = np.abs(random.normal(0, 0.003, HOURS))[: scale.hours]
    at = _hours(scale)
    return _typed(
        "price_bars",
        {
            "provider": "coinbase",
            "symbol": symbol,
            "interval_minutes": 60,
            "bar_open_at": at,
            "open": open_,
            "high": np.maximum(open_, close) * (1 + spread),
            "low": np.minimum(open_, close) * (1 - spread),
            "close": close,
            "volume_base": random.lognormal(5, 1, HOURS)[: scale.hours],
            "quote_currency": "USD",
            "available_at": at + np.timedelta64(3600 * _US, "us"),
            "is_sample": True,
        },
    )


def bars_of_hour(scale: Scale, hour: datetime) -> pa.Table:
    """Return the bar of every symbol that opens at an hour after the history."""
    at = np.datetime64(hour.replace(tzinfo=None), "us")
    close = np.random.default_rng(hour.hour).lognormal(3, 1, len(scale.symbols))
    return _typed(
        "price_bars",
        {
            "provider": "coinbase",
            "symbol": np.array(scale.symbols),
            "interval_minutes": 60,
            "bar_open_at": np.full(len(close), at),
            "open": close,
            "high": close * 1.01,
            "low": close * 0.99,
            "close": close,
            "volume_base": close,
            "quote_currency": "USD",
            "available_at": np.full(len(close), at + np.timedelta64(3600 * _US, "us")),
            "is_sample": True,
        },
    )


def _chain_days(scale: Scale, symbol: str, number: int) -> pa.Table:
    random = np.random.default_rng(1000 + number)
    days = np.arange(scale.hours // 24)
    metrics = ("AdrActCnt", "TxCnt", "FlowInExUSD", "FlowOutExUSD", "CapMVRVCur", "SplyCur")
    day = np.tile(np.datetime64(START.date()) + days, len(metrics))
    at = day.astype("datetime64[us]") + np.timedelta64(37 * 3600 * _US, "us")
    return _typed(
        "onchain_metrics",
        {
            "provider": "coinmetrics",
            "symbol": symbol,
            "metric": np.repeat(metrics, len(days)),
            "day": day,
            "value": random.lognormal(10, 1, len(day)),
            "available_at": at,
            "is_sample": True,
        },
    )


def _macro(scale: Scale) -> pa.Table:
    series = ("VIXCLS", "SP500", "DTWEXBGS", "DGS10", "DFF", "FNG")
    days = np.arange(-10, scale.hours // 24)
    day = np.tile(np.datetime64(START.date()) + days, len(series))
    at = (day + 2).astype("datetime64[us]")
    values = np.random.default_rng(7).uniform(10, 90, len(day))
    return _typed(
        "macro_observations",
        {
            "provider": "fred",
            "series_id": np.repeat(series, len(days)),
            "observation_date": day,
            "vintage_date": day + 1,
            "value": values,
            "is_vintage": True,
            "available_at": at,
            "is_sample": True,
        },
    )


def _news(scale: Scale) -> Iterator[tuple[str, pa.Table]]:
    count = int(scale.hours * ARTICLES_PER_HOUR)
    seconds = np.linspace(0, scale.hours * 3600 - 1, count).astype(np.int64)
    yield from news_tables(scale.symbols, START, seconds, first_number=0)


def news_tables(
    symbols: tuple[str, ...], start: datetime, seconds: np.ndarray, first_number: int
) -> Iterator[tuple[str, pa.Table]]:
    """Yield articles at `start` + seconds, with a VADER score and a mention each."""
    random = np.random.default_rng(first_number)
    at = np.datetime64(start.replace(tzinfo=None), "us") + seconds * np.timedelta64(_US, "us")
    number = np.arange(first_number, first_number + len(seconds))
    text_id = np.array([f"{n:064x}" for n in number])
    common = {"is_sample": True}
    category = np.where(number % 5 == 0, "market", "crypto")
    texts = np.array([f"Headline number {n} about the market." for n in number])
    yield (
        "articles",
        _typed(
            "articles",
            common
            | {
                "feed": "bench",
                "guid": np.array([f"bench-{n}" for n in number]),
                "text_version": text_id,
                "category": category,
                "url": texts,
                "canonical_url": texts,
                "title": texts,
                "summary": "",
                "text": texts,
                "published_at": at,
                "first_seen_at": at,
                "available_at": at,
                "is_backfilled": False,
            },
        ),
    )
    yield (
        "sentiment_scores",
        _typed(
            "sentiment_scores",
            common
            | {
                "text_id": text_id,
                "model_id": VADER,
                "model_revision": VADER_REVISION,
                "score": random.uniform(-1, 1, len(number)),
                "confidence": random.uniform(0, 1, len(number)),
                "label": "neutral",
                "precision": "lexicon",
                "scored_at": at,
            },
        ),
    )
    mentioned = number % 3 != 0
    yield (
        "asset_mentions",
        _typed(
            "asset_mentions",
            {
                "text_id": text_id[mentioned],
                "symbol": np.array(symbols)[number[mentioned] % len(symbols)],
                "rule": "name",
                "matched": "x",
                "start_offset": 0,
                "end_offset": 1,
                "is_sample": True,
            },
        ),
    )
