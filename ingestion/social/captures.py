"""When the engagement of a post is captured again.

Counts grow fast at first and settle within three days, so a post is captured when it is first seen
and again by the first run after it turns 1, 6, 24 and 72 hours old. Which posts that are follows
from the times of two runs alone: no schedule is kept per post.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from ingestion.extraction import Extraction
from ingestion.tables import SOCIAL_POSTS
from ingestion.validate import CLOCK_SKEW

#: Ages at which a post is captured again.
MARKS = (timedelta(hours=1), timedelta(hours=6), timedelta(hours=24), timedelta(hours=72))
#: A post of which no mark lies ahead is captured no more.
WATCHED = MARKS[-1]
#: The last mark may be met this late; without it a run an hour apart would miss it.
GRACE = timedelta(hours=6)
_STATE = "captured_at"

Span = tuple[datetime, datetime]


class Due(NamedTuple):
    """A post whose engagement is to be captured again; ``raw`` is as it was stored."""

    post_id: str
    posted_at: datetime
    raw: dict[str, Any]


def spans_due(previous: datetime, clock: datetime) -> list[Span]:
    """Return the spans of ``posted_at``, (after, up to], that passed a mark between two runs.

    Overlapping spans are joined, so that no post is in two.
    """
    floor = clock - WATCHED - GRACE
    spans = sorted((max(previous - mark, floor), clock - mark) for mark in MARKS)
    joined: list[Span] = []
    for after, until in spans:
        if after >= until:
            continue
        if joined and after <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(joined[-1][1], until))
        else:
            joined.append((after, until))
    return joined


def due_posts(run: Extraction, platform: str, done: set[str]) -> list[Due]:
    """Return the stored posts of a platform that are due now, newest first.

    The moment of the last look is in the state and moves on with every call.

    Args:
        run: whose clock, state and warehouse count.
        platform: of the posts.
        done: ids that this run has captured already.
    """
    previous = run.state.get(_STATE)
    run.state[_STATE] = run.clock.isoformat()
    if previous is None or not run.reader.has_table(SOCIAL_POSTS.name):
        return []
    spans = spans_due(datetime.fromisoformat(previous), run.clock)
    if not spans:
        return []
    # A post is available when or after it was posted; this column is the one with an index.
    where = " OR ".join(["(posted_at > %s AND posted_at <= %s)"] * len(spans))
    sql = (
        f"SELECT post_id, posted_at, raw FROM {run.reader.table(SOCIAL_POSTS.name)} "  # noqa: S608
        f"WHERE platform = %s AND available_at >= %s AND ({where}) ORDER BY posted_at DESC, post_id"
    )
    bounds = [bound for span in spans for bound in span]
    rows = run.reader.query(sql, [platform, spans[0][0] - CLOCK_SKEW, *bounds])
    found = (Due(row["post_id"], row["posted_at"], _object(row["raw"])) for row in rows)
    return [due for due in found if due.post_id not in done]


def _object(raw: Any) -> dict[str, Any]:
    """Return a stored JSON object; the engines hand JSON out as text."""
    value = json.loads(raw) if isinstance(raw, str) else raw
    return value if isinstance(value, dict) else {}
