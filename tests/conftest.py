"""What every test shares: loopback only, no settings from outside, and where the real data is."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

# The servers' and the browser's fixtures, for every test that names them.
pytest_plugins = (
    "tests.support.mysql_server",
    "tests.support.prefect_server",
    "tests.support.browser",
)

ROOT = Path(__file__).resolve().parents[1]
_LOOPBACK = ("127.", "::1", "localhost", "0.0.0.0")  # noqa: S104 - compared, never bound


#: Of these the quick ones are many: they fill the gaps at the end, so they begin last.
_BEGIN_LAST = ("contract", "unit")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep a file on one worker, as its tests share fixtures; begin with the long ones.

    Files with a group of their own (``xdist_group``) share fixtures with other files.
    """
    items.sort(key=lambda item: bool({*_BEGIN_LAST} & {*item.path.parts}))
    for item in items:
        if item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group(item.path.stem))


@pytest.fixture(autouse=True)
def _loopback_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse every connection that would leave this machine."""
    real = socket.socket.connect

    def connect(self: socket.socket, address: Any) -> Any:
        host = address[0] if isinstance(address, tuple) else "localhost"
        if not str(host).startswith(_LOOPBACK):
            msg = f"a test tried to reach {host}; tests use loopback only"
            raise OSError(msg)
        return real(self, address)

    monkeypatch.setattr(socket.socket, "connect", connect)


@pytest.fixture(autouse=True)
def _no_outside_settings(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, _quick_models: None
) -> None:
    """Start every test without CFW_ settings, so that a developer's own never leak in."""
    for name in list(os.environ):
        if name.startswith("CFW_") and not name.startswith("CFW_TEST_"):
            monkeypatch.delenv(name)
    if not {"unit", "contract"} & set(request.path.parts):
        monkeypatch.setenv("CFW_SCORE_MODELS", "vader")
    monkeypatch.setattr("pydantic_settings.sources.DotEnvSettingsSource._read_env_files", _no_file)


@pytest.fixture(scope="session", autouse=True)
def _quick_models() -> Iterator[None]:
    """Score with the lexicon alone, also in fixtures that live longer than a test.

    A pipeline's test is not about models; the models' own tests and the demo decide for themselves.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CFW_SCORE_MODELS", "vader")
        yield


def _no_file(_self: Any) -> dict[str, Any]:
    return {}


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Return the folder of real data; where it is not there, the test says so and is skipped."""
    folder = Path(os.environ.get("CFW_TEST_DATA", ROOT.parent / "shared" / "data"))
    if not (folder / "ohlcv_1h").is_dir():
        pytest.skip(f"no real data at {folder}; set CFW_TEST_DATA to a folder that has ohlcv_1h/")
    return folder
