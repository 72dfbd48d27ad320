"""One attempt at one request: in turn, within bounds, and every refusal told for what it is."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import urljoin, urlsplit

import requests

from ingestion.config import Settings
from ingestion.errors import SourceError
from ingestion.gate import HostGate
from ingestion.limits import MAX_WAIT_SECONDS, HostLedger, LeftAloneError
from ingestion.provider import Provider, Question, Reply
from ingestion.redact import Redactor
from ingestion.transfer import ENCODINGS, BrokenBodyError, EndlessBodyError, read_body
from ingestion.wire import (
    asked_wait,
    error_text,
    header_time,
    host_key,
    is_loopback,
    place,
    quota_wait,
)

_CONNECT_SECONDS = 5.0
#: An address that is banned is left alone this long where the ban names no end.
_BAN_SECONDS = 300.0
#: The circuit breaker opens after this many failures in a row, or two requests with all retries.
_MOST_FAILURES = 5
_MOST_REDIRECTS = 5
_MOVED_FOR_GOOD = (301, 308)
_REDIRECTS = (301, 302, 303, 307, 308)
_PASSING = (408, 423, 425, 429)


class RetryableError(Exception):
    """An attempt failed in a way that may pass.

    Attributes:
        error: what to raise if it does not.
        gate: the host's.
        asked: seconds that the host asked to wait, if it did.
        throttled: the host is up and answers that there were too many requests.
    """

    def __init__(
        self, error: SourceError, gate: HostGate, asked: float | None, *, throttled: bool
    ) -> None:
        super().__init__(str(error))
        self.error = error
        self.gate = gate
        self.asked = asked
        self.throttled = throttled


class Sender:
    """Sends requests to one provider. ``requests`` counts them, retries included."""

    def __init__(
        self,
        settings: Settings,
        provider: Provider,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Open a session; nothing is sent."""
        self.provider = provider
        self.requests = 0
        #: Seconds that the provider's clock was ahead of ours at its last answer.
        self.skew: float | None = None
        self._secrets = settings.secrets()
        self.redact = Redactor(self._secrets)
        self._settings = settings
        longest = settings.http_timeout_seconds
        self._timeout = (min(_CONNECT_SECONDS, longest), longest)
        self._sleep = sleep
        self._clock = clock
        self._ledger = HostLedger(settings.data_dir, clock)
        self._gates: dict[str, HostGate] = {}
        self._session = requests.Session()
        self._session.headers.update(
            {"User-Agent": settings.user_agent, "Accept": "*/*", "Accept-Encoding": ENCODINGS}
        )
        self._session.headers.update(dict(provider.headers or {}))
        # A proxy of the environment is for the outside, and looking it up costs time.
        self._session.trust_env = not is_loopback(provider.base_url)

    def close(self) -> None:
        """Close the connections."""
        self._session.close()
        self._ledger.close()

    def keep_secret(self, secret: str) -> None:
        """Mask one more secret."""
        self._secrets = (*self._secrets, secret)
        self.redact = Redactor(self._secrets)

    def error(
        self, what: str, remedy: str, *, status: int | None = None, wide: bool = False
    ) -> SourceError:
        """Return a ``SourceError`` of this provider without secrets."""
        return SourceError(
            self.provider.name, self.redact(what), remedy, status=status, provider_wide=wide
        )

    def page_remedy(self) -> str:
        """Return what to do about a page where data belongs."""
        return f"check CFW_{self.provider.setting} and whether the provider blocks this address"

    def attempt(self, question: Question) -> Reply:
        """Return the answer, redirects followed where the provider's may be.

        Raises:
            RetryableError: it failed in a way that may pass.
            SourceError: it failed for good.
        """
        asked, was_moved = question, False
        for _ in range(_MOST_REDIRECTS + 1):
            url = asked.url
            gate = self._gate(url)
            response, body = self._sent(gate, asked)
            status = response.status_code
            if status in question.accept:
                return Reply(status, response.headers, body, question.url, was_moved)
            target = urljoin(url, response.headers.get("Location", ""))
            is_web = urlsplit(target).scheme in ("http", "https")
            if status not in _REDIRECTS or not (self.provider.follow_redirects and is_web):
                raise self._refusal(gate, response, body, url)
            was_moved = was_moved or status in _MOVED_FOR_GOOD
            asked = replace(asked, url=target, query={})
        msg = f"{place(question.url)} redirects more than {_MOST_REDIRECTS} times"
        raise self.error(msg, f"set CFW_{self.provider.setting}", status=status)

    def _gate(self, url: str) -> HostGate:
        host = host_key(url)
        if host not in self._gates:
            self._gates[host] = HostGate(
                self._ledger,
                host,
                self._settings.requests_per_second or self.provider.per_second,
                most_failures=max(_MOST_FAILURES, 2 * self._settings.http_attempts),
                cool_down=self._settings.http_cool_down_seconds,
                sleep=self._sleep,
            )
        return self._gates[host]

    def _sent(self, gate: HostGate, asked: Question) -> tuple[requests.Response, bytes]:
        """Send one request when it is its turn; return the response and its whole body."""
        url = asked.url
        try:
            gate.acquire()
        except LeftAloneError as busy:
            msg = f"{gate.host} is left alone until {_at(busy.until)}: {busy.why}"
            raise self.error(msg, "run it again after that", wide=True) from None
        self.requests += 1
        try:
            response = self._session.request(
                "GET" if asked.form is None else "POST",
                url,
                params=dict(asked.query),
                data=asked.form,
                auth=asked.user,
                headers=dict(asked.headers),
                timeout=self._timeout,
                allow_redirects=False,
                stream=True,
            )
        except requests.RequestException as error:
            # The library's text holds the whole URL, so only its kind is told.
            msg = f"{place(url)} did not answer ({type(error).__name__})"
            remedy = f"check the network and CFW_{self.provider.setting}"
            failure = self.error(msg, remedy, wide=True)
            raise self._failed(gate, failure, outcome="none") from None
        body = self._body(gate, response, url)
        self._heed(gate, response)
        return response, body

    def _body(self, gate: HostGate, response: requests.Response, url: str) -> bytes:
        """Return the whole body of a response."""
        status = response.status_code
        limit, seconds = self._settings.http_max_bytes, self._settings.http_total_seconds
        try:
            return read_body(response, limit, seconds)
        except BrokenBodyError as error:
            msg = f"{place(url)} answered {status} with a body that {error}"
            failure = self.error(msg, "run it again later", status=status, wide=True)
            raise self._failed(gate, failure, outcome="broken") from None
        except EndlessBodyError as error:
            msg = f"{place(url)} answered {status} with a body that {error}"
            remedy = "check the address, or raise CFW_HTTP_MAX_BYTES or CFW_HTTP_TOTAL_SECONDS"
            gate.failed(f"{place(url)} sent a body that {error}", "broken")
            raise self.error(msg, remedy, status=status, wide=True) from None

    def _heed(self, gate: HostGate, response: requests.Response) -> None:
        """Report an answer, and heed what its headers tell of quotas and the time."""
        now = self._clock()
        theirs = header_time(response.headers.get("Date", ""))
        self.skew = None if theirs is None else theirs - now
        gate.answered(response.status_code, self.skew)
        for quota in self.provider.quotas:
            wait = quota_wait(response.headers, quota, now)
            if wait:
                gate.hold(wait, f"its quota ({quota.remaining or quota.used}) is used up")

    def _failed(
        self,
        gate: HostGate,
        error: SourceError,
        asked: float | None = None,
        *,
        outcome: str = "",
    ) -> RetryableError:
        gate.failed(error.what, outcome)
        return RetryableError(error, gate, asked, throttled=False)

    def _refusal(
        self, gate: HostGate, response: requests.Response, body: bytes, url: str
    ) -> Exception:
        status = response.status_code
        # Masked before it is cut: half a key is no known secret.
        detail = error_text(self.redact(body.decode("utf-8", "replace")).encode())
        msg = f"{place(url)} answered {status}{f': {detail}' if detail else ''}"
        if status == 418 or status >= 500 or status in _PASSING:
            return self._passing(gate, response, msg)
        if 300 <= status < 400:
            target = urlsplit(response.headers.get("Location", ""))
            msg = f"{place(url)} has moved to {target.hostname or ''}{target.path}"
            return self.error(msg, f"set CFW_{self.provider.setting}", status=status, wide=True)
        if status == 451:
            remedy = f"set CFW_{self.provider.setting} to an address that serves this country"
            return self.error(msg, remedy, status=status, wide=True)
        wide = status in (401, 403)
        remedy = self.page_remedy() if wide else "compare the id with cfw doctor's findings"
        return self.error(msg, remedy, status=status, wide=wide)

    def _passing(self, gate: HostGate, response: requests.Response, msg: str) -> Exception:
        """Return the error of a refusal that time heals, soon or not so soon."""
        status = response.status_code
        asked = asked_wait(response.headers, self._clock())
        if status == 418:
            # Another attempt would make the ban longer.
            asked = max(_BAN_SECONDS, asked or 0.0)
        if asked is not None and asked > MAX_WAIT_SECONDS:
            until = gate.hold(asked, self.redact(msg))
            remedy = f"it asks to be left alone until {_at(until)}; run it again after that"
            return self.error(msg, remedy, status=status, wide=True)
        throttled = status == 429
        remedy = "wait, or lower CFW_REQUESTS_PER_SECOND" if throttled else "run it again later"
        failure = self.error(msg, remedy, status=status, wide=True)
        if throttled:
            return RetryableError(failure, gate, asked, throttled=True)
        return self._failed(gate, failure, asked)


def _at(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
