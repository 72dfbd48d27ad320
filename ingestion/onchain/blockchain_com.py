"""blockchain.com charts: daily figures of Bitcoin, without a key.

Wire facts: one chart per request, oldest first, ``x`` in unix seconds; numbers may be written in
scientific notation. Without ``sampled=false`` a long range is thinned out without a word. Some
charts have no point at midnight, or several in a day: the last one of a day stands for it. The
newest day is still running. The provider tolerates a request every ten seconds and answers more
with a page of HTML.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from typing import Any

from ingestion.config import Settings
from ingestion.days import ONE_DAY, days_within
from ingestion.extraction import Chunk, Extraction
from ingestion.http import Provider
from ingestion.onchain.days import advanced, available_at, end_of, error_in, onchain_row, unread
from ingestion.rejections import Parsed, reject, unique
from ingestion.tables import ONCHAIN_METRICS, Row
from ingestion.validate import Invalid, number, refuse, unix_time

PROVIDER = "blockchain_com"
SYMBOL = "BTC"
#: The last days are revised for a day or two, and older ones now and then.
REREAD = timedelta(days=10)
#: One answer holds a whole chart.
BACKFILL_SPAN = timedelta(days=36_525)


def provider(settings: Settings) -> Provider:
    """Return how the charts are asked: one request every ten seconds."""
    base = settings.blockchain_com_base_url.rstrip("/")
    return Provider(PROVIDER, base, 0.1, "BLOCKCHAIN_COM_BASE_URL", patience=10.0)


def skip_reason(settings: Settings) -> str | None:
    """Return why no chart is read, or None: they are all about Bitcoin."""
    if settings.symbols and SYMBOL not in settings.symbols:
        return f"CFW_SYMBOLS does not name {SYMBOL}, and the charts are about nothing else"
    if not settings.blockchain_com_charts:
        return "CFW_BLOCKCHAIN_COM_CHARTS names none"
    return None


def extract(run: Extraction) -> Iterator[Chunk]:
    """Yield every chart of which the day before is not known yet."""
    yield from run.each(run.settings.blockchain_com_charts, lambda chart: _forward(run, chart))


def backfill_items(run: Extraction) -> list[str]:
    """Return the one symbol, if it is among those of the settings."""
    return [] if skip_reason(run.settings) else [SYMBOL]


def backfill_requests(item: str, first: datetime, last: datetime, settings: Settings) -> int:
    """Return the requests for [first, last): one per chart."""
    return len(settings.blockchain_com_charts) if days_within(first, last) else 0


def backfill(run: Extraction, item: str, first: datetime, last: datetime) -> Iterator[Chunk]:
    """Yield the days of [first, last) of every chart, available as an archive's."""
    span = days_within(first, min(last, run.clock))
    if span is None or item != SYMBOL:
        return
    charts = run.settings.blockchain_com_charts
    yield from run.each(charts, lambda chart: _read(run, chart, *span, archive=True))


def _forward(run: Extraction, chart: str) -> Iterator[Chunk]:
    cursor = run.state.get(chart)
    last = run.clock.date() - ONE_DAY
    due = unread(cursor, run.settings.start_of_history().date(), last, REREAD)
    if due is None:
        return
    start, first = due
    newest: date | None = None
    for chunk in _read(run, chart, first, last):
        if chunk.table is ONCHAIN_METRICS and chunk.rows:
            newest = max(row["day"] for row in chunk.rows)
        yield chunk
    if newest:
        run.state[chart] = advanced(cursor, start, newest)


def _read(
    run: Extraction, chart: str, first: date, last: date, *, archive: bool = False
) -> Iterator[Chunk]:
    params: dict[str, str | int | float] = {
        "timespan": f"{(last - first).days + 1}days",
        "start": first.isoformat(),
        "format": "json",
        "sampled": "false",
    }
    payload, reply = run.client.get_json(f"charts/{chart}", params)
    if hidden := _refusal_in(payload):
        # About this chart alone, so the others are asked all the same.
        msg = f"charts/{chart} answered 200 with the error: {hidden[:200]}"
        raise run.client.error(msg, "check CFW_BLOCKCHAIN_COM_CHARTS", status=reply.status)
    values = payload.get("values") if isinstance(payload, dict) else None
    if not isinstance(values, list):
        msg = f"charts/{chart} answered without a list of values"
        remedy = "check CFW_BLOCKCHAIN_COM_BASE_URL"
        raise run.client.error(msg, remedy, status=reply.status, wide=True)
    parsed = parse_chart(values, chart, run.clock, archive=archive)
    parsed.rows = [row for row in parsed.rows if first <= row["day"] <= last]
    yield from run.landed(ONCHAIN_METRICS, parsed, is_sample=reply.is_sample)


def _refusal_in(payload: Any) -> str | None:
    """Return the error inside a 200 answer, which may also be a status that is not ``ok``."""
    hidden = error_in(payload)
    if hidden or not isinstance(payload, dict):
        return hidden
    return None if payload.get("status") in (None, "ok") else str(payload["status"])


def parse_chart(values: list[Any], chart: str, clock: datetime, *, archive: bool = False) -> Parsed:
    """Return one row per day that ended, oldest first, and what is refused."""
    by_day: dict[date, list[tuple[datetime, float, Any]]] = {}
    bad = Parsed()
    for raw in values:
        try:
            moment, value = _point(raw, clock)
        except Invalid as error:
            labelled = {"chart": chart, "point": raw}
            bad.add(reject(ONCHAIN_METRICS.name, str(error), labelled))
            continue
        if value is not None and end_of(moment.date()) <= clock:  # known, and not still running
            by_day.setdefault(moment.date(), []).append((moment, value, raw))
    kept: list[tuple[Row, Any]] = []
    for day, points in sorted(by_day.items()):
        newest = max(moment for moment, _, _ in points)
        public = available_at(day, clock, archive=archive)
        kept += [
            (onchain_row(PROVIDER, SYMBOL, chart, day, value, public), raw)
            for moment, value, raw in points
            if moment == newest
        ]
    result = unique(ONCHAIN_METRICS, kept)
    result.rejections += bad.rejections
    return result


def _point(raw: Any, clock: datetime) -> tuple[datetime, float | None]:
    if not isinstance(raw, dict):
        refuse("the point is not an object")
    moment = unix_time(raw.get("x"), "x")
    if moment > clock:
        refuse("x lies in the future")
    if "y" not in raw:
        refuse("y is missing")
    return moment, None if raw["y"] is None else number(raw["y"], "y")
