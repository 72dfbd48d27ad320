"""What is told of a feed: every change once, whatever comes in which order."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ingestion.conform import conform
from ingestion.news import checks
from ingestion.news.feeds import FEEDS_FILE, Feed
from ingestion.tables import FEED_CHECKS

FEED = Feed("coindesk", "crypto", "https://example.com/rss")
CLOCK = datetime(2026, 9, 7, 13, tzinfo=UTC)
ANSWER = checks.Answer('W/"1"', "Mon, 07 Sep 2026 12:00:00 GMT", 25, CLOCK, is_sample=True)


def failures(number: int) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return memory and rows after ``number`` equal failures in a row, an hour apart."""
    memory, _ = checks.answered(FEED, CLOCK, ANSWER)
    rows = []
    for hour in range(1, number + 1):
        memory, row = checks.failed(FEED, CLOCK + timedelta(hours=hour), memory, "answered 403")
        rows += [row] if row else []
    return memory, rows


def test_a_feed_that_stays_dead_is_told_of_ever_more_seldom() -> None:
    memory, rows = failures(1000)
    assert [row["consecutive_failures"] for row in rows] == [2**power for power in range(10)]
    assert {row["failing_since"] for row in rows} == {CLOCK + timedelta(hours=1)}
    assert (memory["failures"], memory["etag"]) == (1000, 'W/"1"')


def test_another_error_is_told_at_once() -> None:
    memory, _ = failures(5)
    changed, row = checks.failed(FEED, CLOCK, memory, "answered 500")
    assert row is not None
    assert (row["error"], row["consecutive_failures"]) == ("answered 500", 6)
    assert row["items"] == 25, "what was known of the feed stays"
    assert checks.failed(FEED, CLOCK, changed, "answered 500")[1] is None


def test_an_unchanged_document_ends_the_failures_and_is_silent_otherwise() -> None:
    memory, _ = failures(3)
    healed = checks.unchanged(FEED, CLOCK, memory)
    assert healed is not None
    memory, row = healed
    assert (row["status"], row["consecutive_failures"], row["error"]) == ("ok", 0, None)
    assert row["failing_since"] is None
    assert row["newest_published_at"] == CLOCK
    assert checks.unchanged(FEED, CLOCK, memory) is None


@given(st.lists(st.sampled_from(["ok", "304", "403", "500"]), max_size=60))
def test_the_count_is_that_of_the_failures_since_the_last_answer(events: list[str]) -> None:
    memory: dict[str, Any] = {}
    expected = 0
    for event in events:
        row: dict[str, Any] | None = None
        if event == "ok":
            memory, row = checks.answered(FEED, CLOCK, ANSWER)
            expected = 0
        elif event == "304":
            if healed := checks.unchanged(FEED, CLOCK, memory):
                memory, row = healed
            expected = 0
        else:
            memory, row = checks.failed(FEED, CLOCK, memory, event)
            expected += 1
        assert memory.get("failures", 0) == expected
        if row is not None:
            assert conform(FEED_CHECKS, dict(row)) is None
            assert row["consecutive_failures"] == expected
            assert (row["failing_since"] is None) == (expected == 0)


def test_the_table_of_feeds_is_sound() -> None:
    feeds = tomllib.loads(FEEDS_FILE.read_text(encoding="utf-8"))["feeds"]
    assert len(feeds) >= 25
    assert len({feed["url"].rstrip("/") for feed in feeds}) == len(feeds)
    assert all(feed["url"].startswith("https://") for feed in feeds)
    assert sum(feed["category"] == "market" for feed in feeds) >= 4
