"""What the sandbox serves: plain facts with the times at which each became public.

Every class here is data. The provider modules turn it into wire formats, and cut it at the
sandbox clock, so that nothing later than the clock is ever served.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ingestion.sandbox.model_texts import Article, Category, Post, Submission

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

HOUR = 3600
#: A day's on-chain figures are public this long after the day ends (measured: 13.1 h).
ONCHAIN_LAG = timedelta(hours=13)
#: US statistics of a day are on FRED by this hour of the day, UTC.
MACRO_RELEASE_TIME = time(13, 30, tzinfo=UTC)

#: Metrics the community tier of the on-chain provider hands out without a key.
COMMUNITY_METRICS = frozenset(
    {
        "ActiveStakeADA",
        "AdrActCnt",
        "BlkCnt",
        "CapMVRVCur",
        "CapMrktCurUSD",
        "FeeTotNtv",
        "FlowInExNtv",
        "FlowInExUSD",
        "FlowOutExNtv",
        "FlowOutExUSD",
        "HashRate",
        "IssTotNtv",
        "IssTotUSD",
        "PriceUSD",
        "ReferenceRateUSD",
        "SplyCur",
        "SplyExNtv",
        "TxCnt",
    }
)


def aware(moment: datetime) -> datetime:
    """Return ``moment`` in UTC.

    Raises:
        ValueError: ``moment`` has no time zone.
    """
    if moment.tzinfo is None:
        msg = f"{moment.isoformat()} has no time zone: add one, for example +00:00"
        raise ValueError(msg)
    return moment.astimezone(UTC)


def midnight(day: date) -> datetime:
    """Return the first moment of ``day`` in UTC."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


@dataclass(frozen=True)
class Bars:
    """Bars of one symbol, ascending and without duplicates.

    ``open_time`` holds unix seconds of each bar's start; prices are in the quote currency and
    ``volume`` in base units. A bar that is not there had no trade.
    """

    open_time: Ints
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats

    def __len__(self) -> int:
        return len(self.open_time)

    def select(self, keep: NDArray[np.bool_] | slice) -> Bars:
        """Return the bars where ``keep`` holds: a mask or a slice."""
        prices = (self.open, self.high, self.low, self.close, self.volume)
        return Bars(self.open_time[keep], *(column[keep] for column in prices))

    def corrected(self, open_time: int, **values: float) -> Bars:
        """Return a copy in which the bar starting at ``open_time`` has other ``values``.

        Raises:
            KeyError: no bar starts at ``open_time``.
        """
        at = int(np.searchsorted(self.open_time, open_time))
        if at == len(self) or self.open_time[at] != open_time:
            msg = f"no bar starts at {open_time}"
            raise KeyError(msg)
        changed: dict[str, Any] = {}
        for name, value in values.items():
            changed[name] = getattr(self, name).copy()
            changed[name][at] = value
        return replace(self, **changed)


class OnchainVersion(NamedTuple):
    """One value of a metric for a day; ``known_at`` None means the usual lag after the day."""

    day: date
    value: str
    known_at: datetime | None = None

    def visible_from(self) -> datetime:
        """Return the moment from which the provider shows this version."""
        if self.known_at is not None:
            return self.known_at
        return midnight(self.day) + timedelta(days=1) + ONCHAIN_LAG


class MacroVintage(NamedTuple):
    """One published value of an observation; "." stands for a missing one."""

    observation_date: date
    value: str
    realtime_start: date | None = None


@dataclass(frozen=True)
class MacroSeries:
    """A series of the macro provider.

    ``vintages`` ascend by observation date, then by ``realtime_start``. Rows without a
    ``realtime_start`` are of unknown vintage and are shown ``lag_days`` after their date.
    """

    series_id: str
    vintages: tuple[MacroVintage, ...]
    title: str = ""
    frequency: str = "D"
    units: str = "Percent"
    lag_days: int = 1


class FearGreedDay(NamedTuple):
    """The fear and greed index of a day, 0 to 100, public just after that day starts."""

    day: date
    value: int


class AnnualValue(NamedTuple):
    """An annual figure of a country; the version published last before the clock is shown."""

    year: int
    value: float | None
    published: date


@dataclass(frozen=True)
class Snapshots:
    """Supply and market value of one asset at moments ``at`` (unix seconds); NaN is unknown."""

    at: Ints
    price: Floats
    cap: Floats
    supply: Floats
    max_supply: float | None = None


@dataclass
class SandboxData:
    """All facts of a sandbox. ``bars`` maps a symbol to its bars by interval in seconds."""

    bars: dict[str, dict[int, Bars]] = field(default_factory=dict)
    onchain: Mapping[str, Mapping[str, tuple[OnchainVersion, ...]]] = field(default_factory=dict)
    macro: dict[str, MacroSeries] = field(default_factory=dict)
    fear_greed: tuple[FearGreedDay, ...] = ()
    #: By COUNTRY:INDICATOR.
    indicators: dict[str, tuple[AnnualValue, ...]] = field(default_factory=dict)
    articles: tuple[Article, ...] = ()
    posts: tuple[Post, ...] = ()
    submissions: tuple[Submission, ...] = ()
    snapshots: dict[str, Snapshots] = field(default_factory=dict)
    is_sample: bool = False
    community_metrics: frozenset[str] = COMMUNITY_METRICS

    def hourly(self, symbol: str) -> Bars | None:
        """Return the hourly bars of ``symbol``, or None."""
        return self.bars.get(symbol, {}).get(HOUR)

    def symbols(self) -> list[str]:
        """Return the symbols that have hourly bars."""
        return sorted(s for s, by in self.bars.items() if HOUR in by and len(by[HOUR]) > 0)

    def feeds(self) -> dict[str, Category]:
        """Return the category of each feed, by feed name."""
        return {a.feed: a.category for a in self.articles}

    def first_moment(self) -> datetime | None:
        """Return the start of the oldest hourly bar, or None without bars."""
        starts = [int(b.open_time[0]) for s in self.symbols() if (b := self.hourly(s))]
        return datetime.fromtimestamp(min(starts), UTC) if starts else None

    def default_now(self) -> datetime:
        """Return the clock a sandbox starts with: a minute after the newest hourly bar's close.

        Without bars it is the newest article or post, and without those the real clock.
        """
        newest = [int(b.open_time[-1]) for s in self.symbols() if (b := self.hourly(s))]
        if newest:
            return datetime.fromtimestamp(max(newest) + HOUR + 60, UTC)
        texts = [a.published_at for a in self.articles] + [p.created_at for p in self.posts]
        return max(texts) + timedelta(minutes=1) if texts else datetime.now(UTC)
