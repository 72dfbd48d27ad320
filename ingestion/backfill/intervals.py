"""Arithmetic of half-open stretches of time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

DAY = timedelta(days=1)


class Interval(NamedTuple):
    """From ``first`` (included) to ``last`` (excluded), aware times."""

    first: datetime
    last: datetime

    @property
    def length(self) -> timedelta:
        """How long it is; nothing where it ends before it begins."""
        return max(self.last - self.first, timedelta())

    def clip(self, other: Interval) -> Interval | None:
        """Return what lies in both, or None."""
        common = Interval(max(self.first, other.first), min(self.last, other.last))
        return common if common.first < common.last else None


def merge(intervals: Iterable[Interval]) -> list[Interval]:
    """Return the same moments as the fewest intervals, ascending; empty ones are dropped."""
    merged: list[Interval] = []
    for interval in sorted(intervals):
        if interval.first >= interval.last:
            continue
        if merged and interval.first <= merged[-1].last:
            merged[-1] = Interval(merged[-1].first, max(merged[-1].last, interval.last))
        else:
            merged.append(interval)
    return merged


def subtract(wanted: Interval, done: Iterable[Interval]) -> list[Interval]:
    """Return what of ``wanted`` no interval of ``done`` covers, ascending."""
    missing = []
    first = wanted.first
    for covered in merge(done):
        if covered.last <= first:
            continue
        if covered.first >= wanted.last:
            break
        if covered.first > first:
            missing.append(Interval(first, covered.first))
        first = covered.last
    if first < wanted.last:
        missing.append(Interval(first, wanted.last))
    return missing


def split(interval: Interval, span: timedelta) -> Iterator[Interval]:
    """Yield ``interval`` in pieces of ``span``; the last may be shorter.

    Raises:
        ValueError: the span is not above zero.
    """
    if span <= timedelta():
        msg = f"a chunk of {span} does not move on; give a span above zero"
        raise ValueError(msg)
    first = interval.first
    while first < interval.last:
        last = min(first + span, interval.last)
        yield Interval(first, last)
        first = last


def days(interval: Interval) -> Iterator[Interval]:
    """Yield ``interval`` cut at each midnight UTC."""
    return _cut(interval, lambda moment: midnight(moment) + DAY)


def months(interval: Interval) -> Iterator[Interval]:
    """Yield ``interval`` cut at the first midnight UTC of each month."""
    return _cut(interval, next_month)


def midnight(moment: datetime) -> datetime:
    """Return the start of the day."""
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


def next_month(moment: datetime) -> datetime:
    """Return the start of the month after the one of ``moment``."""
    return (midnight(moment).replace(day=1) + 32 * DAY).replace(day=1)


def _cut(interval: Interval, following: Callable[[datetime], datetime]) -> Iterator[Interval]:
    first = interval.first
    while first < interval.last:
        last = min(following(first), interval.last)
        yield Interval(first, last)
        first = last
