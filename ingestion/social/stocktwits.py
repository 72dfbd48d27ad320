"""StockTwits: posts of a symbol's stream, and how they are received.

Wire facts: newest first, at most 30 per page; ``max`` asks for older ones. One message is in the
stream of every symbol it names. The tag of the author is null or absent in most messages, and
``likes``, ``reshares`` and ``conversation`` are absent where there are none to tell of.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from ingestion.config import Settings
from ingestion.extraction import Chunk, Extraction
from ingestion.http import Provider
from ingestion.rejections import Parsed, Rejection, checked, plain_json, unique
from ingestion.tables import SOCIAL_ENGAGEMENT, SOCIAL_POSTS, Row
from ingestion.text import clean_text, text_hash
from ingestion.validate import count, iso_time, not_future, refuse, text

PLATFORM = "stocktwits"
PAGE = 30
#: Engagement of a message is captured, while it changes, this long after it was posted.
WATCHED = timedelta(hours=72)


def provider(settings: Settings) -> Provider:
    """Return how StockTwits is asked: 200 requests per hour were allowed without a key."""
    base = settings.stocktwits_base_url.rstrip("/")
    return Provider(PLATFORM, base, 0.05, "STOCKTWITS_BASE_URL")


def extract(run: Extraction) -> Iterator[Chunk]:
    """Yield the posts and captures of every asset with a stream."""
    streams = [asset.stocktwits_id for asset in run.assets if asset.stocktwits_id]
    yield from run.each(streams, lambda stream: _stream(run, stream))


def _stream(run: Extraction, stream: str) -> Iterator[Chunk]:
    """Yield a stream from its newest message back to the last one seen."""
    last_seen = run.state.get(stream)
    newest = last_seen
    oldest: int | None = None
    for _ in range(run.settings.stocktwits_max_pages):
        params: dict[str, str | int | float] = {"limit": PAGE}
        if oldest is not None:
            params["max"] = oldest
        payload, reply = run.client.get_json(
            f"streams/symbol/{stream}.json", params, error_in=error_in
        )
        messages = payload.get("messages") if isinstance(payload, dict) else None
        if not isinstance(messages, list):
            msg = f"the stream of {stream} answered without messages"
            raise run.client.error(msg, "check CFW_STOCKTWITS_BASE_URL", wide=True)
        posts, captures = parse_messages(messages, run.clock, is_archive=last_seen is None)
        yield from run.landed(SOCIAL_POSTS, posts, is_sample=reply.is_sample)
        yield from run.landed(SOCIAL_ENGAGEMENT, captures, is_sample=reply.is_sample)
        ids = [found for message in messages if (found := _id(message)) is not None]
        if ids:
            newest = max(ids if newest is None else [newest, *ids])
        reached = last_seen is not None and bool(ids) and min(ids) <= last_seen
        if reached or not ids or min(ids) == oldest or not _has_more(payload):
            break
        oldest = min(ids)
    else:
        if last_seen is not None:
            run.notes.append(f"{stream}: the last seen message is further back than the pages read")
    run.state[stream] = newest


def _id(message: Any) -> int | None:
    value = message.get("id") if isinstance(message, dict) else None
    is_id = isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**63
    return value if is_id else None


def _has_more(payload: dict[str, Any]) -> bool:
    cursor = payload.get("cursor")
    return bool(cursor.get("more")) if isinstance(cursor, dict) else False


def error_in(payload: Any) -> str | None:
    """Return the error inside a 200 answer: ``errors``, or another status in ``response``."""
    if not isinstance(payload, dict):
        return None
    if payload.get("errors"):
        return str(payload["errors"])
    response = payload.get("response")
    status = response.get("status", 200) if isinstance(response, dict) else 200
    return None if status == 200 else f"status {status}"


def parse_messages(
    messages: list[Any], clock: datetime, *, is_archive: bool
) -> tuple[Parsed, Parsed]:
    """Return the posts of a page and the captures of their engagement.

    Args:
        messages: of one page.
        clock: now: when they were first seen and counted.
        is_archive: first contact with the stream; a post became available when it was posted.
    """
    parse_post = partial(_post, clock=clock, is_archive=is_archive)
    parse_capture = partial(_capture, clock=clock)
    kept: list[tuple[Row, Any]] = []
    bad = Parsed()
    captures = Parsed()
    for raw in messages:
        post = checked(SOCIAL_POSTS, parse_post, raw)
        if not isinstance(post, dict):
            bad.add(post)
            continue
        kept.append((post, raw))
        if is_archive or clock - post["posted_at"] <= WATCHED:
            captures.add(checked(SOCIAL_ENGAGEMENT, parse_capture, raw))
    posts = unique(SOCIAL_POSTS, kept)
    posts.rejections += [item for item in bad.rejections if isinstance(item, Rejection)]
    return posts, captures


def _post(raw: Any, clock: datetime, is_archive: bool) -> Row:
    if not isinstance(raw, dict):
        refuse("the message is not an object")
    post_id = _id(raw)
    if post_id is None:
        refuse("id is missing or not a whole number")
    posted = not_future(iso_time(raw.get("created_at"), "created_at"), "created_at", clock)
    body = clean_text(text(raw.get("body"), "body"))
    if not body:
        refuse("body is empty")
    user = raw.get("user")
    if not isinstance(user, dict) or _id(user) is None:
        refuse("user is missing or has no id")
    return {
        "platform": PLATFORM,
        "post_id": str(post_id),
        "author_id": hashlib.sha256(f"{PLATFORM}:{user['id']}".encode()).hexdigest(),
        "is_verified": is_verified(user),
        "posted_at": posted,
        "text": body,
        "text_id": text_hash(body),
        "user_sentiment": user_sentiment(raw),
        "available_at": posted if is_archive else clock,
        "is_backfilled": is_archive,
        "raw": _raw(raw),
    }


def is_verified(user: dict[str, Any]) -> bool:
    """Return whether an account is official or carries the class ``verified``."""
    classes = user.get("classification")
    return user.get("official") is True or (isinstance(classes, list) and "verified" in classes)


def user_sentiment(raw: dict[str, Any]) -> str | None:
    """Return the author's own tag, ``Bullish`` or ``Bearish``, or None."""
    entities = raw.get("entities")
    sentiment = entities.get("sentiment") if isinstance(entities, dict) else None
    basic = sentiment.get("basic") if isinstance(sentiment, dict) else None
    return basic if basic in ("Bullish", "Bearish") else None


def _capture(raw: Any, clock: datetime) -> Row | None:
    """Return the counts of a message; None where it tells none."""
    counts = {
        "likes": _nested_count(raw, "likes", "total"),
        "reposts": _nested_count(raw, "reshares", "reshared_count"),
        "replies": _nested_count(raw, "conversation", "replies"),
    }
    if all(value is None for value in counts.values()):
        return None
    return {
        "platform": PLATFORM,
        "post_id": str(raw["id"]),
        "captured_at": clock,
        **counts,
        "available_at": clock,
    }


def _nested_count(raw: dict[str, Any], name: str, part: str) -> int | None:
    value = raw.get(name)
    if isinstance(value, dict):
        value = value.get(part, value.get("total"))
    return None if value is None else count(value, name)


def _raw(raw: dict[str, Any]) -> Any:
    """Return the message without what names its author, and without what is a column."""
    dropped = ("user", "body", "mentioned_users")
    return plain_json({name: value for name, value in raw.items() if name not in dropped})
