"""The two-time history: what is new, and that the way rows arrive does not matter."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.history import History, unseen
from ingestion.tables import (
    ARTICLES,
    ASSET_SNAPSHOTS,
    MACRO_OBSERVATIONS,
    ONCHAIN_METRICS,
    PRICE_BARS,
    SOCIAL_ENGAGEMENT,
    SOCIAL_POSTS,
    TABLES,
    Row,
    Table,
)

T0 = datetime(2024, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


class Store:
    """A table in memory, loaded extraction by extraction."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self.rows: list[Row] = []
        self.clock = T0

    def load(self, *pages: Sequence[Row]) -> list[Row]:
        """One extraction of several pages; returns what was new."""
        self.clock += HOUR
        new: list[Row] = []
        taken: set[Any] = set()
        for page in pages:
            fresh = unseen(self.table, [dict(row) for row in page], self.rows, self.clock)
            for row in fresh:
                key = tuple(row[name] for name in self.table.key[:-1])
                if key not in taken:
                    taken.add(key)
                    new.append({**row, "loaded_at": self.clock})
        self.rows += new
        return new

    def facts(self) -> set[Any]:
        """The stored rows without the time of loading."""
        names = [name for name in (*self.table.key, *self.table.compared) if name != "loaded_at"]
        return {tuple(row[name] for name in names) for row in self.rows}


def bar(hour: int, close: float = 1.0) -> Row:
    opened = T0 + hour * HOUR
    return {
        "provider": "coinbase",
        "symbol": "BTC",
        "interval_minutes": 60,
        "bar_open_at": opened,
        "open": 1.0,
        "high": 9.0,
        "low": 1.0,
        "close": close,
        "volume_base": 1.0,
        "volume_quote": None,
        "trade_count": None,
        "quote_currency": "USD",
        "available_at": opened + HOUR,
    }


def article(version: str, guid: str = "g") -> Row:
    return {
        "feed": "f",
        "guid": guid,
        "text_version": version,
        "available_at": T0 - HOUR,
        "is_backfilled": True,
    }


def macro(vintage: int, value: float, day: int = 1, *, is_vintage: bool = True) -> Row:
    return {
        "provider": "fred",
        "series_id": "X",
        "observation_date": date(2023, 1, day),
        "vintage_date": date(2023, 2, vintage),
        "value": value,
        "is_vintage": is_vintage,
        "available_at": T0 - HOUR,
    }


def test_a_corrected_bar_is_a_new_row_known_from_now() -> None:
    store = Store(PRICE_BARS)
    store.load([bar(0), bar(1)])
    assert store.load([bar(0), bar(1)]) == []
    (corrected,) = store.load([bar(0), bar(1, 2.0)])
    assert corrected["available_at"] == store.clock
    assert store.load([bar(0), bar(1, 2.0)]) == []
    assert [row["close"] for row in store.load([bar(1, 1.0)])] == [1.0]
    assert len(store.rows) == 4


def test_a_restated_day_is_known_from_now() -> None:
    store = Store(ONCHAIN_METRICS)
    row: Row = {
        "provider": "coinmetrics",
        "symbol": "BTC",
        "metric": "TxCnt",
        "day": date(2023, 12, 1),
        "value": 1.0,
        "available_at": T0,
    }
    store.load([row])
    assert store.load([row]) == []
    (restated,) = store.load([{**row, "value": 2.0}])
    assert restated["available_at"] == store.clock


def test_an_edit_and_its_return_are_three_rows() -> None:
    store = Store(ARTICLES)
    assert store.load([article("A")])[0]["is_backfilled"] is True
    (edited,) = store.load([article("B")])
    assert (edited["available_at"], edited["is_backfilled"]) == (store.clock, False)
    store.load([article("A")])
    assert store.load([article("A")]) == []
    assert [row["text_version"] for row in store.rows] == ["A", "B", "A"]


def test_the_first_text_of_a_post_stays() -> None:
    store = Store(SOCIAL_POSTS)
    post: Row = {"platform": "s", "post_id": "1", "text_id": "a", "available_at": T0}
    store.load([post, {**post, "text_id": "b"}])
    assert store.load([{**post, "text_id": "c"}]) == []
    assert [row["text_id"] for row in store.rows] == ["a"]


def test_engagement_is_captured_when_a_count_changed() -> None:
    store = Store(SOCIAL_ENGAGEMENT)
    seen: Row = {
        "platform": "s",
        "post_id": "1",
        "likes": 1,
        "reposts": None,
        "replies": 0,
        "captured_at": T0,
        "available_at": T0,
    }
    store.load([seen])
    assert store.load([{**seen, "captured_at": T0 + HOUR}]) == []
    assert len(store.load([{**seen, "captured_at": T0 + HOUR, "reposts": 0}])) == 1


def test_a_snapshot_is_new_when_a_value_changed() -> None:
    store = Store(ASSET_SNAPSHOTS)
    names = ASSET_SNAPSHOTS.compared
    first: Row = {
        **dict.fromkeys(names, 1.0),
        "provider": "coingecko",
        "symbol": "BTC",
        "captured_at": T0,
        "available_at": T0,
    }
    store.load([first])
    assert store.load([{**first, "captured_at": T0 + HOUR}]) == []
    assert len(store.load([{**first, "captured_at": T0 + HOUR, "max_supply": None}])) == 1


def test_every_real_vintage_stays_and_a_clamped_one_goes() -> None:
    store = Store(MACRO_OBSERVATIONS)
    history = [macro(1, 1.0), macro(5, 2.0), macro(9, 1.0)]
    assert len(store.load(history)) == 3
    assert store.load(history) == []
    assert store.load([macro(7, 2.0)]) == []
    (new,) = store.load([macro(12, 3.0)])
    assert new["available_at"] == T0 - HOUR
    assert store.load([macro(12, 3.0), macro(14, 3.0)]) == []


def test_clamped_rows_are_dropped_within_a_batch() -> None:
    store = Store(MACRO_OBSERVATIONS)
    new = store.load([macro(1, 1.0), macro(4, 1.0), macro(5, 2.0), macro(8, 2.0), macro(9, 1.0)])
    assert [row["vintage_date"].day for row in new] == [1, 5, 9]


def test_a_vintage_that_changed_in_place_is_known_from_now() -> None:
    store = Store(MACRO_OBSERVATIONS)
    store.load([macro(1, 1.0)])
    (changed,) = store.load([macro(1, 1.5)])
    assert (changed["vintage_date"].day, changed["available_at"]) == (1, store.clock)
    assert store.load([macro(1, 1.5)]) == []


def test_without_vintages_a_change_is_a_vintage_of_today() -> None:
    store = Store(MACRO_OBSERVATIONS)
    store.load([macro(1, 1.0, is_vintage=False)])
    (changed,) = store.load([macro(1, 2.0, is_vintage=False)])
    assert changed["vintage_date"] == store.clock.date()
    assert changed["available_at"] == store.clock
    assert store.load([macro(1, 2.0, is_vintage=False)]) == []
    assert len(store.load([macro(1, 1.0, is_vintage=False)])) == 1


@given(st.data())
def test_the_way_pages_arrive_does_not_matter(data: st.DataObject) -> None:
    """Any split, order and repetition of pages gives the same raw rows."""
    bars = [bar(hour, 1.0 + hour % 3) for hour in range(data.draw(st.integers(1, 12)))]
    pages = data.draw(st.lists(st.lists(st.sampled_from(bars), max_size=8), min_size=1, max_size=8))
    pages.append(data.draw(st.permutations(bars)))
    pages = data.draw(st.permutations(pages))
    store = Store(PRICE_BARS)
    position = 0
    while position < len(pages):
        size = data.draw(st.integers(1, 3))
        store.load(*pages[position : position + size])
        position += size
    assert len(store.rows) == len(bars)
    whole = Store(PRICE_BARS)
    whole.load(bars)
    assert store.facts() == whole.facts()


@given(
    st.lists(st.sampled_from([1.0, 2.0, 3.0]), min_size=1, max_size=10),
    st.integers(1, 4),
    st.integers(0, 3),
)
def test_the_cut_of_vintage_windows_does_not_matter(
    values: list[float], size: int, repeats: int
) -> None:
    """A value's validity, clamped to any windows and read again, gives its real changes."""
    changes = [
        (vintage, value)
        for vintage, value in enumerate(values, start=1)
        if vintage == 1 or values[vintage - 2] != value
    ]
    store = Store(MACRO_OBSERVATIONS)
    for _ in range(repeats + 1):
        for start in range(1, len(values) + 1, size):
            store.load(
                [
                    macro(day, values[day - 1])
                    for day in range(start, start + size)
                    if day <= len(values)
                ]
            )
    stored = [(row["vintage_date"].day, row["value"]) for row in store.rows]
    assert stored == changes


class Reader:
    """Counts what the history asks, and answers with nothing."""

    def __init__(self, *, exists: bool = True) -> None:
        self.asked: list[tuple[str, list[Any]]] = []
        self._exists = exists

    def table(self, name: str) -> str:
        return f"raw.{name}"

    def has_table(self, name: str) -> bool:
        return self._exists

    def query(self, sql: str, params: Sequence[Any] = ()) -> list[dict[str, Any]]:
        self.asked.append((sql, list(params)))
        return []


def test_only_the_range_of_the_batch_is_read() -> None:
    reader = Reader()
    history = History(reader, T0, T0 + HOUR)
    rows = history.new_rows(PRICE_BARS, [bar(5), bar(3), bar(9)])
    assert {row["loaded_at"] for row in rows} == {T0 + HOUR}
    ((sql, params),) = reader.asked
    assert "bar_open_at BETWEEN %s AND %s" in sql
    assert params == ["coinbase", "BTC", 60, T0 + 3 * HOUR, T0 + 9 * HOUR]


def test_long_lists_are_cut_and_an_absent_table_is_not_read() -> None:
    reader = Reader()
    rows = [article("A", guid=str(number)) for number in range(1100)]
    assert len(History(reader, T0, T0).new_rows(ARTICLES, rows)) == 1100
    assert [len(params) for _, params in reader.asked] == [501, 501, 101]
    absent = Reader(exists=False)
    History(absent, T0, T0).new_rows(ARTICLES, rows)
    assert absent.asked == []


def test_one_extraction_takes_an_identity_once() -> None:
    history = History(Reader(exists=False), T0, T0)
    assert len(history.new_rows(ARTICLES, [article("A")])) == 1
    assert history.new_rows(ARTICLES, [article("B")]) == []
    assert history.new_rows(ARTICLES, []) == []


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda table: table.name)
def test_declarations_are_consistent(table: Table) -> None:
    names = set(table.by_name)
    used = {*table.key, *table.identity, *table.compared, *table.within}
    used |= {name for name in (table.between, table.latest) if name}
    assert used <= names
    assert table.key[-1] == "loaded_at"
    assert set(table.identity) <= set(table.key)
    assert set(table.within) <= set(table.identity)
    assert [column.name for column in table.columns[-2:]] == ["loaded_at", "is_sample"]
    for name in table.key:
        column = table.by_name[name]
        assert not column.nullable
        assert column.data_type != "text" or column.length is not None
    characters = sum(table.by_name[name].length or 8 for name in table.key)
    assert characters <= 768, "a server's index holds 3072 bytes"
