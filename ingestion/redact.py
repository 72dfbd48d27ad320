"""Keeps secrets out of messages and logs."""

from __future__ import annotations

import logging
import re
from urllib.parse import quote, quote_plus

_IN_QUERY = re.compile(r"(?i)\b((?:api_?key|auth_token|access_token|token)=)[^&\s'\"]+")
_BEARER = re.compile(r"(?i)\b(bearer\s+)[a-z0-9._~+/=-]{8,}")
_MASK = "***"
#: Shorter beginnings of a secret tell nothing, and are found in any text.
_SHORTEST_PART = 6


class Redactor:
    """Replaces known secrets, and whatever looks like a key in a query or a header."""

    def __init__(self, secrets: tuple[str, ...] = ()) -> None:
        """Remember each secret as it is and as a URL spells it."""
        spelled = {form for s in secrets if s for form in (s, quote(s, safe=""), quote_plus(s))}
        self._secrets = sorted(spelled, key=len, reverse=True)

    def __call__(self, text: str) -> str:
        """Return ``text`` without secrets."""
        for secret in self._secrets:
            text = text.replace(secret, _MASK)
            text = _without_start_of(secret, text)
        return _BEARER.sub(rf"\1{_MASK}", _IN_QUERY.sub(rf"\1{_MASK}", text))


def _without_start_of(secret: str, text: str) -> str:
    """Return a text that was cut in the middle of a secret without the part that is left."""
    for length in range(min(len(secret), len(text)), _SHORTEST_PART - 1, -1):
        if text.endswith(secret[:length]):
            return text[:-length] + _MASK
    return text


class _UrlFilter(logging.Filter):
    """Cleans the URLs that the HTTP library logs at debug level."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrite the record in place; always keep it."""
        record.msg = Redactor()(record.getMessage())
        record.args = None
        return True


def clean_library_logs() -> None:
    """Install the filter on the loggers that see request URLs; once is enough."""
    for name in ("urllib3.connectionpool", "urllib3.util.retry"):
        library = logging.getLogger(name)
        if not any(isinstance(present, _UrlFilter) for present in library.filters):
            library.addFilter(_UrlFilter())
