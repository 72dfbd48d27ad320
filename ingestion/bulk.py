"""Large files into a server: one ``LOAD DATA LOCAL INFILE`` instead of many INSERTs.

The file goes into the pipeline's private staging table, from where the usual merge adds what is
not stored yet; so the rules of history hold for bulk loads too. A server that does not allow
``local_infile`` gets multi-row INSERTs, which take about twice as long.
"""

from __future__ import annotations

import contextlib
import logging
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import sqlalchemy as sa
from dlt.destinations.exceptions import DatabaseTerminalException, DatabaseTransientException
from dlt.destinations.impl.sqlalchemy.load_jobs import SqlalchemyParquetInsertJob
from pymysql.connections import (  # type: ignore[import-untyped]
    Connection,
    LoadLocalPacketWrapper,
    MySQLResult,
)

from ingestion.server import Server
from ingestion.server_errors import ServerError, is_transient

logger = logging.getLogger(__name__)

#: Below this many rows an INSERT is as quick.
MIN_ROWS = 2_000
_BATCH_ROWS = 100_000
#: A row that a lost connection left behind is met again: it is the same row.
_DUPLICATE_KEY = 1062
#: Marks a text that may be NULL: LOAD DATA cannot tell an empty text from none.
_PRESENT = "="
_FORBIDDEN = (0, "0", "OFF")


def is_large(path: str) -> bool:
    """Return whether a Parquet file is worth a bulk load."""
    return bool(pq.read_metadata(path).num_rows >= MIN_ROWS)


class _OneFileResult(MySQLResult):  # type: ignore[misc]
    """The answer to LOAD DATA, in which a server may ask for a file by any name."""

    def _read_load_local_packet(self, first_packet: Any) -> None:
        asked = LoadLocalPacketWrapper(first_packet).filename
        asked = asked.decode() if isinstance(asked, bytes) else asked
        if asked != self.connection.offered:
            self.connection._force_close()
            msg = "the server asked for a file that was not offered; do not trust this server"
            raise ServerError(msg)
        super()._read_load_local_packet(first_packet)


class OneFileConnection(Connection):  # type: ignore[misc]
    """A connection that hands out the file ``offered`` and no other.

    The protocol lets a server ask for any file of the client; a wrong or hijacked one would.
    """

    offered = ""

    def _read_query_result(self, unbuffered: bool = False) -> int:
        self._result = None
        result = _OneFileResult(self)
        if unbuffered:
            result.init_unbuffered_query()
        else:
            result.read()
        self._result = result
        if result.server_status is not None:
            self.server_status = result.server_status
        return int(result.affected_rows)


class BulkJob(SqlalchemyParquetInsertJob):
    """Loads one Parquet file."""

    def __init__(self, file_path: str, table: sa.Table, server: Server) -> None:
        """Keep what to load, and where."""
        super().__init__(file_path, table)
        self._server = server

    def run(self) -> None:
        """Load the file whole or not at all.

        Raises:
            DatabaseTransientException: it may succeed when tried again.
            DatabaseTerminalException: it will not.
        """
        client = self._job_client.sql_client
        try:
            with _bulk_session(self._server) as connection:
                if connection is not None:
                    table = f"`{client.dataset_name}`.`{self.table.name}`"
                    _load_file(connection, Path(self._file_path), table)
                    return
        except ServerError as error:
            if is_transient(error.code):
                raise DatabaseTransientException(error) from error
            raise DatabaseTerminalException(error) from error
        super().run()


@contextlib.contextmanager
def _bulk_session(server: Server) -> Iterator[Any | None]:
    """Hold a connection that may send files, or None where the server forbids it."""
    with server.session(OneFileConnection, local_infile=True, autocommit=False) as connection:
        with connection.cursor() as cursor:
            cursor.execute("SELECT @@local_infile")
            allowed = cursor.fetchone()[0] not in _FORBIDDEN
        if not allowed:
            logger.info("%s: local_infile is off; large loads take longer", server.place)
        yield connection if allowed else None


def _load_file(connection: Any, path: Path, table: str) -> None:
    with pq.ParquetFile(path) as source, tempfile.TemporaryDirectory(prefix="cfw-bulk-") as folder:
        target = Path(folder) / "rows.csv"
        schema = source.schema_arrow
        _write_csv(source, target)
        statement = _statement(schema, table)
        with connection.cursor() as cursor:
            connection.offered = str(target)
            cursor.execute(statement, (str(target),))
            connection.offered = ""
            loaded = cursor.rowcount
            _refuse_warnings(cursor, loaded, source.metadata.num_rows)
    connection.commit()


def _refuse_warnings(cursor: Any, loaded: int, expected: int) -> None:
    """LOAD DATA LOCAL turns every error into a warning; here they are errors again.

    Raises:
        ServerError: a value did not fit; the transaction is not committed.
    """
    # The list of warnings is cut at a length that the server sets; the count is not.
    cursor.execute("SHOW COUNT(*) WARNINGS")
    total = int(cursor.fetchone()[0])
    cursor.execute("SHOW WARNINGS")
    serious = [(int(row[1]), row[2]) for row in cursor.fetchall() if int(row[1]) != _DUPLICATE_KEY]
    skipped = expected - loaded
    if serious or total > skipped:
        code, text = serious[0] if serious else (0, "a value did not fit")
        msg = f"bulk load: error {code}: {text}; nothing of the file was loaded"
        raise ServerError(msg, code)
    if skipped:
        logger.info("bulk load: %d of %d rows were there already", skipped, expected)


def _statement(schema: pa.Schema, table: str) -> str:
    """Return the LOAD DATA statement, with a placeholder for the file."""
    fields, assignments = [], []
    for number, column in enumerate(schema):
        if not column.nullable:
            fields.append(f"`{column.name}`")
            continue
        fields.append(f"@v{number}")
        value = f"NULLIF(@v{number}, '')"
        if _is_text(column.type):
            value = f"IF(@v{number} = '', NULL, SUBSTRING(@v{number}, {len(_PRESENT) + 1}))"
        assignments.append(f"`{column.name}` = {value}")
    setting = f" SET {', '.join(assignments)}" if assignments else ""
    return (
        f"LOAD DATA LOCAL INFILE %s INTO TABLE {table} CHARACTER SET utf8mb4 "
        "FIELDS TERMINATED BY ',' OPTIONALLY ENCLOSED BY '\"' ESCAPED BY '' "
        f"LINES TERMINATED BY '\\n' ({', '.join(fields)}){setting}"
    )


def _write_csv(source: pq.ParquetFile, target: Path) -> None:
    """Write a Parquet file as CSV without a header; NULL is an empty field."""
    options = pa_csv.WriteOptions(include_header=False, quoting_style="needed")
    writer = None
    try:
        for batch in source.iter_batches(batch_size=_BATCH_ROWS):
            plain = _plain(pa.Table.from_batches([batch]))
            if writer is None:
                writer = pa_csv.CSVWriter(str(target), plain.schema, write_options=options)
            writer.write_table(plain)
    finally:
        if writer is not None:
            writer.close()


def _plain(table: pa.Table) -> pa.Table:
    """Return the columns as LOAD DATA reads them: UTC without offset, 0 and 1, marked texts."""
    arrays, names = [], []
    for column in table.schema:
        values = table.column(column.name)
        if pa.types.is_timestamp(column.type):
            values = values.cast(pa.timestamp("us"))
        elif pa.types.is_boolean(column.type):
            values = values.cast(pa.int8())
        elif _is_text(column.type) and column.nullable:
            values = pc.binary_join_element_wise(_PRESENT, values.cast(pa.string()), "")
        arrays.append(values)
        names.append(column.name)
    return pa.table(arrays, names=names)


def _is_text(data_type: pa.DataType) -> bool:
    return bool(pa.types.is_string(data_type) or pa.types.is_large_string(data_type))
