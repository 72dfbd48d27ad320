"""`cfw metrics`: what Prometheus scrapes."""

from __future__ import annotations

import signal
import sys
import threading
from typing import Annotated

import typer

from flows.cli import output
from flows.metrics.exposition import bound, exposition
from flows.metrics.settings import MetricsSettings
from ingestion.config import Settings


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("metrics")(metrics)


def metrics(
    port: Annotated[
        int | None, typer.Option(help="Port to listen on (CFW_METRICS_PORT); 0 takes a free one.")
    ] = None,
    host: Annotated[
        str, typer.Option(help="Address to listen on (CFW_METRICS_HOST); loopback by default.")
    ] = "",
    once: Annotated[bool, typer.Option("--once", help="Print the metrics once, and end.")] = False,
) -> None:
    """Tell Prometheus how fresh, how whole and how alive everything is.

    Example: `cfw metrics --once`, or `cfw metrics --port 9109`
    """
    settings, own = Settings(), MetricsSettings()
    if once:
        sys.stdout.write(exposition(settings))
        return
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    address = host or own.metrics_host
    with bound(settings, address, own.metrics_port if port is None else port) as taken:
        output.say(f"metrics at http://{address}:{taken}/metrics")
        stop.wait()
