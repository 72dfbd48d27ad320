"""Settings and the asset list: what is read, and what a wrong value says."""

from __future__ import annotations

import copy
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ingestion.assets import read_assets, selected_assets
from ingestion.config import Settings
from ingestion.errors import SettingsError, SourceError, StepReport
from ingestion.news.feeds import feeds_of

SEED = Path(__file__).parents[2] / "dbt_project" / "seeds" / "assets.csv"


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CFW_NOW", raising=False)


def test_settings_come_from_the_environment_with_a_prefix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CFW_SYMBOLS", "btc, ETH,,btc")
    monkeypatch.setenv("CFW_NOW", "2024-01-01T01:00:00+01:00")
    monkeypatch.setenv("CFW_FRED_API_KEY", "")
    settings = Settings()
    assert settings.symbols == ("BTC", "ETH")
    assert settings.clock() == datetime(2024, 1, 1, tzinfo=UTC)
    assert settings.fred_api_key is None


def test_values_may_carry_the_prefix() -> None:
    assert Settings(**{"CFW_SCHEMA_PREFIX": "alt"}).dataset == "alt_raw"


def test_the_clock_runs_when_it_is_not_replaced() -> None:
    assert abs(Settings().clock() - datetime.now(UTC)) < timedelta(seconds=5)
    assert Settings().start_of_history() < datetime.now(UTC) - timedelta(days=364)


@pytest.mark.parametrize(
    ("name", "value", "part"),
    [
        ("now", "2024-01-01T00:00:00", "CFW_NOW: has no time zone"),
        ("now", "yesterday", "CFW_NOW: "),
        ("history_start", "2024-01-01T00:00:00", "CFW_HISTORY_START: has no time zone"),
        ("schema_prefix", "No-Good", "CFW_SCHEMA_PREFIX: must be"),
        ("warehouse_url", "postgres://x", "CFW_WAREHOUSE_URL: must be duckdb"),
        ("warehouse_url", "duckdb:///", "CFW_WAREHOUSE_URL: must be duckdb"),
        ("requests_per_second", "0", "CFW_REQUESTS_PER_SECOND: "),
        ("http_attempts", "0", "CFW_HTTP_ATTEMPTS: "),
    ],
)
def test_a_wrong_setting_is_one_line(name: str, value: str, part: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings(**{name: value})
    assert part in str(caught.value)
    assert "\n" not in str(caught.value)


def test_each_wrong_setting_has_its_line_and_no_value_is_quoted() -> None:
    with pytest.raises(SettingsError) as caught:
        Settings(warehouse_url="postgres://me:hunter2@host", http_attempts=0)
    assert len(str(caught.value).splitlines()) == 2
    assert "hunter2" not in str(caught.value)


def test_a_bare_day_begins_history_at_midnight_utc() -> None:
    assert Settings(history_start="2019-01-01").history_start == datetime(2019, 1, 1, tzinfo=UTC)


def test_secrets_do_not_show() -> None:
    settings = Settings(
        fred_api_key="f" * 32, coingecko_api_key="gecko", warehouse_url="mysql://u:pw@h:1"
    )
    shown = f"{settings!r} {settings}"
    assert "f" * 32 not in shown
    assert "gecko" not in shown.replace("coingecko", "")
    assert "pw@" not in shown


def test_every_asset_of_the_seed_is_read() -> None:
    assets = read_assets(SEED)
    assert len(assets) == 124
    bitcoin = next(asset for asset in assets if asset.symbol == "BTC")
    assert (bitcoin.coinbase_id, bitcoin.coingecko_id) == ("BTC-USD", "bitcoin")
    assert (bitcoin.binance_id, bitcoin.kraken_id) == ("BTCUSDT", "XBTUSD")


def test_a_list_older_than_an_exchange_is_read_without_it(tmp_path: Path) -> None:
    old = tmp_path / "assets.csv"
    header = "symbol,name,aliases,coinbase_id,coingecko_id,coinmetrics_id,stocktwits_id,"
    header += "is_ordinary_word,first_trade_date,last_trade_date"
    old.write_text(f"{header}\nBTC,Bitcoin,,BTC-USD,bitcoin,btc,BTC.X,false,,\n")
    (bitcoin,) = read_assets(old)
    assert (bitcoin.coinbase_id, bitcoin.binance_id, bitcoin.kraken_id) == ("BTC-USD", None, None)


def test_price_settings_are_checked_and_hours_come_first() -> None:
    assert Settings().price_sources == ("coinbase", "coingecko")
    assert Settings().price_intervals == (60,)
    assert Settings(price_intervals="5, 60,5").price_intervals == (60, 5)
    for value in ("15", "", "5,x", "60,-5"):
        with pytest.raises(SettingsError, match="CFW_PRICE_INTERVALS: must be one or more of"):
            Settings(price_intervals=value)


def test_symbols_choose_assets_in_their_order() -> None:
    chosen = selected_assets(Settings(symbols="eth,btc", assets_file=SEED))
    assert [asset.symbol for asset in chosen] == ["ETH", "BTC"]


def test_an_unknown_symbol_names_the_file() -> None:
    with pytest.raises(SettingsError, match=r"NOPE not in .*assets\.csv; add a row"):
        selected_assets(Settings(symbols="BTC,NOPE", assets_file=SEED))


def test_a_missing_or_broken_seed_says_so(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no such file"):
        read_assets(tmp_path / "none.csv")
    broken = tmp_path / "broken.csv"
    broken.write_text("symbol,name\nBTC,Bitcoin\n")
    with pytest.raises(SettingsError, match="cannot be read as the asset list"):
        read_assets(broken)


def test_feeds_come_from_the_setting_or_the_table() -> None:
    feeds = feeds_of(Settings(feeds="one|crypto|http://a/x,two|market|https://b/y|z"))
    assert [(feed.name, feed.url) for feed in feeds] == [
        ("one", "http://a/x"),
        ("two", "https://b/y|z"),
    ]
    table = feeds_of(Settings())
    assert {feed.category for feed in table} == {"crypto", "market"}


@pytest.mark.parametrize("entry", ["x|crypto", "x|sport|http://a", "x|crypto|ftp://a", "|crypto|b"])
def test_a_wrong_feed_is_refused(entry: str) -> None:
    with pytest.raises(SettingsError, match="CFW_FEEDS"):
        feeds_of(Settings(feeds=entry))


def test_a_feed_named_twice_is_refused() -> None:
    with pytest.raises(SettingsError, match="twice"):
        feeds_of(Settings(feeds="x|crypto|http://a,x|market|http://b"))


def test_a_source_error_survives_the_way_between_processes() -> None:
    error = SourceError("coinbase", "it\nbroke", "mend it", status=500, provider_wide=True)
    error.report = StepReport("coinbase", {"price_bars": 3}, status="failed")
    twin = copy.deepcopy(error)  # by the same protocol as a process boundary
    assert str(twin) == "coinbase: it broke; mend it"
    assert (twin.status, twin.provider_wide, twin.report) == (500, True, error.report)
