"""What dbt tells of a command: its nodes, whether a failure may pass, and one line for a person."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from flows.journal_rows import NAME_LENGTH, DbtNode
from ingestion.config import Settings
from ingestion.engine import engine_for
from ingestion.server_errors import TRANSIENT

_FAILED = ("error", "fail", "runtime error")
_SHOWN_FAILURES = 5
#: `1205 (HY000): ...` of a server's driver.
_SERVER_CODE = re.compile(r"\b(\d{4}) \([0-9A-Z]{5}\)")
#: What DuckDB says while another program holds the file.
_FILE_HELD = re.compile(r"could not set lock on file|conflicting lock", re.IGNORECASE)

Result = Mapping[str, Any]


def read_results(path: Path) -> list[Result]:
    """Return the nodes of a `run_results.json`; none where dbt did not come so far."""
    if not path.exists():
        return []
    results: list[Result] = json.loads(path.read_text(encoding="utf-8"))["results"]
    return results


def merged(before: Sequence[Result], retried: Sequence[Result]) -> list[Result]:
    """Return the nodes of a command and its retry: of a node that ran twice, the second."""
    found = {node["unique_id"]: node for node in (*before, *retried)}
    return list(found.values())


def failed_nodes(nodes: Sequence[Result]) -> list[Result]:
    """Return the nodes that failed; those skipped because of them are left out."""
    return [node for node in nodes if node["status"] in _FAILED]


def may_pass(nodes: Sequence[Result], output: str) -> bool:
    """Return whether the same work may succeed a little later: a lost connection, a held lock.

    A test that found bad rows finds them again: with one of those nothing is tried again.
    """
    failed = failed_nodes(nodes)
    if not failed:
        return _is_passing(output)
    return all(n["status"] != "fail" and _is_passing(n.get("message") or "") for n in failed)


def _is_passing(message: str) -> bool:
    codes = {int(code) for code in _SERVER_CODE.findall(message)}
    return bool(codes & TRANSIENT or _FILE_HELD.search(message))


def name_of(node: Result) -> str:
    """Return a node's kind and name, as messages and the journal show it.

    The name of a generic test lists its arguments; one that is too long for the journal is cut, and
    ends in a hash of the whole, so that no two nodes share a name.
    """
    kind, _, *name = node["unique_id"].split(".")
    shown = f"{kind} {name[0]}"
    if len(shown) <= NAME_LENGTH:
        return shown
    end = "~" + hashlib.sha256(shown.encode()).hexdigest()[:8]
    return shown[: NAME_LENGTH - len(end)] + end


def failure_line(nodes: Sequence[Result], output: str, log: Path) -> str:
    """Return one line that names what failed, why, and the log."""
    failed = failed_nodes(nodes)
    if not failed:
        lines = [line.strip() for line in output.splitlines() if "rror" in line]
        reason = " ".join(lines[-2:]) or "no output"
        return f"dbt did not start or could not read the project: {reason} (log: {log})"
    shown = [f"{name_of(n)}: {_message(n)}" for n in failed[:_SHOWN_FAILURES]]
    more = len(failed) - len(shown)
    text = "; ".join(shown) + (f"; and {more} more" if more > 0 else "")
    return f"dbt: {len(failed)} of {len(nodes)} nodes failed: {text} (log: {log})"


def _message(node: Result) -> str:
    return " ".join((node.get("message") or node["status"]).split())[:300]


def journal_nodes(settings: Settings, nodes: Sequence[Result], manifest: Path) -> list[DbtNode]:
    """Return the nodes as the journal keeps them, with their rows where the engine tells."""
    counts = {} if settings.is_server else _counted(settings, nodes, manifest)
    return [
        DbtNode(
            node=name_of(node),
            kind=node["unique_id"].split(".")[0],
            status=node["status"],
            seconds=round(float(node["execution_time"]), 3),
            row_count=counts.get(node["unique_id"], _told(node)),
        )
        for node in nodes
    ]


def _told(node: Result) -> int | None:
    """Return the rows that a server says it wrote."""
    told = (node.get("adapter_response") or {}).get("rows_affected")
    is_built = node["status"] == "success" and isinstance(told, int) and told >= 0
    return told if is_built else None


def _counted(settings: Settings, nodes: Sequence[Result], manifest: Path) -> dict[str, int]:
    """Count the built tables: DuckDB tells no rows, and keeps each table's count at hand."""
    built = [node["unique_id"] for node in nodes if node["status"] == "success"]
    if not built or not manifest.exists():
        return {}
    known = json.loads(manifest.read_text(encoding="utf-8"))["nodes"]
    places = {key: (known[key]["schema"], known[key]["alias"]) for key in built if key in known}
    engine = engine_for(settings)
    rows = engine.query(
        "select table_schema, table_name from information_schema.tables "
        "where table_type = 'BASE TABLE'",
        (),
    )
    there = {(row["table_schema"], row["table_name"]) for row in rows}
    tables = {key: place for key, place in places.items() if place in there}
    if not tables:
        return {}
    counts = ", ".join(
        f'(select count(*) from "{schema}"."{name}") as n{number}'  # noqa: S608 - dbt's own names
        for number, (schema, name) in enumerate(tables.values())
    )
    found = engine.query(f"select {counts}", ())[0]
    return dict(zip(tables, found.values(), strict=True))
