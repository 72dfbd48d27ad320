"""Metrics as a test reads them, and the least rows that make them move."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from flows.metrics.exposition import registry_of
from ingestion.config import Settings

NOW = datetime(2024, 6, 3, 12, 1, tzinfo=UTC)
SEED = Path(__file__).parents[2] / "dbt_project" / "seeds" / "assets.csv"


class Metrics:
    """One reading."""

    def __init__(self, text: str) -> None:
        """Parse an exposition."""
        self.text = text
        self.samples = [s for f in text_string_to_metric_families(text) for s in f.samples]

    def all(self, name: str, **labels: str) -> list[float]:
        """Return the values of a metric whose labels include these."""
        return [
            sample.value
            for sample in self.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        ]

    def one(self, name: str, **labels: str) -> float:
        """Return the only such value."""
        (value,) = self.all(name, **labels)
        return value

    def has(self, name: str, **labels: str) -> bool:
        """Return whether there is such a value."""
        return bool(self.all(name, **labels))

    def names(self) -> set[str]:
        """Return the names that have a value."""
        return {sample.name for sample in self.samples}


class Exporter:
    """An exporter that lives as long as the test, and reads at every scrape."""

    def __init__(self, settings: Settings) -> None:
        """Nothing is read before the first scrape."""
        self._registry: CollectorRegistry = registry_of(settings)

    def scrape(self) -> Metrics:
        """Read what there is now."""
        return Metrics(generate_latest(self._registry).decode())


def settings_of(folder: Path, **changes: Any) -> Settings:
    """Return settings of a new DuckDB warehouse."""
    values: dict[str, Any] = {
        "warehouse_url": f"duckdb:///{folder / 'metrics.duckdb'}",
        "data_dir": folder / "data",
        "assets_file": SEED,
        "symbols": "BTC,ETH",
        "feeds": "paper|crypto|http://127.0.0.1:1/feed",
        "now": NOW.isoformat(),
        **changes,
    }
    return Settings(_env_file=None, **values)


def bars(first: datetime, count: int, **changes: Any) -> Iterator[Mapping[str, Any]]:
    """Yield hourly bars."""
    for number in range(count):
        opened = first + timedelta(hours=number)
        yield {
            **{"provider": "coinbase", "symbol": "BTC", "interval_minutes": 60},
            **dict.fromkeys(("open", "high", "low", "close", "volume_base"), 1.0),
            **{"volume_quote": None, "trade_count": None, "quote_currency": "USD"},
            **{"bar_open_at": opened, "available_at": opened + timedelta(hours=1)},
            "is_sample": True,
            **changes,
        }


def articles(count: int, at: datetime, **changes: Any) -> Iterator[Mapping[str, Any]]:
    """Yield articles of one moment, each with a text of its own."""
    for number in range(count):
        yield {
            **{"feed": "paper", "guid": f"{at:%d%H}-{number}", "category": "crypto"},
            **{"text_version": f"{at:%d%H}-{number}", "text": f"text {number}", "title": "t"},
            **dict.fromkeys(("url", "canonical_url", "summary", "author", "raw")),
            **dict.fromkeys(("published_at", "first_seen_at", "available_at"), at),
            **{"is_backfilled": False, "is_sample": True},
            **changes,
        }


def scores(texts: list[str], at: datetime) -> Iterator[Mapping[str, Any]]:
    """Yield scores of the lexicon."""
    from scoring.registry import load_registry

    spec = load_registry(None).get("vader")
    for text_id in texts:
        yield {
            **{"text_id": text_id, "model_id": spec.id, "model_revision": spec.pinned_revision},
            **dict.fromkeys(("score", "confidence", "p_negative", "p_neutral", "p_positive"), 0.5),
            **{"label": "neutral", "precision": "float64", "scored_at": at, "is_sample": True},
        }
