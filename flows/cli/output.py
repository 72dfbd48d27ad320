"""How the commands print: tables for people, JSON for machines, errors on stderr."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

console = Console(soft_wrap=False)
errors = Console(stderr=True, soft_wrap=True, highlight=False)

JsonFlag = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


def fail(message: str) -> None:
    """Print an error, a line per problem."""
    for line in message.splitlines() or [message]:
        errors.print(f"[bold red]error[/]: {_plain(line)}")


def say(line: str) -> None:
    """Print a line for a person."""
    console.print(_plain(line), highlight=False, soft_wrap=True)


def show(title: str, rows: Sequence[Mapping[str, Any]], *, as_json: bool) -> None:
    """Print rows of the same columns as a table, or as a JSON list."""
    if as_json:
        show_json(list(rows))
        return
    if not rows:
        say(f"{title}: nothing yet")
        return
    table = Table(title=title, title_justify="left", header_style="bold")
    for name, value in rows[0].items():
        table.add_column(name, justify="right" if isinstance(value, int | float) else "left")
    for row in rows:
        table.add_row(*(_plain(_cell(value)) for value in row.values()))
    console.print(table)


def show_json(value: Any) -> None:
    """Print a value as JSON."""
    sys.stdout.write(json.dumps(value, default=_plain_value, indent=2) + "\n")


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.4g}" if abs(value) < 1 else f"{value:,.2f}"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    return str(value)


def _plain(text: str) -> str:
    return text.replace("[", r"\[")


def _plain_value(value: Any) -> Any:
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return float(value)
    return str(value)
