"""What was landed and refused: rows, newest events, newest loads. Cost follows new rows.

Raw tables only grow, so what was landed until yesterday is counted once and kept; a reading counts
the rows after that. A load becomes visible after a later one now and then, hence the day.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from flows.metrics.families import Readings
from flows.metrics.streams import STREAMS, Stream, expected, lasting, max_age, shown
from ingestion.config import Settings
from ingestion.destination import Warehouse
from ingestion.steps import tables_of

_OPEN = timedelta(days=1)
_START = datetime(1970, 1, 1, tzinfo=UTC)
#: Reasons of refusals by class, so that their number stays bounded; the first that fits counts.
_REASONS = (
    ("contradiction", re.compile(r"contradicts")),
    ("missing", re.compile(r"is missing|is empty|\bno\b")),
    ("too_long", re.compile(r"longer|too long")),
    ("future", re.compile(r"future|ahead|not over|not closed")),
    ("time", re.compile(r"time|date|day\b")),
    ("malformed", re.compile(r"is not|malformed|finite|string")),
    ("range", re.compile(r"below|above|negative|outside|between|less|greater|unknown")),
)
CLASSES = (*(name for name, _ in _REASONS), "other")

Key = tuple[str, ...]


def reason_class(reason: str) -> str:
    """Return the class of a refusal's reason."""
    return next((name for name, pattern in _REASONS if pattern.search(reason)), "other")


@dataclass
class Total:
    """Rows of a key; newest event and newest load in unix seconds."""

    rows: int = 0
    event: float = float("-inf")
    load: float = float("-inf")

    def add(self, other: Total) -> None:
        """Take in further rows."""
        self.rows += other.rows
        self.event, self.load = max(self.event, other.event), max(self.load, other.load)


class Counted:
    """Totals of one table, the settled part kept between readings."""

    def __init__(self, table: str, keys: Key, event: str = "loaded_at") -> None:
        """Name the table, the SQL of its keys and of its event's time."""
        self._table = table
        self._keys = keys
        self._event = event
        self._settled: dict[Key, Total] = {}
        self._until = _START

    def read(self, warehouse: Warehouse) -> dict[Key, Total]:
        """Return the totals by key; empty where there is no table."""
        if not warehouse.has_table(self._table):
            return {}
        sql = f"select max(loaded_at) as newest from {warehouse.table(self._table)}"  # noqa: S608
        newest = warehouse.query(sql)[0]["newest"]
        if newest is None or newest < self._until:  # another warehouse lies there now
            self._settled, self._until = {}, _START
        if newest is None:
            return {}
        if newest - self._until > 2 * _OPEN:
            settled = newest - _OPEN
            for key, total in self._between(warehouse, self._until, settled):
                self._settled.setdefault(key, Total()).add(total)
            self._until = settled
        result = {key: Total(t.rows, t.event, t.load) for key, t in self._settled.items()}
        for key, total in self._between(warehouse, self._until, newest):
            result.setdefault(key, Total()).add(total)
        return result

    def _between(
        self, warehouse: Warehouse, after: datetime, until: datetime
    ) -> Iterator[tuple[Key, Total]]:
        names = [f"key_{number}" for number in range(len(self._keys))]
        listed = ", ".join(f"{sql} as {name}" for sql, name in zip(self._keys, names, strict=True))
        rows = warehouse.query(
            f"select {listed}, count(*) as n, max({self._event}) as event, "  # noqa: S608
            f"max(loaded_at) as loaded from {warehouse.table(self._table)} "
            f"where loaded_at > %s and loaded_at <= %s group by {', '.join(names)}",
            (after, until),
        )
        for row in rows:
            total = Total(int(row["n"]), _seconds(row["event"]), _seconds(row["loaded"]))
            yield tuple(str(row[name]) for name in names), total


class Landed:
    """Reads the raw tables; keeps what it has counted."""

    def __init__(self, settings: Settings) -> None:
        """Nothing is read yet."""
        self._settings = settings
        self._expected = expected(settings)
        self._streams = [
            (stream, Counted(stream.table, (stream.source, stream.stream or "''"), stream.event))
            for stream in STREAMS
        ]
        self._rejected = Counted("rejected_rows", ("source", "table_name", "reason"))

    def read(self, warehouse: Warehouse, out: Readings) -> None:
        """Add rows, events and loads by stream, and the refusals."""
        for stream, counted in self._streams:
            self._show(stream, counted.read(warehouse), out)
        self._refusals(warehouse, out)
        _feeds(warehouse, out)

    def _show(self, stream: Stream, totals: dict[Key, Total], out: Readings) -> None:
        merged: dict[tuple[str, str], Total] = {}
        for (source, name), total in totals.items():
            total.event += lasting(stream, name)
            merged.setdefault(shown(stream, source, name), Total()).add(total)
        for (source, name), total in merged.items():
            labels = (stream.table, source, name)
            out.set("cfw_rows_in_total", total.rows, *labels)
            out.set("cfw_source_newest_event_timestamp_seconds", total.event, *labels)
            out.set("cfw_source_newest_load_timestamp_seconds", total.load, *labels)
            age = max_age(stream, source, name)
            if age is not None:
                out.set("cfw_source_max_age_seconds", age, *labels)
        came = {source for source, _ in merged}
        for table, source in self._expected:
            if table == stream.table:
                out.set("cfw_source_never_delivered", source not in came, table, source)

    def _refusals(self, warehouse: Warehouse, out: Readings) -> None:
        if not warehouse.has_table("rejected_rows"):
            return
        counts = {
            (step, table, name): 0
            for step, tables in tables_of(self._settings).items()
            for table in tables
            for name in CLASSES
        }
        for (source, table, reason), total in self._rejected.read(warehouse).items():
            key = (source, table, reason_class(reason))
            counts[key] = counts.get(key, 0) + total.rows
        for key, count in counts.items():
            out.set("cfw_rejected_rows_total", count, *key)


def _feeds(warehouse: Warehouse, out: Readings) -> None:
    if not warehouse.has_table("feed_checks"):
        return
    table = warehouse.table("feed_checks")
    rows = warehouse.query(
        "select c.feed, c.consecutive_failures as failures from "  # noqa: S608
        f"(select feed, max(loaded_at) as newest from {table} group by feed) n "
        f"join {table} c on c.feed = n.feed and c.loaded_at = n.newest"
    )
    for row in rows:
        out.set("cfw_feed_failures_in_row", int(row["failures"]), row["feed"])


def _seconds(value: Any) -> float:
    if isinstance(value, datetime):
        return value.timestamp()
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC).timestamp()
    return float("-inf")
