"""Small parts of talking HTTP: pacing, and reading what servers say about errors and waiting."""

from __future__ import annotations

import ipaddress
import json
import math
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit


class RateLimit:
    """Token bucket: bursts of one second's worth, then the sustained rate."""

    def __init__(
        self,
        per_second: float,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Start with a full bucket."""
        self._rate = per_second
        self._size = max(1.0, per_second)
        self._tokens = self._size
        self._monotonic = monotonic
        self._sleep = sleep
        self._last = monotonic()

    def acquire(self) -> None:
        """Take a token, waiting for it."""
        self._refill()
        if self._tokens < 1.0:
            self._sleep((1.0 - self._tokens) / self._rate)
            self._refill()
        self._tokens -= 1.0

    def _refill(self) -> None:
        now = self._monotonic()
        self._tokens = min(self._size, self._tokens + (now - self._last) * self._rate)
        self._last = now


def error_text(body: bytes) -> str:
    """Return the message of an error body in any of the shapes the providers use, cut."""
    if body.lstrip()[:1] not in (b"{", b"["):
        is_page = body.lstrip()[:1] == b"<"
        return "an HTML page" if is_page else body[:120].decode("utf-8", "replace").strip()
    try:
        found = _message(json.loads(body))
    except (ValueError, RecursionError):
        return ""
    return " ".join((found or "").split())[:200]


def _message(value: Any) -> str | None:
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return next((text for item in value[:3] if (text := _message(item))), None)
    if isinstance(value, dict):
        for key in ("error_message", "message", "msg", "error", "errors", "status"):
            if text := _message(value.get(key)):
                return text
    return None


def asked_wait(headers: Mapping[str, str]) -> float | None:
    """Return the seconds a server asks to wait, from either header, never below 0."""
    for name in ("Retry-After", "x-ratelimit-reset"):
        value = headers.get(name, "").strip()
        if not value:
            continue
        try:
            seconds = float(value)
        except ValueError:
            pass
        else:
            if math.isfinite(seconds):
                return max(0.0, seconds)
            continue
        try:
            moment = parsedate_to_datetime(value)
        except ValueError:
            continue
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return max(0.0, (moment - datetime.now(UTC)).total_seconds())
    return None


def place(url: str) -> str:
    """Return host and path: what failed, without the query."""
    parts = urlsplit(url)
    return f"{parts.hostname or ''}{parts.path}"


def is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
