"""Entry point of `cfw`: the commands, and how errors leave."""

from __future__ import annotations

import logging
import sys

import typer

from flows.cli import (
    backfill_commands,
    evaluate_commands,
    export_commands,
    inspect_commands,
    metrics_commands,
    model_commands,
    proof_commands,
    report_commands,
    run_commands,
    sandbox_commands,
    serve_commands,
)
from flows.cli.output import fail
from flows.errors import RunError
from ingestion.errors import IngestionError
from scoring.errors import ScoringError

app = typer.Typer(
    name="cfw",
    help="The crypto feature warehouse: raw sources to one table for machine learning.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
run_commands.add_to(app)
inspect_commands.add_to(app)
evaluate_commands.add_to(app)
backfill_commands.add_to(app)
report_commands.add_to(app)
proof_commands.add_to(app)
metrics_commands.add_to(app)
serve_commands.add_to(app)
export_commands.add_to(app)
app.add_typer(model_commands.app, name="models")
app.add_typer(sandbox_commands.app, name="sandbox")


def run() -> None:
    """Run the command line; an expected error is one line on stderr and exit code 1."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    try:
        app()
    except (RunError, IngestionError, ScoringError) as error:
        fail(str(error))
        sys.exit(1)
    except KeyboardInterrupt:
        fail("interrupted; run the same command again to finish the work")
        sys.exit(130)


if __name__ == "__main__":
    run()
