"""The flow `backfill`: history of a group of sources, started by a person, resumed by the next."""

from __future__ import annotations

from typing import Any

from flows import steps
from flows.backfill import names_of, plan_of, settings_for, window_of
from flows.errors import PipelineError, RunningError
from flows.lock import run_lock
from flows.pipeline import settings_of
from flows.recording import recorded
from ingestion.backfill.planning import Wanted
from ingestion.backfill.report import SourceReport
from ingestion.backfill.runner import run_plan
from ingestion.backfill.sources import sources_of

from prefect import flow, runtime  # isort: skip - reads its settings when it is imported
from prefect.states import Cancelled, Completed  # isort: skip

#: It lets go of the warehouse between two pieces, so a day of it stops nobody.
TIMEOUT_SECONDS = 24 * 3600.0
_WAIT_SECONDS = 3600.0


@flow(name="backfill", timeout_seconds=TIMEOUT_SECONDS, validate_parameters=False)
def backfill(
    group: str,
    from_date: str,
    to_date: str = "",
    symbols: str = "",
    provider: str = "",
    overrides: dict[str, Any] | None = None,
) -> Any:
    """Read history that is missing; the same parameters go on after a stop.

    Args:
        group: prices, onchain, macro or news.
        from_date: first day or moment (UTC), included.
        to_date: day or moment (UTC) that is not included; empty means now.
        symbols: comma list of assets; empty means CFW_SYMBOLS.
        provider: one provider; empty means all of the group.
        overrides: settings that replace the environment's (never a secret: Prefect shows them).
    """
    settings = settings_for(group, symbols, None, provider, settings_of(overrides or {}))
    sources = sources_of(group, provider or None)
    wanted = Wanted(window_of(from_date, to_date, settings.clock()), None, False)
    reports: list[SourceReport] = []
    try:
        with recorded(
            "backfill",
            settings,
            wait_seconds=_WAIT_SECONDS,
            run_id=runtime.flow_run.id,
            is_exclusive=False,
        ) as notes:
            with run_lock(settings, _WAIT_SECONDS):
                steps.prepare(settings)
                plan = plan_of(settings, sources, wanted)
            try:
                run_plan(
                    plan, settings, hold=lambda: run_lock(settings, _WAIT_SECONDS), reports=reports
                )
            finally:
                notes.new_rows = sum(report.new_rows for report in reports)
            if failures := [line for report in reports for line in report.failures]:
                raise PipelineError("\n".join(dict.fromkeys(failures)))
    except RunningError as error:
        return Cancelled(message=str(error))
    done = sum(report.done for report in reports)
    return Completed(
        message=f"{names_of(sources)}: {done:,} of {plan.chunks:,} pieces, {notes.new_rows:,} rows"
    )
