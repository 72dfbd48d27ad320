"""What a backfill has to do: the wanted stretch less what the ledger holds, and what it costs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from ingestion.backfill.intervals import Interval, subtract
from ingestion.backfill.ledger import Entry, entries_of
from ingestion.backfill.sources import BackfillSource, minutes_of
from ingestion.config import Settings


@dataclass(frozen=True)
class Wanted:
    """What a user asks for.

    Attributes:
        window: from and to, half open.
        minutes: only items of this bar length; None takes all.
        recheck: ask whether the files of what is done were replaced.
    """

    window: Interval
    minutes: int | None = None
    recheck: bool = False


@dataclass(frozen=True)
class ItemPlan:
    """What is to be done for one item.

    Attributes:
        wanted: the part of the window that can be asked for; None if there is none yet.
        final: facts before it come no more; later ones are read each time, and not called done.
        known: everything that the ledger holds of the item.
        chunks: the missing intervals, in the pieces in which they are read.
        missing: the same in as few intervals as possible.
        rechecks: entries whose file is compared with the provider's.
        requests: what the contract needs for all that.
        seconds: how long the requests take at the provider's rate.
    """

    source: BackfillSource
    item: str
    wanted: Interval | None
    final: datetime
    known: Sequence[Entry] = ()
    chunks: Sequence[Interval] = ()
    missing: Sequence[Interval] = ()
    rechecks: Sequence[Entry] = ()
    requests: int = 0
    seconds: float = 0.0

    @property
    def missing_time(self) -> timedelta:
        """How much of the item is missing."""
        return sum((interval.length for interval in self.missing), timedelta())


@dataclass(frozen=True)
class Plan:
    """The work of one command."""

    wanted: Wanted
    items: Sequence[ItemPlan] = ()
    #: Provider -> why it cannot be read with these settings.
    skipped: dict[str, str] = field(default_factory=dict)

    @property
    def chunks(self) -> int:
        """Pieces to read."""
        return sum(len(item.chunks) for item in self.items)

    @property
    def pieces(self) -> int:
        """Pieces to read and files to compare."""
        return self.chunks + sum(len(item.rechecks) for item in self.items)

    @property
    def requests(self) -> int:
        """Requests that the contracts need."""
        return sum(item.requests for item in self.items)

    @property
    def seconds(self) -> float:
        """Time for the requests at the providers' rates, one provider after the other."""
        return sum(item.seconds for item in self.items)


def make_plan(settings: Settings, sources: Iterable[BackfillSource], wanted: Wanted) -> Plan:
    """Return what is missing and what it costs; reads the ledger, sends no request."""
    items: list[ItemPlan] = []
    skipped = {}
    for source in sources:
        if reason := source.skip_reason(settings):
            skipped[source.name] = reason
            continue
        run = source.open(settings)
        try:
            names = source.module.backfill_items(run)
            known = entries_of(run.reader, source.name)
        finally:
            run.client.close()
        per_second = settings.requests_per_second or run.client.provider.per_second
        for name in names:
            if wanted.minutes in (None, minutes_of(name)):
                entries = known.get(name, [])
                items.append(_plan_item(settings, source, name, wanted, entries, per_second))
    return Plan(wanted, items, skipped)


def _plan_item(
    settings: Settings,
    source: BackfillSource,
    item: str,
    wanted: Wanted,
    known: Sequence[Entry],
    per_second: float,
) -> ItemPlan:
    clock = settings.clock()
    final = source.final(item, clock)
    window = wanted.window.clip(Interval(wanted.window.first, source.until(item, clock)))
    if window is None:
        return ItemPlan(source, item, None, final, known)
    missing = subtract(window, (entry.interval for entry in known))
    chunks = [chunk for interval in missing for chunk in source.split(settings, item, interval)]
    rechecks = _rechecks(source, settings, wanted, window, known)
    requests = sum(source.requests(settings, item, chunk) for chunk in chunks)
    # A comparison asks for the checksum alone.
    requests += len(rechecks) if settings.binance_archive_dir is None else 0
    return ItemPlan(
        source=source,
        item=item,
        wanted=window,
        final=final,
        known=known,
        chunks=chunks,
        missing=missing,
        rechecks=rechecks,
        requests=requests,
        seconds=requests / per_second,
    )


def _rechecks(
    source: BackfillSource,
    settings: Settings,
    wanted: Wanted,
    window: Interval,
    known: Sequence[Entry],
) -> list[Entry]:
    """Return the entries to compare; local files are compared always, it costs no request."""
    is_free = settings.binance_archive_dir is not None
    if source.changed is None or not (wanted.recheck or is_free):
        return []
    return [entry for entry in known if entry.source_file and entry.interval.clip(window)]
