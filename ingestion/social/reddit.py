"""Reddit by OAuth: new posts of some subreddits, and how they are received.

Wire facts: a listing is newest first, 100 per page, and ends about 1,000 posts back however it is
paged; there is no search by time, so what is not read in time is gone. Scores are blurred and move
for days. What authors delete and moderators remove reads ``[deleted]`` or ``[removed]``.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ingestion.config import Settings
from ingestion.errors import SettingsError, SourceError
from ingestion.extraction import Chunk, Extraction
from ingestion.http import Provider
from ingestion.social.captures import due_posts
from ingestion.social.reddit_client import RedditClient
from ingestion.social.reddit_posts import PLATFORM, number_of, parse_posts
from ingestion.tables import SOCIAL_ENGAGEMENT, SOCIAL_POSTS

PAGE = 100
SUBREDDITS_FILE = Path(__file__).with_name("subreddits.toml")
#: Posts captured again in one run, at most: 20 requests of 100 ids.
MOST_AGAIN = 2_000


def provider(settings: Settings) -> Provider:
    """Return how Reddit is asked: 100 requests per minute were allowed for an app."""
    return Provider(PLATFORM, settings.reddit_base_url.rstrip("/"), 1.5, "REDDIT_BASE_URL")


def skip_reason(settings: Settings) -> str | None:
    """Return why Reddit cannot be read with these settings, or None."""
    if settings.reddit_client_id and settings.reddit_client_secret:
        return None
    return "set CFW_REDDIT_CLIENT_ID and CFW_REDDIT_CLIENT_SECRET (an approved app) to read Reddit"


def subreddits_of(settings: Settings) -> list[str]:
    """Return the subreddits of ``CFW_REDDIT_SUBREDDITS``, or those of the table that are wanted.

    Raises:
        SettingsError: a name is none.
    """
    if settings.reddit_subreddits:
        for name in settings.reddit_subreddits:
            if not re.fullmatch(r"[A-Za-z0-9_]{2,21}", name):
                msg = f"CFW_REDDIT_SUBREDDITS: {name[:40]!r} is no subreddit; write it without r/"
                raise SettingsError(msg)
        return list(settings.reddit_subreddits)
    entries = tomllib.loads(SUBREDDITS_FILE.read_text(encoding="utf-8"))["subreddits"]
    wanted = set(settings.symbols)
    return [
        entry["name"]
        for entry in entries
        if not wanted or "symbol" not in entry or entry["symbol"] in wanted
    ]


def extract(run: Extraction) -> Iterator[Chunk]:
    """Yield new posts of every subreddit, and captures of older posts that are due."""
    client = RedditClient(run.client, run.settings)
    captured: set[str] = set()
    names = subreddits_of(run.settings)
    yield from run.each(names, lambda name: _subreddit(run, client, name, captured))
    # Where Reddit fails as a whole the posts stay due for the next run.
    if not any(failure.provider_wide for failure in run.failures):
        yield from _again(run, client, captured)


def _subreddit(
    run: Extraction, client: RedditClient, name: str, captured: set[str]
) -> Iterator[Chunk]:
    """Yield a subreddit from its newest post back to the last one seen."""
    last_seen = run.state.get(name.lower())
    newest, after = last_seen, None
    for _ in range(run.settings.reddit_max_pages):
        try:
            posts, after_next, is_sample = _page(run, client, name, after)
        except SourceError as error:
            if error.status not in (302, 403, 404):
                raise
            msg = f"r/{name} is private, banned or not there ({error.status})"
            remedy = "take it out of subreddits.toml or CFW_REDDIT_SUBREDDITS"
            raise run.client.error(msg, remedy, status=error.status) from None
        yield from _landed(run, posts, captured, is_archive=last_seen is None, is_sample=is_sample)
        numbers = [number for post in posts if (number := number_of(post)) is not None]
        newest = max([*numbers, newest or 0]) or None
        reached = last_seen is not None and bool(numbers) and min(numbers) <= last_seen
        if reached or not after_next or after_next == after:
            break
        after = after_next
    else:
        if last_seen is not None:
            run.notes.append(f"r/{name}: the last seen post is further back than the pages read")
    run.state[name.lower()] = newest


def _page(
    run: Extraction, client: RedditClient, name: str, after: str | None
) -> tuple[list[Any], str | None, bool]:
    params: dict[str, str | int | float] = {"limit": PAGE, "raw_json": 1}
    if after:
        params["after"] = after
    payload, reply = client.get(f"r/{name}/new", params)
    return *_children(run, payload), reply.is_sample


def _children(run: Extraction, payload: Any) -> tuple[list[Any], str | None]:
    """Return the posts of a listing and where the next page starts."""
    data = payload.get("data") if isinstance(payload, dict) else None
    children = data.get("children") if isinstance(data, dict) else None
    if not isinstance(data, dict) or not isinstance(children, list):
        msg = "answered with JSON that is no listing"
        raise run.client.error(msg, "check CFW_REDDIT_BASE_URL", status=200, wide=True)
    posts = [child.get("data") if isinstance(child, dict) else child for child in children]
    after = data.get("after")
    return posts, after if isinstance(after, str) else None


def _again(run: Extraction, client: RedditClient, captured: set[str]) -> Iterator[Chunk]:
    """Yield captures of posts that are due, 100 per request; posts that are gone have none."""
    ids = [post.post_id for post in due_posts(run, PLATFORM, captured)]
    if len(ids) > MOST_AGAIN:
        run.notes.append(f"{len(ids) - MOST_AGAIN} posts not captured again: too many at once")
    parts = [ids[start : start + PAGE] for start in range(0, min(len(ids), MOST_AGAIN), PAGE)]

    def read(part: list[str]) -> Iterator[Chunk]:
        payload, reply = client.get("api/info", {"id": ",".join(part), "raw_json": 1})
        posts, _ = _children(run, payload)
        yield from _landed(run, posts, captured, is_archive=False, is_sample=reply.is_sample)

    yield from run.each(parts, read)


def _landed(
    run: Extraction, posts: list[Any], captured: set[str], *, is_archive: bool, is_sample: bool
) -> Iterator[Chunk]:
    rows, captures = parse_posts(posts, run.clock, is_archive=is_archive)
    captured.update(row["post_id"] for row in captures.rows)
    yield from run.landed(SOCIAL_POSTS, rows, is_sample=is_sample)
    yield from run.landed(SOCIAL_ENGAGEMENT, captures, is_sample=is_sample)
