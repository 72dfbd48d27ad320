"""What dbt did, as artifacts of the Prefect run: a table of the nodes, and a summary of a failure.

Rows: on DuckDB the rows of the table once it was built; on a server the rows that the node's main
statement wrote, as the server told dbt. Views and tests have none.
"""

from __future__ import annotations

from collections.abc import Sequence

from flows.journal_rows import DbtNode

from prefect.artifacts import create_markdown_artifact, create_table_artifact  # isort: skip
from prefect.context import FlowRunContext  # isort: skip

NODES_KEY = "dbt-nodes"
FAILURE_KEY = "dbt-failure"
_GOOD = ("success", "pass")


def publish_nodes(nodes: Sequence[DbtNode], error: str = "") -> None:
    """Create the artifacts; outside a flow run there is nothing to attach them to."""
    if FlowRunContext.get() is None:
        return
    if nodes:
        create_table_artifact(key=NODES_KEY, table=table_of(nodes), description=summary_of(nodes))
    if error:
        create_markdown_artifact(key=FAILURE_KEY, markdown=failure_of(nodes, error))


def table_of(nodes: Sequence[DbtNode]) -> list[dict[str, str | int | float | None]]:
    """Return a row per node: what failed first, then the slowest."""
    ordered = sorted(nodes, key=lambda n: (n.status in _GOOD, -n.seconds, n.node))
    return [
        {
            "node": node.node,
            "kind": node.kind,
            "status": node.status,
            "seconds": round(node.seconds, 3),
            "rows": node.row_count,
        }
        for node in ordered
    ]


def summary_of(nodes: Sequence[DbtNode]) -> str:
    """Return one line of counts."""
    tests = [node for node in nodes if node.kind == "test"]
    good = sum(node.status in _GOOD for node in nodes)
    return (
        f"{len(nodes) - len(tests)} models and seeds, {len(tests)} tests, "
        f"{len(nodes) - good} not well, {sum(node.seconds for node in nodes):.1f} s of work"
    )


def failure_of(nodes: Sequence[DbtNode], error: str) -> str:
    """Return what failed, for a person who opens the run."""
    failed = [node for node in nodes if node.status not in (*_GOOD, "skipped", "warn")]
    skipped = sum(node.status == "skipped" for node in nodes)
    lines = ["## dbt failed", "", error, ""]
    lines += [f"- `{node.node}`: {node.status} after {node.seconds:.1f} s" for node in failed]
    lines += ["", f"{skipped} nodes that depend on them were skipped. The published mart is the "]
    lines[-1] += "one before: nothing is published until its tests have passed."
    return "\n".join(lines)
