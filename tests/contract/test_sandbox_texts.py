"""RSS feeds and StockTwits as the sandbox speaks them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import feedparser
import httpx
import pytest

from ingestion.sandbox import Article, RunningSandbox, SandboxData, generate_sample

STREAM = "/stocktwits/api/2/streams/symbol/BTC.X.json"
ODD = Article(
    feed="odd",
    category="crypto",
    guid="odd-1",
    url="https://odd.example/a?b=1&c=2",
    title="Bell \x07 & <b>tags</b> ]]> \U0001f680",
    summary="It's 5 > 3",
    author=None,
    published_at=datetime(2024, 6, 1, 12, tzinfo=UTC),
)


@pytest.fixture(scope="module")
def data() -> SandboxData:
    sample = generate_sample()
    return replace(sample, articles=(*sample.articles, ODD))


@pytest.mark.parametrize("feed", ["block-courier", "chain-herald", "coin-dispatch", "macro-wire"])
def test_a_feed_lists_everything_up_to_the_clock_newest_first(
    sandbox: RunningSandbox, client: httpx.Client, feed: str
) -> None:
    own = [a for a in sandbox.data.articles if a.feed == feed]
    answer = client.get(f"/rss/{feed}")
    assert answer.headers["content-type"].startswith("application/rss+xml")
    parsed = feedparser.parse(answer.content)
    assert not parsed.bozo
    assert parsed.version == "rss20"
    assert {entry.id for entry in parsed.entries} == {a.guid for a in own}
    times = [tuple(entry.published_parsed) for entry in parsed.entries]
    assert times == sorted(times, reverse=True)
    newest = max(own, key=lambda a: a.published_at)
    assert times[0] == tuple(newest.published_at.utctimetuple())


def test_text_that_xml_cannot_hold_as_it_is(client: httpx.Client) -> None:
    parsed = feedparser.parse(client.get("/rss/odd").content)
    assert not parsed.bozo
    (entry,) = parsed.entries
    assert "\U0001f680" in entry.title
    assert entry.link.startswith("https://odd.example/a?b=1&c=2")


def test_conditional_get_is_answered_304_until_something_changes(
    sandbox: RunningSandbox, client: httpx.Client
) -> None:
    first = client.get("/rss/block-courier")
    tag, modified = first.headers["etag"], first.headers["last-modified"]
    again = client.get("/rss/block-courier", headers={"if-none-match": tag})
    assert (again.status_code, again.content) == (304, b"")
    since = client.get("/rss/block-courier", headers={"if-modified-since": modified})
    assert since.status_code == 304
    sandbox.set_clock(sandbox.data.default_now() - timedelta(days=3))
    assert client.get("/rss/block-courier", headers={"if-none-match": tag}).status_code == 200


def test_an_edit_shows_when_it_is_made(sandbox: RunningSandbox, client: httpx.Client) -> None:
    article = next(a for a in sandbox.data.articles if a.edits)
    (edit,) = article.edits
    titles = []
    for moment in (edit.at - timedelta(minutes=1), edit.at):
        sandbox.set_clock(moment)
        entries = feedparser.parse(client.get(f"/rss/{article.feed}").content).entries
        entry = next(e for e in entries if e.id == article.guid)
        titles.append(f"{entry.title}|{entry.summary}")
    assert titles[0] != titles[1]
    sandbox.set_clock(article.published_at - timedelta(minutes=1))
    entries = feedparser.parse(client.get(f"/rss/{article.feed}").content).entries
    assert article.guid not in {e.id for e in entries}


def test_guids_and_links_differ_by_outlet(client: httpx.Client) -> None:
    tracked = feedparser.parse(client.get("/rss/chain-herald").content).entries[0]
    assert "utm_source=rss_feed" in tracked.link
    assert client.get("/rss/nope").status_code == 404


def test_a_stream_pages_back_through_every_message(
    sandbox: RunningSandbox, client: httpx.Client
) -> None:
    own = [p.id for p in sandbox.data.posts if "BTC.X" in p.streams]
    page = client.get(STREAM, params={"limit": "99"}).json()
    assert page["response"] == {"status": 200}
    assert len(page["messages"]) == 30
    found = [m["id"] for m in page["messages"]]
    while page["cursor"]["more"]:
        page = client.get(STREAM, params={"max": str(page["cursor"]["max"])}).json()
        found += [m["id"] for m in page["messages"]]
    assert found == sorted(own, reverse=True)
    newer = client.get(STREAM, params={"since": str(found[4])}).json()
    assert [m["id"] for m in newer["messages"]] == found[:4]


def test_messages_have_sentiment_or_null_and_growing_counts(
    sandbox: RunningSandbox, client: httpx.Client
) -> None:
    messages = client.get(STREAM).json()["messages"]
    moods = [m["entities"]["sentiment"] for m in messages]
    assert None in moods
    assert {"basic": "Bullish"} in moods or {"basic": "Bearish"} in moods
    assert all(m["created_at"].endswith("Z") for m in messages)
    popular = max((p for p in sandbox.data.posts if "BTC.X" in p.streams), key=lambda p: p.likes)
    likes = []
    for hours in (0.1, 3, 300):
        sandbox.set_clock(popular.created_at + timedelta(hours=hours))
        params = {"max": str(popular.id + 1), "limit": "1"}
        (message,) = client.get(STREAM, params=params).json()["messages"]
        likes.append(message["likes"]["total"])
    assert likes == sorted(likes)
    assert likes[0] < likes[-1] == popular.likes


def test_an_unknown_symbol_is_404(client: httpx.Client) -> None:
    answer = client.get("/stocktwits/api/2/streams/symbol/NOPE.X.json")
    assert answer.status_code == 404
    assert answer.json()["errors"] == [{"message": "Symbol not found"}]
