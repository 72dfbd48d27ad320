"""What the parts of one running sandbox share: its data, its clock, its faults, its counts."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.types import Message, Receive, Scope, Send

from ingestion.sandbox import faults
from ingestion.sandbox.broken_bodies import date_header
from ingestion.sandbox.catalogue import Catalogue, build_catalogue
from ingestion.sandbox.faults import App, FaultBoard, RequestCounter
from ingestion.sandbox.model import SandboxData, aware

SAMPLE_HEADER = b"x-cfw-sample"


class SandboxState:
    """The state of one sandbox; the server's thread reads it, tests and the control API set it."""

    def __init__(self, data: SandboxData, now: datetime | None = None) -> None:
        """Take ``data``, with the clock at ``now`` or at the data's own default."""
        self.faults = FaultBoard()
        self.requests = RequestCounter()
        self.set_data(data)
        self.now = aware(now) if now else data.default_now()

    def set_clock(self, now: datetime) -> None:
        """Move the clock to ``now``, backwards too."""
        self.now = aware(now)

    def set_data(self, data: SandboxData) -> None:
        """Serve ``data`` from the next request on; the clock stays."""
        self.data = data
        self.catalogue: Catalogue = build_catalogue(data)
        self.cache: dict[str, Any] = {}


class SandboxMiddleware:
    """Counts requests, fixes each request's clock, applies faults and marks sample data."""

    def __init__(self, app: App, state: SandboxState) -> None:
        """Wrap ``app``."""
        self.app = app
        self.state = state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http" or scope["path"].startswith("/_sandbox"):
            await self.app(scope, receive, send)
            return
        query = scope["query_string"].decode("latin-1")
        self.state.requests.record(scope["path"], query)
        scope["cfw_now"] = self.state.now
        send = _marked(send, is_sample=self.state.data.is_sample)
        fault = self.state.faults.take(scope["path"], query)
        if fault is None:
            await self.app(scope, receive, send)
        else:
            await faults.apply(fault, self.app, scope, receive, send)


def _marked(send: Send, *, is_sample: bool) -> Send:
    """Add the time, which a fault may have set, and the mark of sample data."""

    async def marked(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = list(message["headers"])
            if all(name != b"date" for name, _ in headers):
                headers.append(date_header())
            if is_sample:
                headers.append((SAMPLE_HEADER, b"1"))
            message = {**message, "headers": headers}
        await send(message)

    return marked


def state_of(request: Request) -> SandboxState:
    """Return the state of the sandbox that got ``request``."""
    state: SandboxState = request.app.state.sandbox
    return state


def now_of(request: Request) -> datetime:
    """Return the clock that holds for ``request``."""
    now: datetime = request.scope["cfw_now"]
    return now


def iso(moment: datetime) -> str:
    """Return ``moment`` as 2024-06-30T12:00:00Z."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def iso_ms(moment: datetime) -> str:
    """Return ``moment`` as 2024-06-30T12:00:00.000Z."""
    return f"{moment.strftime('%Y-%m-%dT%H:%M:%S')}.{moment.microsecond // 1000:03d}Z"
