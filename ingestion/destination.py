"""The warehouse: where dlt loads, and what the project reads back from it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa

from ingestion.arrow_history import conformed, new_rows
from ingestion.config import Settings
from ingestion.conform import conform
from ingestion.engine import duckdb_path, engine_for
from ingestion.errors import WarehouseError
from ingestion.history import History
from ingestion.pipeline import SERVER_ATTEMPTS, Batch, State, Target, run_pipeline
from ingestion.server import Server
from ingestion.tables import TABLES, Row

import dlt  # isort: skip - after ingestion.pipeline, which sets what dlt reads on import
from dlt.common.destination import Destination  # isort: skip

_MICROSECOND = timedelta(microseconds=1)


def destination_for(settings: Settings, pipeline_name: str) -> Destination[Any, Any]:
    """Return dlt's destination for the warehouse URL.

    Each pipeline gets a staging schema of its own, so that two never share a staging table.
    """
    layout = f"%s_stg_{pipeline_name}"
    if not settings.is_server:
        path = duckdb_path(settings.warehouse_url)
        if path.stem == settings.dataset:
            msg = f"CFW_WAREHOUSE_URL: {path.name} must not be named as its schema; rename it"
            raise WarehouseError(msg)
        path.parent.mkdir(parents=True, exist_ok=True)
        return dlt.destinations.duckdb(str(path), staging_dataset_name_layout=layout)
    from ingestion.mysql_destination import server_destination

    return server_destination(Server.of(settings), layout)


def target_for(settings: Settings, pipeline_name: str, *, finishes: bool = True) -> Target:
    """Return where a pipeline loads; its working folder is private to the warehouse."""
    warehouse = f"{settings.warehouse_url}|{settings.schema_prefix}"
    folder = hashlib.sha256(warehouse.encode()).hexdigest()[:12]
    return Target(
        pipeline_name=pipeline_name,
        destination=destination_for(settings, pipeline_name),
        dataset=settings.dataset,
        pipelines_dir=settings.data_dir.absolute() / "dlt" / folder,
        attempts=SERVER_ATTEMPTS if settings.is_server else 1,
        place=_place(settings),
        finishes=finishes,
    )


def _place(settings: Settings) -> str:
    if not settings.is_server:
        return str(duckdb_path(settings.warehouse_url))
    server = Server.of(settings)
    return f"{server.user}@{server.place}"


class Warehouse:
    """Reads and writes the raw schema. Holds no connection between two calls."""

    def __init__(self, settings: Settings, *, finishes: bool = True) -> None:
        """Keep the settings; nothing is opened.

        Args:
            settings: name the warehouse.
            finishes: whether ``load`` first finishes a load of its pipeline that a crash
                interrupted. False drops it: for rows that are made again, perhaps by others.
        """
        self.settings = settings
        self._finishes = finishes
        self._engine = engine_for(settings)

    def table(self, name: str) -> str:
        """Return the qualified name of a raw table, for SQL."""
        return f"{self.settings.dataset}.{name}"

    def tables(self) -> frozenset[str]:
        """Return the raw tables that exist; without a warehouse none does."""
        return self._engine.tables(self.settings.dataset)

    def missing(self, names: Iterable[str]) -> list[str]:
        """Return those of the raw tables that do not exist."""
        stored = self.tables()
        return [name for name in names if name not in stored]

    def has_table(self, name: str) -> bool:
        """Return whether the raw table exists; without a warehouse it does not."""
        return self._engine.has_table(self.settings.dataset, name)

    def query(self, sql: str, params: Sequence[Any] = ()) -> list[dict[str, Any]]:
        """Run one statement with ``%s`` placeholders on any engine and return its rows.

        Times come back aware (UTC). A missing table is an error: ask ``has_table`` first.

        Raises:
            WarehouseError: there is no warehouse, or another process keeps it locked.
        """
        return self._engine.query(sql, params)

    def next_loaded_at(self, tables: Sequence[str]) -> datetime:
        """Return the clock, or just after the newest stored ``loaded_at`` if that is later.

        A frozen or turned-back clock thus still orders the extractions.
        """
        moment = self.settings.clock()
        newest = max(self.newest_loads(tables).values(), default=None)
        if newest is not None and newest >= moment:
            moment = newest + _MICROSECOND
        return moment.astimezone(UTC)

    def newest_loads(self, tables: Iterable[str]) -> dict[str, datetime]:
        """Return when the newest row of each raw table was loaded; empty tables are left out."""
        stored = self.tables()
        # The names are those of declared tables, never user input.
        parts = [
            f"SELECT '{name}' AS name, max(loaded_at) AS newest FROM {self.table(name)}"  # noqa: S608
            for name in tables
            if name in stored
        ]
        rows = self.query(" UNION ALL ".join(parts)) if parts else []
        return {row["name"]: row["newest"] for row in rows if row["newest"] is not None}

    def load(
        self, pipeline_name: str, tables: Mapping[str, Sequence[Mapping[str, Any]]]
    ) -> dict[str, int]:
        """Load complete rows of the declared tables and return how many of each were new.

        ``loaded_at`` is stamped here; rows equal to the newest stored row of their identity are
        left out. Every named table exists afterwards, even without a row.

        Raises:
            WarehouseError: an undeclared table or column, or a value of the wrong type.
        """
        checked = {name: _conformed(name, rows) for name, rows in tables.items()}
        history = History(self, self.settings.clock(), self.next_loaded_at(list(checked)))

        def batches(_: State) -> Iterator[Batch]:
            for name, rows in checked.items():
                yield name, history.new_rows(TABLES[name], rows)

        missing = self.missing(checked)
        target = target_for(self.settings, pipeline_name, finishes=self._finishes)
        counts = run_pipeline(target, batches, missing)
        self.index(missing)
        return {name: counts.get(name, 0) for name in checked}

    def load_arrow(self, pipeline_name: str, name: str, data: pa.Table) -> int:
        """Load a whole Arrow table, for histories of millions of rows; return how many were new.

        The rules are those of ``load``. What lies where nothing is stored stays Arrow all the
        way; a server takes it with ``LOAD DATA``.

        Raises:
            WarehouseError: an undeclared table or column, or a value of the wrong type.
        """
        _declared(name)
        table, checked = TABLES[name], conformed(TABLES[name], data)
        history = History(self, self.settings.clock(), self.next_loaded_at([name]))
        missing = self.missing([name])

        def batches(_: State) -> Iterator[Batch]:
            yield name, new_rows(table, checked, history, self)

        counts = run_pipeline(target_for(self.settings, pipeline_name), batches, missing)
        self.index(missing)
        return counts.get(name, 0)

    def ensure_tables(self) -> list[str]:
        """Create the declared raw tables that are missing and return their names."""
        missing = self.missing(TABLES)
        if missing:
            run_pipeline(target_for(self.settings, "tables"), lambda _: (), missing)
        self.index(list(TABLES))
        return missing

    def index(self, names: Sequence[str]) -> None:
        """Create the indexes that tables lack; an engine without indexes has nothing to do."""
        if names and self.settings.is_server:
            from ingestion.mysql_destination import create_indexes

            server = Server.of(self.settings)
            server.retried(lambda: create_indexes(server, self.settings.dataset, names))


def _declared(name: str) -> None:
    if name not in TABLES:
        msg = f"{name} is not a raw table; declare it in ingestion/tables.py"
        raise WarehouseError(msg)


def _conformed(name: str, rows: Sequence[Mapping[str, Any]]) -> list[Row]:
    _declared(name)
    result: list[Row] = []
    for row in rows:
        plain = dict(row)
        reason = conform(TABLES[name], plain)
        if reason:
            msg = f"{name}: {reason}; nothing was loaded"
            raise WarehouseError(msg)
        result.append(plain)
    return result
