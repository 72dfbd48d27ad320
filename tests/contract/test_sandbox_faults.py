"""Faults on request, the control API, and the server itself."""

from __future__ import annotations

import json
import time
import zlib
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx
import pytest

from ingestion.sandbox import RunningSandbox, generate_sample, running_sandbox, serve

PRODUCTS = "/coinbase/products"
MARKETS = "/coingecko/api/v3/coins/markets?vs_currency=usd&per_page=3&page=2"
METRICS = "/coinmetrics/v4/timeseries/asset-metrics?assets=btc&metrics=SplyCur&page_size=5"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (PRODUCTS, {"message": "Public rate limit exceeded"}),
        (
            "/fred/series",
            {"error_code": 429, "error_message": "Too Many Requests.  Exceeded Rate Limit"},
        ),
        (
            "/stocktwits/api/2/streams/symbol/BTC.X.json",
            {"response": {"status": 429}, "errors": [{"message": "Rate limit exceeded"}]},
        ),
    ],
)
def test_429_has_the_providers_body_and_no_retry_after_by_default(
    sandbox: RunningSandbox, client: httpx.Client, path: str, body: dict[str, object]
) -> None:
    sandbox.faults.add(path, "status", status=429)
    answer = client.get(path)
    assert (answer.status_code, answer.json()) == (429, body)
    assert "retry-after" not in answer.headers
    assert client.get(path).status_code != 429


def test_retry_after_times_and_contains(sandbox: RunningSandbox, client: httpx.Client) -> None:
    sandbox.faults.add(
        "/coingecko", "status", times=2, status=418, retry_after=1.5, contains="page=2"
    )
    assert client.get(MARKETS.replace("page=2", "page=1")).status_code == 200
    answers = [client.get(MARKETS) for _ in range(3)]
    assert [a.status_code for a in answers] == [418, 418, 200]
    assert answers[0].headers["retry-after"] == "1.5"


def test_a_fault_without_end_lasts_until_it_is_cleared(
    sandbox: RunningSandbox, client: httpx.Client
) -> None:
    sandbox.faults.add("coinbase", "status", times=None, status=500)
    assert [client.get(PRODUCTS).status_code for _ in range(3)] == [500] * 3
    sandbox.faults.clear()
    assert client.get(PRODUCTS).status_code == 200


def test_bodies_that_are_not_what_they_should_be(
    sandbox: RunningSandbox, client: httpx.Client
) -> None:
    whole = client.get(PRODUCTS)
    for kind in ("html", "empty", "json_error", "malformed_json", "truncated"):
        sandbox.faults.add(PRODUCTS, kind)
    html, empty, error, malformed, truncated = (client.get(PRODUCTS) for _ in range(5))
    assert html.status_code == 200
    assert html.headers["content-type"].startswith("text/html")
    assert (empty.status_code, empty.content) == (200, b"")
    assert (error.status_code, "error" in error.json()) == (200, True)
    for broken in (malformed, truncated):
        assert broken.status_code == 200
        with pytest.raises(json.JSONDecodeError):
            broken.json()
    assert whole.content.startswith(truncated.content)


def test_replace_rewrites_the_body(sandbox: RunningSandbox, client: httpx.Client) -> None:
    sandbox.faults.add(PRODUCTS, "replace", rewrite=lambda body: body.replace(b"BTC", b"B\\u0000C"))
    assert any(row["base_currency"] == "B\x00C" for row in client.get(PRODUCTS).json())
    with pytest.raises(ValueError, match="rewrite="):
        sandbox.faults.add(PRODUCTS, "replace")


def test_a_repeated_page_and_a_token_that_loops(
    sandbox: RunningSandbox, client: httpx.Client
) -> None:
    first = client.get(MARKETS.replace("page=2", "page=1")).json()
    sandbox.faults.add("/coingecko", "repeat_page")
    assert client.get(MARKETS).json() == first
    page = client.get(METRICS).json()
    sandbox.faults.add("/coinmetrics", "token_loop", times=None)
    again = client.get(page["next_page_url"]).json()
    assert again["data"] == page["data"]
    assert again["next_page_token"] == page["next_page_token"]


def test_slow_and_stale(sandbox: RunningSandbox, client: httpx.Client) -> None:
    sandbox.faults.add(PRODUCTS, "slow", seconds=0.2)
    start = time.monotonic()
    client.get(PRODUCTS)
    assert time.monotonic() - start >= 0.2
    sandbox.faults.add("/coingecko", "stale", hours=48)
    old, new = (client.get(MARKETS).json()[0]["last_updated"] for _ in range(2))
    assert (old[:10], new[:10]) == ("2024-06-29", "2024-07-01")


def test_the_control_api_sets_faults_and_the_clock(
    sandbox: RunningSandbox, client: httpx.Client
) -> None:
    fault = {"prefix": "/coinbase", "kind": "status", "times": 1, "status": 451}
    assert client.post("/_sandbox/faults", json=fault).status_code == 201
    assert client.get(PRODUCTS).status_code == 451
    assert client.post("/_sandbox/faults", json={**fault, "kind": "rain"}).status_code == 422
    replace = {"prefix": "/coinbase", "kind": "replace", "rewrite": "text"}
    assert client.post("/_sandbox/faults", json=replace).status_code == 422
    client.post("/_sandbox/faults", json=fault)
    client.delete("/_sandbox/faults")
    assert client.get(PRODUCTS).status_code == 200
    moved = client.post("/_sandbox/clock", json={"now": "2024-05-01T12:00:00+02:00"})
    assert moved.json() == {"now": "2024-05-01T10:00:00Z"}
    assert client.post("/_sandbox/clock", json={"now": "2024-05-01T12:00:00"}).status_code == 422


def test_requests_are_counted_by_prefix(sandbox: RunningSandbox, client: httpx.Client) -> None:
    before = sandbox.requests["/coinbase"]
    client.get(PRODUCTS)
    client.get("/coinbase/products/BTC-USD")
    client.get("/_sandbox/clock")
    assert sandbox.requests["/coinbase"] - before == 2
    assert sandbox.requests["/_sandbox"] == 0


def test_the_server_is_fast_stops_and_knows_its_settings() -> None:
    now = datetime(2024, 6, 1, tzinfo=UTC)
    with running_sandbox(generate_sample(), now=now) as sandbox:
        assert sandbox.env()["CFW_NOW"] == "2024-06-01T00:00:00Z"
        with httpx.Client(base_url=sandbox.base_url) as client:
            start = time.monotonic()
            for _ in range(50):
                client.get("/alternative_me/fng/")
            assert time.monotonic() - start < 1.5
        url = sandbox.base_url
    with pytest.raises(httpx.ConnectError):
        httpx.get(url)


def test_only_loopback_is_served() -> None:
    with pytest.raises(ValueError, match=r"not 0\.0\.0\.0"):
        serve(generate_sample(), port=1, host="0.0.0.0")  # noqa: S104
    with pytest.raises(ValueError, match="no time zone"):
        running_sandbox(generate_sample(), now=datetime(2024, 6, 1)).__enter__()  # noqa: DTZ001


def test_bodies_that_break_off_or_never_end(sandbox: RunningSandbox, client: httpx.Client) -> None:
    whole = client.get(PRODUCTS).content
    sandbox.faults.add(PRODUCTS, "reset")
    with pytest.raises(httpx.RemoteProtocolError):
        client.get(PRODUCTS)
    sandbox.faults.add(PRODUCTS, "truncated_gzip")
    with client.stream("GET", PRODUCTS) as answer:
        assert answer.headers["content-encoding"] == "gzip"
        packed = b"".join(answer.iter_raw())
    assert 0 < len(zlib.decompressobj(31).decompress(packed)) < len(whole)
    sandbox.faults.add(PRODUCTS, "endless", seconds=0.2)
    started = time.monotonic()
    assert client.get(PRODUCTS).content.rstrip() == whole
    assert time.monotonic() - started >= 0.2


def test_the_date_is_the_real_one_unless_it_is_skewed(
    sandbox: RunningSandbox, client: httpx.Client
) -> None:
    def skew() -> float:
        (told,) = client.get(PRODUCTS).headers.get_list("date")
        return (parsedate_to_datetime(told) - datetime.now(UTC)).total_seconds()

    assert abs(skew()) < 60
    sandbox.faults.add(PRODUCTS, "skew", hours=2.0)
    assert abs(skew() - 7200) < 60


def test_headers_and_a_date_to_wait_for(sandbox: RunningSandbox, client: httpx.Client) -> None:
    asked = "Fri, 31 Dec 2027 23:59:59 GMT"
    options = {"retry_after": asked, "headers": {"x-ratelimit-remaining": "0"}}
    sandbox.faults.add(PRODUCTS, "status", status=429, **options)
    answer = client.get(PRODUCTS)
    assert answer.headers["retry-after"] == asked
    assert answer.headers["x-ratelimit-remaining"] == "0"
