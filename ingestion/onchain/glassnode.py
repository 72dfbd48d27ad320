"""Glassnode: daily on-chain metrics by key, point-in-time series first.

Wire facts: one metric of one asset per request, the whole range in one list, oldest first; ``t`` is
the start of the day in unix seconds, ``v`` may be null. ``s`` is inclusive, ``u`` exclusive. The
series of a metric is restated as addresses are identified; its twin with the suffix ``_pit`` is
not, but starts later and is not there for every metric. So the twin is read where it is, and the
series only for the days before it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta

from ingestion.config import Settings
from ingestion.days import ONE_DAY, days_within, midnight
from ingestion.errors import SourceError
from ingestion.extraction import Chunk, Extraction
from ingestion.http import Provider
from ingestion.onchain.days import advanced, error_in, unread
from ingestion.onchain.glassnode_points import PROVIDER, Metric, parse_metric, parse_points
from ingestion.onchain.refusals import Refusals
from ingestion.rejections import Parsed
from ingestion.tables import ONCHAIN_METRICS

#: Restatements are looked for this far back.
REREAD = timedelta(days=30)
#: One answer holds a whole series.
BACKFILL_SPAN = timedelta(days=36_525)
_REFUSED = "_refused"


def provider(settings: Settings) -> Provider:
    """Return how Glassnode is asked: 600 requests per minute are allowed."""
    key = settings.glassnode_api_key.get_secret_value() if settings.glassnode_api_key else ""
    return Provider(
        PROVIDER,
        settings.glassnode_base_url.rstrip("/"),
        8.0,
        "GLASSNODE_BASE_URL",
        headers={"X-Api-Key": key},
    )


def skip_reason(settings: Settings) -> str | None:
    """Return why Glassnode cannot be asked, or None."""
    if settings.glassnode_api_key is None:
        return "CFW_GLASSNODE_API_KEY is not set; Glassnode sells keys with its professional plan"
    if settings.symbols and not set(settings.symbols) & set(settings.glassnode_symbols):
        return "CFW_SYMBOLS names none of CFW_GLASSNODE_SYMBOLS"
    return None


def extract(run: Extraction) -> Iterator[Chunk]:
    """Yield every metric of every symbol of which the day before is not known yet."""
    refusals = Refusals(run.state.setdefault(_REFUSED, {}), run.clock)
    reader = _Reader(run, refusals)
    yield from run.each(_pairs(run), lambda pair: _forward(run, reader, *pair))
    if reader.refused and not reader.accepted:
        # Everything was refused, so it is not about single metrics: the next run asks again.
        refusals.forget_new()
        if reader.refused[-1] not in run.failures:
            run.failures.append(reader.refused[-1])
    run.notes += refusals.notes()


def backfill_items(run: Extraction) -> list[str]:
    """Return the symbols that are read of Glassnode; none without a key."""
    if skip_reason(run.settings):
        return []
    return list(dict.fromkeys(symbol for symbol, _ in _pairs(run)))


def backfill_requests(item: str, first: datetime, last: datetime, settings: Settings) -> int:
    """Return the requests of one symbol for [first, last): at most two per metric."""
    return 2 * len(settings.glassnode_metrics) if days_within(first, last) else 0


def backfill(run: Extraction, item: str, first: datetime, last: datetime) -> Iterator[Chunk]:
    """Yield the days of [first, last) of one symbol, available as an archive's."""
    span = days_within(first, min(last, run.clock))
    if span is None:
        return
    refusals = Refusals({}, run.clock)
    reader = _Reader(run, refusals, archive=True)
    pairs = [pair for pair in _pairs(run) if pair[0] == item]
    yield from run.each(pairs, lambda pair: reader.read(*pair, *span))
    run.notes += refusals.notes()
    run.left_out += [error.what for error in reader.refused]


def _pairs(run: Extraction) -> list[tuple[str, Metric]]:
    wanted = run.settings.glassnode_symbols
    symbols = [asset.symbol for asset in run.assets if asset.symbol in wanted]
    metrics = [parse_metric(spelled) for spelled in run.settings.glassnode_metrics]
    return [(symbol, metric) for symbol in symbols for metric in metrics]


def _forward(run: Extraction, reader: _Reader, symbol: str, metric: Metric) -> Iterator[Chunk]:
    key = f"{symbol}|{metric.key}"
    cursor = run.state.get(key)
    wanted, last = run.settings.start_of_history().date(), run.clock.date() - ONE_DAY
    due = unread(cursor, wanted, last, REREAD)
    if due is None:
        return
    start, first = due
    pit_from = None
    if cursor is not None and date.fromisoformat(cursor["from"]) <= wanted and cursor["pit_from"]:
        pit_from = date.fromisoformat(cursor["pit_from"])
    days: set[date] = set()
    for chunk in reader.read(symbol, metric, first, last, start, pit_from):
        if chunk.table is ONCHAIN_METRICS:
            days.update(row["day"] for row in chunk.rows)
        yield chunk
    if days:
        run.state[key] = {
            **advanced(cursor, start, max(days)),
            "pit_from": reader.pit_from.isoformat() if reader.pit_from else None,
        }


class _Reader:
    """Reads one metric of one symbol at a time.

    Attributes:
        accepted: how many requests were answered.
        refused: the refusals, oldest first.
        pit_from: where the point-in-time series of the metric read last starts, if it has one.
    """

    def __init__(self, run: Extraction, refusals: Refusals, *, archive: bool = False) -> None:
        """Read for ``run``; ``archive`` decides the availability of fresh days."""
        self.accepted = 0
        self.refused: list[SourceError] = []
        self.pit_from: date | None = None
        self._run = run
        self._refusals = refusals
        self._archive = archive

    def read(
        self,
        symbol: str,
        metric: Metric,
        first: date,
        last: date,
        start: date | None = None,
        pit_from: date | None = None,
    ) -> Iterator[Chunk]:
        """Yield the days from ``first`` through ``last``, point-in-time values where they are.

        Args:
            symbol: the asset.
            metric: what of it.
            first: the first day.
            last: the last day.
            start: where a point-in-time series is read from that is met for the first time.
            pit_from: the first day of the point-in-time series, if it is known.
        """
        pit_first = first if pit_from else (start or first)
        pit, is_sample = self._points(symbol, metric, metric.pit_path, pit_first, last)
        known = {row["day"] for row in pit.rows} | ({pit_from} if pit_from else set())
        self.pit_from = min(known, default=None)
        if pit.rows or pit.rejections:
            yield from self._run.landed(ONCHAIN_METRICS, pit, is_sample=is_sample)
        until = self.pit_from - ONE_DAY if self.pit_from else last
        if until >= first and metric.path != metric.pit_path:
            series, is_sample = self._points(symbol, metric, metric.path, first, until)
            yield from self._run.landed(ONCHAIN_METRICS, series, is_sample=is_sample)

    def _points(
        self, symbol: str, metric: Metric, path: str, first: date, last: date
    ) -> tuple[Parsed, bool]:
        """Return the points of one series; none where it is refused."""
        if self._refusals.has(symbol, path):
            return Parsed(), False
        client = self._run.client
        params: dict[str, str | int | float] = {
            "a": symbol,
            "i": "24h",
            "s": int(midnight(first).timestamp()),
            "u": int(midnight(last + ONE_DAY).timestamp()),
        }
        if metric.currency:
            params["c"] = metric.currency
        try:
            payload, reply = client.get_json(f"metrics/{path}", params, error_in=error_in)
        except SourceError as error:
            self._refuse(symbol, metric, path, error)
            return Parsed(), False
        if not isinstance(payload, list):
            msg = f"{path} of {symbol} answered without a list of points"
            remedy = "check CFW_GLASSNODE_BASE_URL"
            raise client.error(msg, remedy, status=reply.status, wide=True)
        self.accepted += 1
        name = metric.name_of(path)
        parsed = parse_points(payload, symbol, name, self._run.clock, archive=self._archive)
        return parsed, reply.is_sample

    def _refuse(self, symbol: str, metric: Metric, path: str, error: SourceError) -> None:
        """Remember a refusal of this series; raise any other error."""
        if error.status not in (400, 403, 404) or "an HTML page" in error.what:
            raise error
        # Neither the plan nor the catalogue depends on the asset: others need not be tried.
        self._refusals.add(symbol if error.status == 400 else "*", path, error.status)
        if path == metric.pit_path:
            return
        self.refused.append(error)
        if error.status == 404:
            self._run.failures.append(error)
