"""Raw tables of texts: articles, feeds, posts, and what scoring makes of them."""

from __future__ import annotations

from ingestion.columns import COMMON, bigint, doubles, moment, text
from ingestion.schema import Column, Table

ARTICLES = Table(
    name="articles",
    columns=(
        text("feed", 64),
        text("guid", 255),
        text("text_version", 64),
        text("category", 16),
        *(text(name, nullable=True) for name in ("url", "canonical_url", "title", "summary")),
        text("text"),
        text("author", nullable=True),
        moment("published_at", nullable=True),
        moment("first_seen_at"),
        moment("available_at"),
        Column("is_backfilled", "bool"),
        Column("raw", "json", nullable=True),
        *COMMON,
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
        text("feed", 64),
        text("category", 16),
        moment("checked_at"),
        text("status", 16),
        *(text(name, nullable=True) for name in ("etag", "last_modified")),
        bigint("items", nullable=True),
        moment("newest_published_at", nullable=True),
        bigint("consecutive_failures"),
        moment("failing_since", nullable=True),
        text("error", nullable=True),
        *COMMON,
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
        text("platform", 32),
        text("post_id", 64),
        text("author_id", 64),
        Column("is_verified", "bool"),
        moment("posted_at"),
        text("text"),
        text("text_id", 64),
        text("user_sentiment", 16, nullable=True),
        moment("available_at"),
        Column("is_backfilled", "bool"),
        Column("raw", "json", nullable=True),
        *COMMON,
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
        text("platform", 32),
        text("post_id", 64),
        moment("captured_at"),
        *(bigint(name, nullable=True) for name in ("likes", "reposts", "replies")),
        moment("available_at"),
        *COMMON,
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
        text("text_id", 64),
        text("model_id", 96),
        text("model_revision", 64),
        *doubles("score", "confidence", nullable=True),
        *doubles("p_negative", "p_neutral", "p_positive", nullable=True),
        text("label", 16, nullable=True),
        text("precision", 16),
        moment("scored_at"),
        *COMMON,
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
        text("text_id", 64),
        text("model_id", 96),
        text("model_revision", 64),
        bigint("attempt"),
        text("error"),
        moment("failed_at"),
        *COMMON,
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
        text("text_id", 64),
        text("symbol", 20),
        text("rule", 16),
        text("matched", 128),
        bigint("start_offset"),
        bigint("end_offset"),
        *COMMON,
    ),
    key=("text_id", "symbol", "loaded_at"),
    identity=("text_id", "symbol"),
    compared=("rule", "matched", "start_offset", "end_offset"),
    within=("text_id",),
    restated=False,
)
