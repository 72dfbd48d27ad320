"""FRED and ALFRED: macro series with every vintage.

Wire facts: the key goes into the query and nowhere else; values are strings, ``.`` is missing;
``realtime_start`` is the day a value was first published. A bad key is 400, not 401.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from ingestion.config import Settings
from ingestion.errors import SourceError
from ingestion.extraction import Chunk, Extraction
from ingestion.http import Provider
from ingestion.macro.alfred import (
    END_OF_TIME,
    PROVIDER,
    Span,
    parse_observations,
    parse_vintage_dates,
    spans,
)
from ingestion.rejections import Parsed
from ingestion.tables import MACRO_OBSERVATIONS
from ingestion.validate import Invalid

SERIES_FILE = Path(__file__).with_name("series.toml")
PAGE_ROWS = 100_000
PAGE_VINTAGES = 10_000
#: Observations this much older than the start of history are loaded, for yearly changes.
LOOKBACK = timedelta(days=3 * 365)
#: A vintage date may still grow this long after its day; it is asked for again until then.
SETTLED_AFTER = timedelta(days=3)
#: Without vintages, this stretch of the newest observations is read again on each run.
REREAD = timedelta(days=60)
_FIRST_DAY = date(1776, 7, 4)


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
        return "CFW_FRED_API_KEY is not set; a free key comes from fredaccount.stlouisfed.org"
    return None


def extract(run: Extraction) -> Iterator[Chunk]:
    """Yield the observations of every series of the settings."""
    lags = declared_lags()
    yield from run.each(run.settings.fred_series, lambda series: _series(run, series, lags))


def declared_lags() -> dict[str, timedelta]:
    """Return the publication lag per series from the table; ``default`` for any other."""
    table = tomllib.loads(SERIES_FILE.read_text(encoding="utf-8"))
    return {name: timedelta(hours=entry["lag_hours"]) for name, entry in table.items()}


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
    vintages = _vintages(run, series, seen or _FIRST_DAY)
    if vintages:
        told = vintages == [seen]
        for chunk in _revisions(run, series, start, vintages, seen):
            told = told or bool(chunk.rows)
            yield chunk
        if told:
            cursor["vintage"] = max(vintages).isoformat()
        else:
            run.notes.append(f"{series}: vintages without an observation; asked again next time")
    elif seen is None:
        yield from _latest(run, series, start, lags.get(series, lags["default"]))
    cursor["from"] = start.isoformat()


def _revisions(
    run: Extraction, series: str, start: date, vintages: list[date], seen: date | None
) -> Iterator[Chunk]:
    """Yield what the vintages published; nothing where all of them were read and are settled."""
    if seen is not None and vintages == [seen] and run.clock.date() - seen > SETTLED_AFTER:
        return
    for span in spans(vintages):
        yield from _observations(run, series, start, None, span)


def _latest(run: Extraction, series: str, start: date, lag: timedelta) -> Iterator[Chunk]:
    """Yield the values as they are now, of a series without vintages."""
    cursor = run.state[series]
    through = cursor.get("through")
    if through is not None:
        start = max(start, date.fromisoformat(through) - REREAD)
    for chunk in _observations(run, series, start, lag, None):
        if chunk.table is MACRO_OBSERVATIONS and chunk.rows:
            newest = max(row["observation_date"] for row in chunk.rows).isoformat()
            cursor["through"] = max(cursor.get("through", newest), newest)
        yield chunk


def _vintages(run: Extraction, series: str, since: date) -> list[date]:
    """Return the vintage dates from ``since`` on; none where ALFRED does not keep the series."""
    found: list[date] = []
    while True:
        params: dict[str, str | int | float] = {
            "series_id": series,
            "realtime_start": since.isoformat(),
            "realtime_end": END_OF_TIME.isoformat(),
            "limit": PAGE_VINTAGES,
            "offset": len(found),
        }
        try:
            payload, _ = run.client.get_json("series/vintagedates", params, error_in=error_in)
            days, total = parse_vintage_dates(payload)
        except SourceError as error:
            if error.status == 400 and "does not exist in alfred" in error.what.lower():
                return []
            raise
        except Invalid as error:
            msg = f"series/vintagedates of {series}: {error}"
            raise run.client.error(msg, "check CFW_FRED_BASE_URL", wide=True) from None
        known = len(set(found))
        found += days
        if days and len(set(found)) == known:
            raise _repeats(run, f"series/vintagedates of {series}")
        if not days or len(found) >= total:
            return sorted(day for day in set(found) if day <= run.clock.date())


def _observations(
    run: Extraction, series: str, start: date, lag: timedelta | None, span: Span | None
) -> Iterator[Chunk]:
    params: dict[str, str | int | float] = {
        "series_id": series,
        "observation_start": start.isoformat(),
        "limit": PAGE_ROWS,
    }
    if span is not None:
        params["realtime_start"] = span.first.isoformat()
        params["realtime_end"] = span.last.isoformat()
    gathered: list[Any] = []
    while True:
        params["offset"] = len(gathered)
        payload, reply = run.client.get_json("series/observations", params, error_in=error_in)
        data = payload.get("observations") if isinstance(payload, dict) else None
        if not isinstance(data, list):
            msg = f"series/observations of {series} answered without observations"
            raise run.client.error(msg, "check CFW_FRED_BASE_URL", wide=True)
        if data and data[0] in gathered[:1]:
            raise _repeats(run, f"series/observations of {series}")
        gathered += data
        total = payload.get("count")
        if not data or not isinstance(total, int) or len(gathered) >= total:
            break
    # Parsed as a whole: the vintages must reach the history in their order, across pages too.
    parsed: Parsed = parse_observations(gathered, series, run.clock, lag)
    yield from run.landed(MACRO_OBSERVATIONS, parsed, is_sample=reply.is_sample)


def _repeats(run: Extraction, what: str) -> SourceError:
    """Return the error of a provider whose next page is the one before: rows would be missing."""
    return run.client.error(f"{what} repeats a page", "run it again later", wide=True)


def error_in(payload: Any) -> str | None:
    """Return the error inside a 200 answer."""
    if isinstance(payload, dict) and payload.get("error_message"):
        return str(payload["error_message"])
    return None
