"""`cfw sandbox`: the providers' wire contracts on loopback."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from flows.cli import output
from flows.errors import RunError
from ingestion.sandbox import SandboxData, generate_sample, load_folder, sandbox_env
from ingestion.sandbox import serve as serve_sandbox

DEFAULT_PORT = 8765

app = typer.Typer(
    help="A stand-in for every provider, over the built-in sample or a folder of data.",
    no_args_is_help=True,
)
Data = Annotated[
    Path | None, typer.Option(help="A folder of bars, news and vintages; default: the sample.")
]
Port = Annotated[int, typer.Option(min=1, max=65535)]


@app.command("serve")
def serve(data: Data = None, port: Port = DEFAULT_PORT) -> None:
    """Serve until interrupted, on 127.0.0.1 only.

    Example: `cfw sandbox serve --port 8765`
    """
    loaded = _load(data)
    output.say(f"sandbox on http://127.0.0.1:{port}, {len(loaded.bars)} symbols; Ctrl-C ends it")
    serve_sandbox(loaded, port=port)


@app.command("env")
def env(data: Data = None, port: Port = DEFAULT_PORT) -> None:
    """Print the settings that point the pipeline at the sandbox.

    Example: `eval "$(cfw sandbox env --port 8765)"`
    """
    for name, value in sandbox_env(_load(data), f"http://127.0.0.1:{port}").items():
        typer.echo(f"export {name}={shlex.quote(value)}")


def _load(folder: Path | None) -> SandboxData:
    if folder is None:
        return generate_sample()
    if not folder.is_dir():
        msg = f"--data {folder}: no such folder; leave it out to serve the built-in sample"
        raise RunError(msg)
    return load_folder(folder)
