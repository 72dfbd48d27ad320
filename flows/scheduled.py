"""The flows of the schedules, as Prefect runs them; their figures are in flows/schedules.py.

Each flow is incremental: it reads on from what the warehouse holds, so one run after a sleep does
the work of all the runs that were missed. A run that comes late, when a run that began after its
time has done its work already, ends at once.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import nullcontext
from datetime import datetime, timedelta
from typing import Any

from flows import steps
from flows.changes import changed_tables, may_have_texts
from flows.dbt import run_dbt
from flows.errors import RunningError
from flows.journal import KEEP_DAYS, Journal
from flows.journal_rows import COMPLETED, FlowRun
from flows.lock import run_lock
from flows.pipeline import (
    PipelineReport,
    ingest_all,
    note_scoring,
    prepare,
    result_of,
    settings_of,
    transform_all,
)
from flows.recording import RunNotes, recorded
from flows.schedules import SCHEDULES, SCORE_TURN
from flows.scoring import LOAD_WAIT_SECONDS, ScoringWorker
from ingestion.config import Settings
from scoring.report import ScoringReport

from prefect import flow, runtime, task  # isort: skip - reads its settings when it is imported
from prefect.cache_policies import NO_CACHE  # isort: skip
from prefect.flows import Flow  # isort: skip
from prefect.states import Cancelled, Completed  # isort: skip

Overrides = dict[str, Any]
#: Does the work of a flow, and says in a line what it did.
Body = Callable[[Overrides, RunNotes], str]

NOTHING = "nothing to do"


def _scheduled(body: Body) -> Flow[..., Any]:
    """Make a flow of its work: on time, alone, in the journal."""
    name = body.__name__
    limits = SCHEDULES[name]

    def run(overrides: Overrides | None = None) -> Any:
        settings = settings_of(overrides or {})
        # A server's scorers hold the warehouse while they load, only.
        is_exclusive = not (name == "score" and settings.is_server)
        try:
            with recorded(
                name,
                settings,
                wait_seconds=limits.wait.total_seconds(),
                run_id=runtime.flow_run.id,
                is_exclusive=is_exclusive,
            ) as notes:
                if _is_covered(name, settings):
                    return Completed(message=f"{NOTHING}: a later run has done this one's work")
                return Completed(message=body(dict(overrides or {}), notes))
        except RunningError as error:
            return Cancelled(message=str(error))

    run.__name__, run.__doc__ = name, body.__doc__
    return flow(
        name=name, timeout_seconds=limits.timeout.total_seconds(), validate_parameters=False
    )(run)


def _is_covered(name: str, settings: Settings) -> bool:
    if settings.now is not None:
        return False  # a replay's clock is not Prefect's
    due: datetime | None = runtime.flow_run.scheduled_start_time
    return is_covered(due, Journal(settings).latest().get(name))


def is_covered(due: datetime | None, latest: FlowRun | None) -> bool:
    """Return whether a run that began after the moment at which this one was due has succeeded."""
    if due is None or latest is None or latest.state != COMPLETED:
        return False
    return latest.started_at >= due


def _ingest(group: str, overrides: Overrides, notes: RunNotes) -> str:
    report = PipelineReport()
    prepare(overrides)
    ingest_all(steps.steps_of(group), overrides, report, notes)
    report.raise_failures()
    skipped = [source.step for source in report.sources if source.status == "skipped"]
    return f"{report.new_rows:,} new rows" + (f"; skipped: {', '.join(skipped)}" if skipped else "")


@_scheduled
def prices(overrides: Overrides, notes: RunNotes) -> str:
    """Bars and supply, from every price provider that is switched on."""
    return _ingest("prices", overrides, notes)


@_scheduled
def news(overrides: Overrides, notes: RunNotes) -> str:
    """Articles of the feeds."""
    return _ingest("news", overrides, notes)


@_scheduled
def social(overrides: Overrides, notes: RunNotes) -> str:
    """Posts, and their engagement again when it is due."""
    return _ingest("social", overrides, notes)


@_scheduled
def macro(overrides: Overrides, notes: RunNotes) -> str:
    """Macro series with their vintages, and the fear and greed index."""
    return _ingest("macro", overrides, notes)


@_scheduled
def onchain(overrides: Overrides, notes: RunNotes) -> str:
    """On-chain metrics."""
    return _ingest("onchain", overrides, notes)


@task(name="score-turn", cache_policy=NO_CACHE)
def score_turn(overrides: Overrides) -> ScoringReport:
    """Score what waits, for one turn; on a file the others wait meanwhile."""
    settings = settings_of(overrides)
    until = time.monotonic() + SCORE_TURN.total_seconds()
    worker = ScoringWorker(settings, is_alone=not settings.is_server)
    return worker.score(should_stop=lambda: time.monotonic() > until)


@_scheduled
def score(overrides: Overrides, notes: RunNotes) -> str:
    """Score the texts that are not scored yet, and find the assets they mention."""
    settings = settings_of(overrides)
    if not may_have_texts(settings):
        return f"{NOTHING}: no text was loaded since the last pass"
    with run_lock(settings, LOAD_WAIT_SECONDS) if settings.is_server else nullcontext():
        prepare(overrides)
    report = PipelineReport()
    report.scoring = result_of(score_turn(overrides, return_state=True), "score", report)
    note_scoring(report)
    if report.scoring is not None:
        notes.new_rows = report.scoring.scored
    report.raise_failures()
    return "; ".join(report.scoring.lines()) if report.scoring else ""


@_scheduled
def transform(overrides: Overrides, notes: RunNotes) -> str:
    """Build and test what is new; without new rows there is nothing to build."""
    settings = settings_of(overrides)
    prepare(overrides)
    changed = changed_tables(settings)
    if not changed:
        return f"{NOTHING}: no raw row and no score since the last completed build"
    report = PipelineReport()
    transform_all(overrides, report, notes)
    report.raise_failures()
    built = f"{report.dbt.models} models, {report.dbt.tests} tests" if report.dbt else ""
    return f"{built}; new rows in {', '.join(changed)}"


@task(name="docs", cache_policy=NO_CACHE)
def docs(overrides: Overrides) -> None:
    """Write the docs site. It compiles again: dbt-duckdb opens its file for a compilation only."""
    run_dbt(settings_of(overrides), ["docs", "generate"])


@_scheduled
def nightly(overrides: Overrides, notes: RunNotes) -> str:
    """Build everything anew with all tests, write the docs, and shorten the journal."""
    settings = settings_of(overrides)
    report = PipelineReport()
    prepare(overrides)
    transform_all(overrides, report, notes, full_refresh=True, tests="all")
    if report.dbt is not None:
        result_of(docs(overrides, return_state=True), "docs", report)
    Journal(settings).prune(settings.clock() - timedelta(days=KEEP_DAYS))
    report.raise_failures()
    return f"{report.dbt.models} models, {report.dbt.tests} tests" if report.dbt else ""
