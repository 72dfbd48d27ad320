"""The common queue of several scoring workers, in a table of the server.

A worker holds its texts by row locks of an open transaction and others pass over locked rows
(SKIP LOCKED: MySQL 8.0, MariaDB 10.6), so nobody waits for anybody. The server frees the rows of a
worker that dies at once: nothing has to expire.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from flows.errors import RunError
from ingestion.config import Settings
from ingestion.destination import Warehouse
from ingestion.server import Server
from scoring.queue import QueuedText, Shard, share_of, unscored
from scoring.registry import ModelSpec

_FILL_WAIT_SECONDS = 300
_ROWS = 1000
_COLUMNS = (
    "text_id, rank_us, share, source_table, source_column, is_sample, is_backfilled, available_us"
)


class ServerClaims:
    """See :class:`scoring.claims.Claims`.

    The table lies beside the staging databases, where a loader may delete rows; raw tables, which
    it may only add to, are not touched.
    """

    def __init__(self, settings: Settings, shard: Shard | None = None) -> None:
        """Create the queue's table if it is missing."""
        self._server = Server.of(settings)
        self._warehouse = Warehouse(settings)
        self._shard = shard
        self._database = f"{settings.dataset}_stg_queue"
        self._table = f"`{self._database}`.scoring_queue"
        self._fill_lock = f"cfw_queue_{settings.schema_prefix}"
        with self._server.session() as connection, connection.cursor() as cursor:
            for statement in self._ddl():
                cursor.execute(statement)

    def _ddl(self) -> tuple[str, str]:
        text = "character set ascii collate ascii_bin not null"
        return (
            f"create database if not exists `{self._database}`",
            f"create table if not exists {self._table} ("
            f"model_id varchar(96) {text}, model_revision varchar(64) {text}, "
            f"text_id varchar(64) {text}, rank_us bigint not null, share int unsigned not null, "
            f"source_table varchar(64) {text}, source_column varchar(64) {text}, "
            "is_sample tinyint not null, is_backfilled tinyint not null, "
            "available_us bigint not null, "
            # One index alone, and in the order of taking: two would be locked in two orders.
            "primary key (model_id, model_revision, rank_us, text_id)) engine=InnoDB",
        )

    def fill(self, spec: ModelSpec, revision: str, queue: Sequence[QueuedText]) -> None:
        """Add the texts that are not in the queue; only one worker does this at a time.

        Raises:
            RunError: Another worker has been filling the queue for minutes.
        """
        with self._server.session() as connection, connection.cursor() as cursor:
            cursor.execute("select get_lock(%s, %s)", (self._fill_lock, _FILL_WAIT_SECONDS))
            if cursor.fetchone()[0] != 1:
                msg = f"the queue of texts on {self._server.place} is being filled; try again"
                raise RunError(msg)
            cursor.execute(
                f"select text_id from {self._table} "  # noqa: S608  # our own name
                "where model_id = %s and model_revision = %s",
                (spec.id, revision),
            )
            known = {row[0] for row in cursor.fetchall()}
            rows = [_row(spec, revision, item) for item in queue if item.text_id not in known]
            statement = (
                f"insert into {self._table} "  # noqa: S608
                f"(model_id, model_revision, {_COLUMNS}) values ({', '.join(['%s'] * 10)})"
            )
            for start in range(0, len(rows), _ROWS):
                cursor.executemany(statement, rows[start : start + _ROWS])

    @contextmanager
    def take(self, spec: ModelSpec, revision: str, size: int) -> Iterator[list[QueuedText]]:
        """Hold rows that no other worker holds; a text scored meanwhile is taken out unseen."""
        with self._server.session(autocommit=False) as connection, connection.cursor() as cursor:
            cursor.execute("set session transaction isolation level read committed")
            while True:
                held = self._lock(cursor, spec, revision, size)
                chunk = unscored(self._warehouse, spec, revision, held)
                if chunk or not held:
                    break
                self._remove(cursor, spec, revision, held)
                connection.commit()
            # An exception closes the connection without a commit, which frees the rows.
            yield chunk
            self._remove(cursor, spec, revision, held)
            connection.commit()

    def _lock(self, cursor: Any, spec: ModelSpec, revision: str, size: int) -> list[QueuedText]:
        # In the order of an index: a sort would lock every row of the queue.
        shard = "" if self._shard is None else "and mod(share, %s) = %s "
        values: list[Any] = [spec.id, revision]
        if self._shard is not None:
            values += [self._shard.count, self._shard.number - 1]
        cursor.execute(
            f"select {_COLUMNS} from {self._table} force index (primary) "  # noqa: S608
            f"where model_id = %s and model_revision = %s {shard}"
            "order by model_id, model_revision, rank_us, text_id limit %s for update skip locked",
            [*values, size],
        )
        return [
            QueuedText(
                text_id=row[0],
                table=row[3],
                column=row[4],
                is_sample=bool(row[5]),
                available_at=datetime.fromtimestamp(row[7] / 1_000_000, UTC),
                is_backfilled=bool(row[6]),
            )
            for row in cursor.fetchall()
        ]

    def _remove(
        self, cursor: Any, spec: ModelSpec, revision: str, items: Sequence[QueuedText]
    ) -> None:
        cursor.executemany(
            f"delete from {self._table} where model_id = %s "  # noqa: S608
            "and model_revision = %s and rank_us = %s and text_id = %s",
            [(spec.id, revision, item.rank, item.text_id) for item in items],
        )


def _row(spec: ModelSpec, revision: str, item: QueuedText) -> tuple[Any, ...]:
    since = round(item.available_at.timestamp() * 1_000_000)
    return (
        *(spec.id, revision, item.text_id, item.rank, share_of(item.text_id)),
        *(item.table, item.column, item.is_sample, item.is_backfilled, since),
    )
