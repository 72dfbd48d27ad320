"""What ran, how it ended, and what dbt's tests said: from the run journal."""

from __future__ import annotations

from typing import Any

from flows.journal import Journal
from flows.metrics.families import Readings
from flows.schedules import SCHEDULES, last_done
from flows.summary import MART
from ingestion.config import Settings
from ingestion.engine import engine_for

STATES = ("completed", "failed", "crashed")
TEST_STATES = ("pass", "warn", "fail", "error", "skipped")
_OTHER_NAMES = {"success": "pass", "runtime error": "error"}


def read_runs(settings: Settings, out: Readings) -> None:
    """Add the last run of each flow, what the schedules promise, and the last tests."""
    journal = Journal(settings)
    latest, ended_well = journal.latest(), journal.last_success()
    for flow, run in latest.items():
        out.set("cfw_flow_last_run_timestamp_seconds", run.ended_at, flow)
        seconds = (run.ended_at - run.started_at).total_seconds()
        out.set("cfw_flow_last_run_duration_seconds", seconds, flow)
        for state in STATES:
            out.set("cfw_flow_last_run_state", run.state == state, flow, state)
    since = journal.scheduled_since()
    for flow in {*latest, *(SCHEDULES if since else ())}:
        success = last_done(flow, ended_well)
        if success is not None:
            out.set("cfw_flow_last_success_timestamp_seconds", success, flow)
    if since:
        for flow, schedule in SCHEDULES.items():
            limit = schedule.stale_after.total_seconds()
            out.set("cfw_flow_max_age_seconds", limit, flow)
            out.set("cfw_flow_scheduled_since_timestamp_seconds", since, flow)
    _dbt(settings, out)


def _dbt(settings: Settings, out: Readings) -> None:
    engine = engine_for(settings)
    schema = f"{settings.schema_prefix}_ops"
    if not engine.has_table(schema, "dbt_nodes"):
        return
    runs, nodes = f"{schema}.flow_runs", f"{schema}.dbt_nodes"
    published = engine.query(
        f"select max(r.ended_at) as moment from {runs} r join {nodes} n "  # noqa: S608
        "on n.run_id = r.run_id where n.kind = 'model' and n.status = 'success' "
        "and n.node like %s",
        (f"%{MART}",),
    )[0]["moment"]
    if published is not None:
        out.set("cfw_mart_published_timestamp_seconds", published)
    newest = engine.query(
        f"select r.run_id from {runs} r where r.run_id in "  # noqa: S608
        f"(select run_id from {nodes} where kind = 'test' and status <> 'skipped') "
        "order by r.started_at desc, r.ended_at desc, r.run_id limit 1",
        (),
    )
    if newest:
        _tests(engine, nodes, newest[0]["run_id"], out)


def _tests(engine: Any, nodes: str, run_id: str, out: Readings) -> None:
    counts = dict.fromkeys(TEST_STATES, 0)
    for row in engine.query(
        f"select status, count(*) as n from {nodes} "  # noqa: S608
        "where run_id = %s and kind = 'test' group by status",
        (run_id,),
    ):
        status = _OTHER_NAMES.get(row["status"], row["status"])
        counts[status] = counts.get(status, 0) + int(row["n"])
    for status, count in counts.items():
        out.set("cfw_dbt_tests", count, status)
