"""The steps of a run, as plain functions: what the Prefect tasks and the command line both call."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from flows.dbt import DbtReport, run_dbt, transform_vars
from flows.errors import RunError
from flows.scoring import ScoringWorker
from ingestion.config import Settings
from ingestion.destination import Warehouse
from ingestion.steps import STEPS
from scoring.report import Progress, ScoringReport

GROUPS = tuple(dict.fromkeys(STEPS.values()))


def steps_of(group: str) -> list[str]:
    """Return the ingestion steps of a group, or all of them.

    Raises:
        RunError: no such group.
    """
    if group == "all":
        return list(STEPS)
    chosen = [step for step, its_group in STEPS.items() if its_group == group]
    if not chosen:
        msg = f"'{group}' is no group of sources; choose from {', '.join((*GROUPS, 'all'))}"
        raise RunError(msg)
    return chosen


def prepare(settings: Settings) -> list[str]:
    """Create the raw tables that are missing, so that dbt finds every source."""
    return Warehouse(settings).ensure_tables()


def score(
    settings: Settings,
    limit: int | None = None,
    on_progress: Callable[[Progress], None] | None = None,
) -> ScoringReport:
    """Score every text that is not scored yet and look for the assets it mentions.

    The caller holds the run lock.
    """
    return ScoringWorker(settings, is_alone=True).score(limit=limit, on_progress=on_progress)


def transform(
    settings: Settings,
    *,
    full_refresh: bool = False,
    select: Sequence[str] = (),
    as_of: datetime | None = None,
    loaded_as_of: datetime | None = None,
    build_tag: str = "",
    tests: str = "batch",
    variables: Mapping[str, Any] | None = None,
) -> DbtReport:
    """Build and test the models: what is new, everything, or the state of a past moment.

    Args:
        settings: names the warehouse.
        full_refresh: build everything anew.
        select: dbt node selection; empty means all.
        as_of: build as could be known then.
        loaded_as_of: build from what the warehouse held then.
        build_tag: sets the schemas apart: <prefix>_<build_tag>_marts and so on.
        tests: `batch` tests the rows this run wrote, `all` every row.
        variables: dbt vars that replace those of the project, such as `sentiment_models`.
    """
    arguments = ["build"]
    if full_refresh:
        arguments.append("--full-refresh")
    if select:
        # A test that also reads a model left out would meet a table that is not there.
        arguments += ["--select", *select, "--indirect-selection", "cautious"]
    own = transform_vars(as_of, loaded_as_of, build_tag, tests)
    return run_dbt(settings, arguments, {**(variables or {}), **own})
