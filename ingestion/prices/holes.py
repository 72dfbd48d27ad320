"""Answers without a bar where bars should be: they are not believed at once.

An exchange may rightly have nothing to tell of a stretch, or have a bad day. An empty answer
between bars is asked for again on the next two runs; one at the end is asked for again as far back
as the same request reaches, until a bar comes.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from datetime import datetime
from typing import Any, NamedTuple

#: So many empty answers, each on a run of its own, are the truth.
BELIEVED_AFTER = 3


class Stretch(NamedTuple):
    """Opens of the first and the last bar asked for, both inclusive."""

    first: datetime
    last: datetime


class Holes:
    """The empty stretches of one cursor, kept in it as ``empty``: [first, last, times asked].

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
            for first, last, _ in self._cursor.get("empty", ())
        ]

    def note(self, first: datetime, last: datetime, newest: datetime | None) -> None:
        """Note an answer: the stretch asked for, and the open of its newest bar, if it had one.

        Answers must be noted oldest first; those that are ``due`` in any order.
        """
        key = [first.isoformat(), last.isoformat()]
        kept = [hole for hole in self._cursor.get("empty", ()) if hole[:2] != key]
        known = [hole for hole in self._cursor.get("empty", ()) if hole[:2] == key]
        seen = self._cursor.get("seen", "")
        if newest is not None:
            self._cursor["seen"] = max(seen, newest.isoformat())
            if not known:
                kept += self._trailing
                self._trailing = []
        elif known and known[0][2] + 1 < BELIEVED_AFTER:
            kept.append([*key, known[0][2] + 1])
        elif not known and seen and seen < key[0]:
            self._trailing.append([*key, 1])
        self._cursor["empty"] = sorted(kept)
        if not kept:
            del self._cursor["empty"]
