"""StockTwits messages: what becomes of each, without I/O."""

from __future__ import annotations

import hashlib
from datetime import datetime
from functools import partial
from typing import Any

from ingestion.rejections import Parsed, Rejection, checked, plain_json, unique
from ingestion.social.captures import GRACE, WATCHED
from ingestion.tables import SOCIAL_ENGAGEMENT, SOCIAL_POSTS, Row
from ingestion.text import clean_text, text_hash
from ingestion.validate import count, iso_time, not_future, refuse, text

PLATFORM = "stocktwits"


def message_id(message: Any) -> int | None:
    """Return the id of a message, or None where it has none that counts."""
    value = message.get("id") if isinstance(message, dict) else None
    is_id = isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**63
    return value if is_id else None


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
        if is_archive or clock - post["posted_at"] <= WATCHED + GRACE:
            captures.add(checked(SOCIAL_ENGAGEMENT, parse_capture, raw))
    posts = unique(SOCIAL_POSTS, kept)
    posts.rejections += [item for item in bad.rejections if isinstance(item, Rejection)]
    return posts, captures


def _post(raw: Any, clock: datetime, is_archive: bool) -> Row:
    if not isinstance(raw, dict):
        refuse("the message is not an object")
    post_id = message_id(raw)
    if post_id is None:
        refuse("id is missing or not a whole number")
    posted = not_future(iso_time(raw.get("created_at"), "created_at"), "created_at", clock)
    body = clean_text(text(raw.get("body"), "body"))
    if not body:
        refuse("body is empty")
    user = raw.get("user")
    if not isinstance(user, dict) or message_id(user) is None:
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
