"""Commands for training sets: export, builds."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.cli import output
from flows.errors import RunError
from ingestion.config import Settings

if TYPE_CHECKING:
    from features.manifest import Manifest

_FORMATS = ("parquet",)


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.command("export")(export)
    app.command("builds")(builds)


def export(
    out: Annotated[Path | None, typer.Option(help="The folder to make.")] = None,
    symbols: Annotated[str, typer.Option(help="Comma list; empty means all.")] = "",
    start: Annotated[str, typer.Option(help="First opening hour: 2024-01-01 or ISO 8601.")] = "",
    end: Annotated[str, typer.Option(help="Opening hour at which to stop, excluded.")] = "",
    columns: Annotated[str, typer.Option(help="Comma list; empty means all 53.")] = "",
    as_of: Annotated[str, typer.Option(help="Rows as could be known then (ISO 8601).")] = "",
    loaded_as_of: Annotated[
        str, typer.Option(help="From what the warehouse held then; default: what it holds now.")
    ] = "",
    from_manifest: Annotated[
        Path | None, typer.Option(help="Make this export again, and compare the hashes.")
    ] = None,
    format_: Annotated[str, typer.Option("--format", help="parquet")] = "parquet",
    keep_build: Annotated[
        bool, typer.Option("--keep-build", help="Keep the mart that is built (`cfw builds`).")
    ] = False,
    wait: Annotated[float, typer.Option(help="Seconds to wait for another run to end.")] = 0.0,
    as_json: output.JsonFlag = False,
) -> None:
    """Write a training set as Parquet by month, with a manifest from which it can be made again.

    The moment is always pinned: the mart of that state is built apart, which takes a full build of
    the symbols asked for, and every later `--from-manifest` gives the same content hash or says
    what differs. Without `--out` a manifest is only checked.

    Example: `cfw export --symbols BTC,ETH --start 2024-01-01 --end 2025-01-01 --out data/btc-eth`
    """
    if format_ not in _FORMATS:
        msg = f"--format {format_}: choose from {', '.join(_FORMATS)}"
        raise RunError(msg)
    settings = Settings()
    if from_manifest is not None:
        given = (symbols, start, end, columns, as_of, loaded_as_of)
        if any(given):
            msg = "--from-manifest names symbols, range, columns and moment itself; leave them out"
            raise RunError(msg)
        _again(settings, from_manifest, out, keep_build, wait, as_json=as_json)
        return
    if out is None:
        msg = "--out is missing: name the folder to make"
        raise RunError(msg)
    # Here, so that the other commands need not wait for these imports.
    from features.export import export as write
    from features.request import moment, request
    from flows.past import pinned

    asked = request(settings, symbols, start, end, columns)
    then, held = moment("--as-of", as_of), moment("--loaded-as-of", loaded_as_of)
    done = write(
        settings,
        asked,
        pinned(settings, then, held, asked.symbols),
        out,
        command=shlex.join(["cfw", *sys.argv[1:]]),
        keep_build=keep_build,
        wait_seconds=wait,
    )
    _print(done.manifest, done.folder, "written" if done.is_new else "was there", as_json=as_json)


def builds(
    drop: Annotated[str, typer.Option(help="Remove this build.")] = "",
    as_json: output.JsonFlag = False,
) -> None:
    """List the builds of past states that are kept for reading again, or remove one.

    Example: `cfw builds --drop x0123456789ab`
    """
    from flows import past

    settings = Settings()
    if drop:
        past.drop(settings, drop)
    output.show("Builds of past states", past.builds(settings), as_json=as_json)


def _again(
    settings: Settings, path: Path, out: Path | None, keep: bool, wait: float, *, as_json: bool
) -> None:
    from features.export import rebuild
    from features.manifest import Manifest, causes

    then = Manifest.read(path)
    now = rebuild(settings, then, out, keep_build=keep, wait_seconds=wait)
    _print(now, out, "the same content as the export", as_json=as_json)
    if not as_json:
        for line in causes(then, now):
            output.say(f"although {line}")


def _print(manifest: Manifest, folder: Path | None, status: str, *, as_json: bool) -> None:
    told: dict[str, Any] = {
        "status": status,
        "folder": str(folder) if folder else None,
        "rows": manifest.row_count,
        "files": len(manifest.files),
        "bytes": sum(file.bytes for file in manifest.files),
        "as_of": manifest.as_of,
        "loaded_as_of": manifest.loaded_as_of,
        "content_hash": manifest.content_hash,
    }
    if as_json:
        output.show_json(told)
        return
    where = f"{folder}: " if folder else ""
    output.say(
        f"{where}{status}; {told['rows']:,} rows in {told['files']} files, {told['bytes']:,} bytes"
    )
    output.say(f"as of {manifest.as_of or 'any time'}, loaded as of {manifest.loaded_as_of}")
    output.say(f"content hash {manifest.content_hash}")
