"""What the journal holds: its rows, and the tables they lie in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from ingestion.engine import Statement

COMPLETED, FAILED, CRASHED = "completed", "failed", "crashed"
#: Characters of a node's name.
NAME_LENGTH = 255
#: States of a dbt test that did not pass.
FAILED_TEST = ("fail", "error", "runtime error")
#: The tables are made in one go; this one is the last.
LAST_TABLE = "flow_starts"


@dataclass(frozen=True)
class FlowRun:
    """One run of a flow.

    Attributes:
        state: `completed`, `failed` (it said why) or `crashed` (it could not).
        error: one line; None for a completed run.
        new_rows: raw rows stored; None where the flow stores none or it is not known.
    """

    run_id: str
    flow: str
    started_at: datetime
    ended_at: datetime
    state: str
    error: str | None = None
    new_rows: int | None = None


@dataclass(frozen=True)
class DbtNode:
    """What dbt did with one node.

    Attributes:
        kind: `model`, `test` or `seed`.
        status: dbt's own word: success, pass, fail, error, skipped, warn.
        row_count: rows that the node wrote; None where the engine does not tell.
    """

    node: str
    kind: str
    status: str
    seconds: float
    row_count: int | None = None


@dataclass(frozen=True)
class RunStart:
    """A run that has begun.

    Attributes:
        is_exclusive: it holds the run lock from its start to its end.
    """

    run_id: str
    flow: str
    started_at: datetime
    is_exclusive: bool


def tables(schema: str, *, is_server: bool) -> list[Statement]:
    """Return the statements that make the tables where they are missing."""
    kind = "database" if is_server else "schema"
    moment = "datetime(6)" if is_server else "timestamptz"
    key = "character set ascii collate ascii_bin " if is_server else ""
    end = " engine=InnoDB default charset=utf8mb4" if is_server else ""
    return [
        (f"create {kind} if not exists {schema}", ()),
        (
            f"create table if not exists {schema}.flow_runs ("
            f"run_id varchar(36) {key}not null primary key, "
            f"flow varchar(64) {key}not null, "
            f"started_at {moment} not null, ended_at {moment} not null, "
            f"state varchar(16) {key}not null, error text null, new_rows bigint null, "
            f"number bigint not null){end}",
            (),
        ),
        (
            f"create table if not exists {schema}.dbt_nodes ("
            f"run_id varchar(36) {key}not null, node varchar({NAME_LENGTH}) {key}not null, "
            f"kind varchar(16) {key}not null, status varchar(16) {key}not null, "
            f"seconds double not null, row_count bigint null, "
            f"primary key (run_id, node)){end}",
            (),
        ),
        (
            f"create table if not exists {schema}.{LAST_TABLE} ("
            f"run_id varchar(36) {key}not null primary key, "
            f"flow varchar(64) {key}not null, "
            f"started_at {moment} not null, is_exclusive smallint not null){end}",
            (),
        ),
    ]
