"""Training sets as files: Parquet by month, with a manifest from which they can be made again."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from features.canonical import METHOD, Edges, column_hashes, content_hash, scale_columns
from features.errors import FeatureError
from features.manifest import FORMAT, NAME, File, Manifest, differences, moment_of, total_hash
from features.read import batches, months
from features.request import Request, schema_of
from flows.definition import code_version, definition, definition_hash, mart_columns, project_vars
from flows.past import Mart, PastState, build, drop, raw_rows
from ingestion.config import Settings

_ROW_GROUP = 100_000
_COMPRESSION = "zstd"


@dataclass(frozen=True)
class Export:
    """An export that is complete.

    Attributes:
        folder: where it lies.
        is_new: False where the same export was there already and its files are whole.
    """

    folder: Path
    manifest: Manifest
    is_new: bool


def export(
    settings: Settings,
    asked: Request,
    state: PastState,
    out: Path,
    *,
    command: str = "",
    keep_build: bool = False,
    wait_seconds: float = 0.0,
) -> Export:
    """Build a state and write the rows asked for; the folder appears when it is complete.

    An interrupted export leaves the build and a folder with a leading dot behind: the same command
    takes up the former and replaces the latter.

    Args:
        settings: of the warehouse.
        asked: symbols, range and columns.
        state: what was known and held; its `loaded_as_of` goes into the manifest.
        out: the folder to make.
        command: as the user gave it, for the manifest.
        keep_build: leave the build for the next call with the same moment.
        wait_seconds: how long to wait for another run of the warehouse.

    Raises:
        FeatureError: the folder holds something else, or there are no such rows.
        RunError: the state cannot be built.
    """
    plan = _planned(settings, asked, state, command)
    if there := _already(out, plan):
        return Export(out, there, is_new=False)
    with _built(settings, state, wait_seconds, keep=keep_build) as mart:
        return Export(out, _written(mart, asked, plan, out), is_new=True)


def rebuild(
    settings: Settings,
    then: Manifest,
    out: Path | None = None,
    *,
    keep_build: bool = False,
    wait_seconds: float = 0.0,
) -> Manifest:
    """Make an export again from its manifest and compare the hashes.

    Args:
        settings: of the warehouse, which may be another one that holds the same raw rows.
        then: the manifest.
        out: where to write the files; None: only compare.
        keep_build: leave the build for the next call with the same moment.
        wait_seconds: how long to wait for another run of the warehouse.

    Returns:
        The manifest of the rebuild; its hash is that of `then`.

    Raises:
        FeatureError: the hash is another; one line that names what differs.
    """
    columns = tuple(column["name"] for column in then.columns)
    if gone := [name for name in columns if name not in mart_columns()]:
        msg = f"the mart has no column {', '.join(gone)} any more; use {_code(then)}"
        raise FeatureError(msg)
    asked = Request(tuple(then.symbols), moment_of(then.start), moment_of(then.end), columns)
    held = moment_of(then.loaded_as_of)
    if held is None:
        msg = "the manifest has no loaded_as_of; it cannot be made again"
        raise FeatureError(msg)
    state = PastState(moment_of(then.as_of), held, asked.symbols, then.vars)
    plan = _planned(settings, asked, state, then.command)
    if out is not None and (there := _already(out, plan)):
        return there
    with _built(settings, state, wait_seconds, keep=keep_build) as mart:
        return _written(mart, asked, plan, out, then)


@contextmanager
def _built(
    settings: Settings, state: PastState, wait_seconds: float, *, keep: bool
) -> Iterator[Mart]:
    """Hold the state's build; it goes again once the work on it is complete."""
    mart = build(settings, state, wait_seconds)
    yield mart
    if not keep:
        drop(settings, mart.name)


def _planned(settings: Settings, asked: Request, state: PastState, command: str) -> Manifest:
    """Return the manifest as far as it is known before the rows."""
    variables = {**project_vars(), **(state.variables or {})}
    types = schema_of(asked.columns)
    return Manifest(
        format=FORMAT,
        command=command,
        created_at=settings.clock().isoformat(),
        symbols=list(asked.symbols),
        start=_text(asked.start),
        end=_text(asked.end),
        as_of=_text(state.as_of),
        loaded_as_of=state.loaded_as_of.astimezone(UTC).isoformat(),
        code=code_version(),
        definition_hash=definition_hash(),
        definition=definition(),
        models=variables["sentiment_models"],
        vars=variables,
        raw_rows=raw_rows(settings, state.loaded_as_of),
        row_count=0,
        columns=[{"name": f.name, "type": str(f.type)} for f in types],
        hash_method=METHOD,
        content_hash="",
        column_hashes={},
        files=[],
    )


def _written(
    mart: Mart, asked: Request, plan: Manifest, out: Path | None, then: Manifest | None = None
) -> Manifest:
    """Write the months, or only hash them; the folder gets its name last.

    Raises:
        FeatureError: there are no rows, or others than those of `then`.
    """
    folder = None if out is None else out.with_name(f".{out.name}.part")
    if folder is not None:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    done = _filled(mart, asked, plan, folder, then)
    if then is not None and done.content_hash != then.content_hash:
        if folder is not None:
            shutil.rmtree(folder)
        msg = "the rebuild differs from the export: " + "; ".join(differences(then, done))
        raise FeatureError(msg)
    if folder is not None and out is not None:
        done.write(folder)
        folder.rename(out)
    return done


def _filled(
    mart: Mart, asked: Request, plan: Manifest, folder: Path | None, then: Manifest | None
) -> Manifest:
    """Return the manifest with what the months hold, each of them written and forgotten."""
    files: list[File] = []
    hashes: dict[str, dict[str, str]] = {}
    edges: dict[str, Edges] = {}
    for first, after in months(mart, asked):
        table = _month(mart, asked, first, after)
        if not table.num_rows:
            continue
        path = f"month={first:%Y-%m}/part-0.parquet"
        known = None if then is None else then.edges.get(path, {})
        hashes[path], beside = column_hashes(table, asked.columns, known)
        files.append(_file(folder, path, table.select(list(asked.columns)), hashes[path]))
        if beside:
            edges[path] = beside
    if not files:
        msg = "no rows in the range asked for; nothing was written"
        raise FeatureError(msg)
    return replace(
        plan,
        row_count=sum(file.rows for file in files),
        content_hash=total_hash(files),
        column_hashes={
            name: content_hash([(path, found[name]) for path, found in hashes.items()])
            for name in asked.columns
        },
        files=files,
        edges=edges,
    )


def _month(mart: Mart, asked: Request, first: datetime, after: datetime) -> pa.Table:
    """Read one month, with the columns that the hash needs beside those asked for."""
    needed = set(asked.columns) | scale_columns(asked.columns)
    columns = tuple(name for name in mart_columns() if name in needed)
    month = Request(asked.symbols, first, after, columns)
    return pa.Table.from_batches(batches(mart, month), schema=month.schema)


def _file(folder: Path | None, path: str, table: pa.Table, columns: Mapping[str, str]) -> File:
    size, digest = 0, ""
    if folder is not None:
        file = folder / path
        file.parent.mkdir()
        pq.write_table(table, file, compression=_COMPRESSION, row_group_size=_ROW_GROUP)
        size, digest = file.stat().st_size, _sha256(file)
    return File(path, table.num_rows, size, content_hash(list(columns.items())), digest)


def _already(out: Path, plan: Manifest) -> Manifest | None:
    """Return the manifest of the same export where it lies at `out` and is whole.

    Raises:
        FeatureError: something else lies there, or its files are damaged.
    """
    if not out.exists():
        return None
    if not (out / NAME).is_file():
        if out.is_dir() and not any(out.iterdir()):
            out.rmdir()
            return None
        msg = f"{out} is there and is no export; choose another --out"
        raise FeatureError(msg)
    there = Manifest.read(out)
    if there.pins() != plan.pins():
        other = [name for name, value in there.pins().items() if plan.pins()[name] != value]
        msg = f"{out} holds another export (other {', '.join(other)}); choose another --out"
        raise FeatureError(msg)
    for file in there.files:
        path = out / file.path
        if not path.is_file() or _sha256(path) != file.sha256:
            msg = f"{path} is missing or damaged; remove {out} and export again from its manifest"
            raise FeatureError(msg)
    return there


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _code(then: Manifest) -> str:
    return f"the code that wrote the export ({then.code['package']}, {then.code['commit']})"


def _text(moment: datetime | None) -> str | None:
    return moment.astimezone(UTC).isoformat() if moment else None
