"""A number of requests per hour that holds across runs."""

from __future__ import annotations

from datetime import datetime, timedelta

from ingestion.extraction import Extraction

_HOUR = timedelta(hours=1)
_STATE = "spent"


class HourlyBudget:
    """Counts this run's requests on top of those that earlier runs sent within the hour."""

    def __init__(self, run: Extraction, per_hour: int) -> None:
        """Read from the state what was sent lately."""
        self._run = run
        self._per_hour = per_hour
        self._earlier: list[tuple[str, int]] = [
            (moment, sent)
            for moment, sent in run.state.get(_STATE, [])
            if datetime.fromisoformat(moment) > run.clock - _HOUR
        ]

    def left(self, share: float = 1.0) -> int:
        """Return how many requests may still be sent of a share of the budget."""
        earlier = sum(sent for _, sent in self._earlier)
        return int(self._per_hour * share) - earlier - self._run.client.requests

    def keep(self) -> None:
        """Write to the state what was sent."""
        now = (self._run.clock.isoformat(), self._run.client.requests)
        self._run.state[_STATE] = [list(entry) for entry in (*self._earlier, now)]
