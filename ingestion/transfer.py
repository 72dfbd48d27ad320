"""Reads the body of a response within bounds: bytes, seconds, and whole or not at all.

Bodies are decoded here and not by the HTTP library, which takes a compressed body that breaks
off for a whole one.
"""

from __future__ import annotations

import http.client
import time
import zlib
from collections.abc import Callable

import requests

#: What is asked for: the one encoding that ``inflated`` reads.
ENCODINGS = "gzip"
_PIECE = 65_536
_GZIP = 31
_BROKEN = (OSError, http.client.HTTPException)


class BrokenBodyError(Exception):
    """A body did not arrive whole; another attempt may bring it."""


class EndlessBodyError(Exception):
    """A body goes on beyond the bounds."""


def read_body(
    response: requests.Response,
    most_bytes: int,
    seconds: float,
    monotonic: Callable[[], float] = time.monotonic,
) -> bytes:
    """Return the decoded body of a streamed response and free its connection.

    Args:
        response: of a request with ``stream=True``.
        most_bytes: bound on the body, as it comes and decoded.
        seconds: bound on the time that the whole body takes.
        monotonic: the clock.

    Raises:
        BrokenBodyError: it broke off, or does not decode.
        EndlessBodyError: it is larger or takes longer than allowed.
    """
    try:
        body = _received(response, most_bytes, monotonic() + seconds, monotonic)
    except _BROKEN as error:
        response.close()
        msg = f"broke off ({type(error).__name__})"
        raise BrokenBodyError(msg) from None
    except BaseException:
        response.close()
        raise
    response.raw.release_conn()
    encoding = response.headers.get("Content-Encoding", "").strip().lower()
    if not body or encoding in ("", "identity"):
        return body
    if encoding not in ("gzip", "x-gzip"):
        msg = f"came encoded as {encoding[:40]!r}, which was not asked for"
        raise BrokenBodyError(msg)
    return inflated(body, most_bytes)


def _received(
    response: requests.Response, most: int, deadline: float, monotonic: Callable[[], float]
) -> bytes:
    announced = response.headers.get("Content-Length", "")
    if announced.isdigit() and int(announced) > most:
        raise EndlessBodyError(_too_large(most))
    # One receive at a time: a plain read waits for a full buffer, as long as a trickle likes.
    source = response.raw._fp
    body = bytearray()
    while piece := source.read1(_PIECE):
        body += piece
        if len(body) > most:
            raise EndlessBodyError(_too_large(most))
        if monotonic() > deadline:
            msg = "has not ended in time"
            raise EndlessBodyError(msg)
    if source.length:
        raise http.client.IncompleteRead(bytes(body), source.length)
    # A body of known length is not noticed to be over until more is read, which is never done.
    source.close()
    return bytes(body)


def inflated(body: bytes, most_bytes: int) -> bytes:
    """Return what a gzip body holds.

    Raises:
        BrokenBodyError: it is no gzip, or only the beginning of one.
        EndlessBodyError: it holds more than ``most_bytes``.
    """
    result = bytearray()
    while body:
        member = zlib.decompressobj(_GZIP)
        try:
            result += member.decompress(body, most_bytes - len(result) + 1)
        except zlib.error as error:
            msg = f"does not decompress ({error})"
            raise BrokenBodyError(msg) from None
        if len(result) > most_bytes:
            raise EndlessBodyError(_too_large(most_bytes))
        if not member.eof:
            msg = "is compressed and breaks off"
            raise BrokenBodyError(msg)
        body = member.unused_data.lstrip(b"\0")
    return bytes(result)


def _too_large(most: int) -> str:
    return f"is larger than {most} bytes"
