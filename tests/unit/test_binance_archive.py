"""The archive's files: names, zips, and lines good and bad."""

from __future__ import annotations

import io
import json
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestion.backfill.intervals import Interval
from ingestion.prices import binance_csv
from ingestion.prices.binance_csv import ArchiveFault, read_bars, unzip
from ingestion.prices.binance_files import ArchiveFile, parts, published
from ingestion.sandbox.binance_archive import zipped

DAY = Interval(datetime(2024, 6, 1, tzinfo=UTC), datetime(2024, 6, 2, tzinfo=UTC))
FILE = ArchiveFile("BTC", 60, False, DAY)
HEADER = (
    b"open_time,open,high,low,close,volume,close_time,quote_volume,count,"
    b"taker_buy_volume,taker_buy_quote_volume,ignore\n"
)


def line(hour: int, *, unit: int = 1000, **changes: Any) -> str:
    """One line of a file of 2024-06-01."""
    time = int(DAY.first.timestamp()) + hour * 3600
    fields = {
        "open_time": time * unit,
        "open": "10.5",
        "high": "12.25",
        "low": "9.125",
        "close": "11.0",
        "volume": "3.5",
        "close_time": (time + 3600) * unit - 1,
        "quote_volume": "37.625",
        "count": 7,
        "taker_buy_volume": "1.0",
        "taker_buy_quote_volume": "10.0",
        "ignore": 0,
        **changes,
    }
    return ",".join(str(value) for value in fields.values())


def read(text: str | bytes, wanted: Interval = DAY) -> tuple[list[dict[str, Any]], list[str]]:
    content = text.encode() if isinstance(text, str) else text
    bars, refused = read_bars(content, FILE, wanted, is_sample=True)
    return bars.to_pylist(), [rejection.reason for rejection in refused]


def test_a_line_becomes_a_bar() -> None:
    rows, refused = read("\n".join([line(0), line(1)]) + "\n")
    assert refused == []
    assert rows[1] == {
        "provider": "binance",
        "symbol": "BTC",
        "interval_minutes": 60,
        "bar_open_at": DAY.first + timedelta(hours=1),
        "open": 10.5,
        "high": 12.25,
        "low": 9.125,
        "close": 11.0,
        "volume_base": 3.5,
        "volume_quote": 37.625,
        "trade_count": 7,
        "quote_currency": "USDT",
        "available_at": DAY.first + timedelta(hours=2),
        "is_sample": True,
    }


def test_header_or_none_milliseconds_or_microseconds_are_one() -> None:
    plain = "\n".join(line(hour) for hour in range(24)).encode()
    micro = "\n".join(line(hour, unit=1_000_000) for hour in range(24)).encode()
    mixed = "\n".join(line(hour, unit=10 ** (3 + hour % 2 * 3)) for hour in range(24)).encode()
    expected = read(plain)
    assert len(expected[0]) == 24
    for text in (HEADER + plain, micro, HEADER + micro, mixed, plain.replace(b"\n", b"\r\n")):
        assert read(text) == expected


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (line(2, open="abc"), "open is a malformed number"),
        (line(2, high="inf"), "high is not finite"),
        (line(2, close=""), "close is a malformed number"),
        (line(2, low="0"), "low is not above zero"),
        (line(2, high="5"), "high is below low"),
        (line(2, open="20"), "high is below the open or the close"),
        (line(2, close="9"), "low is above the open or the close"),
        (line(2, volume="-1"), "volume is negative"),
        (line(2, quote_volume="-1"), "quote_volume is negative"),
        (line(2, count="1.5"), "count is not a count"),
        (line(2, count="99999999999999999999"), "count is not a count"),
        (line(2, open_time=""), "open_time is not a whole number"),
        (line(2, open_time="-5"), "open_time is not a whole number"),
        (line(2, open_time="12345"), "open_time is not on the grid of 60 minutes"),
        (line(2, open_time=1717203601000), "open_time is not on the grid of 60 minutes"),
        (line(30), "open_time lies outside the period of its file"),
        (line(2) + ",9", "the line has 13 fields instead of 12"),
        ("nonsense", "the line has 1 fields instead of 12"),
        (line(1, close="11.5"), "contradicts an earlier row with the same key on the same page"),
    ],
)
def test_one_bad_line_is_refused_and_the_others_land(bad: str, reason: str) -> None:
    rows, refused = read("\n".join([line(0), line(1), bad, line(3)]))
    assert refused == [reason]
    assert [row["bar_open_at"].hour for row in rows] == [0, 1, 3]


def test_a_rejection_names_file_and_line() -> None:
    _, refused = read_bars(line(2, open="x").encode(), FILE, DAY, is_sample=False)
    payload = json.loads(refused[0].payload)
    assert payload["file"] == "BTCUSDT-1h-2024-06-01"
    assert payload["row"][1] == "x"
    assert refused[0].table == "price_bars"


def test_only_what_is_wanted_is_returned_and_order_does_not_matter() -> None:
    wanted = Interval(DAY.first + timedelta(hours=3), DAY.first + timedelta(hours=5))
    lines = [line(hour) for hour in range(24)]
    rows, refused = read("\n".join(lines), wanted)
    assert [row["bar_open_at"].hour for row in rows] == [3, 4]
    assert refused == []
    assert read("\n".join(lines[::-1])) == read("\n".join(lines))
    assert read("\n".join([*lines, lines[4], ""])) == read("\n".join(lines))


def test_turnover_and_trades_that_are_not_told_are_unknown() -> None:
    lines = [line(0), line(1, quote_volume="", count="")]
    for text in ("\n".join(lines), "\n".join([*lines, "nonsense"])):
        rows, _ = read(text)
        assert [(row["volume_quote"], row["trade_count"]) for row in rows] == [
            (37.625, 7),
            (None, None),
        ]


def test_an_empty_file_has_no_bars() -> None:
    assert read("") == ([], [])
    assert read(HEADER) == ([], [])


prices = st.floats(1e-8, 1e7)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(prices, prices, prices, prices, st.floats(0, 1e12)), max_size=24))
def test_columns_and_rows_are_read_alike(some: list[tuple[float, ...]]) -> None:
    lines = [
        line(
            hour,
            open=repr(o),
            close=repr(c),
            high=repr(max(o, c, x)),
            low=repr(min(o, c, y)),
            volume=repr(v),
        )
        for hour, (o, c, x, y, v) in enumerate(some)
    ]
    fast = read("\n".join(lines))
    assert len(fast[0]) == len(some)
    slow = read("\n".join([*lines, "nonsense"]))
    assert slow[0] == fast[0]
    assert len(slow[1]) == 1


def test_what_is_no_zip_of_its_csv_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    good = zipped(FILE.stem, b"text")
    damaged = bytearray(good)
    damaged[30 + len(f"{FILE.stem}.csv") + 2] ^= 0xFF
    assert unzip(good, FILE.stem) == b"text"
    for content, says in (
        (b"", "cannot be unpacked"),
        (good[: len(good) // 2], "cannot be unpacked"),
        (zipped("other", b"text"), "holds other.csv"),
        (bytes(damaged), "cannot be unpacked"),
    ):
        with pytest.raises(ArchiveFault, match=says):
            unzip(content, FILE.stem)
    two = io.BytesIO(good)
    with zipfile.ZipFile(two, "a") as archive:
        archive.writestr("more.csv", "x")
    with pytest.raises(ArchiveFault, match="alone"):
        unzip(two.getvalue(), FILE.stem)
    bomb = zipped(FILE.stem, bytes(2_000_000))
    assert len(bomb) < 5_000
    monkeypatch.setattr(binance_csv, "MAX_CSV_BYTES", 1_000_000)
    with pytest.raises(ArchiveFault, match="unpacks to more than the limit"):
        unzip(bomb, FILE.stem)
    monkeypatch.setattr(binance_csv, "MAX_ZIP_BYTES", 100)
    with pytest.raises(ArchiveFault, match="above the limit"):
        unzip(bomb, FILE.stem)


def test_the_month_takes_over_on_the_day_after_its_monday() -> None:
    june = datetime(2024, 6, 1, tzinfo=UTC)
    assert published(june) == datetime(2024, 7, 2, tzinfo=UTC)
    assert published(datetime(2024, 8, 1, tzinfo=UTC)) == datetime(2024, 9, 3, tzinfo=UTC)
    wanted = Interval(datetime(2024, 5, 30, tzinfo=UTC), datetime(2024, 6, 3, tzinfo=UTC))
    early = list(parts("BTC", 5, wanted, datetime(2024, 7, 1, 12, tzinfo=UTC), None))
    assert [part.file.stem for part in early] == [
        "BTCUSDT-5m-2024-05",
        "BTCUSDT-5m-2024-06-01",
        "BTCUSDT-5m-2024-06-02",
    ]
    late = list(parts("BTC", 5, wanted, datetime(2024, 7, 2, tzinfo=UTC), None))
    assert [part.file.path for part in late] == [
        "data/spot/monthly/klines/BTCUSDT/5m/BTCUSDT-5m-2024-05.zip",
        "data/spot/monthly/klines/BTCUSDT/5m/BTCUSDT-5m-2024-06.zip",
    ]
    assert [part.wanted for part in late] == [
        Interval(wanted.first, june),
        Interval(june, wanted.last),
    ]


def test_a_folder_decides_by_what_it_holds(tmp_path: Path) -> None:
    wanted = Interval(datetime(2024, 5, 1, tzinfo=UTC), datetime(2024, 7, 1, tzinfo=UTC))
    now = datetime(2025, 1, 1, tzinfo=UTC)

    def stems() -> list[str]:
        return [part.file.stem for part in parts("BTC", 60, wanted, now, tmp_path)]

    assert stems() == ["BTCUSDT-1h-2024-05", "BTCUSDT-1h-2024-06"]
    (tmp_path / "BTCUSDT-1h-2024-05-07.zip").touch()
    assert len(stems()) == 31 + 1
    nested = tmp_path / "data/spot/monthly/klines/BTCUSDT/1h"
    nested.mkdir(parents=True)
    (nested / "BTCUSDT-1h-2024-05.zip").touch()
    assert len(stems()) == 2
