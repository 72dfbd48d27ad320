"""Raw tables on MySQL and MariaDB as the loader lands them, filled from a DuckDB raw schema."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import duckdb
import pymysql

if TYPE_CHECKING:
    from collections.abc import Iterator

KEY_TEXT = "varchar({}) character set utf8mb4 collate utf8mb4_bin"
LONG_TEXT = "longtext character set utf8mb4 collate utf8mb4_bin"
MOMENT = "datetime(6)"


@dataclass(frozen=True)
class RawTable:
    """One raw table: sizes of its text columns, its key without `loaded_at`, its other indexes."""

    key: tuple[str, ...]
    text_sizes: dict[str, int]
    indexes: tuple[tuple[str, ...], ...] = ()


RAW_TABLES = {
    "price_bars": RawTable(
        ("provider", "symbol", "interval_minutes", "bar_open_at"),
        {"provider": 32, "symbol": 20, "quote_currency": 10},
        (("loaded_at",), ("interval_minutes", "symbol", "bar_open_at")),
    ),
    "asset_snapshots": RawTable(
        ("provider", "symbol", "captured_at"),
        {"provider": 32, "symbol": 20},
        (("loaded_at",), ("available_at",)),
    ),
    "onchain_metrics": RawTable(
        ("provider", "symbol", "metric", "day"),
        {"provider": 32, "symbol": 20, "metric": 64},
        (("loaded_at",), ("available_at",), ("symbol", "day", "metric")),
    ),
    "macro_observations": RawTable(
        ("provider", "series_id", "observation_date", "vintage_date"),
        {"provider": 32, "series_id": 32},
        (("loaded_at",),),
    ),
    "articles": RawTable(
        ("feed", "guid", "text_version"),
        {"feed": 64, "guid": 255, "text_version": 64, "category": 16},
        (("loaded_at",), ("available_at",), ("text_version",), ("category", "available_at")),
    ),
    "social_posts": RawTable(
        ("platform", "post_id"),
        {"platform": 32, "post_id": 64, "author_id": 64, "text_id": 64, "user_sentiment": 16},
        (("loaded_at",), ("available_at",), ("text_id",)),
    ),
    "social_engagement": RawTable(
        ("platform", "post_id", "captured_at"),
        {"platform": 32, "post_id": 64},
        (("loaded_at",),),
    ),
    "sentiment_scores": RawTable(
        ("text_id", "model_id", "model_revision"),
        {"text_id": 64, "model_id": 96, "model_revision": 64, "label": 16, "precision": 16},
        (("loaded_at",),),
    ),
    "asset_mentions": RawTable(
        ("text_id", "symbol"),
        {"text_id": 64, "symbol": 20, "rule": 16, "matched": 128},
        (("loaded_at",),),
    ),
    "scoring_failures": RawTable(
        ("text_id", "model_id", "model_revision"),
        {"text_id": 64, "model_id": 96, "model_revision": 64},
        (("loaded_at",),),
    ),
    "rejected_rows": RawTable(
        ("source", "table_name", "row_hash"),
        {"source": 32, "table_name": 64, "row_hash": 64},
        (("loaded_at",),),
    ),
}

SERVER_TYPES = {
    "TIMESTAMP WITH TIME ZONE": MOMENT,
    "DOUBLE": "double",
    "BIGINT": "bigint",
    "DATE": "date",
    "BOOLEAN": "tinyint(1)",
}


def connect(url: str, **options: Any) -> pymysql.Connection:
    """Opens a connection to the server of a mysql://user:password@host:port URL."""
    parts = urlsplit(url)
    return pymysql.connect(
        host=parts.hostname or "127.0.0.1",
        port=parts.port or 3306,
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        charset="utf8mb4",
        local_infile=True,
        autocommit=True,
        **options,
    )


def copy_raw(
    source: duckdb.DuckDBPyConnection, url: str, prefix: str, *, where: str = "true"
) -> dict[str, int]:
    """Adds the raw rows of the attached DuckDB schema `crypto_raw` to the server's `<prefix>_raw`.

    Args:
        source: connection that sees the schema crypto_raw.
        url: the server.
        prefix: schema prefix there; its raw database and tables are created where missing.
        where: condition on the rows, in DuckDB's dialect.

    Returns:
        Rows written by table.
    """
    source.execute("set timezone = 'UTC'")
    written = {}
    with connect(url) as server, tempfile.TemporaryDirectory() as folder:
        cursor = server.cursor()
        cursor.execute(
            f"create database if not exists `{prefix}_raw` "
            "default character set utf8mb4 collate utf8mb4_bin"
        )
        for name, table in RAW_TABLES.items():
            columns = list(_columns(source, name))
            cursor.execute(_create_statement(prefix, name, table, columns))
            written[name] = _copy(source, cursor, prefix, name, columns, where, Path(folder))
    return written


def _columns(source: duckdb.DuckDBPyConnection, name: str) -> Iterator[tuple[str, str]]:
    """Name and DuckDB type of a raw table's own columns (what dlt adds is left out)."""
    for column, kind, *_ in source.execute(f"describe crypto_raw.{name}").fetchall():
        if not column.startswith("_dlt_"):
            yield column, kind


def _create_statement(
    prefix: str, name: str, table: RawTable, columns: list[tuple[str, str]]
) -> str:
    key = (*table.key, "loaded_at")
    lines = []
    for column, kind in columns:
        size = table.text_sizes.get(column)
        server_type = KEY_TEXT.format(size) if size else SERVER_TYPES.get(kind, LONG_TEXT)
        lines.append(f"`{column}` {server_type}{' not null' if column in key else ''}")
    lines.append(f"primary key ({', '.join(f'`{column}`' for column in key)})")
    lines += [f"key ({', '.join(f'`{column}`' for column in index)})" for index in table.indexes]
    return f"create table if not exists `{prefix}_raw`.`{name}` ({', '.join(lines)})"


def _copy(
    source: duckdb.DuckDBPyConnection,
    cursor: pymysql.cursors.Cursor,
    prefix: str,
    name: str,
    columns: list[tuple[str, str]],
    where: str,
    folder: Path,
) -> int:
    """Exports the rows as CSV, sorted by key, and loads them with LOAD DATA LOCAL."""
    file = folder / f"{name}.csv"
    fields = ", ".join(_exported(column, kind) for column, kind in columns)
    order = ", ".join(f'"{column}"' for column in RAW_TABLES[name].key)
    exported = source.execute(
        f"copy (select {fields} from crypto_raw.{name} where {where} order by {order}) "
        f"to '{file}' (format csv, header false, nullstr 'NULL')"
    ).fetchone()
    names = ", ".join(f"`{column}`" for column, _ in columns)
    count = cursor.execute(
        f"load data local infile '{file}' into table `{prefix}_raw`.`{name}` character set utf8mb4 "
        "fields terminated by ',' optionally enclosed by '\"' escaped by '' "
        f"lines terminated by '\\n' ({names})"
    )
    file.unlink()
    if exported is None or count != exported[0]:
        msg = f"{name}: {count} rows of {exported} landed; two rows share a key"
        raise ValueError(msg)
    return int(count)


def _exported(column: str, kind: str) -> str:
    if kind == "TIMESTAMP WITH TIME ZONE":
        return f"strftime(\"{column}\" at time zone 'UTC', '%Y-%m-%d %H:%M:%S.%f') as \"{column}\""
    if kind == "BOOLEAN":
        return f'cast("{column}" as tinyint) as "{column}"'
    return f'"{column}"'
