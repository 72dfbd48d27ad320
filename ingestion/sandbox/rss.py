"""RSS 2.0 feeds in the three shapes that outlets use, with validators for conditional GET."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from html import escape

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from ingestion.sandbox.model_texts import Article
from ingestion.sandbox.state import SandboxState, now_of, state_of

#: Characters that XML 1.0 cannot hold, escaped or not.
ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
NAMESPACES = (
    'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:atom="http://www.w3.org/2005/Atom" '
    'xmlns:content="http://purl.org/rss/1.0/modules/content/" '
    'xmlns:media="http://search.yahoo.com/mrss/"'
)


@dataclass(frozen=True)
class Shape:
    """How an outlet writes its items."""

    is_cdata: bool
    is_permalink: bool
    has_tracking: bool
    ttl: int


SHAPES = (
    Shape(is_cdata=True, is_permalink=False, has_tracking=False, ttl=5),
    Shape(is_cdata=True, is_permalink=True, has_tracking=True, ttl=15),
    Shape(is_cdata=False, is_permalink=False, has_tracking=False, ttl=30),
)


@dataclass(frozen=True)
class Item:
    """An article with the text it has at a moment, and when it last changed."""

    article: Article
    title: str
    summary: str
    changed_at: datetime


async def feed(request: Request) -> Response:
    """GET /rss/{feed}: every item up to the clock, newest first, or 304."""
    state, name = state_of(request), request.path_params["feed"]
    if name not in _articles(state):
        return PlainTextResponse("Not Found", status_code=404)
    items = visible_items(_articles(state)[name], now_of(request))
    tag = _etag(items)
    headers = {"etag": tag, "cache-control": "max-age=300"}
    if items:
        newest = max(item.changed_at for item in items)
        headers["last-modified"] = format_datetime(newest, usegmt=True)
    if _is_current(request, tag, headers.get("last-modified")):
        return Response(status_code=304, headers=headers)
    key = f"rss|{name}"
    kept_tag, document = state.cache.get(key, ("", b""))
    if kept_tag != tag:
        shape = SHAPES[sorted(_articles(state)).index(name) % len(SHAPES)]
        document = render(name, items, shape).encode()
        state.cache[key] = (tag, document)
    return Response(document, media_type="application/rss+xml", headers=headers)


def visible_items(articles: list[Article], now: datetime) -> list[Item]:
    """Return what the feed lists at ``now``, newest publication first."""
    items = [_item(article, now) for article in articles if article.visible_from() <= now]
    items.sort(key=lambda item: item.article.published_at, reverse=True)
    return items


def render(name: str, items: list[Item], shape: Shape) -> str:
    """Return the feed's document."""
    head = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<rss {NAMESPACES} version="2.0"><channel><title>{_plain(name)}</title>'
        f"<link>https://{name}.example/</link><description>{_plain(name)}</description>"
        f"<language>en-US</language><ttl>{shape.ttl}</ttl>\n"
    )
    return head + "\n".join(_render_item(item, shape) for item in items) + "\n</channel></rss>\n"


def _render_item(item: Item, shape: Shape) -> str:
    article, write = item.article, _cdata if shape.is_cdata else _plain
    link = article.url
    if link and shape.has_tracking:
        link += ("&" if "?" in link else "?") + "utm_source=rss_feed&utm_medium=rss"
    summary = f"<p>{escape(item.summary)}</p>" if shape.has_tracking else item.summary
    lines = [f"<item><title>{write(item.title)}</title>"]
    if link:
        lines.append(f"<link>{write(link)}</link>")
    is_permalink = shape.is_permalink and article.guid.startswith("http")
    lines.append(
        f'<guid isPermaLink="{"true" if is_permalink else "false"}">{_plain(article.guid)}</guid>'
        f"<pubDate>{format_datetime(article.published_at)}</pubDate>"
        f"<description>{write(summary)}</description>"
    )
    if article.author:
        lines.append(f"<dc:creator>{write(article.author)}</dc:creator>")
    if shape.has_tracking:
        lines.append(f"<atom:updated>{item.changed_at.isoformat()}</atom:updated>")
    lines.append(f"<category>{article.category}</category></item>")
    return "".join(lines)


def _item(article: Article, now: datetime) -> Item:
    title, summary, changed = article.title, article.summary, article.visible_from()
    for edit in article.edits:
        if edit.at <= now:
            title, summary, changed = edit.title, edit.summary, max(changed, edit.at)
    return Item(article, title, summary, changed)


def _articles(state: SandboxState) -> dict[str, list[Article]]:
    by_feed: dict[str, list[Article]] | None = state.cache.get("articles")
    if by_feed is None:
        by_feed = {}
        for article in state.data.articles:
            by_feed.setdefault(article.feed, []).append(article)
        state.cache["articles"] = by_feed
    return by_feed


def _etag(items: list[Item]) -> str:
    digest = hashlib.sha256()
    for item in items:
        digest.update(f"{item.article.guid}|{item.changed_at.isoformat()}\n".encode())
    return f'W/"{digest.hexdigest()[:24]}"'


def _is_current(request: Request, tag: str, modified: str | None) -> bool:
    sent = request.headers.get("if-none-match")
    if sent is not None:
        return tag in [part.strip() for part in sent.split(",")]
    since = request.headers.get("if-modified-since")
    return since is not None and since == modified


def _plain(text: str) -> str:
    return escape(ILLEGAL.sub("", text))


def _cdata(text: str) -> str:
    return "<![CDATA[" + ILLEGAL.sub("", text).replace("]]>", "]]]]><![CDATA[>") + "]]>"


ROUTES = [Route("/{feed}", feed)]
