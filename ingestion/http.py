"""The one HTTP client: paced, retried, bounded, classified, and silent about secrets.

It is a plain ``requests`` session under ``tenacity`` and not dlt's own client, because the
providers need what that one lacks: limits per host that all tasks share, the providers' own
headers, bodies that end, failures that hide in status 200, and error texts without the URL, which
holds the key of one of them.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from tenacity import RetryCallState, Retrying, retry_if_exception_type

from ingestion.config import Settings
from ingestion.limits import MAX_WAIT_SECONDS
from ingestion.provider import SAMPLE_HEADER, Params, Provider, Question, Quota, Reply
from ingestion.redact import clean_library_logs
from ingestion.sender import RetryableError, Sender
from ingestion.wire import place

__all__ = [
    "MAX_WAIT_SECONDS",
    "SAMPLE_HEADER",
    "HttpClient",
    "Params",
    "Provider",
    "Quota",
    "Reply",
]

#: A host that says "too many" is up: it is asked this many times as often as one that fails.
_THROTTLED_FACTOR = 3
#: Clocks that differ by more than this are worth a note.
MAX_SKEW_SECONDS = 300.0


class HttpClient:
    """Asks one provider."""

    def __init__(
        self,
        settings: Settings,
        provider: Provider,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Open a session; nothing is sent."""
        clean_library_logs()
        self.provider = provider
        self._settings = settings
        self._backoff = settings.http_backoff_seconds * provider.patience
        self._sleep = sleep
        self._clock = clock
        self._sender = Sender(settings, provider, sleep, clock)
        self.error = self._sender.error

    @property
    def requests(self) -> int:
        """How many requests were sent, retries included."""
        return self._sender.requests

    @property
    def skew(self) -> float | None:
        """Seconds that the provider's clock was ahead of ours at its last answer."""
        return self._sender.skew

    def close(self) -> None:
        """Close the connections."""
        self._sender.close()

    def redact(self, text: str) -> str:
        """Return a text without the secrets known so far."""
        return self._sender.redact(text)

    def keep_secret(self, secret: str) -> None:
        """Keep a secret that a provider handed out, such as a token, out of every message."""
        self._sender.keep_secret(secret)

    def pause(self, seconds: float) -> None:
        """Wait before the next request, as a provider asked inside an answer; never for ever."""
        self._sleep(min(MAX_WAIT_SECONDS, max(0.0, seconds)))

    def get(
        self,
        path: str,
        params: Params | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        accept: tuple[int, ...] = (200,),
    ) -> Reply:
        """Return the response, after retries, if its status is in ``accept``.

        Args:
            path: below the base URL, or a whole URL.
            params: the query, without what the provider adds to each.
            headers: for this request.
            accept: statuses that are answers; any other is a ``SourceError``.

        Raises:
            SourceError: no answer after the last attempt, or an answer that is an error.
        """
        url = path if "://" in path else f"{self.provider.base_url}/{path.lstrip('/')}"
        query = {**(params or {}), **(self.provider.params or {})}
        return self._answer(Question(url, query, dict(headers or {}), accept))

    def post_form(self, url: str, form: Mapping[str, str], user: tuple[str, str]) -> Reply:
        """Send a form with a user's name and password; retries and errors are those of ``get``."""
        return self._answer(Question(url, {}, {}, (200,), form=dict(form), user=user))

    def _answer(self, question: Question) -> Reply:
        retrying = Retrying(
            stop=partial(self._is_enough, self._clock()),
            wait=self._wait,
            before_sleep=self._hold,
            retry=retry_if_exception_type(RetryableError),
            sleep=self._sleep,
            reraise=True,
        )
        try:
            return retrying(self._sender.attempt, question)
        except RetryableError as failure:
            raise failure.error from None

    def get_json(
        self,
        path: str,
        params: Params | None = None,
        *,
        error_in: Callable[[Any], str | None] | None = None,
    ) -> tuple[Any, Reply]:
        """Return the decoded JSON body of a 200 answer, and the answer.

        Args:
            path: as for ``get``.
            params: as for ``get``.
            error_in: returns the error text that this provider hides in a 200 body, or None.

        Raises:
            SourceError: as for ``get``, or the body is not the JSON it should be.
        """
        reply = self.get(path, params)
        payload = self.decode(reply)
        hidden = error_in(payload) if error_in else None
        if hidden:
            msg = f"{place(reply.url)} answered 200 with the error: {self.redact(hidden)[:200]}"
            raise self.error(msg, "check the request and the provider's status", wide=True)
        return payload, reply

    def decode(self, reply: Reply) -> Any:
        """Return the JSON of an answer: content type first, then first byte, then the parser."""
        kind = reply.headers.get("Content-Type", "").lower()
        start = reply.body.lstrip()[:1]
        where = place(reply.url)
        remedy = self._sender.page_remedy()
        if "html" in kind or start == b"<":
            msg = f"{where} answered {reply.status} with an HTML page instead of JSON"
            raise self.error(msg, remedy, status=reply.status, wide=True)
        if start not in (b"{", b"["):
            text = self.redact(reply.body[:10_000].decode("utf-8", "replace"))
            shown = text[:80] if reply.body else "an empty body"
            msg = f"{where} answered {reply.status} with {shown!r} instead of JSON"
            raise self.error(msg, remedy, status=reply.status, wide=True)
        try:
            return json.loads(reply.body)
        except (ValueError, RecursionError) as error:
            msg = f"{where} answered {reply.status} with malformed JSON ({error})"
            raise self.error(msg, "run it again later", status=reply.status, wide=True) from None

    def notes(self) -> list[str]:
        """Return what a reader should know about the answers as a whole."""
        skew = self.skew or 0.0
        # A replaced clock is meant to differ.
        if self._settings.now is not None or abs(skew) <= MAX_SKEW_SECONDS:
            return []
        return [f"the provider's clock differs by {skew:+.0f} s; synchronise this machine's (NTP)"]

    def _wait(self, state: RetryCallState) -> float:
        """Return the seconds until the next attempt; a hold is waited out in the host's queue."""
        failure = _failure(state)
        return 0.0 if _is_hold(failure) else self._pause(failure, state.attempt_number)

    def _hold(self, state: RetryCallState) -> None:
        """Keep all tasks away from a host that asked for it."""
        failure = _failure(state)
        if _is_hold(failure):
            failure.gate.hold(self._pause(failure, state.attempt_number), failure.error.what)

    def _pause(self, failure: RetryableError, attempts: int) -> float:
        backoff = self._backoff * 2 ** (attempts - 1)
        return float(min(MAX_WAIT_SECONDS, backoff if failure.asked is None else failure.asked))

    def _is_enough(self, started: float, state: RetryCallState) -> bool:
        """Return whether a failed attempt was the last: by count, or by the time it would take."""
        failure, most = _failure(state), self._settings.http_attempts
        if not _is_hold(failure) or most == 1:
            return state.attempt_number >= most
        waited = self._clock() - started + self._pause(failure, state.attempt_number)
        is_late = waited > self._settings.http_patience_seconds
        return is_late or state.attempt_number >= most * _THROTTLED_FACTOR


def _failure(state: RetryCallState) -> RetryableError:
    failure = state.outcome.exception() if state.outcome else None
    if not isinstance(failure, RetryableError):
        msg = "only a failed attempt is followed by another"
        raise TypeError(msg)
    return failure


def _is_hold(failure: RetryableError) -> bool:
    return failure.throttled or failure.asked is not None
