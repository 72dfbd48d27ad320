"""Whether a command line is one that the program understands, without running it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import typer

from flows import health
from flows.cli.main import app

_PROGRAMS: dict[tuple[str, ...], typer.Typer] = {}


def _health_app() -> typer.Typer:
    own = typer.Typer()
    own.command()(health.main)
    return own


def problem_of(words: Sequence[str]) -> str | None:
    """Return what is wrong with a command line of ours; None if nothing is, or it is not ours.

    Ours are `cfw ...` and `python -m flows.health ...`. Values are not judged, names are: the
    subcommand, the options, and the number of arguments.
    """
    words = list(words)
    if words[:3] == ["python", "-m", "flows.health"]:
        command, rest = typer.main.get_command(_health_app()), words[3:]
    elif words and re.fullmatch(r"(.*/)?cfw", words[0]):
        command, rest = typer.main.get_command(app), words[1:]
    else:
        return None
    return _problem(command, rest, " ".join(words))


def _problem(command: Any, rest: list[str], line: str) -> str | None:
    try:
        with command.make_context("cfw", rest, resilient_parsing=False) as context:
            chosen = getattr(command, "resolve_command", None)
            if chosen is None:
                return None
            _, found, further = command.resolve_command(context, _left(context))
            return _problem(found, list(further), line)
    except Exception as error:
        if type(error).__name__ == "Exit" and getattr(error, "exit_code", 1) == 0:
            return None  # --help
        # Whatever the parser says is the answer.
        say = getattr(error, "format_message", error.__str__)
        return f"{line}: {say() or type(error).__name__}"


def _left(context: Any) -> list[str]:
    return [*getattr(context, "_protected_args", []), *context.args]
