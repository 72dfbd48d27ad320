"""Binance's public archive: zips of bars by month and by day, each with its checksum.

A day's file appears on the next day, a month's on the first Monday after it. Times are in
milliseconds, from 2025 on in microseconds; there is no header line. But for that, a line says what
the kline of the REST service says. The same data gives the same bytes. What is not there is a 404
with the store's XML.
"""

from __future__ import annotations

import hashlib
import io
import re
import zipfile
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import numpy as np
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ingestion.sandbox.binance import rows_of
from ingestion.sandbox.candles import bars_of, flow
from ingestion.sandbox.model import HOUR, Bars
from ingestion.sandbox.sample_minutes import FIVE_MINUTES, Flow
from ingestion.sandbox.state import SandboxState, now_of, state_of

QUOTE = "USDT"
INTERVALS = {"5m": FIVE_MINUTES, "1h": HOUR}
#: A day's file is there this long after the day ends.
DAILY_LAG = timedelta(hours=3)
MICROSECONDS_FROM = datetime(2025, 1, 1, tzinfo=UTC)
_NOT_FOUND = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>NoSuchKey</Code>'
    "<Message>The specified key does not exist.</Message></Error>"
)
_STEM = re.compile(r"(?P<pair>[A-Z0-9]+)-(?P<spelled>5m|1h)-(?P<period>\d{4}-\d\d(-\d\d)?)")
_REUPLOADED = "binance_archive.reuploaded"


class Wanted(NamedTuple):
    """The file of a request."""

    symbol: str
    seconds: int
    first: datetime
    last: datetime
    published: datetime


async def file(request: Request) -> Response:
    """GET /data/spot/{period}/klines/{pair}/{interval}/{name}: a zip or its checksum."""
    names = request.path_params
    name = names["name"]
    stem = name.removesuffix(".CHECKSUM").removesuffix(".zip")
    is_monthly = names["period"] == "monthly"
    wanted = parse(stem, is_monthly=is_monthly)
    if wanted is None or not stem.startswith(f"{names['pair']}-{names['interval']}-"):
        return _not_found()
    body = zip_of(state_of(request), stem, wanted, now_of(request))
    if body is None or name not in (f"{stem}.zip", f"{stem}.zip.CHECKSUM"):
        return _not_found()
    if name.endswith(".CHECKSUM"):
        line = f"{hashlib.sha256(body).hexdigest()}  {stem}.zip\n"
        return Response(line, media_type="binary/octet-stream")
    return Response(body, media_type="application/zip")


def reupload(state: SandboxState, stem: str) -> None:
    """Serve a file from now on with another volume in its last bar, as after a correction."""
    state.cache.setdefault(_REUPLOADED, set()).add(stem)


def parse(stem: str, *, is_monthly: bool) -> Wanted | None:
    """Return what a file's name means, or None if it is no name of a file."""
    match = _STEM.fullmatch(stem)
    if match is None or is_monthly == bool(match[4]) or not match["pair"].endswith(QUOTE):
        return None
    try:
        day = match["period"] + ("-01" if is_monthly else "")
        first = datetime.fromisoformat(day).replace(tzinfo=UTC)
    except ValueError:
        return None
    last, published = first + timedelta(days=1), first + timedelta(days=1) + DAILY_LAG
    if is_monthly:
        last = (first + timedelta(days=32)).replace(day=1)
        published = last + timedelta(days=(7 - last.weekday()) % 7) + DAILY_LAG
    symbol = match["pair"].removesuffix(QUOTE)
    return Wanted(symbol, INTERVALS[match["spelled"]], first, last, published)


def zip_of(state: SandboxState, stem: str, wanted: Wanted, now: datetime) -> bytes | None:
    """Return a file's bytes, or None if there is no such file by now."""
    moment = int(now.timestamp())
    bars = bars_of(state, wanted.symbol, wanted.seconds, moment)
    if bars is None or wanted.published > now:
        return None
    is_reuploaded = stem in state.cache.get(_REUPLOADED, ())
    key = f"binance_archive.{stem}.{is_reuploaded}"
    if key not in state.cache:
        first, last = int(wanted.first.timestamp()), int(wanted.last.timestamp())
        inside = slice(*np.searchsorted(bars.open_time, [first, last]).tolist())
        part = bars.select(inside)
        if is_reuploaded and len(part):
            part = part.corrected(int(part.open_time[-1]), volume=float(part.volume[-1]) + 1.0)
        found = flow(state, wanted.symbol, part, wanted.seconds, moment)
        text = csv_of(part, found, wanted.seconds)
        state.cache[key] = zipped(stem, text) if len(part) else None
    body: bytes | None = state.cache[key]
    return body


def csv_of(bars: Bars, found: Flow | None, seconds: int) -> bytes:
    """Return bars as the archive writes them, without a header line.

    Where turnover and trades are unknown, as those of real bars are, their fields are empty.
    """
    lines = []
    for row in rows_of(bars, found, seconds):
        if row[0] >= MICROSECONDS_FROM.timestamp() * 1000:
            row[0], row[6] = row[0] * 1000, (row[6] + 1) * 1000 - 1
        lines.append(",".join("" if value is None else str(value) for value in row))
    return "".join(f"{line}\n" for line in lines).encode()


def zipped(stem: str, text: bytes) -> bytes:
    """Return a zip of one CSV; the same text gives the same bytes."""
    sink = io.BytesIO()
    member = zipfile.ZipInfo(f"{stem}.csv", date_time=(1980, 1, 1, 0, 0, 0))
    member.compress_type = zipfile.ZIP_DEFLATED
    with zipfile.ZipFile(sink, "w") as archive:
        archive.writestr(member, text)
    return sink.getvalue()


def _not_found() -> Response:
    return Response(_NOT_FOUND, status_code=404, media_type="application/xml")


ROUTES = [Route("/data/spot/{period}/klines/{pair}/{interval}/{name}", file)]
