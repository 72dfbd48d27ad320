"""The sandbox over the whole sample; a module that needs another one defines its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ingestion.sandbox import RunningSandbox, SandboxData, generate_sample, running_sandbox


@pytest.fixture(scope="module")
def sample() -> SandboxData:
    """The project's sample."""
    return generate_sample()


@pytest.fixture
def sandbox(sample: SandboxData) -> Iterator[RunningSandbox]:
    """A sandbox of its own for each test, at the end of the sample."""
    with running_sandbox(sample) as running:
        yield running
