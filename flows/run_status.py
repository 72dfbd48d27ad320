"""How the flows, the mart and the scoring stand. Reads only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from flows.coverage import coverage
from flows.journal import Journal
from flows.schedules import MART_MAX_AGE, SCHEDULES, stale_flows
from flows.summary import MART
from ingestion.config import Settings
from ingestion.engine import engine_for

_BAR = timedelta(hours=1)


@dataclass(frozen=True)
class RunStatus:
    """What ran and what is stale.

    Attributes:
        flows: a row per schedule, and per other flow that ever ran.
        mart: the newest bar's close and its age; empty where there is no mart.
        backlog: a row per model: texts that wait, and for how long.
        stale: one line per broken promise; empty where nothing is held to a schedule.
    """

    flows: list[dict[str, Any]]
    mart: dict[str, Any]
    backlog: list[dict[str, Any]]
    stale: list[str]


def run_status(settings: Settings) -> RunStatus:
    """Return how the runs stand now."""
    journal, now = Journal(settings), settings.clock()
    success, since = journal.last_success(), journal.scheduled_since()
    late = stale_flows(success, since, now)
    stale = [_stale_line(name, success.get(name), since) for name in late]
    mart = _mart(settings, now)
    if since is not None and mart and mart["age"] > MART_MAX_AGE:
        stale.append(
            f"mart: its newest bar closed {_span(mart['age'])} ago, promised are "
            f"{_span(MART_MAX_AGE)}; see why prices or transform failed"
        )
    return RunStatus(_flows(journal, late, now, since), mart, _backlog(settings), stale)


def _flows(
    journal: Journal, late: list[str], now: datetime, since: datetime | None
) -> list[dict[str, Any]]:
    latest, success = journal.latest(), journal.last_success()
    running = {start.flow: start.started_at for start in journal.running()}
    rows = []
    for name in dict.fromkeys((*SCHEDULES, *sorted({*latest, *running}))):
        run, schedule = latest.get(name), SCHEDULES.get(name)
        rows.append(
            {
                "flow": name,
                "last run": run.ended_at if run else None,
                "state": run.state if run else "never ran",
                "took": round((run.ended_at - run.started_at).total_seconds(), 1) if run else None,
                "new rows": run.new_rows if run else None,
                "last success": success.get(name),
                "running since": running.get(name),
                "next run": schedule.due_after(now) if schedule and since else None,
                "stale": name in late,
                "error": run.error if run else None,
            }
        )
    return rows


def _stale_line(name: str, success: datetime | None, since: datetime | None) -> str:
    allowed = _span(SCHEDULES[name].stale_after)
    if success is None:
        return f"{name}: never succeeded since the first schedule at {since:%Y-%m-%d %H:%M} UTC"
    return f"{name}: last succeeded at {success:%Y-%m-%d %H:%M} UTC, promised is within {allowed}"


def _mart(settings: Settings, now: datetime) -> dict[str, Any]:
    engine, schema = engine_for(settings), f"{settings.schema_prefix}_marts"
    if not engine.has_table(schema, MART):
        return {}
    sql = f"select max(timestamp_iso) as newest from {schema}.{MART}"  # noqa: S608 - our own names
    newest: datetime | None = engine.query(sql, ())[0]["newest"]
    if newest is None:
        return {}
    return {"newest bar closed": newest + _BAR, "age": now - newest - _BAR}


def _backlog(settings: Settings) -> list[dict[str, Any]]:
    return [
        {
            "model": row["model"],
            "collected": row["collected"],
            "waiting": row["collected"] - row["scored"] - row["given_up"],
            "given up": row["given_up"],
            "oldest waits hours": row["oldest_unscored_hours"],
        }
        for row in coverage(settings)
    ]


def _span(span: timedelta) -> str:
    minutes = round(span.total_seconds() / 60)
    hours, rest = divmod(minutes, 60)
    return f"{hours} h {rest} min" if hours else f"{rest} min"
