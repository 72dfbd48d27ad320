"""FRED and ALFRED: macro series with every vintage.

Wire facts: the key goes into the query and nowhere else; values are strings, ``.`` is missing;
``realtime_start`` is the day a value was first published. A bad key is 400, not 401. A request may
span 2,000 vintage dates (``alfred`` cuts them), a page holds 100,000 rows.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from math import ceil

from ingestion.config import Settings
from ingestion.days import days_within
from ingestion.extraction import Chunk, Extraction
from ingestion.http import Provider
from ingestion.macro.alfred import MAX_VINTAGES, PROVIDER
from ingestion.macro.fred_pages import (
    FIRST_DAY,
    Asked,
    error_in,
    latest,
    revisions,
    vintage_dates,
)
from ingestion.macro.observations import LOOKBACK, REREAD, declared_lags
from ingestion.tables import MACRO_OBSERVATIONS

__all__ = [
    "BACKFILL_SPAN",
    "backfill",
    "backfill_items",
    "backfill_requests",
    "declared_lags",
    "error_in",
    "extract",
    "provider",
    "skip_reason",
]

#: A vintage date may still grow this long after its day; it is asked for again until then.
SETTLED_AFTER = timedelta(days=3)
#: Each stretch costs a request for the vintage dates besides its own, so stretches are long.
BACKFILL_SPAN = timedelta(days=3653)


def provider(settings: Settings) -> Provider:
    """Return how FRED is asked: 120 requests per minute are allowed, and quick retries punished."""
    secret = settings.fred_api_key.get_secret_value() if settings.fred_api_key else ""
    return Provider(
        PROVIDER,
        settings.fred_base_url.rstrip("/"),
        2.0,
        "FRED_BASE_URL",
        params={"api_key": secret, "file_type": "json"},
        patience=5.0,
    )


def skip_reason(settings: Settings) -> str | None:
    """Return why FRED cannot be asked, or None."""
    if settings.fred_api_key is None:
        return (
            "CFW_FRED_API_KEY is not set, so fredgraph reads the series, without their vintages; "
            "a free key comes from fredaccount.stlouisfed.org"
        )
    return None


def extract(run: Extraction) -> Iterator[Chunk]:
    """Yield the observations of every series of the settings."""
    lags = declared_lags()
    yield from run.each(run.settings.fred_series, lambda series: _series(run, series, lags))


def backfill_items(run: Extraction) -> list[str]:
    """Return the series of the settings; none without a key."""
    return [] if skip_reason(run.settings) else list(run.settings.fred_series)


def backfill_requests(item: str, first: datetime, last: datetime, settings: Settings) -> int:
    """Return the requests for [first, last): at most, a vintage for every weekday until now.

    One request lists the vintage dates; each 1,900 of them since ``first`` need one more.
    """
    span = days_within(first, last)
    if span is None:
        return 0
    weekdays = max((settings.clock().date() - span[0]).days, 1) * 5 / 7
    return 1 + ceil(weekdays / MAX_VINTAGES)


def backfill(run: Extraction, item: str, first: datetime, last: datetime) -> Iterator[Chunk]:
    """Yield the observations dated in [first, last) of a series, in all vintages until now."""
    span = days_within(first, min(last, run.clock))
    if span is None:
        return
    asked = Asked(item, *span)
    if vintages := vintage_dates(run, item):
        yield from revisions(run, asked, _relevant(vintages, asked.first))
    else:
        lags = declared_lags()
        yield from latest(run, asked, lags.get(item, lags["default"]))


def _series(run: Extraction, series: str, lags: dict[str, timedelta]) -> Iterator[Chunk]:
    cursor = run.state.setdefault(series, {})
    wanted = (run.settings.start_of_history() - LOOKBACK).date()
    if not cursor or wanted < date.fromisoformat(cursor["from"]):
        cursor.clear()
        start, last_vintage = wanted, None
    else:
        start = date.fromisoformat(cursor["from"])
        last_vintage = cursor.get("vintage")
    seen = date.fromisoformat(last_vintage) if last_vintage else None
    vintages = vintage_dates(run, series, seen or FIRST_DAY)
    if vintages:
        # Nothing is new where the vintage read last is the newest, and old enough to be whole.
        is_told = vintages == [seen]
        if seen is None or not is_told or run.clock.date() - seen <= SETTLED_AFTER:
            for chunk in revisions(run, Asked(series, start), _relevant(vintages, start)):
                is_told = is_told or bool(chunk.rows)
                yield chunk
        if is_told:
            cursor["vintage"] = max(vintages).isoformat()
        else:
            run.notes.append(f"{series}: vintages without an observation; asked again next time")
    elif seen is None:
        yield from _latest(run, series, start, lags.get(series, lags["default"]))
    cursor["from"] = start.isoformat()


def _relevant(vintages: list[date], first: date) -> list[date]:
    """Return the vintages, less those that ended before the first observation's day."""
    return vintages[max(bisect_right(vintages, first) - 1, 0) :]


def _latest(run: Extraction, series: str, start: date, lag: timedelta) -> Iterator[Chunk]:
    """Yield the values as they are now, of a series without vintages."""
    cursor = run.state[series]
    through = cursor.get("through")
    if through is not None:
        start = max(start, date.fromisoformat(through) - REREAD)
    for chunk in latest(run, Asked(series, start), lag):
        if chunk.table is MACRO_OBSERVATIONS and chunk.rows:
            newest = max(row["observation_date"] for row in chunk.rows).isoformat()
            cursor["through"] = max(cursor.get("through", newest), newest)
        yield chunk
