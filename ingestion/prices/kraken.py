"""Kraken: OHLC bars of an hour and of five minutes, a third opinion on the newest weeks.

Wire facts: every answer is status 200 with ``error``, a list, and ``result``, which holds the bars
under Kraken's own name of the pair (``XBTUSD`` is answered as ``XXBTZUSD``) and ``last``, the open
of the newest bar that is final. Rows are ``[time, open, high, low, close, vwap, volume, count]``,
oldest first, prices as text; the last row is the running bar. Only the newest 720 bars are handed
out, whatever ``since`` says: 30 days of hours, 2.5 days of five minutes. So Kraken has no backfill,
and a bar that is not read in time is never read. An interval without a trade is a bar of no volume
at the last price, and is stored as that.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from functools import partial
from typing import Any

from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential

from ingestion.assets import Asset
from ingestion.config import Settings
from ingestion.extraction import Chunk, Extraction
from ingestion.http import MAX_WAIT_SECONDS, Provider
from ingestion.prices.bars import Market, Page, bar_row, candles_of, land, opened_at
from ingestion.prices.exchange import markets_of
from ingestion.prices.holes import Holes, Stretch
from ingestion.prices.windows import Grid, Window
from ingestion.rejections import Parsed
from ingestion.tables import Row
from ingestion.validate import Invalid, count, number, refuse, unix_time

PROVIDER = "kraken"
QUOTE = "USD"
BUCKETS = 720
_FIELDS = 8
_PATIENCE = 2.0
#: Errors that pass: too many requests, or a service that is down for a while.
_PASSING = ("too many requests", "rate limit", "eservice:", "temporary lockout", "internal error")


class _PassingError(Exception):
    """Kraken asks to come back later; carries the text."""


def provider(settings: Settings) -> Provider:
    """Return how Kraken is asked: one request a second, which was measured to be safe."""
    base = settings.kraken_base_url.rstrip("/")
    return Provider(PROVIDER, base, 1.0, "KRAKEN_BASE_URL", patience=_PATIENCE)


def extract(run: Extraction) -> Iterator[Chunk]:
    """Yield the new bars of every asset that Kraken lists against the dollar."""
    markets = markets_of(run, PROVIDER, _quoted)
    yield from run.each(markets, lambda market: _bars(run, market))


def parse_ohlc(
    payload: list[Any], market: Market, window: Window, final: datetime, clock: datetime
) -> Parsed:
    """Return the bars of a page that lie in the window, oldest first, and what is refused.

    Args:
        payload: the rows of the answer.
        market: what was asked for.
        window: opens of the first and the last bar wanted.
        final: open of the newest bar that does not change any more.
        clock: now.
    """
    window = Window(window.first, min(window.last, final))
    return candles_of(payload, partial(_bar, market=market, window=window, clock=clock), market)


def _quoted(asset: Asset) -> tuple[str, str] | None:
    return (asset.kraken_id, QUOTE) if asset.kraken_id else None


def _bars(run: Extraction, market: Market) -> Iterator[Chunk]:
    cursor = run.state.setdefault(market.state_key, {})
    grid = Grid(market.interval, BUCKETS)
    window, _ = grid.unread(run.settings.start_of_history(), cursor, run.clock)
    if window is None:
        return
    due = [Window(*stretch) for stretch in Holes(cursor).due()]
    # However far back it begins, it is one request.
    result, is_sample = _asked(run, market, min([window.first, *(old.first for old in due)]))
    rows, final = _contents(run, market, result)
    parsed = parse_ohlc(rows, market, window, final, run.clock)
    reached = parsed.rows[0]["bar_open_at"] if parsed.rows else window.first
    if len(rows) < BUCKETS:
        reached = window.first
    elif cursor and reached > datetime.fromisoformat(cursor["through"]) + market.interval:
        run.notes.append(
            f"{market.item}: bars between {cursor['through']} and {reached.isoformat()} are beyond "
            f"the newest {BUCKETS} and were not read"
        )
    read = Window(reached, min(window.last, grid.floor(final)))
    again = [(old, parse_ohlc(rows, market, old, final, run.clock)) for old in due]
    pages = [Page(old, found, is_sample, Stretch(*old)) for old, found in again]
    if read.first <= read.last:
        pages.append(Page(read, parsed, is_sample))
    else:
        yield from run.refused(parsed.rejections, is_sample=is_sample)
    yield from land(run, iter(pages), cursor)


def _asked(run: Extraction, market: Market, first: datetime) -> tuple[Any, bool]:
    """Return the bars from ``first`` on, of an answer without an error, and if it was made up.

    Raises:
        SourceError: Kraken refuses the request, or does so still at the last attempt.
    """
    params: dict[str, str | int | float] = {
        "pair": market.id,
        "interval": market.minutes,
        # Bars after this moment.
        "since": int(first.timestamp()) - 1,
    }
    retrying = Retrying(
        stop=stop_after_attempt(run.settings.http_attempts),
        wait=wait_exponential(
            multiplier=run.settings.http_backoff_seconds * _PATIENCE, max=MAX_WAIT_SECONDS
        ),
        retry=retry_if_exception_type(_PassingError),
        reraise=True,
    )
    try:
        return retrying(_attempt, run, market, params)
    except _PassingError as error:
        msg = f"{market.id} answered 200 with the error: {error}"
        remedy = "wait, or lower CFW_REQUESTS_PER_SECOND"
        raise run.client.error(msg, remedy, status=200, wide=True) from None


def _attempt(
    run: Extraction, market: Market, params: dict[str, str | int | float]
) -> tuple[Any, bool]:
    payload, reply = run.client.get_json("OHLC", params)
    if not isinstance(payload, dict) or not isinstance(payload.get("error"), list):
        msg = f"{market.id} answered without the list of errors that every answer has"
        raise run.client.error(msg, "check CFW_KRAKEN_BASE_URL", wide=True)
    text = ", ".join(str(error) for error in payload["error"])
    if any(part in text.lower() for part in _PASSING):
        raise _PassingError(text[:200])
    if text:
        is_pair = "unknown asset pair" in text.lower()
        msg = f"{market.id} answered 200 with the error: {text[:200]}"
        remedy = "correct kraken_id in the asset list" if is_pair else "run it again later"
        raise run.client.error(msg, remedy, status=200, wide=not is_pair)
    return payload.get("result"), reply.is_sample


def _contents(run: Extraction, market: Market, result: Any) -> tuple[list[Any], datetime]:
    """Return the rows of a result and the open of its newest final bar."""
    pairs = [name for name in result if name != "last"] if isinstance(result, dict) else []
    if len(pairs) != 1 or not isinstance(result[pairs[0]], list):
        msg = f"{market.id} answered with a result that does not hold the bars of one pair"
        raise run.client.error(msg, "check CFW_KRAKEN_BASE_URL", wide=True)
    try:
        return result[pairs[0]], unix_time(result.get("last"), "last")
    except Invalid as error:
        msg = f"{market.id} answered without saying which bars are final ({error})"
        raise run.client.error(msg, "run it again later", wide=True) from None


def _bar(raw: Any, market: Market, window: Window, clock: datetime) -> Row | None:
    """Return the bar of one row, None if it was not asked for or is not final.

    Raises:
        Invalid: the row breaks a rule.
    """
    if not isinstance(raw, list):
        refuse("the bar is not a list")
    if len(raw) != _FIELDS:
        refuse(f"the bar has {len(raw)} fields instead of {_FIELDS}")
    opened = opened_at(number(raw[0], "time"), market, clock)
    if not window.first <= opened <= window.last:
        return None
    values = zip(("open", "high", "low", "close"), raw[1:5], strict=True)
    prices = {name: number(value, name, as_text=True) for name, value in values}
    prices["volume_base"] = number(raw[6], "volume", as_text=True)
    trades = None if raw[7] is None else count(raw[7], "count")
    return bar_row(PROVIDER, market, opened, prices, trade_count=trades)
