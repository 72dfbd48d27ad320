"""Binance and Kraken as the sandbox speaks them."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest

from ingestion.sandbox import RunningSandbox, load_folder, running_sandbox

KLINES = "/binance/api/v3/klines"
OHLC = "/kraken/0/public/OHLC"
HOUR = 3600
MAY = datetime(2024, 5, 1, tzinfo=UTC)


def ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def klines(client: httpx.Client, interval: str = "1h", **params: Any) -> httpx.Response:
    return client.get(KLINES, params={"symbol": "BTCUSDT", "interval": interval, **params})


def ohlc(client: httpx.Client, **params: Any) -> dict[str, Any]:
    reply = client.get(OHLC, params={"pair": "XBTUSD", "interval": 60, **params})
    assert reply.status_code == 200
    body: dict[str, Any] = reply.json()
    return body


def test_klines_are_oldest_first_in_text_and_milliseconds(client: httpx.Client) -> None:
    end = MAY + timedelta(hours=5)
    reply = klines(client, startTime=ms(MAY), endTime=ms(end))
    rows = reply.json()
    assert [row[0] for row in rows] == [ms(MAY) + h * HOUR * 1000 for h in range(6)]
    for row in rows:
        assert len(row) == 12
        assert row[6] == row[0] + HOUR * 1000 - 1
        opened, high, low, close, volume = map(float, row[1:6])
        assert low <= min(opened, close) <= max(opened, close) <= high
        assert low <= float(row[7]) / volume <= high
        assert row[8] > 0
        assert all(isinstance(row[at], str) for at in (1, 2, 3, 4, 5, 7, 9, 10, 11))
    assert reply.headers["x-mbx-used-weight-1m"]
    assert reply.headers["x-cfw-sample"] == "1"


def test_a_page_holds_1000_from_the_start_or_up_to_the_end(client: httpx.Client) -> None:
    forward = klines(client, startTime=ms(MAY), limit=5000).json()
    assert len(forward) == 1000
    assert forward[0][0] == ms(MAY)
    backward = klines(client, endTime=ms(MAY), limit=1000).json()
    assert len(backward) == 1000
    assert backward[-1][0] == ms(MAY)
    assert len(klines(client).json()) == 500


def test_five_minutes_make_the_hour_with_its_turnover_and_trades(client: httpx.Client) -> None:
    (hour,) = klines(client, startTime=ms(MAY), endTime=ms(MAY)).json()
    parts = klines(client, "5m", startTime=ms(MAY), endTime=hour[6]).json()
    assert len(parts) == 12
    assert hour[8] == sum(part[8] for part in parts)
    assert float(hour[7]) == pytest.approx(sum(float(part[7]) for part in parts))
    assert sum(round(float(part[5]) * 1e6) for part in parts) == round(float(hour[5]) * 1e6)
    assert klines(client, "1m", startTime=ms(MAY)).json() == []


def test_the_running_kline_is_the_last_and_provisional(
    sandbox: RunningSandbox, client: httpx.Client
) -> None:
    final = klines(client, startTime=ms(MAY), endTime=ms(MAY)).json()[0]
    sandbox.set_clock(MAY + timedelta(minutes=15))
    running = klines(client).json()[-1]
    assert running[0] == final[0]
    assert float(running[5]) == pytest.approx(float(final[5]) / 4, rel=1e-6)
    assert running[8] < final[8]


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"symbol": "BTC-USD", "interval": "1h"}, -1121),
        ({"symbol": "BTCUSDT", "interval": "1H"}, -1120),
        ({"symbol": "BTCUSDT"}, -1102),
        ({"interval": "1h"}, -1102),
        ({"symbol": "BTCUSDT", "interval": "1h", "startTime": "now"}, -1100),
        ({"symbol": "BTCUSDT", "interval": "1h", "limit": "0"}, -1130),
    ],
)
def test_bad_requests_have_the_providers_codes(
    client: httpx.Client, params: dict[str, str], code: int
) -> None:
    reply = client.get(KLINES, params=params)
    assert (reply.status_code, reply.json()["code"]) == (400, code)
    assert reply.json()["msg"]


def test_limits_and_bans_have_the_providers_bodies(
    sandbox: RunningSandbox, client: httpx.Client
) -> None:
    sandbox.faults.add("/binance", "status", status=429, retry_after=3)
    sandbox.faults.add("/binance", "status", status=418, retry_after=120)
    sandbox.faults.add("/kraken", "status", status=503)
    slow, banned = klines(client), klines(client)
    assert (slow.status_code, slow.headers["retry-after"], slow.json()["code"]) == (429, "3", -1003)
    assert (banned.status_code, banned.headers["retry-after"]) == (418, "120")
    assert client.get(OHLC).json() == {"error": ["EService:Unavailable"]}
    assert klines(client).status_code == 200


def test_the_settings_printed_point_at_both(sandbox: RunningSandbox) -> None:
    env = sandbox.env()
    assert env["CFW_BINANCE_BASE_URL"] == f"{sandbox.base_url}/binance"
    assert env["CFW_KRAKEN_BASE_URL"] == f"{sandbox.base_url}/kraken/0/public"


def test_symbols_and_pairs_are_listed(client: httpx.Client) -> None:
    info = client.get("/binance/api/v3/exchangeInfo").json()
    symbols = {row["symbol"]: row["status"] for row in info["symbols"]}
    assert (symbols["BTCUSDT"], symbols["MATICUSDT"]) == ("TRADING", "BREAK")
    pairs = client.get("/kraken/0/public/AssetPairs").json()["result"]
    assert pairs["XXBTZUSD"]["altname"] == "XBTUSD"
    assert pairs["SOLUSD"]["wsname"] == "SOL/USD"


def test_bars_come_under_krakens_own_name_with_the_running_one_last(
    sandbox: RunningSandbox, client: httpx.Client
) -> None:
    sandbox.set_clock(MAY + timedelta(minutes=30))
    body = ohlc(client)
    assert body["error"] == []
    assert set(body["result"]) == {"XXBTZUSD", "last"}
    rows = body["result"]["XXBTZUSD"]
    assert [len(rows), len(rows[0])] == [720, 8]
    assert rows[-1][0] == MAY.timestamp()
    assert body["result"]["last"] == rows[-2][0]
    for _, opened, high, low, close, average, _, trades in rows:
        assert float(low) <= min(float(opened), float(close), float(average))
        assert float(high) >= max(float(opened), float(close), float(average))
        assert isinstance(trades, int)


def test_only_the_newest_are_there_whatever_since_says(client: httpx.Client) -> None:
    assert len(ohlc(client, since=0)["result"]["XXBTZUSD"]) == 720
    newest = ohlc(client)["result"]["XXBTZUSD"]
    since = newest[-4][0]
    assert [row[0] for row in ohlc(client, since=since)["result"]["XXBTZUSD"]] == [
        row[0] for row in newest[-3:]
    ]
    assert len(ohlc(client, since=newest[-1][0] + HOUR)["result"]["XXBTZUSD"]) == 1


@pytest.mark.parametrize("pair", ["XBTUSD", "XXBTZUSD", "XBT/USD", "BTCUSD"])
def test_a_pair_has_many_names_and_one_answer(client: httpx.Client, pair: str) -> None:
    assert set(ohlc(client, pair=pair)["result"]) == {"XXBTZUSD", "last"}


@pytest.mark.parametrize(
    ("params", "error"),
    [
        ({"pair": "NOPE"}, "EQuery:Unknown asset pair"),
        ({"pair": ""}, "EGeneral:Invalid arguments"),
        ({"interval": "7"}, "EGeneral:Invalid arguments:interval"),
        ({"since": "x"}, "EGeneral:Invalid arguments:since"),
    ],
)
def test_errors_are_inside_status_200(
    client: httpx.Client, params: dict[str, str], error: str
) -> None:
    assert ohlc(client, **params) == {"error": [error]}


def test_five_minutes_at_kraken_and_intervals_without_data(client: httpx.Client) -> None:
    rows = ohlc(client, interval=5)["result"]["XXBTZUSD"]
    assert [later[0] - earlier[0] for earlier, later in pairwise(rows)] == [300] * 719
    assert ohlc(client, interval=15)["result"]["XXBTZUSD"] == []


def test_real_bars_are_served_without_invented_turnover(tmp_path: Path) -> None:
    folder = tmp_path / "ohlcv_1h"
    folder.mkdir()
    text = "open_time,open,high,low,close,volume\n2024-01-01T00:00:00Z,1,2,0.5,1.5,10\n"
    (folder / "BTCUSDT.csv.gz").write_bytes(gzip.compress(text.encode()))
    with (
        running_sandbox(load_folder(tmp_path)) as sandbox,
        httpx.Client(base_url=sandbox.base_url) as client,
    ):
        (row,) = klines(client).json()
        assert row[1:6] == ["1.00000000", "2.00000000", "0.50000000", "1.50000000", "10.00000000"]
        assert row[7:11] == [None, None, None, None]
        (bar,) = ohlc(client)["result"]["XXBTZUSD"]
        assert (bar[5], bar[7]) == (None, None)
        assert klines(client, "5m").json() == []
        params = {
            "granularity": 300,
            "start": "2024-01-01T00:00:00Z",
            "end": "2024-01-01T01:00:00Z",
        }
        assert client.get("/coinbase/products/BTC-USD/candles", params=params).json() == []
