"""Answers without a bar where bars should be, or with bars that are refused: not believed at once.

An exchange may rightly have nothing to tell of a stretch, or have a bad day. An empty answer
between bars, and one with a refused bar, is asked for again on the next two runs; an empty one at
the end is asked for again as far back as the next request reaches, until a bar comes, and what
that does not reach is asked for twice as well.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

#: So many answers with nothing better, each on a run of its own, are the truth.
BELIEVED_AFTER = 3


class Stretch(NamedTuple):
    """Opens of the first and the last bar asked for, both inclusive."""

    first: datetime
    last: datetime


class Holes:
    """The doubtful stretches of one cursor, kept in it as ``doubted``: [first, last, times asked].

    ``seen`` of the cursor is the open of the newest bar that ever came. Moments in the cursor have
    one format and zone, so that they sort as text.
    """

    def __init__(self, cursor: MutableMapping[str, Any], reach: timedelta | None = None) -> None:
        """Start a run; ``reach`` is what one request covers, None if it need not be minded."""
        self._cursor = cursor
        self._reach = reach
        self._empty: list[Stretch] = []
        self._again: tuple[bool, bool] = (False, True)
        self._believed: set[Stretch] = set()

    def due(self) -> list[Stretch]:
        """Return what must be asked for again."""
        return [
            Stretch(datetime.fromisoformat(first), datetime.fromisoformat(last))
            for first, last, _ in self._cursor.get("doubted", ())
        ]

    def note(
        self, first: datetime, last: datetime, newest: datetime | None, *, is_clean: bool = True
    ) -> None:
        """Note an answer to a new question; one to an old question is for ``note_again``.

        Args:
            first: open of the first bar asked for.
            last: open of the last bar asked for.
            newest: open of the newest bar that came, None where none did.
            is_clean: no bar was refused.
        """
        seen = self._seen()
        if not is_clean:
            self._doubt(Stretch(first, last))
        elif newest is None and seen is not None:
            self._empty.append(Stretch(first, last))
        for hole in list(self._empty):
            is_between = (
                newest is not None
                and seen is not None
                and hole.last > min(seen, newest)
                and hole.first < max(seen, newest)
            )
            is_forward = seen is not None and hole.last > seen
            if is_between or (is_forward and self._reach and hole.first <= last - self._reach):
                self._empty.remove(hole)
                self._doubt(hole)
        self._see(newest)

    def note_again(
        self, stretch: Stretch, last: datetime, newest: datetime | None, *, is_clean: bool = True
    ) -> None:
        """Note one of the answers, oldest first, to what was ``due``; the last one settles it.

        Args:
            stretch: what was due.
            last: open of the last bar that this answer covers.
            newest: open of the newest bar that came, None where none did.
            is_clean: no bar was refused.
        """
        has_bars, was_clean = self._again
        self._again = has_bars or newest is not None, was_clean and is_clean
        self._see(newest)
        if last < stretch.last:
            return
        is_better, self._again = all(self._again), (False, True)
        doubted = []
        for hole in self._cursor.get("doubted", ()):
            if hole[:2] != _key(stretch):
                doubted.append(hole)
            elif not is_better and hole[2] + 1 < BELIEVED_AFTER:
                doubted.append([*hole[:2], hole[2] + 1])
            elif not is_better:
                self._believed.add(stretch)
        self._keep(doubted)

    def _doubt(self, stretch: Stretch) -> None:
        doubted = self._cursor.get("doubted", [])
        is_known = any(hole[:2] == _key(stretch) for hole in doubted)
        if not is_known and stretch not in self._believed:
            self._keep([*doubted, [*_key(stretch), 1]])

    def _keep(self, doubted: list[Any]) -> None:
        if doubted:
            self._cursor["doubted"] = sorted(doubted)
        else:
            self._cursor.pop("doubted", None)

    def _seen(self) -> datetime | None:
        seen = self._cursor.get("seen")
        return datetime.fromisoformat(seen) if seen else None

    def _see(self, newest: datetime | None) -> None:
        if newest is not None:
            self._cursor["seen"] = max(self._cursor.get("seen", ""), newest.isoformat())


def _key(stretch: Stretch) -> list[str]:
    return [stretch.first.isoformat(), stretch.last.isoformat()]
