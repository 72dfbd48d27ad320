"""Reddit posts: what becomes of each, without I/O.

A post keeps the text it had when it was first seen: an edit changes nothing that was known before.
One that was deleted or removed before it was seen is no post any more and is left out; one that is
deleted later stays, and is captured no further.
"""

from __future__ import annotations

import hashlib
import re
from datetime import datetime
from functools import partial
from typing import Any

from ingestion.rejections import Parsed, Rejection, checked, plain_json, unique
from ingestion.social.captures import GRACE, WATCHED
from ingestion.tables import SOCIAL_ENGAGEMENT, SOCIAL_POSTS, Row
from ingestion.text import article_text, text_hash
from ingestion.validate import count, not_future, refuse, text, unix_time

PLATFORM = "reddit"
_NAME = re.compile(r"t3_([0-9a-z]{1,13})")
_GONE = ("[deleted]", "[removed]")
#: What names the author, is a column, is large, or differs from reader to reader.
_NOT_RAW = (
    *("author", "title", "selftext", "media", "secure_media", "preview", "thumbnail", "gallery"),
    *("all_awardings", "gildings", "awarders", "crosspost_parent_list", "mod_", "approved_"),
    *("banned_", "user_reports", "saved", "hidden", "clicked", "visited", "likes", "removed_by"),
)


def number_of(post: Any) -> int | None:
    """Return the number that a post's name spells in base 36; names ascend with time."""
    name = post.get("name") if isinstance(post, dict) else None
    found = _NAME.fullmatch(name) if isinstance(name, str) else None
    return int(found[1], 36) if found else None


def is_gone(post: Any) -> bool:
    """Return whether the author deleted a post or a moderator removed it."""
    if not isinstance(post, dict):
        return False
    gone = any(post.get(name) in _GONE for name in ("author", "selftext", "title"))
    return gone or post.get("removed_by_category") is not None


def parse_posts(posts: list[Any], clock: datetime, *, is_archive: bool) -> tuple[Parsed, Parsed]:
    """Return the posts of a page and the captures of their engagement.

    Args:
        posts: of one page.
        clock: now: when they were first seen and counted.
        is_archive: first contact with the subreddit; a post became available when it was posted.
    """
    parse = partial(_post, clock=clock, is_archive=is_archive)
    kept: list[tuple[Row, Any]] = []
    bad = Parsed()
    counted: list[tuple[Row, Any]] = []
    for raw in posts:
        if is_gone(raw):
            continue
        post = checked(SOCIAL_POSTS, parse, raw)
        if not isinstance(post, dict):
            bad.add(post)
            continue
        kept.append((post, raw))
        if is_archive or clock - post["posted_at"] <= WATCHED + GRACE:
            capture = checked(SOCIAL_ENGAGEMENT, partial(_capture, clock=clock), raw)
            if isinstance(capture, dict):
                counted.append((capture, raw))
            else:
                bad.add(capture)
    rows, captures = unique(SOCIAL_POSTS, kept), unique(SOCIAL_ENGAGEMENT, counted)
    rows.rejections += [item for item in bad.rejections if isinstance(item, Rejection)]
    return rows, captures


def _post(raw: Any, clock: datetime, is_archive: bool) -> Row:
    if not isinstance(raw, dict):
        refuse("the post is not an object")
    if number_of(raw) is None:
        refuse("name is missing or not that of a post")
    posted = not_future(unix_time(raw.get("created_utc"), "created_utc"), "created_utc", clock)
    title = text(raw.get("title"), "title")
    own = raw.get("selftext")
    is_blank = own is None or (isinstance(own, str) and not own.strip())
    body = article_text(title, None if is_blank else text(own, "selftext"))
    if not body:
        refuse("title is empty")
    author = text(raw.get("author_fullname") or raw.get("author"), "author")
    return {
        "platform": PLATFORM,
        "post_id": raw["name"],
        "author_id": hashlib.sha256(f"{PLATFORM}:{author}".encode()).hexdigest(),
        # Reddit has no verified authors.
        "is_verified": False,
        "posted_at": posted,
        "text": body,
        "text_id": text_hash(body),
        "user_sentiment": None,
        "available_at": posted if is_archive else clock,
        "is_backfilled": is_archive,
        "raw": plain_json({k: v for k, v in raw.items() if not k.startswith(_NOT_RAW)}),
    }


def _capture(raw: dict[str, Any], clock: datetime) -> Row | None:
    """Return the counts of a post; None where it tells none.

    A score that the subreddit still hides reads 1: it is unknown.
    """
    is_hidden = raw.get("hide_score") is True
    counts = {
        "likes": None if is_hidden else _count(raw, "score"),
        "reposts": _count(raw, "num_crossposts"),
        "replies": _count(raw, "num_comments"),
    }
    if all(value is None for value in counts.values()):
        return None
    return {
        "platform": PLATFORM,
        "post_id": raw["name"],
        "captured_at": clock,
        **counts,
        "available_at": clock,
    }


def _count(raw: dict[str, Any], name: str) -> int | None:
    value = raw.get(name)
    return None if value is None else count(value, name)
