"""Five-minute bars of the sample: made from its hours so that they add up to them exactly.

Each number depends on the symbol, the hour and the place in it alone, so that a corrected hour
changes its own twelve bars and no others.
"""

from __future__ import annotations

import zlib
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ingestion.sandbox.model import HOUR, Bars, Floats, Ints

FIVE_MINUTES = 300
_SLOTS = HOUR // FIVE_MINUTES
#: Volumes of the sample are multiples of this: their sum is exact when counted in it.
_VOLUME_UNIT = 1e-6
#: Hours with less volume (in its unit) had one trade.
_ONE_TRADE = 1_200
_PRICE_DECIMALS = 5


class Flow(NamedTuple):
    """Turnover in the quote currency and number of trades, by bar."""

    quote: Floats
    trades: Ints


def five_minute_bars(hourly: Bars, symbol: str) -> Bars:
    """Return the bars that make the hours: the same open, high, low, close and volume.

    An hour of one price or of almost no volume has one bar, and gaps around it.
    """
    times = hourly.open_time[:, None] + FIVE_MINUTES * np.arange(_SLOTS)
    path, top, bottom, share = (_uniform(times, symbol, stream) for stream in range(4))
    high, low = hourly.high[:, None], hourly.low[:, None]
    close = hourly.open[:, None] + (hourly.close - hourly.open)[:, None] * (
        np.arange(1, _SLOTS + 1) / _SLOTS
    )
    close = _inside(close + (path - 0.5) * 0.6 * (high - low), low, high)
    close[:, -1] = hourly.close
    opened = np.column_stack([hourly.open, close[:, :-1]])
    above, below = np.maximum(opened, close), np.minimum(opened, close)
    highs = np.maximum(above, _inside(above + 0.3 * top * (high - above), low, high))
    lows = np.minimum(below, _inside(below - 0.3 * bottom * (below - low), low, high))
    rows = np.arange(len(hourly))
    at_high, at_low = top.argmax(axis=1), bottom.argmax(axis=1)
    highs[rows, at_high], lows[rows, at_low] = hourly.high, hourly.low
    units = np.round(hourly.volume / _VOLUME_UNIT).astype(np.int64)
    parts = np.floor(units[:, None] * (0.5 + share) / (0.5 + share).sum(axis=1)[:, None])
    volume = parts.astype(np.int64)
    volume[:, -1] += units - volume.sum(axis=1)

    single = (hourly.high == hourly.low) | (units < _ONE_TRADE)
    kept = ~single[:, None] | (np.arange(_SLOTS) == at_high[:, None])
    for split, whole in (
        (opened, hourly.open),
        (highs, hourly.high),
        (lows, hourly.low),
        (close, hourly.close),
        (volume, units),
    ):
        split[single] = whole[single, None]
    columns = (opened, highs, lows, close, volume / 1e6)
    return Bars(times[kept], *(column[kept] for column in columns))


def flow_of(minutes: Bars, symbol: str, opens: Ints, seconds: int) -> Flow:
    """Return turnover and trades of the bars of ``seconds`` that open at ``opens``."""
    typical = (minutes.high + minutes.low + minutes.close) / 3
    quote = minutes.volume * typical
    trades = 1 + np.floor(quote / 2_000 * (0.5 + _uniform(minutes.open_time, symbol, 4)))
    first = np.searchsorted(minutes.open_time, opens, side="left")
    last = np.searchsorted(minutes.open_time, opens + seconds, side="left")
    sums = (np.r_[0.0, np.cumsum(column)] for column in (quote, trades))
    quote_sum, trade_sum = (total[last] - total[first] for total in sums)
    return Flow(quote_sum, trade_sum.astype(np.int64))


def _inside(values: Floats, low: Floats, high: Floats) -> Floats:
    found: Floats = np.clip(np.round(values, _PRICE_DECIMALS), low, high)
    return found


def _uniform(times: Ints, symbol: str, stream: int) -> Floats:
    """Return numbers in [0, 1) that are always the same for a symbol, a time and a stream."""
    mixed: NDArray[np.uint64] = times.astype(np.uint64)
    mixed = mixed + np.uint64(zlib.crc32(f"{symbol} {stream}".encode()) << 32)
    # The finaliser of the splitmix64 generator; the products wrap around on purpose.
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed = mixed ^ (mixed >> np.uint64(31))
    found: Floats = (mixed >> np.uint64(11)).astype(np.float64) * 2.0**-53
    return found
