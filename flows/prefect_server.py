"""A Prefect server of this machine's own: loopback only, ended with the process that started it."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from flows.errors import RunError

_START_SECONDS = 180.0
_STOP_SECONDS = 20.0
_PARENT_DEATH = 1  # Linux: PR_SET_PDEATHSIG


@contextlib.contextmanager
def prefect_server(home: Path, port: int) -> Iterator[str]:
    """Run a server with its database in a folder; yield the URL of its API.

    Raises:
        RunError: the port is taken, or the server did not start.
    """
    home.mkdir(parents=True, exist_ok=True)
    url = f"http://127.0.0.1:{port}/api"
    if is_healthy(url):
        msg = (
            f"a Prefect server listens on port {port} already; "
            "end it, choose another --port, or set PREFECT_API_URL"
        )
        raise RunError(msg)
    log = home / "server.log"
    with log.open("ab") as file:
        process = subprocess.Popen(  # noqa: S603 - a fixed program with our own arguments
            [
                *(sys.executable, "-m", "prefect", "server", "start"),
                *("--host", "127.0.0.1", "--port", str(port)),
            ],
            env=_environment(home, url),
            stdout=file,
            stderr=subprocess.STDOUT,
            # Ctrl-C is for the runner, which tells the server how its runs ended.
            start_new_session=True,
            preexec_fn=_die_with_parent if sys.platform == "linux" else None,
        )
    try:
        _await(process, url, log)
        yield url
    finally:
        _end(process)


def is_healthy(url: str) -> bool:
    """Return whether a Prefect server answers there."""
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=2) as answer:  # noqa: S310 - loopback
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _environment(home: Path, url: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CFW_")}
    return {
        **kept,  # without the warehouse's secrets: the server needs none of them
        "PREFECT_HOME": str(home),
        "PREFECT_API_URL": url,
        "PREFECT_SERVER_LOGGING_LEVEL": "WARNING",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
    }


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PARENT_DEATH, signal.SIGTERM)


def _await(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while not is_healthy(url):
        if process.poll() is not None or time.monotonic() > deadline:
            lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
            last = lines[-1].strip() if lines else "no output"
            msg = f"the Prefect server did not start: {last} (log: {log})"
            raise RunError(msg)
        time.sleep(0.2)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
