"""When posts are captured again: every mark once, whatever the rhythm of the runs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from ingestion.social.captures import GRACE, MARKS, WATCHED, spans_due

CLOCK = datetime(2026, 9, 7, 13, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def is_due(posted: datetime, previous: datetime, clock: datetime) -> bool:
    return any(after < posted <= until for after, until in spans_due(previous, clock))


def test_a_post_is_due_once_after_each_mark() -> None:
    posted = CLOCK
    hours = [
        hour
        for hour in range(1, 100)
        if is_due(posted, CLOCK + timedelta(hours=hour - 1), CLOCK + timedelta(hours=hour))
    ]
    assert hours == [1, 6, 24, 72]


@given(
    st.integers(0, 90 * 60),
    st.lists(st.integers(1, 30 * 60), min_size=1, max_size=30),
)
def test_each_run_takes_what_passed_a_mark_since_the_last(age: int, gaps: list[int]) -> None:
    posted, previous = CLOCK - age * MINUTE, CLOCK
    for gap in gaps:
        clock = previous + gap * MINUTE
        passed = any(previous < posted + mark <= clock for mark in MARKS)
        is_watched = clock - posted < WATCHED + GRACE
        assert is_due(posted, previous, clock) == (passed and is_watched)
        previous = clock


@given(st.integers(-60, 100_000))
def test_spans_are_bounded_ordered_and_apart(minutes: int) -> None:
    spans = spans_due(CLOCK - minutes * MINUTE, CLOCK)
    assert all(CLOCK - WATCHED - GRACE <= after < until <= CLOCK for after, until in spans)
    assert all(one[1] < two[0] for one, two in pairwise(spans))
    assert len(spans) <= len(MARKS)
