"""SQL over short-lived connections, one class per engine.

A DuckDB file admits one writing process, and any open reader keeps it out. So a connection lives
for one statement and is closed at once; a run may keep the file open between them (kept_open.py).
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import duckdb
import pyarrow as pa

from ingestion.config import Settings
from ingestion.errors import WarehouseError
from ingestion.kept_open import is_kept, keep
from ingestion.server import Server

_LOCK_WAIT_SECONDS = 10.0
_BATCH_ROWS = 20_000

#: SQL and its values.
Statement = tuple[str, Sequence[Any]]


class Engine(Protocol):
    """What the warehouse needs of a database."""

    def query(self, sql: str, params: Sequence[Any]) -> list[dict[str, Any]]:
        """Run one statement with ``%s`` placeholders and return its rows."""
        ...

    def write(self, statements: Sequence[Statement]) -> None:
        """Run statements with ``%s`` placeholders in one transaction; DDL may end it early."""

    def stream(
        self, sql: str, params: Sequence[Any], schema: pa.Schema
    ) -> Iterator[pa.RecordBatch]:
        """Run one statement with ``%s`` placeholders and yield its rows in batches.

        Columns come in the order and with the types of the schema; memory holds one batch. A
        failure is not tried again: rows have been handed out.
        """
        ...

    def tables(self, schema: str) -> frozenset[str]:
        """Return the names of a schema's tables and views; a missing database has none."""
        ...

    def has_table(self, schema: str, name: str) -> bool:
        """Return whether the table exists; ask for ``tables`` where there is more than one."""
        ...


def engine_for(settings: Settings) -> Engine:
    """Return the engine of the warehouse."""
    if settings.is_server:
        return ServerEngine(Server.of(settings))
    return DuckDbEngine(duckdb_path(settings.warehouse_url))


def duckdb_path(url: str) -> Path:
    """Return the absolute path of a ``duckdb:///`` URL."""
    return Path(url.removeprefix("duckdb:///")).expanduser().absolute()


class DuckDbEngine:
    """A DuckDB file."""

    def __init__(self, path: Path) -> None:
        """Keep the path; nothing is opened."""
        self.path = path

    def query(self, sql: str, params: Sequence[Any]) -> list[dict[str, Any]]:
        """Run one statement, reading; see ``Engine``."""
        with contextlib.closing(self._connect()) as connection:
            cursor = connection.execute(_duckdb(sql), list(params))
            names = [column[0] for column in cursor.description or ()]
            rows = cursor.fetchall()
        return [dict(zip(names, map(_utc, row), strict=True)) for row in rows]

    def write(self, statements: Sequence[Statement]) -> None:
        """See ``Engine``. Creates the file if it is missing; the caller holds the run lock."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        connection = self._opened(read_only=False)
        try:
            connection.execute("SET TimeZone = 'UTC'")
            connection.execute("BEGIN")
            for sql, params in statements:
                connection.execute(_duckdb(sql), list(params))
            connection.execute("COMMIT")
        except duckdb.Error as error:
            msg = f"{self.path} cannot be written: {' '.join(str(error).split())}"
            raise WarehouseError(msg) from error
        finally:
            connection.close()

    def stream(
        self, sql: str, params: Sequence[Any], schema: pa.Schema
    ) -> Iterator[pa.RecordBatch]:
        """See ``Engine``."""
        with contextlib.closing(self._connect()) as connection:
            reader = connection.sql(_duckdb(sql), params=list(params)).to_arrow_reader(_BATCH_ROWS)
            for batch in reader:
                yield batch.cast(schema)

    def tables(self, schema: str) -> frozenset[str]:
        """See ``Engine``."""
        return _names(self.query(_TABLES, (schema,))) if self.path.exists() else frozenset()

    def has_table(self, schema: str, name: str) -> bool:
        """See ``Engine``."""
        return name in self.tables(schema)

    def _connect(self) -> Any:
        if not self.path.exists():
            msg = f"no warehouse at {self.path} yet; run the pipeline once to create it"
            raise WarehouseError(msg)
        connection = self._opened()
        connection.execute("SET TimeZone = 'UTC'")
        return connection

    def _opened(self, *, read_only: bool = True) -> Any:
        deadline = time.monotonic() + _LOCK_WAIT_SECONDS
        # What is kept open must take writers too.
        read_only = read_only and not is_kept(self.path)
        while True:
            try:
                connection = duckdb.connect(str(self.path), read_only=read_only)
            except (duckdb.ConnectionException, duckdb.ResourceInUseException):
                # This process holds the file open for writing: share that instance. Or one of
                # its threads reads, for a moment, while this one would write.
                if not read_only and time.monotonic() > deadline:
                    raise
                time.sleep(0.0 if read_only else 0.05)
                read_only = False
            except duckdb.IOException as error:
                if "lock" not in str(error).lower() or time.monotonic() > deadline:
                    msg = (
                        f"{self.path} cannot be opened within {_LOCK_WAIT_SECONDS:.0f} s; "
                        "close the other program that holds it"
                    )
                    raise WarehouseError(msg) from error
                time.sleep(0.02)
            else:
                if not read_only:
                    keep(self.path)
                return connection


class ServerEngine:
    """A MySQL or MariaDB server."""

    def __init__(self, server: Server) -> None:
        """Keep the address; nothing is opened."""
        self._server = server

    def query(self, sql: str, params: Sequence[Any]) -> list[dict[str, Any]]:
        """Run one statement, reading; see ``Engine``. A failure that passes is tried again."""
        return self._server.retried(lambda: self._query(sql, params))

    def _query(self, sql: str, params: Sequence[Any]) -> list[dict[str, Any]]:
        with self._server.session() as connection, connection.cursor() as cursor:
            cursor.execute(sql, [_naive_utc(value) for value in params])
            names = [column[0] for column in cursor.description or ()]
            rows = cursor.fetchall()
        return [dict(zip(names, map(_utc, row), strict=True)) for row in rows]

    def write(self, statements: Sequence[Statement]) -> None:
        """See ``Engine``. What fails in passing is tried again, so it must bear to be repeated."""
        self._server.retried(lambda: self._write(statements))

    def _write(self, statements: Sequence[Statement]) -> None:
        with (
            self._server.session(autocommit=False) as connection,
            connection.cursor() as cursor,
        ):
            for sql, params in statements:
                cursor.execute(sql, [_naive_utc(value) for value in params])
            connection.commit()

    def stream(
        self, sql: str, params: Sequence[Any], schema: pa.Schema
    ) -> Iterator[pa.RecordBatch]:
        """See ``Engine``."""
        from pymysql.cursors import SSCursor  # type: ignore[import-untyped]

        with self._server.session() as connection, connection.cursor(SSCursor) as cursor:
            cursor.execute(sql, [_naive_utc(value) for value in params])
            while rows := cursor.fetchmany(_BATCH_ROWS):
                columns = zip(*rows, strict=True)
                yield pa.record_batch(
                    [
                        pa.array(column, type=field.type)
                        for column, field in zip(columns, schema, strict=True)
                    ],
                    schema=schema,
                )

    def tables(self, schema: str) -> frozenset[str]:
        """See ``Engine``."""
        return _names(self.query(_TABLES, (schema,)))

    def has_table(self, schema: str, name: str) -> bool:
        """See ``Engine``."""
        return name in self.tables(schema)


_TABLES = "SELECT table_name AS name FROM information_schema.tables WHERE table_schema = %s"


def _names(rows: Sequence[Mapping[str, Any]]) -> frozenset[str]:
    return frozenset(row["name"] for row in rows)


def _duckdb(sql: str) -> str:
    return sql.replace("%s", "?").replace("%%", "%")


def _utc(value: Any) -> Any:
    """Return a stored time as aware UTC; a server hands out naive UTC."""
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    return value


def _naive_utc(value: Any) -> Any:
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.astimezone(UTC).replace(tzinfo=None)
    return value
