"""Runs a sandbox on loopback, in a thread or in the foreground."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

import uvicorn

from ingestion.sandbox.app import create_app
from ingestion.sandbox.catalogue import DEFAULT_SEED, read_seed
from ingestion.sandbox.faults import FaultBoard, RequestCounter
from ingestion.sandbox.model import SandboxData, midnight
from ingestion.sandbox.reddit import CLIENT_ID, CLIENT_SECRET
from ingestion.sandbox.state import SandboxState, iso

HOST = "127.0.0.1"
LOOPBACK = frozenset({HOST, "localhost", "::1"})
START_SECONDS = 15.0
#: Has the form of a key; the sandbox takes any such key but thirty-two zeros.
DUMMY_FRED_KEY = "sandbox0sandbox0sandbox0sandbox0"


@dataclass(frozen=True)
class RunningSandbox:
    """A sandbox that answers requests."""

    port: int
    state: SandboxState

    @property
    def base_url(self) -> str:
        """The address of the sandbox, without a slash at the end."""
        return f"http://{HOST}:{self.port}"

    @property
    def data(self) -> SandboxData:
        """What it serves."""
        return self.state.data

    @property
    def faults(self) -> FaultBoard:
        """The faults that wait for a request."""
        return self.state.faults

    @property
    def requests(self) -> RequestCounter:
        """How often each path was asked for."""
        return self.state.requests

    def set_clock(self, now: datetime) -> None:
        """Move the clock; it must be timezone-aware."""
        self.state.set_clock(now)

    def set_data(self, data: SandboxData) -> None:
        """Serve other data from the next request on."""
        self.state.set_data(data)

    def env(self) -> dict[str, str]:
        """Return the settings that point the pipeline here, at this sandbox's clock."""
        return {**sandbox_env(self.data, self.base_url), "CFW_NOW": iso(self.state.now)}


@contextmanager
def running_sandbox(
    data: SandboxData, *, port: int = 0, now: datetime | None = None
) -> Iterator[RunningSandbox]:
    """Run a sandbox in a thread for as long as the block lasts; port 0 takes a free one.

    Raises:
        OSError: the port is taken.
        RuntimeError: the server did not start in time.
    """
    listener = _listener(port)
    app = create_app(data, now=now)
    config = uvicorn.Config(
        app,
        log_level="error",
        access_log=False,
        lifespan="off",
        timeout_graceful_shutdown=2,
        date_header=False,  # the sandbox sets its own
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(
        target=server.run, kwargs={"sockets": [listener]}, name="cfw-sandbox", daemon=True
    )
    thread.start()
    try:
        _wait_for(server, thread)
        yield RunningSandbox(listener.getsockname()[1], app.state.sandbox)
    finally:
        server.should_exit = True
        thread.join(timeout=START_SECONDS)
        listener.close()


def serve(data: SandboxData, *, port: int, now: datetime | None = None, host: str = HOST) -> None:
    """Run a sandbox until it is interrupted.

    Raises:
        ValueError: ``host`` is not a loopback address.
    """
    if host not in LOOPBACK:
        msg = f"the sandbox serves only this machine, not {host}: use {HOST}"
        raise ValueError(msg)
    uvicorn.run(
        create_app(data, now=now), host=host, port=port, log_level="warning", date_header=False
    )


def _listener(port: int) -> socket.socket:
    """Return a socket that listens on loopback.

    It names its protocol: only then does the event loop switch off the delay of small packets,
    which would cost forty milliseconds a request.
    """
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, port))
        listener.listen(128)
    except OSError:
        listener.close()
        raise
    return listener


def sandbox_env(data: SandboxData, base_url: str) -> dict[str, str]:
    """Return the ``CFW_`` settings that point the pipeline at a sandbox over ``data``."""
    base = base_url.rstrip("/")
    now = data.default_now()
    feeds = [f"{name}|{kind}|{base}/rss/{name}" for name, kind in sorted(data.feeds().items())]
    env = {
        "CFW_COINBASE_BASE_URL": f"{base}/coinbase",
        "CFW_BINANCE_BASE_URL": f"{base}/binance",
        "CFW_KRAKEN_BASE_URL": f"{base}/kraken/0/public",
        "CFW_BINANCE_ARCHIVE_BASE_URL": f"{base}/vision",
        "CFW_COINGECKO_BASE_URL": f"{base}/coingecko/api/v3",
        "CFW_COINMETRICS_BASE_URL": f"{base}/coinmetrics/v4",
        "CFW_GLASSNODE_BASE_URL": f"{base}/glassnode/v1",
        "CFW_BLOCKCHAIN_COM_BASE_URL": f"{base}/blockchain_com",
        "CFW_FREDGRAPH_BASE_URL": f"{base}/fredgraph",
        "CFW_WORLDBANK_BASE_URL": f"{base}/worldbank/v2",
        "CFW_FRED_BASE_URL": f"{base}/fred",
        "CFW_FRED_API_KEY": DUMMY_FRED_KEY,
        "CFW_ALTERNATIVE_ME_BASE_URL": f"{base}/alternative_me",
        "CFW_STOCKTWITS_BASE_URL": f"{base}/stocktwits/api/2",
        "CFW_FEEDS": ",".join(feeds),
        "CFW_GDELT_BASE_URL": f"{base}/gdelt/api/v2/doc",
        "CFW_SYMBOLS": ",".join(data.symbols()),
        "CFW_NOW": iso(now),
        "CFW_REQUESTS_PER_SECOND": "1000000",
        "CFW_HTTP_COOL_DOWN_SECONDS": "0",
        "CFW_STOCKTWITS_MAX_PAGES": "10000",
        "CFW_STOCKTWITS_REQUESTS_PER_HOUR": "1000000",
    }
    if data.submissions:
        env |= {
            "CFW_REDDIT_BASE_URL": f"{base}/reddit",
            "CFW_REDDIT_TOKEN_URL": f"{base}/reddit/api/v1/access_token",
            "CFW_REDDIT_CLIENT_ID": CLIENT_ID,
            "CFW_REDDIT_CLIENT_SECRET": CLIENT_SECRET,
            "CFW_REDDIT_SUBREDDITS": ",".join(sorted({p.subreddit for p in data.submissions})),
        }
    # The folder's exchange is not Coinbase: what Coinbase does not list is served all the same.
    unlisted = sorted(
        set(data.symbols()) - {a.symbol for a in read_seed(DEFAULT_SEED) if a.coinbase_id}
    )
    if unlisted:
        env["CFW_COINBASE_PRODUCTS"] = ",".join(f"{symbol}={symbol}-USD" for symbol in unlisted)
    first = data.first_moment()
    if first is not None:
        env["CFW_HISTORY_START"] = iso(midnight(first.date()))
    if data.indicators:
        env["CFW_WORLDBANK_INDICATORS"] = ",".join(sorted(data.indicators))
    if data.macro:
        env["CFW_FRED_SERIES"] = ",".join(sorted(data.macro))
    return env


def _wait_for(server: uvicorn.Server, thread: threading.Thread) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not server.started:
        if not thread.is_alive() or time.monotonic() > deadline:
            msg = f"the sandbox did not start within {START_SECONDS:g} seconds"
            raise RuntimeError(msg)
        time.sleep(0.01)
