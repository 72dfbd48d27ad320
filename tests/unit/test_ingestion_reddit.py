"""Reddit posts and settings, without a network."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.config import Settings
from ingestion.errors import SettingsError
from ingestion.social import reddit, reddit_posts
from ingestion.social.reddit_client import pause_asked

CLOCK = datetime(2026, 9, 7, 13, tzinfo=UTC)
POSTED = datetime(2026, 9, 7, 12, tzinfo=UTC)
POST: dict[str, Any] = {
    "name": "t3_1abcde",
    "subreddit": "Bitcoin",
    "title": "Is BTC &amp; co. done?",
    "selftext": "I *doubt* it.",
    "author": "somebody",
    "author_fullname": "t2_99xyz",
    "score": 12,
    "num_comments": 3,
    "num_crossposts": 1,
    "created_utc": POSTED.timestamp(),
    "edited": False,
    "removed_by_category": None,
    "preview": {"images": []},
}


def parse(*posts: Any, is_archive: bool = False) -> tuple[Any, Any]:
    return reddit_posts.parse_posts(list(posts), CLOCK, is_archive=is_archive)


def test_a_submission_becomes_a_post_and_a_capture() -> None:
    posts, captures = parse(POST)
    (post,), (capture,) = posts.rows, captures.rows
    assert (post["platform"], post["post_id"]) == ("reddit", "t3_1abcde")
    assert post["text"] == "Is BTC & co. done? I *doubt* it."
    assert (post["posted_at"], post["available_at"]) == (POSTED, CLOCK)
    assert (capture["likes"], capture["reposts"], capture["replies"]) == (12, 1, 3)
    assert post["raw"]["subreddit"] == "Bitcoin"
    assert "preview" not in post["raw"]
    shown = str(post)
    assert "somebody" not in shown
    assert "99xyz" not in shown


def test_at_first_contact_the_backlog_is_an_archive() -> None:
    posts, _ = parse(POST, is_archive=True)
    assert posts.rows[0]["available_at"] == POSTED
    assert posts.rows[0]["is_backfilled"] is True


@pytest.mark.parametrize(
    "change",
    [
        {"selftext": "[removed]"},
        {"selftext": "[deleted]", "author": "[deleted]"},
        {"author": "[deleted]"},
        {"removed_by_category": "moderator"},
    ],
)
def test_what_is_gone_is_no_post(change: dict[str, Any]) -> None:
    posts, captures = parse({**POST, **change})
    assert posts.rows == captures.rows == posts.rejections == []


def test_a_link_post_is_its_title_and_a_hidden_score_is_unknown() -> None:
    posts, captures = parse({**POST, "selftext": "", "hide_score": True, "score": 1})
    assert posts.rows[0]["text"] == "Is BTC & co. done?"
    assert (captures.rows[0]["likes"], captures.rows[0]["replies"]) == (None, 3)


def test_an_edit_keeps_the_post_as_it_was_first_seen() -> None:
    edited = {**POST, "selftext": "Changed my mind.", "edited": CLOCK.timestamp()}
    assert parse(POST)[0].rows[0]["post_id"] == parse(edited)[0].rows[0]["post_id"]
    both, _ = parse(POST, edited)
    assert [row["text"] for row in both.rows] == ["Is BTC & co. done? I *doubt* it."]
    assert "contradicts" in both.rejections[0].reason


def test_old_posts_are_not_captured() -> None:
    old = {**POST, "created_utc": (CLOCK - timedelta(hours=79)).timestamp()}
    posts, captures = parse(old)
    assert (len(posts.rows), captures.rows) == (1, [])


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"name": "t1_abc"}, "name is missing or not that of a post"),
        ({"name": None}, "name is missing or not that of a post"),
        ({"created_utc": None}, "created_utc is missing"),
        ({"created_utc": "1700000000"}, "created_utc is a string where a number belongs"),
        ({"created_utc": 4e9}, "created_utc lies in the future"),
        ({"title": ""}, "title is empty"),
        ({"selftext": 5}, "selftext is not text"),
        ({"author": None, "author_fullname": None}, "author is missing"),
        ({"score": -3}, "score is not a count"),
    ],
)
def test_bad_posts_are_refused(change: dict[str, Any], reason: str) -> None:
    posts, _ = parse({**POST, **change}, {**POST, "name": "t3_good"})
    assert [bad.reason for bad in posts.rejections] == [reason]
    assert "t3_good" in {row["post_id"] for row in posts.rows}


def test_names_count_in_base_36() -> None:
    assert reddit_posts.number_of({"name": "t3_10"}) == 36
    assert reddit_posts.number_of({"name": "t3_1abcde"}) == int("1abcde", 36)
    assert reddit_posts.number_of({"name": 5}) is None
    assert reddit_posts.number_of(None) is None


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*POST]), inner),
    max_leaves=8,
)


@given(st.lists(_JSON, max_size=4), st.dictionaries(st.sampled_from([*POST]), _JSON))
def test_no_payload_breaks_the_parser(payload: list[Any], change: dict[str, Any]) -> None:
    parse(*payload, {**POST, **change})


def test_without_both_keys_reddit_is_off() -> None:
    assert "CFW_REDDIT_CLIENT_ID" in str(reddit.skip_reason(Settings(reddit_client_id="x")))
    both = Settings(CFW_REDDIT_CLIENT_ID="x", CFW_REDDIT_CLIENT_SECRET="y")  # noqa: S106
    assert reddit.skip_reason(both) is None
    assert set(both.secrets()) >= {"x", "y"}
    assert "'x'" not in repr(both)


def test_subreddits_of_other_assets_are_left_out() -> None:
    everything = reddit.subreddits_of(Settings())
    assert len(set(everything)) == len(everything) >= 10
    some = reddit.subreddits_of(Settings(symbols="ETH"))
    assert "CryptoCurrency" in some
    assert "ethereum" in some
    assert "Bitcoin" not in some
    assert reddit.subreddits_of(Settings(reddit_subreddits="Bitcoin,solana")) == [
        "Bitcoin",
        "solana",
    ]
    with pytest.raises(SettingsError, match="without r/"):
        reddit.subreddits_of(Settings(reddit_subreddits="r/Bitcoin"))


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, 0.0),
        ({"X-Ratelimit-Remaining": "995.0", "X-Ratelimit-Reset": "540"}, 0.0),
        ({"X-Ratelimit-Remaining": "0.0", "X-Ratelimit-Reset": "40"}, 40.0),
        ({"X-Ratelimit-Remaining": "0", "X-Ratelimit-Reset": "nan"}, 0.0),
        ({"X-Ratelimit-Remaining": "soon", "X-Ratelimit-Reset": "40"}, 0.0),
        ({"X-Ratelimit-Remaining": "0"}, 0.0),
    ],
)
def test_the_pause_that_the_headers_ask_for(headers: dict[str, str], seconds: float) -> None:
    assert pause_asked(headers) == seconds
