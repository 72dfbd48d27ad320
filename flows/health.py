"""`python -m flows.health`: whether a process of a deployment works, for the probes of containers.

It imports neither dlt nor dbt nor torch: a probe runs every minute for as long as the process does.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Annotated
from urllib.error import URLError
from urllib.request import urlopen

import typer

from ingestion.config import Settings
from ingestion.engine import engine_for
from ingestion.errors import IngestionError, SettingsError, WarehouseError

#: Less free space than this in CFW_DATA_DIR, and the next load or dbt run may fail halfway.
MIN_FREE_BYTES = 100 * 2**20
_ANSWER_SECONDS = 10.0
_SECONDS_PER_MINUTE = 60


def problems(
    settings: Settings, urls: tuple[str, ...] = (), worked_within: timedelta | None = None
) -> Iterator[tuple[str, bool]]:
    """Yield each problem as one line, and whether a restart of the process could heal it.

    Args:
        settings: name the folder and the warehouse.
        urls: addresses of the process that must answer with 200.
        worked_within: how long ago a flow may have ended last, by the warehouse's journal.
    """
    yield from ((line, True) for line in _folder(settings))
    yield from ((line, True) for url in urls for line in _answer(url))
    try:
        newest = _newest_run(settings)
    except (IngestionError, OSError) as error:
        yield f"the warehouse does not answer: {error}", False
        return
    if worked_within is None:
        return
    bound = f"{worked_within.total_seconds() / _SECONDS_PER_MINUTE:.0f} minutes"
    if newest is None:
        yield f"no flow has ended yet; one must within {bound}", True
    elif datetime.now(UTC) - newest > worked_within:
        yield f"no flow has ended since {newest:%Y-%m-%d %H:%M:%SZ}; one must within {bound}", True


def _folder(settings: Settings) -> Iterator[str]:
    folder = settings.data_dir.absolute()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"probe")
            file.flush()
        free = shutil.disk_usage(folder).free
    except OSError as error:
        yield f"CFW_DATA_DIR={folder}: cannot be written ({error.strerror})"
        return
    if free < MIN_FREE_BYTES:
        mib = 2**20
        yield f"CFW_DATA_DIR={folder}: {free // mib} MiB free, {MIN_FREE_BYTES // mib} are needed"


def _answer(url: str) -> Iterator[str]:
    if not url.startswith(("http://", "https://")):
        msg = f"--url {url}: must begin with http:// or https://"
        raise SettingsError(msg)
    try:
        with urlopen(url, timeout=_ANSWER_SECONDS) as answer:  # noqa: S310 - http(s), see above
            answer.read()
    except (URLError, OSError) as error:
        reason = getattr(error, "reason", error)
        yield f"{url}: does not answer with 200 ({reason})"


def _newest_run(settings: Settings) -> datetime | None:
    """Return when a flow last ended; None where none has, also before the first run."""
    engine = engine_for(settings)
    schema = f"{settings.schema_prefix}_ops"
    try:
        if not engine.has_table(schema, "flow_runs"):
            return None
        sql = f"select max(ended_at) as ended from {schema}.flow_runs"  # noqa: S608 - our own name
        found: datetime | None = engine.query(sql, ())[0]["ended"]
    except WarehouseError as error:
        # A DuckDB file that a run holds open for writing is a warehouse at work.
        if not settings.is_server and "close the other program" in str(error):
            return datetime.now(UTC)
        raise
    return found


def main(
    url: Annotated[
        list[str] | None, typer.Option(help="An address that must answer 200; repeatable.")
    ] = None,
    worked_within: Annotated[
        float | None, typer.Option(help="Minutes within which a flow must have ended.")
    ] = None,
    live: Annotated[
        bool, typer.Option("--live", help="Tell, but do not count, what no restart would heal.")
    ] = False,
) -> None:
    """Exit 0 if folder, warehouse and addresses are in order, else 1 with a line per problem.

    Example: `python -m flows.health --url http://127.0.0.1:9108/health --live`
    """
    within = None if worked_within is None else timedelta(minutes=worked_within)
    try:
        found = list(problems(Settings(), tuple(url or ()), within))
    except IngestionError as error:
        found = [(line, True) for line in str(error).splitlines()]
    for line, _ in found:
        typer.echo(f"error: {line}", err=True)
    if any(heals or not live for _, heals in found):
        sys.exit(1)
    typer.echo("ok")


if __name__ == "__main__":
    typer.run(main)
