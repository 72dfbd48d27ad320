"""Against a real Prefect server: deployments apply, schedules run, kills and overlaps are shown."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from flows.journal import Journal
from flows.prefect_server import is_healthy
from flows.schedules import SCHEDULES
from ingestion.config import Settings
from ingestion.sandbox import RunningSandbox, generate_sample, running_sandbox
from tests.support.marts import read_mart
from tests.support.prefect_server import ROOT, Api, environment, free_port, until

pytestmark = pytest.mark.xdist_group("prefect-server")
#: A machine that runs the other tests too starts a process in many seconds.
PATIENCE = 240.0
#: How long a run that was asked for may take to appear as running.
_START_SECONDS = 10.0
POOLS = ("process", "kubernetes")


@pytest.fixture(scope="module")
def sandbox() -> Iterator[RunningSandbox]:
    data = generate_sample()
    with running_sandbox(replace(data, bars={"BTC": data.bars["BTC"]})) as running:
        yield running


def _environment(folder: Path, sandbox: RunningSandbox, **more: str) -> dict[str, str]:
    return environment(
        **{
            **sandbox.env(),
            "CFW_SYMBOLS": "BTC",
            "CFW_HISTORY_START": "2024-06-28",
            "CFW_HTTP_BACKOFF_SECONDS": "0",
            "CFW_WAREHOUSE_URL": f"duckdb:///{folder / 'w.duckdb'}",
            "CFW_DATA_DIR": str(folder / "data"),
            **more,
        }
    )


def _journal(folder: Path) -> Journal:
    return Journal(
        Settings(warehouse_url=f"duckdb:///{folder / 'w.duckdb'}", data_dir=folder / "data")
    )


def _prefect(env: dict[str, str], *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "prefect", "--no-prompt", *arguments],
        env=env,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@contextlib.contextmanager
def _running(env: dict[str, str], *arguments: str) -> Iterator[None]:
    """Keep a command of Prefect running; end it, with all it started."""
    process = subprocess.Popen(
        [sys.executable, "-m", "prefect", "--no-prompt", *arguments],
        env=env,
        cwd=ROOT,
        start_new_session=True,
    )
    try:
        yield
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def test_the_deployments_apply_and_a_worker_runs_one(
    prefect_api: Api, sandbox: RunningSandbox, tmp_path: Path
) -> None:
    """`prefect deploy` takes prefect.yaml for both pools; a process worker runs a flow of it."""
    env = _environment(
        tmp_path,
        sandbox,
        PREFECT_API_URL=prefect_api.url,
        PREFECT_HOME=str(tmp_path / "home"),
        PWD=str(ROOT),
        CFW_IMAGE="example.invalid/cfw:0.1.0",
    )
    for pool in POOLS:
        _prefect(env, "work-pool", "create", f"cfw-{pool}", "--type", pool)
        _prefect(env, "deploy", "--prefect-file", str(ROOT / "prefect.yaml"), "--name", f"*-{pool}")
    made = prefect_api.deployments()
    assert set(made) == {
        f"{n}-{p}" for n in (*SCHEDULES, "backfill") for p in ("process", "kubernetes")
    }
    for name, schedule in SCHEDULES.items():
        deployment = made[f"{name}-process"]
        (when,) = deployment["schedules"]
        assert when["schedule"]["interval"] == schedule.every.total_seconds()
        assert deployment["global_concurrency_limit"]["limit"] == 1
        assert deployment["concurrency_options"]["collision_strategy"] == "CANCEL_NEW"
        assert not deployment["paused"]
    pod = made["prices-kubernetes"]
    assert pod["job_variables"]["image"] == "example.invalid/cfw:0.1.0"
    run_id = prefect_api.start(made["macro-process"]["id"])

    def ended() -> Any:
        runs = prefect_api.runs(made["macro-process"]["id"])
        return next((r for r in runs if r["id"] == run_id and r["end_time"]), None)

    # Until it is done: another schedule may fall due while the worker starts, and goes first.
    with _running(env, "worker", "start", "--pool", "cfw-process", "--limit", "1"):
        run = until(ended, PATIENCE, "the worker's run of macro")
    assert run["state_type"] == "COMPLETED", run["state"]
    recorded = {run.run_id: run for run in _journal(tmp_path).runs()}
    assert recorded[run_id].flow == "macro"
    assert recorded[run_id].state == "completed"


class Served:
    """`cfw serve` as a process of its own, with its own Prefect server."""

    def __init__(self, folder: Path, env: dict[str, str], port: int) -> None:
        self.api = Api(f"http://127.0.0.1:{port}/api")
        self.log = folder / f"serve-{os.urandom(3).hex()}.log"
        with self.log.open("wb") as file:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "flows.cli.main", "serve", "--port", str(port)],
                env=env,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.port = port

    def deployment(self, flow: str) -> str:
        """Return the id of a flow's deployment, once it is there."""
        flows = {f["name"]: f["id"] for f in self.api.post("flows/filter", {})}
        found = self.api.post("deployments/filter", {})
        return next((d["id"] for d in found if d["flow_id"] == flows.get(flow)), "")

    def runs(self, flow: str, *states: str) -> list[dict[str, Any]]:
        """Return the runs of a flow in these states."""
        if not is_healthy(self.api.url) or not (deployment := self.deployment(flow)):
            return []
        return [r for r in self.api.runs(deployment) if r["state_type"] in states]

    def built_since(self, moment: str) -> bool:
        """Return whether a build that began after a moment is done; start one if none is on."""
        found = self.runs("transform", "RUNNING", "COMPLETED")
        if not any((run["start_time"] or "") > moment for run in found):
            self.api.start(self.deployment("transform"))
            time.sleep(_START_SECONDS)
            return False
        return any(r["state_type"] == "COMPLETED" and r["start_time"] > moment for r in found)

    def kill(self) -> None:
        """SIGKILL for it and every run it started."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def stop(self) -> int:
        """SIGTERM, and the exit code."""
        self.process.terminate()
        return self.process.wait(PATIENCE)


def test_cfw_serve_runs_schedules_and_recovers_from_a_kill(
    sandbox: RunningSandbox, tmp_path: Path
) -> None:
    """Scheduled runs happen alone; a killed one is crashed, not green, and done again unasked."""
    # One answer takes longer than all that is done to the run meanwhile, and the run waits for it.
    env = _environment(tmp_path, sandbox, CFW_HTTP_TIMEOUT_SECONDS=str(2 * PATIENCE))
    port = free_port()
    sandbox.faults.add("/coinbase", "slow", times=None, seconds=PATIENCE)
    first = Served(tmp_path, env, port)
    try:
        until(lambda: first.runs("prices", "RUNNING"), PATIENCE, "prices at work")
        first.api.start(first.deployment("prices"))
        until(lambda: first.runs("prices", "CANCELLED"), PATIENCE, "the second run is cancelled")
        until(
            lambda: any(s.flow == "prices" for s in _journal(tmp_path).running()),
            PATIENCE,
            "prices in the journal",
        )
        second = subprocess.run(
            [sys.executable, "-m", "flows.cli.main", "serve", "--port", str(free_port())],
            env=env,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert second.returncode == 1
        assert f"runs already for this warehouse: process {first.process.pid}" in second.stderr
        assert first.runs("prices", "RUNNING"), "the run that the kill is for"
    finally:
        first.kill()
    sandbox.faults.clear()
    until(lambda: not is_healthy(first.api.url), 60, "the server ends with its starter")
    again = Served(tmp_path, env, port)
    try:
        until(lambda: again.runs("prices", "CRASHED"), PATIENCE, "the killed run shown as crashed")
        prices = until(lambda: again.runs("prices", "COMPLETED"), PATIENCE, "prices done")
        # Flows take the warehouse in no fixed order: the build counts that began after the bars.
        until(lambda: again.built_since(prices[0]["end_time"]), PATIENCE, "transform done")
        scheduled = until(
            lambda: [r for r in again.runs("score", "COMPLETED") if r["auto_scheduled"]],
            PATIENCE,
            "a scheduled run of score",
        )
    finally:
        code = again.stop()
    assert code == 0, again.log.read_text()
    assert again.log.read_text().splitlines()[-1] == "stopped"
    assert not is_healthy(again.api.url)
    runs = _journal(tmp_path).runs(200)
    states = [run.state for run in runs if run.flow == "prices"]
    assert states[-1] == "crashed"
    assert "completed" in states
    assert scheduled[0]["id"] in {run.run_id for run in runs}
    assert len(read_mart(tmp_path / "w.duckdb")) > 0
