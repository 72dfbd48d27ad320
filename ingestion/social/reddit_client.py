"""Asking Reddit: a token for an app's id and secret, and the pauses that its headers ask for."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from ingestion.config import Settings
from ingestion.errors import SourceError
from ingestion.http import HttpClient, Params, Reply

_KEYS = "set CFW_REDDIT_CLIENT_ID and CFW_REDDIT_CLIENT_SECRET to those of an approved app"
_UNAUTHORIZED = 401


class RedditClient:
    """Asks with a token, which lives in memory alone and is renewed once where it is refused."""

    def __init__(self, client: HttpClient, settings: Settings) -> None:
        """Ask nothing yet: the token is bought with the first request."""
        self._client = client
        self._settings = settings
        self._token: str | None = None
        self._pause = 0.0

    def get(self, path: str, params: Params) -> tuple[Any, Reply]:
        """Return the decoded answer.

        Raises:
            SourceError: no token, no answer, or an answer that is an error.
        """
        is_fresh = self._token is None
        try:
            reply = self._ask(path, params)
        except SourceError as error:
            if error.status != _UNAUTHORIZED or is_fresh:
                raise
            self._token = None
            reply = self._ask(path, params)
        payload = self._client.decode(reply)
        if isinstance(payload, dict) and payload.get("error"):
            msg = f"answered 200 with the error: {str(payload['error'])[:200]}"
            raise self._client.error(msg, "run it again later", wide=True)
        return payload, reply

    def _ask(self, path: str, params: Params) -> Reply:
        if self._pause:
            self._client.pause(self._pause)
        if self._token is None:
            self._token = self._bought()
        headers = {"Authorization": f"bearer {self._token}"}
        reply = self._client.get(path, params, headers=headers)
        self._pause = pause_asked(reply.headers)
        return reply

    def _bought(self) -> str:
        """Return a new token, kept out of every message from here on."""
        settings = self._settings
        keys = (settings.reddit_client_id, settings.reddit_client_secret)
        name, secret = (key.get_secret_value() if key else "" for key in keys)
        form = {"grant_type": "client_credentials"}
        try:
            reply = self._client.post_form(settings.reddit_token_url, form, (name, secret))
        except SourceError as error:
            if error.status != _UNAUTHORIZED:
                raise
            msg = "the id or the secret of the app is refused"
            raise self._client.error(msg, _KEYS, status=_UNAUTHORIZED, wide=True) from None
        payload = self._client.decode(reply)
        token = payload.get("access_token") if isinstance(payload, dict) else None
        if not isinstance(token, str) or not token:
            reason = payload.get("error") if isinstance(payload, dict) else None
            msg = f"no token for the id and the secret of the app: {str(reason)[:100]}"
            raise self._client.error(msg, _KEYS, wide=True)
        self._client.keep_secret(token)
        return token


def pause_asked(headers: Mapping[str, str]) -> float:
    """Return the seconds until the next request may be sent, by the headers of the last answer."""
    try:
        remaining = float(headers.get("X-Ratelimit-Remaining", "nan"))
        reset = float(headers.get("X-Ratelimit-Reset", "nan"))
    except ValueError:
        return 0.0
    return reset if remaining < 1 and math.isfinite(reset) and reset > 0 else 0.0
