"""Pacing, waiting and redaction of the HTTP client, without a network."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from ingestion.redact import Redactor, clean_library_logs
from ingestion.wire import RateLimit, asked_wait, error_text, is_loopback, place


class Clock:
    """A clock that sleeping moves."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def test_the_sustained_rate_is_kept() -> None:
    clock = Clock()
    limit = RateLimit(5.0, clock, clock.sleep)
    for _ in range(55):
        limit.acquire()
    assert clock.now == pytest.approx(10.0)


def test_a_slow_provider_gets_one_request_at_a_time() -> None:
    clock = Clock()
    limit = RateLimit(0.05, clock, clock.sleep)
    limit.acquire()
    limit.acquire()
    assert clock.slept == [pytest.approx(20.0)]


def test_a_pause_earns_no_more_than_a_second_of_requests() -> None:
    clock = Clock()
    limit = RateLimit(2.0, clock, clock.sleep)
    clock.now += 1000
    for _ in range(3):
        limit.acquire()
    assert sum(clock.slept) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, None),
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": "-1"}, 0.0),
        ({"x-ratelimit-reset": "3"}, 3.0),
        ({"Retry-After": "soon", "x-ratelimit-reset": "4"}, 4.0),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "nan"}, None),
    ],
)
def test_what_a_server_asks_to_wait(headers: dict[str, str], expected: float | None) -> None:
    assert asked_wait(headers) == expected


def test_a_date_to_wait_for() -> None:
    moment = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    assert asked_wait({"Retry-After": moment}) == pytest.approx(30, abs=3)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"message":"NotFound"}', "NotFound"),
        (b'{"status":{"error_code":429,"error_message":"Slow  down"}}', "Slow down"),
        (b'{"error":{"status":{"error_code":10012,"error_message":"too old"}}}', "too old"),
        (b'{"error":"coin not found"}', "coin not found"),
        (b'{"error":{"type":"forbidden","message":"no"}}', "no"),
        (b'{"error_code":400,"error_message":"Bad Request.  Nope"}', "Bad Request. Nope"),
        (
            b'{"response":{"status":404},"errors":[{"message":"Symbol not found"}]}',
            "Symbol not found",
        ),
        (b"Throttled", "Throttled"),
        (b"<html>1020</html>", "an HTML page"),
        (b'{"broken', ""),
        (b"", ""),
        (b"[]", ""),
    ],
)
def test_errors_of_every_shape(body: bytes, expected: str) -> None:
    assert error_text(body) == expected


def test_secrets_go_in_every_spelling() -> None:
    redact = Redactor(("s3cr/t+x",))
    text = redact("a s3cr/t+x b s3cr%2Ft%2Bx c ?api_key=other&x=1 auth_token=abc")
    assert text == "a *** b *** c ?api_key=***&x=1 auth_token=***"
    assert Redactor(("",))("plain") == "plain"


def test_the_library_logs_no_key(caplog: pytest.LogCaptureFixture) -> None:
    clean_library_logs()
    clean_library_logs()
    with caplog.at_level(logging.DEBUG):
        logging.getLogger("urllib3.connectionpool").debug('"GET %s"', "/x?api_key=hush&a=1")
    assert "hush" not in caplog.text
    assert "api_key=***&a=1" in caplog.text


def test_hosts() -> None:
    assert is_loopback("http://127.0.0.1:1/x")
    assert is_loopback("http://localhost/x")
    assert not is_loopback("https://example.com")
    assert place("https://example.com/a/b?api_key=1") == "example.com/a/b"
