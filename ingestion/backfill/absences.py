"""What it means that a provider has no file for a chunk: that depends on its neighbours."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from ingestion.backfill.intervals import Interval


class Absences(NamedTuple):
    """Chunks without a file: between two that have one, before the first, after the last."""

    holes: list[Interval]
    before: list[Interval]
    after: list[Interval]


def sort_absences(absent: Iterable[Interval], present: Iterable[Interval]) -> Absences:
    """Sort chunks without a file by their place among those with rows.

    Where nothing is present at all, every absent chunk counts as before the first.
    """
    there = list(present)
    result = Absences([], [], [])
    for chunk in absent:
        has_earlier = any(other.last <= chunk.first for other in there)
        has_later = any(other.first >= chunk.last for other in there)
        if has_earlier and has_later:
            result.holes.append(chunk)
        elif has_earlier:
            result.after.append(chunk)
        else:
            result.before.append(chunk)
    return result
