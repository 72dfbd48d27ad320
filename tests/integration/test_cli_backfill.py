"""`cfw backfill` as a person meets it: plan, run, stop, go on, and wrong input."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from flows.cli.main import app
from flows.errors import RunError
from flows.lock import run_lock
from ingestion.config import Settings
from ingestion.errors import SettingsError
from ingestion.sandbox import RunningSandbox, generate_sample, running_sandbox

MARCH = ("--from", "2024-03-01", "--to", "2024-04-01")


@pytest.fixture(scope="module")
def sandbox() -> Iterator[RunningSandbox]:
    """Two symbols of the sample."""
    data = generate_sample()
    with running_sandbox(replace(data, bars={s: data.bars[s] for s in ("BTC", "ETH")})) as running:
        yield running


class Cli:
    """Runs `cfw backfill` in a folder of its own."""

    def __init__(self, folder: Path, env: dict[str, str]) -> None:
        """Keep where, and with which settings."""
        self.folder = folder
        self.env = {n: v for n, v in os.environ.items() if not n.startswith("CFW_")} | env

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start the command."""
        return subprocess.Popen(
            [sys.executable, "-m", "flows.cli.main", "backfill", *arguments],
            cwd=self.folder,
            env={**self.env, "COLUMNS": "100", "PYTHONPATH": str(Path(__file__).parents[2])},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __call__(self, *arguments: str) -> tuple[int, str, str]:
        """Run it; return exit code, output and errors."""
        with self.start(*arguments) as process:
            output, errors = process.communicate(timeout=300)
        return process.returncode, output, errors


@pytest.fixture
def cli(tmp_path: Path, sandbox: RunningSandbox) -> Iterator[Cli]:
    """A command line that points at the sandbox."""
    yield Cli(tmp_path, sandbox.env())
    sandbox.faults.clear()


def test_help_shows_an_example(cli: Cli) -> None:
    """The command explains itself."""
    code, output, _ = cli("--help")
    assert code == 0
    assert "Example: " in output


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("weather", *MARCH), "'weather' has no backfill; choose from prices, onchain"),
        (("prices", "--from", "2024-04-01", "--to", "2024-03-01"), "--from 2024-04-01: is not bef"),
        (("prices", "--from", "2024-03-01", "--to", "2999-01-01"), "--to 2999-01-01: lies in the"),
        (("prices", "--from", "2024-03-01T05:00"), "has no offset from UTC; write it as"),
        (("prices", "--from", "soon"), "--from soon: not a time; write it as 2024-01-31"),
        (("prices", *MARCH, "--symbols", "BTC,NOPE"), "--symbols NOPE: not in"),
        (("macro", *MARCH, "--symbols", "BTC"), "--symbols: macro series belong to no asset"),
        (("prices", *MARCH, "--provider", "nope"), "no provider 'nope' for prices; choose from"),
        (("prices", *MARCH, "--from-dir", "."), "--from-dir: only --provider binance-archive"),
        (
            ("prices", *MARCH, "--provider", "binance-archive", "--from-dir", "nowhere"),
            "--from-dir nowhere: no such folder",
        ),
        (("prices", *MARCH, "--interval", "7", "--plan"), "--interval 7: coinbase has no bars of"),
        (("prices", *MARCH, "--recheck"), "--recheck: coinbase has no files to compare"),
    ],
)
def test_wrong_input_is_one_line(
    arguments: tuple[str, ...],
    says: str,
    sandbox: RunningSandbox,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The line names the thing, the limit and the remedy; nothing is asked or made."""
    monkeypatch.chdir(tmp_path)
    for name, value in sandbox.env().items():
        monkeypatch.setenv(name, value)
    sandbox.requests.clear()
    result = CliRunner().invoke(app, ["backfill", *arguments])
    assert isinstance(result.exception, RunError | SettingsError)
    assert says in str(result.exception)
    assert "\n" not in str(result.exception)
    assert list(tmp_path.iterdir()) == []
    assert sandbox.requests.total() == 0


def test_an_error_is_one_line_and_a_nonzero_exit(cli: Cli) -> None:
    """No traceback, and the shell's conventions."""
    code, output, errors = cli("weather", *MARCH)
    lines = [line for line in errors.splitlines() if line.startswith("error:")]
    assert (code, len(lines)) == (1, 1)
    assert "Traceback" not in errors + output
    assert cli("prices")[0] == 2, "--from is missing"


def test_plan_then_run_then_nothing_is_left(cli: Cli, sandbox: RunningSandbox) -> None:
    """The plan says what the run does, and the next plan that it is done."""
    sandbox.requests.clear()
    arguments = ("prices", *MARCH, "--symbols", "BTC,ETH")
    plan = json.loads(cli(*arguments, "--plan", "--json")[1])
    assert sandbox.requests.total() == 0
    assert [item["item"] for item in plan["items"]] == ["BTC@60", "ETH@60"]
    assert plan["items"][0]["missing"] == [
        {"from": "2024-03-01T00:00:00+00:00", "to": "2024-04-01T00:00:00+00:00"}
    ]
    assert plan["total"]["requests"] == 2 * 3
    code, output, errors = cli(*arguments, "--json")
    assert code == 0
    (report,) = json.loads(output)
    assert report["requests"] == report["planned_requests"] == 6
    assert report["done"] == report["chunks"] == plan["total"]["pieces"]
    assert f"{report['chunks']} of {report['chunks']} pieces" in errors
    code, output, _ = cli(*arguments, "--plan")
    assert code == 0
    assert "to do: 0 pieces of 2 items, 0 requests" in output
    assert sandbox.requests.total() == 6


def test_a_local_folder_and_the_archive_agree_on_the_plan(cli: Cli) -> None:
    """Files cost no request."""
    (cli.folder / "files").mkdir()
    arguments = ("prices", *MARCH, "--provider", "binance-archive", "--interval", "60", "--plan")
    assert "2 pieces of 2 items, 4 requests" in cli(*arguments)[1]
    assert "2 pieces of 2 items, 0 requests" in cli(*arguments, "--from-dir", "files")[1]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_is_told_and_the_same_command_goes_on(
    cli: Cli, sandbox: RunningSandbox, number: signal.Signals
) -> None:
    """A clear line, a non-zero exit, and nothing lost."""
    sandbox.faults.add("/coinbase", "slow", times=None, seconds=0.3)
    sandbox.requests.clear()
    arguments = ("prices", *MARCH, "--symbols", "BTC,ETH")
    with cli.start(*arguments) as process:
        deadline = time.monotonic() + 120
        while sandbox.requests.total() < 3 and time.monotonic() < deadline:
            time.sleep(0.05)
        process.send_signal(number)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert "of 4 pieces stored; run the same command again to go on" in errors
    assert "Traceback" not in errors
    sandbox.faults.clear()
    assert cli(*arguments)[0] == 0
    assert "to do: 0 pieces" in cli(*arguments, "--plan")[1]


def test_a_busy_warehouse_is_waited_for(cli: Cli) -> None:
    """With no patience at all, the line names who holds it; a plan needs no lock."""
    url = f"duckdb:///{cli.folder / 'data' / 'warehouse.duckdb'}"
    with run_lock(Settings(warehouse_url=url)):
        code, _, errors = cli("prices", *MARCH, "--wait", "0")
        assert cli("prices", *MARCH, "--plan")[0] == 0
    assert code == 1
    assert "in use by process" in errors


def test_a_failing_provider_sets_the_exit_code(cli: Cli, sandbox: RunningSandbox) -> None:
    """The failure is one line; the table is printed all the same."""
    sandbox.faults.add("/coinbase", "html", times=None)
    code, output, errors = cli("prices", *MARCH, "--symbols", "BTC")
    assert code == 1
    assert "coinbase" in output
    assert "HTML page instead of JSON" in errors
