"""On-chain days of the sample, with late first values and later restatements of flows."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np

from ingestion.sandbox.model import HOUR, Bars, Floats, OnchainVersion, midnight
from ingestion.sandbox.sample_prices import COINS, DAYS, FIRST

Versions = tuple[OnchainVersion, ...]

#: Typical daily active addresses and transactions of the chains that report them.
CHAINS = {
    "BTC": (780_000, 420_000),
    "ETH": (520_000, 1_150_000),
    "XRP": (36_000, 1_450_000),
    "ADA": (42_000, 64_000),
    "DOGE": (110_000, 520_000),
    "LINK": (4_600, 11_000),
    "LTC": (370_000, 190_000),
}
#: Typical dollars that enter exchanges in a day.
FLOWS = {"BTC": 1.9e9, "ETH": 9.5e8}
#: Terahashes per second, and coins paid in fees a day, of the first coin.
HASH_RATE, DAILY_FEES = 5.9e8, 24.0
FIRST_DAY = FIRST.date() - timedelta(days=30)
LENGTH = DAYS + 30


def make_onchain(
    rng: np.random.Generator, bars: dict[str, dict[int, Bars]]
) -> dict[str, dict[str, Versions]]:
    """Return daily metrics by asset and metric; flows exist for two assets only."""
    found: dict[str, dict[str, Versions]] = {}
    for coin in COINS:
        growth = coin.supply * (1.0 + np.cumsum(rng.uniform(0.0, 8e-5, LENGTH)))
        metrics = {"SplyCur": _series(growth, 2)}
        if coin.symbol in CHAINS:
            addresses, transactions = CHAINS[coin.symbol]
            metrics["AdrActCnt"] = _dropped(rng, _series(_weekly(rng, addresses), 0))
            metrics["TxCnt"] = _dropped(rng, _series(_weekly(rng, transactions), 0))
            metrics["CapMVRVCur"] = _series(_mvrv(rng, bars[coin.symbol][HOUR]), 6)
        if coin.symbol in FLOWS:
            inflow = _weekly(rng, FLOWS[coin.symbol], spread=0.25)
            outflow = inflow * rng.normal(1.0, 0.06, LENGTH)
            metrics["FlowInExUSD"] = _restated(rng, inflow)
            metrics["FlowOutExUSD"] = _restated(rng, outflow)
        found[coin.symbol.lower()] = metrics
    # Drawn last, so that the metrics above stay as they were.
    found["btc"]["HashRate"] = _restated(rng, _weekly(rng, HASH_RATE, spread=0.04))
    found["btc"]["FeeTotNtv"] = _series(_weekly(rng, DAILY_FEES, spread=0.2), 8)
    return found


def _day(index: int) -> date:
    return FIRST_DAY + timedelta(days=index)


def _text(value: float, decimals: int) -> str:
    return f"{value:.{decimals}f}"


def _weekly(rng: np.random.Generator, level: float, spread: float = 0.06) -> Floats:
    """Return a level that drifts, with quiet weekends."""
    drift = np.exp(np.cumsum(rng.normal(0.0, 0.015, LENGTH)))
    weekday = np.array([_day(i).weekday() for i in range(LENGTH)])
    quiet = np.where(weekday >= 5, 0.86, 1.0)
    values: Floats = level * drift * quiet * rng.lognormal(0.0, spread, LENGTH)
    return values


def _mvrv(rng: np.random.Generator, bars: Bars) -> Floats:
    """Return a market to realised value ratio that follows the price."""
    index = np.searchsorted(bars.open_time, [midnight(_day(i)).timestamp() for i in range(LENGTH)])
    price = bars.close[np.clip(index, 0, len(bars) - 1)]
    realised = price[0] / 1.8 * np.exp(np.cumsum(rng.normal(0.0008, 0.001, LENGTH)))
    ratio: Floats = price / realised
    return ratio


def _series(values: Floats, decimals: int) -> Versions:
    return tuple(
        OnchainVersion(_day(i), _text(value, decimals)) for i, value in enumerate(values.tolist())
    )


def _dropped(rng: np.random.Generator, versions: Versions) -> Versions:
    """Return ``versions`` without two days, and with one that came thirty hours late."""
    gone = set(rng.choice(LENGTH - 20, 2, replace=False).tolist())
    late = int(rng.integers(LENGTH - 60, LENGTH - 10))
    return tuple(
        version._replace(known_at=midnight(version.day) + timedelta(hours=54))
        if i == late
        else version
        for i, version in enumerate(versions)
        if i not in gone
    )


def _restated(rng: np.random.Generator, values: Floats) -> Versions:
    """Return first values, and for one day in eight a second one some days later."""
    rows: list[OnchainVersion] = []
    for i, value in enumerate(values.tolist()):
        rows.append(OnchainVersion(_day(i), _text(value, 6)))
        if rng.random() < 0.125:
            known = midnight(_day(i + 1)) + timedelta(days=int(rng.integers(2, 20)), hours=15)
            changed = value * float(rng.normal(1.0, 0.03))
            rows.append(OnchainVersion(_day(i), _text(changed, 6), known))
    return tuple(rows)
