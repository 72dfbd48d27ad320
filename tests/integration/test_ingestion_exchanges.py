"""Bars of several exchanges and lengths from the sandbox: requests, cursors, bad days, backfill."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from ingestion import steps
from ingestion.assets import selected_assets
from ingestion.config import Settings
from ingestion.destination import Warehouse
from ingestion.errors import SettingsError, SourceError
from ingestion.extraction import Chunk, Extraction
from ingestion.http import HttpClient
from ingestion.prices import binance, coinbase, coingecko
from ingestion.prices.windows import Grid
from ingestion.sandbox import RunningSandbox, SandboxData
from ingestion.steps import run_step
from tests.support.days import Clock

SEED = Path(__file__).parents[2] / "dbt_project" / "seeds" / "assets.csv"
HOUR = timedelta(hours=1)


def settings_for(sandbox: RunningSandbox, folder: Path, **changes: Any) -> Settings:
    start = days_ago(sandbox.state.now)
    values = {
        **sandbox.env(),
        "warehouse_url": f"duckdb:///{folder / 'test.duckdb'}",
        "data_dir": folder / "data",
        "assets_file": SEED,
        "CFW_SYMBOLS": "BTC",
        "CFW_PRICE_SOURCES": "coinbase,binance,kraken,coingecko",
        "CFW_PRICE_INTERVALS": "5,60",
        "CFW_HISTORY_START": start.isoformat(),
        "http_backoff_seconds": 0.0,
        "http_attempts": 3,
        **changes,
    }
    return Settings(_env_file=None, **values)


def days_ago(now: datetime) -> datetime:
    """Return the full hour four days ago: 96 hours have closed since."""
    return now.replace(minute=0) - timedelta(days=4)


def raw(settings: Settings, table: str, rest: str = "") -> list[dict[str, Any]]:
    warehouse = Warehouse(settings)
    return warehouse.query(f"SELECT * FROM {warehouse.table(table)} {rest}")


def cut(settings: Settings, minutes: int, buckets: int) -> int:
    """Return the requests that a first reading of one symbol needs."""
    grid = Grid(timedelta(minutes=minutes), buckets)
    clock = settings.clock()
    return grid.requests(grid.opens(settings.start_of_history(), clock, clock))


@pytest.mark.parametrize(("step", "buckets"), [("coinbase", 300), ("binance", 1000)])
def test_five_minutes_and_hours_cost_the_fewest_requests_and_agree(
    step: str, buckets: int, sandbox: RunningSandbox, tmp_path: Path
) -> None:
    settings = settings_for(sandbox, tmp_path)
    needed = {minutes: cut(settings, minutes, buckets) for minutes in (5, 60)}
    report = run_step(step, settings)
    assert sandbox.requests[f"/{step}"] == report.requests == sum(needed.values())
    assert report.requests == {"coinbase": 4 + 1, "binance": 2 + 1}[step]
    sandbox.requests.clear()
    again = run_step(step, settings)
    assert set(again.rows.values()) == {0}
    assert sandbox.requests[f"/{step}"] == 2

    rows = raw(settings, "price_bars", "ORDER BY bar_open_at")
    hours = [row for row in rows if row["interval_minutes"] == 60]
    parts = [row for row in rows if row["interval_minutes"] == 5]
    assert (len(hours), len(parts)) == (96, 96 * 12)
    for hour in hours:
        opened = hour["bar_open_at"]
        inside = [row for row in parts if opened <= row["bar_open_at"] < opened + HOUR]
        assert len(inside) == 12
        assert hour["open"] == inside[0]["open"]
        assert hour["close"] == inside[-1]["close"]
        assert hour["high"] == max(row["high"] for row in inside)
        assert hour["low"] == min(row["low"] for row in inside)
        assert hour["volume_base"] == pytest.approx(sum(row["volume_base"] for row in inside))
        assert inside[0]["available_at"] == opened + timedelta(minutes=5)
    if step == "binance":
        assert all(row["quote_currency"] == "USDT" for row in rows)
        assert all(row["trade_count"] > 0 and row["volume_quote"] > 0 for row in rows)


def test_three_exchanges_keep_their_own_rows_and_cursors(
    sandbox: RunningSandbox, tmp_path: Path
) -> None:
    now = sandbox.state.now
    sandbox.set_clock(now - timedelta(hours=30))
    start = days_ago(now).isoformat()
    for moment in (now - timedelta(hours=30), now):
        sandbox.set_clock(moment)
        settings = settings_for(sandbox, tmp_path, CFW_HISTORY_START=start)
        for step in ("coinbase", "binance", "kraken"):
            run_step(step, settings)
    rows = raw(settings, "price_bars")
    counts = {
        (provider, minutes): sum(
            (row["provider"], row["interval_minutes"]) == (provider, minutes) for row in rows
        )
        for provider in ("coinbase", "binance", "kraken")
        for minutes in (5, 60)
    }
    first = counts.pop(("kraken", 5))
    assert counts == {key: 96 if key[1] == 60 else 96 * 12 for key in counts}
    # 720 bars of five minutes are 60 hours: of the 66 before the first run, 6 were out of reach.
    assert 719 + 30 * 12 <= first <= 720 + 30 * 12
    closes = {(r["provider"], r["interval_minutes"], r["bar_open_at"]): r["close"] for r in rows}
    assert all(close == closes["coinbase", *bar] for (_, *bar), close in closes.items())


def test_switched_off_providers_say_how_to_switch_them_on(
    sandbox: RunningSandbox, tmp_path: Path
) -> None:
    settings = settings_for(sandbox, tmp_path, CFW_PRICE_SOURCES="coinbase,coingecko")
    for step in ("binance", "kraken"):
        report = run_step(step, settings)
        assert (report.status, report.requests) == ("skipped", 0)
        assert f"CFW_PRICE_SOURCES; set it to coinbase,coingecko,{step}" in report.note
    assert sandbox.requests.total() == 0
    with pytest.raises(SettingsError, match="CFW_PRICE_SOURCES: nasdaq unknown; choose from"):
        settings_for(sandbox, tmp_path, CFW_PRICE_SOURCES="coinbase,nasdaq")
    with pytest.raises(SettingsError, match="CFW_PRICE_INTERVALS: must be one or more of 5, 60"):
        settings_for(sandbox, tmp_path, CFW_PRICE_INTERVALS="15")


@pytest.mark.parametrize("step", ["coinbase", "binance"])
def test_an_empty_list_where_data_was_heals_with_the_next_run(
    step: str, sandbox: RunningSandbox, tmp_path: Path
) -> None:
    now = sandbox.state.now
    start = days_ago(now).isoformat()
    for hours_ago, broken in ((40, False), (20, True), (0, False)):
        sandbox.set_clock(now - timedelta(hours=hours_ago))
        settings = settings_for(
            sandbox, tmp_path, CFW_HISTORY_START=start, CFW_PRICE_INTERVALS="60"
        )
        if broken:
            sandbox.faults.add(f"/{step}", "replace", rewrite=lambda _: b"[]")
        run_step(step, settings)
    assert len(raw(settings, "price_bars")) == 96


def test_a_stale_answer_of_kraken_moves_no_cursor_past_it(
    sandbox: RunningSandbox, tmp_path: Path
) -> None:
    settings = settings_for(sandbox, tmp_path, CFW_PRICE_INTERVALS="60")
    sandbox.faults.add("/kraken", "stale", hours=40)
    early = run_step("kraken", settings).rows["price_bars"]
    assert early == 96 - 40
    assert run_step("kraken", settings).rows["price_bars"] == 40


def test_a_ban_stops_the_step_at_once_and_says_how_long(
    sandbox: RunningSandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    client = partial(HttpClient, sleep=clock.sleep, clock=clock)
    monkeypatch.setattr("ingestion.steps.HttpClient", client)
    settings = settings_for(sandbox, tmp_path, CFW_SYMBOLS="BTC,ETH,SOL,ADA")
    sandbox.faults.add("/binance", "status", status=429, retry_after=0)
    sandbox.faults.add("/binance", "status", times=None, status=418, retry_after=1800)
    until = datetime.fromtimestamp(clock.now + 1800, UTC).strftime("%Y-%m-%d %H:%M")
    with pytest.raises(SourceError, match="answered 418") as caught:
        run_step("binance", settings)
    assert f"it asks to be left alone until {until}" in str(caught.value)
    assert "request weight" in str(caught.value)
    assert sandbox.requests["/binance"] == 2
    sandbox.faults.clear()
    clock.now += 1600  # short waits would be sat out
    with pytest.raises(SourceError, match=f"is left alone until {until}"):
        run_step("binance", settings)
    assert sandbox.requests["/binance"] == 2
    assert clock.slept < 1
    clock.now += 201
    assert run_step("binance", settings).rows["price_bars"] > 0


def test_a_closed_country_is_named_with_the_setting_to_change(
    sandbox: RunningSandbox, tmp_path: Path
) -> None:
    body = {"code": 0, "msg": "Service unavailable from a restricted location"}
    sandbox.faults.add("/binance", "status", times=None, status=451, body=body)
    with pytest.raises(SourceError, match="restricted location") as caught:
        run_step("binance", settings_for(sandbox, tmp_path))
    assert "CFW_BINANCE_BASE_URL" in str(caught.value)


def test_kraken_throttles_inside_200_and_is_asked_again(
    sandbox: RunningSandbox, tmp_path: Path
) -> None:
    throttled = {"error": ["EGeneral:Too many requests"]}
    settings = settings_for(sandbox, tmp_path, CFW_PRICE_INTERVALS="60")
    sandbox.faults.add("/kraken", "json_error", times=2, body=throttled)
    assert run_step("kraken", settings).rows["price_bars"] == 96
    sandbox.faults.add("/kraken", "json_error", times=None, body=throttled)
    with pytest.raises(SourceError, match="Too many requests"):
        run_step("kraken", settings)


def test_one_wrong_pair_does_not_lose_the_others(sandbox: RunningSandbox, tmp_path: Path) -> None:
    seed = tmp_path / "assets.csv"
    text = SEED.read_text(encoding="utf-8")
    seed.write_text(text.replace("BTCUSDT,XBTUSD", "NOPEUSDT,NOPEUSD"), encoding="utf-8")
    settings = settings_for(sandbox, tmp_path, assets_file=seed, CFW_SYMBOLS="BTC,ETH")
    for step, part in (("binance", "Invalid symbol"), ("kraken", "Unknown asset pair")):
        with pytest.raises(SourceError, match=part) as caught:
            run_step(step, settings)
        assert caught.value.report is not None
        assert caught.value.report.rows["price_bars"] > 96


def test_values_that_cannot_be_are_refused_and_counted(
    sandbox: RunningSandbox, tmp_path: Path
) -> None:
    def spoil(body: bytes) -> bytes:
        rows = json.loads(body)
        rows[3][2], rows[4][8], rows[5][5] = "0.00000001", 2**64, "1e400"
        return json.dumps(rows).encode()

    settings = settings_for(sandbox, tmp_path, CFW_PRICE_INTERVALS="60")
    sandbox.faults.add("/binance", "replace", rewrite=spoil)
    report = run_step("binance", settings)
    assert (report.rows["price_bars"], report.rejected) == (93, 3)
    reasons = {row["reason"] for row in raw(settings, "rejected_rows")}
    assert reasons == {"high is below low", "trades is not a count", "volume is not finite"}


Backfill = Callable[[Extraction, str, datetime, datetime], Iterator[Chunk]]


def extraction(settings: Settings, provider: Any) -> Extraction:
    return Extraction(
        source="test",
        settings=settings,
        client=HttpClient(settings, provider.provider(settings)),
        reader=Warehouse(settings),
        assets=selected_assets(settings),
        clock=settings.clock(),
    )


@pytest.mark.parametrize("provider", [coinbase, binance])
@pytest.mark.parametrize("item", ["BTC@5", "BTC@60"])
def test_a_backfill_in_spans_costs_the_minimum_and_reads_all(
    provider: Any, item: str, sandbox: RunningSandbox, tmp_path: Path, sample: SandboxData
) -> None:
    settings = settings_for(sandbox, tmp_path)
    run = extraction(settings, provider)
    assert item in provider.backfill_items(run)
    last = settings.clock().replace(minute=0)
    first = last - 2 * provider.BACKFILL_SPAN
    whole = provider.backfill_requests(item, first, last, settings)
    rows: list[Any] = []
    for begin in (first, first + provider.BACKFILL_SPAN):
        for chunk in provider.backfill(run, item, begin, begin + provider.BACKFILL_SPAN):
            rows += chunk.rows
    run.client.close()
    assert sandbox.requests.total() == whole == run.client.requests
    opens = [row["bar_open_at"] for row in rows]
    assert opens == sorted(set(opens))
    per_hour = {"BTC@5": 12, "BTC@60": 1}[item]
    hourly = sample.bars["BTC"][3600].open_time
    inside = (hourly >= first.timestamp()) & (hourly < last.timestamp())
    assert len(rows) == int(inside.sum()) * per_hour
    assert run.state == {}


def test_the_past_at_coingecko_lands_once_and_leaves_the_present_alone(
    sandbox: RunningSandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_for(sandbox, tmp_path, CFW_SYMBOLS="BTC,ETH")
    run_step("coingecko", settings)
    now = settings.clock()
    first, last = now - timedelta(days=10), now - timedelta(days=3)

    def past(run: Extraction) -> Iterator[Chunk]:
        assert coingecko.backfill_items(run) == ["BTC", "ETH"]
        for item in coingecko.backfill_items(run):
            yield from coingecko.backfill(run, item, first, last)

    step = replace(steps._STEPS["coingecko"], extract=past)
    with monkeypatch.context() as patched:
        patched.setitem(steps._STEPS, "coingecko", step)
        report = run_step("coingecko", settings)
        assert report.requests == 2
        assert report.rows["asset_snapshots"] == 2 * 7 * 24
        assert run_step("coingecko", settings).rows["asset_snapshots"] == 0
    rows = raw(settings, "asset_snapshots", "WHERE circulating_supply IS NULL")
    assert len(rows) == 2 * 7 * 24
    for row in rows:
        assert first <= row["captured_at"] <= row["last_updated_at"] < last + HOUR
        assert row["available_at"] == row["last_updated_at"] + HOUR
        assert row["price_usd"] > 0
        assert row["market_cap_usd"] > row["price_usd"]
    assert run_step("coingecko", settings).rows["asset_snapshots"] == 0
    assert coingecko.backfill_requests("BTC", first, last, settings) == 1


def test_a_past_beyond_what_the_key_reaches_is_refused_in_one_line(
    sandbox: RunningSandbox, tmp_path: Path
) -> None:
    settings = settings_for(sandbox, tmp_path)
    run = extraction(settings, coingecko)
    begin = settings.clock() - timedelta(days=400)
    with pytest.raises(SourceError, match="allowed time range") as caught:
        list(coingecko.backfill(run, "BTC", begin, begin + coingecko.BACKFILL_SPAN))
    run.client.close()
    assert "\n" not in str(caught.value)
    with pytest.raises(SettingsError, match="no NOPE"):
        list(coingecko.backfill(run, "NOPE", begin, begin + HOUR))
