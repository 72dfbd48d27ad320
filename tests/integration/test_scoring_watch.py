"""The resident worker: it scores what arrives, tells what it did, and stops when told."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bench.workers import land_texts
from flows.errors import RunError
from flows.lock import run_lock
from flows.watch import Health, served
from ingestion.config import Settings
from ingestion.destination import Warehouse
from scoring.report import ModelReport, Progress, ScoringReport

NOW = datetime(2024, 1, 2, tzinfo=UTC)


def fetch(port: int, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def model(**changes: Any) -> ModelReport:
    values = {"key": "vader", "model_id": "vader", "model_revision": "1", **changes}
    return ModelReport(**values)


@pytest.fixture
def health() -> Health:
    return Health(stale_seconds=60, clock=lambda: NOW)


def test_health_tells_the_work_that_was_done(health: Health) -> None:
    with served(health, 0) as port:
        assert fetch(port, "/health")[0] == 503, "alive, but nothing has been done yet"
        waiting = model(queued=10, oldest=NOW - timedelta(hours=2))
        health.note(Progress("vader", 0, 10, waiting))
        health.ended(ScoringReport(models=[waiting]))
        status, body = fetch(port, "/health")
        assert status == 200
        assert json.loads(body)["unscored"] == {"vader": 10}
        assert json.loads(body)["oldest_unscored_seconds"] == {"vader": 7200.0}
        waiting.scored, waiting.failed = 9, 1
        health.note(Progress("vader", 10, 10, waiting))
        metrics = fetch(port, "/metrics")[1]
        for line in (
            'cfw_scored_texts_total{model="vader"} 9.0',
            'cfw_failed_texts_total{model="vader"} 1.0',
            'cfw_unscored_texts{model="vader"} 0.0',
            'cfw_oldest_unscored_seconds{model="vader"} 0.0',
            'cfw_score_chunk_seconds_count{model="vader"} 1.0',
        ):
            assert line in metrics
        health.note(Progress("vader", 0, 0, model()))
        health.note(Progress("vader", 2, 2, model(scored=2)))
        assert 'cfw_scored_texts_total{model="vader"} 11.0' in fetch(port, "/metrics")[1]
        assert fetch(port, "/other")[0] == 404


def test_a_failed_pass_and_a_standstill_are_not_healthy(health: Health) -> None:
    health.ended(ScoringReport(models=[model(stopped="all texts failed")]))
    assert not health.is_well
    assert "all texts failed" in health.as_dict()["problem"]
    health.ended(ScoringReport())
    assert health.is_well
    health.last_work -= 61
    assert health.as_dict()["status"] == "stale"
    assert not health.is_well


def test_a_taken_port_is_named(health: Health) -> None:
    with (
        served(health, 0) as port,
        pytest.raises(RunError, match=f"CFW_SCORE_PORT={port}: cannot listen"),
        served(health, port),
    ):
        pass


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    env = {name: value for name, value in os.environ.items() if not name.startswith("CFW_")}
    own = {
        "CFW_WAREHOUSE_URL": f"duckdb:///{tmp_path / 'w.duckdb'}",
        "CFW_DATA_DIR": str(tmp_path),
        "CFW_SCORE_MODELS": "vader",
        "CFW_SCORE_PORT": "0",
        "CFW_SCORE_POLL_SECONDS": "0.5",
        "PYTHONUNBUFFERED": "1",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "flows.cli.main", "score", "--watch", "--wait", "60"],
        env={**env, **own},
        stdout=subprocess.PIPE,
        text=True,
    )
    yield process
    process.kill()
    process.wait()


def test_texts_are_scored_as_they_arrive_until_the_worker_is_stopped(
    tmp_path: Path, worker: subprocess.Popen[str]
) -> None:
    settings = Settings(
        _env_file=None, warehouse_url=f"duckdb:///{tmp_path / 'w.duckdb'}", data_dir=tmp_path
    )
    assert worker.stdout is not None
    found = re.search(r"127\.0\.0\.1:(\d+)", worker.stdout.readline())
    assert found is not None
    port, scored = int(found[1]), 0
    for count in (20, 40):
        with run_lock(settings, wait_seconds=60):  # the file is free between two passes
            land_texts(settings, count)
        deadline = time.monotonic() + 60
        while scored < count and time.monotonic() < deadline:
            time.sleep(0.5)
            metrics = fetch(port, "/metrics")[1]
            line = re.search(r'cfw_scored_texts_total{model="vader"} (\d+)', metrics)
            scored = int(line[1]) if line else 0
        assert scored == count, "scored within a minute of arrival"
    assert fetch(port, "/health")[0] == 200
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(60) == 0
    assert "stopped" in worker.stdout.read()
    stored = Warehouse(settings).query("select count(*) as n from crypto_raw.sentiment_scores")
    assert stored == [{"n": 40}]
