"""The sandbox's copy of Binance's public archive."""

from __future__ import annotations

import hashlib
import io
import zipfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from starlette.testclient import TestClient

from ingestion.sandbox import Bars, SandboxData, create_app, generate_sample
from ingestion.sandbox.binance_archive import reupload

BASE = "/vision/data/spot"
MAY = f"{BASE}/monthly/klines/BTCUSDT/1h/BTCUSDT-1h-2024-05.zip"


@pytest.fixture(scope="module")
def sample() -> SandboxData:
    return generate_sample()


def lines_of(content: bytes) -> list[list[str]]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        (name,) = archive.namelist()
        return [line.split(",") for line in archive.read(name).decode().splitlines()]


def test_a_month_is_a_zip_of_lines_without_a_header(sample: SandboxData) -> None:
    client = TestClient(create_app(sample))
    reply = client.get(MAY)
    assert reply.headers["x-cfw-sample"] == "1"
    checksum = client.get(f"{MAY}.CHECKSUM").text
    assert checksum == f"{hashlib.sha256(reply.content).hexdigest()}  BTCUSDT-1h-2024-05.zip\n"
    lines = lines_of(reply.content)
    assert {len(line) for line in lines} == {12}
    may = int(datetime(2024, 5, 1, tzinfo=UTC).timestamp())
    bars = sample.bars["BTC"][3600]
    inside = [int(time) for time in bars.open_time if may <= time < may + 31 * 86400]
    assert [int(line[0]) for line in lines] == [time * 1000 for time in inside]
    assert all(int(line[6]) == int(line[0]) + 3_600_000 - 1 for line in lines)
    assert TestClient(create_app(generate_sample())).get(MAY).content == reply.content


@pytest.mark.parametrize(("spelled", "seconds"), [("1h", 3600), ("5m", 300)])
@pytest.mark.parametrize("symbol", ["BTC", "DOT"])
def test_files_say_what_the_klines_say(
    symbol: str, spelled: str, seconds: int, sample: SandboxData
) -> None:
    client = TestClient(create_app(sample))
    path = MAY.replace("BTC", symbol).replace("1h", spelled)
    lines = lines_of(client.get(path).content)
    start = int(datetime(2024, 5, 1, tzinfo=UTC).timestamp()) * 1000
    end = start + 31 * 86_400_000 - 1
    rows: list[list[object]] = []
    while start <= end:
        query = {"symbol": f"{symbol}USDT", "interval": spelled, "startTime": start}
        page = client.get(
            "/binance/api/v3/klines", params={**query, "endTime": end, "limit": 1000}
        ).json()
        rows += page
        start = page[-1][0] + seconds * 1000 if len(page) == 1000 else end + 1
    assert lines == [[str(value) for value in row] for row in rows]
    assert len(lines) > 31 * 86_400 / seconds * 0.5


def test_from_2025_on_times_are_microseconds(sample: SandboxData) -> None:
    hourly = sample.bars["BTC"][3600]
    year = 366 * 86400
    later = Bars(hourly.open_time + year, *(getattr(hourly, n) for n in Bars.__match_args__[1:]))
    client = TestClient(create_app(replace(sample, bars={"BTC": {3600: later}})))
    first = lines_of(client.get(MAY.replace("2024", "2025")).content)[0]
    assert first[0] == str(int(datetime(2025, 5, 1, tzinfo=UTC).timestamp()) * 1_000_000)
    assert first[6].endswith("999999")


def test_real_hours_are_neither_split_nor_given_a_turnover(sample: SandboxData) -> None:
    client = TestClient(create_app(replace(sample, is_sample=False)))
    assert client.get(MAY.replace("1h", "5m")).status_code == 404
    assert {tuple(line[7:]) for line in lines_of(client.get(MAY).content)} == {("",) * 4 + ("0",)}


def test_a_file_appears_when_its_time_has_come(sample: SandboxData) -> None:
    app = create_app(sample)
    client = TestClient(app)
    day = f"{BASE}/daily/klines/BTCUSDT/5m/BTCUSDT-5m-2024-05-31.zip"
    for now, statuses in (
        (datetime(2024, 6, 1, 1, tzinfo=UTC), (404, 404)),
        (datetime(2024, 6, 1, 4, tzinfo=UTC), (200, 404)),
        (datetime(2024, 6, 3, 12, tzinfo=UTC), (200, 200)),
    ):
        app.state.sandbox.set_clock(now)
        assert (client.get(day).status_code, client.get(MAY).status_code) == statuses
    assert len(lines_of(client.get(day).content)) > 200  # quiet hours have fewer than twelve


@pytest.mark.parametrize(
    "path",
    [
        MAY.replace("BTC", "NOPE"),
        MAY.replace("2024-05", "2024-01"),
        MAY.replace("2024-05", "2024-13"),
        MAY.replace("monthly", "daily"),
        MAY.replace("/1h/", "/5m/"),
        MAY.replace(".zip", ".csv"),
    ],
)
def test_what_is_not_there_is_a_404_of_the_store(path: str, sample: SandboxData) -> None:
    reply = TestClient(create_app(sample)).get(path)
    assert reply.status_code == 404
    assert "<Code>NoSuchKey</Code>" in reply.text


def test_a_file_uploaded_again_has_another_checksum(sample: SandboxData) -> None:
    app = create_app(sample)
    client = TestClient(app)
    before, old = client.get(f"{MAY}.CHECKSUM").text, lines_of(client.get(MAY).content)
    reupload(app.state.sandbox, "BTCUSDT-1h-2024-05")
    assert client.get(f"{MAY}.CHECKSUM").text != before
    new = lines_of(client.get(MAY).content)
    assert new[:-1] == old[:-1]
    assert float(new[-1][5]) == float(old[-1][5]) + 1
    last = datetime(2024, 6, 1, tzinfo=UTC) - timedelta(hours=1)
    assert new[-1][0] == str(int(last.timestamp()) * 1000)
