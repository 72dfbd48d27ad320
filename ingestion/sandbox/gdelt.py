"""GDELT DOC 2.0: the headlines of all feeds as one search, in answers of at most 250."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from ingestion.sandbox.model_texts import Article
from ingestion.sandbox.state import now_of, state_of

MAX_RECORDS, DEFAULT_RECORDS = 250, 75
GRID_SECONDS = 15 * 60
SHORTEST = 3
#: The sentence of an over-asked service; a fault of kind ``html`` sends it as the body.
THROTTLED = (
    "Please limit requests to one every 5 seconds or contact the administrator for larger queries."
)


async def doc(request: Request) -> Response:
    """GET /doc: an article list; what is wrong with a request is told in prose, with status 200."""
    query = request.query_params
    words = query.get("query", "")
    if len(words) < SHORTEST or len(words) > 2000:
        return HTMLResponse("Your query was too short or too long.")
    if any(len(word.strip('"()-')) < SHORTEST for word in _words(words)):
        return HTMLResponse("The specified phrase is too short.")
    if " OR " in re.sub(r"\([^)]*\)", "", words):
        return HTMLResponse("Queries containing OR'd terms must be surrounded by ().")
    if query.get("mode", "artlist").lower() != "artlist" or query.get("format") != "json":
        return HTMLResponse("<!DOCTYPE html><html><body>article list</body></html>")
    now = now_of(request)
    start = _moment(query.get("startdatetime"), now - timedelta(days=90))
    end = _moment(query.get("enddatetime"), now)
    found = [
        (seen, article)
        for article in state_of(request).data.articles
        if article.url
        and article.title
        and start <= (seen := seen_at(article)) <= min(end, now)
        and matches(words, article.title)
    ]
    found.sort(key=lambda pair: pair[0], reverse=query.get("sort") != "dateasc")
    asked = query.get("maxrecords", "")
    limit = min(int(asked) if asked.isdigit() else DEFAULT_RECORDS, MAX_RECORDS)
    if not found:
        return JSONResponse({})
    return JSONResponse({"articles": [_row(seen, article) for seen, article in found[:limit]]})


def seen_at(article: Article) -> datetime:
    """Return the end of the quarter of an hour in which the crawler met the article."""
    seconds = article.visible_from().timestamp()
    return datetime.fromtimestamp(-(-seconds // GRID_SECONDS) * GRID_SECONDS, UTC)


def matches(query: str, title: str) -> bool:
    """Return whether a title meets a query: words, phrases, -words and (a OR b) groups."""
    title = title.lower()
    groups = re.findall(r"\(([^)]*)\)", query)
    if any(not _any_of(group.split(" OR "), title) for group in groups):
        return False
    for word in re.findall(r'-?"[^"]+"|\S+', re.sub(r"\([^)]*\)", " ", query)):
        if ":" in word:
            continue
        is_wanted = not word.startswith("-")
        if (word.strip('-"').lower() in title) != is_wanted:
            return False
    return True


def _any_of(words: list[str], title: str) -> bool:
    return any(word.strip(' "').lower() in title for word in words)


def _words(query: str) -> list[str]:
    found = re.findall(r'"[^"]+"|[^\s()]+', query)
    return [word for word in found if word != "OR" and ":" not in word]


def _row(seen: datetime, article: Article) -> dict[str, str]:
    return {
        "url": article.url,
        "url_mobile": "",
        "title": re.sub(r"([,.:?!$%])", r" \1 ", article.title).strip(),
        "seendate": f"{seen:%Y%m%dT%H%M%SZ}",
        "socialimage": "",
        "domain": f"{article.feed}.example",
        "language": "English",
        "sourcecountry": "United States",
    }


def _moment(text: str | None, default: datetime) -> datetime:
    if not text:
        return default
    return datetime.strptime(text, "%Y%m%d%H%M%S").replace(tzinfo=UTC)


ROUTES = [Route("/doc", doc)]
