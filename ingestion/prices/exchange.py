"""An exchange with history: what a run follows, and what a backfill reads of the past."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from ingestion.assets import Asset
from ingestion.config import Settings
from ingestion.errors import SettingsError
from ingestion.extraction import Chunk, Extraction
from ingestion.prices.bars import Market, Page, land
from ingestion.prices.holes import Holes
from ingestion.prices.windows import Grid, Window


@dataclass(frozen=True)
class Exchange:
    """An exchange with history.

    Attributes:
        provider: its name in ``price_bars``.
        buckets: bars per request.
        quoted: the market of an asset and its quote currency, or None where it is not listed.
        pages: yields what the exchange says of a window, oldest page first, or newest first where
            the last argument is true.
    """

    provider: str
    buckets: int
    quoted: Callable[[Asset], tuple[str, str] | None]
    pages: Callable[[Extraction, Market, Window, bool], Iterator[Page]]

    def extract(self, run: Extraction) -> Iterator[Chunk]:
        """Yield the new bars of every asset that the exchange lists."""
        markets = markets_of(run, self.provider, self.quoted)
        yield from run.each(markets, lambda market: self._follow(run, market))

    def backfill_items(self, run: Extraction) -> list[str]:
        """Return ``SYMBOL@MINUTES`` of every market and interval of the settings."""
        return [market.item for market in markets_of(run, self.provider, self.quoted)]

    def backfill_requests(
        self, item: str, first: datetime, last: datetime, settings: Settings
    ) -> int:
        """Return the requests that the contract needs for the bars that open in [first, last)."""
        grid = Grid(timedelta(minutes=_item_parts(item)[1]), self.buckets)
        return grid.requests(grid.opens(first, last, settings.clock()))

    def backfill(
        self, run: Extraction, item: str, first: datetime, last: datetime
    ) -> Iterator[Chunk]:
        """Yield the closed bars of an item that open in [first, last); no cursor is touched.

        Raises:
            SettingsError: the item is not one of ``backfill_items``.
            SourceError: the exchange failed; what came before is yielded first.
        """
        market = _market_of(run, item, self.provider, self.quoted)
        window = Grid(market.interval, self.buckets).opens(first, last, run.clock)
        if window is not None:
            yield from land(run, self.pages(run, market, window, False))

    def _follow(self, run: Extraction, market: Market) -> Iterator[Chunk]:
        cursor = run.state.setdefault(market.state_key, {})
        due = Holes(cursor).due()
        start = run.settings.start_of_history()
        newer, older = Grid(market.interval, self.buckets).unread(start, cursor, run.clock)

        def pages() -> Iterator[Page]:
            if newer is not None:
                yield from self.pages(run, market, newer, False)
            for stretch in due:
                for page in self.pages(run, market, Window(*stretch), False):
                    yield page._replace(again=stretch)
            if older is not None:
                # Backwards, so that what was read stays one stretch if a page in between fails.
                yield from self.pages(run, market, older, True)

        yield from land(run, pages(), cursor, self.buckets * market.interval)


def markets_of(
    run: Extraction, provider: str, quoted: Callable[[Asset], tuple[str, str] | None]
) -> list[Market]:
    """Return the markets to read, hourly before shorter ones, and note what is not listed."""
    found = {asset.symbol: quoted(asset) for asset in run.assets}
    missing = [symbol for symbol, market in found.items() if market is None]
    if missing and run.settings.symbols:
        run.notes.append(f"not listed at {provider.capitalize()}: {', '.join(missing)}")
    return [
        Market(symbol, *market, minutes)
        for symbol, market in found.items()
        if market is not None
        for minutes in run.settings.price_intervals
    ]


def _market_of(
    run: Extraction, item: str, provider: str, quoted: Callable[[Asset], tuple[str, str] | None]
) -> Market:
    symbol, minutes = _item_parts(item)
    for asset in run.assets:
        market = quoted(asset) if asset.symbol == symbol else None
        if market is not None:
            return Market(symbol, *market, minutes)
    msg = f"{provider} has no {item}; choose among the listed symbols of CFW_SYMBOLS"
    raise SettingsError(msg)


def _item_parts(item: str) -> tuple[str, int]:
    symbol, _, minutes = item.partition("@")
    if not symbol or not minutes.isdigit() or int(minutes) == 0:
        msg = f"{item} is not SYMBOL@MINUTES; write it as BTC@60"
        raise SettingsError(msg)
    return symbol, int(minutes)
