"""Folders: any subset of the layout loads, and the real one in seconds."""

from __future__ import annotations

import gzip
import os
import time
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from ingestion.sandbox import load_folder
from ingestion.sandbox.catalogue import build_catalogue
from ingestion.sandbox.onchain_rows import current_values

REAL = Path(os.environ.get("CFW_TEST_DATA", Path(__file__).parents[3] / "shared" / "data"))


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(text.encode()))


def test_a_folder_with_bars_alone(tmp_path: Path) -> None:
    write(
        tmp_path / "ohlcv_1h" / "ABCUSDT.csv.gz",
        "open_time,open,high,low,close,volume\n"
        "2024-01-01T00:00:00Z,1,2,0.5,1.5,10\n2024-01-01T02:00:00Z,1.5,2,1,1.1,0.1\n",
    )
    data = load_folder(tmp_path)
    assert data.symbols() == ["ABC"]
    assert data.hourly("ABC").close.tolist() == [1.5, 1.1]
    assert data.default_now() == datetime(2024, 1, 1, 3, 1, tzinfo=UTC)
    assert not data.is_sample


def test_what_is_not_a_data_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="holds nothing to serve"):
        load_folder(tmp_path)
    with pytest.raises(FileNotFoundError, match="is not a folder"):
        load_folder(tmp_path / "absent")


def test_onchain_is_filled_and_restated(tmp_path: Path) -> None:
    daily = tmp_path / "onchain_daily"
    write(daily / "cm2020_bnb.csv.gz", "time,TxCnt\n2019-04-17,1.0\n2019-04-18,2.0\n")
    write(daily / "cm2020_bnb_mainnet.csv.gz", "time,TxCnt\n2019-04-17,8.0\n2019-04-18,9.0\n")
    write(daily / "cm2020_btc.csv.gz", "time,TxCnt\n2020-01-01,5.0\n")
    write(
        daily / "cm2026_btc.csv.gz",
        "time,asset,TxCnt,HashRate,FearGreedValue\n"
        "2020-01-01,btc,6.0,7.0,30.0\n2020-01-02,btc,6.0,,31.0\n",
    )
    write(
        tmp_path / "onchain_vintages" / "v.csv.gz",
        "asset,metric,date,value,known_at,kind\n"
        "btc,TxCnt,2019-12-31,1,2020-01-01T09:00:00Z,first\n"
        "btc,TxCnt,2020-01-01,4,2020-01-02T15:00:00Z,first\n"
        "btc,TxCnt,2020-01-01,5,2020-02-01T00:00:00Z,revised\n",
    )
    data = load_folder(tmp_path)
    assert sorted(data.onchain) == ["bnb", "bnb_mainnet", "btc"]
    assert [v.value for v in data.onchain["bnb"]["TxCnt"]] == ["1", "2"]
    assert [v.value for v in data.onchain["bnb_mainnet"]["TxCnt"]] == ["8", "9"]
    listed = build_catalogue(data)
    assert listed.by_coinmetrics["bnb_mainnet"].coinbase_id is None
    assert [v.value for v in data.onchain["btc"]["HashRate"]] == ["7"]
    counts = data.onchain["btc"]["TxCnt"]
    day = date(2020, 1, 1)
    january = current_values(counts, datetime(2020, 1, 20, tzinfo=UTC))
    assert january[day].value == "4"
    assert january[date(2020, 1, 2)].value == "6"
    assert current_values(counts, datetime(2020, 3, 1, tzinfo=UTC))[day].value == "5"
    assert [d.value for d in data.fear_greed] == [30, 31]


@pytest.mark.real_data
@pytest.mark.skipif(not REAL.is_dir(), reason=f"no real data at {REAL}: set CFW_TEST_DATA")
def test_the_real_folder_loads_in_seconds() -> None:
    start = time.monotonic()
    data = load_folder(REAL)
    assert time.monotonic() - start < 20
    assert len(data.symbols()) == 12
    assert sum(len(data.hourly(s)) for s in data.symbols()) == 325_281
    assert data.default_now() == datetime(2022, 6, 1, 0, 1, tzinfo=UTC)
    assert set(data.feeds()) == {"coindesk", "cointelegraph", "cryptonews", "cryptopotato"}
    assert len(data.articles) == 6_310
    assert len(data.posts) == 2_770
    assert len(data.macro) == 32
    assert {"btc", "eth", "bnb"} <= set(data.onchain)
    days = {v.day for name in ("bnb", "bnb_mainnet") for v in data.onchain[name]["TxCnt"]}
    assert len(days) == 912
    revised = [v for v in data.onchain["ltc"]["NVTAdj"] if v.known_at and v.known_at.month == 2]
    assert len(revised) >= 30
