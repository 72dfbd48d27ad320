"""The flow `pipeline`: raw sources to the tested mart, one Prefect task per step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from flows import steps
from flows.artifacts import publish_nodes
from flows.dbt import DbtReport
from flows.errors import PipelineError
from flows.recording import RunNotes, recorded
from ingestion.config import Settings
from ingestion.errors import SourceError
from ingestion.steps import STEPS, StepReport, run_step
from scoring.report import ScoringReport

from prefect import flow, task  # isort: skip - reads its settings when it is imported
from prefect.cache_policies import NO_CACHE  # isort: skip
from prefect.client.schemas.objects import State  # isort: skip

# The client has retried each request already: one more try, a little later.
_NETWORK_RETRIES = 1
_RETRY_SECONDS = 20


@dataclass
class PipelineReport:
    """What a run did: per source, for the texts, and in dbt.

    Attributes:
        failures: step name -> one line, for the steps that failed.
    """

    sources: list[StepReport] = field(default_factory=list)
    scoring: ScoringReport | None = None
    dbt: DbtReport | None = None
    failures: dict[str, str] = field(default_factory=dict)

    @property
    def new_rows(self) -> int:
        """Raw rows that this run stored."""
        return sum(sum(report.rows.values()) for report in self.sources)

    def raise_failures(self) -> None:
        """End the run as a failure if a step failed.

        Raises:
            PipelineError: one line per failed step.
        """
        if self.failures:
            raise PipelineError("\n".join(dict.fromkeys(self.failures.values())))


def settings_of(overrides: Mapping[str, Any]) -> Settings:
    """Return the environment's settings, less what the run's parameters replace."""
    return Settings(**dict(overrides))


def _is_of_the_source(_task: Any, _run: Any, state: State[Any]) -> bool:
    """Return whether a failure may pass by itself: a wrong setting stays wrong."""
    return isinstance(state.result(raise_on_failure=False), SourceError)


@task(name="prepare", cache_policy=NO_CACHE)
def prepare(overrides: dict[str, Any]) -> list[str]:
    """Create missing raw tables."""
    return steps.prepare(settings_of(overrides))


@task(
    name="ingest",
    task_run_name="ingest-{name}",
    retries=_NETWORK_RETRIES,
    retry_delay_seconds=_RETRY_SECONDS,
    retry_jitter_factor=0.5,
    retry_condition_fn=_is_of_the_source,
    cache_policy=NO_CACHE,
)
def ingest(name: str, overrides: dict[str, Any]) -> StepReport:
    """Read one provider and land what is new."""
    return run_step(name, settings_of(overrides))


@task(name="score", cache_policy=NO_CACHE)
def score(overrides: dict[str, Any]) -> ScoringReport:
    """Score the texts that are not scored yet."""
    return steps.score(settings_of(overrides))


@task(name="transform", cache_policy=NO_CACHE)
def transform(
    overrides: dict[str, Any], full_refresh: bool = False, tests: str = "batch"
) -> DbtReport:
    """Build and test the models; a failed test fails the task."""
    return steps.transform(settings_of(overrides), full_refresh=full_refresh, tests=tests)


@flow(name="pipeline", validate_parameters=False)
def pipeline(
    sources: Sequence[str] | None = None,
    overrides: dict[str, Any] | None = None,
    full_refresh: bool = False,
    only_capture: bool = False,
    wait_seconds: float = 0.0,
) -> PipelineReport:
    """Ingest every source, score the new texts, build and test the mart.

    A source that fails does not stop the others, nor the mart; the run fails in the end and
    names it.

    Args:
        sources: ingestion steps to run; all of them if None.
        overrides: settings that replace the environment's (never a secret: Prefect shows them).
        full_refresh: build every model anew.
        only_capture: stop after ingestion.
        wait_seconds: how long to wait for another run of the same warehouse.

    Raises:
        PipelineError: one line per failed step.
        LockedError: another run holds the warehouse.
    """
    chosen = dict(overrides or {})
    report = PipelineReport()
    with recorded("pipeline", settings_of(chosen), wait_seconds=wait_seconds) as notes:
        prepare(chosen)
        ingest_all(sources if sources is not None else list(STEPS), chosen, report, notes)
        if not only_capture:
            report.scoring = result_of(score(chosen, return_state=True), "score", report)
            note_scoring(report)
            transform_all(chosen, report, notes, full_refresh=full_refresh)
        report.raise_failures()
    return report


def ingest_all(
    names: Sequence[str], overrides: dict[str, Any], report: PipelineReport, notes: RunNotes
) -> None:
    """Read providers one after the other; one that fails does not stop the others."""
    notes.new_rows = 0
    for name in names:
        state = ingest(name, overrides, return_state=True)
        if (result := result_of(state, name, report)) is not None:
            report.sources.append(result)
        notes.new_rows = report.new_rows


def transform_all(
    overrides: dict[str, Any], report: PipelineReport, notes: RunNotes, **options: Any
) -> None:
    """Build and test the models, and show what dbt did as artifacts of the run."""
    state = transform(overrides, return_state=True, **options)
    report.dbt = result_of(state, "transform", report)
    if report.dbt:
        notes.nodes = report.dbt.nodes
        publish_nodes(notes.nodes)
        return
    error = state.result(raise_on_failure=False)
    notes.nodes = getattr(error, "nodes", ())
    publish_nodes(notes.nodes, str(error))


def result_of(state: State[Any], name: str, report: PipelineReport) -> Any:
    """Return a task's result; of a failed one, note the failure and return None.

    Raises:
        PipelineError: the task was interrupted, so the run is over.
    """
    if state.is_crashed() or state.is_cancelled():
        msg = f"{name}: interrupted; run the same command again to finish the work"
        raise PipelineError(msg)
    outcome = state.result(raise_on_failure=False)
    if isinstance(outcome, BaseException):
        report.failures[name] = str(outcome)
        return None
    return outcome


def note_scoring(report: PipelineReport) -> None:
    """Note the models that stopped as failures."""
    if report.scoring is None:
        return
    for model in report.scoring.models:
        if model.stopped:
            report.failures[f"score {model.key}"] = f"scoring with {model.key} {model.stopped}"
