"""The one table of schedules: how often each flow runs, how long it may, when it is stale.

`prefect.yaml`, `cfw serve`, `cfw status` and the alerts all speak of these figures; a test holds
`prefect.yaml` against them. Why they are what they are: docs/decisions/0010-schedules.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

#: Every schedule counts from here, so that a restart does not move it.
ANCHOR = datetime(2024, 1, 1, tzinfo=UTC)

#: The newest row of the mart belongs to a bar that closed at most so long ago: an hour until the
#: next bar closes, and until that one is read and built while a nightly refresh may be running.
MART_MAX_AGE = timedelta(hours=1, minutes=30)


@dataclass(frozen=True)
class Schedule:
    """When a flow runs.

    Attributes:
        flow: its name, in Prefect and in the journal.
        every: from one start to the next.
        offset: of the first start of a day, from midnight UTC; keeps the flows apart.
        wait: how long a run waits for the warehouse when another run holds it.
        work: how long it may work once it has the warehouse.
        stale_after: no success for so long is a broken promise.
    """

    flow: str
    every: timedelta
    offset: timedelta
    wait: timedelta
    work: timedelta
    stale_after: timedelta

    @property
    def timeout(self) -> timedelta:
        """Prefect's limit of a run, which counts the wait too."""
        return self.wait + self.work

    @property
    def anchor(self) -> datetime:
        """A moment at which the flow was due."""
        return ANCHOR + self.offset

    def due_after(self, moment: datetime) -> datetime:
        """Return the first start later than a moment."""
        return self.anchor + ((moment - self.anchor) // self.every + 1) * self.every


def _schedule(
    flow: str, every: float, offset: float, wait: float, work: float, stale_after: float
) -> Schedule:
    """Return a schedule whose figures are minutes."""
    return Schedule(flow, *(timedelta(minutes=m) for m in (every, offset, wait, work, stale_after)))


SCHEDULES: Mapping[str, Schedule] = {
    schedule.flow: schedule
    for schedule in (
        #          flow     every  offset  wait  work  stale after (all in minutes)
        _schedule("prices", 5, 1, 15, 15, 30),
        _schedule("news", 15, 2, 15, 15, 60),
        _schedule("social", 30, 4, 15, 25, 90),
        _schedule("macro", 60, 7, 15, 30, 180),
        _schedule("onchain", 360, 13, 15, 60, 780),
        _schedule("score", 1, 0, 15, 15, 30),
        _schedule("transform", 5, 3, 15, 30, 45),
        _schedule("nightly", 1440, 160, 30, 120, 1620),
    )
}

#: Flows that do what a scheduled flow does, besides itself.
_ALSO_DONE_BY = {
    **dict.fromkeys(("prices", "news", "social", "macro", "onchain", "score"), ("pipeline",)),
    "transform": ("pipeline", "nightly"),
}
#: A scoring run on a file leaves the warehouse to others after so long, and goes on a minute later.
SCORE_TURN = timedelta(minutes=4)


def last_done(flow: str, last_success: Mapping[str, datetime]) -> datetime | None:
    """Return when a flow's work was last done well, by itself or by a flow that includes it."""
    known = (last_success.get(name) for name in (flow, *_ALSO_DONE_BY.get(flow, ())))
    return max((moment for moment in known if moment is not None), default=None)


def stale_flows(
    last_success: Mapping[str, datetime], scheduled_since: datetime | None, now: datetime
) -> list[str]:
    """Return the flows that broke their promise. The one rule of staleness.

    Args:
        last_success: flow -> end of its newest success.
        scheduled_since: when the first scheduled run of this warehouse began; None where none
            ever did: who runs `cfw run` by hand is held to no schedule.
        now: the clock.
    """
    if scheduled_since is None:
        return []
    return [
        flow
        for flow, schedule in SCHEDULES.items()
        if now - (last_done(flow, last_success) or scheduled_since) > schedule.stale_after
    ]
