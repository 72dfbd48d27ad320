"""The CSV behind FRED's graphs and the World Bank as the sandbox speaks them."""

from __future__ import annotations

import csv
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from ingestion.config import DEFAULT_FRED_SERIES
from ingestion.sandbox import RunningSandbox


def table(client: httpx.Client, **params: str) -> list[list[str]]:
    answer = client.get("/fredgraph/fredgraph.csv", params=params)
    assert answer.status_code == 200
    assert "csv" in answer.headers["content-type"]
    return list(csv.reader(answer.text.splitlines()))


@pytest.mark.parametrize("series", DEFAULT_FRED_SERIES.split(","))
def test_every_default_series_is_served(client: httpx.Client, series: str) -> None:
    lines = table(client, id=series, cosd="2024-01-01")
    assert lines[0] == ["observation_date", series]
    assert len(lines) > 1
    assert any(float(value) for _, value in lines[1:] if value != ".")


def test_holidays_are_dots_and_bounds_are_inclusive(client: httpx.Client) -> None:
    lines = table(client, id="DGS10", cosd="2024-05-24", coed="2024-05-28")
    assert [day for day, _ in lines[1:]] == ["2024-05-24", "2024-05-27", "2024-05-28"]
    assert dict(lines[1:])["2024-05-27"] == "."


def test_only_the_newest_value_is_shown(sandbox: RunningSandbox, client: httpx.Client) -> None:
    vintages = sandbox.data.macro["GDPC1"].vintages
    first, *_, last = [v for v in vintages if str(v.observation_date) == "2023-07-01"]
    assert dict(table(client, id="GDPC1")[1:])["2023-07-01"] == last.value
    sandbox.set_clock(datetime(2023, 11, 1, 20, tzinfo=UTC))
    assert dict(table(client, id="GDPC1")[1:])["2023-07-01"] == first.value


def test_several_ids_are_joined_with_blanks(client: httpx.Client) -> None:
    lines = table(client, id="DFF,CPIAUCSL", cosd="2024-03-01", coed="2024-03-02")
    assert lines[0] == ["observation_date", "DFF", "CPIAUCSL"]
    assert [line[2] == "" for line in lines[1:]] == [False, True]


def test_an_unknown_id_is_a_page_of_html(client: httpx.Client) -> None:
    answer = client.get("/fredgraph/fredgraph.csv", params={"id": "NOPE"})
    assert answer.status_code == 404
    assert answer.text.startswith("<!DOCTYPE html>")


def indicator(client: httpx.Client, name: str = "FP.CPI.TOTL.ZG", **params: Any) -> Any:
    path = f"/worldbank/v2/country/US/indicator/{name}"
    return client.get(path, params={"format": "json", **params}).json()


def test_rows_are_newest_first_with_years_as_text(client: httpx.Client) -> None:
    meta, rows = indicator(client, date="2019:2023", per_page=1000)
    assert (meta["page"], meta["pages"], meta["total"]) == (1, 1, 5)
    assert [row["date"] for row in rows] == ["2023", "2022", "2021", "2020", "2019"]
    assert rows[0]["value"] is None, "not out yet"
    assert rows[0]["indicator"]["id"] == "FP.CPI.TOTL.ZG"


def test_pages_have_fifty_rows_or_as_many_as_asked(client: httpx.Client) -> None:
    whole = indicator(client, per_page=100)[1]
    paged = [row for page in (1, 2, 3, 4) for row in indicator(client, per_page=4, page=page)[1]]
    assert paged == whole
    assert indicator(client)[0]["per_page"] == 50


def test_nothing_is_null_and_errors_are_status_200(client: httpx.Client) -> None:
    assert indicator(client, date="1960:1961")[1] is None
    (error,) = indicator(client, name="NOPE")
    assert error["message"][0]["key"] == "Invalid value"
    plain = client.get("/worldbank/v2/country/US/indicator/FP.CPI.TOTL.ZG")
    assert plain.headers["content-type"].startswith("text/xml")


def test_a_figure_is_revised(sandbox: RunningSandbox, client: httpx.Client) -> None:
    before = {row["date"]: row["value"] for row in indicator(client)[1]}
    sandbox.set_clock(datetime(2024, 5, 19, tzinfo=UTC))
    then = {row["date"]: row["value"] for row in indicator(client)[1]}
    assert [year for year in then if then[year] != before[year]] == ["2022"]
