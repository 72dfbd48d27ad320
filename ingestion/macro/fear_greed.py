"""alternative.me: the Crypto Fear and Greed index, as the macro series ``FNG``.

Wire facts: newest first, all values strings, ``timestamp`` the unix start of the day (a date text
was seen too). Some days are missing. It is published shortly after midnight UTC.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from typing import Any

from ingestion.config import Settings
from ingestion.extraction import Chunk, Extraction
from ingestion.http import Provider
from ingestion.rejections import Parsed, parse_page
from ingestion.tables import MACRO_OBSERVATIONS, Row
from ingestion.validate import iso_date, number, refuse, unix_time

PROVIDER = "alternative_me"
SERIES = "FNG"
#: Declared publication lag after the start of the day.
LAG = timedelta(hours=1)
#: Days read again on each run.
REREAD_DAYS = 10


def provider(settings: Settings) -> Provider:
    """Return how alternative.me is asked: 60 requests per minute are allowed."""
    base = settings.alternative_me_base_url.rstrip("/")
    return Provider(PROVIDER, base, 1.0, "ALTERNATIVE_ME_BASE_URL")


def extract(run: Extraction) -> Iterator[Chunk]:
    """Yield the index: all of it at the first contact, then the days since and some before."""
    yield from run.each([SERIES], lambda _: _index(run))


def _index(run: Extraction) -> Iterator[Chunk]:
    through = run.state.get("through")
    limit = 0
    if through is not None:
        limit = max((run.clock.date() - date.fromisoformat(through)).days, 0) + REREAD_DAYS
    payload, reply = run.client.get_json(
        "fng/", {"limit": limit, "format": "json"}, error_in=error_in
    )
    if not isinstance(payload, dict) or not isinstance(payload.get("data"), list):
        msg = "fng answered without a list of data"
        raise run.client.error(msg, "check CFW_ALTERNATIVE_ME_BASE_URL", wide=True)
    parsed = parse_index(payload["data"], run.clock)
    if parsed.rows:
        newest = max(row["observation_date"] for row in parsed.rows).isoformat()
        run.state["through"] = max(through or newest, newest)
    yield from run.landed(MACRO_OBSERVATIONS, parsed, is_sample=reply.is_sample)


def error_in(payload: Any) -> str | None:
    """Return the error inside a 200 answer: ``metadata.error``."""
    metadata = payload.get("metadata") if isinstance(payload, dict) else None
    error = metadata.get("error") if isinstance(metadata, dict) else None
    return str(error) if error else None


def parse_index(data: list[Any], clock: datetime) -> Parsed:
    """Return the days of the index, oldest first, and what is refused."""
    parse = partial(_observation, clock=clock)
    return parse_page(MACRO_OBSERVATIONS, parse, data, order=("observation_date",))


def _observation(raw: Any, clock: datetime) -> Row:
    if not isinstance(raw, dict):
        refuse("the row is not an object")
    value = number(raw.get("value"), "value", as_text=True)
    if not 0 <= value <= 100:
        refuse("value is not between 0 and 100")
    day = _day(raw.get("timestamp"))
    if day > clock.date():
        refuse("timestamp lies in the future")
    public = min(datetime.combine(day, time(0), UTC) + LAG, clock)
    return {
        "provider": PROVIDER,
        "series_id": SERIES,
        "observation_date": day,
        "vintage_date": public.date(),
        "value": value,
        "is_vintage": False,
        "available_at": public,
    }


def _day(value: Any) -> date:
    if isinstance(value, str) and value.strip().lstrip("-").isdigit():
        return unix_time(number(value, "timestamp", as_text=True), "timestamp").date()
    if isinstance(value, str):
        return iso_date(value, "timestamp")
    return unix_time(value, "timestamp").date()
