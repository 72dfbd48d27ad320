"""A real Prefect server for tests: own folder, free loopback port, ended with the session."""

from __future__ import annotations

import json
import os
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from flows.prefect_server import prefect_server

ROOT = Path(__file__).parents[2]
_ATTEMPTS = 30


class Api:
    """Prefect's API, as plain JSON: a test's own process stays free of Prefect's settings."""

    def __init__(self, url: str) -> None:
        """Keep the URL."""
        self.url = url

    def post(self, path: str, body: dict[str, Any]) -> Any:
        """Send and return JSON."""
        request = urllib.request.Request(  # noqa: S310 - loopback
            f"{self.url}/{path}",
            json.dumps(body).encode(),
            {"Content-Type": "application/json"},
        )
        for attempt in range(_ATTEMPTS):
            try:
                with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
                    return json.load(answer)
            except urllib.error.HTTPError as error:
                # A busy SQLite file: the server asks to come back.
                if error.code != 503 or attempt == _ATTEMPTS - 1:
                    raise
                time.sleep(1)
        raise AssertionError

    def deployments(self) -> dict[str, dict[str, Any]]:
        """Return the deployments by name."""
        return {d["name"]: d for d in self.post("deployments/filter", {})}

    def runs(self, deployment_id: str) -> list[dict[str, Any]]:
        """Return the runs of a deployment, newest first."""
        return self.post(
            "flow_runs/filter",
            {
                "deployments": {"id": {"any_": [deployment_id]}},
                "sort": "EXPECTED_START_TIME_DESC",
                "limit": 200,
            },
        )

    def start(self, deployment_id: str, **parameters: Any) -> str:
        """Create a run that is due at once, and return its id."""
        made = self.post(
            f"deployments/{deployment_id}/create_flow_run",
            {"parameters": parameters, "state": {"type": "SCHEDULED"}},
        )
        return str(made["id"])


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port


def until(condition: Callable[[], Any], seconds: float, what: str) -> Any:
    """Return the condition's first true value."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        if time.monotonic() > deadline:
            pytest.fail(f"not within {seconds:.0f} s: {what}")
        time.sleep(0.5)
    return value


def environment(**more: str) -> dict[str, str]:
    """Return the environment of a program under test: this project, no outside settings."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("CFW_", "PREFECT_"))}
    path = os.pathsep.join(filter(None, (str(ROOT), kept.get("PYTHONPATH", ""))))
    return {**kept, "PYTHONPATH": path, "CFW_SCORE_MODELS": "vader", **more}


@pytest.fixture(scope="session")
def prefect_api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """One server for the session."""
    home = tmp_path_factory.mktemp("prefect")
    with prefect_server(home, free_port()) as url:
        yield Api(url)
