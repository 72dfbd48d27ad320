"""Builds of past states: how a moment is pinned, where its mart stands, and how it goes again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flows import steps
from flows.definition import MART, definition_hash, project_vars
from flows.errors import RunError
from flows.lock import run_lock
from ingestion.config import Settings
from ingestion.destination import Warehouse
from ingestion.engine import duckdb_path, engine_for
from ingestion.server import Server
from ingestion.tables import TABLES

#: Raw tables that the mart is made of.
MART_INPUTS = (
    "price_bars",
    "asset_snapshots",
    "onchain_metrics",
    "macro_observations",
    "articles",
    "social_posts",
    "social_engagement",
    "sentiment_scores",
    "asset_mentions",
)
_LAYERS = ("staging", "intermediate", "marts_next", "marts_previous", "marts")


@dataclass(frozen=True)
class PastState:
    """A past state of the mart.

    Attributes:
        as_of: what could be known then; None: whatever the warehouse held.
        loaded_as_of: what the warehouse held then.
        symbols: those that are built; empty means all.
        variables: dbt vars in place of the project's.
    """

    as_of: datetime | None
    loaded_as_of: datetime
    symbols: tuple[str, ...] = ()
    variables: Mapping[str, Any] | None = None

    @property
    def name(self) -> str:
        """A name that only the same state by the same SQL has."""
        told = [
            self.as_of.isoformat() if self.as_of else None,
            self.loaded_as_of.isoformat(),
            sorted(self.symbols),
            {**project_vars(), **(self.variables or {})},
            definition_hash(),
        ]
        return "x" + hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:12]


@dataclass(frozen=True)
class Mart:
    """Where a mart stands.

    Attributes:
        settings: lead to the database that holds it.
        table: its qualified name there.
        name: of the build; empty for the standing mart.
    """

    settings: Settings
    table: str
    name: str = ""


def standing_mart(settings: Settings) -> Mart:
    """Return the mart that every run brings up to date."""
    return Mart(settings, f"{settings.schema_prefix}_marts.{MART}")


def named_mart(settings: Settings, name: str) -> Mart:
    """Return the mart of a build: by `--build-tag`, by `--into` (a path), or made on demand.

    Raises:
        RunError: there is none.
    """
    inside = Mart(settings, f"{settings.schema_prefix}_{name}_marts.{MART}", name)
    if name.isidentifier() and exists(inside):
        return inside
    path = Path(name).expanduser() if name.endswith(".duckdb") else _file(settings, name)
    if not settings.is_server and path.is_file():
        found = _in_file(settings, path, name)
        if exists(found):
            return found
    msg = f"no build '{name}' here; make it: cfw transform --as-of ... --build-tag {name}"
    raise RunError(msg)


def exists(mart: Mart) -> bool:
    """Return whether the mart's table is there."""
    schema, _, table = mart.table.partition(".")
    return engine_for(mart.settings).has_table(schema, table)


def newest_load(settings: Settings) -> datetime:
    """Return when the newest row was loaded: what the warehouse holds now.

    It is taken in place of the clock, so that two exports with no load between pin the same
    moment, and so that a machine whose clock is behind does not load into the past.

    Raises:
        RunError: nothing was loaded yet.
    """
    loads = Warehouse(settings).newest_loads(TABLES)
    if not loads:
        msg = "the warehouse holds no rows yet; run `cfw run` first"
        raise RunError(msg)
    return max(loads.values()).astimezone(UTC)


def raw_rows(settings: Settings, loaded_as_of: datetime) -> dict[str, int]:
    """Return the rows of the mart's raw tables that had been loaded by a moment.

    Raw tables only grow, so another count later means a load that began before the moment and
    ended after it, or rows that somebody deleted.
    """
    warehouse = Warehouse(settings)
    return {
        name: warehouse.query(
            f"select count(*) as n from {warehouse.table(name)} where loaded_at <= %s",  # noqa: S608
            (loaded_as_of,),
        )[0]["n"]
        for name in MART_INPUTS
    }


def build(settings: Settings, state: PastState, wait_seconds: float = 0.0) -> Mart:
    """Build a past state where it does not stand already; the caller may read it at once.

    DuckDB: a file of its own under `CFW_DATA_DIR`/past, from which the warehouse is only read. A
    server: schemas of their own. The cost is that of a full build of the symbols wanted.

    Raises:
        LockedError: another run holds the warehouse.
        TransformError: dbt failed.
    """
    mart = location(settings, state)
    note = _note(settings, mart.name)
    if note.exists() and exists(mart):
        return mart
    note.unlink(missing_ok=True)
    into = None if settings.is_server else duckdb_path(mart.settings.warehouse_url)
    with run_lock(settings, wait_seconds):
        steps.prepare(settings)
        steps.transform(
            settings,
            select=[f"+{MART}"],
            as_of=state.as_of,
            loaded_as_of=state.loaded_as_of,
            build_tag=mart.name if settings.is_server else "",
            into=into,
            variables={**(state.variables or {}), "only_symbols": sorted(state.symbols)},
        )
    note.parent.mkdir(parents=True, exist_ok=True)
    # Written last: a build without its note was interrupted and is made again.
    told = {**asdict(replace(state, variables=None)), "definition": definition_hash()}
    note.write_text(json.dumps(told, default=str, indent=2), encoding="utf-8")
    return mart


def location(settings: Settings, state: PastState) -> Mart:
    """Return where a state's mart stands once it is built."""
    if settings.is_server:
        schema = f"{settings.schema_prefix}_{state.name}_marts"
        return Mart(settings, f"{schema}.{MART}", state.name)
    return _in_file(settings, _file(settings, state.name), state.name)


def builds(settings: Settings) -> list[dict[str, Any]]:
    """Return the builds made on demand that are kept."""
    found = []
    for note in sorted(_folder(settings).glob("*.json")):
        told = json.loads(note.read_text("utf-8"))
        file = _file(settings, note.stem)
        found.append(
            {
                "name": note.stem,
                "as_of": told["as_of"],
                "loaded_as_of": told["loaded_as_of"],
                "symbols": ", ".join(told["symbols"]) or "all",
                "bytes": file.stat().st_size if file.is_file() else None,
            }
        )
    return found


def drop(settings: Settings, name: str) -> None:
    """Remove a build made on demand; one that is not there is fine.

    Raises:
        RunError: the name is not one of such a build.
    """
    if not (name[:1] == "x" and len(name) == 13 and name.isalnum()):
        msg = f"'{name}' is no build made on demand; `cfw builds` lists them"
        raise RunError(msg)
    _note(settings, name).unlink(missing_ok=True)
    if not settings.is_server:
        for path in (_file(settings, name), Path(f"{_file(settings, name)}.wal")):
            path.unlink(missing_ok=True)
        return
    with Server.of(settings).session() as connection, connection.cursor() as cursor:
        for layer in _LAYERS:
            cursor.execute(f"drop database if exists `{settings.schema_prefix}_{name}_{layer}`")


def pinned(
    settings: Settings,
    as_of: datetime | None,
    loaded_as_of: datetime | None,
    symbols: Sequence[str] = (),
    variables: Mapping[str, Any] | None = None,
) -> PastState:
    """Return the state with its moment pinned: without one it is what the warehouse holds now.

    A later moment than the newest load is taken back to it: rows that are still to come would
    otherwise count, once they are loaded.
    """
    newest = newest_load(settings)
    held = newest if loaded_as_of is None else min(loaded_as_of, newest)
    return PastState(as_of, held, tuple(sorted(symbols)), variables)


def _in_file(settings: Settings, path: Path, name: str) -> Mart:
    own = settings.model_copy(update={"warehouse_url": f"duckdb:///{path.absolute()}"})
    return Mart(own, f"{settings.schema_prefix}_marts.{MART}", name)


def _folder(settings: Settings) -> Path:
    """Return the folder of this warehouse's builds; its name tells two warehouses apart."""
    told = f"{settings.warehouse_url}|{settings.schema_prefix}"
    return settings.data_dir.absolute() / "past" / hashlib.sha256(told.encode()).hexdigest()[:12]


def _file(settings: Settings, name: str) -> Path:
    return _folder(settings) / f"{name}.duckdb"


def _note(settings: Settings, name: str) -> Path:
    return _folder(settings) / f"{name}.json"
