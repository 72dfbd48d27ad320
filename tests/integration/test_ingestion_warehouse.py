"""Loading without a provider: order, repetition, wrong rows, and a process that is killed."""

from __future__ import annotations

import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ingestion.config import Settings
from ingestion.destination import Warehouse, destination_for
from ingestion.errors import WarehouseError
from ingestion.tables import TABLES

CLOCK = datetime(2024, 1, 1, tzinfo=UTC)
SCORE: dict[str, Any] = {
    "text_id": "a" * 64,
    "model_id": "vader",
    "model_revision": "1",
    "score": 0.5,
    "confidence": None,
    "p_negative": 0.1,
    "p_neutral": 0.2,
    "p_positive": 0.7,
    "label": "positive",
    "precision": "fp64",
    "scored_at": CLOCK,
    "is_sample": True,
}
#: Runs a load in a process that dies without a word when it reaches the named function.
DYING = """
import importlib, os, signal, sys
from datetime import UTC, datetime
from ingestion.config import Settings
from ingestion.destination import Warehouse
module, owner, method = sys.argv[1].split(":")
target = getattr(importlib.import_module(module), owner)
setattr(target, method, lambda *a, **k: os.kill(os.getpid(), signal.SIGKILL))
score = {**eval(sys.argv[4]), "scored_at": datetime(2024, 1, 1, tzinfo=UTC)}
rows = [{**score, "text_id": str(n)} for n in range(500)]
settings = Settings(_env_file=None, warehouse_url=sys.argv[2], data_dir=sys.argv[3],
                    now="2024-01-01T00:00:00Z")
Warehouse(settings).load("scoring", {"sentiment_scores": rows})
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        _env_file=None,
        warehouse_url=f"duckdb:///{tmp_path / 'deep' / 'folder' / 'test.duckdb'}",
        data_dir=tmp_path / "data",
        now=CLOCK,
    )


def scores(settings: Settings) -> list[dict[str, Any]]:
    warehouse = Warehouse(settings)
    return warehouse.query(
        f"SELECT * FROM {warehouse.table('sentiment_scores')} ORDER BY loaded_at, text_id"
    )


def test_nothing_is_there_before_the_first_load(settings: Settings) -> None:
    warehouse = Warehouse(settings)
    assert not warehouse.has_table("sentiment_scores")
    with pytest.raises(WarehouseError, match="no warehouse at"):
        warehouse.query("SELECT 1")


def test_rows_land_once_and_a_frozen_clock_still_orders_changes(settings: Settings) -> None:
    warehouse = Warehouse(settings)
    rows = {"sentiment_scores": [SCORE, SCORE], "asset_mentions": []}
    assert warehouse.load("scoring", rows) == {"sentiment_scores": 1, "asset_mentions": 0}
    assert warehouse.load("scoring", rows) == {"sentiment_scores": 0, "asset_mentions": 0}
    changed = {"sentiment_scores": [{**SCORE, "score": 0.6}]}
    assert warehouse.load("scoring", changed) == {"sentiment_scores": 1}
    stored = scores(settings)
    assert [row["score"] for row in stored] == [0.5, 0.6]
    assert [row["loaded_at"] for row in stored] == [CLOCK, CLOCK + timedelta(microseconds=1)]
    assert stored[0]["scored_at"] == CLOCK
    assert stored[0]["confidence"] is None
    assert warehouse.has_table("asset_mentions")


def test_every_declared_table_can_be_created_empty(settings: Settings) -> None:
    warehouse = Warehouse(settings)
    assert warehouse.ensure_tables() == list(TABLES)
    assert warehouse.ensure_tables() == []
    for name, table in TABLES.items():
        columns = warehouse.query(
            "SELECT column_name AS name, data_type AS type, is_nullable FROM "
            "information_schema.columns WHERE table_schema = %s AND table_name = %s",
            (settings.dataset, name),
        )
        stored = {row["name"]: row for row in columns}
        assert set(stored) == {*table.by_name, "_dlt_id", "_dlt_load_id"}
        for column in table.columns:
            assert (stored[column.name]["is_nullable"] == "YES") == column.nullable
        assert stored["loaded_at"]["type"] == "TIMESTAMP WITH TIME ZONE"
    assert warehouse.load("scoring", {"sentiment_scores": [SCORE]}) == {"sentiment_scores": 1}


@pytest.mark.parametrize(
    ("table", "change", "reason"),
    [
        ("sentiment_scores", {"label": 5}, "label is not of type text"),
        ("sentiment_scores", {"colour": "red"}, "column colour is not declared"),
        ("sentiment_scores", {"is_sample": None}, "is_sample is missing"),
        ("no_such_table", {}, "is not a raw table"),
    ],
)
def test_wrong_rows_are_refused_whole(
    settings: Settings, table: str, change: dict[str, Any], reason: str
) -> None:
    with pytest.raises(WarehouseError, match=reason):
        Warehouse(settings).load("scoring", {table: [SCORE, {**SCORE, **change}]})
    assert not Warehouse(settings).has_table("sentiment_scores")


def test_the_file_is_free_between_two_calls(settings: Settings) -> None:
    warehouse = Warehouse(settings)
    warehouse.load("scoring", {"sentiment_scores": [SCORE]})
    warehouse.query("SELECT 1 AS one")
    path = settings.warehouse_url.removeprefix("duckdb:///")
    code = f"import duckdb; duckdb.connect({path!r}).execute('CREATE TABLE t (x int)')"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_reading_while_this_process_writes(settings: Settings) -> None:
    warehouse = Warehouse(settings)
    warehouse.load("scoring", {"sentiment_scores": [SCORE]})
    with duckdb.connect(settings.warehouse_url.removeprefix("duckdb:///")):
        assert len(scores(settings)) == 1


def test_a_file_named_as_its_schema_is_refused(tmp_path: Path) -> None:
    settings = Settings(_env_file=None, warehouse_url=f"duckdb:///{tmp_path}/crypto_raw.duckdb")
    with pytest.raises(WarehouseError, match="must not be named as its schema"):
        destination_for(settings, "x")


@pytest.mark.parametrize(
    "moment",
    [
        "dlt.pipeline.pipeline:Pipeline:normalize",
        "dlt.pipeline.pipeline:Pipeline:load",
        "dlt.load.load:Load:complete_package",
    ],
    ids=["extracted", "normalized", "loaded"],
)
def test_a_killed_load_is_finished_by_the_next_run(settings: Settings, moment: str) -> None:
    plain = {name: value for name, value in SCORE.items() if name != "scored_at"}
    Warehouse(settings).load("scoring", {"asset_mentions": []})
    command = [sys.executable, "-c", DYING, moment]
    command += [settings.warehouse_url, str(settings.data_dir), repr(plain)]
    died = subprocess.run(command, check=False, timeout=120, cwd=Path(__file__).parents[2])
    assert died.returncode == -signal.SIGKILL
    rows = [{**SCORE, "text_id": str(number)} for number in range(500)]
    Warehouse(settings).load("scoring", {"sentiment_scores": rows})
    stored = scores(settings)
    assert len(stored) == 500
    assert len({row["loaded_at"] for row in stored}) == 1
    assert Warehouse(settings).load("scoring", {"sentiment_scores": rows}) == {
        "sentiment_scores": 0
    }
