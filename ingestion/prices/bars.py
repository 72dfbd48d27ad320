"""Bars as every exchange gives them: a market, pages, rows, and how pages are landed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from ingestion.errors import SourceError
from ingestion.extraction import Chunk, Extraction
from ingestion.prices.holes import Holes, Stretch
from ingestion.prices.windows import Window, advance
from ingestion.rejections import Parsed, parse_page
from ingestion.tables import PRICE_BARS, Row
from ingestion.validate import check_bar, refuse

_BATCH_ROWS = 6_000


class Market(NamedTuple):
    """Bars of one length of one asset at one exchange.

    Attributes:
        symbol: the asset.
        id: its market at the exchange, e.g. ``BTC-USD``.
        quote: the currency of the prices.
        minutes: the length of a bar.
    """

    symbol: str
    id: str
    quote: str
    minutes: int

    @property
    def interval(self) -> timedelta:
        """The length of a bar."""
        return timedelta(minutes=self.minutes)

    @property
    def item(self) -> str:
        """How a backfill names it, e.g. ``BTC@5``."""
        return f"{self.symbol}@{self.minutes}"

    @property
    def state_key(self) -> str:
        """Where its cursor is kept: hourly bars under the bare id, as ever."""
        return self.id if self.minutes == 60 else f"{self.id}@{self.minutes}"


class Page(NamedTuple):
    """What one answer said about the bars of ``window``: all of them, but for those refused.

    ``again`` is the doubtful stretch that the question was about, if it was about one.
    """

    window: Window
    parsed: Parsed
    is_sample: bool
    again: Stretch | None = None


def land(
    run: Extraction,
    pages: Iterator[Page],
    cursor: dict[str, Any] | None = None,
    reach: timedelta | None = None,
) -> Iterator[Chunk]:
    """Yield the rows of pages in batches, and move the cursor along, if there is one.

    Args:
        run: the extraction.
        pages: the answers.
        cursor: of the market; None moves nothing.
        reach: time that one request covers, None where every answer holds all there is.

    Raises:
        SourceError: a page failed; what came before it is yielded first.
    """
    gathered, is_sample = Parsed(), False
    holes = Holes(cursor, reach) if cursor is not None else None
    taken: set[datetime] = set()
    failure: SourceError | None = None
    while True:
        try:
            page = next(pages, None)
        except SourceError as error:
            failure = error
            break
        if page is None:
            break
        # What is asked for again may overlap what was: a bar is one row of an extraction.
        gathered.rows += [row for row in page.parsed.rows if row["bar_open_at"] not in taken]
        gathered.rejections += page.parsed.rejections
        is_sample = page.is_sample
        if cursor is not None and holes is not None:
            taken.update(row["bar_open_at"] for row in page.parsed.rows)
            advance(cursor, page.window)
            _note(holes, page)
        if len(gathered.rows) >= _BATCH_ROWS:
            yield from run.landed(PRICE_BARS, gathered, is_sample=is_sample)
            gathered = Parsed()
    yield from run.landed(PRICE_BARS, gathered, is_sample=is_sample)
    if failure is not None:
        raise failure


def _note(holes: Holes, page: Page) -> None:
    newest = max((row["bar_open_at"] for row in page.parsed.rows), default=None)
    is_clean = not page.parsed.rejections
    if page.again is None:
        holes.note(*page.window, newest, is_clean=is_clean)
    else:
        holes.note_again(page.again, page.window.last, newest, is_clean=is_clean)


def candles_of(payload: list[Any], parse: Callable[[Any], Row | None], market: Market) -> Parsed:
    """Return the bars of a page, oldest first, and what is refused.

    Args:
        payload: the candles as decoded from JSON.
        parse: makes a bar of a candle, None if it was not asked for.
        market: named in the rejections.
    """
    return parse_page(
        PRICE_BARS,
        parse,
        payload,
        label=lambda raw: {"product": market.id, "candle": raw},
        order=("bar_open_at",),
    )


def opened_at(seconds: float, market: Market, clock: datetime) -> datetime:
    """Return the open of a bar.

    Raises:
        Invalid: not on the grid of the interval, not a time, or in the future.
    """
    if seconds % market.interval.total_seconds():
        refuse(f"time is not on the {market.minutes}-minute grid")
    try:
        opened = datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        refuse("time is not a time")
    if opened > clock:
        refuse("time lies in the future")
    return opened


def bar_row(
    provider: str,
    market: Market,
    opened: datetime,
    prices: dict[str, float],
    volume_quote: float | None = None,
    trade_count: int | None = None,
) -> Row:
    """Return a bar as a row, available at its close.

    Args:
        provider: the exchange.
        market: what was asked for.
        opened: the open of the bar.
        prices: ``open``, ``high``, ``low``, ``close`` and ``volume_base``.
        volume_quote: turnover in the quote currency, where the exchange tells it.
        trade_count: number of trades, where the exchange tells it.

    Raises:
        Invalid: the bar cannot have been.
    """
    row: Row = {
        "provider": provider,
        "symbol": market.symbol,
        "interval_minutes": market.minutes,
        "bar_open_at": opened,
        **prices,
        "volume_quote": volume_quote,
        "trade_count": trade_count,
        "quote_currency": market.quote,
        "available_at": opened + market.interval,
    }
    check_bar(row)
    if volume_quote is not None and volume_quote < 0:
        refuse("quote volume is negative")
    return row
