"""The flows of the schedules on a DuckDB warehouse: what they do, record and leave to others."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from prefect.artifacts import Artifact
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey

from flows import scheduled
from flows.artifacts import FAILURE_KEY, NODES_KEY
from flows.backfill_flow import backfill
from flows.changes import BUILT_FROM, changed_tables
from flows.errors import LockedError
from flows.journal import Journal
from flows.lock import flow_lock, run_lock
from flows.pipeline import ingest
from flows.recording import recorded
from ingestion.sandbox import RunningSandbox
from tests.support.warehouses import TestWarehouse

pytestmark = [
    pytest.mark.xdist_group("pipeline"),
    pytest.mark.usefixtures("prefect_harness", "no_faults"),
]
INGESTING = ("prices", "news", "social", "macro", "onchain")
ROOT = Path(__file__).parents[2]


def _warehouse(folder: Path, pair_sandbox: RunningSandbox) -> TestWarehouse:
    return TestWarehouse(
        folder, pair_sandbox, symbols="BTC,DOGE", history_start="2024-06-25", http_attempts=1
    )


def _run(name: str, warehouse: TestWarehouse) -> Any:
    """Run a flow and return its last state."""
    return getattr(scheduled, name)(overrides=warehouse.overrides(), return_state=True)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, pair_sandbox: RunningSandbox) -> TestWarehouse:
    """A warehouse after one run of each schedule; tests that change it work on a copy."""
    warehouse = _warehouse(tmp_path_factory.mktemp("built"), pair_sandbox)
    for name in (*INGESTING, "score", "transform"):
        state = _run(name, warehouse)
        assert state.is_completed(), f"{name}: {state.message}"
    return warehouse


def _copy(built: TestWarehouse, folder: Path) -> TestWarehouse:
    shutil.copy(built.path, folder / "warehouse.duckdb")
    return _warehouse(folder, built.sandbox)


def test_each_schedule_does_its_part_and_is_recorded(built: TestWarehouse) -> None:
    """One run each fills the mart; the journal has every run, its rows and dbt's nodes."""
    latest = Journal(built.settings).latest()
    assert set(latest) == {*INGESTING, "score", "transform"}
    assert {run.state for run in latest.values()} == {"completed"}
    counts = built.raw_counts()
    assert latest["news"].new_rows == counts["articles"] + counts["feed_checks"]
    assert latest["score"].new_rows == counts["sentiment_scores"] > 0
    nodes = {n.node: n for n in Journal(built.settings).nodes(latest["transform"].run_id)}
    mart = nodes["model ml_features_materialized"]
    assert (mart.kind, mart.status) == ("model", "success")
    assert mart.row_count == counts["price_bars"] > 0
    assert mart.seconds > 0
    assert nodes["model stg_prices__bars"].row_count is None, "a view has no rows of its own"
    assert any(n.kind == "test" and n.status == "pass" for n in nodes.values())
    assert Journal(built.settings).running() == []


def _artifacts(key: str) -> list[Any]:
    with get_client(sync_client=True) as client:
        return client.read_artifacts(
            artifact_filter=ArtifactFilter(key=ArtifactFilterKey(any_=[key]))
        )


def test_dbt_is_shown_as_an_artifact(built: TestWarehouse) -> None:
    """The run's table has a row per node with kind, status, seconds and rows."""
    run = Journal(built.settings).latest()["transform"]
    found = [a for a in _artifacts(NODES_KEY) if str(a.flow_run_id) == run.run_id]
    assert len(found) == 1
    rows = {row["node"]: row for row in json.loads(found[0].data)}
    assert len(rows) == len(Journal(built.settings).nodes(run.run_id))
    assert set(rows["model int_prices__bars"]) == {"node", "kind", "status", "seconds", "rows"}
    assert rows["model int_prices__bars"]["rows"] > 0
    assert Artifact.get(NODES_KEY) is not None


def test_without_new_rows_nothing_is_built(tmp_path: Path, built: TestWarehouse) -> None:
    """A second transform and a second pass say so; a new score is a reason to build."""
    warehouse = _copy(built, tmp_path)
    assert changed_tables(warehouse.settings) == []
    state = _run("transform", warehouse)
    assert state.is_completed()
    assert state.message.startswith("nothing to do")
    latest = Journal(warehouse.settings).latest()["transform"]
    assert Journal(warehouse.settings).nodes(latest.run_id) == []
    later = TestWarehouse(
        tmp_path,
        built.sandbox,
        symbols="BTC,DOGE",
        now=(built.settings.clock() + timedelta(minutes=1)).isoformat(),
    )
    assert not _run("score", later).message.startswith("nothing to do"), "scores were new before"
    assert _run("score", later).message.startswith("nothing to do")
    with duckdb.connect(str(warehouse.path)) as connection:
        connection.execute(
            "insert into crypto_raw.sentiment_scores by name select * replace ("
            "loaded_at + interval 1 second as loaded_at) from crypto_raw.sentiment_scores "
            "order by loaded_at desc limit 1"
        )
    assert changed_tables(warehouse.settings) == ["sentiment_scores"]


def test_a_late_row_is_a_reason_to_build(tmp_path: Path, built: TestWarehouse) -> None:
    """A load that was interrupted and finished later lands rows dated before the newest read."""
    warehouse = _copy(built, tmp_path)
    with duckdb.connect(str(warehouse.path)) as connection:
        connection.execute(
            "insert into crypto_raw.articles by name select * replace ("
            "'late' as guid, loaded_at - interval 1 hour as loaded_at) from crypto_raw.articles "
            "order by loaded_at desc limit 1"
        )
    assert changed_tables(warehouse.settings) == ["articles"]


def test_the_tables_are_those_that_dbt_watches() -> None:
    """The list in Python and the one in SQL are the same."""
    sql = (ROOT / "dbt_project/models/intermediate/int_refresh__watermarks.sql").read_text()
    listed = sql.split("raw_tables = [")[1].split("]")[0]
    assert [part.strip(" '\n") for part in listed.split(",") if part.strip()] == list(BUILT_FROM)


def test_a_failed_source_fails_its_flow_alone(
    tmp_path: Path, built: TestWarehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Prices cannot be had: that flow fails, is recorded with the reason, and heals by itself."""
    monkeypatch.setattr(ingest, "retry_delay_seconds", 0)
    warehouse = _copy(built, tmp_path)
    built.sandbox.faults.add("/coinbase", "status", status=503, times=None)
    state = _run("prices", warehouse)
    assert state.is_failed()
    run = Journal(warehouse.settings).latest()["prices"]
    assert run.state == "failed"
    assert run.error is not None
    assert "coinbase" in run.error
    assert "\n" not in run.error
    assert _run("news", warehouse).is_completed()
    before = Journal(warehouse.settings).last_success()["prices"]
    built.sandbox.faults.clear()
    assert _run("prices", warehouse).is_completed()
    assert Journal(warehouse.settings).last_success()["prices"] >= before
    assert Journal(warehouse.settings).latest()["prices"].state == "completed"


def test_a_failed_test_is_in_the_journal_and_an_artifact(
    tmp_path: Path, built: TestWarehouse
) -> None:
    """A bar outside the contract: the run fails, names the test, nothing is tried twice."""
    warehouse = _copy(built, tmp_path)
    with duckdb.connect(str(warehouse.path)) as connection:
        connection.execute(
            "insert into crypto_raw.price_bars by name select * replace (-1.0 as low, "
            "loaded_at + interval 1 minute as loaded_at) from crypto_raw.price_bars "
            "where symbol = 'BTC' order by bar_open_at desc, loaded_at desc limit 1"
        )
    began = time.monotonic()
    state = _run("transform", warehouse)
    assert state.is_failed()
    failed = Journal(warehouse.settings).failed_tests()
    assert "test pricing_columns_in_range" in [node.node for node in failed]
    run = Journal(warehouse.settings).latest()["transform"]
    shown = [a for a in _artifacts(FAILURE_KEY) if str(a.flow_run_id) == run.run_id]
    assert len(shown) == 1
    assert "pricing_columns_in_range" in shown[0].data
    assert time.monotonic() - began < 60


def test_a_flow_never_runs_twice_at_once(tmp_path: Path, built: TestWarehouse) -> None:
    """While a flow runs, a second run of it is cancelled, and says which process runs it."""
    warehouse = _copy(built, tmp_path)
    before = len(Journal(warehouse.settings).runs(100))
    with flow_lock(warehouse.settings, "news"):
        state = _run("news", warehouse)
        assert state.is_cancelled()
        assert "news is running already: process" in state.message
        assert _run("macro", warehouse).is_completed()
    assert len(Journal(warehouse.settings).runs(100)) == before + 1


def test_a_run_that_waits_in_vain_fails_and_is_recorded_later(
    tmp_path: Path, built: TestWarehouse
) -> None:
    """Another run holds the warehouse past the bound: one clear failure, in the journal at last."""
    warehouse = _copy(built, tmp_path)
    with (
        run_lock(warehouse.settings),
        pytest.raises(LockedError, match="in use by process"),
        recorded("news", warehouse.settings, wait_seconds=0.5),
    ):
        pytest.fail("the warehouse was not held")
    assert Journal(warehouse.settings).latest()["news"].state == "completed", "not written yet"
    assert _run("macro", warehouse).is_completed()
    late = Journal(warehouse.settings).latest()["news"]
    assert late.state == "failed"
    assert late.error is not None
    assert "in use by process" in late.error


def test_a_killed_run_is_recorded_as_crashed(tmp_path: Path, built: TestWarehouse) -> None:
    """SIGKILL: the next run of any flow says what happened, and the killed flow runs again."""
    warehouse = _copy(built, tmp_path)
    script = (
        "import json, sys, time\n"
        "from flows.recording import recorded\n"
        "from ingestion.config import Settings\n"
        "with recorded('social', Settings(**json.loads(sys.argv[1]))):\n"
        "    print('begun', flush=True)\n"
        "    time.sleep(600)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script, json.dumps(warehouse.overrides())], stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"begun\n"
    assert [start.flow for start in Journal(warehouse.settings).running()] == ["social"]
    process.kill()
    process.wait()
    assert _run("news", warehouse).is_completed()
    crashed = Journal(warehouse.settings).latest()["social"]
    assert crashed.state == "crashed"
    assert crashed.error is not None
    assert "without a word" in crashed.error
    assert Journal(warehouse.settings).running() == []
    assert _run("social", warehouse).is_completed()
    assert Journal(warehouse.settings).latest()["social"].state == "completed"


def test_a_backfill_is_a_flow_with_parameters(tmp_path: Path, built: TestWarehouse) -> None:
    """The same as the command: what is missing is read, a second run finds nothing to do."""
    warehouse = _copy(built, tmp_path)
    wanted = {
        "group": "prices",
        "from_date": "2024-06-20",
        "to_date": "2024-06-22",
        "symbols": "BTC",
        "provider": "coinbase",
        "overrides": warehouse.overrides(),
    }
    assert backfill(**wanted, return_state=True).is_completed()
    first = Journal(warehouse.settings).latest()["backfill"]
    assert first.new_rows == 48
    assert backfill(**wanted, return_state=True).is_completed()
    assert Journal(warehouse.settings).latest()["backfill"].new_rows == 0
    bad = backfill(**{**wanted, "from_date": "2024-13-01"}, return_state=True)
    assert bad.is_failed()
    assert "not a time" in bad.message


def test_the_nightly_run_builds_all_and_writes_docs(tmp_path: Path, built: TestWarehouse) -> None:
    """Everything anew with every test; docs for the site; old runs leave the journal."""
    warehouse = _copy(built, tmp_path)
    state = _run("nightly", warehouse)
    assert state.is_completed(), state.message
    run = Journal(warehouse.settings).latest()["nightly"]
    nodes = Journal(warehouse.settings).nodes(run.run_id)
    usual = Journal(warehouse.settings).latest()["transform"]
    assert len(nodes) >= len(Journal(warehouse.settings).nodes(usual.run_id))
    catalogs = list((tmp_path / "dbt").rglob("catalog.json"))
    assert len(catalogs) == 1
    assert "ml_features_materialized" in catalogs[0].read_text()
