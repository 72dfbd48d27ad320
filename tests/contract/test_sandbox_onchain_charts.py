"""Glassnode and blockchain.com as the sandbox speaks them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any

import httpx
import pytest

from ingestion.sandbox import (
    OnchainVersion,
    RunningSandbox,
    SandboxData,
    generate_sample,
)

KEY = {"X-Api-Key": "anything"}
DAY = 86_400


@pytest.fixture(scope="module")
def data() -> SandboxData:
    sample = generate_sample()
    first = date(2019, 1, 1)
    long = tuple(OnchainVersion(first + timedelta(days=i), f"{i}") for i in range(2000))
    return replace(
        sample, onchain={**sample.onchain, "btc": {**sample.onchain["btc"], "TxCnt": long}}
    )


def glassnode(client: httpx.Client, path: str, **params: Any) -> httpx.Response:
    own = {"a": "BTC", "i": "24h", **params}
    return client.get(f"/glassnode/v1/metrics/{path}", params=own, headers=KEY)


def test_a_range_is_one_bare_list_without_its_end(client: httpx.Client) -> None:
    since = int(datetime(2024, 5, 1, tzinfo=UTC).timestamp())
    answer = glassnode(client, "supply/current", s=since, u=since + 3 * DAY)
    assert [point["t"] for point in answer.json()] == [since, since + DAY, since + 2 * DAY]
    assert all(set(point) == {"t", "v"} for point in answer.json())
    assert answer.headers["x-rate-limit-reset"]
    assert glassnode(client, "supply/current", s=0, u=DAY).json() == []


def test_point_in_time_values_start_later_and_stay(
    sandbox: RunningSandbox, client: httpx.Client
) -> None:
    path = "transactions/transfers_volume_to_exchanges_sum"
    series = {p["t"]: p["v"] for p in glassnode(client, path, c="usd").json()}
    first = {p["t"]: p for p in glassnode(client, f"{path}_pit", c="usd").json()}
    assert min(first) > min(series)
    assert all(point["computed_at"] >= t + DAY for t, point in first.items())
    restated = [t for t in first if first[t]["v"] != series[t]]
    assert restated, "no restatement in the sample"
    sandbox.set_clock(datetime.fromtimestamp(first[restated[0]]["computed_at"], UTC))
    then = {p["t"]: p["v"] for p in glassnode(client, path, c="usd").json()}
    assert then[restated[0]] == first[restated[0]]["v"]


@pytest.mark.parametrize(
    ("path", "params", "headers", "status"),
    [
        ("supply/current", {}, {}, 401),
        ("supply/current", {"api_key": "twice"}, KEY, 401),
        ("supply/current", {}, {"X-Api-Key": "nobody"}, 401),
        ("indicators/sopr", {}, KEY, 403),
        ("supply/nothing", {}, KEY, 404),
        ("supply/current_pit", {}, KEY, 404),
        ("supply/current", {"a": "btc"}, KEY, 400),
        ("supply/current", {"a": "NOPE"}, KEY, 400),
        ("supply/current", {"c": "usd"}, KEY, 400),
        ("supply/current", {"i": "10m"}, KEY, 400),
    ],
)
def test_refusals(
    client: httpx.Client,
    path: str,
    params: dict[str, str],
    headers: dict[str, str],
    status: int,
) -> None:
    own = {"a": "BTC", "i": "24h", **params}
    answer = client.get(f"/glassnode/v1/metrics/{path}", params=own, headers=headers)
    assert answer.status_code == status
    assert answer.json()["error"]


def chart(client: httpx.Client, name: str, **params: str) -> httpx.Response:
    return client.get(f"/blockchain_com/charts/{name}", params=params)


def test_a_chart_is_oldest_first_from_the_start_for_the_timespan(client: httpx.Client) -> None:
    body = chart(client, "n-transactions", start="2024-05-01", timespan="3days").json()
    assert body["status"] == "ok"
    days = [datetime.fromtimestamp(point["x"], UTC).date() for point in body["values"]]
    assert days == [date(2024, 5, 1), date(2024, 5, 2), date(2024, 5, 3)]


def test_a_long_chart_is_thinned_out_unless_told_otherwise(client: httpx.Client) -> None:
    params = {"start": "2019-01-01", "timespan": "6years"}
    thin = chart(client, "n-transactions", **params).json()["values"]
    whole = chart(client, "n-transactions", sampled="false", **params).json()["values"]
    assert len(whole) > 1900
    assert len(thin) < 1500
    assert all(b["x"] - a["x"] == DAY for a, b in pairwise(whole))


def test_some_charts_have_no_point_at_midnight(client: httpx.Client) -> None:
    points = chart(client, "hash-rate", timespan="2weeks").json()["values"]
    assert {point["x"] % DAY for point in points} == {9 * 3600}


def test_an_unknown_chart_is_not_found(client: httpx.Client) -> None:
    answer = chart(client, "nothing")
    assert answer.status_code == 404
    assert answer.json()["status"] == "not-found"
