"""One sandbox for all bad days; each starts with a good one."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from ingestion.http import HttpClient
from ingestion.sandbox import RunningSandbox, SandboxData, generate_sample, running_sandbox
from tests.support.days import Clock, Days


@pytest.fixture(scope="session")
def sample() -> SandboxData:
    """The project's sample."""
    return generate_sample()


@pytest.fixture(scope="module")
def server(sample: SandboxData) -> Iterator[RunningSandbox]:
    with running_sandbox(sample) as running:
        yield running


@pytest.fixture
def sandbox(server: RunningSandbox, sample: SandboxData) -> Iterator[RunningSandbox]:
    """The sandbox at the end of the sample, without faults."""
    yield server
    server.faults.clear()
    server.requests.clear()
    server.set_data(sample)
    server.set_clock(sample.default_now())


@pytest.fixture
def days(sandbox: RunningSandbox, tmp_path: Path) -> Days:
    """A new warehouse."""
    return Days(sandbox, tmp_path)


@pytest.fixture
def undisturbed(sandbox: RunningSandbox, tmp_path: Path) -> Days:
    """Another new warehouse, for what a good day gives."""
    folder = tmp_path / "undisturbed"
    folder.mkdir()
    return Days(sandbox, folder)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """A clock for the client, so that minutes of waiting take no time."""
    virtual = Clock()
    client = partial(HttpClient, sleep=virtual.sleep, clock=virtual)
    monkeypatch.setattr("ingestion.steps.HttpClient", client)
    return virtual
