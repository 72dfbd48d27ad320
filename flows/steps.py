"""The steps of a run, as plain functions: what the Prefect tasks and the command line both call."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from flows.dbt import DbtReport, run_dbt, transform_vars
from flows.errors import RunError
from flows.scoring import ScoringWorker
from ingestion.config import Settings
from ingestion.destination import Warehouse
from ingestion.engine import DuckDbEngine, duckdb_path
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
    into: Path | None = None,
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
        into: a DuckDB file of its own for a past state; the warehouse is only read.
        tests: `batch` tests the rows this run wrote, `all` every row.
        variables: dbt vars that replace those of the project, such as `sentiment_models`.

    Raises:
        RunError: `into` cannot take this build.
        TransformError: dbt failed.
    """
    is_past = as_of is not None or loaded_as_of is not None
    if into is not None:
        into = _own_file(settings, into, is_past=is_past)
    arguments = ["build"]
    # A past state carries nothing over, also from a build of other code under the same name.
    if full_refresh or is_past:
        arguments.append("--full-refresh")
    if select:
        # A test that also reads a model left out would meet a table that is not there.
        arguments += ["--select", *select, "--indirect-selection", "cautious"]
    own = transform_vars(as_of, loaded_as_of, build_tag, tests, has_own_file=into is not None)
    variables = {**(variables or {}), **own}
    return run_dbt(settings, arguments, variables, into=into, is_past=is_past)


def _own_file(settings: Settings, into: Path, *, is_past: bool) -> Path:
    """Return the absolute path of a file that may take a build of a past state.

    Raises:
        RunError: the warehouse is a server, the build is not of a past state, or the file holds a
            warehouse.
    """
    path = into.expanduser().absolute()
    if settings.is_server:
        msg = f"--into {into}: a server builds into schemas of its own; use --build-tag"
        raise RunError(msg)
    if not is_past:
        msg = (
            f"--into {into}: only a past state has a file of its own; add --as-of or --loaded-as-of"
        )
        raise RunError(msg)
    if path == duckdb_path(settings.warehouse_url) or (
        path.exists() and DuckDbEngine(path).has_table(settings.dataset, "price_bars")
    ):
        msg = f"--into {into}: this file is a warehouse; name another one"
        raise RunError(msg)
    path.parent.mkdir(parents=True, exist_ok=True)
    return path
