"""Answers that are none: what arrives all the same, what the failure says, and the next run."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from tests.support.days import Clock, Days

CANDLES = 600  # of the two symbols, at the least


@dataclass(frozen=True)
class Day:
    """A bad day of the exchange.

    Attributes:
        fault: kind and options of what happens.
        times: how many requests it hits, None for all of them.
        says: what the failure must say; empty where the day passes without one.
        asked: how often the exchange may be asked before the run gives up.
        waited: least and most seconds of waiting.
    """

    fault: dict[str, Any]
    times: int | None = 1
    says: str = ""
    asked: int | None = None
    waited: tuple[float, float] = (0.0, 0.0)
    changes: dict[str, Any] = field(default_factory=dict)


PATIENT = {"http_backoff_seconds": 1.0, "http_attempts": 4}
OVERCOME = {
    "429 for minutes without Retry-After": Day(
        {"kind": "status", "status": 429}, 8, waited=(240, 260), changes=PATIENT
    ),
    "429 for minutes with Retry-After": Day(
        {"kind": "status", "status": 429, "retry_after": 45}, 5, waited=(225, 226), changes=PATIENT
    ),
    "a storm of 500 that passes": Day(
        {"kind": "status", "status": 500}, 3, waited=(7, 7), changes=PATIENT
    ),
    "503 with Retry-After": Day(
        {"kind": "status", "status": 503, "retry_after": 30}, 2, waited=(60, 61), changes=PATIENT
    ),
    "a reset in the middle of the body": Day({"kind": "reset"}, 2),
    "a compressed body that breaks off": Day({"kind": "truncated_gzip"}, 2),
    "a quota used up": Day(
        {
            "kind": "status",
            "status": 500,
            "headers": {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "6"},
        },
        waited=(6, 6),
    ),
}
FATAL = {
    "429 for longer than patience": Day(
        {"kind": "status", "status": 429},
        None,
        says="answered 429: Public rate limit exceeded; wait, or lower CFW_REQUESTS_PER_SECOND",
        asked=18,
        waited=(240, 620),
        changes=PATIENT,
    ),
    "451": Day(
        {"kind": "status", "status": 451, "body": {"msg": "Service unavailable from here"}},
        None,
        says="answered 451: Service unavailable from here; set CFW_COINBASE_BASE_URL to an address",
        asked=1,
    ),
    "403": Day(
        {"kind": "status", "status": 403},
        None,
        says="check CFW_COINBASE_BASE_URL and whether the provider blocks this address",
        asked=2,
    ),
    "a connection that is always reset": Day(
        {"kind": "reset"}, None, says="answered 200 with a body that broke off", asked=6
    ),
    "compressed bodies that always break off": Day(
        {"kind": "truncated_gzip"},
        None,
        says="answered 200 with a body that is compressed and breaks off",
        asked=6,
    ),
    "a response that never ends": Day(
        {"kind": "endless", "seconds": 1.5},
        None,
        says="with a body that has not ended in time; check the address, or raise CFW_HTTP_MAX",
        asked=2,
        changes={"http_total_seconds": 0.2},
    ),
    "a response that is too large": Day(
        {"kind": "endless", "seconds": 0.1},
        None,
        says="with a body that is larger than 1000 bytes",
        asked=2,
        changes={"http_max_bytes": 1000},
    ),
    "a page with 200": Day(
        {"kind": "html"}, None, says="answered 200 with an HTML page instead of JSON", asked=2
    ),
    "an error with 200": Day(
        {"kind": "json_error"},
        None,
        says="answered with an object instead of a list of candles",
        asked=2,
    ),
    "an empty body": Day({"kind": "empty"}, None, says="'an empty body' instead of JSON", asked=2),
    "half a body": Day({"kind": "truncated"}, None, says="malformed JSON", asked=2),
}


@pytest.mark.parametrize("name", OVERCOME)
def test_a_day_that_passes_loses_nothing(name: str, days: Days, clock: Clock) -> None:
    day = OVERCOME[name]
    days.fault("coinbase", times=day.times, **day.fault)
    outcome = days.run("coinbase", **day.changes)
    assert outcome.line == ""
    assert outcome.rows > CANDLES
    assert day.waited[0] - 0.01 <= clock.slept <= day.waited[1] + 0.01
    again = days.run("coinbase")
    assert (again.line, again.rows) == ("", 0)


@pytest.mark.parametrize("name", FATAL)
def test_a_day_that_does_not_pass_is_told_and_the_next_run_heals(
    name: str, days: Days, clock: Clock
) -> None:
    day = FATAL[name]
    days.fault("coinbase", times=day.times, **day.fault)
    outcome = days.run("coinbase", **day.changes)
    assert day.says in outcome.line
    assert outcome.rows == 0
    assert days.facts("coinbase") == set()
    assert day.asked is None or days.requests("coinbase") <= day.asked
    assert day.waited[0] - 0.01 <= clock.slept <= day.waited[1] + 0.01
    days.sandbox.faults.clear()
    clock.now += 600
    healed = days.run("coinbase")
    assert healed.line == ""
    assert healed.rows > CANDLES


def test_a_date_to_wait_for_is_waited_for(days: Days, clock: Clock) -> None:
    asked = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    days.fault("coinbase", "status", status=429, retry_after=asked)
    assert days.run("coinbase").rows > CANDLES
    assert 40 < clock.slept <= 61


@pytest.mark.parametrize(
    ("status", "retry_after", "minutes"), [(429, 3600.0, 60), (418, 7200.0, 120), (418, None, 5)]
)
def test_a_host_that_asks_for_long_is_left_alone_until_then(
    status: int, retry_after: float | None, minutes: int, days: Days, clock: Clock
) -> None:
    days.fault("coinbase", "status", times=None, status=status, retry_after=retry_after)
    until = datetime.fromtimestamp(clock.now + minutes * 60, UTC).strftime("%Y-%m-%d %H:%M")
    outcome = days.run("coinbase")
    assert f"answered {status}: Public rate limit exceeded" in outcome.line
    assert f"it asks to be left alone until {until}" in outcome.line
    assert days.requests("coinbase") == 1
    clock.now += minutes * 60 - 125
    days.sandbox.faults.clear()
    early = days.run("coinbase")
    assert f"is left alone until {until}" in early.line
    assert days.requests("coinbase") == 1
    assert clock.slept == 0
    clock.now += 126
    assert days.run("coinbase").rows > CANDLES


def test_a_storm_of_500_opens_the_breaker_for_every_task(days: Days, clock: Clock) -> None:
    days.fault("coinbase", "status", times=None, status=500)
    rules = {"http_attempts": 4, "http_cool_down_seconds": 60}
    outcome = days.run("coinbase", CFW_SYMBOLS="BTC,ETH,SOL,ADA", **rules)
    assert days.requests("coinbase") == 8
    assert "answered 500: Internal server error" in outcome.line
    assert "is left alone until" in outcome.line
    other = days.run("coinbase", **rules)
    assert days.requests("coinbase") == 8
    assert "is left alone until" in other.line
    assert "answered 500" in other.line
    clock.now += 60
    probed = days.run("coinbase", **rules)
    assert days.requests("coinbase") == 9
    assert "answered 500" in probed.line
    days.sandbox.faults.clear()
    clock.now += 60
    assert days.requests("coinbase") == 9
    assert "is left alone" in days.run("coinbase", **rules).line
    clock.now += 60
    assert days.run("coinbase", **rules).rows > CANDLES
