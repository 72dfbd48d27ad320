"""From a zip of Binance's archive to bars.

Wire facts: one CSV of the zip's stem, twelve columns, with a header line or without; times in
milliseconds, or in microseconds in files of spot bars from 2025 on. What a file says is told by
its content, never by its date. A file without a fault is checked as columns; one with any fault
is read again row by row, so that each bad row is named.
"""

from __future__ import annotations

import csv
import io
import zipfile
import zlib
from datetime import UTC, datetime, timedelta
from functools import partial

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from ingestion.backfill.intervals import Interval
from ingestion.prices.binance_files import QUOTE, ArchiveFile
from ingestion.rejections import Rejection, parse_page
from ingestion.tables import PRICE_BARS, Row
from ingestion.validate import check_bar, count, number, optional_number, refuse, to_float

PROVIDER = "binance"
#: A month of one-minute bars takes about 6 MB, and 3 MB as a zip.
MAX_ZIP_BYTES = 32 * 2**20
MAX_CSV_BYTES = 64 * 2**20
#: Times from here on are microseconds: in milliseconds it would be the year 33658.
MICROSECONDS_FROM = 10**15
_EARLIEST_MS = 10**11

_COLUMNS = (
    *("open_time", "open", "high", "low", "close", "volume", "close_time", "quote_volume"),
    *("count", "taker_buy_volume", "taker_buy_quote_volume", "ignore"),
)
_PRICES = ("open", "high", "low", "close")
_DOUBLES = (*_PRICES, "volume", "quote_volume")
#: What may be empty: then it is unknown.
_OPTIONAL = frozenset({"quote_volume", "count"})
_TYPES = {
    "open_time": pa.int64(),
    **{name: pa.float64() for name in _DOUBLES},
    "count": pa.int64(),
}
_SCHEMA: pa.Schema = pa.schema(
    [field for field in PRICE_BARS.arrow_schema or () if field.name != "loaded_at"]
)


class ArchiveFault(ValueError):
    """The zip is not what it should be; the text says how."""


def unzip(content: bytes, stem: str) -> bytes:
    """Return the one CSV of a zip.

    Raises:
        ArchiveFault: it is no zip, holds something else, or is larger than bars can be.
    """
    if len(content) > MAX_ZIP_BYTES:
        msg = f"{stem}.zip holds {len(content):,} bytes, above the limit of {MAX_ZIP_BYTES:,}"
        raise ArchiveFault(msg)
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            names = archive.namelist()
            if names != [f"{stem}.csv"]:
                msg = f"{stem}.zip holds {', '.join(names[:3]) or 'nothing'}, not {stem}.csv alone"
                raise ArchiveFault(msg)
            with archive.open(names[0]) as member:
                # What is really read decides; a bomb's directory may say anything.
                text = member.read(MAX_CSV_BYTES + 1)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        msg = f"{stem}.zip cannot be unpacked ({error})"
        raise ArchiveFault(msg) from None
    if len(text) > MAX_CSV_BYTES:
        msg = f"{stem}.zip unpacks to more than the limit of {MAX_CSV_BYTES:,} bytes"
        raise ArchiveFault(msg)
    return text


def read_bars(
    text: bytes, file: ArchiveFile, wanted: Interval, *, is_sample: bool
) -> tuple[pa.Table, list[Rejection]]:
    """Return the bars that open in ``wanted``, and what of the whole file is refused.

    Args:
        text: the CSV.
        file: names the pair, the bars' length and the period that the rows must lie in.
        wanted: which bars are returned.
        is_sample: marks the rows.
    """
    has_header = text[:9].lower() == b"open_time"
    columns = _columns(text, has_header)
    refused: list[Rejection] = []
    if columns is None or not _is_sound(columns, file):
        columns, refused = _by_row(text, file, has_header)
    return _table(columns, file, wanted, is_sample), refused


def _columns(text: bytes, has_header: bool) -> pa.Table | None:
    """Return the typed columns with the time in microseconds, or None if a value does not fit."""
    try:
        table = pa_csv.read_csv(
            pa.BufferReader(text),
            pa_csv.ReadOptions(column_names=_COLUMNS, skip_rows=int(has_header), use_threads=False),
            convert_options=pa_csv.ConvertOptions(
                column_types=_TYPES, include_columns=list(_TYPES), null_values=[""]
            ),
        )
    except pa.ArrowInvalid:
        return None
    time = table["open_time"]
    if any(table[name].null_count for name in _TYPES if name not in _OPTIONAL):
        return None
    if table.num_rows == 0 or pc.min(time).as_py() < _EARLIEST_MS:
        return None
    in_ms = pc.less(time, MICROSECONDS_FROM)
    return table.set_column(0, "open_time", pc.if_else(in_ms, pc.multiply(time, 1000), time))


def _is_sound(table: pa.Table, file: ArchiveFile) -> bool:
    """Return whether every row meets the rules that ``_bar`` applies to one."""
    time = table["open_time"]
    span = file.bar // timedelta(microseconds=1)
    first, last = (_microseconds(moment) for moment in file.period)
    bounds = pc.min_max(time).as_py()
    if bounds["min"] < first or bounds["max"] >= last:
        return False
    off_grid = pc.not_equal(pc.subtract(time, pc.multiply(pc.divide(time, span), span)), 0)
    low, high = table["low"], table["high"]
    broken = [
        off_grid,
        *(pc.less_equal(table[name], 0.0) for name in _PRICES),
        *(pc.invert(pc.is_finite(table[name])) for name in _DOUBLES),
        pc.less(high, pc.max_element_wise(low, table["open"], table["close"])),
        pc.greater(low, pc.min_element_wise(table["open"], table["close"])),
        *(pc.less(table[name], 0) for name in ("volume", "quote_volume", "count")),
    ]
    if any(pc.any(mask).as_py() for mask in broken):
        return False
    times = time.combine_chunks()
    return not pc.any(pc.less_equal(times[1:], times[:-1])).as_py()


def _by_row(text: bytes, file: ArchiveFile, has_header: bool) -> tuple[pa.Table, list[Rejection]]:
    """Return the good rows as columns, and a rejection for each of the others."""
    rows = list(csv.reader(io.StringIO(text.decode("utf-8", "replace")), strict=False))
    page = parse_page(
        PRICE_BARS,
        partial(_bar, file=file),
        rows[int(has_header) :],
        label=lambda raw: {"file": file.stem, "row": raw},
        order=("bar_open_at",),
    )
    columns = {
        "open_time": [_microseconds(row["bar_open_at"]) for row in page.rows],
        **{name: [row[name] for row in page.rows] for name in _PRICES},
        "volume": [row["volume_base"] for row in page.rows],
        "quote_volume": [row["volume_quote"] for row in page.rows],
        "count": [row["trade_count"] for row in page.rows],
    }
    arrays = [pa.array(columns[name], kind) for name, kind in _TYPES.items()]
    return pa.Table.from_arrays(arrays, names=list(_TYPES)), page.rejections


def _bar(raw: list[str], file: ArchiveFile) -> Row | None:
    """Return the bar of one line, None for an empty one.

    Raises:
        Invalid: the line breaks a rule.
    """
    if not raw:
        return None
    if len(raw) != len(_COLUMNS):
        refuse(f"the line has {len(raw)} fields instead of {len(_COLUMNS)}")
    line = dict(zip(_COLUMNS, raw, strict=True))
    row: Row = {
        "provider": PROVIDER,
        "symbol": file.symbol,
        "interval_minutes": file.minutes,
        "bar_open_at": _opened(line["open_time"], file),
        **{name: number(line[name], name, as_text=True) for name in _PRICES},
        "volume_base": number(line["volume"], "volume", as_text=True),
        "volume_quote": optional_number(line["quote_volume"] or None, "quote_volume", as_text=True),
        "trade_count": count(to_float(line["count"], "count"), "count") if line["count"] else None,
        "quote_currency": QUOTE,
    }
    check_bar(row)
    if (row["volume_quote"] or 0) < 0:
        refuse("quote_volume is negative")
    return row


def _opened(text: str, file: ArchiveFile) -> datetime:
    if not (text.isascii() and text.isdecimal() and len(text) <= 18):
        refuse("open_time is not a whole number")
    time = int(text)
    if time < MICROSECONDS_FROM:
        time *= 1000
    if time < _EARLIEST_MS * 1000 or time % (file.bar // timedelta(microseconds=1)):
        refuse(f"open_time is not on the grid of {file.minutes} minutes")
    if not _microseconds(file.period.first) <= time < _microseconds(file.period.last):
        refuse("open_time lies outside the period of its file")
    return datetime.fromtimestamp(time // 1_000_000, UTC)


def _table(columns: pa.Table, file: ArchiveFile, wanted: Interval, is_sample: bool) -> pa.Table:
    first, last = (_microseconds(moment) for moment in wanted)
    time = columns["open_time"]
    mask = pc.and_(pc.greater_equal(time, first), pc.less(time, last))
    columns = columns.filter(mask)
    opened = columns["open_time"]
    span = file.bar // timedelta(microseconds=1)
    stamp = pa.timestamp("us", "UTC")
    values = {
        "provider": PROVIDER,
        "symbol": file.symbol,
        "interval_minutes": file.minutes,
        "bar_open_at": opened.cast(stamp),
        **{name: columns[name] for name in _PRICES},
        "volume_base": columns["volume"],
        "volume_quote": columns["quote_volume"],
        "trade_count": columns["count"],
        "quote_currency": QUOTE,
        "available_at": pc.add(opened, span).cast(stamp),
        "is_sample": is_sample,
    }
    arrays = []
    for field in _SCHEMA:
        value = values[field.name]
        if isinstance(value, str | int):
            value = pa.repeat(pa.scalar(value, field.type), columns.num_rows)
        arrays.append(value)
    return pa.Table.from_arrays(arrays, schema=_SCHEMA)


def _microseconds(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
