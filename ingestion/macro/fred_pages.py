"""What FRED is asked, page by page: the vintage dates of a series, and its observations."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from ingestion.errors import SourceError
from ingestion.extraction import Chunk, Extraction
from ingestion.macro.alfred import (
    END_OF_TIME,
    Span,
    coalesced,
    parse_observations,
    parse_vintage_dates,
    spans,
)
from ingestion.rejections import Parsed
from ingestion.tables import MACRO_OBSERVATIONS
from ingestion.validate import Invalid

PAGE_ROWS = 100_000
PAGE_VINTAGES = 10_000
FIRST_DAY = date(1776, 7, 4)

Params = dict[str, str | int | float]


@dataclass(frozen=True)
class Asked:
    """Observations of a series; ``last`` None asks for all from ``first`` on."""

    series: str
    first: date
    last: date | None = None

    def params(self) -> Params:
        """Return the part of a query that says which observations."""
        found: Params = {
            "series_id": self.series,
            "observation_start": self.first.isoformat(),
        }
        if self.last is not None:
            found["observation_end"] = self.last.isoformat()
        return found


def vintage_dates(run: Extraction, series: str, since: date = FIRST_DAY) -> list[date]:
    """Return the vintage dates from ``since`` on; none where ALFRED does not keep the series."""
    what = f"series/vintagedates of {series}"
    params: Params = {
        "series_id": series,
        "realtime_start": since.isoformat(),
        "realtime_end": END_OF_TIME.isoformat(),
        "limit": PAGE_VINTAGES,
    }

    def days_in(payload: Any) -> tuple[list[Any], int]:
        try:
            return parse_vintage_dates(payload)
        except Invalid as error:
            msg = f"{what}: {error}"
            raise run.client.error(msg, "check CFW_FRED_BASE_URL", wide=True) from None

    try:
        found, _ = _pages(run, "series/vintagedates", params, what, days_in)
    except SourceError as error:
        if error.status == 400 and "does not exist in alfred" in error.what.lower():
            return []
        raise
    return sorted(day for day in set(found) if day <= run.clock.date())


def revisions(run: Extraction, asked: Asked, vintages: list[date]) -> Iterator[Chunk]:
    """Yield what the vintages published, in the order in which it became known.

    All windows are put together first: a clamped value is told from a revision only by the value
    before it, which may have come with the window before.
    """
    windows = spans(vintages)
    whole = Parsed()
    is_sample = False
    for window in windows:
        page, is_sample = _observations(run, asked, None, window)
        whole.rows += page.rows
        whole.rejections += page.rejections
    whole.rows = coalesced(whole.rows, windows)
    yield from run.landed(MACRO_OBSERVATIONS, whole, is_sample=is_sample)


def latest(run: Extraction, asked: Asked, lag: timedelta) -> Iterator[Chunk]:
    """Yield the values as they are now, known after the declared lag."""
    parsed, is_sample = _observations(run, asked, lag, None)
    yield from run.landed(MACRO_OBSERVATIONS, parsed, is_sample=is_sample)


def _observations(
    run: Extraction, asked: Asked, lag: timedelta | None, window: Span | None
) -> tuple[Parsed, bool]:
    what = f"series/observations of {asked.series}"
    params = {**asked.params(), "limit": PAGE_ROWS}
    if window is not None:
        params["realtime_start"] = window.first.isoformat()
        params["realtime_end"] = window.last.isoformat()

    def rows_in(payload: Any) -> tuple[list[Any], int]:
        data = payload.get("observations") if isinstance(payload, dict) else None
        if not isinstance(data, list):
            msg = f"{what} answered without observations"
            raise run.client.error(msg, "check CFW_FRED_BASE_URL", wide=True)
        total = payload.get("count")
        return data, total if isinstance(total, int) else len(data)

    found, is_sample = _pages(run, "series/observations", params, what, rows_in)
    # Parsed as a whole: the vintages must reach the history in their order, across pages too.
    return parse_observations(found, asked.series, run.clock, lag), is_sample


def _pages(
    run: Extraction,
    path: str,
    params: Params,
    what: str,
    items_in: Callable[[Any], tuple[list[Any], int]],
) -> tuple[list[Any], bool]:
    """Return the items of every page, paged by offset, and whether a sandbox made them up."""
    gathered: list[Any] = []
    while True:
        query = {**params, "offset": len(gathered)}
        payload, reply = run.client.get_json(path, query, error_in=error_in)
        items, total = items_in(payload)
        if items and items[0] in gathered[:1]:
            msg = f"{what} repeats a page"
            raise run.client.error(msg, "run it again later", wide=True)
        gathered += items
        if not items or len(gathered) >= total:
            return gathered, reply.is_sample


def error_in(payload: Any) -> str | None:
    """Return the error inside a 200 answer."""
    if isinstance(payload, dict) and payload.get("error_message"):
        return str(payload["error_message"])
    return None
