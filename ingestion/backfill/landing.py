"""Stores what chunks gave: first the rows, then, in a load of its own, the ledger's entries."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field

import pyarrow as pa

from ingestion import arrow_history
from ingestion.backfill.ledger import Entry, rows_of
from ingestion.backfill.outcome import ArrowChunk
from ingestion.backfill.sources import BackfillSource
from ingestion.config import Settings
from ingestion.destination import Warehouse, target_for
from ingestion.extraction import Chunk
from ingestion.history import History
from ingestion.pipeline import Batch, State, run_pipeline
from ingestion.tables import BACKFILL_INTERVALS, REJECTED_ROWS, Row, Table


@dataclass
class Gathered:
    """Rows of chunks, and the entries of those that were read to their end."""

    plain: dict[Table, list[Row]] = field(default_factory=dict)
    arrow: dict[Table, list[pa.Table]] = field(default_factory=dict)
    entries: list[Entry] = field(default_factory=list)
    chunks: int = 0

    def add(self, piece: Chunk | ArrowChunk) -> None:
        """Take the rows of a piece."""
        if isinstance(piece, ArrowChunk):
            self.arrow.setdefault(piece.table, []).append(piece.rows)
        else:
            self.plain.setdefault(piece.table, []).extend(piece.rows)

    def merge(self, other: Gathered) -> None:
        """Take everything of another one."""
        for table, rows in other.plain.items():
            self.plain.setdefault(table, []).extend(rows)
        for table, parts in other.arrow.items():
            self.arrow.setdefault(table, []).extend(parts)
        self.entries += other.entries
        self.chunks += other.chunks

    @property
    def plain_rows(self) -> int:
        """Rows held as dictionaries."""
        return sum(map(len, self.plain.values()))

    @property
    def arrow_rows(self) -> int:
        """Rows held as Arrow."""
        return sum(table.num_rows for tables in self.arrow.values() for table in tables)

    @property
    def facts(self) -> int:
        """All rows but the refused ones."""
        return self.plain_rows + self.arrow_rows - self.refused

    @property
    def refused(self) -> int:
        """Rows of ``rejected_rows``."""
        return len(self.plain.get(REJECTED_ROWS, ()))

    @property
    def is_sample(self) -> bool:
        """Whether the sandbox made them up; False of nothing."""
        for rows in self.plain.values():
            if rows:
                return bool(rows[0]["is_sample"])
        tables = [table for found in self.arrow.values() for table in found if table.num_rows]
        return bool(tables and tables[0]["is_sample"][0].as_py())


def land(settings: Settings, source: BackfillSource, gathered: Gathered) -> dict[str, int]:
    """Store the rows that are new, then the entries; return the new rows by table.

    The caller holds the warehouse. A kill after the rows repeats their chunks, which lands
    nothing twice; an entry is never stored before its rows are.

    Raises:
        WarehouseError: nothing, or the rows without their entries, was stored.
    """
    _drop_interrupted(settings, source.pipeline_name)
    counts = _land_rows(settings, source.pipeline_name, gathered)
    if gathered.entries:
        ledger = rows_of(gathered.entries, source.name, source.group, settings.clock())
        Warehouse(settings).load(source.pipeline_name, {BACKFILL_INTERVALS.name: ledger})
    return counts


def _drop_interrupted(settings: Settings, pipeline_name: str) -> None:
    """Drop what a killed backfill left behind instead of finishing it, as a forward step would.

    Its rows bear the time of that load, and a transform may have come since: it would never look
    at them. The ledger does not know their chunks, so they are read and stored anew.
    """
    folder = target_for(settings, pipeline_name).pipelines_dir / pipeline_name
    if folder.exists():
        shutil.rmtree(folder)


def _land_rows(settings: Settings, pipeline_name: str, gathered: Gathered) -> dict[str, int]:
    warehouse = Warehouse(settings)
    if not gathered.plain_rows + gathered.arrow_rows:
        return {}
    names = list(dict.fromkeys(table.name for table in (*gathered.plain, *gathered.arrow)))
    history = History(warehouse, settings.clock(), warehouse.next_loaded_at(names))

    def batches(_: State) -> Iterator[Batch]:
        for table, rows in gathered.plain.items():
            yield table.name, history.new_rows(table, rows)
        for table, parts in gathered.arrow.items():
            data = arrow_history.conformed(table, pa.concat_tables(parts))
            yield table.name, arrow_history.new_rows(table, data, history, warehouse)

    missing = warehouse.missing(names)
    counts = run_pipeline(target_for(settings, pipeline_name), batches, missing)
    warehouse.index(missing)
    return counts
