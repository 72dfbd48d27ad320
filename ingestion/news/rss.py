"""RSS and Atom feeds.

Wire facts: a feed is a window of 25 to 60 items without history; what is not read in time is gone.
``guid`` is unique within its feed only, and comes back with an edited text. Dates are the
publisher's word. A challenge page or an empty body parses without an error and with no items.
"""

from __future__ import annotations

import calendar
import hashlib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any

import feedparser

from ingestion.config import Settings
from ingestion.errors import SourceError
from ingestion.extraction import Chunk, Extraction
from ingestion.http import HttpClient, Provider, Reply
from ingestion.news import checks
from ingestion.news.feeds import Feed, feeds_of
from ingestion.news.identity import with_stored_guids
from ingestion.news.urls import canonical_url
from ingestion.rejections import Parsed, parse_page, plain_json
from ingestion.tables import ARTICLES, FEED_CHECKS, Row
from ingestion.text import article_text, clean_text, text_hash
from ingestion.validate import not_future, refuse, text

PROVIDER = "rss"
_ACCEPT = "application/rss+xml, application/atom+xml, application/xml;q=0.9, */*;q=0.1"
_GUID_LENGTH = 255
#: Parts of an entry that repeat others in another form, or hold the whole article.
_NOT_RAW = ("content", "title_detail", "summary_detail", "published_parsed", "updated_parsed")


def provider(settings: Settings) -> Provider:
    """Return how feeds are asked: two per second over all hosts, redirects followed."""
    return Provider(PROVIDER, "", 2.0, "FEEDS", headers={"Accept": _ACCEPT}, follow_redirects=True)


def extract(run: Extraction) -> Iterator[Chunk]:
    """Yield the articles of every feed, and what changed about the feed itself."""
    feeds = feeds_of(run.settings)
    yield from run.each(feeds, lambda feed: _checked(run, feed), one_host=False)


def _checked(run: Extraction, feed: Feed) -> Iterator[Chunk]:
    """Yield a feed's articles; a failure is remembered, told in a row, and raised."""
    memory = dict(run.state.get(feed.name, {}))
    try:
        yield from _articles(run, feed, memory)
    except SourceError as error:
        run.state[feed.name], row = checks.failed(feed, run.clock, memory, error.what)
        if row is not None:
            yield Chunk(FEED_CHECKS, [row])
        raise


def _articles(run: Extraction, feed: Feed, memory: Mapping[str, Any]) -> Iterator[Chunk]:
    headers = {
        header: memory[name]
        for header, name in (("If-None-Match", "etag"), ("If-Modified-Since", "modified"))
        if memory.get(name)
    }
    reply = run.client.get(feed.url, headers=headers, accept=(200, 304))
    if reply.was_moved:
        run.notes.append(f"{feed.name} has moved for good; update its address")
    if reply.status == 304:
        if healed := checks.unchanged(feed, run.clock, memory):
            run.state[feed.name], row = healed
            yield Chunk(FEED_CHECKS, [row])
        return
    document = _document(run.client, feed, reply)
    is_archive = not memory.get("is_known") and not _has_articles(run, feed)
    parsed = parse_entries(document.entries, feed, run.clock, is_archive=is_archive)
    parsed.rows = with_stored_guids(run.reader, feed.name, parsed.rows)
    yield from run.landed(ARTICLES, parsed, is_sample=reply.is_sample)
    # A document that broke off half way is asked for again: its end was not read.
    is_whole = not is_broken(document)
    published = [row["published_at"] for row in parsed.rows if row["published_at"] is not None]
    answer = checks.Answer(
        etag=reply.headers.get("ETag") if is_whole else None,
        last_modified=reply.headers.get("Last-Modified") if is_whole else None,
        items=len(document.entries),
        newest_published_at=max(published, default=None),
        is_sample=reply.is_sample,
    )
    run.state[feed.name], row = checks.answered(feed, run.clock, answer)
    yield Chunk(FEED_CHECKS, [row])


def probe(client: HttpClient, feed: Feed) -> int:
    """Return how many items a feed holds; raises ``SourceError`` where it is no feed."""
    return len(_document(client, feed, client.get(feed.url)).entries)


def _document(client: HttpClient, feed: Feed, reply: Reply) -> Any:
    """Return the parsed feed; its bytes are parsed, for they declare their own encoding."""
    headers = {
        "content-location": feed.url,
        "content-type": reply.headers.get("Content-Type", "application/xml"),
    }
    document = feedparser.parse(reply.body, response_headers=headers)
    if problem := silent_failure(document, reply.headers.get("Content-Type", "")):
        msg = f"feed {feed.name} answered 200 but {problem}"
        raise client.error(msg, "open its address in a browser and update CFW_FEEDS")
    return document


def _has_articles(run: Extraction, feed: Feed) -> bool:
    """Return whether the feed was read before, by a state that is lost."""
    if not run.reader.has_table(ARTICLES.name):
        return False
    sql = f"SELECT 1 AS found FROM {run.reader.table(ARTICLES.name)} WHERE feed = %s LIMIT 1"  # noqa: S608
    return bool(run.reader.query(sql, (feed.name,)))


def is_broken(document: Any) -> bool:
    """Return whether a document is not well-formed; a wrong content type or charset is not that."""
    harmless = (feedparser.NonXMLContentType, feedparser.CharacterEncodingOverride)
    return bool(document.get("bozo")) and not isinstance(document.get("bozo_exception"), harmless)


def silent_failure(document: Any, content_type: str) -> str | None:
    """Return what is wrong with a document that parsed, or None.

    Args:
        document: feedparser's result.
        content_type: the header of the answer.
    """
    if not document.get("version"):
        kind = "an HTML page" if "html" in content_type.lower() else "no feed"
        return f"sent {kind}"
    if is_broken(document) and not document.entries:
        return "sent a feed that is broken before its first item"
    return None


def parse_entries(entries: list[Any], feed: Feed, clock: datetime, *, is_archive: bool) -> Parsed:
    """Return the articles of a feed and what is refused.

    Args:
        entries: feedparser's entries.
        feed: whose they are.
        clock: now: when they were first seen.
        is_archive: first contact; what is dated became available when it was published.
    """
    parse = partial(_article, feed=feed, clock=clock, is_archive=is_archive)
    return parse_page(ARTICLES, parse, map(_raw, entries))


def _raw(entry: Any) -> dict[str, Any]:
    """Return an entry as plain JSON, with the publication time as unix seconds."""
    raw = {name: value for name, value in entry.items() if name not in _NOT_RAW}
    parsed = entry.get("published_parsed")
    raw["published_unix"] = calendar.timegm(parsed) if parsed else None
    return {name: plain_json(value) for name, value in raw.items()}


def _article(raw: dict[str, Any], feed: Feed, clock: datetime, is_archive: bool) -> Row:
    title = _optional_text(raw.get("title"), "title")
    summary = _optional_text(raw.get("summary"), "summary")
    body = article_text(title, summary)
    if not body:
        refuse("title and summary are missing")
    link = _optional_text(raw.get("link"), "link")
    published = _published(raw.get("published_unix"), clock)
    is_backfilled = is_archive and published is not None
    return {
        "feed": feed.name,
        "guid": guid_of(raw.get("id"), link, title),
        "text_version": text_hash(body),
        "category": feed.category,
        "url": link,
        "canonical_url": canonical_url(link) if link else None,
        "title": clean_text(title) if title else None,
        "summary": clean_text(summary) if summary else None,
        "text": body,
        "author": clean_text(_optional_text(raw.get("author"), "author") or "") or None,
        "published_at": published,
        "first_seen_at": clock,
        "available_at": published if is_backfilled else clock,
        "is_backfilled": is_backfilled,
        "raw": raw,
    }


def guid_of(guid: Any, link: str | None, title: str | None) -> str:
    """Return the key of an item: its guid, else its link, else a hash; hashed where too long."""
    key = guid.strip() if isinstance(guid, str) and guid.strip() else link
    if key is None:
        key = f"title:{title or ''}"
    if len(key) <= _GUID_LENGTH and not key.startswith("title:"):
        return key
    return f"sha256:{hashlib.sha256(key.encode('utf-8')).hexdigest()}"


def _optional_text(value: Any, name: str) -> str | None:
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    return text(value, name)


def _published(seconds: int | None, clock: datetime) -> datetime | None:
    if seconds is None:
        return None
    try:
        moment = datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        refuse("pubDate is not a time")
    return not_future(moment, "pubDate", clock)
