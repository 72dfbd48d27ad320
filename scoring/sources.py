"""Where a model's texts lie, and up to which moment all of them are dealt with.

Raw rows are never changed and `loaded_at` grows, so whoever has once seen that every text loaded
before a moment has a score or a recorded failure need not read those rows again. Rows that arrive
late, with an older `loaded_at` (a load that a crash interrupted), show in the number of rows.
"""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

from scoring.registry import ModelSpec


class Readable(Protocol):
    """The part of a warehouse that is needed here."""

    def query(self, sql: str, params: Sequence[object] = ()) -> list[dict[str, Any]]:
        """Run a select with `%s` placeholders and return its rows by column name."""

    def table(self, name: str) -> str:
        """Return the fully qualified name of a raw table."""


@dataclass(frozen=True, slots=True)
class Source:
    """A table with texts; `column` holds their ids, no categories means all rows."""

    table: str
    column: str
    categories: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Mark:
    """Every text of the rows loaded before a moment is dealt with; `rows` is their number."""

    before: datetime
    rows: int


@dataclass(slots=True)
class Marks:
    """What a worker keeps from pass to pass: the marks by model revision, share and table."""

    _marks: dict[Hashable, Mark] = field(default_factory=dict)

    def look(
        self, warehouse: Readable, source: Source, key: Hashable
    ) -> tuple[Mark | None, Mark | None]:
        """Return the mark up to which nothing need be read, and the one that holds for it all.

        The second is to be set when everything before it is found to be dealt with. It counts the
        rows before they are read, so that what arrives in between is noticed by the next look.
        None where there is no mark, or where rows have arrived late; None twice for no rows.
        """
        table = warehouse.table(source.table)
        sql = f"select max(loaded_at) as newest from {table}"  # noqa: S608  # our own name
        newest = warehouse.query(sql)[0]["newest"]
        if newest is None:
            return None, None
        known, end = self._marks.get((key, source.table)), newest + timedelta(microseconds=1)
        if known is not None and _rows_before(warehouse, table, known.before) != known.rows:
            known = None
        if known is not None and known.before == end:
            return known, known
        return known, Mark(end, _rows_before(warehouse, table, end))

    def set(self, source: Source, key: Hashable, mark: Mark) -> None:
        """Note that everything before the mark is dealt with."""
        self._marks[key, source.table] = mark


def _rows_before(warehouse: Readable, table: str, before: datetime) -> int:
    sql = f"select count(*) as n from {table} where loaded_at < %s"  # noqa: S608  # our own name
    return int(warehouse.query(sql, [before])[0]["n"])


def sources(spec: ModelSpec) -> list[Source]:
    """Return the tables that hold a model's texts."""
    categories = tuple(route for route in spec.routes if route != "posts")
    found = [Source("articles", "text_version", categories)] if categories else []
    if "posts" in spec.routes:
        found.append(Source("social_posts", "text_id"))
    return found
