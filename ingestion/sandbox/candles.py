"""Bars as an exchange shows them at the clock, whatever its wire format."""

from __future__ import annotations

import numpy as np

from ingestion.sandbox.model import HOUR, Bars
from ingestion.sandbox.sample_minutes import FIVE_MINUTES, Flow, five_minute_bars, flow_of
from ingestion.sandbox.state import SandboxState


def served(
    state: SandboxState, symbol: str, seconds: int, now: int, start: float, end: float
) -> Bars | None:
    """Return the bars that open in [start, end] as they look at ``now``, oldest first.

    The running bar shows what it would show so far. None where there are no bars of that length.
    """
    by_interval = state.data.bars.get(symbol, {})
    bars = bars_of(state, symbol, seconds, now)
    if bars is None:
        return None
    first = int(np.searchsorted(bars.open_time, start, side="left"))
    last = int(np.searchsorted(bars.open_time, min(end, now - 1), side="right"))
    part = bars.select(slice(first, max(first, last)))
    is_final = seconds in by_interval or seconds < HOUR  # put together ones hold closed hours only
    if len(part) == 0 or not is_final or part.open_time[-1] + seconds <= now:
        return part
    return _running(part, (now - int(part.open_time[-1])) / seconds)


def bars_of(state: SandboxState, symbol: str, seconds: int, now: int) -> Bars | None:
    """Return all bars of a length: from the data, split for the sample, or put together."""
    by_interval = state.data.bars.get(symbol, {})
    if by_interval.get(seconds):
        return by_interval[seconds]
    if seconds == FIVE_MINUTES:
        return five_minutes(state, symbol)
    return aggregated(by_interval, seconds, now)


def five_minutes(state: SandboxState, symbol: str) -> Bars | None:
    """Return the five-minute bars of the sample; real hours are not split into invented ones."""
    hourly = state.data.hourly(symbol)
    if not state.data.is_sample or hourly is None:
        return None
    key = f"five_minutes {symbol}"
    if key not in state.cache:
        state.cache[key] = five_minute_bars(hourly, symbol)
    bars: Bars = state.cache[key]
    return bars


def flow(state: SandboxState, symbol: str, part: Bars, seconds: int, now: int) -> Flow | None:
    """Return turnover and trades of bars of up to an hour, as they look at ``now``.

    None where the data does not tell.
    """
    minutes = five_minutes(state, symbol) if seconds <= HOUR else None
    if minutes is None or seconds % FIVE_MINUTES:
        return None
    found = flow_of(minutes, symbol, part.open_time, seconds)
    if len(part) and part.open_time[-1] + seconds > now:
        share = (now - int(part.open_time[-1])) / seconds
        typical = (part.high[-1] + part.low[-1] + part.close[-1]) / 3
        found.quote[-1] = typical * part.volume[-1]
        found.trades[-1] = int(found.trades[-1] * share)
    return found


def aggregated(by_interval: dict[int, Bars], seconds: int, now: int) -> Bars | None:
    """Return longer bars put together from the hours closed by ``now``, or None."""
    hourly = by_interval.get(HOUR)
    if hourly is None or seconds <= HOUR:
        return None
    hourly = hourly.select(hourly.open_time + HOUR <= now)
    return joined(hourly, seconds) if len(hourly) else None


def joined(bars: Bars, seconds: int) -> Bars:
    """Return the longer bars that ``bars``, of which there is one at least, make."""
    bucket = bars.open_time // seconds * seconds
    starts = np.flatnonzero(np.r_[True, bucket[1:] != bucket[:-1]])
    ends = np.r_[starts[1:], len(bucket)] - 1
    return Bars(
        open_time=bucket[starts],
        open=bars.open[starts],
        high=np.maximum.reduceat(bars.high, starts),
        low=np.minimum.reduceat(bars.low, starts),
        close=bars.close[ends],
        volume=np.add.reduceat(bars.volume, starts),
    )


def _running(bars: Bars, share: float) -> Bars:
    """Return the bars with the last as it looks when only ``share`` of its time has passed."""
    first, high, low = float(bars.open[-1]), float(bars.high[-1]), float(bars.low[-1])
    close = first + (float(bars.close[-1]) - first) * share
    return bars.corrected(
        int(bars.open_time[-1]),
        high=max(first, close, first + (high - first) * share),
        low=min(first, close, first - (first - low) * share),
        close=close,
        volume=float(bars.volume[-1]) * share,
    )
