"""`cfw serve`: every schedule in one process on one machine."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, cast

from filelock import FileLock, Timeout

from flows.errors import LockedError
from flows.journal import Journal
from flows.lock import lock_path
from flows.prefect_server import prefect_server
from flows.schedules import SCHEDULES, last_done
from ingestion.config import Settings
from ingestion.errors import IngestionError

if TYPE_CHECKING:
    from uuid import UUID

logger = logging.getLogger(__name__)

DEFAULT_PORT = 4200


def serve(settings: Settings, port: int, say: Callable[[str], None]) -> None:
    """Run the schedules until a signal ends it.

    Where PREFECT_API_URL is set, that server is used; else one is started on loopback.

    Raises:
        LockedError: this machine serves the warehouse already.
        RunError: the Prefect server did not start.
    """
    home = settings.data_dir.absolute() / "prefect" / "serve"
    with _serve_lock(settings, home), contextlib.ExitStack() as stack:
        os.environ.setdefault("PREFECT_HOME", str(home))
        is_own = "PREFECT_API_URL" not in os.environ
        if is_own:
            os.environ["PREFECT_API_URL"] = stack.enter_context(prefect_server(home, port))
        # A line per run start and end; the runs' own lines are in Prefect.
        os.environ.setdefault("PREFECT_LOGGING_LEVEL", "WARNING")
        url = os.environ["PREFECT_API_URL"].removesuffix("/api")
        say(f"Prefect: {url}")
        for name, schedule in SCHEDULES.items():
            due = schedule.due_after(datetime.now(UTC))
            say(f"  {name:<10} every {schedule.every}, next {due:%Y-%m-%d %H:%M} UTC")
        _run(settings, is_own)
    say("stopped")


def _run(settings: Settings, is_own: bool) -> None:
    # Prefect reads where its server is when it is imported.
    from flows.deployments import served
    from flows.late_runs import catch_up, clear_leftovers

    from prefect.runner import Runner  # isort: skip

    deployments = served()
    # Each flow has a place, so that one that waits for the warehouse keeps no other from starting.
    runner = Runner(name="cfw-serve", pause_on_shutdown=True, limit=len(deployments) + 1)
    ids = {made.flow_name: cast("UUID", runner.add_deployment(made)) for made in deployments}
    if is_own:
        clear_leftovers(list(ids.values()))
    catch_up({name: ids[name] for name in overdue(settings)})
    run_until_stopped(runner)


def run_until_stopped(runner: object) -> None:
    """Run the runner; a signal to end it is no error."""
    import asyncio

    from prefect.exceptions import TerminationSignal

    with contextlib.suppress(KeyboardInterrupt, TerminationSignal, SystemExit):
        asyncio.run(runner.start())  # type: ignore[attr-defined]


def overdue(settings: Settings) -> list[str]:
    """Return the flows whose last good run is longer ago than their interval.

    After a sleep of any length each of them runs once.
    """
    try:
        done = Journal(settings).last_success()
    except IngestionError as error:
        logger.warning("the journal cannot be read, so every flow starts now: %s", error)
        done = {}
    now = settings.clock()
    names = []
    for name, schedule in SCHEDULES.items():
        last = last_done(name, done)
        # A first nightly run would only repeat what the first transform does.
        if (last is None and name != "nightly") or (last and now - last > schedule.every):
            names.append(name)
    return names


@contextlib.contextmanager
def _serve_lock(settings: Settings, home: Path) -> Iterator[None]:
    home.mkdir(parents=True, exist_ok=True)
    path = home / f"{lock_path(settings).stem}.lock"
    holder = path.with_suffix(".holder")
    lock = FileLock(path, thread_local=False)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        who = holder.read_text(encoding="utf-8") if holder.exists() else "another process"
        msg = f"cfw serve runs already for this warehouse: {who} ({path}); end it first"
        raise LockedError(msg) from None
    try:
        holder.write_text(f"process {os.getpid()}", encoding="utf-8")
        yield
    finally:
        holder.unlink(missing_ok=True)
        lock.release()
