"""Coin Metrics as the sandbox speaks it: paging, text numbers, refusals, restatements."""

from __future__ import annotations

from datetime import UTC, datetime

import httpx
import pytest

from ingestion.sandbox import RunningSandbox

PATH = "/coinmetrics/v4/timeseries/asset-metrics"


def ask(client: httpx.Client, **params: str) -> httpx.Response:
    return client.get(PATH, params={"assets": "btc", "metrics": "AdrActCnt,TxCnt", **params})


def test_rows_are_text_with_nanosecond_times(client: httpx.Client) -> None:
    answer = ask(client, start_time="2024-05-01", end_time="2024-05-03", paging_from="start")
    rows = answer.json()["data"]
    assert [row["time"] for row in rows] == [
        f"2024-05-0{day}T00:00:00.000000000Z" for day in (1, 2, 3)
    ]
    assert all(isinstance(row["AdrActCnt"], str) for row in rows)
    assert "next_page_token" not in answer.json()
    assert answer.headers["x-ratelimit-remaining"]


def test_pages_come_from_the_end_unless_told_otherwise(client: httpx.Client) -> None:
    everything = ask(client, page_size="10000", paging_from="start").json()["data"]
    by_default = ask(client).json()
    assert by_default["data"] == everything[-100:]
    from_start = ask(client, paging_from="start").json()
    assert from_start["data"] == everything[:100]


@pytest.mark.parametrize("side", ["start", "end"])
def test_following_the_absolute_next_url_gives_every_row_once(
    client: httpx.Client, side: str
) -> None:
    params = {"assets": "eth,btc", "page_size": "77", "paging_from": side}
    page = ask(client, **params).json()
    rows = page["data"]
    while "next_page_url" in page:
        assert page["next_page_url"].startswith("http://")
        page = client.get(page["next_page_url"]).json()
        rows = rows + page["data"] if side == "start" else page["data"] + rows
    whole = ask(client, assets="btc,eth", page_size="10000").json()["data"]
    assert rows == whole
    assert [r["asset"] for r in rows] == sorted(r["asset"] for r in rows)


def test_a_forbidden_metric_fails_the_request_unless_ignored(client: httpx.Client) -> None:
    refused = ask(client, metrics="AdrActCnt,CapRealUSD")
    assert refused.status_code == 403
    assert refused.json()["error"] == {
        "type": "forbidden",
        "message": "Requested metric 'CapRealUSD' with frequency '1d' for asset 'btc' "
        "is not available with supplied credentials.",
    }
    ignored = ask(client, metrics="AdrActCnt,CapRealUSD", ignore_forbidden_errors="true").json()
    assert "CapRealUSD" not in ignored["data"][0]


@pytest.mark.parametrize(
    "params",
    [
        {"assets": "nope"},
        {"metrics": "Nope"},
        {"colour": "red"},
        {"page_size": "10001"},
        {"paging_from": "middle"},
        {"start_time": "yesterday"},
        {"next_page_token": "0.bm9wZQ"},
        {"assets": "sol"},
    ],
)
def test_bad_parameters_are_refused(client: httpx.Client, params: dict[str, str]) -> None:
    refused = ask(client, **params)
    assert refused.status_code == 400
    assert refused.json()["error"]["type"] == "bad_parameter"


def test_no_coverage_is_an_empty_list(client: httpx.Client) -> None:
    assert ask(client, start_time="2010-01-01", end_time="2010-02-01").json() == {"data": []}
    ignored = ask(client, assets="sol", ignore_unsupported_errors="true")
    assert ignored.json() == {"data": []}


def test_a_restated_day_changes_only_when_it_becomes_known(
    sandbox: RunningSandbox, client: httpx.Client
) -> None:
    versions = sandbox.data.onchain["btc"]["FlowInExUSD"]
    restated = next(v for v in versions if v.known_at is not None)
    first = next(v for v in versions if v.day == restated.day)
    params = {"metrics": "FlowInExUSD", "start_time": str(restated.day)}
    params["end_time"] = str(restated.day)
    sandbox.set_clock(restated.known_at.replace(hour=0))
    assert ask(client, **params).json()["data"][0]["FlowInExUSD"] == first.value
    sandbox.set_clock(restated.known_at)
    assert ask(client, **params).json()["data"][0]["FlowInExUSD"] == restated.value


def test_a_day_is_public_hours_after_it_ends(sandbox: RunningSandbox, client: httpx.Client) -> None:
    sandbox.set_clock(datetime(2024, 5, 2, 12, 59, tzinfo=UTC))
    assert ask(client, metrics="SplyCur").json()["data"][-1]["time"].startswith("2024-04-30")
    sandbox.set_clock(datetime(2024, 5, 2, 13, 0, tzinfo=UTC))
    assert ask(client, metrics="SplyCur").json()["data"][-1]["time"].startswith("2024-05-01")


def test_the_catalogue_names_metrics_and_their_span(client: httpx.Client) -> None:
    body = client.get("/coinmetrics/v4/catalog-v2/asset-metrics", params={"assets": "btc"}).json()
    (row,) = body["data"]
    assert row["asset"] == "btc"
    metrics = {m["metric"]: m["frequencies"][0] for m in row["metrics"]}
    assert metrics["AdrActCnt"]["community"] is True
    assert metrics["AdrActCnt"]["max_time"].startswith("2024-06-29")
    refused = client.get("/coinmetrics/v4/catalog-v2/asset-metrics", params={"assets": "nope"})
    assert refused.status_code == 400
