"""What a raw table is: columns and types, keys, and how its history grows."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import pyarrow as pa

Row = dict[str, Any]
DataType = Literal["text", "double", "bigint", "bool", "timestamp", "date", "json"]
#: Which stored row a candidate is compared with. ``newest``: the last loaded one of its identity.
#: ``first``: any, the first one stays. ``vintage``: the one in force on the candidate's vintage.
Keep = Literal["newest", "first", "vintage"]

_ARROW: dict[str, pa.DataType] = {
    "text": pa.string(),
    "double": pa.float64(),
    "bigint": pa.int64(),
    "bool": pa.bool_(),
    "timestamp": pa.timestamp("us", "UTC"),
    "date": pa.date32(),
}
FROZEN = {"tables": "evolve", "columns": "freeze", "data_type": "freeze"}


@dataclass(frozen=True)
class Column:
    """A column: its type, the length of a short text, and whether it may be NULL."""

    name: str
    data_type: DataType
    length: int | None = None
    nullable: bool = False


@dataclass(frozen=True)
class Table:
    """A raw table.

    Attributes:
        identity: the columns whose newest stored row decides whether a candidate is unchanged.
        compared: the value columns of that decision.
        within: identity columns that are read by equality or from a list when the stored rows
            of a batch are looked up; one more, ``between``, is read as a range.
        latest: reads only the newest capture by this column, where captures go on for ever.
        restated: what a changed row of a stored identity takes: the clock as ``available_at``.
        may_repeat: one extraction can meet the same identity on two pages.
        indexes: column lists that models look rows up by, where the engine has indexes; every
            table has one on ``loaded_at`` besides.
    """

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    identity: tuple[str, ...]
    compared: tuple[str, ...]
    within: tuple[str, ...]
    between: str | None = None
    latest: str | None = None
    keep: Keep = "newest"
    restated: bool = True
    may_repeat: bool = True
    indexes: tuple[tuple[str, ...], ...] = ()

    @cached_property
    def by_name(self) -> dict[str, Column]:
        """Columns by name."""
        return {column.name: column for column in self.columns}

    @cached_property
    def arrow_schema(self) -> pa.Schema | None:
        """Arrow schema; None for a table with JSON, whose rows go to dlt as dictionaries."""
        if any(column.data_type == "json" for column in self.columns):
            return None
        return pa.schema(
            [pa.field(c.name, _ARROW[c.data_type], nullable=c.nullable) for c in self.columns]
        )

    def dlt_columns(self) -> dict[str, Any]:
        """Return dlt's column hints."""
        hints: dict[str, Any] = {}
        for column in self.columns:
            hint: dict[str, Any] = {
                "name": column.name,
                "data_type": column.data_type,
                "nullable": column.nullable,
            }
            if column.length is not None:
                hint["precision"] = column.length
            hints[column.name] = hint
        return hints
