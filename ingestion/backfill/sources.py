"""The providers whose history can be read on request: a line each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, Protocol

from ingestion.assets import selected_assets
from ingestion.backfill.intervals import DAY, Interval, midnight, split
from ingestion.backfill.ledger import Entry
from ingestion.backfill.outcome import Piece
from ingestion.config import Settings
from ingestion.destination import Warehouse
from ingestion.errors import SettingsError
from ingestion.extraction import Extraction
from ingestion.http import HttpClient, Provider
from ingestion.macro import fred, fredgraph, worldbank
from ingestion.news import gdelt
from ingestion.onchain import blockchain_com, coinmetrics, glassnode
from ingestion.prices import binance, binance_archive, coinbase, coingecko

Split = Callable[[Settings, str, Interval], Iterable[Interval]]
Changed = Callable[[Extraction, Entry], bool]
#: Of an item at the clock's time.
Moment = Callable[[str, datetime], datetime]


class BackfillModule(Protocol):
    """What a provider's module offers to be backfilled."""

    #: What one chunk covers for one item.
    BACKFILL_SPAN: timedelta

    def provider(self, settings: Settings) -> Provider:
        """Return how it is asked."""
        ...

    def backfill_items(self, run: Extraction) -> list[str]:
        """Return what can be read with these settings; sends no request."""
        ...

    def backfill_requests(
        self, item: str, first: datetime, last: datetime, settings: Settings
    ) -> int:
        """Return how many requests the interval takes."""
        ...

    def backfill(
        self, run: Extraction, item: str, first: datetime, last: datetime
    ) -> Iterator[Any]:
        """Yield the ``Piece``s of [first, last) and nothing else; ``run.state`` is left alone."""
        ...


@dataclass(frozen=True)
class BackfillSource:
    """How one provider's history is read.

    Attributes:
        group: the name under which a user asks for it; also the ledger's ``dataset``.
        until: up to when an item can be asked for at a moment.
        final: up to when no more facts of it will come, so that the ledger may say "done".
        split: cuts a missing interval into chunks.
        changed: whether the file of a ledger entry was replaced; None where there are no files.
        is_default: read when no provider is named.
        skip_reason: why it cannot be read with these settings, or None.
    """

    name: str
    group: str
    module: BackfillModule
    until: Moment
    final: Moment
    split: Split
    changed: Changed | None = None
    is_default: bool = True
    skip_reason: Callable[[Settings], str | None] = lambda _: None

    @property
    def pipeline_name(self) -> str:
        """A dlt pipeline of its own, so that no forward state is ever touched."""
        return f"backfill_{self.name.replace('-', '_')}"

    def read(self, run: Extraction, item: str, chunk: Interval) -> Iterator[Piece]:
        """Yield what a chunk holds."""
        return self.module.backfill(run, item, chunk.first, chunk.last)

    def requests(self, settings: Settings, item: str, chunk: Interval) -> int:
        """Return how many requests a chunk takes."""
        return self.module.backfill_requests(item, chunk.first, chunk.last, settings)

    def open(self, settings: Settings) -> Extraction:
        """Return the tools of one backfill; the caller closes its client."""
        return Extraction(
            source=self.name,
            settings=settings,
            client=HttpClient(settings, self.module.provider(settings)),
            reader=Warehouse(settings),
            assets=selected_assets(settings),
            clock=settings.clock(),
        )


def minutes_of(item: str) -> int | None:
    """Return the bar length that a price item names, ``BTC@60``, or None."""
    _, at, minutes = item.rpartition("@")
    return int(minutes) if at and minutes.isdecimal() else None


def _closed_bars(item: str, clock: datetime) -> datetime:
    span = timedelta(minutes=minutes_of(item) or 60)
    return clock - (clock - midnight(clock)) % span


def _whole_days(_item: str, clock: datetime) -> datetime:
    return midnight(clock)


def _now(_item: str, clock: datetime) -> datetime:
    return clock


def _days_ago(days: int) -> Moment:
    return lambda _item, clock: midnight(clock - days * DAY)


#: Group -> up to when it is asked for, and up to when it is final. On-chain days count as known, by
#: the declared lag, a day after they end; a quarter's figures are out within four months of its
#: start, by which they are dated.
_MOMENTS: dict[str, tuple[Moment, Moment]] = {
    "prices": (_closed_bars, _closed_bars),
    "onchain": (_now, _days_ago(1)),
    "macro": (_now, _days_ago(130)),
    "news": (_whole_days, _whole_days),
}
GROUPS = tuple(_MOMENTS)


def _by_span(module: BackfillModule) -> Split:
    return lambda _settings, _item, interval: split(interval, module.BACKFILL_SPAN)


def _source(name: str, group: str, module: BackfillModule, **options: Any) -> BackfillSource:
    until, final = _MOMENTS[group]
    defaults: dict[str, Any] = {"until": until, "final": final, "split": _by_span(module)}
    if hasattr(module, "skip_reason"):
        defaults["skip_reason"] = module.skip_reason
    return BackfillSource(name=name, group=group, module=module, **{**defaults, **options})


_ALL = (
    _source("coinbase", "prices", coinbase),
    _source("binance", "prices", binance, is_default=False),
    _source("coingecko", "prices", coingecko, is_default=False),
    _source(
        "binance-archive",
        "prices",
        binance_archive,
        until=_whole_days,
        final=_whole_days,
        split=binance_archive.backfill_chunks,
        changed=binance_archive.backfill_changed,
        is_default=False,
    ),
    _source("coinmetrics", "onchain", coinmetrics),
    _source("glassnode", "onchain", glassnode),
    _source("blockchain_com", "onchain", blockchain_com),
    _source("fred", "macro", fred),
    _source("fredgraph", "macro", fredgraph),
    # a year's figure is out about a year after it ended
    _source("worldbank", "macro", worldbank, final=_days_ago(800)),
    _source("gdelt", "news", gdelt),
)

SOURCES: Mapping[str, BackfillSource] = MappingProxyType({source.name: source for source in _ALL})


def sources_of(group: str, provider: str | None = None) -> list[BackfillSource]:
    """Return the sources of a group, or the one that is named.

    Raises:
        SettingsError: no such group or provider.
    """
    if group not in GROUPS:
        msg = f"'{group}' has no backfill; choose from {', '.join(GROUPS)}"
        raise SettingsError(msg)
    known = [source for source in SOURCES.values() if source.group == group]
    if provider is None:
        chosen = [source for source in known if source.is_default]
    else:
        chosen = [source for source in known if source.name == provider]
    if not chosen:
        names = ", ".join(source.name for source in known) or "none yet"
        what = f"no provider '{provider}' for {group}" if provider else f"no provider for {group}"
        msg = f"{what}; choose from: {names}"
        raise SettingsError(msg)
    return chosen
