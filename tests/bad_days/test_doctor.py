"""What the doctor finds: every wrong id with the likely right one, and what else is wrong."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from ingestion import catalogues
from ingestion.assets import read_assets
from ingestion.doctor import check_ids
from ingestion.gate import HostGate
from ingestion.http import HttpClient, Provider
from ingestion.limits import HostLedger
from tests.support.days import SEED, Days

GOOD: dict[str, Any] = {"user_agent": "tester (someone@example.com)"}


def found(days: Days, *levels: str, **changes: Any) -> dict[tuple[str, str], str]:
    """Return the messages of the findings of some levels by provider and subject."""
    findings = check_ids(days.settings(**GOOD, **changes))
    assert all("\n" not in finding.message for finding in findings)
    return {(f.provider, f.subject): f.message for f in findings if f.level in levels}


def test_all_assets_of_the_seed_are_in_order(days: Days) -> None:
    findings = check_ids(days.settings(**GOOD, CFW_SYMBOLS=""))
    assert [f for f in findings if f.level == "error"] == []
    symbols = {asset.symbol for asset in read_assets(SEED)}
    assert len(symbols) == 124
    checked = Counter(f.provider for f in findings if f.subject in symbols)
    assert all(checked[name] == 124 for name in ("coinbase", "coingecko", "coinmetrics"))
    streams = {asset.stocktwits_id for asset in read_assets(SEED)} - {None}
    assert {f.subject for f in findings if f.provider == "stocktwits"} == streams


def test_every_wrong_id_is_named_with_the_likely_right_one(days: Days, tmp_path: Path) -> None:
    wrong = tmp_path / "assets.csv"
    rows = SEED.read_text(encoding="utf-8")
    rows = rows.replace("BTC-USD,bitcoin,btc,BTC.X", "btc-usd,bitcoin,Btc,BTCX")
    rows = rows.replace("ETH-USD,ethereum,eth,ETH.X", "ETH-EUR,ethereum-classic-2,eht,ETH.X")
    wrong.write_text(rows, encoding="utf-8")
    errors = found(
        days, "error", assets_file=wrong, CFW_FRED_SERIES="UNRATE,CPIAUCLS,NOTHINGLIKEIT"
    )
    assert errors == {
        ("coinbase", "BTC"): "coinbase_id btc-usd does not exist; set coinbase_id to BTC-USD",
        ("coinmetrics", "BTC"): "coinmetrics_id Btc does not exist; set coinmetrics_id to btc",
        ("stocktwits", "BTCX"): "stream BTCX does not exist; set stocktwits_id to BTC.X",
        ("coinbase", "ETH"): "coinbase_id ETH-EUR does not exist; set coinbase_id to ETH-USD",
        (
            "coingecko",
            "ETH",
        ): "coingecko_id ethereum-classic-2 does not exist; set coingecko_id to ethereum",
        ("coinmetrics", "ETH"): "coinmetrics_id eht does not exist; set coinmetrics_id to eth",
        (
            "fred",
            "CPIAUCLS",
        ): "series CPIAUCLS does not exist; set it to CPIAUCSL in CFW_FRED_SERIES",
        (
            "fred",
            "NOTHINGLIKEIT",
        ): "series NOTHINGLIKEIT does not exist; take it out in CFW_FRED_SERIES",
    }


def test_a_wrong_key_is_told_once(days: Days) -> None:
    errors = found(days, "error", CFW_FRED_API_KEY="0" * 32, CFW_FRED_SERIES="UNRATE,CPIAUCSL")
    assert list(errors) == [("fred", "UNRATE")]
    assert "api_key is not registered" in errors["fred", "UNRATE"]
    assert "0" * 32 not in errors["fred", "UNRATE"]


def test_a_missing_key_and_a_missing_contact_are_warnings(days: Days) -> None:
    settings = days.settings(CFW_FRED_API_KEY=None)
    warnings = {(f.provider, f.subject) for f in check_ids(settings) if f.level == "warning"}
    assert warnings == {("fred", "key"), ("this machine", "user agent")}


@pytest.mark.parametrize(("hours", "sign"), [(1.0, "-"), (-1.0, "+")])
def test_a_clock_an_hour_off_is_an_error(hours: float, sign: str, days: Days) -> None:
    days.sandbox.faults.add("/coinbase", "skew", None, hours=hours)
    errors = found(days, "error", now=None)
    assert list(errors) == [("coinbase", "clock")]
    told = re.search(r"this machine is ([+-])(\d+) s off", errors["coinbase", "clock"])
    assert told is not None
    assert told[1] == sign
    assert 3590 < int(told[2]) < 3610
    assert "synchronise it (NTP)" in errors["coinbase", "clock"]


def test_a_host_that_is_left_alone_is_named(days: Days) -> None:
    settings = days.settings()
    ledger = HostLedger(settings.data_dir)
    HostGate(ledger, "api.example.com", 1.0).hold(3600.0, "answered 418")
    ledger.close()
    warnings = found(days, "warning")
    assert list(warnings) == [("api.example.com", "pause")]
    assert "is left alone until" in warnings["api.example.com", "pause"]
    assert "answered 418" in warnings["api.example.com", "pause"]


def test_a_folder_that_cannot_be_written_is_an_error(days: Days, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("", encoding="utf-8")
    (finding,) = check_ids(days.settings(**GOOD, data_dir=blocked / "data"))[:1]
    assert (finding.level, finding.subject) == ("error", "CFW_DATA_DIR")
    assert "make it writable" in finding.message


def test_the_catalogues_of_binance_and_kraken(days: Days) -> None:
    """Their modules bring the addresses; what their catalogues say is read here."""
    (btc,) = (asset for asset in read_assets(SEED) if asset.symbol == "BTC")
    symbols = [
        {"symbol": "BTCUSDT", "status": "TRADING", "baseAsset": "BTC", "quoteAsset": "USDT"},
        {"symbol": "BTCEUR", "status": "TRADING", "baseAsset": "BTC", "quoteAsset": "EUR"},
        {"symbol": "XMRUSDT", "status": "BREAK", "baseAsset": "XMR", "quoteAsset": "USDT"},
    ]
    pairs = {
        "XXBTZUSD": {"altname": "XBTUSD", "wsname": "XBT/USD", "status": "online"},
        "XXBTZEUR": {"altname": "XBTEUR", "wsname": "XBT/EUR", "status": "online"},
        "GONE": {"altname": "GONEUSD", "wsname": "GONE/USD", "status": "cancel_only"},
    }
    bodies = (
        ("binance", catalogues.binance, {"symbols": symbols}, "BTCUSDT", {"XMRUSDT"}),
        ("kraken", catalogues.kraken, {"error": [], "result": pairs}, "XBTUSD", {"GONEUSD"}),
    )
    for name, read, body, right, gone in bodies:
        days.sandbox.faults.add(f"/{name}", "status", None, status=200, body=body)
        client = HttpClient(
            days.settings(), Provider(name, f"{days.sandbox.base_url}/{name}", 1.0, "X")
        )
        entries, _ = read(client)
        client.close()
        assert catalogues.likely(btc, entries) == [right]
        assert {entry.id for entry in entries if not entry.is_active} == gone
