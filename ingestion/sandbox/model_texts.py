"""Articles and posts as the sandbox serves them: text, and how it and its counts change."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple

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
        share = 1.0
        if self.growth_hours > 0:
            age = max((now - self.created_at).total_seconds() / SECONDS_PER_HOUR, 0.0)
            share = 1.0 - math.exp(-age / self.growth_hours)
        likes, reshares, replies = (
            None if final is None else round(final * share)
            for final in (self.likes, self.reshares, self.replies)
        )
        return likes, reshares, replies
