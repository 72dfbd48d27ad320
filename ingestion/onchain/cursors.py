"""How far each asset's metrics were read: where to go on, and what is read from the start."""

from __future__ import annotations

from collections.abc import Collection, Iterable, MutableMapping
from datetime import date, datetime, timedelta
from typing import Any

#: Exchange flows are restated for weeks, so this many days are read again on each run.
LAG = timedelta(days=30)


class Cursors:
    """The cursors of a step's state, by asset.

    A cursor holds ``from`` and ``through`` (ISO days), ``metrics``, what was read between them, and
    ``absent``, those of them that the provider left out.
    """

    def __init__(self, state: MutableMapping[str, Any], start: date, clock: datetime) -> None:
        """Take up the state; ``start`` is the first day of history."""
        self.start = start
        self._state = state
        self._clock = clock

    def stretches(self, asset: str, metrics: tuple[str, ...]) -> list[tuple[date, tuple[str, ...]]]:
        """Return the first day to ask for, per group of metrics.

        A metric that was read goes on where it ended, less what may be restated; a new one, or an
        earlier start of history, is read from the start.
        """
        cursor = self._state.get(asset)
        if cursor is None or self.start < date.fromisoformat(cursor["from"]):
            return [(self.start, metrics)]
        reread = min(date.fromisoformat(cursor["through"]), self._clock.date()) - LAG
        read = tuple(metric for metric in metrics if metric in cursor["metrics"])
        new = tuple(metric for metric in metrics if metric not in cursor["metrics"])
        first = date.fromisoformat(cursor["from"])
        return [(day, names) for day, names in ((max(reread, first), read), (first, new)) if names]

    def advance(
        self, asset: str, metrics: Collection[str], given: Collection[str], first: date, last: date
    ) -> None:
        """Note that the metrics of an asset were read from ``first`` through ``last``.

        An asset that gave nothing where it had figures, or at first contact, has not been read.

        Args:
            asset: whose they are.
            metrics: what was asked for and not refused.
            given: those that came with a value.
            first: the first day asked for.
            last: the last day asked for.
        """
        old = self._state.get(asset)
        asked, gave = set(metrics), set(given)
        if not asked or (not gave and (old is None or asked & set(old["metrics"]))):
            return
        if old is None or first < date.fromisoformat(old["from"]):
            self._store(asset, first, last, asked, asked - gave)
            return
        start, through = date.fromisoformat(old["from"]), date.fromisoformat(old["through"])
        known, absent = set(old["metrics"]), set(old.get("absent", ()))
        new = asked - known
        # What was left out so far and now has values has a past that was never read.
        appeared = absent & gave
        unread = appeared if first > start else set()
        absent = (absent - appeared) | (new - gave)
        self._store(asset, start, last if asked & known else through, known - unread | new, absent)

    def _store(
        self, asset: str, first: date, through: date, metrics: set[str], absent: set[str]
    ) -> None:
        self._state[asset] = {
            "from": first.isoformat(),
            "through": through.isoformat(),
            "metrics": sorted(metrics),
            "absent": sorted(absent),
        }

    def absent_everywhere(self, assets: Iterable[str], metrics: Iterable[str]) -> list[str]:
        """Return the metrics that were read of some asset, and given for none."""
        cursors = [self._state[asset] for asset in assets if asset in self._state]
        read = [(set(cursor["metrics"]), set(cursor.get("absent", ()))) for cursor in cursors]
        return [
            metric
            for metric in metrics
            if any(metric in asked for asked, _ in read)
            and all(metric in absent for asked, absent in read if metric in asked)
        ]
