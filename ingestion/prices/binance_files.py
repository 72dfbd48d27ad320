"""Names of the files in Binance's public archive, and which of them holds what.

A month has one file from the first Monday after it; until then, each of its days has one, from
the day after. All times are UTC.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from ingestion.backfill.intervals import DAY, Interval, days, midnight, months, next_month

QUOTE = "USDT"
#: How the archive spells the lengths of bars, by minutes.
SPELLED = {5: "5m", 60: "1h"}
_MONDAY = 0


class ArchiveFile(NamedTuple):
    """One file: a whole month or a whole day of bars of one pair."""

    symbol: str
    minutes: int
    is_month: bool
    period: Interval

    @property
    def stem(self) -> str:
        """Its name without ``.zip``; the CSV inside has the same."""
        day = f"{self.period.first:%Y-%m}" if self.is_month else f"{self.period.first:%Y-%m-%d}"
        return f"{self.pair}-{SPELLED[self.minutes]}-{day}"

    @property
    def pair(self) -> str:
        """What the exchange calls the market."""
        return f"{self.symbol}{QUOTE}"

    @property
    def path(self) -> str:
        """Where the archive has it."""
        period = "monthly" if self.is_month else "daily"
        spelled = SPELLED[self.minutes]
        return f"data/spot/{period}/klines/{self.pair}/{spelled}/{self.stem}.zip"

    @property
    def bar(self) -> timedelta:
        """The length of a bar."""
        return timedelta(minutes=self.minutes)

    def find(self, folder: Path) -> Path | None:
        """Return the file in a local folder, flat or laid out as the archive is, or None."""
        for place in (folder / f"{self.stem}.zip", folder / self.path):
            if place.is_file():
                return place
        return None


class Part(NamedTuple):
    """What is wanted of a file."""

    file: ArchiveFile
    wanted: Interval


def parts(
    symbol: str, minutes: int, wanted: Interval, clock: datetime, folder: Path | None
) -> Iterator[Part]:
    """Yield the files that hold an interval, in order of time.

    Args:
        symbol: of the asset.
        minutes: length of the bars.
        wanted: the interval.
        clock: now; tells which months have their file.
        folder: local files; then what is there decides.
    """
    for month in months(wanted):
        first = midnight(month.first).replace(day=1)
        whole = ArchiveFile(symbol, minutes, True, Interval(first, next_month(first)))
        daily = [
            Part(ArchiveFile(symbol, minutes, False, _day_of(day)), day) for day in days(month)
        ]
        if folder is None:
            is_monthly = clock >= published(first)
        else:
            has_days = any(part.file.find(folder) for part in daily)
            is_monthly = whole.find(folder) is not None or not has_days
        if is_monthly:
            yield Part(whole, month)
        else:
            yield from daily


def published(month: datetime) -> datetime:
    """Return when a month's file is there: the day after the first Monday that follows it."""
    end = next_month(month)
    return end + ((_MONDAY - end.weekday()) % 7 + 1) * DAY


def _day_of(interval: Interval) -> Interval:
    first = midnight(interval.first)
    return Interval(first, first + DAY)
