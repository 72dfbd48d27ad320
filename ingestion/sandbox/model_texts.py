"""Articles and posts as the sandbox serves them: text, and how it and its counts change."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple

import numpy as np

Category = Literal["crypto", "market"]

SECONDS_PER_HOUR = 3600


class ArticleEdit(NamedTuple):
    """Text that replaced an article's own at ``at``."""

    at: datetime
    title: str
    summary: str


@dataclass(frozen=True)
class Article:
    """One item of a feed; ``listed_at`` is when the feed first shows it, if later."""

    feed: str
    category: Category
    guid: str
    url: str
    title: str
    summary: str
    author: str | None
    published_at: datetime
    edits: tuple[ArticleEdit, ...] = ()
    listed_at: datetime | None = None

    def visible_from(self) -> datetime:
        """Return the moment from which the feed lists the article."""
        return self.listed_at or self.published_at


@dataclass(frozen=True)
class User:
    """The author of a post as the social provider shows it."""

    id: int
    username: str
    official: bool = False
    classification: tuple[str, ...] = ()
    followers: int = 0


@dataclass(frozen=True)
class Post:
    """A message; ``likes``, ``reshares`` and ``replies`` are final counts, None if unknown.

    Counts grow towards the final ones with time constant ``growth_hours``; zero means that they
    never changed.
    """

    id: int
    streams: tuple[str, ...]
    body: str
    created_at: datetime
    user: User
    sentiment: str | None = None
    likes: int | None = None
    reshares: int | None = None
    replies: int | None = None
    growth_hours: float = 0.0

    def engagement_at(self, now: datetime) -> tuple[int | None, int | None, int | None]:
        """Return (likes, reshares, replies) as counted at ``now``."""
        share = grown(self.created_at, self.growth_hours, now)
        likes, reshares, replies = (
            None if final is None else round(final * share)
            for final in (self.likes, self.reshares, self.replies)
        )
        return likes, reshares, replies


@dataclass(frozen=True)
class Submission:
    """A post of a subreddit; ``number`` is its id, spelled in base 36 on the wire.

    ``score`` and ``comments`` are final counts, which grow as those of ``Post`` do.
    """

    number: int
    subreddit: str
    title: str
    selftext: str
    author: str
    created_at: datetime
    score: int = 0
    comments: int = 0
    growth_hours: float = 0.0
    edited_at: datetime | None = None
    edited_text: str = ""
    removed_at: datetime | None = None

    @property
    def name(self) -> str:
        """The post's name on the wire, for example t3_1abcde."""
        return f"t3_{np.base_repr(self.number, 36).lower()}"

    def counts_at(self, now: datetime) -> tuple[int, int]:
        """Return (score, comments) as counted at ``now``."""
        share = grown(self.created_at, self.growth_hours, now)
        return round(self.score * share), round(self.comments * share)


def grown(created_at: datetime, growth_hours: float, now: datetime) -> float:
    """Return the share of its final counts that a post has at ``now``; 1 where none grow."""
    if growth_hours <= 0:
        return 1.0
    age = max((now - created_at).total_seconds() / SECONDS_PER_HOUR, 0.0)
    return 1.0 - math.exp(-age / growth_hours)
