"""The one declaration of every raw table."""

from __future__ import annotations

from dataclasses import replace

from ingestion.columns import COMMON, bigint, doubles, moment, text
from ingestion.schema import FROZEN, Column, Row, Table
from ingestion.text_tables import (
    ARTICLES,
    ASSET_MENTIONS,
    FEED_CHECKS,
    SCORING_FAILURES,
    SENTIMENT_SCORES,
    SOCIAL_ENGAGEMENT,
    SOCIAL_POSTS,
)

__all__ = [
    "ARCHIVED_SNAPSHOTS",
    "ARTICLES",
    "ASSET_MENTIONS",
    "ASSET_SNAPSHOTS",
    "BACKFILL_INTERVALS",
    "FEED_CHECKS",
    "FROZEN",
    "MACRO_OBSERVATIONS",
    "ONCHAIN_METRICS",
    "PRICE_BARS",
    "REJECTED_ROWS",
    "SCORING_FAILURES",
    "SENTIMENT_SCORES",
    "SOCIAL_ENGAGEMENT",
    "SOCIAL_POSTS",
    "TABLES",
    "Row",
    "Table",
]

PRICE_BARS = Table(
    name="price_bars",
    columns=(
        text("provider", 32),
        text("symbol", 20),
        bigint("interval_minutes"),
        moment("bar_open_at"),
        *doubles("open", "high", "low", "close", "volume_base"),
        *doubles("volume_quote", nullable=True),
        bigint("trade_count", nullable=True),
        text("quote_currency", 10),
        moment("available_at"),
        *COMMON,
    ),
    key=("provider", "symbol", "interval_minutes", "bar_open_at", "loaded_at"),
    identity=("provider", "symbol", "interval_minutes", "bar_open_at"),
    compared=(
        *("open", "high", "low", "close", "volume_base"),
        *("volume_quote", "trade_count", "quote_currency"),
    ),
    within=("provider", "symbol", "interval_minutes"),
    between="bar_open_at",
    may_repeat=False,
    indexes=(("symbol", "bar_open_at"),),
)

ASSET_SNAPSHOTS = Table(
    name="asset_snapshots",
    columns=(
        text("provider", 32),
        text("symbol", 20),
        moment("captured_at"),
        *doubles("circulating_supply", "total_supply", "max_supply", nullable=True),
        *doubles("market_cap_usd", "price_usd", nullable=True),
        moment("last_updated_at", nullable=True),
        moment("available_at"),
        Column("raw", "json", nullable=True),
        *COMMON,
    ),
    key=("provider", "symbol", "captured_at", "loaded_at"),
    identity=("provider", "symbol"),
    compared=(
        *("circulating_supply", "total_supply", "max_supply"),
        *("market_cap_usd", "price_usd", "last_updated_at"),
    ),
    within=("provider", "symbol"),
    latest="captured_at",
    indexes=(("symbol", "available_at"),),
)

#: The same table filled from an archive: each moment of the past is an identity of its own, while
#: of captures only one that differs from the newest says something new.
ARCHIVED_SNAPSHOTS = replace(
    ASSET_SNAPSHOTS,
    identity=("provider", "symbol", "captured_at"),
    latest=None,
    between="captured_at",
    may_repeat=False,
)

ONCHAIN_METRICS = Table(
    name="onchain_metrics",
    columns=(
        text("provider", 32),
        text("symbol", 20),
        text("metric", 64),
        Column("day", "date"),
        *doubles("value"),
        moment("available_at"),
        *COMMON,
    ),
    key=("provider", "symbol", "metric", "day", "loaded_at"),
    identity=("provider", "symbol", "metric", "day"),
    compared=("value",),
    within=("provider", "symbol"),
    between="day",
    may_repeat=False,
    indexes=(("symbol", "day"), ("symbol", "available_at")),
)

MACRO_OBSERVATIONS = Table(
    name="macro_observations",
    columns=(
        text("provider", 32),
        text("series_id", 32),
        Column("observation_date", "date"),
        Column("vintage_date", "date"),
        *doubles("value"),
        Column("is_vintage", "bool"),
        moment("available_at"),
        *COMMON,
    ),
    key=("provider", "series_id", "observation_date", "vintage_date", "loaded_at"),
    identity=("provider", "series_id", "observation_date"),
    compared=("value",),
    within=("provider", "series_id"),
    between="observation_date",
    keep="vintage",
    may_repeat=False,
    indexes=(("available_at",),),
)

REJECTED_ROWS = Table(
    name="rejected_rows",
    columns=(
        text("source", 32),
        text("table_name", 64),
        text("row_hash", 64),
        text("reason"),
        text("payload"),
        *COMMON,
    ),
    key=("source", "table_name", "row_hash", "loaded_at"),
    identity=("source", "table_name", "row_hash"),
    compared=(),
    within=("source", "table_name", "row_hash"),
    keep="first",
)

#: What backfills have read, so that they can be planned and taken up again. ``rows_read`` counts
#: what the interval held, stored before or not; a file's checksum tells when it was replaced.
BACKFILL_INTERVALS = Table(
    name="backfill_intervals",
    columns=(
        text("provider", 32),
        text("dataset", 16),
        text("item", 255),
        moment("interval_from"),
        moment("interval_to"),
        bigint("rows_read"),
        bigint("requests_used"),
        text("source_file", 128, nullable=True),
        text("checksum", 64, nullable=True),
        moment("finished_at"),
        *COMMON,
    ),
    key=("provider", "item", "interval_from", "interval_to", "loaded_at"),
    identity=("provider", "item", "interval_from", "interval_to"),
    compared=("source_file", "checksum"),
    within=("provider", "item"),
    between="interval_from",
    restated=False,
    may_repeat=False,
)

TABLES: dict[str, Table] = {
    table.name: table
    for table in (
        *(PRICE_BARS, ASSET_SNAPSHOTS, ONCHAIN_METRICS, MACRO_OBSERVATIONS, ARTICLES),
        FEED_CHECKS,
        *(SOCIAL_POSTS, SOCIAL_ENGAGEMENT, SENTIMENT_SCORES, ASSET_MENTIONS, REJECTED_ROWS),
        *(BACKFILL_INTERVALS, SCORING_FAILURES),
    )
}
