"""Coin Metrics community API: daily on-chain metrics.

Wire facts: one row per asset and day, a column per metric, every number a string with up to 18
decimals. Pages run from the newest backwards unless ``paging_from=start`` is sent. Pages are
followed by token and the original query, never by the absolute URL in the body. A metric that the
asset or the tier does not have is left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from ingestion.config import Settings
from ingestion.errors import SourceError
from ingestion.extraction import Chunk, Extraction
from ingestion.http import Provider
from ingestion.rejections import Parsed, reject, unique
from ingestion.tables import ONCHAIN_METRICS, Row
from ingestion.validate import Invalid, iso_time, number, refuse, text

PROVIDER = "coinmetrics"
ASSETS_PER_REQUEST = 20
PAGE_ROWS = 10_000
#: Exchange flows are restated for weeks, so this many days are read again on each run.
LAG = timedelta(days=30)
#: A day loaded this soon after its end was seen first when it was loaded.
FRESH = timedelta(days=3)
#: For older days the moment of publication is not known; this much after the day's end it was.
DECLARED_LAG = timedelta(hours=24)
_DAY = timedelta(days=1)


def provider(settings: Settings) -> Provider:
    """Return how Coin Metrics is asked: 10 requests per 6 seconds are allowed."""
    return Provider(
        PROVIDER, settings.coinmetrics_base_url.rstrip("/"), 1.6, "COINMETRICS_BASE_URL"
    )


def extract(run: Extraction) -> Iterator[Chunk]:
    """Yield the metrics of every asset that Coin Metrics covers."""
    symbols = {asset.coinmetrics_id: asset.symbol for asset in run.assets if asset.coinmetrics_id}
    by_start: dict[date, list[str]] = {}
    for asset_id in sorted(symbols):
        start = first_day(run.state.get(asset_id), run.settings, run.clock)
        by_start.setdefault(start, []).append(asset_id)
    requests = [
        (start, ids[position : position + ASSETS_PER_REQUEST])
        for start, ids in sorted(by_start.items())
        for position in range(0, len(ids), ASSETS_PER_REQUEST)
    ]

    def fetch(request: tuple[date, list[str]]) -> Iterator[Chunk]:
        start, ids = request
        try:
            yield from _metrics(run, start, ids, symbols)
        except SourceError as error:
            if error.status not in (400, 404) or len(ids) == 1:
                raise
            # One unknown id spoils the request for all, so each is asked alone.
            alone = [(start, [asset_id]) for asset_id in ids]
            yield from run.each(alone, fetch)

    yield from run.each(requests, fetch)


def first_day(cursor: dict[str, Any] | None, settings: Settings, clock: datetime) -> date:
    """Return the first day to ask for.

    Args:
        cursor: ``from``, ``through`` (ISO days) and ``metrics`` of what was read; None at the
            first contact. An earlier start of history or a new metric reads everything again.
        settings: gives the start of history and the metrics.
        clock: now.
    """
    start = settings.start_of_history().date()
    if (
        cursor is None
        or start < date.fromisoformat(cursor["from"])
        or not set(settings.coinmetrics_metrics) <= set(cursor["metrics"])
    ):
        return start
    reread = min(date.fromisoformat(cursor["through"]), clock.date()) - LAG
    return max(reread, date.fromisoformat(cursor["from"]))


def _metrics(
    run: Extraction, start: date, ids: list[str], symbols: dict[str, str]
) -> Iterator[Chunk]:
    last = run.clock.date() - _DAY
    if start > last:
        return
    metrics = run.settings.coinmetrics_metrics
    params: dict[str, str | int | float] = {
        "assets": ",".join(ids),
        "metrics": ",".join(metrics),
        "frequency": "1d",
        "start_time": start.isoformat(),
        "end_time": last.isoformat(),
        "page_size": PAGE_ROWS,
        "paging_from": "start",
        "ignore_forbidden_errors": "true",
        "ignore_unsupported_errors": "true",
    }
    given: set[str] = set()
    while True:
        payload, reply = run.client.get_json("timeseries/asset-metrics", params, error_in=error_in)
        if not isinstance(payload, dict) or not isinstance(payload.get("data"), list):
            msg = "timeseries/asset-metrics answered without a list of data"
            raise run.client.error(msg, "check CFW_COINMETRICS_BASE_URL", wide=True)
        page = parse_metrics(payload["data"], symbols, metrics, run.clock)
        given.update(row["symbol"] for row in page.rows)
        yield from run.landed(ONCHAIN_METRICS, page, is_sample=reply.is_sample)
        token = payload.get("next_page_token")
        if not token:
            break
        if token == params.get("next_page_token"):
            msg = "timeseries/asset-metrics repeats its page token"
            raise run.client.error(msg, "run it again later", wide=True)
        params["next_page_token"] = str(token)
    for asset_id in ids:
        if symbols[asset_id] in given:  # an asset without a value has not been read
            _advance(run, asset_id, start, last)


def _advance(run: Extraction, asset_id: str, start: date, last: date) -> None:
    old = run.state.get(asset_id)
    known_from = date.fromisoformat(old["from"]) if old else start
    run.state[asset_id] = {
        "from": min(known_from, start).isoformat(),
        "through": last.isoformat(),
        "metrics": sorted({*(old["metrics"] if old else ()), *run.settings.coinmetrics_metrics}),
    }


def error_in(payload: Any) -> str | None:
    """Return the error inside a 200 answer."""
    if isinstance(payload, dict) and payload.get("error"):
        return str(payload["error"])
    return None


def parse_metrics(
    data: list[Any], symbols: dict[str, str], metrics: tuple[str, ...], clock: datetime
) -> Parsed:
    """Return one row per asset, day and metric of a page, and what is refused.

    A bad number costs its own metric, not the day.
    """
    kept: list[tuple[Row, Any]] = []
    bad = Parsed()
    for raw in data:
        try:
            symbol, day = _asset_and_day(raw, symbols, clock)
        except Invalid as error:
            bad.add(reject(ONCHAIN_METRICS.name, str(error), raw))
            continue
        if _end(day) > clock:
            continue  # still running
        for metric in metrics:
            if raw.get(metric) is None:
                continue
            cell = {"asset": raw["asset"], "time": raw["time"], metric: raw[metric]}
            try:
                value = number(raw[metric], metric, as_text=True)
            except Invalid as error:
                bad.add(reject(ONCHAIN_METRICS.name, str(error), cell))
            else:
                kept.append((_row(symbol, metric, day, value, clock), cell))
    result = unique(ONCHAIN_METRICS, kept)
    result.rejections += bad.rejections
    return result


def _asset_and_day(raw: Any, symbols: dict[str, str], clock: datetime) -> tuple[str, date]:
    if not isinstance(raw, dict):
        refuse("the row is not an object")
    asset = text(raw.get("asset"), "asset").lower()  # as every id of the catalogue
    if asset not in symbols:
        refuse(f"unknown symbol: {asset[:64]} was not asked for")
    moment = iso_time(raw.get("time"), "time")
    if moment.time() != time(0):
        refuse("time is not the start of a day")
    if moment > clock:
        refuse("time lies in the future")
    return symbols[asset], moment.date()


def available_at(day: date, clock: datetime) -> datetime:
    """Return when a day first seen now could be known: now, or for an archive its declared lag."""
    end = _end(day)
    return clock if clock - end <= FRESH else end + DECLARED_LAG


def _end(day: date) -> datetime:
    return datetime.combine(day, time(0), UTC) + _DAY


def _row(symbol: str, metric: str, day: date, value: float, clock: datetime) -> Row:
    return {
        "provider": PROVIDER,
        "symbol": symbol,
        "metric": metric,
        "day": day,
        "value": value,
        "available_at": available_at(day, clock),
    }
