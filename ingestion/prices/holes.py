"""Answers without a bar where bars should be, or with bars that are refused: not believed at once.

An exchange may rightly have nothing to tell of a stretch, or have a bad day. An empty answer
between bars, and one with a refused bar, is asked for again on the next two runs; an empty one at
the end is asked for again as far back as the same request reaches, until a bar comes.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from datetime import datetime
from typing import Any, NamedTuple

#: So many answers with nothing better, each on a run of its own, are the truth.
BELIEVED_AFTER = 3


class Stretch(NamedTuple):
    """Opens of the first and the last bar asked for, both inclusive."""

    first: datetime
    last: datetime


class Holes:
    """The doubtful stretches of one cursor, kept in it as ``doubted``: [first, last, times asked].

    ``seen`` of the cursor is the open of the newest bar that ever came.
    """

    def __init__(self, cursor: MutableMapping[str, Any]) -> None:
        """Start a run."""
        self._cursor = cursor
        self._trailing: list[list[Any]] = []

    def due(self) -> list[Stretch]:
        """Return what must be asked for again."""
        return [
            Stretch(datetime.fromisoformat(first), datetime.fromisoformat(last))
            for first, last, _ in self._cursor.get("doubted", ())
        ]

    def note(
        self, first: datetime, last: datetime, newest: datetime | None, *, is_clean: bool = True
    ) -> None:
        """Note an answer. Answers must be noted oldest first; those that are ``due`` in any order.

        Args:
            first: open of the first bar asked for.
            last: open of the last bar asked for.
            newest: open of the newest bar that came, None where none did.
            is_clean: no bar was refused.
        """
        key = [first.isoformat(), last.isoformat()]
        doubted = self._cursor.get("doubted", ())
        times = next((hole[2] for hole in doubted if hole[:2] == key), 0)
        kept = [hole for hole in doubted if hole[:2] != key]
        seen = self._cursor.get("seen", "")
        if newest is not None:
            self._cursor["seen"] = max(seen, newest.isoformat())
            if not times:
                kept += self._trailing
                self._trailing = []
        if not is_clean or (times and newest is None):
            if times + 1 < BELIEVED_AFTER:
                kept.append([*key, times + 1])
        elif newest is None and seen and seen < key[0]:
            self._trailing.append([*key, 1])
        if kept:
            self._cursor["doubted"] = sorted(kept)
        else:
            self._cursor.pop("doubted", None)
