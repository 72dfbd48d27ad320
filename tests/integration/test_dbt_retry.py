"""A failure of dbt that may pass is tried again once, and only for what it hit."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from flows import dbt as runner
from flows import steps
from flows.dbt import run_dbt, target_folder, transform_vars
from flows.dbt_results import may_pass, merged
from flows.errors import TransformError
from ingestion.config import Settings
from ingestion.sandbox import RunningSandbox, generate_sample, running_sandbox
from ingestion.steps import run_step
from tests.support.mysql_server import ServerForTest, connect


def _node(name: str, status: str, message: str = "") -> dict[str, Any]:
    kind = "test" if name.startswith("t") else "model"
    return {
        "unique_id": f"{kind}.crypto_features.{name}",
        "status": status,
        "message": message,
        "execution_time": 0.1,
    }


@pytest.mark.parametrize(
    ("nodes", "output", "expected"),
    [
        ([_node("m", "error", "Database Error: 1205 (HY000): Lock wait timeout exceeded")], "", 1),
        ([_node("m", "error", "2013 (HY000): Lost connection to MySQL server")], "", 1),
        ([_node("m", "error", "1146 (42S02): Table 'x' doesn't exist")], "", 0),
        ([_node("t", "fail", "Got 1205 results, configured to fail if != 0")], "", 0),
        (
            [_node("m", "error", "1205 (HY000): Lock wait timeout"), _node("t", "fail", "Got 3")],
            "",
            0,
        ),
        ([_node("m", "error", "1205 (HY000): x"), _node("n", "skipped")], "", 1),
        ([], "IO Error: Could not set lock on file w.duckdb: Conflicting lock is held", 1),
        ([], "Compilation Error in model x", 0),
    ],
)
def test_what_may_pass(nodes: list[dict[str, Any]], output: str, expected: int) -> None:
    """Locks and lost connections; never a test that found bad rows, nor a faulty model."""
    assert may_pass(nodes, output) is bool(expected)


def test_a_retry_replaces_what_it_ran_again() -> None:
    """The nodes of both attempts, each once."""
    before = [_node("a", "success"), _node("b", "error"), _node("c", "skipped")]
    after = [_node("b", "success"), _node("c", "success")]
    found = merged(before, after)
    assert [(n["unique_id"][-1], n["status"]) for n in found] == [
        ("a", "success"),
        ("b", "success"),
        ("c", "success"),
    ]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[RunningSandbox]:
    data = generate_sample()
    with running_sandbox(replace(data, bars={"BTC": data.bars["BTC"]})) as running:
        yield running


def _land(settings: Settings) -> None:
    steps.prepare(settings)
    run_step("coinbase", settings)


def _settings(sandbox: RunningSandbox, **values: Any) -> Settings:
    env = {n.removeprefix("CFW_").lower(): v for n, v in sandbox.env().items()}
    return Settings(**{**env, "symbols": "BTC", "history_start": "2024-06-28", **values})


def test_a_file_that_another_program_holds_is_tried_again(
    sandbox: RunningSandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """dbt cannot open the file while a reader has it; a little later it can."""
    monkeypatch.setattr(runner, "RETRY_SECONDS", 8.0)
    settings = _settings(
        sandbox, warehouse_url=f"duckdb:///{tmp_path / 'w.duckdb'}", data_dir=tmp_path
    )
    steps.prepare(settings)
    reader = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import duckdb, sys\n"
            "held = duckdb.connect(sys.argv[1], read_only=True)\n"
            "print('held', flush=True)\n"
            "sys.stdin.read()\n",
            str(tmp_path / "w.duckdb"),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert reader.stdout is not None
    assert reader.stdin is not None
    assert reader.stdout.readline() == b"held\n"
    waited: list[float] = []

    def end_reader(seconds: float) -> None:
        waited.append(seconds)
        reader.communicate(timeout=30)

    monkeypatch.setattr(runner, "sleep", end_reader)
    report = run_dbt(settings, ["run", "--select", "int_numbers"], _variables())
    assert waited == [8.0]
    assert [(node.node, node.status) for node in report.nodes] == [("model int_numbers", "success")]
    assert report.nodes[0].row_count == 512 * 513 / 2


def _variables() -> dict[str, Any]:
    return transform_vars(None, None, "", "batch")


def test_only_the_locked_model_and_its_children_run_again(
    sandbox: RunningSandbox,
    server: ServerForTest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A reader's transaction holds a table: its model fails once, its siblings are built once."""
    settings = _settings(
        sandbox,
        warehouse_url=server.url,
        schema_prefix=server.prefix,
        data_dir=tmp_path,
        mysql_lock_wait_seconds=2,
    )
    steps.prepare(settings)
    build = ["build", "--select", "assets", "int_numbers", "--indirect-selection", "cautious"]
    run_dbt(settings, build, _variables())
    reader = connect(server.url)
    with reader.cursor() as cursor:
        cursor.execute("begin")
        cursor.execute(f"select count(*) from {server.prefix}_intermediate.int_numbers")
    first: dict[str, str] = {}

    def release(_seconds: float) -> None:
        first.update(_statuses(settings))
        reader.close()

    monkeypatch.setattr(runner, "sleep", release)
    report = run_dbt(settings, [*build, "--full-refresh"], _variables())
    assert first["int_numbers"] == "error", "the reader held the table"
    assert first["assets"] == "success"
    children = {name for name, status in first.items() if status == "skipped"}
    assert children, "its tests waited for it"
    again = _statuses(settings)
    assert set(again) == {"int_numbers", *children}, "siblings are not built twice"
    assert set(again.values()) <= {"success", "pass"}
    assert {node.status for node in report.nodes} <= {"success", "pass"}
    assert len(report.nodes) == len(first)


def _statuses(settings: Settings) -> dict[str, str]:
    results = json.loads((target_folder(settings) / "run_results.json").read_text())["results"]
    return {n["unique_id"].split(".")[2]: n["status"] for n in results}


def test_a_failing_model_is_not_tried_twice(
    sandbox: RunningSandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is wrong stays wrong: one attempt, one clear line."""
    settings = _settings(
        sandbox, warehouse_url=f"duckdb:///{tmp_path / 'w.duckdb'}", data_dir=tmp_path
    )
    _land(settings)
    monkeypatch.setattr(runner, "sleep", lambda _: pytest.fail("tried again"))
    with pytest.raises(TransformError, match="nodes failed: model int_prices__bars"):
        run_dbt(settings, ["build", "--select", "int_prices__bars"], _variables())
