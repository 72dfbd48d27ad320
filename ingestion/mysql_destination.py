"""dlt's SQL destination, made fit for MySQL and MariaDB.

What differs from dlt's own: databases and tables are utf8mb4 with a binary collation, long text
is LONGTEXT, raw tables get their indexes, a large file goes in with LOAD DATA, and a merge adds
the rows whose key is not stored yet. The last is the same as dlt's delete-insert, because a
landed row never changes and every key holds ``loaded_at``; but it looks up the new keys instead
of reading the whole table.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa
from dlt.common.schema.utils import get_columns_names_with_prop
from dlt.common.storages.load_package import ParsedLoadJobFileName
from dlt.destinations import sqlalchemy as dlt_sqlalchemy
from dlt.destinations.exceptions import (
    DatabaseTerminalException,
    DatabaseTransientException,
    DatabaseUndefinedRelation,
)
from dlt.destinations.impl.sqlalchemy.db_api_client import SqlalchemyClient
from dlt.destinations.impl.sqlalchemy.load_jobs import SqlalchemyMergeFollowupJob
from dlt.destinations.impl.sqlalchemy.sqlalchemy_job_client import SqlalchemyJobClient
from dlt.destinations.impl.sqlalchemy.type_mapper import MysqlVariantTypeMapper
from sqlalchemy.dialects.mysql import LONGTEXT

from ingestion.bulk import BulkJob, is_large
from ingestion.server import Server
from ingestion.server_errors import error_code, is_transient
from ingestion.tables import TABLES

CHARSET = "utf8mb4"
COLLATION = "utf8mb4_bin"
_UNDEFINED = frozenset((1049, 1051, 1146))


class LongTextMapper(MysqlVariantTypeMapper):
    """Text without a length is LONGTEXT: TEXT ends at 64 kB, also for dlt's own schema."""

    def db_type_from_text_type(self, column: Any, table: Any = None) -> Any:
        """Return the type of a text column."""
        if column.get("precision") is None and not column.get("unique"):
            return LONGTEXT()
        return super().db_type_from_text_type(column, table)


class ServerClient(SqlalchemyClient):
    """Runs dlt's statements: tells passing errors from lasting ones, makes databases fit."""

    def create_dataset(self) -> None:
        """Create the database; one that is there stays as it is."""
        self.execute_sql(
            f"CREATE DATABASE IF NOT EXISTS `{self.dataset_name}` "
            f"CHARACTER SET {CHARSET} COLLATE {COLLATION}"
        )

    def create_table(self, table_obj: sa.Table) -> None:
        """Create a table with the project's character set, whatever the database's own is.

        A table that a killed run created, or another one just now, is taken as it is.
        """
        options = {"engine": "InnoDB", "default_charset": CHARSET, "collate": COLLATION}
        for name, value in options.items():
            table_obj.kwargs[f"mysql_{name}"] = value
        self.execute_sql(sa.schema.CreateTable(table_obj, if_not_exists=True))

    def truncate_tables(self, *tables: str) -> None:
        """Empty tables at once, instead of row by row."""
        for table in tables:
            self.execute_sql(f"TRUNCATE TABLE `{self.dataset_name}`.`{table}`")

    def _make_database_exception(self, ex: Exception) -> Exception:  # type: ignore[override]
        code = error_code(ex)
        if code in _UNDEFINED:
            return DatabaseUndefinedRelation(ex)
        if code is None:
            return super()._make_database_exception(ex)
        if is_transient(code):
            return DatabaseTransientException(ex)
        return DatabaseTerminalException(ex)


class AddNewRowsJob(SqlalchemyMergeFollowupJob):
    """Adds the staged rows whose primary key is not stored yet, in one statement."""

    @classmethod
    def gen_merge_sql(cls, table_chain: Sequence[Any], sql_client: Any) -> list[str]:
        """Return the one statement of a flat table."""
        name = table_chain[0]["name"]
        columns = get_columns_names_with_prop(table_chain[0], "name")
        key = get_columns_names_with_prop(table_chain[0], "primary_key")
        stored = f"`{sql_client.dataset_name}`.`{name}`"
        staged = f"`{sql_client.staging_dataset_name}`.`{name}`"
        listed = ", ".join(f"`{column}`" for column in columns)
        values = ", ".join(f"s.`{column}`" for column in columns)
        same = " AND ".join(f"t.`{column}` = s.`{column}`" for column in key)
        # Only declared names are pasted in.
        statement = (
            f"INSERT INTO {stored} ({listed}) SELECT {values} FROM {staged} s "  # noqa: S608
            f"LEFT JOIN {stored} t ON {same} WHERE t.`{key[0]}` IS NULL"
        )
        return [statement]


class ServerJobClient(SqlalchemyJobClient):
    """Loads one package into a server."""

    server: Server

    def __init__(self, schema: Any, config: Any, capabilities: Any) -> None:
        """Replace dlt's own client of the database."""
        super().__init__(schema, config, capabilities)
        own = self.sql_client
        self.sql_client = ServerClient(
            own.dataset_name, own.staging_dataset_name, config.credentials, capabilities
        )

    def create_load_job(
        self, table: Any, file_path: str, load_id: str, restore: bool = False
    ) -> Any:
        """Return the job of a file; a large one is sent whole."""
        parsed = ParsedLoadJobFileName.parse(file_path)
        if parsed.file_format == "parquet" and is_large(file_path):
            return BulkJob(file_path, self._to_table_object(table), self.server)
        return super().create_load_job(table, file_path, load_id, restore)

    def _create_merge_followup_jobs(self, table_chain: Sequence[Any]) -> list[Any]:
        for table in table_chain:
            self._to_table_object(table)
        return [AddNewRowsJob.from_table_chain(table_chain, self.sql_client)]


class ServerDestination(dlt_sqlalchemy):
    """The destination of ``mysql://`` URLs."""

    server: Server

    @property
    def client_class(self) -> type[ServerJobClient]:
        """Return the client with this project's jobs, bound to the server."""
        return type("BoundServerJobClient", (ServerJobClient,), {"server": self.server})


def server_destination(server: Server, layout: str) -> ServerDestination:
    """Return dlt's destination for a server.

    Args:
        server: where it is.
        layout: name of the staging database, with ``%s`` for the raw one.
    """
    url = sa.URL.create(
        "mysql+pymysql",
        username=server.user,
        password=server.password,
        host=server.host,
        port=server.port,
    )
    destination = ServerDestination(
        url.render_as_string(hide_password=False),
        type_mapper=LongTextMapper,
        create_primary_keys=True,
        staging_dataset_name_layout=layout,
        engine_kwargs={"pool_pre_ping": True, "connect_args": server.connect_arguments()},
    )
    destination.server = server
    return destination


def create_indexes(server: Server, dataset: str, names: Iterable[str] = tuple(TABLES)) -> None:
    """Create the declared indexes that a raw table lacks; a missing table is passed over."""
    with server.session() as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT t.table_name AS name, i.index_name AS index_name "
            "FROM information_schema.tables t LEFT JOIN information_schema.statistics i "
            "ON i.table_schema = t.table_schema AND i.table_name = t.table_name "
            "WHERE t.table_schema = %s",
            (dataset,),
        )
        present: dict[str, set[str]] = {}
        for table, index in cursor.fetchall():
            present.setdefault(table, set()).add(index)
        for name in names:
            for columns in (("loaded_at",), *TABLES[name].indexes):
                index = "ix_" + "_".join(columns)
                if name in present and index not in present[name]:
                    listed = ", ".join(columns)
                    cursor.execute(f"CREATE INDEX {index} ON `{dataset}`.{name} ({listed})")
