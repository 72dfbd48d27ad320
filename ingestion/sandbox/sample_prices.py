"""Hourly bars of the sample: random walks with volatility clusters, and the gaps of real books."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from ingestion.sandbox.model import HOUR, Bars, Floats, Ints, Snapshots

DAYS = 150
FIRST = datetime(2024, 2, 2, tzinfo=UTC)
HOURS = DAYS * 24
#: An outage hits every symbol: (first missing hour, number of hours).
OUTAGES = ((41 * 24 + 9, 5), (103 * 24 + 2, 3))
#: The newest hours have every bar, so that a demo ends on whole rows.
WHOLE_END = 72


@dataclass(frozen=True)
class Coin:
    """A coin of the sample.

    ``price`` is in dollars at the start, ``volatility`` the usual standard deviation of an
    hour's return, ``turnover`` dollars an hour, ``missing`` how many single hours had no trade,
    ``flat`` how many had one price, ``listed_day`` the day of its first bar.
    """

    symbol: str
    price: float
    decimals: int
    volatility: float
    beta: float
    turnover: float
    supply: float
    max_supply: float | None = None
    missing: int = 0
    flat: int = 0
    listed_day: int = 0


COINS = (
    Coin("BTC", 43_000.0, 2, 0.0045, 1.0, 3.2e7, 19_620_000.0, 21_000_000.0),
    Coin("ETH", 2_300.0, 2, 0.0055, 1.1, 1.8e7, 120_200_000.0),
    Coin("SOL", 98.0, 2, 0.0080, 1.4, 8.0e6, 436_000_000.0),
    Coin("XRP", 0.51, 4, 0.0065, 0.9, 3.1e6, 54_300_000_000.0, 100_000_000_000.0, flat=2),
    Coin("ADA", 0.50, 4, 0.0070, 1.1, 1.3e6, 35_400_000_000.0, 45_000_000_000.0, 3, 3),
    Coin("DOGE", 0.079, 5, 0.0085, 1.3, 1.9e6, 142_800_000_000.0, None, 2, 2),
    Coin("LINK", 17.5, 3, 0.0075, 1.1, 9.0e5, 568_100_000.0, 1_000_000_000.0, 6, 4),
    Coin("DOT", 6.8, 3, 0.0070, 1.1, 4.0e5, 1_330_000_000.0, None, 9, 6),
    Coin("LTC", 68.0, 2, 0.0060, 0.9, 6.0e5, 74_200_000.0, 84_000_000.0, 7, 5),
    Coin("AVAX", 36.0, 2, 0.0080, 1.3, 7.0e5, 367_000_000.0, 720_000_000.0, 8, 4, 30),
)
SYMBOLS = tuple(coin.symbol for coin in COINS)


def make_bars(rng: np.random.Generator) -> dict[str, dict[int, Bars]]:
    """Return the hourly bars of every coin of the sample."""
    returns = _returns(rng)
    starts = int(FIRST.timestamp()) + HOUR * np.arange(HOURS, dtype=np.int64)
    return {
        coin.symbol: {HOUR: _coin_bars(rng, coin, returns[:, i], starts)}
        for i, coin in enumerate(COINS)
    }


def make_snapshots(
    rng: np.random.Generator, bars: dict[str, dict[int, Bars]]
) -> dict[str, Snapshots]:
    """Return supply and market value every six hours, priced at the close before."""
    found: dict[str, Snapshots] = {}
    for coin in COINS:
        own = bars[coin.symbol][HOUR]
        part = own.select(own.open_time % (6 * HOUR) == 5 * HOUR)
        growth = 1.0 + np.cumsum(rng.uniform(0.0, 2e-5, len(part)))
        supply = np.round(coin.supply * growth, 0)
        found[coin.symbol] = Snapshots(
            at=part.open_time + HOUR,
            price=part.close,
            cap=np.round(part.close * supply, 0),
            supply=supply,
            max_supply=coin.max_supply,
        )
    return found


def _returns(rng: np.random.Generator) -> Floats:
    """Return hourly log returns, hours by coins: a market factor plus each coin's own noise.

    Variance follows a GARCH(1,1) recursion, so calm and wild spells come in clusters.
    """
    volatility = np.array([coin.volatility for coin in COINS])
    beta = np.array([coin.beta for coin in COINS])
    noise = np.clip(rng.standard_t(5, (HOURS, len(COINS) + 1)), -8, 8) / np.sqrt(5 / 3)
    variance = np.ones(len(COINS) + 1)
    shocks = np.empty((HOURS, len(COINS) + 1))
    for hour in range(HOURS):
        shocks[hour] = np.sqrt(variance) * noise[hour]
        variance = np.clip(0.03 + 0.10 * shocks[hour] ** 2 + 0.87 * variance, 0.1, 25.0)
    market = 0.0032 * shocks[:, :1] * beta
    own: Floats = np.sqrt(np.maximum(volatility**2 - (0.0032 * beta) ** 2, 4e-6)) * shocks[:, 1:]
    moves: Floats = np.clip(market + own + 3e-5, -0.15, 0.15)
    return moves


def _coin_bars(rng: np.random.Generator, coin: Coin, moves: Floats, starts: Ints) -> Bars:
    path = coin.price * np.exp(np.cumsum(moves))
    first = np.r_[coin.price, path[:-1]]
    opened = first * (1.0 + rng.normal(0.0, 1e-4, HOURS))
    wick = np.abs(moves) * 0.3 + coin.volatility * 0.4
    top = np.maximum(opened, path) * (1.0 + rng.exponential(1.0, HOURS) * wick * 0.5)
    bottom = np.minimum(opened, path) * (1.0 - rng.exponential(1.0, HOURS) * wick * 0.5)
    hour_of_day = (starts // HOUR % 24).astype(np.float64)
    busy = 1.0 + 0.4 * np.cos((hour_of_day - 15.0) / 24.0 * 2.0 * np.pi)
    burst = 1.0 + 60.0 * np.abs(moves)
    dollars = coin.turnover * busy * burst * rng.lognormal(0.0, 0.45, HOURS)
    opened, top, bottom, path = (np.round(c, coin.decimals) for c in (opened, top, bottom, path))
    volume = np.round(dollars / path, 6)
    flat = rng.choice(HOURS - WHOLE_END, coin.flat, replace=False)
    for column in (top, bottom, path):
        column[flat] = opened[flat]
    volume[flat] = np.round(volume[flat] * 1e-4, 6)
    bars = Bars(
        open_time=starts,
        open=opened,
        high=np.maximum.reduce([opened, path, top]),
        low=np.minimum.reduce([opened, path, bottom]),
        close=path,
        volume=volume,
    )
    return bars.select(_kept(rng, coin))


def _kept(rng: np.random.Generator, coin: Coin) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Return which hours of a coin have a bar."""
    kept = np.ones(HOURS, dtype=np.bool_)
    kept[: coin.listed_day * 24] = False
    for first, hours in OUTAGES:
        kept[first : first + hours] = False
    kept[rng.choice(np.arange(40 * 24, HOURS - WHOLE_END), coin.missing, replace=False)] = False
    return kept
