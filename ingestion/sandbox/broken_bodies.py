"""Answers that begin well: bodies that break off, never end, or come from a wrong clock."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

from starlette.types import Message, Receive, Scope, Send

App = Callable[[Scope, Receive, Send], Any]
Headers = list[tuple[bytes, bytes]]

#: Pause between two pieces of a body that never ends.
_PIECE_SECONDS = 0.02
_LENGTHS = (b"content-length", b"content-encoding")


async def reset(app: App, scope: Scope, receive: Receive, send: Send) -> None:
    """Announce the whole body, send half of it, and drop the connection."""
    start, body = await answer_of(app, scope, receive)
    length = (b"content-length", str(len(body)).encode())
    await send({**start, "headers": [*without(start, _LENGTHS), length]})
    await send({"type": "http.response.body", "body": body[: len(body) // 2], "more_body": True})
    await asyncio.sleep(_PIECE_SECONDS)
    # The server closes the connection of an answer that is left unfinished.


async def truncated_gzip(app: App, scope: Scope, receive: Receive, send: Send) -> None:
    """Send the first half of a compressed body as if it were all."""
    start, body = await answer_of(app, scope, receive)
    packed = gzip.compress(body)
    part = packed[: len(packed) // 2]
    headers = [*without(start, _LENGTHS), (b"content-encoding", b"gzip")]
    headers.append((b"content-length", str(len(part)).encode()))
    await send({**start, "headers": headers})
    await send({"type": "http.response.body", "body": part})


async def endless(app: App, scope: Scope, receive: Receive, send: Send, seconds: float) -> None:
    """Send the body, and then blanks for as long as ``seconds``."""
    start, body = await answer_of(app, scope, receive)
    await send({**start, "headers": without(start, _LENGTHS)})
    await send({"type": "http.response.body", "body": body, "more_body": True})
    for _ in range(int(seconds / _PIECE_SECONDS)):
        await send({"type": "http.response.body", "body": b" ", "more_body": True})
        await asyncio.sleep(_PIECE_SECONDS)
    await send({"type": "http.response.body", "body": b""})


async def skewed(app: App, scope: Scope, receive: Receive, send: Send, hours: float) -> None:
    """Answer with a ``Date`` that is some hours ahead."""
    start, body = await answer_of(app, scope, receive)
    await send({**start, "headers": [*without(start, (b"date",)), date_header(hours)]})
    await send({"type": "http.response.body", "body": body})


def date_header(hours: float = 0.0) -> tuple[bytes, bytes]:
    """Return the ``Date`` header of now, or of some hours later."""
    moment = datetime.now(UTC) + timedelta(hours=hours)
    return b"date", format_datetime(moment, usegmt=True).encode()


async def answer_of(app: App, scope: Scope, receive: Receive) -> tuple[Message, bytes]:
    """Return the start and the whole body of what the app answers."""
    start: Message = {}
    parts: list[bytes] = []

    async def keep(message: Message) -> None:
        if message["type"] == "http.response.start":
            start.update(message)
        else:
            parts.append(message.get("body", b""))

    await app(scope, receive, keep)
    return start, b"".join(parts)


def without(start: Message, names: tuple[bytes, ...]) -> Headers:
    """Return the headers of an answer but for some names."""
    return [(name, value) for name, value in start["headers"] if name.lower() not in names]
