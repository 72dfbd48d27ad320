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


def indicators(bars: pd.DataFrame) -> pd.DataFrame:
    """Return TA-Lib's figures for one symbol's bars, in bar order.

    Where the highest high equals the lowest low TA-Lib's %K is 0; the contract says NULL, so it is
    NaN here, and so is every %D that contains it.

    Args:
        bars: columns high_price, low_price, current_price.
    """
    high, low, close = (
        bars[c].to_numpy(float) for c in ("high_price", "low_price", "current_price")
    )
    upper, middle, lower = talib.BBANDS(close, 20, 2, 2, 0)
    line, signal, histogram = talib.MACD(close, 12, 26, 9)
    fast_k, _ = talib.STOCHF(high, low, close, 14, 1, 0)
    stoch_k = np.where(talib.MAX(high, 14) == talib.MIN(low, 14), np.nan, fast_k)
    return pd.DataFrame(
        {
            "rsi_14": talib.RSI(close, 14),
            "sma_20": talib.SMA(close, 20),
            "sma_50": talib.SMA(close, 50),
            "ema_12": talib.EMA(close, 12),
            "ema_26": talib.EMA(close, 26),
            "macd_line": line,
            "macd_signal": signal,
            "macd_histogram": histogram,
            "bb_upper": upper,
            "bb_middle": middle,
            "bb_lower": lower,
            "stoch_k": stoch_k,
            "stoch_d": pd.Series(stoch_k).rolling(3, min_periods=3).mean().to_numpy(),
            "atr_14": talib.ATR(high, low, close, 14),
        },
        index=bars.index,
    )


def grid_features(bars: pd.DataFrame) -> pd.DataFrame:
    """Return sums and changes over the full hour grid: a missing hour is a row of NaN.

    Args:
        bars: one symbol; index = opening time; columns high_price, low_price, current_price, volume
            (base units).
    """
    grid = bars.reindex(pd.date_range(bars.index[0], bars.index[-1], freq="h"))
    typical = (grid.high_price + grid.low_price + grid.current_price) / 3
    quote, base = (grid.volume * typical).fillna(0), grid.volume.fillna(0)
    before = grid.current_price.shift(24)
    # pandas slides its sums and keeps a residue where all 24 volumes are 0: count those apart.
    traded = (base > 0).rolling(24).sum()
    quote_24h, base_24h = quote.rolling(24).sum(), base.rolling(24).sum()
    returns = np.log(grid.current_price / grid.current_price.shift(1))
    features = pd.DataFrame(
        {
            "volume_24h": quote_24h,
            "price_change_24h": grid.current_price - before,
            "price_change_percentage_24h": 100 * (grid.current_price - before) / before,
            "vwap": (quote_24h / base_24h).where(traded > 0),
            "price_volatility_7d": returns.rolling(168, min_periods=160).std(),
        }
    )
    return features.reindex(bars.index)
