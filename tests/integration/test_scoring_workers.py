"""Several scoring workers on one server: nothing is lost, nothing done twice, nobody waits."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bench.workers import land_texts, score_with_kills
from flows.claims import ServerClaims
from flows.lock import run_lock
from flows.scoring import ScoringWorker, SharedWarehouse
from ingestion.destination import Warehouse
from scoring.queue import QueuedText, Shard
from scoring.registry import load_registry
from tests.support.mysql_server import ServerForTest

VADER = load_registry().get("vader")
NOW = datetime(2024, 1, 1, tzinfo=UTC)


def queued(count: int) -> list[QueuedText]:
    return [
        QueuedText(
            text_id=f"{number:064x}",
            table="articles",
            column="text_version",
            is_sample=True,
            available_at=NOW + timedelta(microseconds=number),
            is_backfilled=number % 2 == 1,
        )
        for number in range(count)
    ]


def _interrupt(holds: bool) -> None:
    assert holds
    raise KeyboardInterrupt


def test_workers_take_different_texts_at_once_in_order(server: ServerForTest) -> None:
    one, other = (ServerClaims(server.settings()) for _ in range(2))
    texts = sorted(queued(10), key=lambda item: item.rank)
    one.fill(VADER, "r", texts)
    other.fill(VADER, "r", texts)
    with one.take(VADER, "r", 3) as first, other.take(VADER, "r", 3) as second:
        assert first == texts[:3]
        assert second == texts[3:6]
    with pytest.raises(KeyboardInterrupt), one.take(VADER, "r", 3) as third:
        _interrupt(third == texts[6:9])
    with other.take(VADER, "r", 100) as rest:
        assert rest == texts[6:], "what a worker gave up is there again"
    with one.take(VADER, "other revision", 5) as none:
        assert none == []


def test_shards_of_the_common_queue_do_not_meet(server: ServerForTest) -> None:
    texts = queued(40)
    shards = [Shard(number, 3) for number in (1, 2, 3)]
    taken = []
    for shard in shards:
        claims = ServerClaims(server.settings(), shard)
        claims.fill(VADER, "r", texts)
        with claims.take(VADER, "r", 100) as held:
            assert all(shard.holds(item.text_id) for item in held)
            taken += held
    assert sorted(taken, key=lambda item: item.text_id) == texts


def test_a_text_that_is_scored_already_is_neither_taken_nor_loaded_again(
    server: ServerForTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CFW_SCORE_MODELS", "vader")
    settings = server.settings()
    land_texts(settings, 20)
    claims = ServerClaims(settings)
    report = ScoringWorker(settings).score()
    assert report.scored == 20
    stored = Warehouse(settings).query(f"select * from {settings.dataset}.sentiment_scores")
    late = [{**item, "score": 0.0} for item in stored]
    rows = [{n: v for n, v in r.items() if n != "loaded_at" and "_dlt" not in n} for r in late]
    assert SharedWarehouse(settings).load("scoring", {"sentiment_scores": rows}) == {
        "sentiment_scores": 0
    }
    again = [QueuedText(row["text_id"], "articles", "text_version", True, NOW) for row in stored]
    claims.fill(VADER, VADER.pinned_revision, again)
    with claims.take(VADER, VADER.pinned_revision, 100) as held:
        assert held == []


def test_a_run_scores_too_while_it_holds_the_warehouse(
    server: ServerForTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CFW_SCORE_MODELS", "vader")
    settings = server.settings()
    land_texts(settings, 20)
    with run_lock(settings):
        assert ScoringWorker(settings, is_alone=True).score().scored == 20


def _killed(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


def test_an_interrupted_load_is_not_finished_behind_the_worker_that_took_its_texts(
    server: ServerForTest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CFW_SCORE_MODELS", "vader")
    settings = server.settings()
    other = settings.model_copy(update={"data_dir": tmp_path / "other"})
    land_texts(settings, 20)
    with monkeypatch.context() as patch:
        patch.setattr("dlt.Pipeline.load", _killed)
        with pytest.raises(KeyboardInterrupt):
            ScoringWorker(settings).score()
    assert ScoringWorker(other).score().scored == 20
    land_texts(other, 21)
    assert ScoringWorker(settings).score().scored == 1
    warehouse = Warehouse(settings)
    rows = warehouse.query(f"select text_id from {warehouse.table('sentiment_scores')}")
    assert len(rows) == len({row["text_id"] for row in rows}) == 21


def test_killed_workers_lose_nothing_and_score_nothing_twice(server: ServerForTest) -> None:
    settings = server.settings()
    land_texts(settings, 400)
    outcome = score_with_kills(
        settings,
        every=3,
        texts=400,
        env={"CFW_SCORE_MODELS": "vader", "CFW_SCORE_CHUNK": "60"},
        say=lambda _: None,
        most=2,
    )
    assert outcome.kills >= 1
    assert outcome.scored == {"vader": 400}
    assert outcome.is_exact, outcome
