"""What a runner finds when it starts: runs that a killed one left, runs that nobody started."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterId,
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.states import Crashed, Scheduled

_AT_WORK = [StateType.PENDING, StateType.RUNNING, StateType.CANCELLING]
_PAGE = 200
_APART = timedelta(seconds=5)
_GONE = "its process was gone when `cfw serve` started again"


def clear_leftovers(deployment_ids: Sequence[UUID]) -> None:
    """Show the runs of a killed process as crashed, and drop those whose time has passed.

    Only for a server and deployments that nobody else runs. What the dropped runs would have done,
    one run does now: see `catch_up`.
    """
    with get_client(sync_client=True) as client:
        for run in _runs(deployment_ids, _AT_WORK):
            state: State[None] = Crashed(message=_GONE)
            client.set_flow_run_state(run.id, state, force=True)
        while late := _runs(deployment_ids, [StateType.SCHEDULED]):
            for run in late:
                client.delete_flow_run(run.id)


def catch_up(deployment_ids: Mapping[str, UUID]) -> None:
    """Start one run of each deployment, one after the other: each start is work for a CPU."""
    now = datetime.now(UTC)
    with get_client(sync_client=True) as client:
        for number, deployment_id in enumerate(deployment_ids.values()):
            client.create_flow_run_from_deployment(
                deployment_id,
                state=Scheduled(scheduled_time=now + number * _APART),
                tags=["cfw", "catch-up"],
            )


def _runs(deployment_ids: Sequence[UUID], states: Sequence[StateType]) -> list[FlowRun]:
    with get_client(sync_client=True) as client:
        return client.read_flow_runs(
            deployment_filter=DeploymentFilter(id=DeploymentFilterId(any_=list(deployment_ids))),
            flow_run_filter=FlowRunFilter(
                state=FlowRunFilterState(type=FlowRunFilterStateType(any_=list(states)))
            ),
            limit=_PAGE,
        )
