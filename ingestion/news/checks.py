"""What is known of each feed, as rows of ``feed_checks``: one row per change, not per check.

The rows are the history that people read, in any engine, with plain SQL. The exact count of
failures and the validators for the next request live in the pipeline's state, which is a packed
blob that only dlt can read. A feed that answers with nothing new writes no row, and one that stays
dead writes a row at its 1st, 2nd, 4th, 8th ... failure, so that the table grows with what happens
and not with how often feeds are asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ingestion.news.feeds import Feed
from ingestion.schema import Row

_ERROR_LENGTH = 500

Memory = dict[str, Any]


@dataclass(frozen=True)
class Answer:
    """What a feed answered: its validators, and what its document holds."""

    etag: str | None
    last_modified: str | None
    items: int
    newest_published_at: datetime | None
    is_sample: bool


def answered(feed: Feed, clock: datetime, answer: Answer) -> tuple[Memory, Row]:
    """Return what to remember of a feed that answered, and the row that tells it."""
    newest = answer.newest_published_at
    memory = {
        "etag": answer.etag,
        "modified": answer.last_modified,
        "is_known": True,
        "items": answer.items,
        "newest": newest.isoformat() if newest else None,
        "is_sample": answer.is_sample,
    }
    return memory, _row(feed, clock, "ok", memory)


def unchanged(feed: Feed, clock: datetime, memory: Mapping[str, Any]) -> tuple[Memory, Row] | None:
    """Return memory and row where an unchanged document ends a row of failures, else None."""
    if not memory.get("failures"):
        return None
    troubles = ("failures", "failing_since", "error")
    healed = {name: value for name, value in memory.items() if name not in troubles}
    return healed, _row(feed, clock, "ok", healed)


def failed(
    feed: Feed, clock: datetime, memory: Mapping[str, Any], error: str
) -> tuple[Memory, Row | None]:
    """Return what to remember of a feed that failed, and the row where there is news to tell.

    Args:
        feed: which one.
        clock: now.
        memory: what was remembered so far; validators and the like stay.
        error: one line without secrets.
    """
    failures = int(memory.get("failures") or 0) + 1
    error = error[:_ERROR_LENGTH]
    is_news = failures & (failures - 1) == 0 or error != memory.get("error")
    changed = {
        **memory,
        "failures": failures,
        "failing_since": memory.get("failing_since") or clock.isoformat(),
        "error": error,
    }
    return changed, _row(feed, clock, "failed", changed) if is_news else None


def _row(feed: Feed, clock: datetime, status: str, memory: Mapping[str, Any]) -> Row:
    return {
        "feed": feed.name,
        "category": feed.category,
        "checked_at": clock,
        "status": status,
        "etag": memory.get("etag"),
        "last_modified": memory.get("modified"),
        "items": memory.get("items"),
        "newest_published_at": _moment(memory.get("newest")),
        "consecutive_failures": int(memory.get("failures") or 0),
        "failing_since": _moment(memory.get("failing_since")),
        "error": memory.get("error"),
        "is_sample": bool(memory.get("is_sample")),
    }


def _moment(text: Any) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
