"""Reads the chunks of a plan, one provider after the other, and stores them in batches."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from itertools import groupby

from ingestion.backfill.absences import sort_absences
from ingestion.backfill.interruption import Interruption
from ingestion.backfill.intervals import Interval
from ingestion.backfill.landing import Gathered, land
from ingestion.backfill.ledger import Entry
from ingestion.backfill.outcome import NotThereError, SourceFile
from ingestion.backfill.planning import ItemPlan, Plan
from ingestion.backfill.report import Progress, SourceReport
from ingestion.backfill.sources import BackfillSource
from ingestion.config import Settings
from ingestion.errors import SourceError, join_errors
from ingestion.extraction import GIVE_UP_AFTER
from ingestion.tables import REJECTED_ROWS

logger = logging.getLogger(__name__)

#: A batch is stored when it holds as many rows as fit easily in memory ...
ARROW_ROWS = 400_000
PLAIN_ROWS = 50_000
#: ... or when reading it took this long: what a kill can cost at a slow provider.
BATCH_SECONDS = 30.0

Hold = Callable[[], AbstractContextManager[None]]


def run_plan(
    plan: Plan,
    settings: Settings,
    *,
    hold: Hold = nullcontext,
    on_progress: Callable[[Progress], None] = lambda _: None,
    interruption: Interruption | None = None,
    reports: list[SourceReport] | None = None,
) -> list[SourceReport]:
    """Do what a plan says; a part that fails does not stop the others.

    Args:
        plan: from ``make_plan``, with the same settings.
        settings: where from and where to.
        hold: takes the warehouse while a batch is stored, and lets go of it in between, so that
            the runs of a schedule get their turn.
        on_progress: hears of every chunk.
        interruption: decides when a signal ends the work.
        reports: takes the reports as they come about, for a caller that may be interrupted.

    Raises:
        WarehouseError: a batch could not be stored.
        InterruptedBackfill: a signal came.
    """
    found = [] if reports is None else reports
    read = rows = 0

    def heard(label: str, chunks: int, more: int) -> None:
        nonlocal read, rows
        read, rows = read + chunks, rows + more
        on_progress(Progress(label, read, plan.pieces, rows))

    for _, items in groupby(plan.items, key=lambda item: item.source.name):
        mine = list(items)
        report = SourceReport(
            provider=mine[0].source.name,
            chunks=sum(len(item.chunks) for item in mine),
            planned_requests=sum(item.requests for item in mine),
        )
        found.append(report)
        _SourceRun(mine, settings, report, hold, heard, interruption or Interruption()).run()
    return found


class _SourceRun:
    """The work at one provider."""

    def __init__(
        self,
        items: list[ItemPlan],
        settings: Settings,
        report: SourceReport,
        hold: Hold,
        heard: Callable[[str, int, int], None],
        interruption: Interruption,
    ) -> None:
        self.items = items
        self.settings = settings
        self.report = report
        self.hold = hold
        self.heard = heard
        self.interruption = interruption
        self.source: BackfillSource = items[0].source
        self.tools = self.source.open(settings)
        self.batch = Gathered()
        self.batch_started = time.monotonic()
        self.in_a_row = 0

    def run(self) -> None:
        """Read and store everything."""
        started = time.monotonic()
        try:
            for position, plan in enumerate(self.items):
                self._item(plan)
                left = len(self.items) - position - 1
                if self.in_a_row >= GIVE_UP_AFTER and left:
                    note = f"{left} more items not asked: the provider fails as a whole"
                    self.report.notes.append(note)
                    break
            self._flush()
        finally:
            self.tools.client.close()
            self.report.requests = self.tools.client.requests
            self.report.seconds = time.monotonic() - started
            self.report.notes += dict.fromkeys(self.tools.notes)

    def _item(self, plan: ItemPlan) -> None:
        absent: dict[Interval, NotThereError] = {}
        present = [entry.interval for entry in plan.known if entry.rows_read]
        failed = 0
        for chunk in self._chunks(plan):
            rows = 0
            try:
                rows = self._read(plan, chunk)
            except NotThereError as error:
                absent[chunk] = error
            except SourceError as error:
                self._failed(error)
                failed += 1
            else:
                failed = self.in_a_row = 0
                if rows:
                    present.append(chunk)
            self.heard(self._label(plan), 1, rows)
            self._flush_if_due()
            if max(failed, self.in_a_row) >= GIVE_UP_AFTER:
                self.report.notes.append(f"{plan.item}: the rest is not asked after its failures")
                break
        self._tell_absences(plan.item, absent, present)

    def _chunks(self, plan: ItemPlan) -> Iterator[Interval]:
        """Yield what is missing, then what was replaced since it was read."""
        yield from plan.chunks
        for entry in plan.rechecks:
            try:
                is_changed = self.source.changed and self.source.changed(self.tools, entry)
            except SourceError as error:
                self._failed(error)
                is_changed = False
            if is_changed:
                self.report.notes.append(f"{entry.source_file} was replaced and is read again")
                self.report.chunks += 1
                yield entry.interval
            else:
                self.heard(self._label(plan), 1, 0)

    def _label(self, plan: ItemPlan) -> str:
        return f"{self.source.name} {plan.item}"

    def _read(self, plan: ItemPlan, chunk: Interval) -> int:
        """Read a chunk into the batch and return its rows; an entry only if it was read whole.

        Raises:
            SourceError: the chunk could not be read to its end; what came is kept.
        """
        requests, failures = self.tools.client.requests, len(self.tools.failures)
        left_out = len(self.tools.left_out)
        found = Gathered(chunks=1)
        files = []
        try:
            for piece in self.source.read(self.tools, plan.item, chunk):
                if isinstance(piece, SourceFile):
                    files.append(piece)
                else:
                    found.add(piece)
            if len(self.tools.failures) > failures:
                raise join_errors(self.source.name, self.tools.failures[failures:])
        except SourceError:
            found.chunks = 0
            self.batch.merge(found)
            raise
        file = files[0] if len(files) == 1 else None
        # Of the newest days more may come, and so may what was refused: read, but not called done.
        final = chunk.clip(Interval(chunk.first, plan.final))
        if final and len(self.tools.left_out) == left_out:
            entry = Entry(
                item=plan.item,
                interval=final,
                rows_read=found.facts,
                requests_used=self.tools.client.requests - requests,
                source_file=file.name if file else None,
                checksum=file.checksum if file else None,
                is_sample=found.is_sample,
            )
            found.entries.append(entry)
        self.batch.merge(found)
        return found.facts

    def _failed(self, error: SourceError) -> None:
        logger.info("%s", error)
        self.report.failures.append(str(error))
        self.in_a_row = self.in_a_row + 1 if error.provider_wide else 0
        if error.provider_wide and error.status is None:
            # No answer at all, after every retry: the next chunk would wait as long.
            self.in_a_row = GIVE_UP_AFTER

    def _tell_absences(
        self, item: str, absent: dict[Interval, NotThereError], present: list[Interval]
    ) -> None:
        found = sort_absences(absent, present)
        for chunk in found.holes:
            error = absent[chunk]
            line = f"{error.provider}: {error.what}, though files before and after it are there"
            self.report.failures.append(f"{line}; {error.remedy}")
        for chunks, why in ((found.before, "nothing before"), (found.after, "nothing yet from")):
            if chunks and present:
                moment = chunks[-1].last if chunks is found.before else chunks[0].first
                self.report.notes.append(f"{item}: {why} {moment:%Y-%m-%d}")
        if absent and not present:
            self.report.notes.append(f"{item}: no file in this time")

    def _flush_if_due(self) -> None:
        is_late = time.monotonic() - self.batch_started > BATCH_SECONDS
        batch = self.batch
        if is_late or batch.arrow_rows >= ARROW_ROWS or batch.plain_rows >= PLAIN_ROWS:
            self._flush()

    def _flush(self) -> None:
        """Store the batch: the warehouse is held only for that."""
        batch, self.batch = self.batch, Gathered()
        if batch.chunks or batch.facts or batch.refused:
            with self.hold():
                self.interruption.shielded(lambda: self._store(batch))
        self.batch_started = time.monotonic()

    def _store(self, batch: Gathered) -> None:
        """Store a batch and count it; the counts are true even if a signal ends it all then."""
        counts = land(self.settings, self.source, batch)
        self.report.done += batch.chunks
        self.report.rows_read += batch.facts
        self.report.new_rows += sum(
            count for name, count in counts.items() if name != REJECTED_ROWS.name
        )
        self.report.rejected += batch.refused
