"""The sandbox that the contracts are read from: one server per test file, reset between tests."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from ingestion.sandbox import RunningSandbox, SandboxData, generate_sample, running_sandbox


@pytest.fixture(scope="module")
def data() -> SandboxData:
    """Return what the sandbox serves; a test file that needs other data overrides this."""
    return generate_sample()


@pytest.fixture(scope="module")
def server(data: SandboxData) -> Iterator[RunningSandbox]:
    """Serve the data for one test file."""
    with running_sandbox(data) as running:
        yield running


@pytest.fixture
def sandbox(server: RunningSandbox) -> Iterator[RunningSandbox]:
    """Return the server; the clock and the faults that a test sets end with it."""
    yield server
    server.set_clock(server.data.default_now())
    server.faults.clear()


@pytest.fixture
def client(sandbox: RunningSandbox) -> Iterator[httpx.Client]:
    """Ask the server."""
    with httpx.Client(base_url=sandbox.base_url) as opened:
        yield opened
