"""The two-time history: what is unchanged since the newest stored row is not landed again.

``unseen`` decides, without I/O. ``History`` reads the stored rows that a batch can meet (bounded
by its keys and range, never the whole table) and stamps what is new.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from typing import Any, Protocol

from ingestion.tables import Row, Table

#: Values of one SQL list. Servers take thousands; a statement should stay readable in a log.
_LIST_SIZE = 500

Identity = tuple[Any, ...]


class Reader(Protocol):
    """What the history needs of the warehouse."""

    def table(self, name: str) -> str:
        """Return the qualified name."""
        ...

    def has_table(self, name: str) -> bool:
        """Return whether it exists."""
        ...

    def query(self, sql: str, params: Sequence[Any] = ()) -> list[dict[str, Any]]:
        """Return the rows of a statement."""
        ...


def unseen(table: Table, rows: Iterable[Row], stored: Iterable[Row], clock: datetime) -> list[Row]:
    """Return the rows that say something new, given what is stored.

    Args:
        table: declares the identity and the values compared.
        rows: candidates in arrival order, without ``loaded_at``.
        stored: stored rows of their identities, in any order, with ``loaded_at``.
        clock: now; a changed row of a stored identity becomes available then.

    Returns:
        New rows in arrival order. Of two candidates with one key the first is taken.
    """
    if table.keep == "vintage":
        return _new_vintages(rows, stored, clock)
    newest = {_identity(table, row): row for row in sorted(stored, key=_loaded_at)}
    taken: set[Identity] = set()
    result = []
    for row in rows:
        identity = _identity(table, row)
        if identity in taken:
            continue
        old = newest.get(identity)
        if old is None:
            result.append(row)
        elif table.keep == "first" or all(old[name] == row[name] for name in table.compared):
            continue
        else:
            result.append(_restated(table, row, clock))
        taken.add(identity)
    return result


def _restated(table: Table, row: Row, clock: datetime) -> Row:
    """Return a changed row, known from now on; an archive's row is no archive any more."""
    if not table.restated:
        return row
    changed = {**row, "available_at": clock}
    if "is_backfilled" in changed:
        changed["is_backfilled"] = False
    return changed


def _new_vintages(rows: Iterable[Row], stored: Iterable[Row], clock: datetime) -> list[Row]:
    """Return the observations that differ from the value in force on their vintage date.

    ALFRED clamps the start of a value to the window that was asked for, so an equal value with a
    later vintage is no revision. Observations without vintages are compared with the newest
    stored value; a change becomes a vintage of today.
    """
    known: dict[Identity, list[Row]] = {}
    for row in sorted(stored, key=_loaded_at):
        known.setdefault(_observation(row), []).append(row)
    for versions in known.values():
        versions.sort(key=_vintage)
    result = []
    for row in rows:
        versions = known.setdefault(_observation(row), [])
        place = bisect_right(versions, row["vintage_date"], key=_vintage)
        if not row["is_vintage"]:
            place = len(versions)
        old = versions[place - 1] if place else None
        if old is not None and old["value"] == row["value"]:
            continue
        if old is not None and not row["is_vintage"]:
            row = {**row, "vintage_date": clock.date(), "available_at": clock}
        elif old is not None and old["vintage_date"] == row["vintage_date"]:
            if "loaded_at" not in old:
                continue  # the same vintage twice in one batch: the first is kept
            row = {**row, "available_at": clock}
        versions.insert(place, row)
        result.append(row)
    return result


def _identity(table: Table, row: Row) -> Identity:
    return tuple(row[name] for name in table.identity)


def _observation(row: Row) -> Identity:
    return (row["provider"], row["series_id"], row["observation_date"])


def _vintage(row: Row) -> date:
    vintage: date = row["vintage_date"]
    return vintage


def _loaded_at(row: Row) -> datetime:
    moment: datetime = row["loaded_at"]
    return moment


class History:
    """Filters the batches of one extraction and stamps them with its ``loaded_at``."""

    def __init__(self, reader: Reader, clock: datetime, loaded_at: datetime) -> None:
        """Start an extraction; the stored tables are looked up when first needed."""
        self.clock = clock
        self.loaded_at = loaded_at
        self._reader = reader
        self._exists: dict[str, bool] = {}
        self._taken: dict[str, set[Identity]] = {}

    def new_rows(self, table: Table, rows: Sequence[Row]) -> list[Row]:
        """Return the new ones of ``rows``, complete with ``loaded_at``."""
        if not rows:
            return []
        if table.may_repeat:
            taken = self._taken.setdefault(table.name, set())
            rows = [row for row in rows if _identity(table, row) not in taken]
        fresh = unseen(table, rows, self._stored(table, rows), self.clock)
        if table.may_repeat:
            taken.update(_identity(table, row) for row in fresh)
        return [{**row, "loaded_at": self.loaded_at} for row in fresh]

    def _stored(self, table: Table, rows: Sequence[Row]) -> Iterator[Row]:
        if not self._has(table.name):
            return
        name = self._reader.table(table.name)
        # Behind an alias, a column may be named as a word that an engine reserves (precision).
        columns = dict.fromkeys(
            f"t.{column}" for column in (*table.key, *table.identity, *table.compared)
        )
        for where, params in _scopes(table, rows):
            if table.latest:
                where, params = self._latest_scope(table, name, where, params)
            # Only declared names are pasted in; values are parameters.
            sql = f"SELECT {', '.join(columns)} FROM {name} t WHERE {where}"  # noqa: S608
            yield from self._reader.query(sql, params)

    def _latest_scope(
        self, table: Table, name: str, where: str, params: list[Any]
    ) -> tuple[str, list[Any]]:
        """Narrow a scope to the newest capture of each of its identities."""
        by = ", ".join(table.identity)
        sql = (
            f"SELECT max({table.latest}) AS newest FROM {name} "  # noqa: S608
            f"WHERE {where} GROUP BY {by}"
        )
        newest = [row["newest"] for row in self._reader.query(sql, params)]
        if not newest:
            return "1 = 0", []
        return f"{where} AND {table.latest} >= %s", [*params, min(newest)]

    def _has(self, name: str) -> bool:
        if name not in self._exists:
            self._exists[name] = self._reader.has_table(name)
        return self._exists[name]


def _scopes(table: Table, rows: Sequence[Row]) -> Iterator[tuple[str, list[Any]]]:
    """Yield the WHERE clauses, with parameters, that cover the identities of ``rows``.

    The columns of ``within`` but the last are fixed per clause, the last is a list, and
    ``between`` is a range.
    """
    *fixed, listed = table.within
    groups: dict[Identity, list[Row]] = {}
    for row in rows:
        groups.setdefault(tuple(row[name] for name in fixed), []).append(row)
    for values, members in groups.items():
        wanted = list(dict.fromkeys(row[listed] for row in members))
        for start in range(0, len(wanted), _LIST_SIZE):
            part = wanted[start : start + _LIST_SIZE]
            clauses = [f"{name} = %s" for name in fixed]
            clauses.append(f"{listed} IN ({', '.join(['%s'] * len(part))})")
            params: list[Any] = [*values, *part]
            if table.between:
                bounds = [row[table.between] for row in members]
                clauses.append(f"{table.between} BETWEEN %s AND %s")
                params += [min(bounds), max(bounds)]
            yield " AND ".join(clauses), params
