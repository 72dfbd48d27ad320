"""Runs dbt as a process of its own, so that it opens and closes its own database connection."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from time import monotonic, sleep
from typing import Any

from flows.dbt_results import failure_line, journal_nodes, may_pass, merged, read_results
from flows.errors import TransformError
from flows.journal_rows import DbtNode
from flows.lock import lock_path
from ingestion.config import PROJECT_ROOT, Settings
from ingestion.engine import duckdb_path
from ingestion.kept_open import let_go
from ingestion.server import Server

logger = logging.getLogger(__name__)

#: What dbt gets of this process's environment: no provider's key, and few names, for it reads all
#: of them for every line that it logs or might have logged.
_PASSED_ON = ("PATH", "HOME", "LANG", "TMPDIR", "TZ", "VIRTUAL_ENV", "DO_NOT_TRACK", "SYSTEMROOT")
_PASSED_ON_FROM = ("DBT_", "CFW_MYSQL_", "PYTHON", "LC_", "LD_", "DYLD_", "SSL_")
#: A lock or a lost connection gets so long to come right before the one retry.
RETRY_SECONDS = 15.0


@dataclass(frozen=True)
class DbtReport:
    """What one dbt command did.

    Attributes:
        models: models and seeds built.
        tests: tests passed.
        seconds: wall time of the whole command.
        slowest: (node, seconds) of the slowest nodes, slowest first.
        nodes: every node of the command; of one that was tried again, the second time.
    """

    models: int
    tests: int
    seconds: float
    slowest: list[tuple[str, float]] = field(default_factory=list)
    nodes: list[DbtNode] = field(default_factory=list)


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
        # Each line of a debug log costs a build about a millisecond, and there are 3,600 of them.
        "DBT_LOG_LEVEL_FILE": "info",
        **_passed_on(),
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


def _passed_on() -> dict[str, str]:
    return {
        name: value
        for name, value in os.environ.items()
        if name in _PASSED_ON or name.startswith(_PASSED_ON_FROM)
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

    A failure that may pass (a lost connection, a lock that another program holds) is tried again
    once, with `dbt retry`: the nodes that failed and those skipped for them.

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
    command = list(arguments)
    if variables:
        command += ["--vars", json.dumps(dict(variables))]
    _forget_stale_parse(folder)
    results, log = folder / "run_results.json", folder / "logs" / "dbt.log"
    results.unlink(missing_ok=True)
    started = monotonic()
    environment = dbt_environment(settings, into, is_past=is_past)
    if not settings.is_server:
        let_go(duckdb_path(settings.warehouse_url))
    done = _dbt(command, environment)
    nodes = read_results(results)
    if done.returncode != 0 and may_pass(nodes, done.stdout + done.stderr):
        logger.warning("%s; trying again", failure_line(nodes, done.stdout + done.stderr, log))
        sleep(RETRY_SECONDS)
        # Only what failed and what was skipped for it; all of it where dbt did not come so far.
        done = _dbt(["retry"] if nodes else command, environment)
        nodes = merged(nodes, read_results(results))
    built = settings.model_copy(update={"warehouse_url": f"duckdb:///{into}"}) if into else settings
    told = journal_nodes(built, nodes, folder / "manifest.json")
    if done.returncode != 0:
        raise TransformError(failure_line(nodes, done.stdout + done.stderr, log), told)
    return _report(told, monotonic() - started)


def _dbt(
    arguments: Sequence[str], environment: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - a fixed program with our own arguments
        [sys.executable, "-m", "dbt.cli.main", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def _report(nodes: list[DbtNode], seconds: float) -> DbtReport:
    ok = [node for node in nodes if node.status in ("success", "pass")]
    slowest = sorted(((node.node, node.seconds) for node in ok), key=lambda n: -n[1])
    tests = sum(node.kind == "test" for node in ok)
    return DbtReport(len(ok) - tests, tests, seconds, slowest[:10], nodes)


def _forget_stale_parse(folder: Path) -> None:
    """Drop the saved parse when a macro changed: dbt 1.7 may then see two macros of one name."""
    saved = folder / "partial_parse.msgpack"
    if not saved.exists():
        return
    macros = (PROJECT_ROOT / "dbt_project" / "macros").rglob("*")
    if max(path.stat().st_mtime for path in macros) > saved.stat().st_mtime:
        saved.unlink()
