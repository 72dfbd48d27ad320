"""Five-minute bars that add up to given hourly bars, for providers that serve both."""

from __future__ import annotations

import numpy as np

from ingestion.sandbox.model import HOUR, Bars, Floats, Ints

FIVE_MINUTES = 300
PARTS = HOUR // FIVE_MINUTES


def five_minute_bars(hourly: Bars) -> Bars:
    """Return twelve bars for each hourly one, always the same ones.

    First open, highest high, lowest low, last close and the sum of the volumes, in whatever order
    they are added, are exactly those of the hour.
    """
    hours = len(hourly)
    part = np.arange(PARTS)
    times: Ints = (hourly.open_time[:, None] + part * FIVE_MINUTES).astype(np.int64)
    chance = _chance(times)
    path = hourly.open[:, None] + (hourly.close - hourly.open)[:, None] * (part + 1) / PARTS
    wiggle = (chance - 0.5) * (hourly.high - hourly.low)[:, None]
    close = np.clip(path + wiggle, hourly.low[:, None], hourly.high[:, None])
    close[:, -1] = hourly.close
    opened = np.concatenate([hourly.open[:, None], close[:, :-1]], axis=1)
    high, low = np.maximum(opened, close), np.minimum(opened, close)
    row = np.arange(hours)
    high[row, (chance[:, 0] * PARTS).astype(np.int64)] = hourly.high
    low[row, (chance[:, 1] * PARTS).astype(np.int64)] = hourly.low
    volume = _shares(hourly.volume, chance)
    return Bars(times.ravel(), *(x.ravel() for x in (opened, high, low, close, volume)))


def _chance(times: Ints) -> Floats:
    """Return a number in [0, 1) for each moment that looks random and is always the same."""
    mixed = (times // FIVE_MINUTES).astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    mixed ^= mixed >> np.uint64(29)
    mixed *= np.uint64(0xBF58476D1CE4E5B9)
    chance: Floats = (mixed >> np.uint64(11)).astype(np.float64) / 2.0**53
    return chance


def _shares(volume: Floats, chance: Floats) -> Floats:
    """Return the volumes of the parts.

    Each is a whole multiple of the last place of the hour's volume, so that no sum of them is
    ever rounded.
    """
    unit = np.spacing(volume)[:, None]
    weights = 0.5 + chance
    weights /= weights.sum(axis=1, keepdims=True)
    shares: Floats = np.floor(volume[:, None] * weights / unit) * unit
    shares[:, -1] = volume - shares[:, :-1].sum(axis=1)
    return shares
