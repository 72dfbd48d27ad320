"""Independent reference for the mart's facts: brute force over the raw rows, one close at a time.

For every bar close it looks at what was available and takes the newest. Nothing here shares code or
shape with the warehouse's SQL, which works with intervals; speed does not matter.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any

import pandas as pd

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
Query = Callable[[str], list[dict[str, Any]]]
Number = float | None
CHAIN = {
    "active_addresses_24h": "AdrActCnt",
    "transaction_count_24h": "TxCnt",
    "onchain_mvrv_ratio": "CapMVRVCur",
}
MACRO = {
    "vix": ("VIXCLS", 10),
    "spx": ("SP500", 10),
    "dxy": ("DTWEXBGS", 21),
    "tnx": ("DGS10", 10),
    "fed_funds_rate": ("DFF", 10),
    "fear_greed_index": ("FNG", 2),
}
_TECHNICAL = (
    *("rsi_14", "sma_50", "macd_signal", "bb_upper"),
    *("stoch_k", "atr_14", "vwap", "price_volatility_7d"),
)
#: Weight and columns of each group of the quality score.
QUALITY = (
    (30, ("current_price", "volume_24h", "market_cap", "price_change_24h")),
    (30, _TECHNICAL),
    (10, (*CHAIN, "exchange_net_flow_24h")),
    (10, ("vix", "spx", "dxy", "tnx", "fed_funds_rate")),
    (
        15,
        (
            *(f"{of}_sentiment_count" for of in ("crypto", "stock", "general_crypto")),
            "fear_greed_index",
        ),
    ),
    (5, ("social_post_count",)),
)


@dataclass(frozen=True)
class Version:
    """A value of a fact, and when it could be known."""

    available_at: datetime
    loaded_at: datetime
    value: float


class Facts:
    """The versions of one series by the moment that each is about."""

    def __init__(self, rows: Iterable[tuple[datetime, Version]]) -> None:
        """Sort the versions by what they are about."""
        found: dict[datetime, list[Version]] = defaultdict(list)
        for event, version in rows:
            found[event].append(version)
        self._versions = dict(sorted(found.items(), reverse=True))

    def events(self) -> Iterable[datetime]:
        """Return what there are values about, newest first."""
        return self._versions

    def about(self, event: datetime, close: datetime) -> Number:
        """Return what was said of an event by a close."""
        known = [v for v in self._versions.get(event, ()) if v.available_at <= close]
        return max(known, key=lambda v: (v.available_at, v.loaded_at)).value if known else None

    def at(self, close: datetime, max_age: timedelta | None = None) -> Number:
        """Return the value about the newest event known at a close, unless it is too old."""
        for event in self._versions:
            if max_age is not None and close - event > max_age:
                return None
            if (value := self.about(event, close)) is not None:
                return value
        return None


class FactOracle:
    """Supply, on-chain and macro columns, for one symbol and one close."""

    def __init__(self, query: Query) -> None:
        """Read the raw rows; `query` runs SQL, times come back aware."""
        self._query = query
        self._chain = self._facts(
            "select symbol, metric, day, value, available_at, loaded_at from crypto_raw."
            "onchain_metrics where provider = 'coinmetrics'",
            lambda row: (row["symbol"], row["metric"]),
            lambda row: datetime.combine(row["day"], time()) + DAY,
        )
        self._macro = self._facts(
            "select * from crypto_raw.macro_observations",
            lambda row: row["series_id"],
            lambda row: datetime.combine(row["observation_date"], time()),
        )
        self._supply = self._facts(
            "select *, circulating_supply as value from crypto_raw.asset_snapshots "
            "where circulating_supply > 0",
            lambda row: row["symbol"],
            lambda row: naive(row["captured_at"]).replace(minute=0, second=0, microsecond=0),
        )

    def _facts(self, sql: str, key: Callable[[Any], Any], event: Callable[[Any], datetime]) -> Any:
        found = defaultdict(list)
        for row in self._query(sql):
            version = Version(naive(row["available_at"]), naive(row["loaded_at"]), row["value"])
            found[key(row)].append((event(row), version))
        return {name: Facts(rows) for name, rows in found.items()}

    def row(self, symbol: str, close: datetime, price: float) -> dict[str, Number]:
        """Return the columns of a symbol's bar."""
        return {
            "market_cap": self._market_cap(symbol, close, price),
            **self._chain_columns(symbol, close),
            **{
                name: self._macro[series].at(close, timedelta(days=days))
                for name, (series, days) in MACRO.items()
            },
        }

    def _market_cap(self, symbol: str, close: datetime, price: float) -> Number:
        sources = (self._supply.get(symbol), self._chain.get((symbol, "SplyCur")))
        known = [
            (event, value)
            for facts in sources
            if facts is not None
            for event in facts.events()
            if (value := facts.about(event, close)) is not None and value > 0
        ]
        return max(known)[1] * price if known else None

    def _chain_columns(self, symbol: str, close: datetime) -> dict[str, Number]:
        age, none = timedelta(hours=72), Facts(())
        own = {
            name: self._chain.get((symbol, metric), none).at(close, age)
            for name, metric in CHAIN.items()
        }
        inflow, outflow = (
            self._chain.get((symbol, name), none) for name in ("FlowInExUSD", "FlowOutExUSD")
        )
        flow: Number = None
        for event in inflow.events():
            parts = inflow.about(event, close), outflow.about(event, close)
            if parts[0] is not None and parts[1] is not None:
                flow = parts[0] - parts[1] if close - event <= age else None
                break
        return {**own, "exchange_net_flow_24h": flow}


def quality(mart: pd.DataFrame) -> pd.Series:
    """Return the quality score that follows from the other columns."""
    parts = [weight * mart[list(names)].notna().mean(axis=1) for weight, names in QUALITY]
    return sum(parts[1:], parts[0])


def naive(moment: datetime) -> datetime:
    """Return an aware moment as naive UTC."""
    return pd.Timestamp(moment).tz_convert("UTC").tz_localize(None).to_pydatetime()
