"""Binance's public archive: months and days of bars as zips with checksums.

The checksum file is asked for first: it is small, its absence says that there is no file, and it
tells a replaced file from the one that was read. A local folder with files of the same names
takes the place of the network.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from ingestion.backfill.intervals import DAY, Interval, midnight, next_month
from ingestion.backfill.ledger import Entry
from ingestion.backfill.outcome import ArrowChunk, NotThereError, Piece, SourceFile
from ingestion.config import Settings
from ingestion.errors import SourceError
from ingestion.extraction import Extraction
from ingestion.http import Provider
from ingestion.prices.binance_csv import MAX_ZIP_BYTES, ArchiveFault, read_bars, unzip
from ingestion.prices.binance_files import SPELLED, ArchiveFile, Part, parts
from ingestion.tables import PRICE_BARS

NAME = "binance-archive"
#: What a file holds at most; chunks are cut at months and days instead.
BACKFILL_SPAN = timedelta(days=31)
_REQUESTS_PER_FILE = 2
_CHECKSUM_LINE = re.compile(r"([0-9a-f]{64})\s+\*?(\S+)\s*")


class _Content(NamedTuple):
    """A file as it was found; ``is_verified`` where a checksum file vouched for it."""

    body: bytes
    checksum: str
    is_sample: bool
    is_verified: bool


def provider(settings: Settings) -> Provider:
    """Return how the archive is asked: files of a store without a published limit."""
    base = settings.binance_archive_base_url.rstrip("/")
    return Provider(NAME, base, 10.0, "BINANCE_ARCHIVE_BASE_URL")


def backfill_items(run: Extraction) -> list[str]:
    """Return ``BTC@5`` and ``BTC@60`` for every asset that Binance lists."""
    listed = [asset.symbol for asset in run.assets if asset.binance_id]
    return [f"{symbol}@{minutes}" for minutes in SPELLED for symbol in listed]


def backfill_chunks(settings: Settings, item: str, interval: Interval) -> Iterator[Interval]:
    """Yield what of an interval lies in each file."""
    for part in _parts(settings, item, interval, settings.clock()):
        yield part.wanted


def backfill_requests(item: str, first: datetime, last: datetime, settings: Settings) -> int:
    """Return two per file, the checksum and the zip; none where a local folder is read."""
    if settings.binance_archive_dir is not None:
        return 0
    files = len(_parts(settings, item, Interval(first, last), settings.clock()))
    return _REQUESTS_PER_FILE * files


def backfill(run: Extraction, item: str, first: datetime, last: datetime) -> Iterator[Piece]:
    """Yield the bars that open in [first, last), file by file.

    Raises:
        NotThereError: there is no file.
        SourceError: a file cannot be had, or is not what it should be.
    """
    for file, wanted in _parts(run.settings, item, Interval(first, last), run.clock):
        found = _content(run, file)
        try:
            text = unzip(found.body, file.stem)
        except ArchiveFault as fault:
            raise run.client.error(str(fault), "run it again later") from None
        bars, refused = read_bars(text, file, wanted, is_sample=found.is_sample)
        yield ArrowChunk(PRICE_BARS, bars)
        yield from run.refused(refused, is_sample=found.is_sample)
        if not found.is_verified:
            run.notes.append(f"{file.stem}.zip has no .CHECKSUM beside it and was not verified")
        yield SourceFile(f"{file.stem}.zip", found.checksum)


def backfill_changed(run: Extraction, entry: Entry) -> bool:
    """Return whether the file that an interval came from has another checksum now.

    A file that is not there any more says nothing, so it is taken as unchanged.
    """
    file = _file_of(entry)
    try:
        return _current(run, file) != entry.checksum
    except NotThereError:
        return False


def _file_of(entry: Entry) -> ArchiveFile:
    """Return the file that an entry names: of its day, or of its month."""
    symbol, _, minutes = entry.item.partition("@")
    day = midnight(entry.interval.first)
    daily = ArchiveFile(symbol, int(minutes), False, Interval(day, day + DAY))
    if entry.source_file == f"{daily.stem}.zip":
        return daily
    month = day.replace(day=1)
    return ArchiveFile(symbol, int(minutes), True, Interval(month, next_month(month)))


def _current(run: Extraction, file: ArchiveFile) -> str | None:
    """Return a file's checksum as of now, as cheaply as it can be had."""
    folder = run.settings.binance_archive_dir
    path = file.find(folder) if folder else None
    if path is None:
        return _checksum(run, file)
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _parts(settings: Settings, item: str, interval: Interval, clock: datetime) -> list[Part]:
    symbol, _, minutes = item.partition("@")
    folder = settings.binance_archive_dir
    return list(parts(symbol, int(minutes), interval, clock, folder))


def _content(run: Extraction, file: ArchiveFile) -> _Content:
    """Return a file whose checksum is right; a file replaced between two requests is read anew."""
    if run.settings.binance_archive_dir is not None:
        return _local(run, file, run.settings.binance_archive_dir)
    for _ in range(2):
        checksum = _checksum(run, file)
        reply = run.client.get(file.path, accept=(200, 404))
        if reply.status == 404:
            raise _not_there(file, "answered 404 though its checksum is there")
        found = hashlib.sha256(reply.body).hexdigest()
        if found == checksum:
            return _Content(reply.body, found, reply.is_sample, True)
    raise _mismatch(run, file, found, str(checksum))


def _local(run: Extraction, file: ArchiveFile, folder: Path) -> _Content:
    path = file.find(folder)
    if path is None:
        raise _not_there(file, "is not in the folder")
    checksum = _checksum(run, file)
    if path.stat().st_size > MAX_ZIP_BYTES:
        msg = f"{path} is above the limit of {MAX_ZIP_BYTES:,} bytes"
        raise run.client.error(msg, "fetch the file anew")
    body = path.read_bytes()
    found = hashlib.sha256(body).hexdigest()
    if checksum is not None and found != checksum:
        raise _mismatch(run, file, found, checksum)
    return _Content(body, found, False, checksum is not None)


def _checksum(run: Extraction, file: ArchiveFile) -> str | None:
    """Return what the checksum file says; None where a local folder has none.

    Raises:
        NotThereError: there is no such file.
        SourceError: it says nothing about this file.
    """
    folder = run.settings.binance_archive_dir
    if folder is None:
        reply = run.client.get(f"{file.path}.CHECKSUM", accept=(200, 404))
        if reply.status == 404:
            raise _not_there(file, "answered 404")
        text = reply.body[:1000].decode("utf-8", "replace")
    else:
        path = file.find(folder)
        if path is None:
            raise _not_there(file, "is not in the folder")
        beside = path.with_name(f"{path.name}.CHECKSUM")
        if not beside.is_file():
            return None
        text = beside.read_text(encoding="utf-8", errors="replace")[:1000]
    match = _CHECKSUM_LINE.fullmatch(text.strip())
    if match is None or match[2] != f"{file.stem}.zip":
        msg = f"{file.stem}.zip.CHECKSUM holds {text[:80]!r} instead of a checksum of the file"
        raise run.client.error(msg, "run it again later")
    return match[1]


def _not_there(file: ArchiveFile, what: str) -> NotThereError:
    remedy = "run it again later, or read the interval from another provider"
    return NotThereError(NAME, f"{file.stem}.zip {what}", remedy, status=404)


def _mismatch(run: Extraction, file: ArchiveFile, found: str, promised: str) -> SourceError:
    what = f"{file.stem}.zip has the sha256 {found[:12]}.., its .CHECKSUM says {promised[:12]}.."
    return run.client.error(what, "run it again later, or fetch the file anew")
