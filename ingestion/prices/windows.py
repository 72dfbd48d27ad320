"""Which bars to ask an exchange for: their grid, what a cursor leaves to read, and its requests."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

#: Time read again on each run, so that a late correction of the newest bars is taken.
LAG = timedelta(hours=3)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Window(NamedTuple):
    """Opens of the first and the last bar asked for, both inclusive."""

    first: datetime
    last: datetime


@dataclass(frozen=True)
class Grid:
    """Bars of one length, and how many of them one request may cover.

    Attributes:
        interval: from the open of a bar to its close.
        buckets: bars that the provider hands out per request.
    """

    interval: timedelta
    buckets: int

    def floor(self, moment: datetime) -> datetime:
        """Return the open of the bar that ``moment`` lies in."""
        return moment - (moment - _EPOCH) % self.interval

    def opens(self, first: datetime, last: datetime, clock: datetime) -> Window | None:
        """Return the bars that open in [first, last) and have closed by ``clock``, or None."""
        end = min(last - timedelta(microseconds=1), clock - self.interval)
        ceiling = _EPOCH - (_EPOCH - first) // self.interval * self.interval
        return _window(ceiling, self.floor(end))

    def unread(
        self, start: datetime, cursor: dict[str, Any], clock: datetime
    ) -> tuple[Window | None, Window | None]:
        """Return what to read forwards, and what to read before the first bar ever asked for.

        What was read through once is not asked again but for the lag. Where the newest bars asked
        for did not come, be it that nobody traded or that the provider had a bad day, they are
        asked for again as far back as the same one request reaches.

        Args:
            start: earliest moment wanted.
            cursor: ISO opens: ``from`` and ``through``, the first and last bar asked for so far,
                and ``seen``, the newest bar that came; empty at the first contact.
            clock: now; the bar it lies in is still running and not asked for.
        """
        wanted = self.opens(start, clock, clock)
        if not cursor:
            return wanted, None
        known_from = datetime.fromisoformat(cursor["from"])
        known_through = datetime.fromisoformat(cursor["through"])
        last = self.floor(clock) - self.interval
        again = known_through - (LAG - self.interval)
        if "seen" in cursor:
            one_request = last - (self.buckets - 1) * self.interval
            # the newest that came was perhaps still running in an old copy
            doubtful = datetime.fromisoformat(cursor["seen"]) - (LAG - self.interval)
            again = min(again, max(doubtful, one_request))
        older = None
        if wanted is not None:
            older = _window(wanted.first, min(known_from - self.interval, last))
        return _window(max(again, known_from), last), older

    def split(self, window: Window) -> Iterator[Window]:
        """Yield the windows of at most ``buckets`` bars that cover ``window``, oldest first."""
        first = window.first
        while first <= window.last:
            last = min(first + (self.buckets - 1) * self.interval, window.last)
            yield Window(first, last)
            first = last + self.interval

    def requests(self, window: Window | None) -> int:
        """Return the fewest requests with which the contract hands out every bar of ``window``."""
        if window is None:
            return 0
        bars = (window.last - window.first) // self.interval + 1
        return -(-bars // self.buckets)


def _window(first: datetime, last: datetime) -> Window | None:
    return Window(first, last) if first <= last else None


def advance(cursor: dict[str, Any], window: Window) -> None:
    """Widen the cursor by a window that was read."""
    known_from, known_through = cursor.get("from"), cursor.get("through")
    first, last = window.first.isoformat(), window.last.isoformat()
    # Equal format and zone: the text sorts as the time does.
    cursor["from"] = min(known_from, first) if known_from else first
    cursor["through"] = max(known_through, last) if known_through else last
