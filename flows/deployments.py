"""The schedules as Prefect deployments, for the process of `cfw serve`."""

from __future__ import annotations

from typing import Any

from flows import backfill_flow, scheduled
from flows.schedules import SCHEDULES, Schedule

from prefect.client.schemas.objects import (  # isort: skip - reads its settings when imported
    ConcurrencyLimitConfig,
    ConcurrencyLimitStrategy,
)
from prefect.client.schemas.schedules import IntervalSchedule  # isort: skip
from prefect.types.entrypoint import EntrypointType  # isort: skip

#: Name of every deployment of `cfw serve`: `prices/serve` and so on.
SERVED = "serve"
#: After a run's process was killed, its deployment is free again so many seconds later.
GRACE_SECONDS = 60


def limit(strategy: ConcurrencyLimitStrategy) -> ConcurrencyLimitConfig:
    """Return the rule of a deployment: one run at a time."""
    return ConcurrencyLimitConfig(
        limit=1, collision_strategy=strategy, grace_period_seconds=GRACE_SECONDS
    )


def interval_of(schedule: Schedule) -> IntervalSchedule:
    """Return when Prefect is to start a flow."""
    return IntervalSchedule(interval=schedule.every, anchor_date=schedule.anchor, timezone="UTC")


def served() -> list[Any]:
    """Return a deployment per flow, for a runner."""
    made = [
        getattr(scheduled, name).to_deployment(
            SERVED,
            schedules=[interval_of(schedule)],
            concurrency_limit=limit(ConcurrencyLimitStrategy.CANCEL_NEW),
            entrypoint_type=EntrypointType.MODULE_PATH,
            description=f"every {schedule.every}, at most {schedule.timeout}",
            tags=["cfw"],
        )
        for name, schedule in SCHEDULES.items()
    ]
    return [
        *made,
        backfill_flow.backfill.to_deployment(
            SERVED,
            concurrency_limit=limit(ConcurrencyLimitStrategy.ENQUEUE),
            entrypoint_type=EntrypointType.MODULE_PATH,
            description="history of a group of sources; started by a person",
            tags=["cfw"],
        ),
    ]
