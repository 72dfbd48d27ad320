"""The command line as a person meets it: help, wrong input, exit codes, JSON."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from flows.lock import run_lock
from ingestion.config import Settings
from ingestion.sandbox import RunningSandbox, generate_sample, running_sandbox

COMMANDS = (
    "run",
    "ingest",
    "score",
    "transform",
    "rollback",
    "demo",
    "status",
    "tables",
    "doctor",
    "coverage",
    "leakage",
    "export",
    "builds",
)


#: What the sandbox's settings leave out: more exchanges, keys that are not set.
OFF = {"binance", "kraken", "glassnode", "fredgraph"}


class Cli:
    """Runs `cfw` in a folder of its own."""

    def __init__(self, folder: Path, env: dict[str, str]) -> None:
        """Keep where, and with which settings."""
        self.folder = folder
        self.env = {n: v for n, v in os.environ.items() if not n.startswith("CFW_")} | env

    def __call__(self, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
        """Run one command."""
        return subprocess.run(
            [sys.executable, "-m", "flows.cli.main", *arguments],
            cwd=self.folder,
            env={**self.env, "COLUMNS": "200", **env},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )


@pytest.fixture(scope="module")
def sandbox() -> Iterator[RunningSandbox]:
    """Two symbols of the sample."""
    data = generate_sample()
    with running_sandbox(replace(data, bars={s: data.bars[s] for s in ("BTC", "ETH")})) as running:
        yield running


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    """A command line without any settings."""
    return Cli(tmp_path, {})


@pytest.fixture
def fed(tmp_path: Path, sandbox: RunningSandbox) -> Cli:
    """A command line that points at the sandbox."""
    return Cli(tmp_path, {**sandbox.env(), "CFW_HISTORY_START": "2024-06-20"})


@pytest.mark.parametrize("command", COMMANDS)
def test_help_shows_an_example(cli: Cli, command: str) -> None:
    """Every command explains itself."""
    done = cli(command, "--help")
    assert done.returncode == 0
    assert "Example: " in done.stdout


@pytest.mark.parametrize(
    ("arguments", "env", "says"),
    [
        (("ingest", "weather"), {}, "'weather' is no group of sources; choose from prices"),
        (("transform", "--as-of", "yesterday"), {}, "--as-of yesterday: not a time; write it as"),
        (("transform", "--as-of", "2024-01-01T00:00"), {}, "has no offset from UTC"),
        (("transform", "--tests", "none"), {}, "--tests none: must be batch or all"),
        (
            ("transform", "--vars", "{health"),
            {},
            "--vars {health: write dbt vars as dbt takes them",
        ),
        (("status",), {"CFW_NOW": "2024-01-01T00:00:00"}, "CFW_NOW: has no time zone"),
        (("status",), {"CFW_SCHEMA_PREFIX": "x; drop"}, "CFW_SCHEMA_PREFIX: must be"),
        (("tables",), {"CFW_WAREHOUSE_URL": "oracle://x"}, "CFW_WAREHOUSE_URL: must be duckdb:///"),
        (("tables",), {}, "no warehouse at"),
        (("ingest", "prices"), {"CFW_SYMBOLS": "BTC,NOPE"}, "CFW_SYMBOLS: NOPE not in"),
        (("sandbox", "env", "--data", "nowhere"), {}, "--data nowhere: no such folder"),
        (("models", "check", "gpt"), {}, "no model 'gpt' in the registry"),
        (("models", "check", "finbert"), {"CFW_HF_HOME": "."}, "cfw models pull finbert"),
    ],
)
def test_wrong_input_is_one_line_and_a_nonzero_exit(
    cli: Cli, arguments: tuple[str, ...], env: dict[str, str], says: str
) -> None:
    """The line names the thing, the limit and the remedy; no traceback."""
    done = cli(*arguments, **env)
    assert done.returncode == 1
    lines = [line for line in done.stderr.splitlines() if line.startswith("error:")]
    assert len(lines) == 1
    assert says in lines[0]
    assert "Traceback" not in done.stderr + done.stdout


def test_an_unknown_option_exits_with_2(cli: Cli) -> None:
    """Usage errors are the shell's convention."""
    assert cli("status", "--colour").returncode == 2


def test_ingest_score_transform_by_hand(fed: Cli) -> None:
    """The parts of a run, one after the other, with JSON for machines."""
    sources = json.loads(fed("ingest", "all", "--json").stdout)
    assert {row["status"] for row in sources} == {"ok", "skipped"}
    skipped = {row["source"]: row["note"] for row in sources if row["status"] == "skipped"}
    assert set(skipped) == OFF
    assert all(skipped.values())
    assert sum(row["new rows"] for row in sources) > 500
    scored = json.loads(fed("score", "--json").stdout)
    assert scored["models"][0]["scored"] > 0
    assert [gone["key"] for gone in scored["missing"]] == ["cryptobert", "finbert"]
    built = json.loads(fed("transform", "--json").stdout)
    assert built["tests"] > 10
    status = json.loads(fed("status", "--json").stdout)
    bars = next(row for row in status["raw_tables"] if row["table"] == "price_bars")
    assert {feed["status"] for feed in status["feeds"]} == {"ok"}
    assert bars["rows"] > 400
    tables = json.loads(fed("tables", "--json").stdout)
    mart = next(row for row in tables if row["name"] == "ml_features_materialized")
    assert mart["rows"] == bars["rows"]


def test_a_source_that_fails_sets_the_exit_code(fed: Cli, sandbox: RunningSandbox) -> None:
    """The failing source is named on one line; the others are in the table."""
    sandbox.faults.add("/coingecko", "html", times=None)
    try:
        done = fed("ingest", "prices", CFW_HTTP_ATTEMPTS="1")
    finally:
        sandbox.faults.clear()
    assert done.returncode == 1
    assert "coinbase" in done.stdout
    assert len([line for line in done.stderr.splitlines() if line.startswith("error:")]) == 1
    assert "coingecko" in done.stderr


def test_a_busy_warehouse_is_refused(fed: Cli) -> None:
    """A second writer learns who holds the warehouse and what to do."""
    url = f"duckdb:///{fed.folder / 'data' / 'warehouse.duckdb'}"
    with run_lock(Settings(warehouse_url=url)):
        done = fed("transform")
    assert done.returncode == 1
    assert "in use by process" in done.stderr
    assert "--wait" in done.stderr


def test_doctor_names_a_wrong_id(fed: Cli, tmp_path: Path) -> None:
    """A wrong provider id is named with the likely right one."""
    seed = Path("dbt_project/seeds/assets.csv").read_text(encoding="utf-8")
    wrong = tmp_path / "assets.csv"
    wrong.write_text(seed.replace(",ethereum,", ",etherium,"), encoding="utf-8")
    assert fed("doctor", CFW_SYMBOLS="BTC,ETH").returncode == 0
    done = fed("doctor", CFW_ASSETS_FILE=str(wrong))
    assert done.returncode == 1
    assert "etherium" in done.stdout
    assert "ethereum" in done.stdout


def test_sandbox_env_quotes_for_the_shell(cli: Cli) -> None:
    """`eval` of the lines gives the settings."""
    lines = cli("sandbox", "env", "--port", "9999").stdout.splitlines()
    assert all(line.startswith("export CFW_") for line in lines)
    assert "export CFW_COINBASE_BASE_URL=http://127.0.0.1:9999/coinbase" in lines


def test_settings_example_names_every_setting() -> None:
    """.env.example lists what there is, and nothing else."""
    from flows.metrics.settings import MetricsSettings
    from scoring.config import ScoringSettings

    settings = (Settings, ScoringSettings, MetricsSettings)
    known = {f"CFW_{name.upper()}" for found in settings for name in found.model_fields}
    lines = Path(".env.example").read_text(encoding="utf-8").splitlines()
    listed = {line.split("=")[0] for line in lines if line.startswith("CFW_")}
    assert listed == known
