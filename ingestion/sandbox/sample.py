"""The project's own sample: made, not captured, from a fixed seed, and marked as a sample.

The same seed gives the same data on every machine: one numpy generator per part, each with its
own child of the seed, so that a change to one part leaves the others as they were.
"""

from __future__ import annotations

import numpy as np

from ingestion.sandbox.model import SandboxData
from ingestion.sandbox.sample_annual import make_indicators
from ingestion.sandbox.sample_macro import make_fear_greed, make_macro
from ingestion.sandbox.sample_news import make_articles
from ingestion.sandbox.sample_onchain import make_onchain
from ingestion.sandbox.sample_posts import make_posts
from ingestion.sandbox.sample_prices import make_bars, make_snapshots
from ingestion.sandbox.sample_submissions import make_submissions

SEED = 7


def generate_sample(seed: int = SEED) -> SandboxData:
    """Return the sample: ten symbols over 150 days that end on 2024-06-30, UTC."""
    prices, onchain, macro, mood, news, social, supply, annual, boards = (
        np.random.default_rng(child) for child in np.random.SeedSequence(seed).spawn(9)
    )
    bars = make_bars(prices)
    return SandboxData(
        bars=bars,
        onchain=make_onchain(onchain, bars),
        macro=make_macro(macro),
        fear_greed=make_fear_greed(mood, bars),
        indicators=make_indicators(annual),
        articles=make_articles(news, bars),
        posts=make_posts(social, bars),
        submissions=make_submissions(boards),
        snapshots=make_snapshots(supply, bars),
        is_sample=True,
    )
