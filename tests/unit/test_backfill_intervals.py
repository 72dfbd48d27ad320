"""Arithmetic of intervals, checked against sets of hours."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.backfill.absences import sort_absences
from ingestion.backfill.intervals import Interval, days, merge, months, split, subtract

T0 = datetime(2024, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)

hours = st.integers(0, 60)
intervals = st.builds(lambda a, b: Interval(T0 + a * HOUR, T0 + b * HOUR), hours, hours)
wanted = intervals.filter(lambda interval: interval.first < interval.last)


def moments(*given: Interval) -> set[int]:
    """The hours that intervals cover."""
    covered: set[int] = set()
    for first, last in given:
        covered.update(range((first - T0) // HOUR, (last - T0) // HOUR))
    return covered


def is_tidy(found: list[Interval]) -> bool:
    """Ascending, not empty, and a gap between any two."""
    inside = all(interval.first < interval.last for interval in found)
    return inside and all(a.last < b.first for a, b in pairwise(found))


@given(st.lists(intervals, max_size=12), st.randoms())
def test_merge_keeps_the_moments_in_any_order(some: list[Interval], random: object) -> None:
    merged = merge(some)
    assert moments(*merged) == moments(*some)
    assert is_tidy(merged)
    shuffled = [*some, *some]
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert merge(shuffled) == merged


@given(wanted, st.lists(intervals, max_size=12))
def test_subtract_leaves_what_is_not_done(want: Interval, done: list[Interval]) -> None:
    missing = subtract(want, done)
    assert moments(*missing) == moments(want) - moments(*done)
    assert is_tidy(missing)
    assert subtract(want, [*done, *missing]) == []


@given(wanted, st.integers(1, 70))
def test_split_is_seamless(want: Interval, span: int) -> None:
    pieces = list(split(want, span * HOUR))
    assert merge(pieces) == [want]
    assert sum(map(len, map(moments, pieces))) == len(moments(want))
    assert all(piece.length == span * HOUR for piece in pieces[:-1])
    assert pieces[-1].length <= span * HOUR


def test_a_span_must_move_on() -> None:
    with pytest.raises(ValueError, match="does not move on"):
        list(split(Interval(T0, T0 + HOUR), timedelta()))


@given(st.integers(0, 20_000), st.integers(1, 20_000))
def test_months_and_days_are_cut_at_their_starts(start: int, length: int) -> None:
    want = Interval(T0 + start * HOUR, T0 + (start + length) * HOUR)
    for pieces, is_start in (
        (list(months(want)), lambda moment: (moment.day, moment.hour) == (1, 0)),
        (list(days(want)), lambda moment: moment.hour == 0),
    ):
        assert merge(pieces) == [want]
        assert all(is_start(piece.first) for piece in pieces[1:])
        assert not any(
            is_start(piece.first + hour * HOUR)
            for piece in pieces[:40]
            for hour in range(1, piece.length // HOUR)
        )


@given(st.sets(st.integers(0, 20)), st.sets(st.integers(0, 20)))
def test_only_what_lies_between_files_is_a_hole(absent: set[int], present: set[int]) -> None:
    def piece(number: int) -> Interval:
        return Interval(T0 + number * HOUR, T0 + (number + 1) * HOUR)

    absent -= present
    found = sort_absences(map(piece, sorted(absent)), map(piece, present))
    holes = {n for n in absent if present and min(present) < n < max(present)}
    assert found.holes == [piece(n) for n in sorted(holes)]
    after = {n for n in absent if present and n > max(present)}
    assert found.after == [piece(n) for n in sorted(after)]
    assert found.before == [piece(n) for n in sorted(absent - holes - after)]
