"""Coinbase and CoinGecko as the sandbox speaks them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import httpx
import pytest

from ingestion.sandbox import RunningSandbox

CANDLES = "/coinbase/products/BTC-USD/candles"
MARKETS = "/coingecko/api/v3/coins/markets"
HOUR = 3600


def candles(client: httpx.Client, start: str, end: str, granularity: int = HOUR) -> httpx.Response:
    params = {"granularity": str(granularity), "start": start, "end": end}
    return client.get(CANDLES, params=params)


def test_candles_are_newest_first_with_both_bounds_inclusive(client: httpx.Client) -> None:
    rows = candles(client, "2024-05-01T00:00:00Z", "2024-05-01T05:00:00Z").json()
    first = int(datetime(2024, 5, 1, tzinfo=UTC).timestamp())
    assert [row[0] for row in rows] == [first + h * HOUR for h in range(5, -1, -1)]
    for _, low, high, opened, closed, volume in rows:
        assert low <= min(opened, closed) <= max(opened, closed) <= high
        assert volume > 0
    assert all(not isinstance(value, str) for row in rows for value in row)


def test_bounds_may_be_unix_seconds_or_carry_an_offset(client: httpx.Client) -> None:
    first = datetime(2024, 5, 1, tzinfo=UTC)
    expected = candles(client, "2024-05-01T00:00:00Z", "2024-05-01T03:00:00Z").json()
    seconds = int(first.timestamp())
    assert candles(client, str(seconds), str(seconds + 3 * HOUR)).json() == expected
    offset = candles(client, first.isoformat(), (first + timedelta(hours=3)).isoformat())
    assert offset.json() == expected


def test_300_intervals_are_served_and_301_refused(client: httpx.Client) -> None:
    start = datetime(2024, 5, 5, tzinfo=UTC)
    most = candles(client, start.isoformat(), (start + timedelta(hours=300)).isoformat())
    assert len(most.json()) == 301 - 3  # an outage of three hours lies inside
    more = candles(client, start.isoformat(), (start + timedelta(hours=301)).isoformat())
    assert more.status_code == 400
    assert more.json()["message"].endswith("Count of aggregations requested exceeds 300")


def test_one_bound_alone_is_ignored(client: httpx.Client) -> None:
    params = {"granularity": str(HOUR), "start": "2024-03-01T00:00:00Z"}
    rows = client.get(CANDLES, params=params).json()
    assert len(rows) == 350
    assert rows[0][0] == datetime(2024, 6, 30, 23, tzinfo=UTC).timestamp()


def test_refusals_have_the_providers_bodies(client: httpx.Client) -> None:
    bad = candles(client, "2024-05-01T00:00:00Z", "2024-05-01T05:00:00Z", granularity=7)
    assert (bad.status_code, bad.json()) == (400, {"message": "Unsupported granularity"})
    unknown = client.get("/coinbase/products/NOPE-USD/candles", params={"granularity": "3600"})
    assert (unknown.status_code, unknown.json()) == (404, {"message": "NotFound"})


def test_empty_windows_and_intervals_without_data_are_empty_lists(client: httpx.Client) -> None:
    assert candles(client, "2020-05-01T00:00:00Z", "2020-05-01T05:00:00Z").json() == []
    assert candles(client, "2024-05-01T00:00:00Z", "2024-05-01T01:00:00Z", 60).json() == []


def test_five_minute_candles_make_the_hour_exactly(client: httpx.Client) -> None:
    hours = candles(client, "2024-05-01T00:00:00Z", "2024-05-01T23:00:00Z").json()
    parts = candles(client, "2024-05-01T00:00:00Z", "2024-05-01T23:55:00Z", 300).json()
    assert len(parts) == 24 * 12
    for moment, low, high, opened, closed, volume in hours:
        inside = sorted(part for part in parts if moment <= part[0] < moment + HOUR)
        assert (low, high) == (min(p[1] for p in inside), max(p[2] for p in inside))
        assert (opened, closed) == (inside[0][3], inside[-1][4])
        assert round(volume * 1e6) == sum(round(p[5] * 1e6) for p in inside)


def test_days_are_put_together_from_hours(client: httpx.Client) -> None:
    hours = candles(client, "2024-05-01T00:00:00Z", "2024-05-01T23:00:00Z").json()
    (day,) = candles(client, "2024-05-01T00:00:00Z", "2024-05-01T00:00:00Z", 86400).json()
    moment, low, high, opened, closed, volume = day
    assert moment == hours[-1][0]
    assert (low, high) == (min(h[1] for h in hours), max(h[2] for h in hours))
    assert (opened, closed) == (hours[-1][3], hours[0][4])
    assert volume == pytest.approx(sum(h[5] for h in hours))


def test_the_running_bar_is_provisional_and_nothing_later_is_shown(
    sandbox: RunningSandbox, client: httpx.Client
) -> None:
    window = ("2024-05-10T08:00:00Z", "2024-05-10T18:00:00Z")
    final = {row[0]: row for row in candles(client, *window).json()}
    sandbox.set_clock(datetime(2024, 5, 10, 12, 30, tzinfo=UTC))
    rows = candles(client, *window).json()
    running = rows[0]
    assert running[0] == datetime(2024, 5, 10, 12, tzinfo=UTC).timestamp()
    assert running[5] == pytest.approx(final[running[0]][5] / 2)
    assert running != final[running[0]]
    assert all(row == final[row[0]] for row in rows[1:])


def test_products_list_text_numbers(client: httpx.Client) -> None:
    rows = client.get("/coinbase/products").json()
    ids = {row["id"] for row in rows}
    assert {"BTC-USD", "AVAX-USD"} <= ids
    assert all(isinstance(row["quote_increment"], str) for row in rows)
    assert client.get("/coinbase/products/BTC-USD").json()["base_currency"] == "BTC"
    assert client.get("/coinbase/products/NOPE-USD").json() == {"message": "NotFound"}


def test_markets_page_by_value_and_end_with_an_empty_page(client: httpx.Client) -> None:
    params = {"vs_currency": "usd", "per_page": "4"}
    pages = [client.get(MARKETS, params={**params, "page": str(n)}).json() for n in (1, 2, 3, 4)]
    assert [len(p) for p in pages] == [4, 4, 2, 0]
    rows = [row for p in pages for row in p]
    assert all(a["market_cap"] >= b["market_cap"] for a, b in pairwise(rows))
    prices = {row["symbol"]: row["current_price"] for row in rows}
    assert isinstance(prices["btc"], int)
    assert isinstance(prices["doge"], float)
    assert rows[0]["last_updated"].endswith("Z")


def test_markets_follow_the_clock_and_the_ids(
    sandbox: RunningSandbox, client: httpx.Client
) -> None:
    params = {"vs_currency": "usd", "ids": "bitcoin,avalanche-2"}
    assert len(client.get(MARKETS, params=params).json()) == 2
    sandbox.set_clock(datetime(2024, 2, 20, 12, 10, tzinfo=UTC))
    (row,) = client.get(MARKETS, params=params).json()
    assert row["id"] == "bitcoin"
    assert row["last_updated"] == "2024-02-20T12:00:00.000Z"
    assert client.get(MARKETS).status_code == 422
    missing = client.get("/coingecko/api/v3/coins/nope")
    assert (missing.status_code, missing.json()) == (404, {"error": "coin not found"})
    listed = client.get("/coingecko/api/v3/coins/list").json()
    assert {"id": "bitcoin", "symbol": "btc", "name": "Bitcoin"} in listed


def chart(client: httpx.Client, start: datetime, end: datetime, coin: str = "bitcoin") -> Any:
    params = {"vs_currency": "usd", "from": int(start.timestamp()), "to": int(end.timestamp())}
    return client.get(f"/coingecko/api/v3/coins/{coin}/market_chart/range", params=params)


def test_charts_are_three_lists_a_little_past_the_hour(client: httpx.Client) -> None:
    start = datetime(2024, 5, 1, tzinfo=UTC)
    body = chart(client, start, start + timedelta(days=2)).json()
    assert set(body) == {"prices", "market_caps", "total_volumes"}
    times = [[point[0] for point in points] for points in body.values()]
    assert times[0] == times[1] == times[2] == sorted(times[0])
    assert len(times[0]) == 48
    assert all(0 < at / 1000 % HOUR < 180 for at in times[0])
    assert all(cap > price for (_, price), (_, cap) in zip(*list(body.values())[:2], strict=True))
    daily = chart(client, start - timedelta(days=85), start + timedelta(days=10)).json()
    assert all(at / 1000 % (24 * HOUR) < 180 for at, _ in daily["prices"])


def test_charts_are_refused_beyond_a_year_and_for_unknown_coins(client: httpx.Client) -> None:
    start = datetime(2023, 6, 1, tzinfo=UTC)
    late = chart(client, start, start + timedelta(days=9))
    assert late.status_code == 401
    assert late.json()["error"]["status"]["error_code"] == 10012
    unknown = chart(client, start, start + timedelta(days=9), "nope")
    assert (unknown.status_code, unknown.json()) == (404, {"error": "coin not found"})


def test_every_answer_over_the_sample_is_marked(client: httpx.Client) -> None:
    assert client.get("/coinbase/products").headers["x-cfw-sample"] == "1"
    assert client.get("/coinbase/products/NOPE-USD").headers["x-cfw-sample"] == "1"
