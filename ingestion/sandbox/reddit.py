"""Reddit by OAuth: a token for an app, listings of new posts, and posts by their names."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ingestion.sandbox.model_texts import Submission
from ingestion.sandbox.state import now_of, state_of

MAX_POSTS = 100
#: How far back a listing reaches, however it is paged.
MAX_DEPTH = 1000
#: The app that the sandbox knows.
CLIENT_ID, CLIENT_SECRET = "sandbox-app", "sandbox-app-secret"  # no secret at all
TOKEN_SECONDS = 86_400


async def token(request: Request) -> Response:
    """POST /api/v1/access_token: Basic credentials of the app, a form with the grant."""
    if request.headers.get("authorization") != f"Basic {_credentials()}":
        return _error(401, "Unauthorized")
    body = (await request.body()).decode()
    if "grant_type=client_credentials" not in body:
        return JSONResponse({"error": "unsupported_grant_type"})
    return JSONResponse(
        {
            "access_token": _token(now_of(request)),
            "token_type": "bearer",
            "expires_in": TOKEN_SECONDS,
            "scope": "*",
        }
    )


async def new(request: Request) -> Response:
    """GET /r/{sub}/new: newest first, ``after`` names the last post of the page before."""
    if refusal := _refused(request):
        return refusal
    sub, now = request.path_params["sub"].lower(), now_of(request)
    posts = [p for p in state_of(request).data.submissions if p.subreddit.lower() == sub]
    if not posts:
        return _error(404, "Not Found")
    posts = [p for p in posts if p.created_at <= now]
    posts.sort(key=lambda post: post.number, reverse=True)
    posts = posts[:MAX_DEPTH]
    names = [post.name for post in posts]
    after = request.query_params.get("after")
    start = names.index(after) + 1 if after in names else 0
    limit = request.query_params.get("limit", "")
    size = min(int(limit), MAX_POSTS) if limit.isdigit() else 25
    shown = posts[start : start + size]
    more = start + size < len(posts)
    return _listing(shown, shown[-1].name if shown and more else None, now)


async def info(request: Request) -> Response:
    """GET /api/info?id=t3_a,t3_b: at most 100 posts; names that do not exist are left out."""
    if refusal := _refused(request):
        return refusal
    wanted = request.query_params.get("id", "").split(",")[:MAX_POSTS]
    now = now_of(request)
    found = {p.name: p for p in state_of(request).data.submissions if p.created_at <= now}
    return _listing([found[name] for name in wanted if name in found], None, now)


def _listing(posts: Iterable[Submission], after: str | None, now: datetime) -> JSONResponse:
    children = [{"kind": "t3", "data": _post(post, now)} for post in posts]
    data = {"after": after, "before": None, "dist": len(children), "children": children}
    headers = {
        "x-ratelimit-used": "1",
        "x-ratelimit-remaining": "995.0",
        "x-ratelimit-reset": "540",
    }
    return JSONResponse({"kind": "Listing", "data": data}, headers=headers)


def _post(post: Submission, now: datetime) -> dict[str, Any]:
    score, comments = post.counts_at(now)
    is_removed = post.removed_at is not None and post.removed_at <= now
    is_edited = post.edited_at is not None and post.edited_at <= now
    body = post.edited_text if is_edited else post.selftext
    return {
        "id": post.name.removeprefix("t3_"),
        "name": post.name,
        "subreddit": post.subreddit,
        "title": post.title,
        "selftext": "[removed]" if is_removed else body,
        "author": "[deleted]" if is_removed else post.author,
        "author_fullname": None if is_removed else f"t2_{post.author}",
        "score": score,
        "ups": score,
        "upvote_ratio": 0.93,
        "num_comments": comments,
        "num_crossposts": 0,
        "created_utc": post.created_at.timestamp(),
        "permalink": f"/r/{post.subreddit}/comments/{post.name.removeprefix('t3_')}/",
        "url": f"https://www.reddit.example/r/{post.subreddit}/{post.name}/",
        "link_flair_text": None,
        "is_self": True,
        "over_18": False,
        "stickied": False,
        "hide_score": False,
        "removed_by_category": "moderator" if is_removed else None,
        "edited": post.edited_at.timestamp() if is_edited and post.edited_at else False,
    }


def _refused(request: Request) -> Response | None:
    sent = request.headers.get("authorization", "")
    days = {_token(now_of(request))}
    return None if sent.removeprefix("bearer ") in days else _error(401, "Unauthorized")


def _token(now: datetime) -> str:
    """Return the token of a day: it is refused on the next."""
    return "token-" + hashlib.sha256(f"{now:%Y-%m-%d}".encode()).hexdigest()[:32]


def _credentials() -> str:
    return base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()


def _error(status: int, message: str) -> JSONResponse:
    return JSONResponse({"message": message, "error": status}, status_code=status)


ROUTES = [
    Route("/api/v1/access_token", token, methods=["POST"]),
    Route("/api/info", info),
    Route("/r/{sub}/new", new),
]
