"""Bad days of the providers: what still arrives, and what the failure says."""

from __future__ import annotations

import json
import logging
import traceback
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from ingestion.config import Settings
from ingestion.destination import Warehouse
from ingestion.errors import SourceError
from ingestion.sandbox import RunningSandbox
from ingestion.steps import STEPS, run_step

SEED = Path(__file__).parents[2] / "dbt_project" / "seeds" / "assets.csv"
PREFIX = {
    "coinbase": "/coinbase",
    "binance": "/binance",
    "kraken": "/kraken",
    "coingecko": "/coingecko",
    "coinmetrics": "/coinmetrics",
    "glassnode": "/glassnode",
    "blockchain_com": "/blockchain_com",
    "fred": "/fred",
    "fredgraph": "/fredgraph",
    "worldbank": "/worldbank",
    "fear_greed": "/alternative_me",
    "rss": "/rss",
    "stocktwits": "/stocktwits",
    "reddit": "/reddit",
}
#: What a step needs besides the sandbox's settings.
OWN_SETTINGS: dict[str, dict[str, Any]] = {
    "glassnode": {"CFW_GLASSNODE_API_KEY": "sandbox"},
    "fredgraph": {"CFW_FRED_API_KEY": None},
}


def settings_for(sandbox: RunningSandbox, folder: Path, **changes: Any) -> Settings:
    start = sandbox.state.now - timedelta(days=15)
    values = {
        **sandbox.env(),
        "warehouse_url": f"duckdb:///{folder / 'test.duckdb'}",
        "data_dir": folder / "data",
        "assets_file": SEED,
        "CFW_SYMBOLS": "BTC,ETH",
        "CFW_PRICE_SOURCES": "coinbase,binance,kraken,coingecko",
        "CFW_HISTORY_START": start.isoformat(),
        "CFW_FRED_SERIES": "CPIAUCSL,UNRATE",
        "http_backoff_seconds": 0.0,
        "http_attempts": 3,
        "stocktwits_max_pages": 2,
        **changes,
    }
    return Settings(_env_file=None, **values)


def raw(settings: Settings, table: str, rest: str = "") -> list[dict[str, Any]]:
    warehouse = Warehouse(settings)
    return warehouse.query(f"SELECT * FROM {warehouse.table(table)} {rest}")


def edited(change: Callable[[Any], Any]) -> Callable[[bytes], bytes]:
    """Return a rewrite of a JSON body; NaN and huge integers are written as they are."""
    return lambda body: json.dumps(change(json.loads(body))).encode()


@pytest.mark.parametrize("step", list(STEPS))
def test_a_challenge_page_with_status_200_fails_the_step_in_one_line(
    step: str, sandbox: RunningSandbox, tmp_path: Path
) -> None:
    settings = settings_for(sandbox, tmp_path, **OWN_SETTINGS.get(step, {}))
    sandbox.faults.add(PREFIX[step], "html", times=None)
    with pytest.raises(SourceError) as caught:
        run_step(step, settings)
    assert "\n" not in str(caught.value)
    assert "HTML page" in str(caught.value)
    sandbox.faults.clear()
    assert sum(run_step(step, settings).rows.values()) > 0


@pytest.mark.parametrize("kind", ["empty", "malformed_json", "truncated", "json_error"])
@pytest.mark.parametrize(
    "step", ["coinbase", "binance", "kraken", "coinmetrics", "fear_greed", "stocktwits"]
)
def test_a_broken_body_fails_the_step(
    step: str, kind: str, sandbox: RunningSandbox, tmp_path: Path
) -> None:
    sandbox.faults.add(PREFIX[step], kind, times=None)
    with pytest.raises(SourceError) as caught:
        run_step(step, settings_for(sandbox, tmp_path, CFW_SYMBOLS="BTC"))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_passing_refusal_is_retried(status: int, sandbox: RunningSandbox, tmp_path: Path) -> None:
    sandbox.faults.add("/coinbase", "status", times=2, status=status)
    report = run_step("coinbase", settings_for(sandbox, tmp_path))
    assert report.rows["price_bars"] > 600
    assert report.requests == sandbox.requests["/coinbase"]


def test_a_provider_that_stays_down_is_not_asked_for_every_symbol(
    sandbox: RunningSandbox, tmp_path: Path
) -> None:
    sandbox.faults.add("/coinbase", "status", times=None, status=503)
    settings = settings_for(sandbox, tmp_path, CFW_SYMBOLS="BTC,ETH,SOL,ADA,XRP", http_attempts=1)
    with pytest.raises(SourceError) as caught:
        run_step("coinbase", settings)
    assert sandbox.requests["/coinbase"] == 3
    assert caught.value.report is not None
    assert "2 more not asked" in caught.value.report.note


def test_an_unreachable_provider_is_one_line(sandbox: RunningSandbox, tmp_path: Path) -> None:
    settings = settings_for(
        sandbox, tmp_path, CFW_COINBASE_BASE_URL="http://127.0.0.1:9", CFW_SYMBOLS="BTC"
    )
    with pytest.raises(SourceError, match=r"did not answer \(ConnectionError\); check") as caught:
        run_step("coinbase", settings)
    assert "\n" not in str(caught.value)


def test_a_slow_provider_runs_into_the_timeout(sandbox: RunningSandbox, tmp_path: Path) -> None:
    sandbox.faults.add("/alternative_me", "slow", times=None, seconds=0.6)
    settings = settings_for(sandbox, tmp_path, http_timeout_seconds=0.2, http_attempts=1)
    with pytest.raises(SourceError, match="Timeout"):
        run_step("fear_greed", settings)


def test_one_unknown_symbol_does_not_lose_the_others(
    sandbox: RunningSandbox, tmp_path: Path
) -> None:
    seed = tmp_path / "assets.csv"
    text = SEED.read_text(encoding="utf-8").replace("BTC-USD,", "NOPE-USD,")
    seed.write_text(text.replace(",bitcoin,btc,", ",bitcoin,nope,"), encoding="utf-8")
    settings = settings_for(sandbox, tmp_path, assets_file=seed)
    # StockTwits is not among them: a stream that it does not have is no failure.
    for step, table in (("coinbase", "price_bars"), ("coinmetrics", "onchain_metrics")):
        with pytest.raises(SourceError) as caught:
            run_step(step, settings)
        assert caught.value.report is not None
        assert caught.value.report.rows[table] > 0
        assert "40" in str(caught.value)


def test_a_failure_half_way_keeps_what_was_read_and_goes_on_from_there(
    sandbox: RunningSandbox, tmp_path: Path
) -> None:
    start = (sandbox.state.now - timedelta(days=40)).isoformat()
    settings = settings_for(sandbox, tmp_path, CFW_SYMBOLS="BTC", CFW_HISTORY_START=start)
    day = (sandbox.state.now - timedelta(days=15)).date().isoformat()
    sandbox.faults.add("/coinbase", "html", times=None, contains=f"start={day}")
    with pytest.raises(SourceError) as caught:
        run_step("coinbase", settings)
    assert caught.value.report is not None
    kept = caught.value.report.rows["price_bars"]
    assert kept > 500
    sandbox.faults.clear()
    sandbox.requests.clear()
    rest = run_step("coinbase", settings)
    assert sandbox.requests["/coinbase"] == 2
    assert 0.95 * 960 <= kept + rest.rows["price_bars"] <= 960


def test_one_feed_down_does_not_lose_the_others(sandbox: RunningSandbox, tmp_path: Path) -> None:
    settings = settings_for(sandbox, tmp_path)
    names = [entry.split("|")[0] for entry in settings.feeds]
    sandbox.faults.add(f"/rss/{names[0]}", "status", times=None, status=403)
    sandbox.faults.add(f"/rss/{names[1]}", "html", times=None)
    with pytest.raises(SourceError) as caught:
        run_step("rss", settings)
    assert names[0] in str(caught.value)
    assert names[1] in str(caught.value)
    assert {row["feed"] for row in raw(settings, "articles")} == set(names[2:])


def test_a_feed_cut_short_is_read_again(sandbox: RunningSandbox, tmp_path: Path) -> None:
    settings = settings_for(sandbox, tmp_path)
    settings = settings.model_copy(update={"feeds": settings.feeds[:1]})
    sandbox.faults.add("/rss", "truncated")
    part = run_step("rss", settings).rows["articles"]
    rest = run_step("rss", settings).rows["articles"]
    assert part > 0
    assert rest > 0


def test_feeds_of_different_hosts_do_not_give_up_together(
    sandbox: RunningSandbox, tmp_path: Path
) -> None:
    settings = settings_for(sandbox, tmp_path)
    sandbox.faults.add("/rss", "status", times=len(settings.feeds) - 1, status=403)
    with pytest.raises(SourceError) as caught:
        run_step("rss", settings)
    assert caught.value.report is not None
    assert caught.value.report.rows["articles"] > 0


def test_bad_candles_are_rejected_and_the_rest_arrives(
    sandbox: RunningSandbox, tmp_path: Path
) -> None:
    settings = settings_for(sandbox, tmp_path, CFW_SYMBOLS="BTC")
    future = int((settings.clock() + timedelta(days=2)).timestamp()) // 3600 * 3600

    def spoil(page: list[Any]) -> list[Any]:
        page[0][1] = page[0][2] + 1
        page[1][4] = -5
        page[2][5] = "12"
        page[3][3] = float("nan")
        page[4].pop()
        return [*page, [future, *page[5][1:]], [*page[6][:5], page[6][5] + 1], page[7], "x"]

    sandbox.faults.add("/coinbase", "replace", rewrite=edited(spoil))
    report = run_step("coinbase", settings)
    assert report.rejected == 8
    reasons = sorted(row["reason"] for row in raw(settings, "rejected_rows"))
    assert reasons == [
        "close is not above zero",
        "contradicts an earlier row with the same key on the same page",
        "high is below low",
        "open is not finite",
        "the candle has 5 fields instead of 6",
        "the candle is not a list",
        "time lies in the future",
        "volume is a string where a number belongs",
    ]
    assert report.rows["price_bars"] >= 340
    again = run_step("coinbase", settings)
    assert again.rows == {"price_bars": 5, "rejected_rows": 0}  # those that were refused
    assert set(run_step("coinbase", settings).rows.values()) == {0}


def test_bad_rows_of_the_other_sources_are_rejected(
    sandbox: RunningSandbox, tmp_path: Path
) -> None:
    settings = settings_for(sandbox, tmp_path)

    def spoil_coins(page: list[Any]) -> list[Any]:
        return [{**page[0], "id": "elsewhere"}, {**page[1], "market_cap": 2**70}]

    def spoil_days(page: dict[str, Any]) -> dict[str, Any]:
        page["data"][0]["TxCnt"] = "many"
        page["data"].append({**page["data"][1], "asset": "elsewhere"})
        return page

    def spoil_posts(page: dict[str, Any]) -> dict[str, Any]:
        page["messages"][0]["body"] = "a" * 1_000_000
        page["messages"][1]["body"] = "nul \x00 and \ud83d and 🚀"
        del page["messages"][2]["created_at"]
        return page

    sandbox.faults.add("/coingecko", "replace", rewrite=edited(spoil_coins))
    sandbox.faults.add("/coinmetrics", "replace", rewrite=edited(spoil_days))
    sandbox.faults.add("/stocktwits", "replace", rewrite=edited(spoil_posts))
    assert run_step("coingecko", settings).rejected == 1
    assert run_step("coinmetrics", settings).rejected == 2
    assert run_step("stocktwits", settings).rejected == 2
    rejected = raw(settings, "rejected_rows")
    assert {row["source"] for row in rejected} == {"coingecko", "coinmetrics", "stocktwits"}
    assert max(len(row["payload"]) for row in rejected) == 10_000
    assert "nul and and 🚀" in {row["text"] for row in raw(settings, "social_posts")}
    assert raw(settings, "asset_snapshots")[0]["market_cap_usd"] == float(2**70)


def test_a_page_that_repeats_for_ever_ends(sandbox: RunningSandbox, tmp_path: Path) -> None:
    settings = settings_for(sandbox, tmp_path, CFW_SYMBOLS="BTC")
    sandbox.faults.add("/stocktwits", "repeat_page", times=None)
    assert run_step("stocktwits", settings).rows["social_posts"] == 30


def test_secrets_are_in_no_log_and_no_exception(
    sandbox: RunningSandbox, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    key = "abcdef0123456789abcdef0123456789"
    settings = settings_for(sandbox, tmp_path, CFW_FRED_API_KEY=key, coingecko_api_key="CG-hush")
    shown: list[str] = []
    with caplog.at_level(logging.DEBUG):
        for step in ("fred", "coingecko"):
            body = f"bad key {key} CG-hush"
            sandbox.faults.add(PREFIX[step], "status", times=None, status=403, body=body)
            with pytest.raises(SourceError) as caught:
                run_step(step, settings)
            shown += traceback.format_exception(caught.value)
            sandbox.faults.clear()
        run_step("fred", settings)
    shown.append(caplog.text)
    assert "api_key=***" in caplog.text
    assert "bad key *** ***" in "".join(shown)
    assert key not in "".join(shown)
    assert "CG-hush" not in "".join(shown)
