"""Reddit posts of the sample: questions and opinions in three subreddits over its last days."""

from __future__ import annotations

from datetime import timedelta

import numpy as np

from ingestion.sandbox.model import HOUR
from ingestion.sandbox.model_texts import Submission
from ingestion.sandbox.sample_posts import HANDLES
from ingestion.sandbox.sample_prices import COINS, DAYS, FIRST

POSTS = 260
FINAL_DAYS = 21
FIRST_NUMBER = 2_000_000_000
SUBREDDITS = ("CryptoCurrency", "Bitcoin", "ethereum")
SHARES = (0.6, 0.25, 0.15)
EDITED_SHARE = REMOVED_SHARE = 0.05

TITLES = (
    "What do you make of {a} this week?",
    "{a} is the strongest chart of the market right now",
    "I sold my {a} and feel great about it",
    "Is {a} a terrible buy or a gift at these prices?",
    "{a} holders, what is your plan?",
    "Moved from {a} to {b}, was that a mistake?",
    "Daily reminder that {a} volume is collapsing",
)
BODIES = (
    "",
    "I have been in since last year and the community is wonderful.",
    "Fees are awful again, and nobody seems to care.",
    "Not advice, just my own small position. Tell me what I am missing.",
    "The upgrade went well & I am more confident than ever.",
)


def make_submissions(rng: np.random.Generator) -> tuple[Submission, ...]:
    """Return the posts by time; names ascend with it."""
    span = DAYS * 24 * HOUR
    offsets = np.sort(rng.integers(span - FINAL_DAYS * 24 * HOUR, span, POSTS))
    posts = []
    number = FIRST_NUMBER
    for offset in offsets.tolist():
        number += int(rng.integers(1, 5000))
        posts.append(_submission(rng, number, offset))
    return tuple(posts)


def _submission(rng: np.random.Generator, number: int, offset: int) -> Submission:
    first, second = rng.choice(len(COINS), 2, replace=False)
    sub = str(rng.choice(SUBREDDITS, p=SHARES))
    names = {"Bitcoin": "Bitcoin", "ethereum": "Ethereum"}
    subject = names.get(sub, f"${COINS[first].symbol}")
    created = FIRST + timedelta(seconds=offset)
    body = str(rng.choice(BODIES))
    is_edited = bool(body) and rng.random() < EDITED_SHARE
    is_removed = rng.random() < REMOVED_SHARE
    return Submission(
        number=number,
        subreddit=sub,
        title=str(rng.choice(TITLES)).format(a=subject, b=f"${COINS[second].symbol}"),
        selftext=body,
        author=f"{HANDLES[int(rng.integers(len(HANDLES)))]}-{int(rng.zipf(1.5)) % 90}",
        created_at=created,
        score=int(min(rng.pareto(1.1) * 6, 4000)),
        comments=int(rng.poisson(9)),
        growth_hours=float(rng.uniform(3.0, 14.0)),
        edited_at=created + timedelta(hours=3) if is_edited else None,
        edited_text=f"{body} Edit: thanks for the answers." if is_edited else "",
        removed_at=created + timedelta(hours=int(rng.integers(1, 60))) if is_removed else None,
    )
