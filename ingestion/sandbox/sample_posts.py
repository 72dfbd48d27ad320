"""Posts of the sample: short messages with cashtags, whose engagement grows over hours."""

from __future__ import annotations

from datetime import timedelta

import numpy as np

from ingestion.sandbox.model import HOUR, Bars
from ingestion.sandbox.model_texts import Post, User
from ingestion.sandbox.sample_prices import COINS, DAYS, FIRST

USERS = 180
POSTS = 1_600
#: Half of the posts fall into the last days.
FINAL_DAYS = 14
FIRST_ID = 560_000_000
INTEREST = np.array([34, 20, 12, 9, 5, 8, 4, 3, 3, 4], dtype=np.float64)

BULLISH = (
    "${t} looking strong here, loading more \U0001f680",
    "Love this bounce on ${t}. New highs soon!",
    "${t} to the moon, best chart in crypto right now \U0001f525",
    "Bought the dip on ${t}, great entry",
    "${t} breakout confirmed, happy holder",
    "Bears getting wrecked on ${t} lol",
)
BEARISH = (
    "${t} is going lower, this bounce is fake",
    "Sold all my ${t}, terrible price action \U0001f4c9",
    "${t} looks awful, careful out there",
    "Another dump on ${t}... told you so",
    "Short ${t} until it proves me wrong, weak weak weak",
    "${t} rug incoming, I am scared",
)
NEUTRAL = (
    "What is everyone's target for ${t} this week?",
    "${t} ranging again. Waiting.",
    "Anyone know why ${t} moved at the open?",
    "Watching ${t} and ${u} today",
    "${t} volume so far is about average",
    "Good morning ${t} holders \u2615",
    "Is ${t} correlated with stocks now? Asking for a friend",
)
HANDLES = ("moon", "chart", "hodl", "delta", "satoshi", "bull", "bear", "yield", "block", "tape")


def make_posts(rng: np.random.Generator, bars: dict[str, dict[int, Bars]]) -> tuple[Post, ...]:
    """Return the posts by time; ids ascend with it."""
    users = [_user(rng, number) for number in range(USERS)]
    span = DAYS * 24 * HOUR
    recent = FINAL_DAYS * 24 * HOUR
    offsets = np.r_[
        rng.integers(0, span - recent, POSTS // 2),
        rng.integers(span - recent, span, POSTS - POSTS // 2),
    ]
    posts: list[Post] = []
    number = FIRST_ID
    for offset in np.sort(offsets).tolist():
        number += int(rng.integers(1, 900))
        posts.append(_post(rng, number, offset, users, bars))
    return tuple(posts)


def _post(
    rng: np.random.Generator,
    number: int,
    offset: int,
    users: list[User],
    bars: dict[str, dict[int, Bars]],
) -> Post:
    first, second = rng.choice(len(COINS), 2, replace=False, p=INTEREST / INTEREST.sum())
    ticker, other = COINS[first].symbol, COINS[second].symbol
    created = FIRST + timedelta(seconds=offset)
    mood = _mood(rng, bars[ticker][HOUR], created.timestamp())
    lines = (BEARISH, NEUTRAL, BULLISH)[mood + 1]
    body = str(rng.choice(lines)).replace("${t}", f"${ticker}.X").replace("${u}", f"${other}.X")
    streams = [f"{ticker}.X"] + ([f"{other}.X"] if f"${other}.X" in body else [])
    likes = int(rng.pareto(1.3) * 2)
    is_tagged = mood != 0 and rng.random() < 0.6
    return Post(
        id=number,
        streams=tuple(streams),
        body=body,
        created_at=created,
        user=users[int(rng.zipf(1.4)) % USERS],
        sentiment=("Bearish", None, "Bullish")[mood + 1] if is_tagged else None,
        likes=min(likes, 900),
        reshares=int(rng.binomial(min(likes, 900), 0.12)),
        replies=int(rng.poisson(0.8)),
        growth_hours=float(rng.uniform(2.0, 10.0)),
    )


def _mood(rng: np.random.Generator, bars: Bars, moment: float) -> int:
    """Return -1, 0 or 1, leaning with the last day's move."""
    last = max(int(np.searchsorted(bars.open_time, moment - HOUR, side="right")) - 1, 0)
    move = float(bars.close[last] / bars.close[max(last - 24, 0)] - 1)
    lean = move * 12.0 + float(rng.normal(0.1, 0.8))
    return -1 if lean < -0.45 else (1 if lean > 0.45 else 0)


def _user(rng: np.random.Generator, number: int) -> User:
    is_verified = number % 15 == 3
    return User(
        id=400_000 + number * 37,
        username=f"{HANDLES[number % len(HANDLES)]}_{number}",
        official=number % 60 == 18,
        classification=("verified",) if is_verified else (),
        followers=int(rng.pareto(1.0) * 40),
    )
