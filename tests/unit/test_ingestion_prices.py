"""Coinbase's candles and CoinGecko's coins and charts: parsing, without I/O."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.prices import coinbase, coingecko
from ingestion.prices.bars import Market
from ingestion.prices.windows import Window
from ingestion.rejections import Parsed

CLOCK = datetime(2024, 3, 13, 12, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)
FIRST = datetime(2024, 3, 13, 0, tzinfo=UTC)
BTC = Market("BTC", "BTC-USD", "USD", 60)
WINDOW = Window(FIRST, FIRST + 11 * HOUR)


def stamp(hour: float) -> int:
    return int((FIRST + timedelta(hours=hour)).timestamp())


def parse(*candles: Any) -> Parsed:
    return coinbase.parse_candles(list(candles), BTC, WINDOW, CLOCK)


def test_a_recorded_candle_is_low_high_open_close() -> None:
    window = Window(datetime(2024, 3, 13, 11, tzinfo=UTC), datetime(2024, 3, 13, 11, tzinfo=UTC))
    payload = json.loads("[[1710327600,73241.5,73402.47,73243.33,73370.65,1.56794406]]")
    parsed = coinbase.parse_candles(payload, BTC, window, CLOCK)
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
        ([stamp(1) + 60, 1, 4, 2, 3, 1], "time is not on the 60-minute grid"),
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


def test_five_minute_candles_have_their_own_grid_and_close() -> None:
    market = BTC._replace(minutes=5)
    candles = [
        [stamp(1), 1, 4, 2, 3, 1],
        [stamp(1) + 300, 1, 4, 2, 3, 1],
        [stamp(1) + 60, 1, 4, 2, 3, 1],
    ]
    parsed = coinbase.parse_candles(candles, market, WINDOW, CLOCK)
    assert [row["interval_minutes"] for row in parsed.rows] == [5, 5]
    assert parsed.rows[1]["available_at"] == FIRST + HOUR + timedelta(minutes=10)
    assert [bad.reason for bad in parsed.rejections] == ["time is not on the 5-minute grid"]


def test_a_contradiction_on_one_page_is_refused() -> None:
    parsed = parse([stamp(1), 1, 4, 2, 3, 1], [stamp(1), 1, 4, 2, 3, 1], [stamp(1), 1, 4, 2, 4, 1])
    assert [row["close"] for row in parsed.rows] == [3.0]
    assert len(parsed.rejections) == 1


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


def chart(*points: tuple[float, Any, Any]) -> Parsed:
    times = [stamp(hour) * 1000 + 41 for hour, _, _ in points]
    payload = {
        "prices": [[at, price] for at, (_, price, _) in zip(times, points, strict=True)],
        "market_caps": [[at, cap] for at, (_, _, cap) in zip(times, points, strict=True)],
        "total_volumes": [[at, 7.5] for at in times],
    }
    return coingecko.parse_chart(payload, "BTC", FIRST + HOUR, FIRST + 5 * HOUR)


def test_the_past_has_price_and_value_by_hour_and_no_supply() -> None:
    parsed = chart((1.01, 100, 2000.0), (1.5, 110, 2200.0), (2.02, 120.0, 0), (3.01, 130, None))
    assert [row["captured_at"] for row in parsed.rows] == [FIRST + n * HOUR for n in (1, 2, 3)]
    assert [row["price_usd"] for row in parsed.rows] == [100.0, 120.0, 130.0]
    assert [row["market_cap_usd"] for row in parsed.rows] == [2000.0, None, None]
    for row in parsed.rows:
        assert row["circulating_supply"] is row["total_supply"] is row["max_supply"] is None
        assert row["available_at"] == row["last_updated_at"] + HOUR > row["captured_at"] + HOUR
        assert row["raw"] == {"total_volume_24h": 7.5}


def test_points_outside_the_hours_wanted_are_not_taken() -> None:
    assert [row["price_usd"] for row in chart((0.5, 1, 1), (4.9, 2, 2), (5.0, 3, 3)).rows] == [2.0]


@pytest.mark.parametrize(
    ("price", "cap", "reason"),
    [
        (0, 1.0, "price is not above zero"),
        (None, 1.0, "price is missing"),
        (1.0, -1.0, "market cap is negative"),
        (1.0, "1", "market cap is a string where a number belongs"),
    ],
)
def test_bad_points_are_refused(price: Any, cap: Any, reason: str) -> None:
    parsed = chart((1.01, price, cap), (2.01, 5.0, 6.0))
    assert [bad.reason for bad in parsed.rejections] == [reason]
    assert [row["price_usd"] for row in parsed.rows] == [5.0]


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
    lists = {"prices": payload, "market_caps": payload, "total_volumes": payload}
    assert coingecko.parse_chart(lists, "BTC", FIRST, CLOCK).rows == []
