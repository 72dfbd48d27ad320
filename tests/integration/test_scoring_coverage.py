"""Coverage of scoring on DuckDB: what was collected is the denominator."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from bench.workers import START, land_texts
from flows.coverage import coverage
from flows.scoring import ScoringWorker
from ingestion.config import Settings
from ingestion.destination import Warehouse

NOW = START + timedelta(hours=10)


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("CFW_SCORE_MODELS", "vader,finbert")
    return Settings(
        _env_file=None,
        warehouse_url=f"duckdb:///{tmp_path / 'w.duckdb'}",
        data_dir=tmp_path,
        now=NOW,
    )


def test_nothing_landed_is_no_coverage(settings: Settings) -> None:
    assert coverage(settings) == []


def test_what_was_collected_is_the_denominator(settings: Settings) -> None:
    land_texts(settings, 50)
    warehouse = Warehouse(settings)
    vader, finbert = coverage(settings)
    assert (vader["model"], vader["collected"], vader["scored"], vader["share"]) == (
        *("vader", 50, 0),
        0.0,
    )
    assert vader["oldest_unscored_hours"] == 10.0
    assert (finbert["collected"], finbert["share"]) == (0, None), "no text of its routes"
    assert ScoringWorker(settings).score(limit=30).scored == 30
    (vader, _) = coverage(settings)
    assert (vader["collected"], vader["scored"], vader["share"]) == (50, 30, 0.6)
    assert vader["oldest_unscored_hours"] == 10.0, "the archive comes last"
    unscored = warehouse.query(
        "select distinct text_version as text_id from crypto_raw.articles "
        "where text_version not in (select text_id from crypto_raw.sentiment_scores) "
        "order by 1 limit 2"
    )
    base = {
        "model_id": "vader",
        "model_revision": vader_revision(),
        "error": "x",
        "is_sample": True,
    }
    for attempt in (1, 2, 3):
        rows = [{**base, **row, "attempt": attempt, "failed_at": NOW} for row in unscored]
        warehouse.load("scoring", {"scoring_failures": rows})
    assert coverage(settings)[0]["given_up"] == 2
    assert ScoringWorker(settings).score().scored == 18
    assert coverage(settings)[0]["share"] == 48 / 50


def test_by_day_feed_and_symbol(settings: Settings) -> None:
    land_texts(settings, 50)
    ScoringWorker(settings).score()
    (day,) = [row for row in coverage(settings, "day") if row["model"] == "vader"]
    assert (day["day"], day["scored"]) == (START.date(), 50)
    (feed,) = [row for row in coverage(settings, "feed") if row["model"] == "vader"]
    assert (feed["feed"], feed["scored"]) == ("workers", 50)
    mentioned = Warehouse(settings).query(
        "select symbol, count(*) as n from crypto_raw.asset_mentions group by 1 order by 1"
    )
    found = [row for row in coverage(settings, "symbol") if row["model"] == "vader"]
    assert [(row["symbol"], row["collected"]) for row in found] == [
        (row["symbol"], row["n"]) for row in mentioned
    ]
    assert mentioned


def vader_revision() -> str:
    from scoring.registry import load_registry

    return load_registry().get("vader").pinned_revision
