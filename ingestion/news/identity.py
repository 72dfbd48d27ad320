"""Articles that come back under another guid: the same address and the same text are the same.

Feeds change how they write their guids when an outlet moves to another system, and every item of
the feed then looks new. An item whose canonical URL and text equal a stored article of the same
feed keeps the guid under which it is stored. An address alone proves nothing (running pages are
used again), nor does a text alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ingestion.history import Reader
from ingestion.tables import ARTICLES, Row

_LIST_SIZE = 500


def with_stored_guids(reader: Reader, feed: str, rows: Sequence[Row]) -> list[Row]:
    """Return the articles of a feed, each under the guid of its first stored copy."""
    if not rows or not reader.has_table(ARTICLES.name):
        return list(rows)
    return renamed(rows, _stored(reader, feed, sorted({row["text_version"] for row in rows})))


def renamed(rows: Iterable[Row], stored: Iterable[Row]) -> list[Row]:
    """Return rows with the guid of the stored article that is the same.

    Args:
        rows: articles of one feed.
        stored: articles of that feed, oldest first, with guid, canonical URL and text version.
    """
    guids: dict[tuple[Any, Any], str] = {}
    known = set()
    for row in stored:
        known.add((row["guid"], row["text_version"]))
        if row["canonical_url"]:
            guids.setdefault((row["canonical_url"], row["text_version"]), row["guid"])
    result = []
    for row in rows:
        same = guids.get((row["canonical_url"], row["text_version"]))
        is_known = (row["guid"], row["text_version"]) in known
        result.append(row if same is None or is_known else {**row, "guid": same})
    return result


def _stored(reader: Reader, feed: str, versions: list[str]) -> list[Row]:
    rows: list[Row] = []
    for start in range(0, len(versions), _LIST_SIZE):
        part = versions[start : start + _LIST_SIZE]
        # Only declared names are pasted in; values are parameters.
        sql = (
            "SELECT guid, canonical_url, text_version, loaded_at "  # noqa: S608
            f"FROM {reader.table(ARTICLES.name)} "
            f"WHERE feed = %s AND text_version IN ({', '.join(['%s'] * len(part))})"
        )
        rows += reader.query(sql, (feed, *part))
    return sorted(rows, key=lambda row: (row["loaded_at"], row["guid"]))
