"""Whether there is anything to do: raw rows that the last build, or the last scoring, did not see.

The answers come from the warehouse itself, so that work done by hand counts like a schedule's.
"""

from __future__ import annotations

from datetime import datetime, timedelta

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


def changed_tables(settings: Settings) -> list[str]:
    """Return the raw tables with rows that the last complete build did not read.

    All of them where no build was ever completed. A row that lands late, dated before the newest
    one read, shows in the number of rows of the last 48 hours.
    """
    warehouse, schema = Warehouse(settings), f"{settings.schema_prefix}_intermediate"
    if not engine_for(settings).has_table(schema, _COMPLETED):
        return list(BUILT_FROM)
    rows = warehouse.query(f"select * from {schema}.{_COMPLETED}")  # noqa: S608 - our own names
    seen = {row["raw_table"]: row for row in rows}
    return [
        table
        for table in BUILT_FROM
        if warehouse.has_table(table)
        and (
            _has_changed(
                warehouse, table, seen[table]["loaded_through"], seen[table]["recent_rows"]
            )
            if table in seen
            else _newest(warehouse, table) is not None
        )
    ]


def _has_changed(warehouse: Warehouse, table: str, through: datetime, recent_rows: int) -> bool:
    sql = (
        "select max(loaded_at) as newest, "  # noqa: S608
        "sum(case when loaded_at <= %s then 1 else 0 end) as recent_rows "
        f"from {warehouse.table(table)} where loaded_at > %s"
    )
    found = warehouse.query(sql, (through, through - _RECENT))[0]
    return bool(found["newest"] != through or int(found["recent_rows"]) != recent_rows)


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
    warehouse = Warehouse(settings)
    newest = [_newest(warehouse, table) for table in ("articles", "social_posts")]
    return any(moment is not None and moment > last.started_at - margin for moment in newest)


def _newest(warehouse: Warehouse, table: str) -> datetime | None:
    if not warehouse.has_table(table):
        return None
    sql = f"select max(loaded_at) as newest from {warehouse.table(table)}"  # noqa: S608
    newest: datetime | None = warehouse.query(sql)[0]["newest"]
    return newest
