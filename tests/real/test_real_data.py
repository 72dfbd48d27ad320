"""The pipeline over real data: twelve symbols' hourly bars of 2019-2022 with the exchange's
outages, real on-chain days, macro series, news and posts; and independent references."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ingestion.sandbox import SandboxData, load_folder, running_sandbox
from tests.support import oracle
from tests.support.marts import assert_same
from tests.support.warehouses import TestWarehouse

pytestmark = [pytest.mark.real_data, pytest.mark.xdist_group("real_data")]

REAL_BARS = 325_281
STABLE_AFTER = 249
RELATIVE = 1e-9


@dataclass
class Real:
    """The warehouse, its mart, and the mart with base volume for the references."""

    warehouse: TestWarehouse
    data: SandboxData
    mart: pd.DataFrame
    with_volume: pd.DataFrame


@pytest.fixture(scope="module")
def real(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Real]:
    """Run the whole pipeline once over the folder."""
    data = load_folder(real_data)
    with running_sandbox(data) as sandbox:
        warehouse = TestWarehouse(tmp_path_factory.mktemp("real"), sandbox)
        warehouse.feed()
        mart = warehouse.transform(tests="all")
        volume = pd.DataFrame(
            warehouse.query(
                "select symbol, bar_open_at as timestamp_iso, volume_base as volume "
                "from crypto_intermediate.int_prices__bars"
            )
        )
        volume["timestamp_iso"] = pd.to_datetime(volume.timestamp_iso, utc=True).dt.tz_localize(
            None
        )
        merged = mart.merge(volume, on=["symbol", "timestamp_iso"], validate="one_to_one")
        yield Real(warehouse, data, mart, merged)


def test_one_row_per_real_bar(real: Real) -> None:
    """Every real bar, and nothing else; the prices are the folder's own."""
    assert len(real.mart) == REAL_BARS
    for symbol in real.data.symbols():
        bars, rows = real.data.hourly(symbol), real.mart[real.mart.symbol == symbol]
        opens = rows.timestamp_iso.to_numpy().astype("datetime64[s]").astype(int)
        assert np.array_equal(opens, bars.open_time), symbol
        assert np.array_equal(rows.current_price.to_numpy(), bars.close), symbol


def _worst(real: Real, reference: pd.DataFrame, rows: pd.DataFrame, name: str) -> float:
    """Return the largest error of a column, relative to itself (MACD: to the price)."""
    skip = STABLE_AFTER if name in oracle.RECURSIVE else 0
    ours, theirs = (f[name].to_numpy(float)[skip:] for f in (rows, reference))
    price = rows.current_price.to_numpy(float)[skip:]
    assert np.array_equal(np.isnan(ours), np.isnan(theirs)), f"{name}: NULL in other places"
    known = ~np.isnan(ours)
    scale = price[known] if name in oracle.MACD else np.abs(theirs[known])
    error = np.abs(ours[known] - theirs[known])
    return float(np.max(np.divide(error, scale, out=np.zeros_like(error), where=error > 0)))


@pytest.mark.parametrize("name", [*oracle.RECURSIVE, *oracle.WINDOWED])
def test_indicators_agree_with_talib(real: Real, name: str) -> None:
    """Every bar of every symbol; recursive columns from the 250th on."""
    for symbol, rows in real.with_volume.groupby("symbol"):
        assert _worst(real, oracle.indicators(rows), rows, name) <= RELATIVE, symbol


@pytest.mark.parametrize("name", oracle.GRID)
def test_grid_columns_agree_with_pandas(real: Real, name: str) -> None:
    """Sums, changes and volatility over the hour grid, across the nineteen outages."""
    for symbol, rows in real.with_volume.groupby("symbol"):
        indexed = rows.set_index("timestamp_iso")
        assert _worst(real, oracle.grid_features(indexed), indexed, name) <= RELATIVE, symbol


def test_outages_stay_gaps(real: Real) -> None:
    """Changes over 24 hours are NULL exactly where the hour a day earlier has no bar."""
    rows = real.mart[real.mart.symbol == "BTC"].set_index("timestamp_iso")
    missing = ~(rows.index - pd.Timedelta(hours=24)).isin(rows.index)
    assert missing.sum() > 24
    assert np.array_equal(rows.price_change_24h.isna().to_numpy(), missing)


def test_macro_and_chain_columns_follow_their_availability(real: Real) -> None:
    """An independent as-of join over the raw rows gives the same VIX and active addresses."""
    rows = real.mart[real.mart.symbol == "BTC"].sort_values("timestamp_iso")
    closes = rows.timestamp_iso + pd.Timedelta(hours=1)
    for column, sql, day, max_age_hours in (
        (
            "vix",
            "select observation_date as day, value, available_at "
            "from crypto_raw.macro_observations where series_id = 'VIXCLS'",
            pd.Timedelta(0),
            240,
        ),
        (
            "active_addresses_24h",
            "select day, value, available_at from crypto_raw.onchain_metrics "
            "where symbol = 'BTC' and metric = 'AdrActCnt'",
            pd.Timedelta(days=1),
            72,
        ),
    ):
        facts = pd.DataFrame(real.warehouse.query(sql))
        facts["available_at"] = pd.to_datetime(facts.available_at, utc=True).dt.tz_localize(None)
        facts["event"] = pd.to_datetime(facts.day) + day
        facts = facts.sort_values(["available_at", "event"])
        facts = facts[facts.event == facts.event.cummax()]
        left = pd.DataFrame({"close": closes.astype("datetime64[us]").to_numpy()})
        facts["available_at"] = facts.available_at.astype("datetime64[us]")
        joined = pd.merge_asof(left, facts, left_on="close", right_on="available_at")
        fresh = joined.close - joined.event <= pd.Timedelta(hours=max_age_hours)
        expected = joined.value.where(fresh).to_numpy(float)
        assert np.isfinite(expected).sum() > 10_000, column
        assert np.array_equal(expected, rows[column].to_numpy(float), equal_nan=True), column


def test_news_counts_agree_with_pandas(real: Real) -> None:
    """Articles that mention bitcoin, counted hour by hour from the raw rows."""
    articles = pd.DataFrame(
        real.warehouse.query(
            "select distinct feed, guid, available_at from crypto_raw.articles as a "
            "join crypto_raw.asset_mentions as m on m.text_id = a.text_version and m.symbol = 'BTC'"
        )
    )
    at = np.sort(pd.to_datetime(articles.available_at, utc=True).dt.tz_localize(None).to_numpy())
    rows = real.mart[(real.mart.symbol == "BTC") & (real.mart.timestamp_iso >= "2021-11-01")]
    closes = (rows.timestamp_iso + pd.Timedelta(hours=1)).to_numpy()
    expected = np.searchsorted(at, closes, "right") - np.searchsorted(
        at, closes - np.timedelta64(24, "h"), "right"
    )
    assert expected.sum() > 10_000
    assert np.array_equal(expected, rows.crypto_sentiment_count.to_numpy(int))


@pytest.mark.parametrize(
    "moment", ["2019-05-15T06:20:00", "2020-03-13T03:00:00", "2021-12-31T23:59:59"]
)
def test_real_rows_use_nothing_from_later(real: Real, moment: str) -> None:
    """Built from what was available by a moment, the mart equals the full one up to it."""
    at = datetime.fromisoformat(moment).replace(tzinfo=UTC)
    known = real.warehouse.transform(
        as_of=at, build_tag="known", select=["+ml_features_materialized"]
    )
    closes = real.mart.timestamp_iso + pd.Timedelta(hours=1)
    assert_same(real.mart[closes <= pd.Timestamp(moment)].reset_index(drop=True), known)
