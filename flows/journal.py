"""The run journal: what ran, when, and how it ended, kept in the warehouse itself.

Every machine that shares a warehouse reads the same journal. It lies in the schema `<prefix>_ops`,
apart from the raw tables, which are history and only grow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple
from datetime import datetime
from typing import Any

from flows.journal_rows import (
    COMPLETED,
    CRASHED,
    FAILED_TEST,
    LAST_TABLE,
    DbtNode,
    FlowRun,
    RunStart,
    tables,
)
from flows.schedules import SCHEDULES
from ingestion.config import Settings
from ingestion.engine import Statement, engine_for

#: How long runs and the nodes of dbt are kept.
KEEP_DAYS = 30
_ERROR_LENGTH = 2000
_RUN_COLUMNS = "run_id, flow, started_at, ended_at, state, error, new_rows"
_NODE_COLUMNS = "node, kind, status, seconds, row_count"
#: Rows of one insert.
_BATCH = 200


class Journal:
    """Writes and reads the journal of one warehouse. Holds no connection between two calls."""

    def __init__(self, settings: Settings) -> None:
        """Keep the settings; nothing is opened."""
        self._engine = engine_for(settings)
        self._schema = f"{settings.schema_prefix}_ops"
        self._is_server = settings.is_server
        self._is_there = False

    def record(self, run: FlowRun, nodes: Sequence[DbtNode] = ()) -> None:
        """Write a run that has ended; a second record of the same run replaces the first.

        On DuckDB the caller holds the run lock: a file has one writer.

        Raises:
            WarehouseError: the warehouse could not be written.
        """
        self._ensure()
        runs, known = self._table("flow_runs"), self._table("dbt_nodes")
        statements: list[Statement] = [
            (f"delete from {runs} where run_id = %s", (run.run_id,)),  # noqa: S608 - our own names
            (f"delete from {known} where run_id = %s", (run.run_id,)),  # noqa: S608
            (
                f"delete from {self._table('flow_starts')} where run_id = %s",  # noqa: S608
                (run.run_id,),
            ),
            (
                # Runs are in the order of their records: a clock may stand still or be set back.
                f"insert into {runs} ({_RUN_COLUMNS}, number) "  # noqa: S608
                "select %s, %s, %s, %s, %s, %s, %s, coalesce(max(number), 0) + 1 "
                f"from {runs}",
                _values(run),
            ),
        ]
        for start in range(0, len(nodes), _BATCH):
            batch = nodes[start : start + _BATCH]
            marks = ", ".join(["(%s, %s, %s, %s, %s, %s)"] * len(batch))
            statements.append(
                (
                    f"insert into {known} (run_id, {_NODE_COLUMNS}) values {marks}",  # noqa: S608
                    [value for node in batch for value in (run.run_id, *astuple(node))],
                )
            )
        self._engine.write(statements)

    def runs(self, limit: int = 20) -> list[FlowRun]:
        """Return the newest runs, newest first."""
        return self._runs(
            f"select {_RUN_COLUMNS} from {self._table('flow_runs')} "  # noqa: S608
            f"order by number desc limit {int(limit)}"
        )

    def latest(self) -> dict[str, FlowRun]:
        """Return the newest run of each flow."""
        return {run.flow: run for run in self._newest()}

    def last_success(self) -> dict[str, datetime]:
        """Return when each flow last ended well; a flow that never did is not there."""
        rows = self._rows(
            f"select flow, max(ended_at) as ended from {self._table('flow_runs')} "  # noqa: S608
            "where state = %s group by flow order by flow",
            (COMPLETED,),
        )
        return {row["flow"]: row["ended"] for row in rows}

    def nodes(self, run_id: str) -> list[DbtNode]:
        """Return what dbt did in a run, by name; empty where it called no dbt or it is long ago."""
        rows = self._rows(
            f"select {_NODE_COLUMNS} from {self._table('dbt_nodes')} "  # noqa: S608
            "where run_id = %s order by node",
            (run_id,),
        )
        return [DbtNode(**row) for row in rows]

    def failed_tests(self) -> list[DbtNode]:
        """Return the tests that failed in the newest run that ran tests."""
        nodes, runs = self._table("dbt_nodes"), self._table("flow_runs")
        newest = self._rows(
            f"select run_id from {runs} where run_id in "  # noqa: S608
            f"(select run_id from {nodes} where kind = 'test' and status <> 'skipped') "
            "order by number desc limit 1"
        )
        if not newest:
            return []
        found = self.nodes(newest[0]["run_id"])
        return [node for node in found if node.kind == "test" and node.status in FAILED_TEST]

    def scheduled_since(self) -> datetime | None:
        """Return when the oldest kept run of a schedule began; None where none ever did."""
        marks = ", ".join(["%s"] * len(SCHEDULES))
        rows = self._rows(
            f"select min(started_at) as since from {self._table('flow_runs')} "  # noqa: S608
            f"where flow in ({marks})",
            list(SCHEDULES),
        )
        return rows[0]["since"] if rows else None

    def prune(self, before: datetime) -> None:
        """Remove the runs that ended before a moment, and what dbt did in them.

        The newest success of each flow stays, however old it is.
        """
        if not self._exists():
            return
        nodes, runs = self._table("dbt_nodes"), self._table("flow_runs")
        kept = [run.run_id for run in self._newest("where state = 'completed'")] or [""]
        marks = ", ".join(["%s"] * len(kept))
        self._engine.write(
            [
                (
                    f"delete from {nodes} where run_id in "  # noqa: S608
                    f"(select run_id from {runs} where ended_at < %s)",
                    (before,),
                ),
                (
                    f"delete from {runs} where ended_at < %s and run_id not in ({marks})",  # noqa: S608
                    (before, *kept),
                ),
            ]
        )

    def begin(self, start: RunStart, *, holds_warehouse: bool) -> list[FlowRun]:
        """Mark a run as begun; return the runs that ended without a word, now recorded as crashed.

        Args:
            start: the run. The caller holds its flow's lock, so an older start of the same flow
                that was never recorded belongs to a process that is gone.
            holds_warehouse: the caller holds the run lock too; then so does every older start
                that held it.
        """
        self._ensure()
        starts = self._table("flow_starts")
        gone = [
            RunStart(row["run_id"], row["flow"], row["started_at"], bool(row["is_exclusive"]))
            for row in self._rows(f"select * from {starts}")  # noqa: S608
            if row["flow"] == start.flow or (holds_warehouse and row["is_exclusive"])
        ]
        crashed = [
            FlowRun(
                old.run_id,
                old.flow,
                old.started_at,
                max(start.started_at, old.started_at),
                CRASHED,
                "its process ended without a word (killed, or the machine went down); "
                "the next run finishes the work",
            )
            for old in gone
        ]
        for run in crashed:
            self.record(run)
        self._engine.write(
            [
                (f"delete from {starts} where run_id = %s", (start.run_id,)),  # noqa: S608
                (
                    f"insert into {starts} (run_id, flow, started_at, is_exclusive) "  # noqa: S608
                    "values (%s, %s, %s, %s)",
                    (start.run_id, start.flow, start.started_at, int(start.is_exclusive)),
                ),
            ]
        )
        return crashed

    def running(self) -> list[RunStart]:
        """Return the runs that began and were not recorded: at work, or dead since."""
        rows = self._rows(f"select * from {self._table('flow_starts')} order by started_at, flow")  # noqa: S608
        return [
            RunStart(row["run_id"], row["flow"], row["started_at"], bool(row["is_exclusive"]))
            for row in rows
        ]

    def _newest(self, condition: str = "") -> list[FlowRun]:
        return self._runs(
            f"select {_RUN_COLUMNS} from (select {_RUN_COLUMNS}, row_number() over "  # noqa: S608
            "(partition by flow order by number desc) as place "
            f"from {self._table('flow_runs')} {condition}) newest where place = 1 order by flow"
        )

    def _table(self, name: str) -> str:
        return f"{self._schema}.{name}"

    def _runs(self, sql: str) -> list[FlowRun]:
        return [FlowRun(**row) for row in self._rows(sql)]

    def _rows(self, sql: str, params: Sequence[Any] = ()) -> list[dict[str, Any]]:
        if not self._exists():
            return []
        return self._engine.query(sql, params)

    def _exists(self) -> bool:
        # Once there it stays: a backup without a journal is not restored under a run.
        self._is_there = self._is_there or self._engine.has_table(self._schema, LAST_TABLE)
        return self._is_there

    def _ensure(self) -> None:
        if self._exists():
            return
        self._engine.write(tables(self._schema, is_server=self._is_server))


def one_line(text: str) -> str:
    """Return an error as the journal keeps it: one line, of a bounded length."""
    return "; ".join(" ".join(line.split()) for line in text.splitlines() if line.strip())[
        :_ERROR_LENGTH
    ]


def _values(run: FlowRun) -> tuple[Any, ...]:
    error = None if run.error is None else one_line(run.error)
    return (
        *(run.run_id, run.flow, run.started_at, run.ended_at),
        *(run.state, error, run.new_rows),
    )
