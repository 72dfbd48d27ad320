"""`python -m flows.health`: what it finds, and what it leaves to others."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import duckdb
import pytest

from flows import health
from ingestion.config import Settings
from tests.support.ports import free_port


class _Answering(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/good" else 503)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def address() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), _Answering)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def settings(folder: Path, **changes: str) -> Settings:
    url = f"duckdb:///{folder}/warehouse.duckdb"
    return Settings(**{"warehouse_url": url, "data_dir": str(folder / "data"), **changes})


def lines(*args: object, **named: object) -> list[str]:
    return [line for line, _ in health.problems(*args, **named)]  # type: ignore[arg-type]


def record(folder: Path, ended: datetime) -> None:
    with duckdb.connect(str(folder / "warehouse.duckdb")) as connection:
        connection.execute("create schema if not exists crypto_ops")
        connection.execute("create or replace table crypto_ops.flow_runs (ended_at timestamptz)")
        connection.execute("insert into crypto_ops.flow_runs values (?)", [ended])


def test_an_empty_installation_is_well(tmp_path: Path) -> None:
    assert lines(settings(tmp_path)) == []


def test_an_address_must_answer_200(tmp_path: Path, address: str) -> None:
    assert lines(settings(tmp_path), (f"{address}/good",)) == []
    [bad] = lines(settings(tmp_path), (f"{address}/bad",))
    assert bad.startswith(f"{address}/bad: does not answer with 200")
    [gone] = lines(settings(tmp_path), (f"http://127.0.0.1:{free_port()}/",))
    assert "refused" in gone


def test_a_worker_that_hangs_is_found(tmp_path: Path) -> None:
    hour = timedelta(hours=1)
    assert lines(settings(tmp_path), worked_within=hour) == [
        "no flow has ended yet; one must within 60 minutes"
    ]
    record(tmp_path, datetime.now(UTC) - timedelta(minutes=50))
    assert lines(settings(tmp_path), worked_within=hour) == []
    record(tmp_path, datetime.now(UTC) - timedelta(minutes=70))
    [late] = lines(settings(tmp_path), worked_within=hour)
    assert late.startswith("no flow has ended since ")


def test_a_server_that_is_down_is_told_but_no_reason_to_restart(tmp_path: Path) -> None:
    url = f"mysql://cfw:hunter2@127.0.0.1:{free_port()}"
    [(line, heals)] = health.problems(
        settings(tmp_path, warehouse_url=url), worked_within=timedelta(hours=1)
    )
    assert line.startswith("the warehouse does not answer: server cfw@127.0.0.1")
    assert "hunter2" not in line
    assert not heals


def test_a_folder_without_space_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "MIN_FREE_BYTES", 2**62)
    [line] = lines(settings(tmp_path))
    assert "MiB free" in line


def test_a_file_in_the_place_of_the_folder_is_found(tmp_path: Path) -> None:
    (tmp_path / "data").touch()
    [line] = lines(settings(tmp_path))
    assert "cannot be written" in line


@pytest.mark.parametrize(("options", "code"), [([], 1), (["--live"], 0)])
def test_the_exit_code_counts_what_it_is_asked_for(
    tmp_path: Path, options: list[str], code: int
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "flows.health", *options],
        env={
            "CFW_WAREHOUSE_URL": f"mysql://a:b@127.0.0.1:{free_port()}",
            "CFW_DATA_DIR": str(tmp_path),
        },
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stderr
    assert "error: the warehouse does not answer" in done.stderr


def test_a_probe_loads_nothing_heavy() -> None:
    """It runs every minute, in every container."""
    heavy = "{'dlt', 'torch', 'dbt', 'pandas', 'prefect', 'transformers'}"
    done = subprocess.run(
        [sys.executable, "-c", f"import sys, flows.health; print({heavy} & set(sys.modules))"],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "set()"
