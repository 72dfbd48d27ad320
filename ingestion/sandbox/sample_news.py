"""Articles of the sample: five feeds over the whole span, tied loosely to the sample's prices."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from ingestion.sandbox import news_names as names
from ingestion.sandbox import news_templates as words
from ingestion.sandbox.model import HOUR, Bars
from ingestion.sandbox.model_texts import Article, ArticleEdit, Category
from ingestion.sandbox.sample_prices import COINS, DAYS, FIRST

#: Articles a day in the usual part of the span, and in its last days.
DAILY_RATE, FINAL_RATE = 5.0, 14
FINAL_DAYS = 12
EDITED_SHARE = 0.06
#: How often each coin is written about, in the order of the sample's coins.
INTEREST = np.array([30, 20, 12, 8, 5, 6, 4, 4, 4, 5], dtype=np.float64)


@dataclass(frozen=True)
class Feed:
    """A feed of the sample; ``guid`` is how it names its items."""

    name: str
    category: Category
    share: float
    guid: str


FEEDS = (
    Feed("block-courier", "crypto", 0.30, "uuid"),
    Feed("chain-herald", "crypto", 0.26, "url"),
    Feed("coin-dispatch", "crypto", 0.20, "number"),
    Feed("ledger-street", "market", 0.14, "url"),
    Feed("macro-wire", "market", 0.10, "uuid"),
)


def make_articles(
    rng: np.random.Generator, bars: dict[str, dict[int, Bars]]
) -> tuple[Article, ...]:
    """Return the articles by time of publication."""
    articles: list[Article] = []
    for number, moment in enumerate(_moments(rng)):
        feed = FEEDS[int(rng.choice(len(FEEDS), p=[f.share for f in FEEDS]))]
        title, summary = _text(rng, feed, moment, bars)
        url = f"https://{feed.name}.example/{moment:%Y/%m/%d}/{_slug(title)}-{number}"
        articles.append(
            Article(
                feed=feed.name,
                category=feed.category,
                guid=_guid(rng, feed, url, number),
                url=url,
                title=title,
                summary=summary,
                author=str(rng.choice(names.AUTHORS)) if rng.random() < 0.9 else None,
                published_at=moment,
                edits=_edits(rng, moment, title, summary),
            )
        )
    return tuple(articles)


def _moments(rng: np.random.Generator) -> list[datetime]:
    """Return publication times: in working hours at first, round the clock in the last days."""
    moments: list[datetime] = []
    for day in range(DAYS):
        if day >= DAYS - FINAL_DAYS:
            hours = (np.arange(FINAL_RATE) + rng.random(FINAL_RATE)) * 24.0 / FINAL_RATE
        else:
            hours = rng.normal(14.0, 6.0, max(int(rng.poisson(DAILY_RATE)), 2))
        for hour in np.clip(hours, 0.0, 23.9).tolist():
            moments.append(FIRST + timedelta(days=day, seconds=int(hour * HOUR)))
    return sorted(moments)


def _text(
    rng: np.random.Generator, feed: Feed, moment: datetime, bars: dict[str, dict[int, Bars]]
) -> tuple[str, str]:
    first, second = rng.choice(len(COINS), 2, replace=False, p=INTEREST / INTEREST.sum())
    coin, other = COINS[first].symbol, COINS[second].symbol
    price, move = _price_and_move(bars[coin][HOUR], moment)
    title, summary = _template(rng, feed, move)
    facts = {
        "a": str(rng.choice(names.NAMES[coin])),
        "b": str(rng.choice(names.NAMES[other])),
        "t": coin if rng.random() < 0.7 else f"${coin}",
        "u": other if rng.random() < 0.7 else f"${other}",
        "p": _dollars(price),
        "m": f"{max(abs(move), 0.3):.1f}",
        "n": str(int(rng.integers(3, 90))),
        "who": str(rng.choice(names.FIRMS)),
    }
    title = title.format(**facts)
    return title[0].upper() + title[1:], summary.format(**facts)


def _template(rng: np.random.Generator, feed: Feed, move: float) -> words.Pair:
    kind = float(rng.random())
    if feed.category == "market":
        by_mood = words.MARKET_UP if move > 0 else words.MARKET_DOWN
        pairs = words.MARKET_PLAIN if kind < 0.3 else by_mood
    elif kind < 0.15:
        pairs = words.GENERAL
    elif kind < 0.30:
        pairs = words.SEVERAL
    elif kind < 0.55 or abs(move) < 0.5:
        pairs = words.PLAIN
    else:
        pairs = words.UP if move > 0 else words.DOWN
    return pairs[int(rng.integers(len(pairs)))]


def _price_and_move(bars: Bars, moment: datetime) -> tuple[float, float]:
    """Return the last close before ``moment`` and the change in percent over a day."""
    last = int(np.searchsorted(bars.open_time, moment.timestamp() - HOUR, side="right")) - 1
    last = max(last, 0)
    before = max(last - 24, 0)
    return float(bars.close[last]), float(100 * (bars.close[last] / bars.close[before] - 1))


def _dollars(price: float) -> str:
    if price >= 1000:
        return f"${price:,.0f}"
    return f"${price:.2f}" if price >= 1 else f"${price:.4f}"


def _guid(rng: np.random.Generator, feed: Feed, url: str, number: int) -> str:
    if feed.guid == "uuid":
        return str(uuid.UUID(bytes=rng.bytes(16), version=4))
    return url if feed.guid == "url" else f"https://{feed.name}.example/?p={10_000 + number}"


def _edits(
    rng: np.random.Generator, moment: datetime, title: str, summary: str
) -> tuple[ArticleEdit, ...]:
    """Return the edit that some articles get some hours after they appear."""
    if rng.random() >= EDITED_SHARE:
        return ()
    at = moment + timedelta(minutes=int(rng.integers(40, 1500)))
    if rng.random() < 0.5:
        return (ArticleEdit(at, f"Update: {title}", summary),)
    return (ArticleEdit(at, title, f"{summary} (Corrects an earlier figure.)"),)


def _slug(title: str) -> str:
    return "-".join(re.findall(r"[a-z0-9]+", title.lower())[:8])
