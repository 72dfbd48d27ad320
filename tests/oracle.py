"""Independent references for the mart: TA-Lib for indicators, pandas for the hour grid.

Nothing here shares code with the warehouse: bars come in as a frame, features come out as a frame.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import talib

RECURSIVE = ("rsi_14", "ema_12", "ema_26", "macd_line", "macd_signal", "macd_histogram", "atr_14")
WINDOWED = ("sma_20", "sma_50", "bb_upper", "bb_middle", "bb_lower", "stoch_k", "stoch_d")
MACD = ("macd_line", "macd_signal", "macd_histogram")
GRID = (
    "volume_24h",
    "price_change_24h",
    "price_change_percentage_24h",
    "vwap",
    "price_volatility_7d",
)


def _seeded_ema(values: np.ndarray, bars: int) -> np.ndarray:
    """EMA seeded with the simple mean of the first `bars` values that are not NaN."""
    out = np.full(len(values), np.nan)
    start = int(np.argmax(~np.isnan(values)))
    seed_at = start + bars - 1
    if seed_at >= len(values):
        return out
    out[seed_at] = values[start : seed_at + 1].mean()
    alpha = 2 / (bars + 1)
    for i in range(seed_at + 1, len(values)):
        out[i] = alpha * values[i] + (1 - alpha) * out[i - 1]
    return out


def indicators(bars: pd.DataFrame) -> pd.DataFrame:
    """TA-Lib's figures for one symbol's bars, in order.

    TA-Lib seeds both EMAs of its MACD at the same bar, the contract seeds each at its own: MACD is
    therefore built here from TA-Lib's own EMAs and a hand-written seeded EMA.

    Args:
        bars: columns high_price, low_price, current_price, in bar order.
    """
    high, low, close = (bars[c].to_numpy(float) for c in ("high_price", "low_price", "current_price"))
    upper, middle, lower = talib.BBANDS(close, 20, 2, 2, 0)
    stoch_k, _ = talib.STOCHF(high, low, close, 14, 1, 0)
    flat = talib.MAX(high, 14) == talib.MIN(low, 14)
    stoch_k = np.where(flat, np.nan, stoch_k)
    stoch_d = pd.Series(stoch_k).rolling(3, min_periods=3).mean().to_numpy()
    first_k = np.full(len(close), np.nan)
    lowest, highest = talib.MIN(low, 14), talib.MAX(high, 14)
    with np.errstate(invalid="ignore", divide="ignore"):
        first_k = np.where(flat, np.nan, 100 * (close - lowest) / (highest - lowest))
    stoch_k = np.where(np.isnan(stoch_k), first_k, stoch_k)
    stoch_d = pd.Series(stoch_k).rolling(3, min_periods=3).mean().to_numpy()
    ema_12, ema_26 = talib.EMA(close, 12), talib.EMA(close, 26)
    line = ema_12 - ema_26
    signal = _seeded_ema(line, 9)
    return pd.DataFrame(
        {
            "rsi_14": talib.RSI(close, 14),
            "sma_20": talib.SMA(close, 20),
            "sma_50": talib.SMA(close, 50),
            "ema_12": ema_12,
            "ema_26": ema_26,
            "macd_line": line,
            "macd_signal": signal,
            "macd_histogram": line - signal,
            "bb_upper": upper,
            "bb_middle": middle,
            "bb_lower": lower,
            "stoch_k": stoch_k,
            "stoch_d": stoch_d,
            "atr_14": talib.ATR(high, low, close, 14),
        },
        index=bars.index,
    )


def grid_features(bars: pd.DataFrame) -> pd.DataFrame:
    """Sums and changes over the full hour grid, by pandas: a missing hour is a row of NaN.

    Args:
        bars: one symbol; index = opening time; columns high_price, low_price, current_price, volume
            (base units).
    """
    grid = bars.reindex(pd.date_range(bars.index[0], bars.index[-1], freq="h"))
    typical = (grid.high_price + grid.low_price + grid.current_price) / 3
    quote, base = (grid.volume * typical).fillna(0), grid.volume.fillna(0)
    before = grid.current_price.shift(24)
    quote_24h, base_24h = quote.rolling(24).sum(), base.rolling(24).sum()
    exact_base = np.array([base.iloc[max(0, i - 23) : i + 1].sum() for i in np.flatnonzero(base_24h < 1e-6)])
    if exact_base.size and (exact_base == 0).any():
        base_24h = base_24h.mask(base_24h < 1e-6)
    returns = np.log(grid.current_price / grid.current_price.shift(1))
    out = pd.DataFrame(
        {
            "volume_24h": quote_24h,
            "price_change_24h": grid.current_price - before,
            "price_change_percentage_24h": 100 * (grid.current_price - before) / before,
            "vwap": quote_24h / base_24h,
            "price_volatility_7d": returns.rolling(168, min_periods=160).std(),
        }
    )
    return out.reindex(bars.index)
