"""What a warehouse holds: rows, freshness, refusals. Reads only."""

from __future__ import annotations

from typing import Any

from ingestion.config import Settings
from ingestion.destination import Warehouse
from ingestion.news.feeds import Feed, feeds_of
from ingestion.tables import TABLES

#: What a raw table's rows are about: the column whose newest value tells its freshness.
EVENT_COLUMNS = {
    "price_bars": "bar_open_at",
    "asset_snapshots": "captured_at",
    "onchain_metrics": "day",
    "macro_observations": "observation_date",
    "articles": "available_at",
    "feed_checks": "checked_at",
    "social_posts": "posted_at",
    "social_engagement": "captured_at",
    "sentiment_scores": "scored_at",
    "asset_mentions": "loaded_at",
    "rejected_rows": "loaded_at",
    "backfill_intervals": "finished_at",
    "scoring_failures": "failed_at",
}


def raw_tables(settings: Settings) -> list[dict[str, Any]]:
    """Return rows, newest event and newest load of every raw table."""
    warehouse = Warehouse(settings)
    missing = warehouse.missing(TABLES)
    result = []
    for name in TABLES:
        if name in missing:
            result.append({"table": name, "rows": 0, "newest event": None, "newest load": None})
            continue
        found = warehouse.query(
            f"select count(*) as n, max({EVENT_COLUMNS[name]}) as event, "  # noqa: S608
            f"max(loaded_at) as loaded from {warehouse.table(name)}"
        )[0]
        result.append(
            {
                "table": name,
                "rows": found["n"],
                "newest event": found["event"],
                "newest load": found["loaded"],
            }
        )
    return result


def rejected_rows(settings: Settings) -> list[dict[str, Any]]:
    """Return the refused rows, counted by source, table and reason; the most frequent first."""
    warehouse = Warehouse(settings)
    if not warehouse.has_table("rejected_rows"):
        return []
    return warehouse.query(
        "select source, table_name, reason, count(*) as row_count, "  # noqa: S608
        f"max(loaded_at) as newest from {warehouse.table('rejected_rows')} "
        "group by source, table_name, reason order by row_count desc, source, reason"
    )


def feeds(settings: Settings) -> list[dict[str, Any]]:
    """Return how each configured feed stands, by the newest change that its checks found."""
    warehouse = Warehouse(settings)
    known: dict[str, dict[str, Any]] = {}
    if warehouse.has_table("feed_checks"):
        table = warehouse.table("feed_checks")
        rows = warehouse.query(
            "select c.*, n.seen from "  # noqa: S608
            "(select feed, max(loaded_at) as newest, "
            f"max(case when status = 'ok' then checked_at end) as seen from {table} "
            f"group by feed) n join {table} c on c.feed = n.feed and c.loaded_at = n.newest"
        )
        known = {row["feed"]: row for row in rows}
    return [_feed(feed, known.get(feed.name, {})) for feed in feeds_of(settings)]


def _feed(feed: Feed, row: dict[str, Any]) -> dict[str, Any]:
    return {
        "feed": feed.name,
        "category": feed.category,
        "status": row.get("status", "not read yet"),
        "last seen": row.get("seen"),
        "newest item": row.get("newest_published_at"),
        "items": row.get("items"),
        "failures": row.get("consecutive_failures"),
        "failing since": row.get("failing_since"),
        "error": row.get("error"),
        "etag": row.get("etag"),
        "last modified": row.get("last_modified"),
    }


def all_tables(settings: Settings) -> list[dict[str, Any]]:
    """Return every table and view of the warehouse's schemas with its rows."""
    warehouse = Warehouse(settings)
    found = warehouse.query(
        "select table_schema as schema_name, table_name as name, table_type as kind "
        "from information_schema.tables order by table_schema, table_name"
    )
    result = []
    for row in found:
        schema, name = row["schema_name"], row["name"]
        is_ours = schema.startswith(f"{settings.schema_prefix}_") and "_stg_" not in schema
        if not is_ours or name.startswith("_dlt"):
            continue
        count = warehouse.query(f"select count(*) as n from {schema}.{name}")[0]["n"]  # noqa: S608
        kind = "view" if "VIEW" in row["kind"].upper() else "table"
        result.append({"schema": schema, "name": name, "kind": kind, "rows": count})
    return result
