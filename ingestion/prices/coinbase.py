"""Coinbase Exchange: hourly candles.

Wire facts: rows are ``[time, low, high, open, close, volume]``, newest first, ``time`` the bucket's
start in unix seconds. Both bounds are inclusive and at most 300 buckets may lie between them.
Buckets without a trade are absent. Rows outside the bounds occur and are dropped.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, NamedTuple

from ingestion.assets import Asset
from ingestion.config import Settings
from ingestion.errors import SourceError
from ingestion.extraction import Chunk, Extraction
from ingestion.http import Provider
from ingestion.prices.holes import Holes
from ingestion.rejections import Parsed, Rejection, checked, reject, unique
from ingestion.tables import PRICE_BARS, Row
from ingestion.validate import check_bar, number, refuse

PROVIDER = "coinbase"
INTERVAL = timedelta(hours=1)
BUCKETS = 300
#: Bars read again on each run, so that a late correction of the newest ones is taken.
LAG_BARS = 3
_BATCH_ROWS = 6_000
_FIELDS = ("time", "low", "high", "open", "close", "volume")


class Window(NamedTuple):
    """Opens of the first and the last bar asked for, both inclusive."""

    first: datetime
    last: datetime


def provider(settings: Settings) -> Provider:
    """Return how Coinbase is asked: half of the documented 10 requests per second."""
    return Provider(PROVIDER, settings.coinbase_base_url.rstrip("/"), 5.0, "COINBASE_BASE_URL")


def extract(run: Extraction) -> Iterator[Chunk]:
    """Yield the bars of every asset that Coinbase lists."""
    listed = [asset for asset in run.assets if asset.coinbase_id]
    missing = [asset.symbol for asset in run.assets if not asset.coinbase_id]
    if missing and run.settings.symbols:
        run.notes.append(f"not listed at Coinbase: {', '.join(missing)}")
    yield from run.each(listed, lambda asset: _bars(run, asset))


def _bars(run: Extraction, asset: Asset) -> Iterator[Chunk]:
    """Yield the bars of one asset, window by window, and move its cursor along."""
    product = asset.coinbase_id or ""
    cursor = run.state.setdefault(product, {})
    holes = Holes(cursor)
    asked = [*(Window(*stretch) for stretch in holes.due())]
    asked += windows(run.settings.start_of_history(), cursor, run.clock)
    gathered = Parsed()
    is_sample = False
    failure: SourceError | None = None
    for window in asked:
        try:
            payload, reply = run.client.get_json(f"products/{product}/candles", _query(window))
            if not isinstance(payload, list):
                msg = f"{product} answered with an object instead of a list of candles"
                raise run.client.error(msg, "check CFW_COINBASE_BASE_URL", wide=True)
        except SourceError as error:
            failure = error
            break
        page = parse_candles(payload, asset.symbol, product, window, run.clock)
        gathered.rows += page.rows
        gathered.rejections += page.rejections
        is_sample = reply.is_sample
        advance(cursor, window)
        newest = max((row["bar_open_at"] for row in page.rows), default=None)
        holes.note(*window, newest, is_clean=not page.rejections)
        if len(gathered.rows) >= _BATCH_ROWS:
            yield from run.landed(PRICE_BARS, gathered, is_sample=is_sample)
            gathered = Parsed()
    yield from run.landed(PRICE_BARS, gathered, is_sample=is_sample)
    if failure is not None:
        raise failure


def windows(start: datetime, cursor: dict[str, str], clock: datetime) -> Iterator[Window]:
    """Yield the windows to ask for.

    What was read through once is not asked again but for the lag, whether it held bars or not.
    A ``start`` earlier than the first bar ever asked for is read in addition.

    Args:
        start: earliest moment wanted.
        cursor: ``from`` and ``through``, the ISO opens of the first and last bar asked for so far;
            empty at the first contact.
        clock: now; the bar it lies in is still running and not asked for.
    """
    first = _floor(start)
    if first < start:
        first += INTERVAL
    last = _floor(clock) - INTERVAL
    if not cursor:
        yield from _split(first, last)
        return
    known_from = datetime.fromisoformat(cursor["from"])
    known_through = datetime.fromisoformat(cursor["through"])
    again = known_through - (LAG_BARS - 1) * INTERVAL
    if "seen" in cursor:
        # Newer bars than the newest that came may be late, and that one was perhaps still running
        # in an old copy: the same one request asks for them.
        doubtful = datetime.fromisoformat(cursor["seen"]) - (LAG_BARS - 1) * INTERVAL
        again = min(again, max(doubtful, last - (BUCKETS - 1) * INTERVAL))
    yield from _split(max(again, known_from), last)
    # Backwards, so that what was read stays one stretch if a window in between fails.
    yield from reversed(list(_split(first, min(known_from - INTERVAL, last))))


def advance(cursor: dict[str, str], window: Window) -> None:
    """Widen the cursor by a window that was read."""
    known_from = cursor.get("from")
    known_through = cursor.get("through")
    first, last = window.first.isoformat(), window.last.isoformat()
    # Equal format and zone: the text sorts as the time does.
    cursor["from"] = min(known_from, first) if known_from else first
    cursor["through"] = max(known_through, last) if known_through else last


def parse_candles(
    payload: list[Any], symbol: str, product: str, window: Window, clock: datetime
) -> Parsed:
    """Return the bars of a page that lie in the window, oldest first, and what is refused."""
    quote = product.rpartition("-")[2]
    parse = partial(_bar, symbol=symbol, quote=quote, window=window, clock=clock)
    kept: list[tuple[Row, Any]] = []
    refused: list[Rejection] = []
    for raw in payload:
        outcome = checked(PRICE_BARS, parse, raw)
        if isinstance(outcome, Rejection):
            refused.append(reject(PRICE_BARS.name, outcome.reason, _labelled(product, raw)))
        elif outcome is not None:
            kept.append((outcome, raw))
    page = unique(PRICE_BARS, kept)
    page.rejections += refused
    page.rows.sort(key=lambda row: row["bar_open_at"])
    return page


def _bar(raw: Any, symbol: str, quote: str, window: Window, clock: datetime) -> Row | None:
    """Return the bar of one candle, None if it was not asked for.

    Raises:
        Invalid: the candle breaks a rule.
    """
    if not isinstance(raw, list):
        refuse("the candle is not a list")
    if len(raw) != len(_FIELDS):
        refuse(f"the candle has {len(raw)} fields instead of {len(_FIELDS)}")
    time, low, high, open_, close, volume = map(number, raw, _FIELDS)
    if time % INTERVAL.total_seconds():
        refuse("time is not on the hourly grid")
    try:
        opened = datetime.fromtimestamp(time, UTC)
    except (ValueError, OverflowError, OSError):
        refuse("time is not a time")
    if opened > clock:
        refuse("time lies in the future")
    row: Row = {
        "provider": PROVIDER,
        "symbol": symbol,
        "interval_minutes": 60,
        "bar_open_at": opened,
        "open": open_,
        "high": high,
        "low": low,
        "close": close,
        "volume_base": volume,
        "volume_quote": None,
        "trade_count": None,
        "quote_currency": quote,
        "available_at": opened + INTERVAL,
    }
    check_bar(row)
    return row if window.first <= opened <= window.last else None


def _labelled(product: str, raw: Any) -> dict[str, Any]:
    return {"product": product, "candle": raw}


def _query(window: Window) -> dict[str, str | int | float]:
    return {
        "granularity": int(INTERVAL.total_seconds()),
        "start": _iso(window.first),
        "end": _iso(window.last),
    }


def _iso(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _floor(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)


def _split(first: datetime, last: datetime) -> Iterator[Window]:
    while first <= last:
        end = min(first + (BUCKETS - 1) * INTERVAL, last)
        yield Window(first, end)
        first = end + INTERVAL
