"""Walk-forward splits in time, purged and embargoed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from features.client import arrow_of
from features.errors import FeatureError
from features.labels import AVAILABLE, hours_of

Positions = np.ndarray[Any, np.dtype[np.int64]]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Split:
    """One split: positions of rows in the frame (`iloc`), ascending.

    Attributes:
        train: rows whose labels were all known `embargo` before the test began.
        test: rows that opened within [test_start, test_end).
    """

    train: Positions
    test: Positions
    test_start: datetime
    test_end: datetime


def time_splits(
    frame: Any,
    n_splits: int = 5,
    purge: int | timedelta = 0,
    embargo: int | timedelta = 0,
    *,
    train_hours: int | timedelta | None = None,
) -> list[Split]:
    """Return walk-forward splits: each tests on later hours than it trains on.

    The hours of the frame, over all symbols together, are cut into `n_splits` + 1 blocks of about
    the same number of hours; split k tests on block k + 1 and trains on what came before. A row
    trains only if its label interval, from its opening to `label_available_at`, ends at least
    `embargo` before the first hour of the test opens: no label that the model learned from was
    still open when the test began.

    Args:
        frame: of pandas, polars or Arrow with `timestamp_iso`, and `label_available_at` if labels
            were added by `forward_returns`.
        n_splits: number of splits.
        purge: hours that a label reaches past its row's close at least; for frames whose labels
            were made elsewhere. Without it and without `label_available_at`: the close itself.
        embargo: hours left out between the last training label and the test.
        train_hours: a rolling window: train only on rows that opened this long before the test.

    Raises:
        FeatureError: too few hours for the splits, or purge and embargo leave nothing to train on.
    """
    table, _ = arrow_of(frame)
    purge_hours, gap = _hours("purge", purge), _hours("embargo", embargo)
    window = None if train_hours is None else _hours("train_hours", train_hours)
    if isinstance(n_splits, bool) or not isinstance(n_splits, int) or n_splits < 1:
        msg = f"n_splits {n_splits}: give a whole number, at least 1"
        raise FeatureError(msg)
    if "timestamp_iso" not in table.column_names:
        msg = "this frame has no column timestamp_iso to split by"
        raise FeatureError(msg)
    opened = hours_of(table)
    ends = opened + 1 + purge_hours
    if AVAILABLE in table.column_names:
        ends = np.maximum(ends, _label_ends(table))
    present = np.unique(opened)
    if len(present) < n_splits + 1:
        msg = (
            f"{len(present)} hours are too few for {n_splits} splits; it takes one more than splits"
        )
        raise FeatureError(msg)
    blocks = np.array_split(present, n_splits + 1)
    return [_split(opened, ends, block, gap, window) for block in blocks[1:]]


def _split(
    opened: Positions, ends: Positions, block: Positions, gap: int, window: int | None
) -> Split:
    start, last = int(block[0]), int(block[-1])
    is_train = ends + gap <= start
    if window is not None:
        is_train &= opened >= start - window
    train = np.flatnonzero(is_train)
    if not len(train):
        msg = (
            f"nothing is left to train on before {_moment(start):%Y-%m-%d %H:%M}; "
            "take fewer splits, a smaller embargo, or more history"
        )
        raise FeatureError(msg)
    test = np.flatnonzero((opened >= start) & (opened <= last))
    return Split(train, test, _moment(start), _moment(last + 1))


def _label_ends(table: pa.Table) -> Positions:
    column = table[AVAILABLE]
    if column.null_count:
        msg = f"{AVAILABLE} is missing in {column.null_count} rows; drop them or fill it first"
        raise FeatureError(msg)
    return hours_of(table, AVAILABLE)


def _hours(name: str, value: int | timedelta) -> int:
    hours = value / timedelta(hours=1) if isinstance(value, timedelta) else value
    if isinstance(value, bool) or hours < 0 or hours != int(hours):
        msg = f"{name} {value}: give whole hours, 0 or more"
        raise FeatureError(msg)
    return int(hours)


def _moment(hour: int) -> datetime:
    return _EPOCH + timedelta(hours=hour)
