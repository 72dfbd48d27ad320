"""`cfw status` on runs: what ran and runs, what is next, and exit code 1 for a broken promise."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest
from typer.testing import CliRunner

from flows.cli.main import app
from flows.errors import RunError
from flows.journal import Journal
from flows.journal_rows import FlowRun, RunStart
from flows.run_status import run_status
from flows.schedules import MART_MAX_AGE, SCHEDULES
from ingestion.config import Settings

NOW = datetime(2024, 6, 1, 12, 0, 30, tzinfo=UTC)


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings of an empty warehouse, which the command line reads too."""
    monkeypatch.setenv("CFW_WAREHOUSE_URL", f"duckdb:///{tmp_path / 'w.duckdb'}")
    monkeypatch.setenv("CFW_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("CFW_NOW", NOW.isoformat())
    return Settings()


def _record(settings: Settings, flow: str, minutes_ago: float, state: str = "completed") -> None:
    ended = NOW - timedelta(minutes=minutes_ago)
    error = None if state == "completed" else "coinbase: it did not answer; wait"
    run = FlowRun(
        f"{flow}-{minutes_ago}", flow, ended - timedelta(seconds=12), ended, state, error, 3
    )
    Journal(settings).record(run)


def _all_fresh(settings: Settings) -> None:
    for flow in SCHEDULES:
        _record(settings, flow, 1)


def test_nothing_is_promised_before_a_schedule_ran(settings: Settings) -> None:
    """An empty warehouse, and one that `cfw run` filled long ago, are not stale."""
    duckdb.connect(settings.warehouse_url.removeprefix("duckdb:///")).close()
    assert run_status(settings).stale == []
    _record(settings, "pipeline", 10_000)
    status = run_status(settings)
    assert status.stale == []
    assert status.flows[-1]["flow"] == "pipeline"
    assert {row["state"] for row in status.flows[:-1]} == {"never ran"}
    assert {row["next run"] for row in status.flows} == {None}
    assert CliRunner().invoke(app, ["status", "--json"]).exit_code == 0


def test_fresh_runs_are_shown_with_their_next(settings: Settings) -> None:
    """Last run, seconds, rows, next run by the table; exit code 0."""
    _all_fresh(settings)
    result = CliRunner().invoke(app, ["status", "--json"])
    assert result.exit_code == 0
    shown = json.loads(result.stdout)
    rows = {row["flow"]: row for row in shown["flows"]}
    assert set(rows) == set(SCHEDULES)
    assert rows["prices"]["state"] == "completed"
    assert rows["prices"]["took"] == 12
    assert rows["prices"]["new rows"] == 3
    assert rows["prices"]["next run"] == "2024-06-01T12:01:00+00:00"
    assert rows["nightly"]["next run"] == "2024-06-02T02:40:00+00:00"
    assert shown["stale"] == []


@pytest.mark.parametrize("flow", sorted(SCHEDULES))
def test_each_flow_can_break_its_promise(settings: Settings, flow: str) -> None:
    """Its last success is older than the table allows: it is named, and the exit code is 1."""
    _all_fresh(settings)
    with duckdb.connect(settings.warehouse_url.removeprefix("duckdb:///")) as connection:
        connection.execute("delete from crypto_ops.flow_runs where flow = ?", [flow])
        if flow == "transform":  # a nightly refresh does its work too
            connection.execute("delete from crypto_ops.flow_runs where flow = 'nightly'")
            connection.execute(
                "insert into crypto_ops.flow_runs by name select * replace ("
                "'nightly' as flow, 'n' as run_id, started_at - interval 2 hour as started_at, "
                "ended_at - interval 2 hour as ended_at) from crypto_ops.flow_runs limit 1"
            )
    limit = SCHEDULES[flow].stale_after.total_seconds() / 60
    _record(settings, flow, limit + 1)
    _record(settings, flow, 1, "failed")
    result = CliRunner().invoke(app, ["status", "--json"])
    assert isinstance(result.exception, RunError), "main.run makes it exit code 1"
    assert str(result.exception).startswith(f"{flow}: last succeeded at ")
    row = next(r for r in json.loads(result.stdout)["flows"] if r["flow"] == flow)
    assert row["stale"]
    assert row["state"] == "failed"
    assert "did not answer" in row["error"]


def test_a_flow_that_never_succeeded_is_named(settings: Settings) -> None:
    """Counted from the first scheduled run in this warehouse."""
    _record(settings, "score", 60)
    _record(settings, "score", 1)
    stale = run_status(settings).stale
    assert any(line.startswith("prices: never succeeded since") for line in stale)
    assert not any(line.startswith(("score", "nightly", "onchain")) for line in stale)


def test_what_is_at_work_is_shown(settings: Settings) -> None:
    """A run that began and has not ended."""
    _all_fresh(settings)
    Journal(settings).begin(RunStart("x", "news", NOW, True), holds_warehouse=True)
    rows = {row["flow"]: row for row in run_status(settings).flows}
    assert rows["news"]["running since"] == NOW
    text = CliRunner().invoke(app, ["status"]).stdout
    assert "running" in text


@pytest.mark.parametrize(("over", "is_stale"), [(-1, False), (1, True)])
def test_the_mart_has_a_promise_too(settings: Settings, over: int, is_stale: bool) -> None:
    """The age of its newest bar's close, at the limit and past it."""
    _all_fresh(settings)
    closed = NOW - MART_MAX_AGE - timedelta(seconds=over)
    with duckdb.connect(settings.warehouse_url.removeprefix("duckdb:///")) as connection:
        connection.execute("create schema crypto_marts")
        connection.execute(
            "create table crypto_marts.ml_features_materialized (timestamp_iso timestamp)"
        )
        connection.execute(
            "insert into crypto_marts.ml_features_materialized values (?)",
            [(closed - timedelta(hours=1)).replace(tzinfo=None)],
        )
    status = run_status(settings)
    assert status.mart["newest bar closed"] == closed
    assert bool(status.stale) is is_stale
    assert all(line.startswith("mart: ") for line in status.stale)


def test_a_wide_terminal_is_not_needed(settings: Settings) -> None:
    """Every column of the runs is readable in 80 columns."""
    _all_fresh(settings)
    lines = CliRunner().invoke(app, ["status"], env={"COLUMNS": "80"}).stdout.splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("Runs"))
    table = "\n".join(lines[start : start + 12])
    assert "06-01 11:59" in table
    assert "completed" in table
    assert "…" not in table
