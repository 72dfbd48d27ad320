"""How a provider is asked, and what an answer is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

SAMPLE_HEADER = "X-Cfw-Sample"

Params = Mapping[str, str | int | float]


@dataclass(frozen=True)
class Quota:
    """How a provider tells in its headers what it still allows.

    Attributes:
        remaining: header with the requests left; below one, the host is left alone.
        reset: header with the seconds until the count starts again.
        used: header with what was used, where no header tells what is left.
        limit: what ``used`` may not exceed.
        window: seconds that one count lasts, where no header tells when it starts again.
    """

    remaining: str = ""
    reset: str = ""
    used: str = ""
    limit: float = 0.0
    window: float = 60.0


#: Coin Metrics and Reddit; Glassnode; Binance (weight per IP address and minute). The names are
#: unmistakable, so every provider is read for all of them.
STANDARD_QUOTAS = (
    Quota(remaining="x-ratelimit-remaining", reset="x-ratelimit-reset"),
    Quota(remaining="x-rate-limit-remaining", reset="x-rate-limit-reset"),
    Quota(used="x-mbx-used-weight-1m", limit=6000.0, window=60.0),
)


@dataclass(frozen=True)
class Provider:
    """How one provider wants to be asked.

    Attributes:
        name: its name in messages and rows.
        base_url: without a trailing slash.
        per_second: sustained requests per second to one host, over all tasks of this machine.
        headers: sent with every request.
        params: added to every query, for example a key.
        patience: factor on the back-off, for providers that punish quick retries.
        follow_redirects: only where no key is sent along.
        setting: the setting that moves the provider, for remedies.
        quotas: the headers in which it tells its own count of our requests.
    """

    name: str
    base_url: str
    per_second: float
    setting: str
    headers: Mapping[str, str] | None = None
    params: Params | None = None
    patience: float = 1.0
    follow_redirects: bool = False
    quotas: tuple[Quota, ...] = STANDARD_QUOTAS


@dataclass(frozen=True)
class Question:
    """One request as the caller meant it; a POST where there is a form."""

    url: str
    query: Params
    headers: Mapping[str, str]
    accept: tuple[int, ...]
    form: Mapping[str, str] | None = None
    user: tuple[str, str] | None = None


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
