"""The raw tables as streams: what a row is about, where it came from, how old it may become.

The ages are the promises of `int_health__freshness`, which holds them against the newest load; the
exporter holds the same against the wall clock. A test compares the two.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import yaml

from ingestion.config import PROJECT_ROOT, Settings
from ingestion.news.feeds import feeds_of
from ingestion.steps import tables_of

#: Archives are read by backfill alone: nobody waits for their next article.
ARCHIVES = "gdelt"
_HOUR = 3600.0
_DAY = 24 * _HOUR
#: Steps whose rows carry another name than the step's.
_PROVIDERS = {"fear_greed": "alternative_me"}


@dataclass(frozen=True)
class Stream:
    """A raw table.

    Attributes:
        source: SQL of what is shown as its source.
        event: SQL of the time that a row is about.
        stream: column that tells apart what one source delivers; empty where it is one thing.
        lasts: seconds from that time to the end of what the row is about.
        max_age: seconds that the newest event may be old, where it does not depend on the stream.
    """

    table: str
    source: str
    event: str
    stream: str = ""
    lasts: float = 0.0
    max_age: float | None = None


#: When an article appeared; a time that the feed gives in the future is not believed.
_APPEARED = "case when published_at < available_at then published_at else available_at end"

STREAMS = (
    Stream("price_bars", "provider", "bar_open_at", "interval_minutes", max_age=2 * _HOUR),
    Stream("asset_snapshots", "provider", "captured_at", max_age=26 * _HOUR),
    Stream("onchain_metrics", "provider", "day", "metric", lasts=_DAY),
    Stream("macro_observations", "provider", "observation_date", "series_id"),
    Stream("articles", "feed", _APPEARED, max_age=72 * _HOUR),
    Stream("feed_checks", "'rss'", "checked_at"),
    Stream("social_posts", "platform", "posted_at", max_age=24 * _HOUR),
    Stream("social_engagement", "platform", "captured_at", max_age=24 * _HOUR),
    Stream("sentiment_scores", "model_id", "scored_at", max_age=72 * _HOUR),
    Stream("asset_mentions", "'scoring'", "loaded_at"),
    Stream("scoring_failures", "model_id", "failed_at"),
    Stream("backfill_intervals", "provider", "finished_at"),
)


def shown(stream: Stream, source: str, name: str) -> tuple[str, str]:
    """Return the labels of a source and what it delivers; their number stays bounded."""
    if stream.table == "price_bars":
        return source, f"{name}m"
    return (ARCHIVES, "") if source.startswith(f"{ARCHIVES}:") else (source, name)


def lasting(stream: Stream, name: str) -> float:
    """Return the seconds from an event's time to its end."""
    return 60.0 * float(name) if stream.table == "price_bars" else stream.lasts


def max_age(stream: Stream, source: str, name: str) -> float | None:
    """Return the seconds that the newest event may be old; None where nothing is promised."""
    if source == ARCHIVES:
        return None
    if stream.table == "onchain_metrics":
        return _HOUR * float(_vars()["onchain_max_age_hours"])
    if stream.table == "macro_observations":
        return _series_ages().get(name)
    return stream.max_age


def expected(settings: Settings) -> set[tuple[str, str]]:
    """Return the (table, source) pairs that the settings ask for, whether they ever came or not."""
    pairs = set()
    for step, tables in tables_of(settings).items():
        source = _PROVIDERS.get(step, step)
        for table in tables:
            if table == "articles":
                pairs |= {(table, feed.name) for feed in feeds_of(settings)}
            else:
                pairs.add((table, source))
    return pairs


@cache
def _vars() -> Mapping[str, Any]:
    path = PROJECT_ROOT / "dbt_project" / "dbt_project.yml"
    found: Mapping[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))["vars"]
    return found


@cache
def _series_ages() -> Mapping[str, float]:
    return {
        column["series"]: _DAY * float(column["max_age_days"])
        for column in _vars()["macro_columns"].values()
    }
