"""ALFRED arithmetic: which value of an observation was valid on which days."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import NamedTuple

from ingestion.sandbox.model import (
    MACRO_RELEASE_TIME,
    MacroSeries,
    MacroVintage,
    midnight,
)

FIRST_DAY = date(1776, 7, 4)
LAST_DAY = date(9999, 12, 31)
ONE_DAY = timedelta(days=1)


class Validity(NamedTuple):
    """A value of an observation and the days, both inclusive, on which it was the current one."""

    observation_date: date
    value: str
    realtime_start: date
    realtime_end: date


def published(series: MacroSeries, now: datetime) -> list[MacroVintage]:
    """Return the vintages of ``series`` that are public at ``now``.

    Rows of unknown vintage take the first vintage of the series as soon as it has one; the
    archive too gives its first date to all that was there before it began.
    """
    shown = [v for v in series.vintages if v.realtime_start and _released(v.realtime_start) <= now]
    dated = [v.realtime_start for v in shown if v.realtime_start]
    first = min(dated) if dated else None
    for vintage in series.vintages:
        if vintage.realtime_start is not None:
            continue
        if midnight(vintage.observation_date) + timedelta(days=series.lag_days) <= now:
            shown.append(vintage._replace(realtime_start=first))
    shown.sort(key=lambda v: (v.observation_date, v.realtime_start or FIRST_DAY))
    return shown


def vintage_dates(vintages: Iterable[MacroVintage]) -> list[date]:
    """Return the days on which something was published, ascending."""
    return sorted({v.realtime_start for v in vintages if v.realtime_start})


def validities(vintages: list[MacroVintage]) -> list[Validity]:
    """Return what each vintage was good for: until the day before the next one."""
    rows: list[Validity] = []
    for day, group in groupby(vintages, key=lambda v: v.observation_date):
        versions = {v.realtime_start or FIRST_DAY: v.value for v in group}
        starts = sorted(versions)
        ends = [start - ONE_DAY for start in starts[1:]] + [LAST_DAY]
        rows += [
            Validity(day, versions[start], start, end)
            for start, end in zip(starts, ends, strict=True)
        ]
    return rows


def clamped(rows: list[Validity], start: date, end: date) -> list[Validity]:
    """Return the rows valid on some day of [start, end], with their bounds cut to it."""
    return [
        row._replace(
            realtime_start=max(row.realtime_start, start),
            realtime_end=min(row.realtime_end, end),
        )
        for row in rows
        if row.realtime_start <= end and row.realtime_end >= start
    ]


def _released(day: date) -> datetime:
    return datetime.combine(day, MACRO_RELEASE_TIME)
