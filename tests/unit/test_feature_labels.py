"""Labels and splits cannot leak, whatever the rows are."""

from __future__ import annotations

import importlib
import math
import sys
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features import FeatureError, forward_returns, time_splits

START = datetime(2024, 1, 1, tzinfo=UTC)
HOUR = pd.Timedelta(hours=1)


def frame_of(rows: dict[tuple[str, int], float]) -> pd.DataFrame:
    """Return a frame with these prices by symbol and hour, in this order."""
    return pd.DataFrame(
        {
            "symbol": [symbol for symbol, _ in rows],
            "timestamp_iso": pd.to_datetime(
                [START + timedelta(hours=hour) for _, hour in rows], utc=True
            ).astype("datetime64[us, UTC]"),
            "current_price": np.array(list(rows.values()), dtype=float),
        }
    )


ROWS = st.dictionaries(
    st.tuples(st.sampled_from(["BTC", "ETH", "SOL"]), st.integers(0, 60)),
    st.floats(0.01, 1e6),
    min_size=1,
    max_size=80,
)


@given(ROWS, st.lists(st.integers(1, 30), min_size=1, max_size=3))
@settings(max_examples=60, deadline=None)
def test_a_label_is_the_exact_later_hour_or_missing(
    rows: dict[tuple[str, int], float], horizons: list[int]
) -> None:
    labelled = forward_returns(frame_of(rows), horizons)
    for position, ((symbol, hour), price) in enumerate(rows.items()):
        for horizon in horizons:
            label = labelled[f"forward_return_{horizon}h"].iloc[position]
            later = rows.get((symbol, hour + horizon))
            if later is None:
                assert math.isnan(label)
            else:
                assert label == pytest.approx(math.log(later / price), rel=1e-9, abs=1e-12)
        known = labelled.label_available_at.iloc[position]
        assert known == START + timedelta(hours=hour + max(horizons) + 1)


@given(ROWS, st.integers(1, 24), st.integers(0, 60))
@settings(max_examples=60, deadline=None)
def test_what_happens_after_a_label_is_known_does_not_change_it(
    rows: dict[tuple[str, int], float], horizon: int, cut: int
) -> None:
    """A label known by a moment is the same without any row that closed after it."""
    whole = forward_returns(frame_of(rows), horizon)
    before = {key: price for key, price in rows.items() if key[1] < cut}
    if not before:
        return
    part = forward_returns(frame_of(before), horizon)
    known = (whole.label_available_at <= START + timedelta(hours=cut)).to_numpy()
    name = f"forward_return_{horizon}h"
    kept = [key in before for key in rows]
    left = whole[known & np.array(kept)][name].to_numpy()
    right = part[(part.label_available_at <= START + timedelta(hours=cut))][name].to_numpy()
    np.testing.assert_array_equal(left, right)


def test_simple_returns_and_prices_that_are_none() -> None:
    prices = {("BTC", 0): 100.0, ("BTC", 1): 110.0, ("BTC", 2): 0.0, ("BTC", 3): float("nan")}
    simple = forward_returns(frame_of(prices), 1, kind="simple").forward_return_1h
    assert simple.iloc[0] == pytest.approx(0.1)
    assert simple.iloc[1:].isna().all()


def test_frames_keep_their_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = frame_of({("BTC", 0): 100.0, ("BTC", 1): 110.0})
    frame["count"] = pd.array([1, None], dtype="Int64")
    table = pa.Table.from_pandas(frame, preserve_index=False)
    labelled = forward_returns(table, 1)
    assert isinstance(labelled, pa.Table)
    assert labelled["forward_return_1h"].null_count == 1
    assert labelled["count"].to_pylist() == [1, None]
    assert str(forward_returns(frame, 1)["count"].dtype) == "Int64"
    from features.client import converted

    fake = SimpleNamespace(from_arrow=lambda given: ("polars", given.num_rows))
    monkeypatch.setitem(sys.modules, "polars", fake)
    assert converted(table, "polars") == ("polars", 2)

    def absent(name: str) -> Any:
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", absent)
    with pytest.raises(FeatureError, match="pip install polars"):
        converted(table, "polars")


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"horizons": 0}, "whole hours, at least 1"),
        ({"horizons": [1, 2.5]}, "whole hours, at least 1"),
        ({"horizons": []}, "whole hours, at least 1"),
        ({"kind": "total"}, "choose log or simple"),
        ({"price": "current_prise"}, "did you mean current_price"),
    ],
)
def test_a_wrong_label_request_is_one_line(change: dict[str, Any], line: str) -> None:
    with pytest.raises(FeatureError, match=line) as caught:
        forward_returns(frame_of({("BTC", 0): 1.0}), **{"horizons": 1, **change})
    assert "\n" not in str(caught.value)


def test_a_row_that_repeats_is_refused() -> None:
    twice = pd.concat([frame_of({("BTC", 5): 1.0})] * 2)
    with pytest.raises(FeatureError, match="symbol BTC has two rows of 2024-01-01 05:00"):
        forward_returns(twice, 1)


@given(
    ROWS,
    st.integers(1, 4),
    st.integers(0, 5),
    st.integers(0, 5),
    st.integers(1, 8),
    st.one_of(st.none(), st.integers(5, 30)),
    st.randoms(use_true_random=False),
)
@settings(max_examples=120, deadline=None)
def test_no_training_label_reaches_into_a_test(
    rows: dict[tuple[str, int], float],
    n_splits: int,
    purge: int,
    embargo: int,
    horizon: int,
    window: int | None,
    random: Any,
) -> None:
    keys = list(rows)
    random.shuffle(keys)
    labelled = forward_returns(frame_of({key: rows[key] for key in keys}), horizon)
    try:
        splits = time_splits(labelled, n_splits, purge, embargo, train_hours=window)
    except FeatureError:
        # Few hours, or nothing left to train on: the test below has the lines.
        return
    opened = labelled.timestamp_iso
    ends = np.maximum(labelled.label_available_at, opened + (1 + purge) * HOUR)
    assert len(splits) == n_splits
    tested: set[int] = set()
    for split in splits:
        assert len(split.train) > 0
        assert len(split.test) > 0
        first = opened.iloc[split.test].min()
        assert split.test_start == first
        assert (ends.iloc[split.train] + embargo * HOUR <= first).all()
        assert opened.iloc[split.train].max() < first
        assert opened.iloc[split.test].max() < split.test_end
        if window is not None:
            assert opened.iloc[split.train].min() >= first - window * HOUR
        assert not tested & set(split.test)
        tested |= set(split.test)
        # ordered, and complete: every row that may be used is used
        assert (np.diff(split.train) > 0).all()
        assert (np.diff(split.test) > 0).all()
        may = ends + embargo * HOUR <= first
        if window is not None:
            may &= opened >= first - window * HOUR
        assert list(np.flatnonzero(may)) == list(split.train)
    starts = [split.test_start for split in splits]
    assert starts == sorted(set(starts))
    again = time_splits(labelled, n_splits, purge, embargo, train_hours=window)
    for one, other in zip(splits, again, strict=True):
        assert np.array_equal(one.train, other.train)
        assert np.array_equal(one.test, other.test)


def test_splits_of_frames_without_labels_use_the_purge() -> None:
    frame = frame_of({("BTC", hour): 1.0 for hour in range(40)})
    (split,) = time_splits(frame, 1, purge=timedelta(hours=3), embargo=2)
    assert list(split.test) == list(range(20, 40))
    # closes at 15 h, three hours of label, two of embargo: 20
    assert list(split.train) == list(range(15))


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"n_splits": 0}, "at least 1"),
        ({"n_splits": 50}, "40 hours are too few for 50 splits"),
        ({"embargo": 30}, "nothing is left to train on"),
        ({"purge": -1}, "whole hours, 0 or more"),
        ({"purge": timedelta(minutes=30)}, "whole hours, 0 or more"),
    ],
)
def test_a_wrong_split_is_one_line(options: dict[str, Any], line: str) -> None:
    frame = frame_of({("BTC", hour): 1.0 for hour in range(40)})
    with pytest.raises(FeatureError, match=line) as caught:
        time_splits(frame, **{"n_splits": 1, **options})
    assert "\n" not in str(caught.value)
