"""Copies of a warehouse's raw history that end, or start, at a moment.

The rows are taken away, not filtered by the models: a model that forgot to look at `available_at`
has nothing to see all the same, and gives itself away by another value.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import duckdb

from flows.errors import RunError
from ingestion.tables import TABLES

#: What each fact is about: a history that starts later has no fact about an earlier moment. An
#: article or post is about the moment at which it was first available, with all its versions.
_EVENT = {
    "price_bars": "bar_open_at",
    "asset_snapshots": "captured_at",
    "onchain_metrics": "day",
    "macro_observations": "observation_date",
    "social_posts": "available_at",
    "social_engagement": "captured_at",
}
_STORY = "category, coalesce(canonical_url, concat(feed, ' ', guid))"


@dataclass(frozen=True)
class Cut:
    """A history without what became available after a moment, or without what lies before one."""

    kind: Literal["prefix", "late"]
    moment: datetime

    @property
    def name(self) -> str:
        """A name for tables and messages, e.g. prefix_20240501T1230."""
        return f"{self.kind}_{self.moment:%Y%m%dT%H%M}"


def copy_raw(source: Path, target: Path, schema: str, cut: Cut | None = None) -> None:
    """Write the raw tables of one DuckDB file into a new one.

    Args:
        source: the warehouse; it is opened for reading only.
        target: the new file; one that is there is replaced.
        schema: the raw schema, the same in both.
        cut: what to leave out; nothing by default.

    Raises:
        RunError: the warehouse is held by another program, or has no raw tables.
    """
    target.unlink(missing_ok=True)
    with duckdb.connect(str(target)) as connection:
        connection.execute("set TimeZone = 'UTC'")
        attach(connection, source)
        connection.execute(f'create schema "{schema}"')
        held = _tables(connection, schema)
        if missing := sorted(set(TABLES) - set(held)):
            msg = f"{source} has no table {schema}.{missing[0]}; run `cfw run` on it first"
            raise RunError(msg)
        for name in held:
            rows = f'source."{schema}"."{name}"'
            condition = _kept(name, rows, "available_at" in held[name], cut)
            moment = [cut.moment] if cut and "?" in condition else []
            connection.execute(
                f'create table "{schema}"."{name}" as select * from {rows} as landed '  # noqa: S608
                f"where {condition}",
                moment,
            )


def attach(connection: Any, source: Path) -> None:
    """Attach a DuckDB file as `source`, for reading only.

    Raises:
        RunError: it does not exist, or another program writes into it.
    """
    if not source.exists():
        msg = f"no warehouse at {source}; run `cfw run` or `make demo` first"
        raise RunError(msg)
    try:
        connection.execute(
            f"attach '{str(source).replace(chr(39), chr(39) * 2)}' as source (read_only)"
        )
    except duckdb.IOException:
        msg = f"{source} is held by another program; wait for it to end"
        raise RunError(msg) from None


def _tables(connection: Any, schema: str) -> dict[str, set[str]]:
    """Return the columns of each declared raw table that is there."""
    rows = connection.execute(
        "select table_name, column_name from duckdb_columns() "
        "where database_name = 'source' and schema_name = ?",
        [schema],
    ).fetchall()
    found: dict[str, set[str]] = {}
    for table, column in rows:
        if table in TABLES:
            found.setdefault(table, set()).add(column)
    return found


def _kept(name: str, rows: str, is_timed: bool, cut: Cut | None) -> str:
    """Return the condition of the rows that stay; the moment is its parameter."""
    if cut is None:
        return "true"
    if cut.kind == "prefix":
        return "available_at <= ?" if is_timed else "true"
    if name == "articles":
        return f"({_STORY}) not in (select ({_STORY}) from {rows} where available_at < ?)"  # noqa: S608
    if name in _EVENT:
        return f"landed.{_EVENT[name]} >= ?"
    return "true"
