"""The one HTTP client: paced, retried, classified, and silent about secrets.

It is a plain ``requests`` session under ``tenacity`` and not dlt's own client, because the
providers need what that one lacks: a rate limit per provider, the ``x-ratelimit-reset`` header,
a cap on ``Retry-After``, failures that hide in status 200, and error texts without the URL, which
holds the key of one of them.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import requests
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt

from ingestion.config import Settings
from ingestion.errors import SourceError
from ingestion.redact import Redactor, clean_library_logs
from ingestion.wire import RateLimit, asked_wait, error_text, is_loopback, place

#: Longest pause before another attempt, whatever a server asks for.
MAX_WAIT_SECONDS = 120.0
_CONNECT_SECONDS = 5.0
SAMPLE_HEADER = "X-Cfw-Sample"

Params = Mapping[str, str | int | float]


@dataclass(frozen=True)
class Provider:
    """How one provider wants to be asked.

    Attributes:
        name: its name in messages and rows.
        base_url: without a trailing slash.
        per_second: sustained requests per second.
        headers: sent with every request.
        params: added to every query, for example a key.
        patience: factor on the back-off, for providers that punish quick retries.
        follow_redirects: only where no key is sent along.
        setting: the setting that moves the provider, for remedies.
    """

    name: str
    base_url: str
    per_second: float
    setting: str
    headers: Mapping[str, str] | None = None
    params: Params | None = None
    patience: float = 1.0
    follow_redirects: bool = False


@dataclass(frozen=True)
class Reply:
    """An accepted response."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str
    was_moved: bool = False

    @property
    def is_sample(self) -> bool:
        """Whether the sandbox made it up."""
        return self.headers.get(SAMPLE_HEADER) == "1"


class _RetryableError(Exception):
    """An attempt failed in a way that may pass; carries the final error."""

    def __init__(self, error: SourceError, wait: float | None = None) -> None:
        super().__init__(str(error))
        self.error = error
        self.wait = wait


class HttpClient:
    """Asks one provider. ``requests`` counts what was sent, retries included."""

    def __init__(
        self,
        settings: Settings,
        provider: Provider,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Open a session; nothing is sent."""
        clean_library_logs()
        self.provider = provider
        self.requests = 0
        self._secrets = settings.secrets()
        self.redact = Redactor(self._secrets)
        self._backoff = settings.http_backoff_seconds * provider.patience
        self._attempts = settings.http_attempts
        longest = settings.http_timeout_seconds
        self._timeout = (min(_CONNECT_SECONDS, longest), longest)
        self._limit = RateLimit(settings.requests_per_second or provider.per_second, sleep=sleep)
        self._sleep = sleep
        self._session = requests.Session()
        self._session.headers.update({"User-Agent": settings.user_agent, "Accept": "*/*"})
        self._session.headers.update(dict(provider.headers or {}))
        # A proxy of the environment is for the outside, and looking it up costs time.
        self._session.trust_env = not is_loopback(provider.base_url)

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def pause(self, seconds: float) -> None:
        """Wait before the next request, as a provider asked inside an answer; never for ever."""
        self._sleep(min(MAX_WAIT_SECONDS, max(0.0, seconds)))

    def keep_secret(self, secret: str) -> None:
        """Keep a secret that a provider handed out, such as a token, out of every message."""
        self._secrets = (*self._secrets, secret)
        self.redact = Redactor(self._secrets)

    def post_form(self, url: str, form: Mapping[str, str], user: tuple[str, str]) -> Reply:
        """Send a form with a user's name and password; errors and retries are those of ``get``."""
        return self._ask(url, {}, {}, (200,), {"data": dict(form), "auth": user})

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
        return self._ask(url, query, dict(headers or {}), accept, {})

    def _ask(
        self,
        url: str,
        query: Params,
        headers: Mapping[str, str],
        accept: tuple[int, ...],
        form: Mapping[str, Any],
    ) -> Reply:
        """Send a request until it is answered: a POST where there is a form, else a GET."""
        retrying = Retrying(
            stop=stop_after_attempt(self._attempts),
            wait=self._wait,
            retry=retry_if_exception_type(_RetryableError),
            sleep=self._sleep,
            reraise=True,
        )
        try:
            return retrying(self._attempt, url, query, headers, accept, form)
        except _RetryableError as failure:
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
            msg = f"{place(reply.url)} answered 200 with the error: {hidden[:200]}"
            raise self.error(msg, "check the request and the provider's status", wide=True)
        return payload, reply

    def decode(self, reply: Reply) -> Any:
        """Return the JSON of an answer: content type first, then first byte, then the parser."""
        kind = reply.headers.get("Content-Type", "").lower()
        start = reply.body.lstrip()[:1]
        where = place(reply.url)
        if "html" in kind or start == b"<":
            msg = f"{where} answered {reply.status} with an HTML page instead of JSON"
            raise self.error(msg, self._page_remedy(), status=reply.status, wide=True)
        if start not in (b"{", b"["):
            shown = reply.body[:80].decode("utf-8", "replace") if reply.body else "an empty body"
            msg = f"{where} answered {reply.status} with {shown!r} instead of JSON"
            raise self.error(msg, self._page_remedy(), status=reply.status, wide=True)
        try:
            return json.loads(reply.body)
        except (ValueError, RecursionError) as error:
            msg = f"{where} answered {reply.status} with malformed JSON ({error})"
            raise self.error(msg, "run it again later", status=reply.status, wide=True) from None

    def error(
        self, what: str, remedy: str, *, status: int | None = None, wide: bool = False
    ) -> SourceError:
        """Return a ``SourceError`` of this provider without secrets."""
        return SourceError(
            self.provider.name, self.redact(what), remedy, status=status, provider_wide=wide
        )

    def _page_remedy(self) -> str:
        return f"check CFW_{self.provider.setting} and whether the provider blocks this address"

    def _attempt(
        self,
        url: str,
        query: Params,
        headers: Mapping[str, str],
        accept: tuple[int, ...],
        form: Mapping[str, Any],
    ) -> Reply:
        self._limit.acquire()
        self.requests += 1
        try:
            response = self._session.request(
                "POST" if form else "GET",
                url,
                params=dict(query),
                headers=dict(headers),
                timeout=self._timeout,
                allow_redirects=self.provider.follow_redirects,
                **form,
            )
        except requests.RequestException as error:
            # The library's text holds the whole URL, so only its kind is told.
            msg = f"{place(url)} did not answer ({type(error).__name__})"
            remedy = f"check the network and CFW_{self.provider.setting}"
            raise _RetryableError(self.error(msg, remedy, wide=True)) from None
        if response.status_code in accept:
            return Reply(
                response.status_code,
                response.headers,
                response.content,
                url,
                was_moved=any(step.is_permanent_redirect for step in response.history),
            )
        raise self._refusal(response, url)

    def _refusal(self, response: requests.Response, url: str) -> Exception:
        status = response.status_code
        detail = error_text(response.content)
        msg = f"{place(url)} answered {status}{f': {detail}' if detail else ''}"
        if status >= 500 or status in (408, 423, 425, 429):
            slower = "wait, or lower CFW_REQUESTS_PER_SECOND"
            remedy = slower if status == 429 else "run it again later"
            failure = self.error(msg, remedy, status=status, wide=True)
            return _RetryableError(failure, asked_wait(response.headers))
        if 300 <= status < 400:
            target = urlsplit(response.headers.get("Location", ""))
            msg = f"{place(url)} has moved to {target.netloc}{target.path}"
            return self.error(msg, f"set CFW_{self.provider.setting}", status=status, wide=True)
        if status == 418:  # a ban: each further request makes it longer
            wait = asked_wait(response.headers)
            remedy = f"it has banned this address; wait {wait:.0f} s" if wait else "wait some hours"
            return self.error(msg, remedy, status=status, wide=True)
        wide = status in (401, 403, 451)
        remedy = self._page_remedy() if wide else "compare the id with cfw doctor's findings"
        return self.error(msg, remedy, status=status, wide=wide)

    def _wait(self, state: RetryCallState) -> float:
        failure = state.outcome.exception() if state.outcome else None
        asked = failure.wait if isinstance(failure, _RetryableError) else None
        backoff = self._backoff * 2 ** (state.attempt_number - 1)
        return float(min(MAX_WAIT_SECONDS, backoff if asked is None else asked))
