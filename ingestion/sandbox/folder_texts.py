"""News and posts of a folder, as found: blank titles and links stay blank."""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd

from ingestion.sandbox.model_texts import Article, Post, User

#: Moment from which the social network counts the milliseconds in its message ids.
EPOCH_MS = 1_288_834_974_657
#: Social files: (glob, stream that they belong to).
STREAMS = (("tweets_bitcoin*", "BTC.X"), ("tweets_ethereum*", "ETH.X"))


def load_articles(folder: Path) -> tuple[Article, ...]:
    """Return the articles of all news files; every feed of them is about crypto."""
    articles: list[Article] = []
    for file in sorted(folder.glob("news/crypto_news_*.csv.gz")):
        table = _table(file)
        columns = ("source", "published_at", "title", "summary", "url")
        for source, moment, title, summary, url in _rows(table, columns):
            articles.append(_article(slug(source), _moment(moment), title, summary, url))
    for file in sorted(folder.glob("news/articles_*.csv.gz")):
        for source, day, text in _rows(_table(file), ("source", "date", "text")):
            articles.append(_article(slug(source), _moment(day), "", text, ""))
    return tuple(articles)


def load_posts(folder: Path) -> tuple[Post, ...]:
    """Return the posts of all social files, each under the stream of its file."""
    found: dict[int, Post] = {}
    for pattern, stream in STREAMS:
        for file in sorted(folder.glob(f"social/{pattern}.csv.gz")):
            table = _table(file)
            read = _captured if "tweet_id_str" in table else _bare
            for post in read(table, stream):
                found.setdefault(post.id, post)
    return tuple(sorted(found.values(), key=lambda post: post.id))


def slug(name: str) -> str:
    """Return a name in lower case with dashes, as it stands in a feed's address."""
    return "-".join(re.findall(r"[a-z0-9]+", name.lower())) or "unknown"


def _article(feed: str, moment: datetime, title: str, summary: str, url: str) -> Article:
    named = title or summary
    guid = url or hashlib.sha256(f"{named}{moment.isoformat()}".encode()).hexdigest()
    return Article(feed, "crypto", guid, url, title, summary, None, moment)


def _captured(table: pd.DataFrame, stream: str) -> list[Post]:
    """Return posts that were captured with an id and with counts."""
    columns = (
        *("tweet_id_str", "tweet_created_at", "tweet_full_text", "user_hash", "user_verified"),
        *("tweet_favorite_count", "tweet_retweet_count"),
    )
    return [
        Post(
            id=int(number),
            streams=(stream,),
            body=text,
            created_at=_moment(moment),
            user=_user(name, verified == "True"),
            likes=_count(likes),
            reshares=_count(reshares),
        )
        for number, moment, text, name, verified, likes, reshares in _rows(table, columns)
    ]


def _bare(table: pd.DataFrame, stream: str) -> list[Post]:
    """Return posts that came without an id: one is made from the time and the text."""
    posts: list[Post] = []
    for moment_text, name, text in _rows(table, ("created_at", "user_hash", "text")):
        moment = _moment(moment_text)
        digest = hashlib.sha256(f"{name}|{text}".encode()).digest()
        low = int.from_bytes(digest[:4], "big") & 0x3FFFFF
        number = (int(moment.timestamp() * 1000) - EPOCH_MS << 22) | low
        posts.append(Post(number, (stream,), text, moment, _user(name, is_verified=False)))
    return posts


def _user(name: str, is_verified: bool) -> User:
    number = int.from_bytes(hashlib.sha256(name.encode()).digest()[:5], "big")
    return User(number, name, classification=("verified",) if is_verified else ())


def _count(text: str) -> int | None:
    return int(float(text)) if text else None


def _moment(text: str) -> datetime:
    """Return a time of the files; one without a zone is UTC, as their notes say."""
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _table(file: Path) -> pd.DataFrame:
    return pd.read_csv(file, dtype=str, keep_default_na=False)


def _rows(table: pd.DataFrame, columns: tuple[str, ...]) -> zip[tuple[str, ...]]:
    return zip(*(table[name] for name in columns), strict=True)
