"""Feeds and posts: parsing without I/O."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import feedparser
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.news import rss
from ingestion.news.feeds import Feed
from ingestion.rejections import Parsed
from ingestion.social import stocktwits_messages
from ingestion.text import text_hash

CLOCK = datetime(2026, 9, 7, 13, tzinfo=UTC)
FEED = Feed("coindesk", "crypto", "https://example.com/rss")
ITEM = """<item><title><![CDATA[Solana &amp; friends&#8217; day]]></title>
 <link>https://Example.com/a/?utm_source=rss</link>
 <guid isPermaLink="false">439b6a6f</guid>
 <pubDate>Mon, 07 Sep 2026 08:08:11 -0400</pubDate>
 <dc:creator>A. Writer</dc:creator>
 <description><![CDATA[<p><img src="x"/>A <b>summary</b></p>]]></description></item>"""


def feed(*items: str) -> Any:
    xml = (
        '<?xml version="1.0" encoding="UTF-8"?><rss version="2.0" '
        'xmlns:dc="http://purl.org/dc/elements/1.1/"><channel><title>t</title>'
        f"{''.join(items)}</channel></rss>"
    )
    return feedparser.parse(xml.encode())


def articles(*items: str, is_archive: bool = False) -> Parsed:
    return rss.parse_entries(feed(*items).entries, FEED, CLOCK, is_archive=is_archive)


def test_an_item_becomes_an_article() -> None:
    (row,) = articles(ITEM).rows
    assert row["text"] == "Solana & friends\u2019 day. A summary"
    assert row["text_version"] == text_hash(row["text"])
    assert row["published_at"] == datetime(2026, 9, 7, 12, 8, 11, tzinfo=UTC)
    assert (row["guid"], row["author"]) == ("439b6a6f", "A. Writer")
    assert row["canonical_url"] == "https://example.com/a"
    assert (row["available_at"], row["is_backfilled"]) == (CLOCK, False)
    assert row["raw"]["id"] == "439b6a6f"


def test_at_first_contact_the_backlog_is_an_archive() -> None:
    undated = (
        ITEM.replace("439b6a6f", "other").replace("<pubDate>", "<x>").replace("</pubDate>", "</x>")
    )
    dated, other = articles(ITEM, undated, is_archive=True).rows
    assert (dated["available_at"], dated["is_backfilled"]) == (dated["published_at"], True)
    assert dated["first_seen_at"] == CLOCK
    assert (other["published_at"], other["available_at"], other["is_backfilled"]) == (
        None,
        CLOCK,
        False,
    )


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("07 Sep 2026 08", "08 Sep 2026 08", "pubDate lies in the future"),
        ("A <b>summary</b>", "a" * 100_001, "summary is longer than 100000 bytes"),
    ],
)
def test_bad_items_are_refused_and_the_others_stay(old: str, new: str, reason: str) -> None:
    parsed = articles(ITEM.replace(old, new), ITEM.replace("439b6a6f", "good"))
    assert [bad.reason for bad in parsed.rejections] == [reason]
    assert [row["guid"] for row in parsed.rows] == ["good"]


def test_an_item_without_text_is_refused() -> None:
    parsed = articles("<item><link>https://a.example/x</link></item>")
    assert [bad.reason for bad in parsed.rejections] == ["title and summary are missing"]


def test_one_guid_with_two_texts_on_a_page_keeps_the_first() -> None:
    parsed = articles(ITEM, ITEM, ITEM.replace("summary", "correction"))
    assert len(parsed.rows) == 1
    assert "contradicts" in parsed.rejections[0].reason


@pytest.mark.parametrize(
    ("guid", "link", "title", "expected"),
    [
        ("g", "l", "t", "g"),
        (None, "l", "t", "l"),
        (" ", "l", "t", "l"),
        (None, None, "t", "sha256:"),
        ("g" * 256, "l", "t", "sha256:"),
    ],
)
def test_every_item_has_a_key(
    guid: str | None, link: str | None, title: str, expected: str
) -> None:
    assert rss.guid_of(guid, link, title).startswith(expected)
    assert len(rss.guid_of(guid, link, title)) <= 255


def test_emoji_and_control_characters() -> None:
    (row,) = articles(ITEM.replace("A <b>", "🚀\u0085\u200d <b>")).rows
    assert "🚀" in row["text"]
    assert "\u0085" not in row["text"]


@pytest.mark.parametrize(
    ("body", "content_type", "problem"),
    [
        (b"<!DOCTYPE html><html><body>wait</body></html>", "text/html", "an HTML page"),
        (b"", "application/xml", "no feed"),
        (b"Please slow down", "text/plain", "no feed"),
    ],
)
def test_a_page_that_is_no_feed_is_seen(body: bytes, content_type: str, problem: str) -> None:
    assert problem in str(rss.silent_failure(feedparser.parse(body), content_type))
    assert rss.silent_failure(feed(), "application/xml") is None


MESSAGE: dict[str, Any] = {
    "id": 469773959,
    "body": "$BTC.X up &amp; away 🚀",
    "created_at": "2026-09-07T12:30:53Z",
    "user": {"id": 642622, "username": "somebody", "classification": ["verified"]},
    "symbols": [{"symbol": "BTC.X"}],
    "entities": {"sentiment": {"basic": "Bullish"}},
    "likes": {"total": 3},
    "reshares": {"reshared_count": 1},
    "conversation": {"replies": 0},
}


def messages(*payload: Any, is_archive: bool = False) -> tuple[Parsed, Parsed]:
    return stocktwits_messages.parse_messages(list(payload), CLOCK, is_archive=is_archive)


def test_a_message_becomes_a_post_and_a_capture() -> None:
    posts, captures = messages(MESSAGE)
    (post,), (capture,) = posts.rows, captures.rows
    assert (post["post_id"], post["text"]) == ("469773959", "$BTC.X up & away 🚀")
    assert (post["user_sentiment"], post["is_verified"]) == ("Bullish", True)
    assert (post["available_at"], post["is_backfilled"]) == (CLOCK, False)
    assert (capture["likes"], capture["reposts"], capture["replies"]) == (3, 1, 0)
    assert capture["captured_at"] == CLOCK


def test_the_author_is_not_stored_by_name_or_number() -> None:
    posts, _ = messages(MESSAGE)
    shown = str(posts.rows)
    assert "somebody" not in shown
    assert "642622" not in shown
    assert len(posts.rows[0]["author_id"]) == 64


@pytest.mark.parametrize(
    ("entities", "expected"),
    [
        (None, None),
        ({}, None),
        ({"sentiment": None}, None),
        ({"sentiment": {"basic": "Bearish"}}, "Bearish"),
        ({"sentiment": {"basic": 5}}, None),
    ],
)
def test_most_messages_are_untagged(entities: Any, expected: str | None) -> None:
    posts, _ = messages({**MESSAGE, "entities": entities})
    assert posts.rows[0]["user_sentiment"] == expected


def test_unknown_counts_stay_unknown() -> None:
    bare = {k: v for k, v in MESSAGE.items() if k not in ("likes", "reshares", "conversation")}
    assert messages(bare)[1].rows == []
    (capture,) = messages({**bare, "likes": {"total": 2}})[1].rows
    assert (capture["likes"], capture["reposts"], capture["replies"]) == (2, None, None)


def test_an_archive_is_known_when_it_was_posted_and_old_posts_are_not_watched() -> None:
    old = {**MESSAGE, "created_at": (CLOCK - timedelta(hours=79)).isoformat()}
    posts, captures = messages(old, is_archive=True)
    assert (
        posts.rows[0]["available_at"] == posts.rows[0]["posted_at"] == CLOCK - timedelta(hours=79)
    )
    assert posts.rows[0]["is_backfilled"] is True
    assert len(captures.rows) == 1
    assert messages(old)[1].rows == []


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"body": None}, "body is missing"),
        ({"body": "<p></p>"}, "body is empty"),
        ({"body": "a" * 1_000_000}, "body is longer than 100000 bytes"),
        ({"body": 5}, "body is not text"),
        ({"id": "x"}, "id is missing or not a whole number"),
        ({"created_at": "2026-09-08T12:00:00Z"}, "created_at lies in the future"),
        ({"created_at": "2026-09-07 12:00:00"}, "created_at has no time zone"),
        ({"user": None}, "user is missing or has no id"),
    ],
)
def test_bad_messages_are_refused(change: dict[str, Any], reason: str) -> None:
    posts, captures = messages({**MESSAGE, **change}, {**MESSAGE, "id": 1})
    assert [bad.reason for bad in posts.rejections] == [reason]
    assert [row["post_id"] for row in posts.rows] == [row["post_id"] for row in captures.rows]


def test_a_bad_count_costs_the_capture_not_the_post() -> None:
    posts, captures = messages({**MESSAGE, "likes": {"total": -1}})
    assert len(posts.rows) == 1
    assert [bad.reason for bad in captures.rejections] == ["likes is not a count"]


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from([*MESSAGE, "title", "summary", "link"]), inner)
    ),
    max_leaves=10,
)


@given(st.lists(_JSON, max_size=5), st.dictionaries(st.sampled_from([*MESSAGE]), _JSON))
def test_no_payload_breaks_the_parsers(payload: list[Any], change: dict[str, Any]) -> None:
    messages(*payload, {**MESSAGE, **change})
