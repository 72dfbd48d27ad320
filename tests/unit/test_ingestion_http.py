"""Pacing, waiting and redaction of the HTTP client, without a network."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from ingestion.provider import STANDARD_QUOTAS
from ingestion.redact import Redactor, clean_library_logs
from ingestion.wire import asked_wait, error_text, host_key, is_loopback, place, quota_wait

NOON = 1_700_000_000.0


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, None),
        ({"Retry-After": "7"}, 7.0),
        ({"Retry-After": "-1"}, 0.0),
        ({"x-ratelimit-reset": "3"}, 3.0),
        ({"x-rate-limit-reset": "4"}, 4.0),
        ({"x-ratelimit-reset": str(NOON + 8)}, 8.0),
        ({"Retry-After": "soon", "x-ratelimit-reset": "4"}, 4.0),
        ({"Retry-After": "soon"}, None),
        ({"Retry-After": "nan"}, None),
    ],
)
def test_what_a_server_asks_to_wait(headers: dict[str, str], expected: float | None) -> None:
    assert asked_wait(headers, NOON) == expected


def test_a_date_to_wait_for() -> None:
    moment = datetime.fromtimestamp(NOON, UTC)
    headers = {"Retry-After": format_datetime(moment + timedelta(seconds=30), usegmt=True)}
    assert asked_wait(headers, NOON) == 30
    assert asked_wait(headers, NOON + 60) == 0
    # Against the server's own clock, where it tells it: ours may be wrong.
    headers["Date"] = format_datetime(moment + timedelta(seconds=10), usegmt=True)
    assert asked_wait(headers, NOON - 3600) == 20


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, []),
        ({"x-ratelimit-remaining": "9", "x-ratelimit-reset": "5"}, []),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "5"}, [5.0]),
        ({"x-ratelimit-remaining": "0, 0;w=20", "x-ratelimit-reset": "5"}, [5.0]),
        ({"x-ratelimit-remaining": "0.0", "x-ratelimit-reset": "417"}, [417.0]),
        ({"x-ratelimit-remaining": "0"}, [60.0]),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(NOON + 9)}, [9.0]),
        ({"x-ratelimit-remaining": "many", "x-ratelimit-reset": "5"}, []),
        ({"x-rate-limit-remaining": "0", "x-rate-limit-reset": "12"}, [12.0]),
        ({"x-mbx-used-weight-1m": "5600"}, []),
        ({"x-mbx-used-weight-1m": "5800"}, [60.0 - NOON % 60]),
    ],
)
def test_what_the_quota_headers_ask(headers: dict[str, str], expected: list[float]) -> None:
    waits = [quota_wait(headers, quota, NOON) for quota in STANDARD_QUOTAS]
    assert [wait for wait in waits if wait is not None] == expected


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
    assert host_key("https://api.example.com/v1/x?key=1") == "api.example.com"
    assert host_key("https://api.example.com:8443/v1") == "api.example.com:8443"
    assert host_key("http://127.0.0.1:8000/coinbase/products") == "127.0.0.1:8000/coinbase"
