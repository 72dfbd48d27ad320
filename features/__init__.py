"""The mart in your hands: features as data frames, labels that cannot leak, exports that repeat.

>>> from features import forward_returns, get_features, time_splits
>>> frame = get_features(["BTC", "ETH"], "2024-01-01", "2024-07-01")
>>> labelled = forward_returns(frame, horizons=[1, 24])
>>> splits = time_splits(labelled, n_splits=5, embargo=24)
"""

from __future__ import annotations

from features.client import get_features, stream_features
from features.errors import FeatureError
from features.labels import forward_returns
from features.splits import Split, time_splits

__all__ = [
    "FeatureError",
    "Split",
    "forward_returns",
    "get_features",
    "stream_features",
    "time_splits",
]
