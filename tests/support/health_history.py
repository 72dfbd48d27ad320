"""Raw data of 45 quiet days, and faults that are put into it one by one.

Six symbols, two exchanges, three crypto feeds and one of the market, every text scored: nothing
that `data_health` would report. Each fault touches one subject on one day of the last thirty.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import duckdb
import numpy as np
import pandas as pd

from tests.parity.slices import TABLES

END = datetime(2024, 3, 15, tzinfo=UTC)
DAYS = 45
LOADED = END + timedelta(minutes=10)
SYMBOLS = ("BTC", "ETH", "SOL", "XRP", "ADA", "DOGE")
#: The exchanges of each symbol; the first is the one whose bars are taken.
TWO_EXCHANGES = ("BTC", "ETH")
FEEDS = {"alpha": "crypto", "beta": "crypto", "gamma": "crypto", "wire": "market"}
BAR = ("open", "high", "low", "close", "volume_base", "volume_quote")
ARTICLES_A_DAY = 24
#: Every tenth article of these feeds was in the first feed before: what is usual for them.
SYNDICATED = ("beta", "gamma")
MODELS = {
    "cryptobert": ("ElKulako/cryptobert", "9e37c910fe87727cb842a9ac55c6388256fe0f15", "crypto"),
    "finbert": ("ProsusAI/finbert", "4556d13015211d73dccd3fdd39d39232506f3e43", "market"),
    "vader": ("vader", "3.3.2", "crypto market"),
}


@dataclass(frozen=True)
class Fault:
    """One fault.

    Attributes:
        finding: the check and subject that must report it, and no other; None where nothing may.
        days_before_end: its day: 1 is the newest.
        statements: what makes it, in SQL; `{on}` is the condition that a row's `bar_open_at` or
            `available_at` lies on the day.
    """

    finding: tuple[str, str] | None
    days_before_end: int
    statements: tuple[str, ...]

    @property
    def day(self) -> datetime:
        """The start of its day."""
        return END - timedelta(days=self.days_before_end)


def _bars(changes: str, where: str) -> str:
    return f"update crypto_raw.price_bars set {changes} where {where} and {{on}}"


_AT = "hour(bar_open_at)"


def _like_five(symbol: str, changes: dict[str, str]) -> str:
    """Let the bars from six to seventeen o'clock take values of the bar of five o'clock."""
    taken = ", ".join(f"{name} = source.{value}" for name, value in changes.items())
    return (
        f"update crypto_raw.price_bars as changed set {taken} from crypto_raw.price_bars as source "
        f"where changed.symbol = '{symbol}' and source.symbol = '{symbol}' and {{on}} "
        "and source.bar_open_at = date_trunc('day', changed.bar_open_at) + to_hours(5) "
        "and hour(changed.bar_open_at) between 6 and 17"
    )


_COPY = (
    "update crypto_raw.articles as changed set {changes} from crypto_raw.articles as source "
    "where changed.feed = 'gamma' and source.feed = 'alpha' and {{on}} "
    "and source.guid = replace(changed.guid, 'gamma', 'alpha')"
)

FAULTS = {
    "spike": Fault(
        ("price_spike", "XRP"),
        3,
        (_bars("close = close * 1.25, high = close * 1.25", f"symbol = 'XRP' and {_AT} = 13"),),
    ),
    "wick": Fault(
        ("price_wick", "SOL"), 4, (_bars("low = low * 0.7", f"symbol = 'SOL' and {_AT} = 4"),)
    ),
    "one price for hours": Fault(
        ("flatline", "ADA"),
        5,
        (_like_five("ADA", dict.fromkeys(("open", "high", "low", "close"), "close")),),
    ),
    "the same bar again and again": Fault(
        ("flatline", "DOGE"),
        6,
        (_like_five("DOGE", {name: name for name in BAR}),),
    ),
    "hole": Fault(
        ("missing_hours", "ETH"),
        7,
        (
            "delete from crypto_raw.price_bars where symbol = 'ETH' "
            f"and {_AT} between 3 and 7 and {{on}}",
        ),
    ),
    "the exchanges disagree": Fault(
        ("provider_difference", "BTC"),
        8,
        (
            _bars(
                "close = close * 1.05, high = close * 1.05",
                f"symbol = 'BTC' and provider = 'binance' and {_AT} = 9",
            ),
        ),
    ),
    "volume is gone": Fault(
        ("volume_drop", "BTC"),
        9,
        (
            _bars(
                "volume_base = volume_base * 0.02, volume_quote = volume_quote * 0.02",
                "symbol = 'BTC' and provider = 'coinbase'",
            ),
        ),
    ),
    "a feed serves another one's texts": Fault(
        ("duplicate_feed", "gamma"),
        10,
        (_COPY.format(changes="text_version = source.text_version"),),
    ),
    "a feed links to another one's articles": Fault(
        ("duplicate_feed", "gamma"),
        11,
        (_COPY.format(changes="canonical_url = source.canonical_url"),),
    ),
    "a model has gone silent": Fault(
        ("silent_model", "cryptobert"),
        12,
        (
            "delete from crypto_raw.sentiment_scores where model_id = 'ElKulako/cryptobert' and "
            "text_id in (select text_version from crypto_raw.articles where {on})",
        ),
    ),
    "a model is silent today": Fault(
        ("silent_model", "finbert"),
        1,
        (
            "delete from crypto_raw.sentiment_scores where model_id = 'ProsusAI/finbert' and "
            "text_id in (select text_version from crypto_raw.articles where {on})",
        ),
    ),
    "the whole market moves and comes back": Fault(
        None, 13, (_bars("close = close * 1.12, high = close * 1.12", f"{_AT} = 10"),)
    ),
    # Last, for it moves all that follows it.
    "the price moves and stays": Fault(
        None,
        14,
        (
            "update crypto_raw.price_bars set open = open * 1.3, high = high * 1.3, "
            "low = low * 1.3, close = close * 1.3 where symbol = 'DOGE' "
            "and bar_open_at >= {start} + to_hours(12)",
        ),
    ),
}


def inject(connection: duckdb.DuckDBPyConnection, fault: Fault) -> None:
    """Put a fault into the raw tables."""
    start = f"timestamptz '{fault.day:%Y-%m-%d} 00:00:00+00'"
    for statement in fault.statements:
        column = "bar_open_at" if "price_bars" in statement else "available_at"
        table = "changed." if "as source" in statement else ""
        on = f"{table}{column} >= {start} and {table}{column} < {start} + interval 1 day"
        connection.execute(statement.format(on=on, start=start))


def write_history(connection: duckdb.DuckDBPyConnection) -> None:
    """Write the quiet history into the schema crypto_raw."""
    connection.execute("set timezone = 'UTC'")
    connection.execute("create schema crypto_raw")
    for name, columns in TABLES.items():
        connection.execute(
            f"create table crypto_raw.{name} ({columns}, loaded_at timestamptz, is_sample boolean)"
        )
    for table, rows in {**_prices(), **_facts(), **_texts()}.items():
        rows["loaded_at"], rows["is_sample"] = pd.Timestamp(LOADED), True
        connection.register("rows_to_land", rows)
        connection.execute(f"insert into crypto_raw.{table} by name select * from rows_to_land")
        connection.unregister("rows_to_land")


def _prices() -> dict[str, pd.DataFrame]:
    random = np.random.default_rng(20240315)
    hours = pd.date_range(END - timedelta(days=DAYS), END, freq="h", inclusive="left")
    frames = []
    for number, symbol in enumerate(SYMBOLS):
        close = 100.0 * (number + 1) * np.exp(np.cumsum(random.normal(0, 0.004, len(hours))))
        opened = np.concatenate(([close[0]], close[:-1]))
        bars = pd.DataFrame({"bar_open_at": hours, "open": opened, "close": close})
        bars["high"] = np.maximum(opened, close) * (1 + random.uniform(0, 0.003, len(hours)))
        bars["low"] = np.minimum(opened, close) * (1 - random.uniform(0, 0.003, len(hours)))
        bars["volume_base"] = random.lognormal(5, 0.5, len(hours))
        for provider in ("coinbase", "binance") if symbol in TWO_EXCHANGES else ("coinbase",):
            off = 1.0 if provider == "coinbase" else 1.0005
            prices = bars[["open", "high", "low", "close"]] * off
            frames.append(bars.assign(**prices, provider=provider, symbol=symbol))
    landed = pd.concat(frames, ignore_index=True)
    landed["volume_quote"] = landed["volume_base"] * landed["close"]
    landed["available_at"] = landed["bar_open_at"] + pd.Timedelta(hours=1)
    landed["interval_minutes"], landed["quote_currency"] = 60, "USD"
    return {"price_bars": landed}


def _facts() -> dict[str, pd.DataFrame]:
    days = pd.date_range(END - timedelta(days=DAYS), END - timedelta(days=3), freq="D")
    known = days + pd.Timedelta(hours=48)
    metrics = ("AdrActCnt", "TxCnt", "CapMVRVCur", "SplyCur", "FlowInExUSD", "FlowOutExUSD")
    chain = [
        pd.DataFrame({"day": days.date, "available_at": known, "symbol": symbol, "metric": metric})
        for symbol in ("BTC", "ETH")
        for metric in metrics
    ]
    macro = [
        pd.DataFrame({"observation_date": days.date, "available_at": known, "series_id": series})
        for series in ("VIXCLS", "SP500", "DGS10", "DFF")
    ]
    landed = pd.concat(macro, ignore_index=True)
    return {
        "onchain_metrics": pd.concat(chain, ignore_index=True).assign(
            provider="coinmetrics", value=1000.0
        ),
        "macro_observations": landed.assign(
            provider="fred", value=20.0, is_vintage=True, vintage_date=landed["observation_date"]
        ),
    }


def _texts() -> dict[str, pd.DataFrame]:
    rows = []
    step = timedelta(days=1) / ARTICLES_A_DAY
    for order, (feed, category) in enumerate(FEEDS.items()):
        for number in range(DAYS * ARTICLES_A_DAY):
            origin = "alpha" if feed in SYNDICATED and number % 10 == 0 else feed
            moment = END - timedelta(days=DAYS) + number * step + timedelta(minutes=1 + order)
            link = f"https://{origin}.example/{number}"
            rows.append((feed, f"{feed} {number}", f"{origin} {number}", category, link, moment))
    names = ["feed", "guid", "text_version", "category", "canonical_url", "available_at"]
    articles = pd.DataFrame(rows, columns=names)
    for name in ("published_at", "first_seen_at"):
        articles[name] = articles["available_at"]
    articles = articles.assign(title="A title", text="A text", is_backfilled=False)
    texts = articles.drop_duplicates("text_version")
    scores = [
        pd.DataFrame({"text_id": texts["text_version"][texts["category"].isin(routes.split())]})
        .assign(model_id=model, model_revision=revision)
        .assign(score=0.25, confidence=0.5, scored_at=pd.Timestamp(LOADED))
        for model, revision, routes in MODELS.values()
    ]
    mentions = [
        pd.DataFrame({"text_id": texts["text_version"], "symbol": symbol, "rule": "name"})
        for symbol in SYMBOLS
    ]
    return {
        "articles": articles,
        "sentiment_scores": pd.concat(scores, ignore_index=True),
        "asset_mentions": pd.concat(mentions, ignore_index=True),
    }
