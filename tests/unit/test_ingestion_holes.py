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
    """Ask for the days of ``answers`` and for what is due; return the days that were due."""
    holes = Holes(cursor)
    due = holes.due()
    days = [(stretch.first - T0).days for stretch in due]
    for day in (day for day in answers if day not in days):
        first, last = bounds(day)
        holes.note(first, last, last if answers[day] else None, is_clean=day not in dirty)
    for stretch, day in zip(due, days, strict=True):
        newest = stretch.last if answers.get(day, False) else None
        holes.note_again(stretch, stretch.last, newest, is_clean=day not in dirty)
    return days


def bounds(day: int) -> tuple[datetime, datetime]:
    first = T0 + day * DAY
    return first, first + DAY - timedelta(hours=1)


def days_due(cursor: dict[str, Any]) -> list[int]:
    return [(stretch.first - T0).days for stretch in Holes(cursor).due()]


def test_only_an_empty_answer_between_bars_is_doubted() -> None:
    cursor: dict[str, Any] = {}
    run(cursor, {0: False, 1: True, 2: False, 3: False, 4: True, 5: False}, frozenset())
    assert days_due(cursor) == [2, 3]
    assert cursor["seen"] == (T0 + 5 * DAY - timedelta(hours=1)).isoformat()


def test_a_bar_that_comes_ends_the_doubt() -> None:
    cursor: dict[str, Any] = {}
    run(cursor, {0: True, 1: False, 2: True}, frozenset())
    assert run(cursor, {1: True}, frozenset()) == [1]
    assert "doubted" not in cursor


def test_history_read_backwards_has_holes_too() -> None:
    cursor: dict[str, Any] = {}
    run(cursor, {9: True, 10: False}, frozenset())
    run(cursor, {7: True, 6: False, 5: False, 4: True, 3: False}, frozenset())
    assert days_due(cursor) == [5, 6], "before the first bar and after the last nothing is missing"


def test_an_empty_answer_that_reaches_back_over_known_bars_is_doubted() -> None:
    cursor: dict[str, Any] = {}
    run(cursor, {0: True}, frozenset())
    holes = Holes(cursor)
    holes.note(bounds(0)[0], bounds(1)[1], None)
    holes.note(*bounds(2), bounds(2)[1])
    assert holes.due() == [(bounds(0)[0], bounds(1)[1])]


def test_an_empty_end_beyond_the_next_request_is_doubted() -> None:
    cursor: dict[str, Any] = {}
    holes = Holes(cursor, DAY)
    for day, has_bars in enumerate((True, False, False, False)):
        first, last = bounds(day)
        holes.note(first, last, last if has_bars else None)
    assert days_due(cursor) == [1, 2], "the next request asks for the newest day itself"
    one = {"seen": T0.isoformat()}
    Holes(one, DAY).note(T0 + DAY, T0 + 9 * DAY, None)
    assert days_due(one) == [1]


def test_a_stretch_that_comes_in_other_pages_is_settled_by_the_last_one() -> None:
    cursor: dict[str, Any] = {}
    Holes(cursor).note(T0, bounds(4)[1], None, is_clean=False)
    holes = Holes(cursor)
    (stretch,) = holes.due()
    holes.note_again(stretch, bounds(1)[1], bounds(1)[1])
    assert cursor["doubted"][0][2] == 1, "a run that ends here has not asked for all of it"
    holes.note_again(stretch, stretch.last, None)
    assert "doubted" not in cursor


def test_what_is_believed_is_not_doubted_again_in_the_same_run() -> None:
    cursor: dict[str, Any] = {}
    Holes(cursor).note(*bounds(0), None, is_clean=False)
    for _ in range(BELIEVED_AFTER - 1):
        holes = Holes(cursor)
        holes.note(*bounds(0), None, is_clean=False)
        (stretch,) = holes.due()
        holes.note_again(stretch, stretch.last, None, is_clean=False)
    holes.note(*bounds(0), None, is_clean=False)
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
