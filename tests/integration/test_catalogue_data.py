"""The catalogue against built rows: ranges, null rules, and an independent reference per column."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
import yaml

from flows.catalogue import Feature, read_catalogue
from ingestion.config import PROJECT_ROOT
from tests.support import oracle
from tests.support.fact_oracle import FactOracle, quality
from tests.support.text_oracle import TextOracle
from tests.support.warehouses import TestWarehouse

pytestmark = pytest.mark.xdist_group("leakage")

CATALOGUE = read_catalogue()
NAMES = {one.name: one for one in CATALOGUE}
FACTS = [one.name for one in CATALOGUE if "own as-of join" in one.reference]
TALIB = [one.name for one in CATALOGUE if "TA-Lib" in one.reference]
GRID = [one.name for one in CATALOGUE if "hour grid" in one.reference]
#: Rounding may carry a value past a closed bound by this much.
ROUNDING = 1e-9
STABLE_AFTER = 249


@pytest.fixture(scope="module")
def mart(scored_sample: TestWarehouse) -> pd.DataFrame:
    """The mart of the sample, with the base volume that references need."""
    built = scored_sample.transform(tests="all")
    volume = pd.DataFrame(
        scored_sample.query(
            "select symbol, bar_open_at as timestamp_iso, volume_base as volume "
            "from crypto_intermediate.int_prices__bars"
        )
    )
    volume["timestamp_iso"] = pd.to_datetime(volume.timestamp_iso, utc=True).dt.tz_localize(None)
    return built.merge(volume, on=["symbol", "timestamp_iso"], validate="one_to_one")


@pytest.fixture(scope="module")
def facts(scored_sample: TestWarehouse, mart: pd.DataFrame) -> pd.DataFrame:
    """The fact columns by brute force over the raw rows."""
    variables = yaml.safe_load((PROJECT_ROOT / "dbt_project/dbt_project.yml").read_text("utf-8"))
    known = FactOracle(scored_sample.query)
    texts = TextOracle(scored_sample.query, variables["vars"]["sentiment_models"])
    closes = (mart.timestamp_iso + timedelta(hours=1)).dt.to_pydatetime()
    rows = zip(mart.symbol, closes, mart.current_price, strict=True)
    return pd.DataFrame(
        [known.row(symbol, at, price) | texts.row(symbol, at) for symbol, at, price in rows]
    )


def floats(values: pd.Series) -> np.ndarray:
    return values.astype(float).to_numpy()


@pytest.mark.parametrize("one", CATALOGUE, ids=lambda one: one.name)
def test_values_lie_in_the_declared_range(mart: pd.DataFrame, one: Feature) -> None:
    assert mart[one.name].notna().sum() > 50, "nothing to judge"
    if one.null_rule == "never":
        assert mart[one.name].notna().all()
    low, high = one.bounds
    if low is not None:
        assert mart[one.name].min() >= low - ROUNDING
    if high is not None:
        assert mart[one.name].max() <= high + ROUNDING


@pytest.mark.parametrize("name", FACTS)
def test_facts_agree_with_brute_force(mart: pd.DataFrame, facts: pd.DataFrame, name: str) -> None:
    """NULL in the same places, and the same value everywhere else."""
    ours, theirs = floats(mart[name]), floats(facts[name])
    assert np.array_equal(np.isnan(ours), np.isnan(theirs)), "NULL in other places"
    assert (~np.isnan(ours)).sum() > 50, "nothing to compare"
    assert np.allclose(ours, theirs, rtol=1e-11, atol=1e-14, equal_nan=True)


@pytest.mark.parametrize("name", TALIB)
def test_indicators_agree_with_talib(mart: pd.DataFrame, name: str) -> None:
    """Recursive ones from bar 250 on; the first value stands where the catalogue says."""
    skip = STABLE_AFTER if name in oracle.RECURSIVE else 0
    for symbol, rows in mart.groupby("symbol"):
        ours, theirs = floats(rows[name]), floats(oracle.indicators(rows)[name])
        first = int(np.flatnonzero(~np.isnan(ours))[0]) + 1
        assert first == NAMES[name].warm_up.first_value, symbol
        scale = floats(rows.current_price) if name in oracle.MACD else np.abs(theirs)
        assert np.array_equal(np.isnan(ours[skip:]), np.isnan(theirs[skip:])), symbol
        error = np.abs(ours - theirs)[skip:] <= 1e-9 * np.maximum(scale, 1e-9)[skip:]
        assert (error | np.isnan(theirs[skip:])).all(), symbol


@pytest.mark.parametrize("name", GRID)
def test_grid_columns_agree_with_pandas(mart: pd.DataFrame, name: str) -> None:
    """The first value stands at the declared hour, or at the first bar after a gap there."""
    for symbol, rows in mart.groupby("symbol"):
        indexed = rows.set_index("timestamp_iso")
        ours, theirs = floats(indexed[name]), floats(oracle.grid_features(indexed)[name])
        first = indexed.index[np.flatnonzero(~np.isnan(ours))[0]]
        hours = int((first - indexed.index[0]) / pd.Timedelta(hours=1)) + 1
        assert hours == NAMES[name].warm_up.first_value, symbol
        assert np.allclose(ours, theirs, rtol=1e-9, atol=1e-12, equal_nan=True), symbol


def test_percentages_are_of_the_close_a_day_before(mart: pd.DataFrame) -> None:
    """Unit `percent`: a hundredth is 1."""
    before = mart.current_price - mart.price_change_24h
    expected = 100 * mart.price_change_24h / before
    assert np.allclose(mart.price_change_percentage_24h, expected, equal_nan=True)


def test_quality_follows_from_the_columns(mart: pd.DataFrame) -> None:
    assert np.allclose(floats(mart.data_quality_score), quality(mart), atol=0.005)
    assert mart.data_quality_score.nunique() > 5


def test_prices_are_those_of_the_bars_served(
    scored_sample: TestWarehouse, mart: pd.DataFrame
) -> None:
    """Value by value, but for the one corrected bar."""
    columns = {"open_price": "open", "high_price": "high", "low_price": "low"}
    for symbol, rows in mart.groupby("symbol"):
        bars = scored_sample.sandbox.data.hourly(symbol)
        assert bars is not None
        opened = rows.timestamp_iso.to_numpy().astype("datetime64[s]").astype(int)
        at = np.searchsorted(bars.open_time, opened)
        assert np.array_equal(bars.open_time[at], opened)
        for ours, theirs in {**columns, "current_price": "close"}.items():
            differing = int((rows[ours].to_numpy() != getattr(bars, theirs)[at]).sum())
            assert differing == (symbol == "DOGE" and ours in {"high_price", "current_price"})
        typical = (rows.high_price + rows.low_price + rows.current_price) / 3
        assert np.allclose(rows.hourly_volume, rows.volume * typical)
