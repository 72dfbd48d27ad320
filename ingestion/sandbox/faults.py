"""Faults on request: what a provider does on a bad day, for the tests of those who call it."""

from __future__ import annotations

import asyncio
import json
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode

from starlette.types import Receive, Scope, Send

from ingestion.sandbox import broken_bodies

Rewrite = Callable[[bytes], bytes]
App = Callable[[Scope, Receive, Send], Any]

REPLIES = frozenset({"status", "html", "empty", "json_error"})
REWRITES = frozenset({"malformed_json", "truncated", "replace"})
REPEATS = frozenset({"repeat_page", "token_loop"})
BODIES = frozenset({"reset", "truncated_gzip", "endless", "skew"})
KINDS = REPLIES | REWRITES | REPEATS | BODIES | {"slow", "stale"}

PAGING = frozenset({"page", "max", "offset", "next_page_token", "after"})
CHALLENGE = (
    "<!DOCTYPE html><html><head><title>Just a moment...</title></head>"
    "<body><h1>Checking your browser</h1></body></html>"
)


@dataclass
class Fault:
    """One fault: what happens to requests whose path starts with ``prefix``.

    ``times`` is how many requests are still to be hit, None for all; ``contains`` narrows it to
    query strings that contain the text. ``retry_after`` is seconds or an HTTP date; ``headers``
    are added to a ``status`` reply.
    """

    prefix: str
    kind: str
    times: int | None = 1
    contains: str = ""
    status: int = 503
    retry_after: float | str | None = None
    body: str | dict[str, Any] | list[Any] | None = None
    seconds: float = 1.0
    hours: float = 24.0
    rewrite: Rewrite | None = None
    headers: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            msg = f"fault kind {self.kind!r} is unknown: use one of {', '.join(sorted(KINDS))}"
            raise ValueError(msg)
        if self.kind == "replace" and self.rewrite is None:
            msg = "fault kind 'replace' needs rewrite=, a function from bytes to bytes"
            raise ValueError(msg)
        self.prefix = "/" + self.prefix.lstrip("/")


class FaultBoard:
    """The faults that wait for a request, oldest first."""

    def __init__(self) -> None:
        """Start without faults."""
        self._faults: list[Fault] = []
        self._lock = threading.Lock()

    def add(self, prefix: str, kind: str, times: int | None = 1, **options: Any) -> Fault:
        """Add a fault; see :class:`Fault` for the options.

        Raises:
            ValueError: the kind is unknown or lacks what it needs.
        """
        fault = Fault(prefix, kind, times, **options)
        with self._lock:
            self._faults.append(fault)
        return fault

    def clear(self) -> None:
        """Remove every fault."""
        with self._lock:
            self._faults.clear()

    def take(self, path: str, query: str) -> Fault | None:
        """Return the fault that hits a request, and count it as used once."""
        with self._lock:
            for fault in self._faults:
                if not path.startswith(fault.prefix) or fault.contains not in query:
                    continue
                if fault.times is not None:
                    fault.times -= 1
                    if fault.times <= 0:
                        self._faults.remove(fault)
                return fault
        return None

    def __len__(self) -> int:
        return len(self._faults)


class RequestCounter:
    """Counts the requests of a sandbox by path; faulty ones count too."""

    def __init__(self) -> None:
        """Start at zero."""
        self._paths: Counter[str] = Counter()
        self.log: list[tuple[str, str]] = []

    def record(self, path: str, query: str) -> None:
        """Count one request."""
        self._paths[path] += 1
        self.log.append((path, query))

    def __getitem__(self, prefix: str) -> int:
        prefix = "/" + prefix.lstrip("/")
        return sum(count for path, count in self._paths.items() if path.startswith(prefix))

    def total(self) -> int:
        """Return the number of all requests."""
        return self._paths.total()

    def clear(self) -> None:
        """Start again at zero."""
        self._paths.clear()
        self.log.clear()


async def apply(fault: Fault, app: App, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer a request as ``fault`` says."""
    if fault.kind in REPLIES:
        await _reply(fault, scope["path"], send)
        return
    if fault.kind in REWRITES:
        await _rewritten(fault, app, scope, receive, send)
        return
    if fault.kind in BODIES:
        await _broken(fault, app, scope, receive, send)
        return
    if fault.kind == "slow":
        await asyncio.sleep(fault.seconds)
    elif fault.kind == "stale":
        scope["cfw_now"] -= timedelta(hours=fault.hours)
    else:
        pairs = parse_qsl(scope["query_string"].decode(), keep_blank_values=True)
        kept = [(key, value) for key, value in pairs if key not in PAGING]
        scope["query_string"] = urlencode(kept).encode()
    await app(scope, receive, send)


async def _broken(fault: Fault, app: App, scope: Scope, receive: Receive, send: Send) -> None:
    if fault.kind == "reset":
        await broken_bodies.reset(app, scope, receive, send)
    elif fault.kind == "truncated_gzip":
        await broken_bodies.truncated_gzip(app, scope, receive, send)
    elif fault.kind == "endless":
        await broken_bodies.endless(app, scope, receive, send, fault.seconds)
    else:
        await broken_bodies.skewed(app, scope, receive, send, fault.hours)


async def _reply(fault: Fault, path: str, send: Send) -> None:
    status, content_type, body = 200, b"application/json", b""
    if fault.kind == "status":
        status, body = fault.status, _encoded(fault.body, _error_body(path, fault.status))
    elif fault.kind == "json_error":
        body = _encoded(fault.body, {"error": {"code": 500, "message": "internal error"}})
    elif fault.kind == "html":
        content_type, body = b"text/html; charset=utf-8", _encoded(fault.body, CHALLENGE)
    headers = [(b"content-type", content_type), (b"content-length", str(len(body)).encode())]
    if fault.retry_after is not None:
        asked = fault.retry_after
        text = asked if isinstance(asked, str) else f"{asked:g}"
        headers.append((b"retry-after", text.encode()))
    headers += [(name.encode(), value.encode()) for name, value in fault.headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _rewritten(fault: Fault, app: App, scope: Scope, receive: Receive, send: Send) -> None:
    start, body = await broken_bodies.answer_of(app, scope, receive)
    if fault.rewrite is not None:
        body = fault.rewrite(body)
    elif fault.kind == "truncated":
        body = body[: len(body) // 2]
    else:
        body = body[: len(body) // 2] + b'{"oops": ,]' + body[len(body) // 2 :]
    headers = broken_bodies.without(start, (b"content-length", b"etag"))
    headers.append((b"content-length", str(len(body)).encode()))
    await send({**start, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _encoded(body: Any, default: Any) -> bytes:
    chosen = default if body is None else body
    return chosen.encode() if isinstance(chosen, str) else json.dumps(chosen).encode()


def _error_body(path: str, status: int) -> str | dict[str, Any]:
    """Return the error body the provider at ``path`` sends with ``status``."""
    slow_down = status in (418, 429)
    provider = path.split("/")[1]
    if provider == "coinbase":
        return {"message": "Public rate limit exceeded" if slow_down else "Internal server error"}
    if provider == "binance":
        text = "Way too much request weight used; IP banned until later." if status == 418 else ""
        text = text or ("Too much request weight used." if slow_down else "Internal error.")
        return {"code": -1003 if slow_down else -1000, "msg": text}
    if provider == "kraken":
        return {"error": ["EGeneral:Too many requests" if slow_down else "EService:Unavailable"]}
    if provider == "coingecko":
        text = "You've exceeded the Rate Limit." if slow_down else "Internal Server Error"
        return {"status": {"error_code": status, "error_message": text}}
    if provider == "coinmetrics":
        kind = "too_many_requests" if slow_down else "internal_server_error"
        return {"error": {"type": kind, "message": f"The request failed with status {status}."}}
    if provider == "fred":
        text = "Too Many Requests.  Exceeded Rate Limit" if slow_down else "Internal Server Error"
        return {"error_code": status, "error_message": text}
    if provider == "stocktwits":
        text = "Rate limit exceeded" if slow_down else "Internal server error"
        return {"response": {"status": status}, "errors": [{"message": text}]}
    if provider == "reddit":
        return {"message": "Too Many Requests" if slow_down else "Error", "error": status}
    return f"error {status}"
