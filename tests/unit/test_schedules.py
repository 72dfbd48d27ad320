"""The table of schedules, and that prefect.yaml, the flows and the deployments say the same."""

from __future__ import annotations

import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from flows.journal_rows import FlowRun
from flows.schedules import MART_MAX_AGE, SCHEDULES, last_done, stale_flows

ROOT = Path(__file__).parents[2]
POOLS = ("process", "kubernetes")
NOW = datetime(2024, 6, 1, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    """The deployments of prefect.yaml."""
    found: dict[str, Any] = yaml.safe_load((ROOT / "prefect.yaml").read_text(encoding="utf-8"))
    return found


@pytest.mark.parametrize("pool", POOLS)
def test_prefect_yaml_says_what_the_table_says(project: dict[str, Any], pool: str) -> None:
    """Every flow is deployed once per pool, at the table's interval and offset, alone."""
    made = {d["name"]: d for d in project["deployments"] if d["name"].endswith(f"-{pool}")}
    assert set(made) == {f"{name}-{pool}" for name in (*SCHEDULES, "backfill")}
    for name, schedule in SCHEDULES.items():
        deployment = made[f"{name}-{pool}"]
        assert deployment["work_pool"]["name"] == f"cfw-{pool}"
        assert deployment["entrypoint"] == f"flows.scheduled.{name}"
        assert deployment["concurrency_limit"]["limit"] == 1
        assert deployment["concurrency_limit"]["collision_strategy"] == "CANCEL_NEW"
        (when,) = deployment["schedules"]
        assert when["interval"] == schedule.every.total_seconds()
        assert datetime.fromisoformat(when["anchor_date"]) == schedule.anchor
        assert when["timezone"] == "UTC"
    backfill = made[f"backfill-{pool}"]
    assert "schedules" not in backfill
    assert backfill["concurrency_limit"]["collision_strategy"] == "ENQUEUE"
    assert len(project["deployments"]) == len(POOLS) * (len(SCHEDULES) + 1)


def test_no_secret_is_in_prefect_yaml(project: dict[str, Any]) -> None:
    """Settings come from the worker's environment."""
    text = (ROOT / "prefect.yaml").read_text(encoding="utf-8")
    assert not re.search(r"(?i)password|api_key|secret:|token", text)
    assert "parameters" not in text


def test_flows_and_served_deployments_follow_the_table() -> None:
    """Names, time limits, intervals and the rule against overlap."""
    from flows import scheduled
    from flows.deployments import served

    for name, schedule in SCHEDULES.items():
        made = getattr(scheduled, name)
        assert made.name == name
        assert made.timeout_seconds == schedule.timeout.total_seconds()
        assert made.description
    by_flow = {deployment.flow_name: deployment for deployment in served()}
    assert set(by_flow) == {*SCHEDULES, "backfill"}
    for name, schedule in SCHEDULES.items():
        deployment = by_flow[name]
        assert deployment.entrypoint == f"flows.scheduled.{name}"
        assert deployment.concurrency_limit == 1
        assert deployment.concurrency_options.collision_strategy.value == "CANCEL_NEW"
        (when,) = deployment.schedules
        assert when.schedule.interval == schedule.every
        assert when.schedule.anchor_date == schedule.anchor


def test_the_figures_fit_together() -> None:
    """A flow is stale only after two of its runs were lost, and no two start at one moment."""
    for schedule in SCHEDULES.values():
        assert timedelta(0) <= schedule.offset < max(schedule.every, timedelta(days=1))
        assert schedule.stale_after > schedule.every
        assert schedule.wait >= timedelta(minutes=15)
    hours = Counter(
        schedule.anchor + number * schedule.every
        for name, schedule in SCHEDULES.items()
        if name != "score"
        for number in range(int(timedelta(days=1) / schedule.every))
    )
    assert max(hours.values()) == 1, "two flows are due at the same minute"
    fresh = SCHEDULES["prices"].every + SCHEDULES["transform"].every
    assert timedelta(hours=1) + fresh < MART_MAX_AGE


@given(st.sampled_from(list(SCHEDULES)), st.integers(-(10**9), 10**9))
def test_the_next_start_is_the_first_after_now(name: str, milliseconds: int) -> None:
    """Later than now, by one interval at most, and on the schedule's grid."""
    schedule, now = SCHEDULES[name], NOW + timedelta(milliseconds=milliseconds)
    due = schedule.due_after(now)
    assert now < due <= now + schedule.every
    assert (due - schedule.anchor) % schedule.every == timedelta(0)


def test_a_flow_is_stale_when_its_promise_is_broken() -> None:
    """The one rule: last success, by itself or by a flow that includes it, too long ago."""
    fresh = dict.fromkeys(SCHEDULES, NOW)
    assert stale_flows(fresh, NOW, NOW) == []
    for name, schedule in SCHEDULES.items():
        others = dict.fromkeys(fresh, NOW + schedule.stale_after)
        late = {**others, name: NOW}
        moment = NOW + schedule.stale_after + timedelta(seconds=1)
        assert stale_flows({**late, "nightly": late["nightly"]}, NOW, moment) == (
            [name] if name != "transform" else []
        ), name
    old = {**fresh, "transform": NOW - timedelta(hours=2), "nightly": NOW - timedelta(hours=2)}
    assert stale_flows(old, NOW, NOW) == ["transform"]
    assert last_done("transform", {"pipeline": NOW}) == NOW


def test_a_flow_that_never_succeeded_is_stale_after_its_time() -> None:
    """Counted from the first scheduled run; who has no schedule keeps no promise."""
    assert stale_flows({}, None, NOW) == []
    assert stale_flows({}, NOW, NOW) == []
    assert set(stale_flows({}, NOW, NOW + timedelta(days=2))) == set(SCHEDULES)


def test_a_run_is_covered_by_a_success_that_began_after_it_was_due() -> None:
    """Of the runs missed in a sleep one works and the others end at once."""
    from flows.scheduled import is_covered

    def run(minute: int, state: str = "completed") -> FlowRun:
        at = NOW + timedelta(minutes=minute)
        return FlowRun("r", "news", at, at, state)

    assert is_covered(NOW, run(1))
    assert is_covered(NOW, run(0))
    assert not is_covered(NOW, run(-1)), "that run began before this one was due"
    assert not is_covered(NOW, run(1, "failed"))
    assert not is_covered(NOW, None)
    assert not is_covered(None, run(1))
