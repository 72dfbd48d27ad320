"""Windows and cursors: every bar is asked for once, with the fewest requests, whatever happens."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestion.prices.holes import Holes
from ingestion.prices.windows import LAG, Grid, Window, advance

CLOCK = datetime(2024, 3, 13, 12, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)
GRIDS = [Grid(HOUR, 300), Grid(timedelta(minutes=5), 300), Grid(HOUR, 1000), Grid(HOUR, 7)]

grids = st.sampled_from(GRIDS)
moments = st.timedeltas(timedelta(0), timedelta(days=60)).map(
    lambda after: datetime(2024, 1, 1, tzinfo=UTC) + after
)
spans = st.timedeltas(timedelta(0), timedelta(days=12))


def opens(grid: Grid, window: Window | None) -> list[datetime]:
    if window is None:
        return []
    count = (window.last - window.first) // grid.interval + 1
    return [window.first + n * grid.interval for n in range(count)]


def read_through(cursor: dict[str, Any], window: Window, newest: datetime) -> None:
    """Note an answer whose newest bar opened at ``newest``."""
    advance(cursor, window)
    Holes(cursor).note(*window, newest)


@given(grids, moments, spans)
def test_the_bars_of_a_range_are_those_that_open_in_it_and_have_closed(
    grid: Grid, first: datetime, span: timedelta
) -> None:
    clock = datetime(2024, 3, 5, 7, 41, tzinfo=UTC)
    last = first + span
    found = opens(grid, grid.opens(first, last, clock))
    assert all(first <= opened < last and opened + grid.interval <= clock for opened in found)
    assert all(opened == grid.floor(opened) for opened in found)
    expected = {grid.floor(first) + n * grid.interval for n in range(span // grid.interval + 3)}
    assert set(found) == {
        opened for opened in expected if first <= opened < last and opened + grid.interval <= clock
    }


@given(grids, moments, spans)
def test_splitting_covers_every_bar_once_with_the_fewest_requests(
    grid: Grid, first: datetime, span: timedelta
) -> None:
    window = grid.opens(first, first + span, CLOCK)
    parts = list(grid.split(window)) if window else []
    assert [opened for part in parts for opened in opens(grid, part)] == opens(grid, window)
    assert all(len(opens(grid, part)) <= grid.buckets for part in parts)
    assert len(parts) == grid.requests(window) == -(-len(opens(grid, window)) // grid.buckets)


@pytest.mark.parametrize(
    ("grid", "days", "requests"),
    [
        (Grid(timedelta(minutes=5), 300), 365, 351),
        (Grid(HOUR, 300), 365, 30),
        (Grid(timedelta(minutes=5), 1000), 365, 106),
        (Grid(HOUR, 1000), 365, 9),
    ],
)
def test_a_year_costs_what_the_contracts_say(grid: Grid, days: int, requests: int) -> None:
    last = datetime(2024, 1, 1, tzinfo=UTC)
    assert grid.requests(grid.opens(last - timedelta(days=days), last, CLOCK)) == requests


def test_what_was_read_is_not_asked_again_but_for_the_lag() -> None:
    for grid in GRIDS[:3]:
        start, cursor = CLOCK - timedelta(days=30), dict[str, Any]()
        newer, older = grid.unread(start, cursor, CLOCK)
        assert newer is not None
        assert older is None
        read_through(cursor, newer, newer.last)
        again, older = grid.unread(start, cursor, CLOCK)
        assert older is None
        assert again is not None
        assert again.last == newer.last
        assert len(opens(grid, again)) == LAG / grid.interval
        later, _ = grid.unread(start, cursor, CLOCK + 2 * HOUR)
        assert later == Window(again.first, newer.last + 2 * HOUR)
        assert grid.unread(start, cursor, CLOCK - timedelta(days=1)) == (None, None)


def test_a_cursor_of_an_earlier_version_is_read_on() -> None:
    known = datetime(2024, 3, 1, tzinfo=UTC)
    cursor = {"from": known.isoformat(), "through": (CLOCK.replace(minute=0) - HOUR).isoformat()}
    newer, older = GRIDS[0].unread(known - timedelta(days=30), cursor, CLOCK)
    assert newer == Window(CLOCK.replace(hour=9, minute=0), CLOCK.replace(hour=11, minute=0))
    assert older == Window(known - timedelta(days=30), known - HOUR)


def test_nothing_is_asked_when_history_begins_in_the_future() -> None:
    assert GRIDS[0].unread(CLOCK + HOUR, {}, CLOCK) == (None, None)


@given(st.integers(0, 700), st.integers(0, 12))
def test_bars_that_did_not_come_are_asked_for_again_in_the_same_one_request(
    missing: int, hours_later: int
) -> None:
    grid, cursor = GRIDS[0], dict[str, Any]()
    start = CLOCK - timedelta(hours=1000)
    read, _ = grid.unread(start, cursor, CLOCK)
    assert read is not None
    newest = read.last - missing * HOUR
    read_through(cursor, read, newest)
    newer, _ = grid.unread(start, cursor, CLOCK + hours_later * HOUR)
    assert newer is not None
    assert grid.requests(newer) == 1
    assert newer.first <= read.last - 2 * HOUR
    assert newer.first <= newest - (LAG - HOUR) or len(opens(grid, newer)) == 300


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 200), st.integers(0, 500), st.integers(0, 9)),
        min_size=1,
        max_size=8,
    )
)
def test_runs_that_fail_anywhere_leave_one_stretch_and_the_next_ones_complete_it(
    runs: list[tuple[int, int, int]],
) -> None:
    grid, cursor, read = Grid(HOUR, 50), dict[str, Any](), set[datetime]()
    clock = datetime(2024, 1, 1, 0, 20, tzinfo=UTC)
    for hours, back, survived in [*runs, (1, 500, 999)]:
        clock += hours * HOUR
        start = clock - back * HOUR
        newer, older = grid.unread(start, cursor, clock)
        parts = [*(grid.split(newer) if newer else ())]
        parts += reversed(list(grid.split(older))) if older else []
        for part in parts[:survived]:
            read.update(opens(grid, part))
            read_through(cursor, part, part.last)
        if cursor:
            stretch = Window(*map(datetime.fromisoformat, (cursor["from"], cursor["through"])))
            assert set(opens(grid, stretch)) == read
    wanted = set(opens(grid, grid.opens(start, clock, clock)))
    assert wanted <= read
    ordered = sorted(read)
    assert all(later - earlier == HOUR for earlier, later in pairwise(ordered))
