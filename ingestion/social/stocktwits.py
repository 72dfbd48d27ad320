"""StockTwits: posts of a symbol's stream, and how they are received.

Wire facts: newest first, at most 30 per page; ``max`` asks for older ones. One message is in the
stream of every symbol it names. The tag of the author is null or absent in most messages, and
``likes``, ``reshares`` and ``conversation`` are absent where there are none to tell of.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from ingestion.config import Settings
from ingestion.errors import SourceError
from ingestion.extraction import Chunk, Extraction
from ingestion.http import Provider
from ingestion.social.budget import HourlyBudget
from ingestion.social.captures import Due, due_posts
from ingestion.social.stocktwits_messages import PLATFORM, message_id, parse_messages
from ingestion.tables import SOCIAL_ENGAGEMENT, SOCIAL_POSTS

PAGE = 30
#: Share of the hour's requests that new messages may take; the rest is for captures again.
_READING_SHARE = 0.75
#: A stream that does not exist is asked for again after this long.
_ASK_AGAIN = timedelta(days=7)


def provider(settings: Settings) -> Provider:
    """Return how StockTwits is asked: 200 requests per hour were allowed without a key."""
    base = settings.stocktwits_base_url.rstrip("/")
    return Provider(PLATFORM, base, 0.5, "STOCKTWITS_BASE_URL")


def extract(run: Extraction) -> Iterator[Chunk]:
    """Yield new posts of every stream, and captures of older posts that are due.

    What the requests of this hour do not suffice for comes first in the next run.
    """
    budget = HourlyBudget(run, run.settings.stocktwits_requests_per_hour)
    waiting = _streams(run)
    captured: set[str] = set()
    left_out: list[str] = []

    def read(stream: str) -> Iterator[Chunk]:
        if budget.left(_READING_SHARE) <= 0:
            left_out.append(stream)
            return
        yield from _watched(captured, _known(run, stream, budget))

    yield from run.each(waiting, read)
    if left_out:
        run.state["next"] = left_out[0]
        run.notes.append(f"{len(left_out)} streams wait for the next hour's requests")
    else:
        run.state.pop("next", None)
    # Where StockTwits fails as a whole the posts stay due for the next run.
    if not any(failure.provider_wide for failure in run.failures):
        yield from _again(run, due_posts(run, PLATFORM, captured), set(waiting), budget)
    budget.keep()


def _streams(run: Extraction) -> list[str]:
    """Return the streams to read: the one that was left out first, those unknown left out."""
    unknown = run.state.setdefault("unknown", {})
    for stream, asked_at in list(unknown.items()):
        if run.clock - datetime.fromisoformat(asked_at) >= _ASK_AGAIN:
            del unknown[stream]
    streams = [asset.stocktwits_id for asset in run.assets if asset.stocktwits_id]
    if skipped := [stream for stream in streams if stream in unknown]:
        run.notes.append(f"unknown to StockTwits: {', '.join(skipped)}")
    streams = [stream for stream in streams if stream not in unknown]
    start = streams.index(run.state["next"]) if run.state.get("next") in streams else 0
    return streams[start:] + streams[:start]


def _known(run: Extraction, stream: str, budget: HourlyBudget) -> Iterator[Chunk]:
    """Yield a stream; one that StockTwits does not have is noted, and left alone for a while."""
    try:
        yield from _stream(run, stream, budget)
    except SourceError as error:
        if error.status != 404:
            raise
        run.state["unknown"][stream] = run.clock.isoformat()
        run.notes.append(f"unknown to StockTwits: {stream}")


def _stream(run: Extraction, stream: str, budget: HourlyBudget) -> Iterator[Chunk]:
    """Yield a stream from its newest message back to the last one seen."""
    last_seen = run.state.get(stream)
    newest = last_seen
    oldest: int | None = None
    for _ in range(run.settings.stocktwits_max_pages):
        if oldest is not None and budget.left(_READING_SHARE) <= 0:
            run.notes.append(f"{stream}: older messages not read: no requests left in this hour")
            break
        page = _page(run, stream, oldest)
        yield from _landed(run, page, is_archive=last_seen is None)
        if page.ids:
            newest = max(page.ids if newest is None else [newest, *page.ids])
        reached = last_seen is not None and bool(page.ids) and min(page.ids) <= last_seen
        if reached or not page.ids or min(page.ids) == oldest or not page.has_more:
            break
        oldest = min(page.ids)
    else:
        if last_seen is not None:
            run.notes.append(f"{stream}: the last seen message is further back than the pages read")
    run.state[stream] = newest


def _again(
    run: Extraction, due: list[Due], wanted: set[str], budget: HourlyBudget
) -> Iterator[Chunk]:
    """Yield captures of posts that are due, by reading their streams again from their ids on."""
    by_stream: dict[str, list[int]] = {}
    for post in due:
        symbols = post.raw.get("symbols")
        named = [item.get("symbol") for item in symbols or [] if isinstance(item, dict)]
        stream = next((name for name in named if name in wanted), None)
        if stream is not None and post.post_id.isdigit():
            by_stream.setdefault(stream, []).append(int(post.post_id))
    left = sum(len(ids) for ids in by_stream.values())

    def read(stream: str) -> Iterator[Chunk]:
        nonlocal left
        ids = sorted(by_stream[stream], reverse=True)
        while ids and budget.left() > 0:
            page = _page(run, stream, ids[0] + 1)
            yield from _landed(run, page, is_archive=False)
            lowest = min(page.ids, default=0)
            rest = [number for number in ids if number < min(lowest, ids[0])]
            left -= len(ids) - len(rest)
            ids = rest

    yield from run.each(list(by_stream), read)
    if left:
        run.notes.append(f"{left} posts not captured again: no requests left in this hour")


class _Page(NamedTuple):
    messages: list[Any]
    ids: list[int]
    has_more: bool
    is_sample: bool


def _page(run: Extraction, stream: str, below: int | None) -> _Page:
    """Return the newest messages of a stream, or the newest below an id."""
    params: dict[str, str | int | float] = {"limit": PAGE}
    if below is not None:
        params["max"] = below
    payload, reply = run.client.get_json(f"streams/symbol/{stream}.json", params, error_in=error_in)
    messages = payload.get("messages") if isinstance(payload, dict) else None
    if not isinstance(messages, list):
        msg = f"the stream of {stream} answered without messages"
        raise run.client.error(msg, "check CFW_STOCKTWITS_BASE_URL", wide=True)
    ids = [found for message in messages if (found := message_id(message)) is not None]
    return _Page(messages, ids, _has_more(payload), reply.is_sample)


def _landed(run: Extraction, page: _Page, *, is_archive: bool) -> Iterator[Chunk]:
    posts, captures = parse_messages(page.messages, run.clock, is_archive=is_archive)
    yield from run.landed(SOCIAL_POSTS, posts, is_sample=page.is_sample)
    yield from run.landed(SOCIAL_ENGAGEMENT, captures, is_sample=page.is_sample)


def _watched(captured: set[str], chunks: Iterator[Chunk]) -> Iterator[Chunk]:
    """Pass the chunks on and remember whose engagement they capture."""
    for chunk in chunks:
        if chunk.table is SOCIAL_ENGAGEMENT:
            captured.update(row["post_id"] for row in chunk.rows)
        yield chunk


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
