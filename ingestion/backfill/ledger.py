"""The ledger of intervals read: a raw table like the others. What is in it is not asked again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from ingestion.backfill.intervals import Interval
from ingestion.history import Reader
from ingestion.tables import BACKFILL_INTERVALS, Row


@dataclass(frozen=True)
class Entry:
    """An interval of one item that was read to its end."""

    item: str
    interval: Interval
    rows_read: int
    requests_used: int = 0
    source_file: str | None = None
    checksum: str | None = None
    is_sample: bool = False


def entries_of(reader: Reader, provider: str) -> dict[str, list[Entry]]:
    """Return the newest entry of every interval of a provider, by item, in order of time."""
    if not reader.has_table(BACKFILL_INTERVALS.name):
        return {}
    rows = reader.query(
        "SELECT item, interval_from, interval_to, rows_read, requests_used, "  # noqa: S608
        "source_file, checksum, is_sample, loaded_at "
        f"FROM {reader.table(BACKFILL_INTERVALS.name)} WHERE provider = %s "
        "ORDER BY item, interval_from, interval_to, loaded_at",
        [provider],
    )
    newest: dict[tuple[str, Interval], Entry] = {}
    for row in rows:
        interval = Interval(row["interval_from"], row["interval_to"])
        newest[row["item"], interval] = Entry(
            item=row["item"],
            interval=interval,
            rows_read=row["rows_read"],
            requests_used=row["requests_used"],
            source_file=row["source_file"],
            checksum=row["checksum"],
            is_sample=bool(row["is_sample"]),
        )
    found: dict[str, list[Entry]] = {}
    for entry in newest.values():
        found.setdefault(entry.item, []).append(entry)
    return found


def rows_of(
    entries: Iterable[Entry], provider: str, dataset: str, finished_at: datetime
) -> list[Row]:
    """Return entries as rows of the raw table, complete but for ``loaded_at``."""
    return [
        {
            "provider": provider,
            "dataset": dataset,
            "item": entry.item,
            "interval_from": entry.interval.first,
            "interval_to": entry.interval.last,
            "rows_read": entry.rows_read,
            "requests_used": entry.requests_used,
            "source_file": entry.source_file,
            "checksum": entry.checksum,
            "finished_at": finished_at,
            "is_sample": entry.is_sample,
        }
        for entry in entries
    ]
