"""The rules of history for whole Arrow tables: a new range is taken as it is, the rest by row.

Most of a backfill lies where nothing is stored yet. One look per group (provider, symbol, ...)
and range tells; such rows stay Arrow from the caller to the server. A group that meets stored
rows goes through ``History`` like any other batch.
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ingestion.errors import WarehouseError
from ingestion.history import History, Reader
from ingestion.schema import Table


def conformed(table: Table, data: pa.Table) -> pa.Table:
    """Return the data with the declared columns and types, but for ``loaded_at``.

    Raises:
        WarehouseError: a column is missing, unknown or of another type, or a value does not fit.
    """
    if table.arrow_schema is None:
        msg = f"{table.name} holds JSON; load it by row"
        raise WarehouseError(msg)
    wanted = [column for column in table.columns if column.name != "loaded_at"]
    names = {column.name for column in wanted}
    if odd := sorted(names.symmetric_difference(data.column_names)):
        msg = f"{table.name}: column {odd[0]} is missing or not declared; nothing was loaded"
        raise WarehouseError(msg)
    arrays = []
    for column in wanted:
        values = data.column(column.name)
        target = table.arrow_schema.field(column.name).type
        reason = _misfit(values, target, column.length, column.nullable)
        if reason:
            msg = f"{table.name}: {column.name} {reason}; nothing was loaded"
            raise WarehouseError(msg)
        arrays.append(values.cast(target))
    fields = [table.arrow_schema.field(column.name) for column in wanted]
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields))


def _misfit(values: Any, target: pa.DataType, length: int | None, nullable: bool) -> str | None:
    if values.null_count and not nullable:
        return "is missing"
    if pa.types.is_timestamp(target):
        has_zone = pa.types.is_timestamp(values.type) and values.type.tz is not None
        return None if has_zone else "has no time zone"
    same_kind = values.type == target or pa.types.is_null(values.type)
    same_kind = same_kind or (pa.types.is_integer(target) and pa.types.is_integer(values.type))
    same_kind = same_kind or (pa.types.is_string(target) and _is_text(values.type))
    if not same_kind:
        return f"is of type {values.type}, not {target}"
    if pa.types.is_floating(target) and pc.all(pc.is_finite(values)).as_py() is False:
        return "is not finite"
    if (
        length is not None
        and (pc.max(pc.utf8_length(values.cast(pa.string()))).as_py() or 0) > length
    ):
        return "is too long"
    return None


def _is_text(data_type: pa.DataType) -> bool:
    return bool(
        pa.types.is_string(data_type)
        or pa.types.is_large_string(data_type)
        or pa.types.is_dictionary(data_type)
    )


def new_rows(table: Table, data: pa.Table, history: History, reader: Reader) -> pa.Table:
    """Return the rows of a conformed table that say something new, with ``loaded_at``."""
    schema: pa.Schema = table.arrow_schema
    parts = []
    for group in _groups(table, data):
        if _is_new(table, group, reader):
            stamp = pa.scalar(history.loaded_at, pa.timestamp("us", "UTC"))
            part = group.append_column("loaded_at", pa.repeat(stamp, group.num_rows))
        else:
            rows = history.new_rows(table, group.to_pylist())
            part = pa.Table.from_pylist(rows, schema=schema)
        parts.append(part.select(schema.names).cast(schema))
    return pa.concat_tables(parts) if parts else schema.empty_table()


def _groups(table: Table, data: pa.Table) -> list[pa.Table]:
    """Return the data by the columns that the table is looked up by, in key order."""
    if not data.num_rows:
        return []
    if table.between is None:
        return [data]
    ordered = data.sort_by([(name, "ascending") for name in table.identity])
    found = ordered.group_by(list(table.within), use_threads=False).aggregate([([], "count_all")])
    groups, start = [], 0
    for size in found.column("count_all").to_pylist():
        groups.append(ordered.slice(start, size))
        start += size
    return groups


def _is_new(table: Table, group: pa.Table, reader: Reader) -> bool:
    """Return whether nothing is stored where the group lies, and no identity comes twice."""
    if table.between is None or table.keep != "newest" or table.may_repeat:
        return False
    distinct = group.group_by(list(table.identity)).aggregate([]).num_rows
    if distinct != group.num_rows:
        return False
    if not reader.has_table(table.name):
        return True
    bounds = pc.min_max(group.column(table.between)).as_py()
    clauses = [*(f"{name} = %s" for name in table.within), f"{table.between} BETWEEN %s AND %s"]
    params = [group.column(name)[0].as_py() for name in table.within]
    # Only declared names are pasted in; values are parameters.
    sql = (
        f"SELECT 1 AS found FROM {reader.table(table.name)} "  # noqa: S608
        f"WHERE {' AND '.join(clauses)} LIMIT 1"
    )
    return not reader.query(sql, [*params, bounds["min"], bounds["max"]])
