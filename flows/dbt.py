"""Runs dbt as a process of its own, so that it opens and closes its own database connection."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from flows.errors import TransformError
from flows.lock import lock_path
from ingestion.config import PROJECT_ROOT, Settings
from ingestion.engine import duckdb_path
from ingestion.server import Server

_FAILED = ("error", "fail", "runtime error")
_SHOWN_FAILURES = 5


@dataclass(frozen=True)
class DbtReport:
    """What one dbt command did.

    Attributes:
        models: models and seeds built.
        tests: tests passed.
        seconds: wall time of the whole command.
        slowest: (node, seconds) of the slowest nodes, slowest first.
    """

    models: int
    tests: int
    seconds: float
    slowest: list[tuple[str, float]] = field(default_factory=list)


def target_folder(settings: Settings, *, is_past: bool = False) -> Path:
    """Return dbt's working folder: one per warehouse, so that runs never share artifacts.

    Builds of past states have another one: their vars would throw away what dbt remembers of the
    standing project.
    """
    name = lock_path(settings).stem + ("-past" if is_past else "")
    return settings.data_dir.absolute() / "dbt" / name


def dbt_environment(
    settings: Settings, into: Path | None = None, *, is_past: bool = False
) -> dict[str, str]:
    """Return the environment in which dbt finds this warehouse, or reads it and builds elsewhere.

    Args:
        settings: names the warehouse.
        into: a DuckDB file that takes the models; the warehouse is then only read.
        is_past: whether a past state is built.
    """
    url = settings.warehouse_url
    if url.startswith("duckdb:///"):
        url = f"duckdb:///{duckdb_path(url)}"
    folder = target_folder(settings, is_past=is_past)
    return {
        **os.environ,
        "CFW_WAREHOUSE_URL": url,
        "CFW_SCHEMA_PREFIX": settings.schema_prefix,
        "CFW_INTO_DATABASE": str(into) if into else "",
        **_server_environment(settings),
        "DBT_PROJECT_DIR": str(PROJECT_ROOT / "dbt_project"),
        "DBT_PROFILES_DIR": str(PROJECT_ROOT),
        "DBT_TARGET_PATH": str(folder),
        "DBT_LOG_PATH": str(folder / "logs"),
        "DBT_USE_COLORS": "false",
        "DBT_PACKAGES_INSTALL_PATH": str(folder / "packages"),
    }


def _server_environment(settings: Settings) -> dict[str, str]:
    """Return the server's settings, and which of dbt's two adapters speaks to it."""
    if not settings.is_server:
        return {}
    server = Server.of(settings)
    return {**settings.server_environment(), "CFW_WAREHOUSE_ENGINE": server.retried(server.kind)}


def transform_vars(
    as_of: datetime | None,
    loaded_as_of: datetime | None,
    build_tag: str,
    tests: str,
    *,
    has_own_file: bool = False,
) -> dict[str, str]:
    """Return dbt's vars for a build; one for a past moment gets schemas of its own, or a file."""
    past = as_of is not None or loaded_as_of is not None
    return {
        "as_of": as_of.isoformat() if as_of else "",
        "loaded_as_of": loaded_as_of.isoformat() if loaded_as_of else "",
        "build_tag": build_tag or ("asof" if past and not has_own_file else ""),
        "test_scope": "all" if past else tests,
    }


def run_dbt(
    settings: Settings,
    arguments: Sequence[str],
    variables: Mapping[str, Any] | None = None,
    *,
    into: Path | None = None,
    is_past: bool = False,
) -> DbtReport:
    """Run one dbt command against the warehouse.

    Args:
        settings: names the warehouse.
        arguments: the command and its flags, e.g. ["build", "--full-refresh"].
        variables: values for dbt's vars.
        into: a DuckDB file that takes the models instead of the warehouse.
        is_past: whether a past state is built.

    Raises:
        TransformError: dbt failed; names the failed nodes and the log.
    """
    folder = target_folder(settings, is_past=is_past)
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "dbt.cli.main", *arguments]
    if variables:
        command += ["--vars", json.dumps(dict(variables))]
    _forget_stale_parse(folder)
    results = folder / "run_results.json"
    results.unlink(missing_ok=True)
    started = time.monotonic()
    environment = dbt_environment(settings, into, is_past=is_past)
    done = subprocess.run(  # noqa: S603 - a fixed program with our own arguments
        command, env=environment, capture_output=True, text=True, check=False
    )
    seconds = time.monotonic() - started
    nodes = _nodes(results)
    if done.returncode != 0:
        raise TransformError(
            _failure(nodes, done.stdout + done.stderr, folder / "logs" / "dbt.log")
        )
    ok = [node for node in nodes if node["status"] in ("success", "pass")]
    slowest = sorted(((_name(n), float(n["execution_time"])) for n in ok), key=lambda n: -n[1])
    tests = sum(node["unique_id"].startswith("test.") for node in ok)
    return DbtReport(len(ok) - tests, tests, seconds, slowest[:10])


def _forget_stale_parse(folder: Path) -> None:
    """Drop the saved parse when a macro changed: dbt 1.7 may then see two macros of one name."""
    saved = folder / "partial_parse.msgpack"
    if not saved.exists():
        return
    macros = (PROJECT_ROOT / "dbt_project" / "macros").rglob("*")
    if max(path.stat().st_mtime for path in macros) > saved.stat().st_mtime:
        saved.unlink()


def _nodes(results: Path) -> list[dict[str, Any]]:
    if not results.exists():
        return []
    nodes: list[dict[str, Any]] = json.loads(results.read_text(encoding="utf-8"))["results"]
    return nodes


def _name(node: dict[str, Any]) -> str:
    parts: list[str] = node["unique_id"].split(".")
    return f"{parts[0]} {parts[2]}"


def _failure(nodes: list[dict[str, Any]], output: str, log: Path) -> str:
    failed = [node for node in nodes if node["status"] in _FAILED]
    if not failed:
        lines = [line.strip() for line in output.splitlines() if "rror" in line]
        reason = " ".join(lines[-2:]) or "no output"
        return f"dbt did not start or could not read the project: {reason} (log: {log})"
    shown = [f"{_name(n)}: {_message(n)}" for n in failed[:_SHOWN_FAILURES]]
    more = len(failed) - len(shown)
    text = "; ".join(shown) + (f"; and {more} more" if more > 0 else "")
    return f"dbt: {len(failed)} of {len(nodes)} nodes failed: {text} (log: {log})"


def _message(node: dict[str, Any]) -> str:
    return " ".join((node.get("message") or node["status"]).split())[:300]
