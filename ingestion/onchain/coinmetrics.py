"""Coin Metrics community API: daily on-chain metrics.

Wire facts: one row per asset and day, a column per metric, every number a string with up to 18
decimals. Pages run from the newest backwards unless ``paging_from=start`` is sent. Pages are
followed by token and the original query, never by the absolute URL in the body. A metric that the
asset or the tier does not have is left out of the answer; where the whole request is refused for
one metric or asset all the same, that one is found, left out and remembered (``refusals``).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from math import ceil

from ingestion.config import Settings
from ingestion.days import ONE_DAY, days_within
from ingestion.errors import SourceError
from ingestion.extraction import Chunk, Extraction
from ingestion.http import Provider
from ingestion.onchain.cursors import Cursors
from ingestion.onchain.days import error_in
from ingestion.onchain.refusals import Refusals, Wanted, named
from ingestion.onchain.wide_rows import (
    PROVIDER,
    counts_on,
    is_successor,
    parse_metrics,
    with_successors,
)
from ingestion.tables import ONCHAIN_METRICS

ASSETS_PER_REQUEST = 20
PAGE_ROWS = 10_000
#: Requests that a run spends at most on finding out what is refused.
MOST_REFUSALS = 40
#: One page holds this stretch of one asset.
BACKFILL_SPAN = timedelta(days=PAGE_ROWS)
#: Where the state keeps the refusals; no asset has such an id.
_REFUSED = "_refused"


def provider(settings: Settings) -> Provider:
    """Return how Coin Metrics is asked: 10 requests per 6 seconds are allowed."""
    return Provider(
        PROVIDER, settings.coinmetrics_base_url.rstrip("/"), 1.6, "COINMETRICS_BASE_URL"
    )


def extract(run: Extraction) -> Iterator[Chunk]:
    """Yield the metrics of every asset that Coin Metrics covers."""
    symbols = _symbols(run)
    refusals = Refusals(run.state.setdefault(_REFUSED, {}), run.clock)
    cursors = Cursors(run.state, run.settings.start_of_history().date(), run.clock)
    reader = _Reader(run, symbols, refusals)
    metrics = run.settings.coinmetrics_metrics
    planned = {
        asset: cursors.stretches(asset, refusals.allowed(asset, metrics))
        for asset in sorted(symbols)
        if is_successor(asset) or counts_on(asset, cursors.start)
    }

    def fetch(wanted: Wanted) -> Iterator[Chunk]:
        yield from reader.read(wanted)
        for asset in wanted.assets:
            asked = refusals.allowed(asset, wanted.metrics)
            given = reader.given.get(symbols[asset], set())
            cursors.advance(asset, asked, given, wanted.first, wanted.last)

    yield from run.each(_grouped(planned, run.clock.date() - ONE_DAY), fetch)
    if reader.is_refused_whole:
        refusals.forget_new()
    run.notes += refusals.notes()
    if missing := cursors.absent_everywhere(sorted(symbols), metrics):
        run.notes.append(f"given for no asset, so not in this tier: {', '.join(missing)}")


def backfill_items(run: Extraction) -> list[str]:
    """Return the symbols that Coin Metrics covers."""
    return sorted(set(_symbols(run).values()))


def backfill_requests(item: str, first: datetime, last: datetime, settings: Settings) -> int:
    """Return the requests that one asset needs for [first, last): a page holds 10,000 days."""
    span = days_within(first, last)
    return ceil(((span[1] - span[0]).days + 1) / PAGE_ROWS) if span else 0


def backfill(run: Extraction, item: str, first: datetime, last: datetime) -> Iterator[Chunk]:
    """Yield the days of [first, last) of one symbol, available as an archive's."""
    symbols = {asset: symbol for asset, symbol in _symbols(run).items() if symbol == item}
    span = days_within(first, min(last, run.clock))
    if not span or not symbols:
        return
    refusals = Refusals({}, run.clock)
    reader = _Reader(run, symbols, refusals, archive=True)
    wanted = Wanted(tuple(symbols), run.settings.coinmetrics_metrics, *span)
    yield from reader.read(wanted)
    run.notes += refusals.notes()
    run.left_out += [
        f"{asset} {metric}"
        for asset, metric in refusals.pairs()
        if any(counts_on(asset, day) for day in span)
    ]


def _symbols(run: Extraction) -> dict[str, str]:
    """Return the symbol of every Coin Metrics id."""
    return with_successors(
        {asset.coinmetrics_id: asset.symbol for asset in run.assets if asset.coinmetrics_id}
    )


def _grouped(planned: dict[str, list[tuple[date, tuple[str, ...]]]], last: date) -> list[Wanted]:
    """Return requests that put together what is wanted from the same day on."""
    groups: dict[tuple[date, tuple[str, ...]], list[str]] = {}
    for asset, stretches in planned.items():
        for first, metrics in stretches:
            if metrics and first <= last:
                groups.setdefault((first, metrics), []).append(asset)
    return [
        Wanted(tuple(assets[at : at + ASSETS_PER_REQUEST]), metrics, first, last)
        for (first, metrics), assets in sorted(groups.items())
        for at in range(0, len(assets), ASSETS_PER_REQUEST)
    ]


class _Reader:
    """Reads what is wanted, part by part where the whole is refused.

    Attributes:
        given: the metrics that came with a value, by symbol.
    """

    def __init__(
        self,
        run: Extraction,
        symbols: dict[str, str],
        refusals: Refusals,
        *,
        archive: bool = False,
    ) -> None:
        """Read for ``run``; ``archive`` decides the availability of fresh days."""
        self.given: dict[str, set[str]] = {}
        self._run = run
        self._symbols = symbols
        self._refusals = refusals
        self._archive = archive
        self._accepted = 0
        self._refused = 0

    @property
    def is_refused_whole(self) -> bool:
        """Whether the provider refused all that it was asked for."""
        return self._refused > 0 and not self._accepted

    def read(self, wanted: Wanted) -> Iterator[Chunk]:
        """Yield the rows of ``wanted``, less what is refused.

        Raises:
            SourceError: not about single metrics or assets, or everything is refused.
        """
        waiting = self._refusals.split(wanted)
        last_error: SourceError | None = None
        while waiting:
            part = waiting.pop(0)
            try:
                yield from self._pages(part)
                self._accepted += 1
            except SourceError as error:
                rest, is_wrong = self._refusals.narrow(part, error)
                self._refused += 1
                if self._refused >= MOST_REFUSALS:
                    raise
                if is_wrong and not is_successor(named(error.what, part)[0] or ""):
                    self._run.failures.append(error)
                last_error, waiting = error, rest + waiting
        is_told = last_error in self._run.failures
        if last_error is not None and self.is_refused_whole and not is_told:
            raise last_error

    def _pages(self, part: Wanted) -> Iterator[Chunk]:
        client = self._run.client
        params: dict[str, str | int | float] = {
            "assets": ",".join(part.assets),
            "metrics": ",".join(part.metrics),
            "frequency": "1d",
            "start_time": part.first.isoformat(),
            "end_time": part.last.isoformat(),
            "page_size": PAGE_ROWS,
            "paging_from": "start",
            "ignore_forbidden_errors": "true",
            "ignore_unsupported_errors": "true",
        }
        while True:
            payload, reply = client.get_json("timeseries/asset-metrics", params, error_in=error_in)
            if not isinstance(payload, dict) or not isinstance(payload.get("data"), list):
                msg = "timeseries/asset-metrics answered without a list of data"
                raise client.error(msg, "check CFW_COINMETRICS_BASE_URL", wide=True)
            page = parse_metrics(
                payload["data"],
                self._symbols,
                part.metrics,
                self._run.clock,
                archive=self._archive,
            )
            for row in page.rows:
                self.given.setdefault(row["symbol"], set()).add(row["metric"])
            yield from self._run.landed(ONCHAIN_METRICS, page, is_sample=reply.is_sample)
            token = payload.get("next_page_token")
            if not token:
                return
            if token == params.get("next_page_token"):
                msg = "timeseries/asset-metrics repeats its page token"
                raise client.error(msg, "run it again later", wide=True)
            params["next_page_token"] = str(token)
