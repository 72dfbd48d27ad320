"""Independent reference for the mart's news and social columns: brute force over the raw rows.

As in `fact_oracle`: one close at a time, nothing shared with the warehouse's SQL.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from tests.support.fact_oracle import HOUR, Number, Query, naive


class TextOracle:
    """News and social columns, for one symbol and one close."""

    def __init__(self, query: Query, models: Mapping[str, Mapping[str, str]]) -> None:
        """Read the raw rows.

        Args:
            query: runs SQL on the warehouse, times come back aware.
            models: var `sentiment_models`: id and revision by role.
        """
        self._query = query
        self._scores = self._read_scores(models)
        self._mentions: dict[str, set[str]] = defaultdict(set)
        for row in query("select text_id, symbol from crypto_raw.asset_mentions"):
            self._mentions[row["text_id"]].add(row["symbol"])
        self._standing, self._first = self._read_articles()
        self._posts, self._first["posts"] = self._read_posts()
        self._captures = self._read_captures()

    def row(self, symbol: str, close: datetime) -> dict[str, Number]:
        """Return the columns of a symbol's bar."""
        return {**self._news_columns(symbol, close), **self._social_columns(symbol, close)}

    def _read_scores(self, models: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, float]]:
        roles = {(model["id"], model["revision"]): role for role, model in models.items()}
        found: dict[str, dict[str, float]] = defaultdict(dict)
        for row in self._query("select * from crypto_raw.sentiment_scores order by loaded_at"):
            if (role := roles.get((row["model_id"], row["model_revision"]))) is not None:
                found[row["text_id"]][role] = row["score"]
        return found

    def _read_articles(self) -> tuple[dict[tuple[str, datetime], list[str]], dict[str, datetime]]:
        """Return the texts that stand at each close by category, and each category's first."""
        stories = defaultdict(list)
        for row in self._query("select * from crypto_raw.articles order by loaded_at"):
            story = row["canonical_url"] or f"{row['feed']} {row['guid']}"
            order = (naive(row["available_at"]), naive(row["loaded_at"]), row["feed"], row["guid"])
            stories[row["category"], story].append((order, row["text_version"]))
        standing: dict[tuple[str, datetime], list[str]] = defaultdict(list)
        first: dict[str, datetime] = {}
        for (category, _), versions in stories.items():
            began = min(versions)[0][0]
            first[category] = min(first.get(category, began), began)
            for close in closes_of(began):
                newest = max(version for version in versions if version[0][0] <= close)
                standing[category, close].append(newest[1])
        return standing, first

    def _read_posts(self) -> tuple[dict[datetime, list[dict[str, Any]]], datetime]:
        newest = {
            (row["platform"], row["post_id"]): row
            for row in self._query("select * from crypto_raw.social_posts order by loaded_at")
        }
        at: dict[datetime, list[dict[str, Any]]] = defaultdict(list)
        for post in newest.values():
            for close in closes_of(naive(post["available_at"])):
                at[close].append(post)
        return at, min(naive(post["available_at"]) for post in newest.values())

    def _read_captures(self) -> dict[tuple[str, str], list[tuple[datetime, float]]]:
        found = defaultdict(list)
        sql = "select * from crypto_raw.social_engagement order by captured_at, loaded_at"
        for row in self._query(sql):
            counts = [row[name] for name in ("likes", "reposts", "replies")]
            if any(count is not None for count in counts):
                total = sum(count or 0 for count in counts)
                found[row["platform"], row["post_id"]].append((naive(row["available_at"]), total))
        return found

    def _news_columns(self, symbol: str, close: datetime) -> dict[str, Number]:
        crypto, market = (
            [text for text in self._standing.get((kind, close), ()) if self._scores.get(text)]
            for kind in ("crypto", "market")
        )
        coin = [text for text in crypto if symbol in self._mentions[text]]
        general = [text for text in crypto if not self._mentions[text]]
        return {
            "crypto_sentiment_count": self._count("crypto", close, coin),
            "avg_cryptobert_score": self._mean(coin, "cryptobert"),
            "avg_minilm_score": self._mean(coin, "minilm"),
            "avg_vader_score": self._mean(coin, "vader"),
            "stock_sentiment_count": self._count("market", close, market),
            "avg_finbert_sentiment_score": self._mean(market, "finbert"),
            "general_crypto_sentiment_count": self._count("crypto", close, general),
            "avg_general_cryptobert_score": self._mean(general, "cryptobert"),
            "avg_general_vader_score": self._mean(general, "vader"),
        }

    def _social_columns(self, symbol: str, close: datetime) -> dict[str, Number]:
        posts = [p for p in self._posts.get(close, ()) if symbol in self._mentions[p["text_id"]]]
        total, weights, weighted = [], 0.0, 0.0
        for post in posts:
            known = [
                count
                for at, count in self._captures.get((post["platform"], post["post_id"]), ())
                if at <= close
            ]
            if known:
                total.append(known[-1])
                score = self._scores.get(post["text_id"], {}).get("cryptobert")
                if score is not None:
                    weight = 1 + math.log(1 + known[-1])
                    weights, weighted = weights + weight, weighted + weight * score
        texts = [post["text_id"] for post in posts]
        verified = [post["text_id"] for post in posts if post["is_verified"]]
        authors = {post["author_id"] for post in posts} - {None}
        return {
            "social_post_count": self._count("posts", close, posts),
            "social_avg_sentiment": self._mean(texts, "cryptobert"),
            "social_engagement_weighted_sentiment": weighted / weights if weights else None,
            "social_verified_user_sentiment": self._mean(verified, "cryptobert"),
            "social_total_engagement": sum(total) if total else None,
            "social_unique_authors": self._count("posts", close, list(authors)),
        }

    def _count(self, kind: str, close: datetime, found: list[Any]) -> Number:
        return len(found) if close >= self._first[kind] else None

    def _mean(self, texts: list[str], role: str) -> Number:
        known = [self._scores[t][role] for t in texts if role in self._scores.get(t, {})]
        return sum(known) / len(known) if known else None


def closes_of(available_at: datetime) -> list[datetime]:
    """Return the 24 closes at whose bar a text counts."""
    floor = available_at.replace(minute=0, second=0, microsecond=0)
    first = floor if floor == available_at else floor + HOUR
    return [first + n * HOUR for n in range(24)]
