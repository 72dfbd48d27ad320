"""The command that writes the health report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flows.cli import output
from flows.errors import RunError
from flows.report import facts as report_facts
from flows.report import page
from ingestion.config import Settings

DaysOption = Annotated[
    int, typer.Option(min=1, max=366, help="How many days of prices and sentiment to show.")
]


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("report")(report)


def report(
    out: Annotated[
        Path | None, typer.Option(help="File to write; by default report.html in CFW_DATA_DIR.")
    ] = None,
    days: DaysOption = 30,
    coins: Annotated[str, typer.Option(help="Coins to draw, such as BTC,ETH.")] = "",
    as_json: Annotated[
        bool, typer.Option("--json", help="Print what the page shows, as JSON, and write nothing.")
    ] = False,
) -> None:
    """Write one page of HTML about the warehouse's health: it needs no network and no server.

    Example: `cfw report --out health.html --days 14 --coins BTC,ETH`
    """
    settings = Settings()
    wanted = [symbol.strip().upper() for symbol in coins.split(",") if symbol.strip()]
    facts = report_facts.read_facts(settings, days, wanted)
    if as_json:
        output.show_json(facts)
        return
    path = out or settings.data_dir / "report.html"
    if path.is_dir():
        msg = f"--out {path} is a folder; name a file in it"
        raise RunError(msg)
    page.write(page.render(facts), path)
    output.say(page.verdict(facts))
    output.say(f"written to {path}")
