"""StockTwits: the message stream of a symbol, newest first, 30 at a time."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from ingestion.sandbox.model_texts import Post
from ingestion.sandbox.state import SandboxState, iso, now_of, state_of

MAX_MESSAGES = 30


async def stream(request: Request) -> JSONResponse:
    """GET /streams/symbol/{symbol}.json; ``max`` and ``since`` exclude the message they name."""
    state, now, query = state_of(request), now_of(request), request.query_params
    symbol = request.path_params["symbol"].upper()
    asset = state.catalogue.by_stocktwits.get(symbol)
    if asset is None:
        body = {"response": {"status": 404}, "errors": [{"message": "Symbol not found"}]}
        return JSONResponse(body, status_code=404)
    posts = [p for p in _stream(state, symbol) if p.created_at <= now]
    if query.get("max", "").isdigit():
        posts = [p for p in posts if p.id < int(query["max"])]
    if query.get("since", "").isdigit():
        posts = [p for p in posts if p.id > int(query["since"])]
    limit = int(query["limit"]) if query.get("limit", "").isdigit() else MAX_MESSAGES
    shown = posts[: min(max(limit, 1), MAX_MESSAGES)]
    return JSONResponse(
        {
            "response": {"status": 200},
            "symbol": _symbol(symbol, asset.name),
            "cursor": {
                "more": len(posts) > len(shown),
                "since": shown[0].id if shown else None,
                "max": shown[-1].id if shown else None,
            },
            "messages": [_message(state, post, now) for post in shown],
        }
    )


def _stream(state: SandboxState, symbol: str) -> list[Post]:
    """Return the posts of one stream by id, newest first; sorted once per data set."""
    streams: dict[str, list[Post]] | None = state.cache.get("streams")
    if streams is None:
        streams = {}
        for post in sorted(state.data.posts, key=lambda p: p.id, reverse=True):
            for name in post.streams:
                streams.setdefault(name, []).append(post)
        state.cache["streams"] = streams
    return streams.get(symbol, [])


def _message(state: SandboxState, post: Post, now: datetime) -> dict[str, Any]:
    user, found = post.user, state.catalogue.by_stocktwits
    likes, reshares, replies = post.engagement_at(now)
    message: dict[str, Any] = {
        "id": post.id,
        "body": post.body,
        "created_at": iso(post.created_at),
        "user": {
            "id": user.id,
            "username": user.username,
            "official": user.official,
            "classification": list(user.classification),
            "followers": user.followers,
        },
        "source": {"id": 1149, "title": "StockTwits for iOS"},
        "symbols": [_symbol(s, found[s].name if s in found else s) for s in post.streams],
        "mentioned_users": [],
        "entities": {"sentiment": {"basic": post.sentiment} if post.sentiment else None},
    }
    if likes is not None:
        message["likes"] = {"total": likes, "user_ids": []}
    if reshares is not None:
        message["reshares"] = {"reshared_count": reshares, "user_ids": []}
    if replies is not None:
        message["conversation"] = {"parent": True, "replies": replies}
    return message


def _symbol(symbol: str, name: str) -> dict[str, Any]:
    number = sum(ord(letter) * 31**i for i, letter in enumerate(symbol)) % 100_000
    return {"id": number, "symbol": symbol, "title": name, "aliases": [], "watchlist_count": 1000}


ROUTES = [Route("/streams/symbol/{symbol}.json", stream)]
