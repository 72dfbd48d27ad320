"""`cfw models`: which models there are, and where their weights come from."""

from __future__ import annotations

from dataclasses import asdict

import typer

from flows.cli import output
from scoring.config import ScoringSettings
from scoring.registry import load_registry
from scoring.weights import check, list_models, pull

app = typer.Typer(help="List, fetch and check the models that score texts.", no_args_is_help=True)


@app.command("list")
def list_command(as_json: output.JsonFlag = False) -> None:
    """List the models, their pinned revisions, and whether their weights are here.

    Example: `cfw models list`
    """
    settings = ScoringSettings()
    rows = [asdict(row) for row in list_models(settings, load_registry(settings.models_file))]
    if not as_json:
        rows = [
            {
                "model": row["key"],
                "id": row["model_id"],
                "revision": row["revision"][:12] or None,
                "enabled": row["enabled"],
                "weights": row["status"],
            }
            for row in rows
        ]
    output.show("Models", rows, as_json=as_json)


@app.command("pull")
def pull_command(key: str = typer.Argument(help="cryptobert, finbert, ...")) -> None:
    """Fetch a model's weights (safetensors only, pinned revision) from the hub.

    Example: `cfw models pull cryptobert`
    """
    settings = ScoringSettings()
    folder = pull(load_registry(settings.models_file).get(key), settings)
    output.say(f"{key}: weights in {folder}" if folder else f"{key}: nothing to fetch")


@app.command("check")
def check_command(key: str = typer.Argument(help="cryptobert, finbert, ...")) -> None:
    """Load a model and check its labels and golden sentences.

    Example: `cfw models check finbert`
    """
    settings = ScoringSettings()
    output.say(check(load_registry(settings.models_file).get(key), settings))
