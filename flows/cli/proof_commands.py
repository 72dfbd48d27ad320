"""Commands that check the mart against its promises: leakage."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from flows.cli import output
from flows.errors import RunError
from ingestion.config import Settings


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.command("leakage")(leakage)


def leakage(
    moments: Annotated[int, typer.Option(min=1, max=50, help="Random moments to replay.")] = 3,
    starts: Annotated[int, typer.Option(min=1, max=50, help="Random later starts.")] = 2,
    seed: Annotated[int, typer.Option(help="Another seed is another choice of both.")] = 7,
    out: Annotated[
        Path | None, typer.Option(help="A Markdown page to write the table into.")
    ] = None,
    name: Annotated[
        str, typer.Option(help="Its section of the page: an old one is replaced.")
    ] = "warehouse",
    note: Annotated[str, typer.Option(help="A sentence about the data for the page.")] = "",
    as_json: output.JsonFlag = False,
) -> None:
    """Prove that no column looks ahead, or leans on its start longer than it declares.

    Builds the mart of a DuckDB warehouse anew, whole and from cut histories, in a temporary folder
    under CFW_DATA_DIR: a full build for each cut. The warehouse itself is only read. Exits with 1
    where a column breaks its promise.

    Example: `CFW_WAREHOUSE_URL=duckdb:///data/demo.duckdb cfw leakage --out docs/leakage.md`
    """
    from flows.leakage import page, prove

    proof = prove(Settings(), moments, starts, seed, output.errors.print)
    title = f"Leakage: {page.title_of(proof)}"
    output.show(title, page.rows_of(proof, is_short=not as_json), as_json=as_json)
    if out:
        page.write_page(out, page.block(proof, name, datetime.now(UTC).date(), note))
        output.errors.print(f"written to {out}")
    if broken := [column.name for column in proof.columns if not column.is_good]:
        msg = f"{', '.join(broken)}: rewritten, too early, or not settled after the warm-up"
        raise RunError(msg)
