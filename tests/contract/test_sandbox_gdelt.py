"""GDELT DOC as the sandbox speaks it: windows, the cap of 250, and errors in prose."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from ingestion.sandbox import Article, SandboxData
from ingestion.sandbox.gdelt import matches

START = datetime(2024, 6, 1, tzinfo=UTC)
ARTICLES = tuple(
    Article(
        feed="wire",
        category="crypto",
        guid=str(number),
        url=f"https://wire.example/{number}",
        title=f"Bitcoin falls below $60,000, note {number}",
        summary="A summary that the search does not see",
        author=None,
        published_at=START + timedelta(minutes=number),
    )
    for number in range(400)
)
DOC = "/gdelt/api/v2/doc/doc"
ASKED = {"query": "bitcoin", "mode": "artlist", "format": "json", "sort": "dateasc"}


@pytest.fixture(scope="module")
def data() -> SandboxData:
    odd = replace(ARTICLES[0], guid="x", url="", title="Bitcoin without a link")
    return SandboxData(articles=(*ARTICLES, odd))


def test_at_most_250_rows_without_a_word_about_more(client: httpx.Client) -> None:
    rows = client.get(DOC, params={**ASKED, "maxrecords": "9999"}).json()["articles"]
    assert len(rows) == 250
    assert len(client.get(DOC, params=ASKED).json()["articles"]) == 75
    seen = [row["seendate"] for row in rows]
    assert seen == sorted(seen)
    assert rows[1]["seendate"] == "20240601T001500Z", "on the grid, after the publication"
    assert "$ 60 , 000" in rows[0]["title"].replace("  ", " ")
    assert all(row["url"] for row in rows)


def test_a_window_has_both_bounds_inside(client: httpx.Client) -> None:
    window = {**ASKED, "startdatetime": "20240601010000", "enddatetime": "20240601011500"}
    rows = client.get(DOC, params=window).json()["articles"]
    assert {row["seendate"] for row in rows} == {"20240601T010000Z", "20240601T011500Z"}


def test_no_match_is_an_empty_object(client: httpx.Client) -> None:
    assert client.get(DOC, params={**ASKED, "query": "litecoin"}).json() == {}


@pytest.mark.parametrize(
    ("query", "prose"),
    [
        ("", "too short or too long"),
        ("btc OR eth", "surrounded by ()"),
        ("bitcoin xy", "phrase is too short"),
    ],
)
def test_a_wrong_query_is_told_in_prose_with_status_200(
    client: httpx.Client, query: str, prose: str
) -> None:
    answer = client.get(DOC, params={**ASKED, "query": query})
    assert (answer.status_code, answer.headers["content-type"][:9]) == (200, "text/html")
    assert prose in answer.text


def test_the_default_format_is_a_page(client: httpx.Client) -> None:
    assert client.get(DOC, params={"query": "bitcoin"}).text.startswith("<!DOCTYPE html>")


@pytest.mark.parametrize(
    ("query", "is_found"),
    [
        ("bitcoin sourcelang:english", True),
        ("(ethereum OR bitcoin)", True),
        ("(ethereum OR solana) bitcoin", False),
        ("bitcoin -falls", False),
        ('"falls below"', True),
        ('"below falls"', False),
    ],
)
def test_queries(query: str, is_found: bool) -> None:
    assert matches(query, ARTICLES[0].title) is is_found
