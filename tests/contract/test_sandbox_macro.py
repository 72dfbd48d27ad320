"""FRED, ALFRED and alternative.me as the sandbox speaks them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import httpx
import pytest

from ingestion.sandbox import (
    MacroSeries,
    MacroVintage,
    RunningSandbox,
    SandboxData,
    generate_sample,
)

KEY = "a" * 32
ALWAYS = {"realtime_start": "1776-07-04", "realtime_end": "9999-12-31"}


def long_series() -> MacroSeries:
    """Return a series with 2,500 vintage dates."""
    days = [date(2015, 1, 1) + timedelta(days=i) for i in range(2500)]
    return MacroSeries("LONG", tuple(MacroVintage(d, "1", d + timedelta(days=1)) for d in days))


@pytest.fixture(scope="module")
def data() -> SandboxData:
    sample = generate_sample()
    bare = tuple(MacroVintage(date(2024, 6, day), f"{day}.5") for day in range(1, 29))
    extra = {"LONG": long_series(), "BARE": MacroSeries("BARE", bare)}
    return replace(sample, macro={**sample.macro, **extra})


def ask(
    client: httpx.Client, series: str, path: str = "observations", **params: str
) -> httpx.Response:
    own = {"series_id": series, "api_key": KEY, "file_type": "json", **params}
    return client.get(f"/fred/series/{path}".rstrip("/"), params=own)


def test_values_are_text_holidays_are_dots_and_realtime_is_today(client: httpx.Client) -> None:
    body = ask(client, "DGS10", observation_start="2024-05-20", observation_end="2024-05-28").json()
    assert body["count"] == 7
    assert {row["realtime_start"] for row in body["observations"]} == {"2024-07-01"}
    values = {row["date"]: row["value"] for row in body["observations"]}
    assert values["2024-05-27"] == "."
    assert float(values["2024-05-28"]) > 0


def test_the_whole_history_has_one_row_per_validity_of_a_value(client: httpx.Client) -> None:
    body = ask(client, "GDPC1", observation_start="2023-01-01", observation_end="2023-01-01")
    assert body.json()["count"] == 1
    rows = ask(
        client, "GDPC1", observation_start="2023-01-01", observation_end="2023-01-01", **ALWAYS
    ).json()["observations"]
    assert len(rows) == 3
    assert rows[-1]["realtime_end"] == "9999-12-31"
    for row, following in pairwise(rows):
        ends = date.fromisoformat(row["realtime_end"]) + timedelta(days=1)
        assert str(ends) == following["realtime_start"]


def test_a_narrow_realtime_period_is_clamped(client: httpx.Client) -> None:
    period = {"realtime_start": "2024-04-01", "realtime_end": "2024-04-10"}
    rows = ask(client, "CPIAUCSL", observation_end="2024-02-01", **period).json()["observations"]
    assert {row["realtime_start"] for row in rows} == {"2024-04-01"}
    assert {row["realtime_end"] for row in rows} == {"2024-04-10"}


def test_a_past_day_shows_only_what_was_public_then(
    sandbox: RunningSandbox, client: httpx.Client
) -> None:
    day = {"realtime_start": "2024-03-01", "realtime_end": "2024-03-01"}
    then = ask(client, "CPIAUCSL", **day).json()["observations"]
    by_vintage = ask(client, "CPIAUCSL", vintage_dates="2024-03-01").json()["observations"]
    assert then == by_vintage
    sandbox.set_clock(datetime(2024, 3, 1, 20, tzinfo=UTC))
    assert ask(client, "CPIAUCSL").json()["observations"] == then
    everything = ask(client, "CPIAUCSL", **ALWAYS).json()["observations"]
    assert max(row["realtime_start"] for row in everything) <= "2024-03-01"


def test_more_than_2000_vintages_are_refused(client: httpx.Client) -> None:
    refused = ask(client, "LONG", **ALWAYS)
    assert refused.status_code == 400
    message = refused.json()["error_message"]
    assert "There are 2500 vintage dates in the specified real-time period" in message
    assert (
        "exceeds the maximum number of vintage dates allowed for this file type (2000)" in message
    )
    part = ask(client, "LONG", realtime_start="2015-01-01", realtime_end="2020-01-01")
    assert part.status_code == 200


def test_a_series_without_vintages_has_no_past(client: httpx.Client) -> None:
    rows = ask(client, "BARE").json()["observations"]
    assert rows[0]["value"] == "1.5"
    assert rows[0]["realtime_start"] == "2024-07-01"
    for refused in (ask(client, "BARE", **ALWAYS), ask(client, "BARE", "vintagedates")):
        assert refused.status_code == 400
        assert "does not exist in ALFRED but may exist in FRED" in refused.json()["error_message"]


def test_a_period_before_the_first_vintage_is_refused(client: httpx.Client) -> None:
    refused = ask(client, "GDPC1", realtime_start="1990-01-01", realtime_end="1995-01-01")
    assert refused.status_code == 400
    assert "does not exist in ALFRED" in refused.json()["error_message"]


def test_paging_sorting_and_empty_ranges(client: httpx.Client) -> None:
    whole = ask(client, "DFF").json()["observations"]
    paged = []
    for offset in range(0, len(whole), 150):
        body = ask(client, "DFF", limit="150", offset=str(offset)).json()
        assert body["count"] == len(whole)
        paged += body["observations"]
    assert paged == whole
    assert ask(client, "DFF", sort_order="desc").json()["observations"] == whole[::-1]
    empty = ask(client, "DFF", observation_end="1990-01-01")
    assert (empty.status_code, empty.json()["count"]) == (200, 0)


@pytest.mark.parametrize(
    ("key", "text"),
    [
        ("short", "is not a 32 character alpha-numeric lower-case string"),
        ("0" * 32, "is not registered"),
    ],
)
def test_a_bad_key_is_status_400(client: httpx.Client, key: str, text: str) -> None:
    refused = ask(client, "DFF", api_key=key)
    assert refused.status_code == 400
    assert text in refused.json()["error_message"]


def test_an_unknown_series_and_the_default_format(client: httpx.Client) -> None:
    refused = ask(client, "NOPE")
    assert refused.json() == {
        "error_code": 400,
        "error_message": "Bad Request.  The series does not exist.",
    }
    plain = client.get("/fred/series/observations", params={"series_id": "DFF", "api_key": KEY})
    assert plain.headers["content-type"].startswith("text/xml")


def test_vintage_dates_and_the_series_itself(client: httpx.Client) -> None:
    body = ask(client, "UNRATE", "vintagedates").json()
    assert body["count"] == len(body["vintage_dates"])
    assert body["vintage_dates"] == sorted(body["vintage_dates"])
    (series,) = ask(client, "UNRATE", "").json()["seriess"]
    assert (series["id"], series["frequency_short"]) == ("UNRATE", "M")
    assert series["observation_end"] == "2024-05-01"


def test_fear_and_greed_is_text_and_newest_first(
    sandbox: RunningSandbox, client: httpx.Client
) -> None:
    rows = client.get("/alternative_me/fng/", params={"limit": "0"}).json()["data"]
    stamps = [int(row["timestamp"]) for row in rows]
    assert stamps == sorted(stamps, reverse=True)
    assert len(rows) > 150
    assert all(isinstance(row["value"], str) for row in rows)
    assert "time_until_update" in rows[0]
    assert "time_until_update" not in rows[1]
    assert len(client.get("/alternative_me/fng/").json()["data"]) == 1
    sandbox.set_clock(datetime(2024, 5, 1, 0, 1, tzinfo=UTC))
    (row,) = client.get("/alternative_me/fng/").json()["data"]
    assert row["timestamp"] == str(int(datetime(2024, 4, 30, tzinfo=UTC).timestamp()))
    bad = client.get("/alternative_me/fng/", params={"limit": "x"}).json()
    assert bad["metadata"]["error"]
