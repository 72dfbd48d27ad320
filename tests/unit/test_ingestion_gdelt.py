"""GDELT's answers: repaired, refused or read, without a network."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.config import Settings
from ingestion.errors import SourceError
from ingestion.http import HttpClient, Reply
from ingestion.news import gdelt
from ingestion.rejections import Parsed

CLOCK = datetime(2026, 9, 7, 13, tzinfo=UTC)
START, END = datetime(2026, 8, 15, tzinfo=UTC), datetime(2026, 8, 16, tzinfo=UTC)
QUERY = gdelt.Query("bitcoin", "crypto", "bitcoin")
ROW = {
    "url": "https://www.example.com/a?utm_source=x",
    "title": "Bitcoin falls below $ 60 , 000 as ETF outflows grow",
    "seendate": "20260815T041500Z",
    "domain": "example.com",
    "language": "English",
}


@pytest.fixture(scope="module")
def client() -> HttpClient:
    settings = Settings(_env_file=None)
    return HttpClient(settings, gdelt.provider(settings))


def decoded(client: HttpClient, body: bytes) -> list[Any]:
    return gdelt.decoded(client, Reply(200, {}, body, "https://api.example/doc"))


def parse(*articles: Any) -> Parsed:
    return gdelt.parse_articles(list(articles), QUERY, CLOCK, START, END)


def test_a_headline_becomes_an_article_seen_then() -> None:
    (row,) = parse(ROW).rows
    assert row["text"] == row["title"] == "Bitcoin falls below $60,000 as ETF outflows grow"
    assert (row["feed"], row["category"]) == ("gdelt:bitcoin", "crypto")
    assert row["available_at"] == datetime(2026, 8, 15, 4, 15, tzinfo=UTC)
    assert (row["published_at"], row["is_backfilled"]) == (None, True)
    assert row["first_seen_at"] == CLOCK
    assert row["canonical_url"] == "https://example.com/a"
    assert row["raw"]["title"] == ROW["title"], "as it came"
    assert len(row["guid"]) == 64
    assert parse({**ROW, "url": "http://m.example.com/a/"}).rows[0]["guid"] == row["guid"]
    assert parse({**ROW, "url": "https://example.com/b"}).rows[0]["guid"] != row["guid"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"url": None}, "url is missing"),
        ({"title": " "}, "title is empty"),
        ({"seendate": "2026-08-15"}, "seendate is not a time"),
        ({"seendate": None}, "seendate is missing"),
        ({"seendate": "20270815T041500Z"}, "seendate lies in the future"),
    ],
)
def test_bad_rows_are_refused_and_the_others_stay(change: dict[str, Any], reason: str) -> None:
    parsed = parse({**ROW, **change}, {**ROW, "url": "https://good.example/x"}, 5)
    assert [bad.reason for bad in parsed.rejections] == [reason, "the article is not an object"]
    assert [row["url"] for row in parsed.rows] == ["https://good.example/x"]


def test_other_windows_rows_are_left_to_them() -> None:
    early = {**ROW, "seendate": "20260814T234500Z", "url": "https://e.example"}
    late = {**ROW, "seendate": "20260816T000000Z", "url": "https://l.example"}
    assert [row["url"] for row in parse(early, ROW, late).rows] == [ROW["url"]]


_ROWS = st.lists(
    st.builds(
        lambda number, quarter, title: {
            **ROW,
            "url": f"https://example.com/{number}",
            "seendate": f"{START + quarter * timedelta(minutes=15):%Y%m%dT%H%M%SZ}",
            "title": title,
        },
        st.integers(0, 5),
        st.integers(0, 95),
        st.sampled_from(["Bitcoin up", "Bitcoin down"]),
    ),
    max_size=12,
)


@given(_ROWS, st.randoms(use_true_random=False))
def test_order_and_repeats_change_nothing(rows: list[dict[str, Any]], random: Any) -> None:
    shuffled = [*rows, *rows]
    random.shuffle(shuffled)
    assert parse(*shuffled).rows == parse(*rows).rows
    assert len({row["guid"] for row in parse(*rows).rows}) == len(parse(*rows).rows)


@pytest.mark.parametrize(
    ("body", "titles"),
    [
        (b"{}", []),
        (b'{"articles": []}', []),
        (b'{"articles":[{"title":"a \\_ b"}]}', ["a \\_ b"]),
        (b'{"articles":[{"title":"a\x01\tb"}]}', ["a\x01\tb"]),
        (b'{"articles":[{"title":"C:\\new \\u00e9 \\\\"}]}', ["C:\new é \\"]),
        (b'{"articles":[{"title":"\\u12"}]}', ["\\u12"]),
        (b'{"articles":[{"title":"\xff"}]}', ["\ufffd"]),
    ],
)
def test_small_faults_of_the_json_are_repaired(
    client: HttpClient, body: bytes, titles: list[str]
) -> None:
    assert [row["title"] for row in decoded(client, body)] == titles


@given(st.recursive(st.text() | st.integers(), st.lists, max_leaves=5))
def test_sound_json_is_not_touched(value: Any) -> None:
    settings = Settings(_env_file=None)
    client = HttpClient(settings, gdelt.provider(settings))
    body = json.dumps({"articles": [value]}).encode()
    assert decoded(client, body) == [value]


@pytest.mark.parametrize(
    ("body", "message", "is_wide"),
    [
        (b"", "an empty body", True),
        (b"<html><body>wait</body></html>", "an HTML page", True),
        (b'{"articles": [{"title": "cut', "cannot be repaired", True),
        (b'{"timeline": []}', "holds no articles", True),
        (b'{"articles": {}}', "holds no articles", True),
        (b"The specified phrase is too short.", "refused the search: The specified", False),
    ],
)
def test_what_is_no_answer_is_an_error_in_one_line(
    client: HttpClient, body: bytes, message: str, is_wide: bool
) -> None:
    with pytest.raises(SourceError, match=message) as caught:
        decoded(client, body)
    assert caught.value.provider_wide is is_wide
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("Bitcoin falls below $ 60 , 000 , again", "Bitcoin falls below $60,000, again"),
        ("Why ? Because : 3 . 5 % !", "Why? Because: 3.5%!"),
        ("What ( really ) happened", "What (really) happened"),
        ("Crypto .com Arena", "Crypto .com Arena"),
        ("A - B & C", "A - B & C"),
        ("plain", "plain"),
    ],
)
def test_titles_are_joined_again(title: str, expected: str) -> None:
    assert gdelt.joined(title) == expected
    assert gdelt.joined(expected) == expected


def test_the_plan_counts_the_requests_of_an_interval() -> None:
    settings = Settings(_env_file=None)

    def planned(hours: float) -> int:
        return gdelt.backfill_requests("bitcoin", START, START + timedelta(hours=hours), settings)

    assert [planned(hours) for hours in (0, 1, 6, 24, 24 * 7)] == [0, 1, 1, 4, 28]
