"""`cfw serve`: the schedules, in one process."""

from __future__ import annotations

from typing import Annotated

import typer

from flows.cli import output
from flows.serving import DEFAULT_PORT, serve
from ingestion.config import Settings


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("serve")(serve_command)


def serve_command(
    port: Annotated[
        int,
        typer.Option(
            min=1,
            max=65535,
            envvar="CFW_PREFECT_PORT",
            help="Loopback port of the Prefect server; unused with PREFECT_API_URL.",
        ),
    ] = DEFAULT_PORT,
) -> None:
    """Run every schedule until Ctrl-C or SIGTERM: prices, news, ..., transform, nightly.

    A Prefect server is started on loopback, with its page at http://127.0.0.1:4200; where
    PREFECT_API_URL names a server, that one is used.

    Example: `CFW_SYMBOLS=BTC,ETH cfw serve`
    """
    serve(Settings(), port, output.say)
