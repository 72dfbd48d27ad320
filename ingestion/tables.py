"""The one declaration of every raw table."""

from __future__ import annotations

from dataclasses import replace

from ingestion.schema import FROZEN, Column, Row, Table

__all__ = ["FROZEN", "TABLES", "Row", "Table"]


def _text(name: str, length: int | None = None, *, nullable: bool = False) -> Column:
    return Column(name, "text", length, nullable)


def _doubles(*names: str, nullable: bool = False) -> tuple[Column, ...]:
    return tuple(Column(name, "double", nullable=nullable) for name in names)


def _time(name: str, *, nullable: bool = False) -> Column:
    return Column(name, "timestamp", nullable=nullable)


def _bigint(name: str, *, nullable: bool = False) -> Column:
    return Column(name, "bigint", nullable=nullable)


#: Every raw row ends with these two.
_COMMON = (_time("loaded_at"), Column("is_sample", "bool"))

PRICE_BARS = Table(
    name="price_bars",
    columns=(
        _text("provider", 32),
        _text("symbol", 20),
        _bigint("interval_minutes"),
        _time("bar_open_at"),
        *_doubles("open", "high", "low", "close", "volume_base"),
        *_doubles("volume_quote", nullable=True),
        _bigint("trade_count", nullable=True),
        _text("quote_currency", 10),
        _time("available_at"),
        *_COMMON,
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
        _text("provider", 32),
        _text("symbol", 20),
        _time("captured_at"),
        *_doubles("circulating_supply", "total_supply", "max_supply", nullable=True),
        *_doubles("market_cap_usd", "price_usd", nullable=True),
        _time("last_updated_at", nullable=True),
        _time("available_at"),
        Column("raw", "json", nullable=True),
        *_COMMON,
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
        _text("provider", 32),
        _text("symbol", 20),
        _text("metric", 64),
        Column("day", "date"),
        *_doubles("value"),
        _time("available_at"),
        *_COMMON,
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
        _text("provider", 32),
        _text("series_id", 32),
        Column("observation_date", "date"),
        Column("vintage_date", "date"),
        *_doubles("value"),
        Column("is_vintage", "bool"),
        _time("available_at"),
        *_COMMON,
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

ARTICLES = Table(
    name="articles",
    columns=(
        _text("feed", 64),
        _text("guid", 255),
        _text("text_version", 64),
        _text("category", 16),
        *(_text(name, nullable=True) for name in ("url", "canonical_url", "title", "summary")),
        _text("text"),
        _text("author", nullable=True),
        _time("published_at", nullable=True),
        _time("first_seen_at"),
        _time("available_at"),
        Column("is_backfilled", "bool"),
        Column("raw", "json", nullable=True),
        *_COMMON,
    ),
    key=("feed", "guid", "text_version", "loaded_at"),
    identity=("feed", "guid"),
    compared=("text_version",),
    within=("feed", "guid"),
    indexes=(("available_at",), ("text_version",), ("feed", "available_at")),
)

FEED_CHECKS = Table(
    name="feed_checks",
    columns=(
        _text("feed", 64),
        _text("category", 16),
        _time("checked_at"),
        _text("status", 16),
        *(_text(name, nullable=True) for name in ("etag", "last_modified")),
        _bigint("items", nullable=True),
        _time("newest_published_at", nullable=True),
        _bigint("consecutive_failures"),
        _time("failing_since", nullable=True),
        _text("error", nullable=True),
        *_COMMON,
    ),
    key=("feed", "checked_at", "loaded_at"),
    identity=("feed",),
    # Validators are left out: some hosts send others with every copy of the same document.
    compared=("status", "items", "newest_published_at", "consecutive_failures", "error"),
    within=("feed",),
    latest="checked_at",
    restated=False,
)

SOCIAL_POSTS = Table(
    name="social_posts",
    columns=(
        _text("platform", 32),
        _text("post_id", 64),
        _text("author_id", 64),
        Column("is_verified", "bool"),
        _time("posted_at"),
        _text("text"),
        _text("text_id", 64),
        _text("user_sentiment", 16, nullable=True),
        _time("available_at"),
        Column("is_backfilled", "bool"),
        Column("raw", "json", nullable=True),
        *_COMMON,
    ),
    key=("platform", "post_id", "loaded_at"),
    identity=("platform", "post_id"),
    compared=("text_id",),
    within=("platform", "post_id"),
    keep="first",
    indexes=(("available_at",), ("text_id",), ("platform", "posted_at")),
)

SOCIAL_ENGAGEMENT = Table(
    name="social_engagement",
    columns=(
        _text("platform", 32),
        _text("post_id", 64),
        _time("captured_at"),
        *(_bigint(name, nullable=True) for name in ("likes", "reposts", "replies")),
        _time("available_at"),
        *_COMMON,
    ),
    key=("platform", "post_id", "captured_at", "loaded_at"),
    identity=("platform", "post_id"),
    compared=("likes", "reposts", "replies"),
    within=("platform", "post_id"),
    indexes=(("available_at",), ("platform", "captured_at")),
)

SENTIMENT_SCORES = Table(
    name="sentiment_scores",
    columns=(
        _text("text_id", 64),
        _text("model_id", 96),
        _text("model_revision", 64),
        *_doubles("score", "confidence", nullable=True),
        *_doubles("p_negative", "p_neutral", "p_positive", nullable=True),
        _text("label", 16, nullable=True),
        _text("precision", 16),
        _time("scored_at"),
        *_COMMON,
    ),
    key=("text_id", "model_id", "model_revision", "loaded_at"),
    identity=("text_id", "model_id", "model_revision"),
    compared=(
        *("score", "confidence", "p_negative", "p_neutral", "p_positive"),
        *("label", "precision"),
    ),
    within=("model_id", "model_revision", "text_id"),
    restated=False,
    indexes=(("model_id", "scored_at"),),
)

SCORING_FAILURES = Table(
    name="scoring_failures",
    columns=(
        _text("text_id", 64),
        _text("model_id", 96),
        _text("model_revision", 64),
        _bigint("attempt"),
        _text("error"),
        _time("failed_at"),
        *_COMMON,
    ),
    key=("text_id", "model_id", "model_revision", "loaded_at"),
    identity=("text_id", "model_id", "model_revision"),
    compared=("attempt", "error"),
    within=("model_id", "model_revision", "text_id"),
    restated=False,
)

ASSET_MENTIONS = Table(
    name="asset_mentions",
    columns=(
        _text("text_id", 64),
        _text("symbol", 20),
        _text("rule", 16),
        _text("matched", 128),
        _bigint("start_offset"),
        _bigint("end_offset"),
        *_COMMON,
    ),
    key=("text_id", "symbol", "loaded_at"),
    identity=("text_id", "symbol"),
    compared=("rule", "matched", "start_offset", "end_offset"),
    within=("text_id",),
    restated=False,
)

REJECTED_ROWS = Table(
    name="rejected_rows",
    columns=(
        _text("source", 32),
        _text("table_name", 64),
        _text("row_hash", 64),
        _text("reason"),
        _text("payload"),
        *_COMMON,
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
        _text("provider", 32),
        _text("dataset", 16),
        _text("item", 255),
        _time("interval_from"),
        _time("interval_to"),
        _bigint("rows_read"),
        _bigint("requests_used"),
        _text("source_file", 128, nullable=True),
        _text("checksum", 64, nullable=True),
        _time("finished_at"),
        *_COMMON,
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
        BACKFILL_INTERVALS,
        SCORING_FAILURES,
    )
}
