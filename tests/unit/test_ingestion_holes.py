"""Empty and spoilt answers of an exchange: asked for again, and believed in the end."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ingestion.prices.holes import BELIEVED_AFTER, Holes

T0 = datetime(2024, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def run(cursor: dict[str, Any], answers: dict[int, bool], dirty: frozenset[int]) -> list[int]:
    """Ask for what is due and for the days of ``answers``; return the days that were due."""
    holes = Holes(cursor)
    due = [(stretch.first - T0).days for stretch in holes.due()]
    for day in [*due, *(day for day in answers if day not in due)]:
        first = T0 + day * DAY
        last = first + DAY - timedelta(hours=1)
        newest = last if answers.get(day, False) else None
        holes.note(first, last, newest, is_clean=day not in dirty)
    return due


def test_only_an_empty_answer_between_bars_is_doubted() -> None:
    cursor: dict[str, Any] = {}
    run(cursor, {0: False, 1: True, 2: False, 3: False, 4: True, 5: False}, frozenset())
    assert [(stretch.first - T0).days for stretch in Holes(cursor).due()] == [2, 3]
    assert cursor["seen"] == (T0 + 5 * DAY - timedelta(hours=1)).isoformat()


def test_a_bar_that_comes_ends_the_doubt() -> None:
    cursor: dict[str, Any] = {}
    run(cursor, {0: True, 1: False, 2: True}, frozenset())
    assert run(cursor, {1: True}, frozenset()) == [1]
    assert "doubted" not in cursor


@given(
    st.lists(st.booleans(), min_size=1, max_size=8),
    st.frozensets(st.integers(0, 7)),
)
def test_every_doubt_ends(has_bars: list[bool], dirty: frozenset[int]) -> None:
    cursor: dict[str, Any] = {}
    answers = dict(enumerate(has_bars))
    run(cursor, answers, dirty)
    for _ in range(BELIEVED_AFTER - 1):
        assert json.loads(json.dumps(cursor)) == cursor
        again = Holes(cursor).due()
        run(cursor, {(stretch.first - T0).days: False for stretch in again}, dirty)
    assert Holes(cursor).due() == []
