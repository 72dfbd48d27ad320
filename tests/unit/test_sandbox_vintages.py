"""ALFRED arithmetic: validity of values, clamping, series without vintages."""

from __future__ import annotations

from datetime import UTC, date, datetime

from ingestion.sandbox import MacroSeries, MacroVintage
from ingestion.sandbox.fred_vintages import (
    LAST_DAY,
    clamped,
    published,
    validities,
    vintage_dates,
)

DAY = date(2024, 1, 1)
NOON = datetime(2024, 3, 20, 18, tzinfo=UTC)


def series(*vintages: MacroVintage, lag_days: int = 1) -> MacroSeries:
    return MacroSeries("X", vintages, lag_days=lag_days)


def test_a_value_holds_until_the_day_before_the_next() -> None:
    own = series(MacroVintage(DAY, "1", date(2024, 2, 1)), MacroVintage(DAY, "2", date(2024, 3, 1)))
    rows = validities(published(own, NOON))
    assert [(r.value, r.realtime_start, r.realtime_end) for r in rows] == [
        ("1", date(2024, 2, 1), date(2024, 2, 29)),
        ("2", date(2024, 3, 1), LAST_DAY),
    ]


def test_a_narrow_period_clamps_both_bounds() -> None:
    own = series(MacroVintage(DAY, "1", date(2024, 2, 1)), MacroVintage(DAY, "2", date(2024, 3, 1)))
    rows = clamped(validities(published(own, NOON)), date(2024, 2, 10), date(2024, 3, 10))
    assert [(r.realtime_start, r.realtime_end) for r in rows] == [
        (date(2024, 2, 10), date(2024, 2, 29)),
        (date(2024, 3, 1), date(2024, 3, 10)),
    ]


def test_a_vintage_is_public_from_its_release_hour() -> None:
    own = series(MacroVintage(DAY, "1", date(2024, 3, 20)))
    assert published(own, datetime(2024, 3, 20, 13, 29, tzinfo=UTC)) == []
    assert len(published(own, datetime(2024, 3, 20, 13, 30, tzinfo=UTC))) == 1


def test_rows_without_vintage_wait_for_their_lag_and_take_the_first_vintage() -> None:
    own = series(
        MacroVintage(DAY, "1"),
        MacroVintage(date(2024, 3, 19), "3"),
        MacroVintage(date(2024, 2, 1), "2", date(2024, 3, 25)),
        lag_days=2,
    )
    before = published(own, NOON)
    assert [v.value for v in before] == ["1"]
    assert vintage_dates(before) == []
    after = published(own, datetime(2024, 3, 26, tzinfo=UTC))
    assert [v.value for v in after] == ["1", "2", "3"]
    assert vintage_dates(after) == [date(2024, 3, 25)]
