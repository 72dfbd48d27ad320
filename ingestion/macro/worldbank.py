"""World Bank indicators: annual figures of countries, without a key.

Wire facts: an answer is a list of two, the page's description and the rows, newest year first; the
rows are null where there are none. An error is a list of one, with status 200. ``date`` is text: a
year, a quarter (``2024Q1``) or a month (``2024M03``). Figures are revised wholesale, so all years
are read again, once a day.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any

from ingestion.config import Settings
from ingestion.days import days_within
from ingestion.extraction import Chunk, Extraction
from ingestion.http import Provider
from ingestion.macro.observations import lagged_row
from ingestion.rejections import Parsed, parse_page
from ingestion.tables import MACRO_OBSERVATIONS, Row
from ingestion.validate import number, refuse, text

PROVIDER = "worldbank"
PAGE_ROWS = 1000
#: Declared publication lag after the start of the period. A year's figures come six to twelve
#: months after its end; two years after its start all of them are out. Quarters and months are
#: published sooner, but no shorter lag is known for certain.
LAG = timedelta(days=731)
#: Years before the start of history that are read: annual figures are few.
LOOKBACK_YEARS = 10
#: One answer holds all years of an indicator.
BACKFILL_SPAN = timedelta(days=36_525)
_PERIOD = re.compile(r"(\d{4})(?:(Q)([1-4])|(M)(0[1-9]|1[0-2]))?")


def provider(settings: Settings) -> Provider:
    """Return how the World Bank is asked; no limit is published, and it is slow."""
    base = settings.worldbank_base_url.rstrip("/")
    return Provider(PROVIDER, base, 1.0, "WORLDBANK_BASE_URL", patience=3.0)


def skip_reason(settings: Settings) -> str | None:
    """Return why the World Bank is not asked, or None."""
    if not settings.worldbank_indicators:
        return "CFW_WORLDBANK_INDICATORS names none; set it to COUNTRY:INDICATOR pairs"
    return None


def extract(run: Extraction) -> Iterator[Chunk]:
    """Yield every indicator of the settings that was not read today."""
    yield from run.each(run.settings.worldbank_indicators, lambda item: _indicator(run, item))


def backfill_items(run: Extraction) -> list[str]:
    """Return the indicators of the settings, as COUNTRY:INDICATOR."""
    return list(run.settings.worldbank_indicators)


def backfill_requests(item: str, first: datetime, last: datetime, settings: Settings) -> int:
    """Return the requests for [first, last): one, all its years fit into a page."""
    return 1 if days_within(first, last) else 0


def backfill(run: Extraction, item: str, first: datetime, last: datetime) -> Iterator[Chunk]:
    """Yield the periods of an indicator that start in [first, last)."""
    span = days_within(first, min(last, run.clock))
    if span is None:
        return
    for parsed, is_sample in _pages(run, item, span[0].year, span[1].year):
        parsed.rows = [row for row in parsed.rows if span[0] <= row["observation_date"] <= span[1]]
        yield from run.landed(MACRO_OBSERVATIONS, parsed, is_sample=is_sample)


def _indicator(run: Extraction, item: str) -> Iterator[Chunk]:
    first = run.settings.start_of_history().year - LOOKBACK_YEARS
    today = run.clock.date().isoformat()
    cursor = run.state.get(item, {})
    if cursor.get("read_on") == today and cursor["from"] <= first:
        return
    figures = 0
    for parsed, is_sample in _pages(run, item, first, run.clock.year):
        figures += len(parsed.rows)
        yield from run.landed(MACRO_OBSERVATIONS, parsed, is_sample=is_sample)
    if figures:
        run.state[item] = {"from": first, "read_on": today}


def _pages(run: Extraction, item: str, first: int, last: int) -> Iterator[tuple[Parsed, bool]]:
    country, indicator = item.split(":", 1)
    path = f"country/{country}/indicator/{indicator}"
    params: dict[str, str | int | float] = {
        "format": "json",
        "date": f"{first}:{last}",
        "per_page": PAGE_ROWS,
    }
    page = 1
    while True:
        payload, reply = run.client.get_json(path, {**params, "page": page})
        if hidden := error_in(payload):
            # About this indicator alone, so the others are asked all the same.
            msg = f"{item} answered 200 with the error: {hidden[:200]}"
            raise run.client.error(msg, "check CFW_WORLDBANK_INDICATORS", status=reply.status)
        pages, rows = _parts(run, item, payload, page)
        yield parse_rows(rows, item, run.clock), reply.is_sample
        if page >= pages:
            return
        page += 1


def _parts(run: Extraction, item: str, payload: Any, page: int) -> tuple[int, list[Any]]:
    """Return how many pages there are and the rows of this one."""
    if isinstance(payload, list) and len(payload) == 2 and isinstance(payload[0], dict):
        meta, rows = payload
        pages = str(meta.get("pages", ""))
        if (rows is None or isinstance(rows, list)) and pages.isdigit():
            if str(meta.get("page")) in (str(page), "0"):
                return int(pages), rows or []
            msg = f"{item} answered page {meta.get('page')} instead of {page}"
            raise run.client.error(msg, "run it again later", status=200, wide=True)
    msg = f"{item} answered without a list of rows"
    raise run.client.error(msg, "check CFW_WORLDBANK_BASE_URL", status=200, wide=True)


def error_in(payload: Any) -> str | None:
    """Return the error inside a 200 answer: a list of one with messages."""
    if not isinstance(payload, list) or not payload or not isinstance(payload[0], dict):
        return None
    messages = payload[0].get("message")
    if not isinstance(messages, list):
        return None
    texts = [str(part.get("value") or part) for part in messages if isinstance(part, dict)]
    return "; ".join(texts) or "an error without a text"


def parse_rows(rows: list[Any], item: str, clock: datetime) -> Parsed:
    """Return the figures of a page, oldest first, and what is refused."""
    parse = partial(_observation, item=item, clock=clock)
    return parse_page(MACRO_OBSERVATIONS, parse, rows, order=("observation_date",))


def _observation(raw: Any, item: str, clock: datetime) -> Row | None:
    if not isinstance(raw, dict):
        refuse("the row is not an object")
    indicator = raw.get("indicator")
    given = indicator.get("id") if isinstance(indicator, dict) else None
    if str(given).upper() != item.split(":", 1)[1].upper():
        refuse("the row is of another indicator")
    day = period_start(raw.get("date"))
    if day > clock.date():
        refuse("date lies in the future")
    if raw.get("value") is None:
        return None
    value = number(raw["value"], "value", as_text=True)
    return lagged_row(PROVIDER, item, day, value, LAG, clock)


def period_start(value: Any) -> date:
    """Return the first day of a year, a quarter or a month as the World Bank writes them."""
    found = _PERIOD.fullmatch(text(value, "date"))
    if found is None or found[1] == "0000":
        refuse("date is not a year, a quarter or a month")
    year, quarter, month = int(found[1]), found[3], found[5]
    return date(year, int(quarter) * 3 - 2 if quarter else int(month or 1), 1)
