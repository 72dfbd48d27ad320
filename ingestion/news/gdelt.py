"""GDELT DOC 2.0: headlines of past years. For backfills alone; forward runs read the feeds.

Wire facts: at most 250 rows per answer, without pages and without a total, so a window that comes
back full is asked for again in halves. ``seendate`` is when GDELT saw the page, on a grid of 15
minutes, and not when it was published. No match is ``{}``. A refusal is a sentence with status 200,
and after "Please limit requests" some minutes must pass. The JSON may hold stray backslashes and
control characters.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from ingestion.config import Settings
from ingestion.errors import SettingsError, SourceError
from ingestion.extraction import Chunk, Extraction
from ingestion.http import HttpClient, Provider, Reply
from ingestion.news.urls import canonical_url
from ingestion.rejections import Parsed, Rejection, checked, plain_json
from ingestion.tables import ARTICLES, Row
from ingestion.text import clean_text, text_hash
from ingestion.validate import not_future, refuse, text

PROVIDER = "gdelt"
TABLES = (ARTICLES,)
BACKFILL_SPAN = timedelta(days=1)
MAX_ROWS = 250
#: Windows start this wide, and are never narrower than the grid of ``seendate``.
FIRST_WIDTH = timedelta(hours=6)
GRID = timedelta(minutes=15)
#: Seconds to wait after "Please limit requests"; times CFW_HTTP_BACKOFF_SECONDS.
PENALTY_SECONDS = 60.0
QUERIES_FILE = Path(__file__).with_name("gdelt.toml")
_PER_ASSET = "asset-"
_THROTTLED = re.compile(rb"(?i)limit requests|too many requests|rate limit")


class Query(NamedTuple):
    """A search: its name, the category of what it finds, and the words."""

    name: str
    category: str
    words: str


def provider(settings: Settings) -> Provider:
    """Return how GDELT is asked: one request per 5 seconds is allowed, and the rest punished."""
    base = settings.gdelt_base_url.rstrip("/")
    return Provider(PROVIDER, base, 1 / 6, "GDELT_BASE_URL", patience=PENALTY_SECONDS)


def backfill_items(run: Extraction) -> list[str]:
    """Return the names of the searches."""
    names = [entry["name"] for entry in _table()["queries"]]
    if run.settings.gdelt_per_asset:
        names += [f"{_PER_ASSET}{asset.symbol}" for asset in run.assets]
    return names


def backfill_requests(item: str, first: datetime, last: datetime, settings: Settings) -> int:
    """Return the least number of requests: more where a window holds over 250 rows."""
    return max(0, math.ceil((last - first) / FIRST_WIDTH))


def backfill(run: Extraction, item: str, first: datetime, last: datetime) -> Iterator[Chunk]:
    """Yield the headlines seen in [first, last), windows narrowed until each is whole."""
    query = _query(run, item)
    start, width = first, FIRST_WIDTH
    while start < last:
        end = min(start + width, last)
        articles, reply = _window(run, query, start, end)
        is_full = len(articles) >= MAX_ROWS
        if is_full and end - start > GRID:
            width = max(GRID, _on_grid((end - start) / 2))
            continue
        if is_full:
            run.notes.append(
                f"{item}: {MAX_ROWS} rows or more at {start:%Y-%m-%d %H:%M}; the rest was cut"
            )
        parsed = parse_articles(articles, query, run.clock, start, end)
        yield from run.landed(ARTICLES, parsed, is_sample=reply.is_sample)
        start = end
        if len(articles) < MAX_ROWS // 4:
            width = min(FIRST_WIDTH, width * 2)


def _on_grid(width: timedelta) -> timedelta:
    return GRID * (width // GRID)


def _table() -> dict[str, Any]:
    return tomllib.loads(QUERIES_FILE.read_text(encoding="utf-8"))


def _query(run: Extraction, item: str) -> Query:
    table = _table()
    for entry in table["queries"]:
        if entry["name"] == item:
            return Query(item, entry["category"], entry["query"])
    for asset in run.assets:
        if f"{_PER_ASSET}{asset.symbol}" == item:
            words = table["per_asset"]["query"].format(name=asset.name.replace('"', ""))
            return Query(item, table["per_asset"]["category"], words)
    msg = f"{PROVIDER}: no search {item!r}; choose from {', '.join(backfill_items(run))}"
    raise SettingsError(msg)


def _window(
    run: Extraction, query: Query, start: datetime, end: datetime
) -> tuple[list[Any], Reply]:
    params: dict[str, str | int | float] = {
        "query": query.words,
        "mode": "artlist",
        "format": "json",
        "maxrecords": MAX_ROWS,
        "sort": "dateasc",
        # Both bounds are inside the window.
        "startdatetime": f"{start:%Y%m%d%H%M%S}",
        "enddatetime": f"{end - timedelta(seconds=1):%Y%m%d%H%M%S}",
    }
    penalty = PENALTY_SECONDS * run.settings.http_backoff_seconds
    for attempt in range(1, run.settings.http_attempts + 1):
        reply = run.client.get("doc", params)
        if not _THROTTLED.search(reply.body[:300]) or reply.body.lstrip()[:1] == b"{":
            return decoded(run.client, reply), reply
        if attempt < run.settings.http_attempts:
            run.client.pause(penalty * attempt)
    msg = "asked to be asked less often, in spite of long waits"
    raise run.client.error(msg, "run it again in an hour", status=429, wide=True)


def decoded(client: HttpClient, reply: Reply) -> list[Any]:
    """Return the articles of an answer; raises ``SourceError`` where it is none."""
    body = reply.body.decode("utf-8", "replace").strip()
    if not body.startswith("{"):
        raise _refusal(client, body)
    try:
        payload = json.loads(_repaired(body), strict=False)
    except (ValueError, RecursionError) as error:
        msg = f"answered with JSON that cannot be repaired ({error})"
        raise client.error(msg, "run it again later", status=200, wide=True) from None
    articles = payload.get("articles", []) if isinstance(payload, dict) else None
    if not isinstance(articles, list) or (payload and "articles" not in payload):
        msg = "answered with JSON that holds no articles"
        raise client.error(msg, "check CFW_GDELT_BASE_URL", status=200, wide=True)
    return articles


def _refusal(client: HttpClient, body: str) -> SourceError:
    if not body or body.startswith("<"):
        kind = "an HTML page" if body else "an empty body"
        return client.error(
            f"answered with {kind}", "check CFW_GDELT_BASE_URL", status=200, wide=True
        )
    return client.error(f"refused the search: {body[:200]}", "change ingestion/news/gdelt.toml")


def _repaired(body: str) -> str:
    r"""Return JSON text with every backslash that begins no escape doubled; the rest stays."""
    return re.sub(
        r'\\(["\\/bfnrt]|u[0-9a-fA-F]{4})?',
        lambda found: found[0] if found[1] else r"\\",
        body,
    )


def parse_articles(
    articles: list[Any], query: Query, clock: datetime, start: datetime, end: datetime
) -> Parsed:
    """Return the headlines of a window and what is refused.

    Of two copies of a page the one seen first is taken. What was seen outside of the window is
    left to its own window.

    Args:
        articles: as decoded.
        query: which search found them.
        clock: now.
        start: of the window.
        end: of the window, exclusive.
    """
    parse = partial(_article, query=query, clock=clock)
    result = Parsed()
    rows: list[Row] = []
    for raw in articles:
        outcome = checked(ARTICLES, parse, raw)
        if isinstance(outcome, Rejection):
            result.add(outcome)
        elif outcome is not None and start <= outcome["available_at"] < end:
            rows.append(outcome)
    rows.sort(key=lambda row: (row["available_at"], row["guid"], row["text_version"]))
    seen: set[str] = set()
    for row in rows:
        if row["guid"] not in seen:
            seen.add(row["guid"])
            result.add(row)
    return result


def _article(raw: Any, query: Query, clock: datetime) -> Row:
    if not isinstance(raw, dict):
        refuse("the article is not an object")
    url = text(raw.get("url"), "url")
    canonical = canonical_url(url)
    title = joined(clean_text(text(raw.get("title"), "title")))
    if not title:
        refuse("title is empty")
    seen = not_future(_seen(raw.get("seendate")), "seendate", clock)
    return {
        "feed": f"{PROVIDER}:{query.name}",
        "guid": hashlib.sha256(canonical.encode("utf-8")).hexdigest(),
        "text_version": text_hash(title),
        "category": query.category,
        "url": url,
        "canonical_url": canonical,
        "title": title,
        "summary": None,
        "text": title,
        "author": None,
        "published_at": None,
        "first_seen_at": clock,
        "available_at": seen,
        "is_backfilled": True,
        "raw": plain_json(raw),
    }


def _seen(value: Any) -> datetime:
    stamp = text(value, "seendate")
    try:
        return datetime.strptime(stamp, "%Y%m%dT%H%M%S%z").astimezone(UTC)
    except (ValueError, OverflowError):
        refuse("seendate is not a time")


def joined(title: str) -> str:
    """Return a title without the blanks that GDELT puts around marks: ``$ 60 , 000``."""
    title = re.sub(r"(?<=\d) ([.,:]) (?=\d)", r"\1", title)
    title = re.sub(r" (?=[,.;:!?%)\]](?:\s|$))", "", title)
    return re.sub(r"(?<=[$(\[]) (?=\S)", "", title)
