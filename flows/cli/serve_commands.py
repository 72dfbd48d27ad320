"""`cfw serve`: the schedules, in one process."""

from __future__ import annotations

from typing import Annotated

import typer

from flows.cli import output
from flows.serving import serve
from ingestion.config import Settings


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("serve")(serve_command)


def serve_command(
    port: Annotated[
        int | None,
        typer.Option(min=1, max=65535, help="In place of CFW_PREFECT_PORT."),
    ] = None,
) -> None:
    """Run every schedule until Ctrl-C or SIGTERM: prices, news, ..., transform, nightly.

    A Prefect server is started on loopback, with its page at http://127.0.0.1:4200; where
    PREFECT_API_URL names a server, that one is used.

    Example: `CFW_SYMBOLS=BTC,ETH cfw serve`
    """
    settings = Settings()
    serve(settings, port or settings.prefect_port, output.say)
