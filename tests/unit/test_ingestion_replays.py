"""Pages in any order, split anyhow, read again and again: the raw tables are the same.

Facts go as wire rows through each provider's parser, or as rows where another package makes them,
then through the history into DuckDB in memory, extraction by extraction.
"""

from __future__ import annotations

import time as clocks
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingestion.backfill import ledger
from ingestion.backfill.intervals import Interval
from ingestion.history import History
from ingestion.macro import alfred, fear_greed
from ingestion.news import checks, rss
from ingestion.news.feeds import Feed
from ingestion.onchain import coinmetrics
from ingestion.prices import binance, coinbase, coingecko
from ingestion.prices.bars import Market
from ingestion.prices.windows import Window
from ingestion.rejections import reject
from ingestion.social import stocktwits
from ingestion.tables import (
    ARTICLES,
    ASSET_MENTIONS,
    ASSET_SNAPSHOTS,
    BACKFILL_INTERVALS,
    FEED_CHECKS,
    MACRO_OBSERVATIONS,
    ONCHAIN_METRICS,
    PRICE_BARS,
    REJECTED_ROWS,
    SCORING_FAILURES,
    SENTIMENT_SCORES,
    SOCIAL_ENGAGEMENT,
    SOCIAL_POSTS,
    TABLES,
    Row,
    Table,
)

T0 = datetime(2024, 6, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
_SQL = {
    **{"text": "VARCHAR", "double": "DOUBLE", "bigint": "BIGINT", "bool": "BOOLEAN"},
    **{"timestamp": "TIMESTAMPTZ", "date": "DATE"},
}


DUCKDB = duckdb.connect(config={"threads": 1})
DUCKDB.execute("SET TimeZone = 'UTC'")


def _utc(value: Any) -> Any:
    return value.astimezone(UTC) if isinstance(value, datetime) else value


class Memory:
    """One raw table in DuckDB, in memory, that the history reads."""

    def __init__(self, table: Table, name: str) -> None:
        self._table = table
        self._name = name
        names = dict.fromkeys((*table.key, *table.identity, *table.compared))
        self._columns = [table.by_name[name] for name in names]
        columns = ", ".join(f'"{c.name}" {_SQL[c.data_type]}' for c in self._columns)
        key = ", ".join(f'"{name}"' for name in table.key)
        DUCKDB.execute(f"CREATE OR REPLACE TABLE {name} ({columns}, PRIMARY KEY ({key}))")

    def table(self, name: str) -> str:
        assert name == self._table.name
        return self._name

    def has_table(self, name: str) -> bool:
        return name == self._table.name

    def query(self, sql: str, params: Sequence[Any] = ()) -> list[dict[str, Any]]:
        found = DUCKDB.execute(sql.replace("%s", "?"), list(params))
        names = [column[0] for column in found.description]
        return [dict(zip(names, map(_utc, row), strict=True)) for row in found.fetchall()]

    def extract(self, clock: datetime, pages: Sequence[Sequence[Row]]) -> int:
        """Load the pages of one extraction; return how many rows were new."""
        history = History(self, clock, clock)
        new = [row for page in pages for row in history.new_rows(self._table, page)]
        # As the loader does: a key that two pages of one extraction share is one row.
        by_key = {tuple(row[name] for name in self._table.key): row for row in reversed(new)}
        marks = ", ".join("?" * len(self._columns))
        values = [[row[column.name] for column in self._columns] for row in by_key.values()]
        if values:
            DUCKDB.executemany(f"INSERT INTO {self._name} VALUES ({marks})", values)
        return len(by_key)

    def facts(self) -> list[tuple[Any, ...]]:
        """Return what is stored, without when it was captured and loaded."""
        names = dict.fromkeys((*self._table.identity, *self._table.compared))
        if self._table.keep == "vintage":
            names["vintage_date"] = None
        columns = ", ".join(f'"{name}"' for name in names)
        rows = self.query(f"SELECT {columns} FROM {self._name}")
        return sorted(tuple(str(value) for value in row.values()) for row in rows)


@dataclass(frozen=True)
class Source:
    """Where rows of a table come from.

    Attributes:
        table: what is filled.
        wire: the n-th fact as it comes.
        parse: makes rows of a page at a clock.
    """

    table: Table
    wire: Callable[[int], Any]
    parse: Callable[[list[Any], datetime], list[Row]]


def _candle(n: int) -> list[Any]:
    return [int((T0 + n * HOUR).timestamp()), 1.0, 3.0 + n, 2.0, 2.5, float(n)]


def _candles(page: list[Any], clock: datetime) -> list[Row]:
    window = Window(T0, T0 + 100 * HOUR)
    return coinbase.parse_candles(page, Market("BTC", "BTC-USD", "USD", 60), window, clock).rows


def _kline(n: int) -> list[Any]:
    opened = int((T0 + n * HOUR).timestamp()) * 1000
    told = [f"{n}.5", n, "0", "0", "0"] if n % 3 else [None, None, None, None, "0"]
    return [opened, "2", str(3 + n), "1", "2.5", str(n), opened + 3_599_999, *told]


def _klines(page: list[Any], clock: datetime) -> list[Row]:
    window = Window(T0, T0 + 100 * HOUR)
    return binance.parse_klines(page, Market("BTC", "BTCUSDT", "USDT", 60), window, clock).rows


def _coin(n: int) -> dict[str, Any]:
    return {"id": f"coin{n}", "current_price": 1.5 + n, "circulating_supply": n * 1e6}


def _coins(page: list[Any], clock: datetime) -> list[Row]:
    symbols = {f"coin{n}": f"C{n}" for n in range(100)}
    return coingecko.parse_markets(page, symbols, clock).rows


def _onchain(n: int) -> dict[str, Any]:
    return {"asset": "btc", "time": f"{(T0 - n * DAY).date()}T00:00:00.0Z", "TxCnt": f"{n}.25"}


def _onchain_rows(page: list[Any], clock: datetime) -> list[Row]:
    return coinmetrics.parse_metrics(page, {"btc": "BTC"}, ("TxCnt", "AdrActCnt"), clock).rows


def _greed(n: int) -> dict[str, Any]:
    return {"value": str(n % 100), "timestamp": str(int((T0 - n * DAY).timestamp()))}


def _entry(n: int) -> dict[str, Any]:
    day = clocks.gmtime((T0 - n * HOUR).timestamp())
    link = f"https://news.example/{n}"
    return {"id": f"guid-{n}", "title": f"News {n}", "link": link, "published_parsed": day}


def _entries(page: list[Any], clock: datetime) -> list[Row]:
    feed = Feed("news", "crypto", "https://news.example/rss")
    return rss.parse_entries(page, feed, clock, is_archive=False).rows


def _message(n: int) -> dict[str, Any]:
    posted = (T0 - n * HOUR).strftime("%Y-%m-%dT%H:%M:%SZ")
    user = {"id": 7 + n % 3, "classification": []}
    body = {"id": 1000 + n, "body": f"to the moon {n % 5}", "created_at": posted, "user": user}
    return {**body, "likes": {"total": n}}


def _posts(page: list[Any], clock: datetime) -> list[Row]:
    return stocktwits.parse_messages(page, clock, is_archive=True)[0].rows


def _captures(page: list[Any], clock: datetime) -> list[Row]:
    return stocktwits.parse_messages(page, clock, is_archive=True)[1].rows


def _refused(page: list[Any], clock: datetime) -> list[Row]:
    found = [reject("price_bars", "low is missing", raw) for raw in page]
    return [
        {
            "source": "coinbase",
            "table_name": rejection.table,
            "row_hash": rejection.row_hash,
            "reason": rejection.reason,
            "payload": rejection.payload,
        }
        for rejection in found
    ]


def _score(n: int) -> dict[str, Any]:
    values = {"score": n / 100, "confidence": 0.5, "label": "neutral", "precision": "float32"}
    unknown = dict.fromkeys(("p_negative", "p_neutral", "p_positive"))
    names = {"text_id": f"t{n}", "model_id": "m", "model_revision": "r"}
    return {**names, **values, **unknown, "scored_at": T0}


def _failure(n: int) -> Any:
    return {
        "text_id": f"{n % 4:064x}",
        "model_id": "m",
        "model_revision": "1",
        "attempt": 1,
        "error": f"cannot read text {n % 4}",
        "failed_at": T0,
        "is_sample": True,
    }


def _mention(n: int) -> dict[str, Any]:
    found = {"rule": "name", "matched": "Bitcoin", "start_offset": n, "end_offset": n + 7}
    return {"text_id": f"t{n // 2}", "symbol": ("BTC", "ETH")[n % 2], **found}


def _checks(page: list[Any], clock: datetime) -> list[Row]:
    rows = []
    for n in page:
        feed = Feed(f"news{n}", "crypto", f"https://news.example/{n}/rss")
        answer = checks.Answer(f'"{clock}"', None, n, T0 - n * HOUR, is_sample=True)
        rows.append(checks.answered(feed, clock, answer)[1])
    return rows


def _intervals(page: list[Any], clock: datetime) -> list[Row]:
    months = [Interval(T0 - (n + 1) * DAY, T0 - n * DAY) for n in page]
    entries = [
        ledger.Entry("BTC@60", month, 24, 1, f"BTCUSDT-1h-{month.first.date()}", "a" * 64)
        for month in months
    ]
    return ledger.rows_of(entries, "binance-archive", "prices", clock)


def _as_is(page: list[Any], clock: datetime) -> list[Row]:
    return [dict(row) for row in page]


SOURCES = (
    Source(PRICE_BARS, _candle, _candles),
    Source(PRICE_BARS, _kline, _klines),
    Source(ASSET_SNAPSHOTS, _coin, _coins),
    Source(ONCHAIN_METRICS, _onchain, _onchain_rows),
    Source(
        MACRO_OBSERVATIONS, _greed, lambda page, clock: fear_greed.parse_index(page, clock).rows
    ),
    Source(ARTICLES, _entry, _entries),
    Source(FEED_CHECKS, int, _checks),
    Source(BACKFILL_INTERVALS, int, _intervals),
    Source(SOCIAL_POSTS, _message, _posts),
    Source(SOCIAL_ENGAGEMENT, _message, _captures),
    Source(REJECTED_ROWS, _candle, _refused),
    Source(SENTIMENT_SCORES, _score, _as_is),
    Source(SCORING_FAILURES, _failure, _as_is),
    Source(ASSET_MENTIONS, _mention, _as_is),
)

#: Extractions of pages of facts, by their numbers.
READINGS = st.lists(
    st.lists(st.lists(st.integers(0, 11), max_size=8), min_size=1, max_size=4),
    min_size=1,
    max_size=4,
)
QUICK = settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))


def test_every_raw_table_is_replayed() -> None:
    assert {source.table.name for source in SOURCES} == set(TABLES)


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.table.name)
@QUICK
@given(readings=READINGS, data=st.data())
def test_the_order_and_the_number_of_readings_do_not_matter(
    source: Source, readings: list[list[list[int]]], data: st.DataObject
) -> None:
    numbers = sorted({n for pages in readings for page in pages for n in page})
    at_once = Memory(source.table, "at_once")
    clock = T0 + 10 * DAY
    rows = source.parse([source.wire(n) for n in numbers], clock)
    assert at_once.extract(clock, [rows]) == len(at_once.facts())
    bit_by_bit = Memory(source.table, "bit_by_bit")
    orders = data.draw(st.permutations(readings))
    for moment, pages in enumerate([*orders, *readings]):
        clock = T0 + 10 * DAY + moment * HOUR
        read = [source.parse([source.wire(n) for n in page], clock) for page in pages]
        bit_by_bit.extract(clock, read)
    assert bit_by_bit.facts() == at_once.facts()
    everything = [source.parse([source.wire(n) for n in numbers], clock + HOUR)]
    assert bit_by_bit.extract(clock + HOUR, everything) == 0


#: Per observation, its values by the number of the vintage that published them.
VINTAGES = st.lists(
    st.dictionaries(st.integers(0, 7), st.integers(0, 2), min_size=1), min_size=1, max_size=4
)


def _validities(published: list[dict[int, int]], first: int, last: int) -> list[dict[str, str]]:
    """Return what ALFRED tells of the vintages from ``first`` to ``last``, clamped as it does."""
    rows = []
    for n, values in enumerate(published):
        starts = sorted(values)
        for start, end in zip(starts, [*starts[1:], 99], strict=True):
            if start <= last and end > first:
                begin = max(start, first)
                rows.append((n, begin, values[start]))
    return [
        {
            "date": str(date(2020, 1 + n, 1)),
            "realtime_start": str(date(2021, 1, 1) + begin * DAY),
            "realtime_end": "9999-12-31",
            "value": str(value),
        }
        for n, begin, value in rows
    ]


@QUICK
@given(published=VINTAGES, cuts=st.sets(st.integers(1, 7)), again=st.lists(st.integers(0, 7)))
def test_vintages_are_the_same_however_the_windows_are_cut(
    published: list[dict[int, int]], cuts: set[int], again: list[int]
) -> None:
    """Windows are read in the order of time; any that was read may be read again."""

    def parsed(first: int, last: int, clock: datetime) -> list[Row]:
        raw = _validities(published, first, last)
        return alfred.parse_observations(raw, "X", clock, None).rows

    clock = T0
    at_once = Memory(MACRO_OBSERVATIONS, "at_once")
    at_once.extract(clock, [parsed(0, 99, clock)])
    starts = [0, *sorted(cuts)]
    windows = list(zip(starts, [*(start - 1 for start in starts[1:]), 99], strict=True))
    bit_by_bit = Memory(MACRO_OBSERVATIONS, "bit_by_bit")
    for window in [*windows, *(windows[n % len(windows)] for n in again), *windows]:
        clock += HOUR
        bit_by_bit.extract(clock, [parsed(*window, clock)])
    assert bit_by_bit.facts() == at_once.facts()
