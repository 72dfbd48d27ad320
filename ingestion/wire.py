"""Small parts of talking HTTP: what servers say about errors, waiting, quotas and the time."""

from __future__ import annotations

import ipaddress
import json
import math
import re
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from ingestion.provider import Quota

#: Numbers above this are a moment (unix seconds), not a duration.
_A_MOMENT = 1e9
#: A quota that counts upwards is left alone from this share on: others may use the address too.
_MOST_OF_A_QUOTA = 0.95


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


def asked_wait(headers: Mapping[str, str], now: float) -> float | None:
    """Return the seconds a server asks to wait, from any of its headers, never below 0.

    Args:
        headers: of the refusal. A date is read against the server's own clock where it tells it.
        now: our clock in unix seconds.
    """
    for name in ("Retry-After", "x-ratelimit-reset", "x-rate-limit-reset"):
        value = headers.get(name, "").strip()
        seconds = _seconds(value, now)
        if seconds is None and (moment := header_time(value)) is not None:
            seconds = moment - (header_time(headers.get("Date", "")) or now)
        if seconds is not None:
            return max(0.0, seconds)
    return None


def quota_wait(headers: Mapping[str, str], quota: Quota, now: float) -> float | None:
    """Return the seconds until a quota that is used up starts again; None while some is left."""
    if quota.remaining:
        left = _number(headers.get(quota.remaining, ""))
        if left is None or left >= 1:
            return None
        reset = _seconds(headers.get(quota.reset, ""), now)
        return quota.window if reset is None else max(0.0, reset)
    used = _number(headers.get(quota.used, ""))
    if used is None or used < _MOST_OF_A_QUOTA * quota.limit:
        return None
    return quota.window - now % quota.window


def header_time(value: str) -> float | None:
    """Return an HTTP date as unix seconds, or None."""
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, TypeError):
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _number(value: str) -> float | None:
    """Return the number a header starts with: ``9``, ``96.0`` or ``10, 10;w=6``."""
    found = re.match(r"\s*(\d+(?:\.\d+)?)\s*(?:[,;]|$)", value)
    return float(found[1]) if found else None


def _seconds(value: str, now: float) -> float | None:
    """Return seconds from now; some servers write the moment instead."""
    try:
        seconds = float(value)
    except ValueError:
        return None
    if not math.isfinite(seconds):
        return None
    return seconds - now if seconds > _A_MOMENT else seconds


def place(url: str) -> str:
    """Return host and path: what failed, without the query."""
    parts = urlsplit(url)
    return f"{parts.hostname or ''}{parts.path}"


def host_key(url: str) -> str:
    """Return the name under which a host's limits are kept.

    A stand-in on loopback serves every provider under a path of its own, so that one counts too.
    """
    parts = urlsplit(url)
    host = (parts.hostname or "") + (f":{parts.port}" if parts.port else "")
    return f"{host}/{parts.path.split('/')[1]}" if is_loopback(url) and parts.path else host


def is_loopback(url: str) -> bool:
    """Return whether an address is on this machine."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
