"""The CSV behind FRED's graphs: the same series without a key, and without their vintages.

Read only where no FRED key is set. Wire facts: two columns, the first the date under either of two
names; ``.`` and blank are missing; the newest values only, so their publication is declared
(``series.toml``). Several ids in one request are joined with blanks, so each is asked for alone. A
page of HTML means that the request was not served.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from functools import partial

from ingestion.config import Settings
from ingestion.days import days_within
from ingestion.extraction import Chunk, Extraction
from ingestion.http import HttpClient, Provider, Reply
from ingestion.macro.observations import LOOKBACK, MISSING, REREAD, declared_lags, lagged_row
from ingestion.rejections import Parsed, parse_page
from ingestion.tables import MACRO_OBSERVATIONS, Row
from ingestion.validate import iso_date, number, refuse

PROVIDER = "fredgraph"
#: One answer holds a whole series.
BACKFILL_SPAN = timedelta(days=36_525)


def provider(settings: Settings) -> Provider:
    """Return how the graphs' CSV is asked; no limit is published, so gently."""
    base = settings.fredgraph_base_url.rstrip("/")
    return Provider(PROVIDER, base, 1.0, "FREDGRAPH_BASE_URL", patience=3.0)


def skip_reason(settings: Settings) -> str | None:
    """Return why the CSV is not asked, or None."""
    if settings.fred_api_key is not None:
        return "CFW_FRED_API_KEY is set, so fred reads the series, with their vintages"
    return None


def extract(run: Extraction) -> Iterator[Chunk]:
    """Yield the observations of every series of the settings."""
    yield from run.each(run.settings.fred_series, lambda series: _series(run, series))


def backfill_items(run: Extraction) -> list[str]:
    """Return the series of the settings; none where FRED itself is read."""
    return [] if skip_reason(run.settings) else list(run.settings.fred_series)


def backfill_requests(item: str, first: datetime, last: datetime, settings: Settings) -> int:
    """Return the requests for [first, last): one."""
    return 1 if days_within(first, last) else 0


def backfill(run: Extraction, item: str, first: datetime, last: datetime) -> Iterator[Chunk]:
    """Yield the observations dated in [first, last) of a series."""
    if span := days_within(first, min(last, run.clock)):
        parsed, reply = _read(run, item, *span)
        yield from run.landed(MACRO_OBSERVATIONS, parsed, is_sample=reply.is_sample)


def _series(run: Extraction, series: str) -> Iterator[Chunk]:
    cursor = run.state.get(series, {})
    start = (run.settings.start_of_history() - LOOKBACK).date()
    known_from = date.fromisoformat(cursor["from"]) if cursor else start
    first = min(start, known_from)
    if cursor and start >= known_from:
        first = max(known_from, date.fromisoformat(cursor["through"]) - REREAD)
    parsed, reply = _read(run, series, first, run.clock.date())
    yield from run.landed(MACRO_OBSERVATIONS, parsed, is_sample=reply.is_sample)
    if parsed.rows:
        newest = max(row["observation_date"] for row in parsed.rows).isoformat()
        run.state[series] = {
            "from": min(start, known_from).isoformat(),
            "through": max(cursor.get("through", newest), newest),
        }


def _read(run: Extraction, series: str, first: date, last: date) -> tuple[Parsed, Reply]:
    params = {"id": series, "cosd": first.isoformat(), "coed": last.isoformat()}
    reply = run.client.get("fredgraph.csv", params)
    lines = table_in(run.client, reply, series)
    lags = declared_lags()
    lag = lags.get(series, lags["default"])
    return parse_table(lines, series, run.clock, lag), reply


def table_in(client: HttpClient, reply: Reply, series: str) -> list[list[str]]:
    """Return the fields of each line after the header.

    Raises:
        SourceError: the answer is a page of HTML, is empty, or is not the table of the series.
    """
    kind = reply.headers.get("Content-Type", "").lower()
    remedy = "check CFW_FREDGRAPH_BASE_URL and whether the provider blocks this address"
    if "html" in kind or reply.body.lstrip()[:1] == b"<":
        msg = f"fredgraph.csv of {series} answered {reply.status} with an HTML page instead of CSV"
        raise client.error(msg, remedy, status=reply.status, wide=True)
    lines = list(csv.reader(reply.body.decode("utf-8", "replace").splitlines()))
    header = [name.strip().upper() for name in lines[0]] if lines else []
    if len(header) != 2 or header[1] != series.upper():
        msg = f"fredgraph.csv of {series} answered {reply.status} without a table of the series"
        raise client.error(msg, remedy, status=reply.status, wide=True)
    return [line for line in lines[1:] if line]


def parse_table(lines: list[list[str]], series: str, clock: datetime, lag: timedelta) -> Parsed:
    """Return the observations of a table, oldest first, and what is refused."""
    return parse_page(
        MACRO_OBSERVATIONS,
        partial(_observation, series=series, clock=clock, lag=lag),
        lines,
        label=lambda line: {"series_id": series, "line": line},
        order=("observation_date",),
    )


def _observation(line: list[str], series: str, clock: datetime, lag: timedelta) -> Row | None:
    if len(line) != 2:
        refuse(f"the line has {len(line)} fields instead of 2")
    day = iso_date(line[0], "date")
    if day > clock.date():
        refuse("date lies in the future")
    if line[1].strip() in MISSING:
        return None
    return lagged_row(PROVIDER, series, day, number(line[1], "value", as_text=True), lag, clock)
