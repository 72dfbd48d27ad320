"""Whether there is anything to do: raw rows that the last build, or the last scoring, did not see.

The answers come from the warehouse itself, so that work done by hand counts like a schedule's.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from flows.journal import Journal
from flows.journal_rows import COMPLETED
from flows.schedules import SCHEDULES
from ingestion.config import Settings
from ingestion.destination import Warehouse
from ingestion.engine import engine_for

#: The raw tables that make the mart; dbt's `int_refresh__watermarks` lists the same.
BUILT_FROM = (
    *("price_bars", "asset_snapshots", "onchain_metrics", "macro_observations", "articles"),
    *("social_posts", "social_engagement", "sentiment_scores", "asset_mentions"),
)
#: dbt's own note of what the last complete build had read.
_COMPLETED = "int_refresh__completed"
#: As far back as dbt counts rows that landed late.
_RECENT = timedelta(hours=48)
_BEFORE_ALL = datetime(1970, 1, 1, tzinfo=UTC)


def changed_tables(settings: Settings) -> list[str]:
    """Return the raw tables with rows that the last complete build did not read.

    All of them where no build was ever completed. A row that lands late, dated before the newest
    one read, shows in the number of rows of the last 48 hours.
    """
    warehouse, schema = Warehouse(settings), f"{settings.schema_prefix}_intermediate"
    if not engine_for(settings).has_table(schema, _COMPLETED):
        return list(BUILT_FROM)
    rows = warehouse.query(f"select * from {schema}.{_COMPLETED}")  # noqa: S608 - our own names
    read = {row["raw_table"]: (row["loaded_through"], row["recent_rows"]) for row in rows}
    stored = _stored(warehouse, {table: through for table, (through, _) in read.items()})
    return [table for table in BUILT_FROM if table in stored and stored[table] != read.get(table)]


def _stored(warehouse: Warehouse, read: Mapping[str, datetime]) -> dict[str, tuple[datetime, int]]:
    """Return of each raw table the newest `loaded_at`, and its rows of the 48 hours up to `read`.

    A table that was read and has no such row any more is there too, as (None, 0).
    """
    kept = warehouse.tables()
    parts, values = [], list[Any]()
    for table in BUILT_FROM:
        if table not in kept:
            continue
        through = read.get(table, _BEFORE_ALL)
        parts.append(
            f"select '{table}' as raw_table, max(loaded_at) as newest, "  # noqa: S608 - our own names
            "sum(case when loaded_at <= %s then 1 else 0 end) as recent_rows "
            f"from {warehouse.table(table)} where loaded_at > %s"
        )
        values += [through, through - _RECENT]
    rows = warehouse.query(" union all ".join(parts), values) if parts else []
    return {
        row["raw_table"]: (row["newest"], int(row["recent_rows"] or 0))
        for row in rows
        if row["raw_table"] in read or row["newest"] is not None
    }


def may_have_texts(settings: Settings) -> bool:
    """Return whether texts may wait for a score: to load the models for nothing is dear.

    The last pass found nothing, and no text was loaded since, means no. The first run of each hour
    looks in any case, for texts whose scoring failed and for models that were fetched meanwhile.
    """
    last, now = Journal(settings).latest().get("score"), settings.clock()
    if last is None or last.state != COMPLETED or last.new_rows or last.started_at > now:
        return True
    if last.started_at.replace(minute=0, second=0, microsecond=0) < now.replace(
        minute=0, second=0, microsecond=0
    ):
        return True
    # On a server texts may be on their way while others are scored: dated before, seen after.
    margin = SCHEDULES["social"].timeout if settings.is_server else timedelta(0)
    newest = Warehouse(settings).newest_loads(("articles", "social_posts")).values()
    return any(moment > last.started_at - margin for moment in newest)
