"""Every step from the sandbox into a DuckDB file: what lands, twice, and after changes."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from ingestion.config import Settings
from ingestion.destination import Warehouse
from ingestion.doctor import check_ids
from ingestion.errors import SettingsError
from ingestion.sandbox import RunningSandbox, SandboxData
from ingestion.steps import STEPS, run_step

SEED = Path(__file__).parents[2] / "dbt_project" / "seeds" / "assets.csv"
#: What a step needs besides the sandbox's settings.
OWN_SETTINGS: dict[str, dict[str, Any]] = {
    "glassnode": {"CFW_GLASSNODE_API_KEY": "sandbox"},
    "fredgraph": {"CFW_FRED_API_KEY": None},
}


def settings_for(sandbox: RunningSandbox, folder: Path, **changes: Any) -> Settings:
    start = sandbox.state.now - timedelta(days=20)
    values = {
        **sandbox.env(),
        "warehouse_url": f"duckdb:///{folder / 'wh' / 'test.duckdb'}",
        "data_dir": folder / "data",
        "assets_file": SEED,
        "CFW_SYMBOLS": "BTC,ETH",
        "CFW_PRICE_SOURCES": "coinbase,binance,kraken,coingecko",
        "CFW_HISTORY_START": start.isoformat(),
        "http_backoff_seconds": 0.0,
        "http_attempts": 2,
        "stocktwits_max_pages": 3,
        **changes,
    }
    return Settings(_env_file=None, **values)


def raw(settings: Settings, table: str, columns: str = "*", rest: str = "") -> list[dict[str, Any]]:
    warehouse = Warehouse(settings)
    return warehouse.query(f"SELECT {columns} FROM {warehouse.table(table)} {rest}")


def count(settings: Settings, table: str) -> int:
    return int(raw(settings, table, "count(*) AS n")[0]["n"])


@pytest.mark.parametrize("step", list(STEPS))
def test_a_step_lands_rows_once(step: str, sandbox: RunningSandbox, tmp_path: Path) -> None:
    settings = settings_for(sandbox, tmp_path, **OWN_SETTINGS.get(step, {}))
    first = run_step(step, settings)
    assert first.status == "ok"
    assert first.requests > 0
    assert first.rejected == 0
    assert all(rows > 0 for table, rows in first.rows.items() if table != "rejected_rows")
    again = run_step(step, settings)
    assert set(again.rows.values()) == {0}
    for table, rows in first.rows.items():
        stored = raw(settings, table)
        assert len(stored) == rows
        assert all(row["is_sample"] and row["_dlt_load_id"] for row in stored)
        assert {row["loaded_at"] for row in stored} <= {settings.clock()}


def test_bars_are_those_of_the_sandbox(
    sandbox: RunningSandbox, sample: SandboxData, tmp_path: Path
) -> None:
    settings = settings_for(sandbox, tmp_path)
    run_step("coinbase", settings)
    rows = raw(settings, "price_bars", rest="WHERE symbol = 'BTC' ORDER BY bar_open_at")
    start, clock = settings.start_of_history(), settings.clock()
    assert rows[0]["bar_open_at"] >= start
    assert rows[-1]["bar_open_at"] <= clock - timedelta(hours=1)
    assert all(row["available_at"] == row["bar_open_at"] + timedelta(hours=1) for row in rows)
    assert all(row["low"] <= row["open"] <= row["high"] for row in rows)
    assert 0.9 * 480 < len(rows) <= 480


def test_time_goes_on_and_only_what_is_new_lands(sandbox: RunningSandbox, tmp_path: Path) -> None:
    now = sandbox.state.now
    sandbox.set_clock(now - timedelta(days=2))
    early = settings_for(
        sandbox, tmp_path, CFW_HISTORY_START=(now - timedelta(days=20)).isoformat()
    )
    before = {step: run_step(step, early) for step in STEPS}
    sandbox.set_clock(now)
    sandbox.requests.clear()
    late = settings_for(sandbox, tmp_path)
    after = {step: run_step(step, late) for step in STEPS}
    assert 60 < after["coinbase"].rows["price_bars"] <= 2 * 48
    assert sandbox.requests["/coinbase"] == 2
    assert 0 < after["fear_greed"].rows["macro_observations"] <= 3
    assert 0 < after["coinmetrics"].rows["onchain_metrics"] <= 2 * 6 * 4
    assert 0 < after["rss"].rows["articles"] < before["rss"].rows["articles"]
    new = raw(late, "articles", rest="WHERE NOT is_backfilled")
    assert new
    assert all(row["available_at"] == row["first_seen_at"] == late.clock() for row in new)
    fresh = raw(late, "onchain_metrics", rest=f"WHERE loaded_at = TIMESTAMPTZ '{late.clock()}'")
    assert {row["available_at"] for row in fresh} == {late.clock()}


def test_the_newest_bar_corrected_is_a_new_row(
    sandbox: RunningSandbox, sample: SandboxData, tmp_path: Path
) -> None:
    settings = settings_for(sandbox, tmp_path)
    run_step("coinbase", settings)
    before = count(settings, "price_bars")
    hourly = sample.bars["BTC"][3600]
    volume = float(hourly.volume[-1]) + 1.0
    corrected = hourly.corrected(int(hourly.open_time[-1]), volume=volume)
    bars = {**sample.bars, "BTC": {**sample.bars["BTC"], 3600: corrected}}
    sandbox.set_data(replace(sample, bars=bars))
    report = run_step("coinbase", settings)
    assert report.rows["price_bars"] == 1
    assert count(settings, "price_bars") == before + 1
    newest = raw(settings, "price_bars", rest="ORDER BY loaded_at DESC LIMIT 1")[0]
    assert newest["volume_base"] == volume
    assert newest["available_at"] == settings.clock()
    assert newest["loaded_at"] == settings.clock() + timedelta(microseconds=1)
    assert run_step("coinbase", settings).rows["price_bars"] == 0


def test_an_earlier_start_of_history_is_read_later(sandbox: RunningSandbox, tmp_path: Path) -> None:
    settings = settings_for(sandbox, tmp_path)
    first = run_step("coinbase", settings).rows["price_bars"]
    start = (sandbox.state.now - timedelta(days=40)).isoformat()
    more = run_step("coinbase", settings_for(sandbox, tmp_path, CFW_HISTORY_START=start))
    assert 0.9 * first < more.rows["price_bars"] < 1.1 * first


def test_macro_vintages_are_complete_and_free_of_clamped_rows(
    sandbox: RunningSandbox, sample: SandboxData, tmp_path: Path
) -> None:
    settings = settings_for(sandbox, tmp_path, fred_series="CPIAUCSL")
    run_step("fred", settings)
    rows = raw(settings, "macro_observations", rest="ORDER BY observation_date, vintage_date")
    assert all(row["is_vintage"] for row in rows)
    assert all(
        row["available_at"].date() == row["vintage_date"] + timedelta(days=1) for row in rows
    )
    for older, newer in pairwise(rows):
        if older["observation_date"] == newer["observation_date"]:
            assert older["value"] != newer["value"]
    assert len({row["observation_date"] for row in rows}) < len(rows), "no revision in the sample"


def test_fred_without_a_key_is_skipped(sandbox: RunningSandbox, tmp_path: Path) -> None:
    report = run_step("fred", settings_for(sandbox, tmp_path, CFW_FRED_API_KEY=None))
    assert (report.status, report.requests) == ("skipped", 0)
    assert "CFW_FRED_API_KEY" in report.note
    assert sandbox.requests.total() == 0


def test_unchanged_feeds_are_not_sent_again(
    sandbox: RunningSandbox, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = settings_for(sandbox, tmp_path)
    run_step("rss", settings)
    with caplog.at_level(logging.DEBUG, "urllib3.connectionpool"):
        run_step("rss", settings)
    assert caplog.text.count('HTTP/1.1" 304') == len(settings.feeds)


def test_posts_are_read_back_to_the_last_one_seen(sandbox: RunningSandbox, tmp_path: Path) -> None:
    settings = settings_for(sandbox, tmp_path, CFW_SYMBOLS="BTC")
    run_step("stocktwits", settings)
    assert sandbox.requests["/stocktwits"] == 3
    sandbox.requests.clear()
    run_step("stocktwits", settings)
    assert sandbox.requests["/stocktwits"] == 1
    posts = raw(settings, "social_posts")
    assert len({row["post_id"] for row in posts}) == len(posts)
    assert all(row["is_backfilled"] and row["available_at"] == row["posted_at"] for row in posts)


def test_state_comes_back_from_the_warehouse(sandbox: RunningSandbox, tmp_path: Path) -> None:
    settings = settings_for(sandbox, tmp_path)
    run_step("coinbase", settings)
    elsewhere = settings_for(sandbox, tmp_path, data_dir=tmp_path / "other")
    sandbox.requests.clear()
    assert run_step("coinbase", elsewhere).rows["price_bars"] == 0
    assert sandbox.requests["/coinbase"] == 2


def test_state_never_meets_another_warehouse(sandbox: RunningSandbox, tmp_path: Path) -> None:
    settings = settings_for(sandbox, tmp_path)
    first = run_step("coinbase", settings).rows
    (tmp_path / "wh" / "test.duckdb").unlink()
    assert run_step("coinbase", settings).rows == first
    prefixed = settings_for(sandbox, tmp_path, schema_prefix="second")
    assert run_step("coinbase", prefixed).rows == first


def test_an_unknown_step_names_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="choose from coinbase, binance"):
        run_step("bitstamp", Settings(_env_file=None))


def test_the_doctor_names_wrong_ids_and_the_likely_right_ones(
    sandbox: RunningSandbox, tmp_path: Path
) -> None:
    wrong = tmp_path / "assets.csv"
    text = SEED.read_text(encoding="utf-8")
    text = text.replace("BTC-USD,bitcoin,btc,", "XBT-USD,bitcoins,,")
    wrong.write_text(text, encoding="utf-8")
    findings = check_ids(settings_for(sandbox, tmp_path, assets_file=wrong))
    errors = {(f.provider, f.subject): f.message for f in findings if f.level == "error"}
    assert errors == {
        ("coinbase", "BTC"): "coinbase_id XBT-USD does not exist; set coinbase_id to BTC-USD",
        ("coingecko", "BTC"): "coingecko_id bitcoins does not exist; set coingecko_id to bitcoin",
    }
    warnings = {(f.provider, f.subject) for f in findings if f.level == "warning"}
    assert warnings == {("coinmetrics", "BTC"), ("this machine", "user agent")}
    reached = {f.provider for f in findings if f.level == "ok"}
    assert reached >= {"coinbase", "coingecko", "coinmetrics", "fred", "rss", "stocktwits"}


def test_the_doctor_survives_providers_that_are_down(
    sandbox: RunningSandbox, tmp_path: Path
) -> None:
    sandbox.faults.add("/", "status", times=None, status=503)
    findings = check_ids(settings_for(sandbox, tmp_path))
    here = ("this machine", "key")
    assert {f.level for f in findings if not {f.provider, f.subject} & set(here)} == {"error"}
    assert all("\n" not in f.message for f in findings)
