"""One host as one task sees it: waiting for a turn, and reporting how it went."""

from __future__ import annotations

import time
from collections.abc import Callable

from ingestion.limits import MAX_WAIT_SECONDS, HostLedger, LeftAloneError


class HostGate:
    """One host as one task sees it."""

    def __init__(
        self,
        ledger: HostLedger,
        host: str,
        per_second: float,
        *,
        most_failures: int = 5,
        cool_down: float = 60.0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Name the host and its rules; a ``cool_down`` of 0 switches the breaker off."""
        self.host = host
        self._ledger = ledger
        self._per_second = per_second
        self._most_failures = most_failures
        self._cool_down = cool_down
        self._sleep = sleep

    def acquire(self) -> None:
        """Wait for a turn.

        Raises:
            LeftAloneError: there is none soon.
        """
        with self._ledger.change(self.host) as (state, now):
            wait = state.turn(now, self._per_second)
            held = state.held_until
        while wait > 0:
            self._sleep(wait)
            with self._ledger.change(self.host) as (state, now):
                # Only a hold that came while this task waited is waited for again.
                wait = state.held_until - now if state.held_until > held else 0.0
                held = state.held_until
                if wait > MAX_WAIT_SECONDS:
                    raise LeftAloneError(held, state.why)

    def answered(self, status: int, skew: float | None = None) -> None:
        """Report an answer of the host, whatever it says, and how far its clock is ahead."""
        with self._ledger.change(self.host) as (state, now):
            state.answered(now, status, skew)

    def failed(self, why: str, outcome: str = "") -> None:
        """Report an attempt that failed for the host's own reasons.

        Args:
            why: what to tell of it.
            outcome: what to count it as, where no answer has been reported.
        """
        with self._ledger.change(self.host) as (state, now):
            state.failed(now, why, self._most_failures, self._cool_down)
            if outcome:
                state.count(outcome)

    def hold(self, seconds: float, why: str) -> float:
        """Keep every task away for some seconds; return until when (unix seconds)."""
        with self._ledger.change(self.host) as (state, now):
            if now + seconds > state.held_until:
                state.held_until, state.why = now + seconds, why
            return state.held_until
