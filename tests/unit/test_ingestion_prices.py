"""Candles and markets: windows, cursors and parsing, without I/O."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.prices import coinbase, coingecko
from ingestion.prices.coinbase import Window
from ingestion.rejections import Parsed

CLOCK = datetime(2024, 3, 13, 12, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)
FIRST = datetime(2024, 3, 13, 0, tzinfo=UTC)
WINDOW = Window(FIRST, FIRST + 11 * HOUR)


def stamp(hour: float) -> int:
    return int((FIRST + timedelta(hours=hour)).timestamp())


def parse(*candles: Any) -> Parsed:
    return coinbase.parse_candles(list(candles), "BTC", "BTC-USD", WINDOW, CLOCK)


def test_a_recorded_candle_is_low_high_open_close() -> None:
    window = Window(datetime(2024, 3, 13, 11, tzinfo=UTC), datetime(2024, 3, 13, 11, tzinfo=UTC))
    payload = json.loads("[[1710327600,73241.5,73402.47,73243.33,73370.65,1.56794406]]")
    parsed = coinbase.parse_candles(payload, "BTC", "BTC-USD", window, CLOCK)
    (row,) = parsed.rows
    assert (row["open"], row["high"], row["low"], row["close"]) == (
        73243.33,
        73402.47,
        73241.5,
        73370.65,
    )
    assert row["available_at"] == row["bar_open_at"] + HOUR == window.first + HOUR
    assert (row["quote_currency"], row["volume_quote"]) == ("USD", None)


def test_bars_come_out_oldest_first_and_integers_are_numbers() -> None:
    parsed = parse([stamp(2), 1, 4, 2, 3, 10], [stamp(1), 1.5, 4, 2, 3, 2**64])
    assert [row["bar_open_at"] for row in parsed.rows] == [FIRST + HOUR, FIRST + 2 * HOUR]
    assert parsed.rows[0]["volume_base"] == float(2**64)
    assert all(type(row["low"]) is float for row in parsed.rows)


def test_rows_outside_the_window_and_the_running_bar_are_not_taken() -> None:
    parsed = parse(
        [stamp(-1), 1, 4, 2, 3, 1], [stamp(12), 1, 4, 2, 3, 1], [stamp(11), 1, 4, 2, 3, 1]
    )
    assert [row["bar_open_at"] for row in parsed.rows] == [FIRST + 11 * HOUR]
    assert parsed.rejections == []


@pytest.mark.parametrize(
    ("candle", "reason"),
    [
        ([stamp(1), 5, 4, 2, 3, 1], "high is below low"),
        ([stamp(1), -1, 4, 2, 3, 1], "low is not above zero"),
        ([stamp(1), 1, 4, 2, 3, math.nan], "volume is not finite"),
        ([stamp(1), "1", 4, 2, 3, 1], "low is a string where a number belongs"),
        ([stamp(1), None, 4, 2, 3, 1], "low is missing"),
        ([stamp(1), 1, 4, 2, 3], "the candle has 5 fields instead of 6"),
        ([stamp(1) + 60, 1, 4, 2, 3, 1], "time is not on the hourly grid"),
        ([stamp(20), 1, 4, 2, 3, 1], "time lies in the future"),
        ([stamp(1) * 10**9, 1, 4, 2, 3, 1], "time is not a time"),
        ({"time": 1}, "the candle is not a list"),
        (None, "the candle is not a list"),
    ],
)
def test_bad_candles_are_refused_and_the_others_stay(candle: Any, reason: str) -> None:
    parsed = parse(candle, [stamp(3), 1, 4, 2, 3, 1])
    assert [bad.reason for bad in parsed.rejections] == [reason]
    assert len(parsed.rows) == 1
    assert "BTC-USD" in parsed.rejections[0].payload


def test_a_contradiction_on_one_page_is_refused() -> None:
    parsed = parse([stamp(1), 1, 4, 2, 3, 1], [stamp(1), 1, 4, 2, 3, 1], [stamp(1), 1, 4, 2, 4, 1])
    assert [row["close"] for row in parsed.rows] == [3.0]
    assert len(parsed.rejections) == 1


def test_windows_cover_every_bar_once_with_at_most_300_buckets() -> None:
    start = datetime(2024, 1, 1, 0, 20, tzinfo=UTC)
    windows = list(coinbase.windows(start, {}, CLOCK))
    hours = [w.first + n * HOUR for w in windows for n in range((w.last - w.first) // HOUR + 1)]
    assert hours[0] == datetime(2024, 1, 1, 1, tzinfo=UTC)
    assert hours[-1] == datetime(2024, 3, 13, 11, tzinfo=UTC)
    assert len(set(hours)) == len(hours) == (hours[-1] - hours[0]) // HOUR + 1
    assert all((w.last - w.first) / HOUR <= 299 for w in windows)


def test_what_was_read_is_not_asked_again_but_for_the_lag() -> None:
    cursor: dict[str, str] = {}
    start = CLOCK - timedelta(days=30)
    for window in coinbase.windows(start, cursor, CLOCK):
        coinbase.advance(cursor, window)
    assert list(coinbase.windows(start, cursor, CLOCK)) == [
        Window(CLOCK.replace(hour=9, minute=0), CLOCK.replace(hour=11, minute=0))
    ]
    later = CLOCK + 2 * HOUR
    assert list(coinbase.windows(start, cursor, later)) == [
        Window(CLOCK.replace(hour=9, minute=0), CLOCK.replace(hour=13, minute=0))
    ]
    assert list(coinbase.windows(start, cursor, CLOCK - timedelta(days=1))) == []


def test_an_earlier_start_is_read_backwards() -> None:
    known = datetime(2024, 3, 1, tzinfo=UTC)
    cursor = {"from": known.isoformat(), "through": (CLOCK.replace(minute=0) - HOUR).isoformat()}
    windows = list(coinbase.windows(known - timedelta(days=30), dict(cursor), CLOCK))[1:]
    assert windows[0].last == known - HOUR
    assert windows == sorted(windows, reverse=True)
    assert windows[-1].first == known - timedelta(days=30)


def test_nothing_is_asked_when_history_begins_in_the_future() -> None:
    assert list(coinbase.windows(CLOCK + HOUR, {}, CLOCK)) == []


COIN = {
    "id": "bitcoin",
    "symbol": "btc",
    "current_price": 77671,
    "market_cap": 1555886872303,
    "circulating_supply": 20030493.0,
    "total_supply": 20030843.0,
    "max_supply": None,
    "roi": None,
    "last_updated": "2024-03-13T12:29:21.599Z",
}


def markets(*coins: Any) -> Parsed:
    return coingecko.parse_markets(list(coins), {"bitcoin": "BTC", "ethereum": "ETH"}, CLOCK)


def test_a_coin_becomes_a_snapshot() -> None:
    (row,) = markets(COIN).rows
    assert (row["symbol"], row["price_usd"], row["max_supply"]) == ("BTC", 77671.0, None)
    assert row["captured_at"] == row["available_at"] == CLOCK
    assert type(row["market_cap_usd"]) is float
    assert row["raw"]["roi"] is None


def test_wobbling_types_are_one_type() -> None:
    (row,) = markets({**COIN, "market_cap": 2**70, "roi": {"times": math.inf}}).rows
    assert row["market_cap_usd"] == float(2**70)
    assert row["raw"]["market_cap"] == float(2**70)
    assert row["raw"]["roi"] == {"times": None}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"id": "dogecoin"}, "unknown symbol: dogecoin was not asked for"),
        ({"id": None}, "id is missing"),
        ({"current_price": "1"}, "current_price is a string where a number belongs"),
        ({"current_price": 0}, "current_price is not above zero"),
        ({"market_cap": -1}, "market_cap is negative"),
        ({"circulating_supply": math.nan}, "circulating_supply is not finite"),
        ({"last_updated": "2024-03-14T12:00:00Z"}, "last_updated lies in the future"),
        ({"last_updated": "2024-03-13T12:00:00"}, "last_updated has no time zone"),
    ],
)
def test_bad_coins_are_refused(change: dict[str, Any], reason: str) -> None:
    parsed = markets({**COIN, **change}, {**COIN, "id": "ethereum"})
    assert [bad.reason for bad in parsed.rejections] == [reason]
    assert [row["symbol"] for row in parsed.rows] == ["ETH"]


def test_an_error_in_place_of_the_list_is_seen() -> None:
    assert coingecko.error_in({"status": {"error_code": 429}})
    assert coingecko.error_in({"error": "coin not found"})
    assert coingecko.error_in([]) is None


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=7) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(st.lists(_JSON, max_size=6))
def test_no_payload_breaks_the_parsers(payload: list[Any]) -> None:
    assert parse(*payload).rows == []
    assert markets(*payload).rows == []
