"""A run from its lock to its line in the journal."""

from __future__ import annotations

import asyncio
import json
import logging
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from flows.errors import LockedError
from flows.journal import Journal
from flows.journal_rows import COMPLETED, CRASHED, FAILED, DbtNode, FlowRun, RunStart
from flows.lock import flow_lock, lock_path, run_lock
from ingestion.config import Settings
from ingestion.engine import duckdb_path
from ingestion.errors import IngestionError
from ingestion.kept_open import kept_open
from ingestion.redact import Redactor

logger = logging.getLogger(__name__)


@dataclass
class RunNotes:
    """What a run tells the journal while it works.

    Attributes:
        new_rows: raw rows stored so far; None where the flow stores none.
        nodes: what dbt did.
    """

    run_id: str
    new_rows: int | None = None
    nodes: Sequence[DbtNode] = field(default_factory=list)


@contextmanager
def recorded(
    flow: str,
    settings: Settings,
    *,
    wait_seconds: float = 0.0,
    run_id: str | None = None,
    is_exclusive: bool = True,
    waits_for_itself: bool = False,
) -> Iterator[RunNotes]:
    """Run a flow: alone of its name, alone on the warehouse, and recorded however it ends.

    Args:
        flow: its name in the journal.
        settings: name the warehouse.
        wait_seconds: how long to wait for another run to leave the warehouse.
        run_id: Prefect's id of the run; a new one where it is None.
        is_exclusive: hold the run lock throughout. False for a flow that takes it by itself, for
            as long as it writes.
        waits_for_itself: wait, as long, for an older run of the same flow too.

    Raises:
        LockedError: the flow runs already (which is not recorded: the other run will be), or
            another run held the warehouse for longer than `wait_seconds`.
    """
    notes = RunNotes(run_id or str(uuid.uuid4()))
    run = _Run(flow, settings, notes.run_id, wait_seconds, is_exclusive)
    with ExitStack() as held:
        held.enter_context(flow_lock(settings, flow, wait_seconds if waits_for_itself else 0.0))
        try:
            if is_exclusive:
                held.enter_context(run_lock(settings, wait_seconds))
                if not settings.is_server:
                    held.enter_context(kept_open(duckdb_path(settings.warehouse_url)))
            run.begin()
        except (LockedError, IngestionError) as error:
            run.keep(run.ended(FAILED, str(error)))
            raise
        try:
            yield notes
        except Exception as error:
            run.record(FAILED, str(error) or type(error).__name__, notes)
            raise
        except asyncio.CancelledError:
            run.record(FAILED, "worked for longer than it may, or was cancelled", notes)
            raise
        except BaseException as stop:
            run.record(CRASHED, f"interrupted ({type(stop).__name__})", notes)
            raise
        run.record(COMPLETED, None, notes)


class _Run:
    """One run on its way into the journal."""

    def __init__(
        self, flow: str, settings: Settings, run_id: str, wait: float, is_exclusive: bool
    ) -> None:
        self._settings = settings
        self._journal = Journal(settings)
        self._wait = wait
        self._is_exclusive = is_exclusive
        self._clock = time.monotonic()
        self._start = RunStart(run_id, flow, settings.clock(), is_exclusive)
        self._redact = Redactor(settings.secrets())

    def begin(self) -> None:
        """Mark the start, now that the locks are held; record what others left behind."""
        # The wait is no work: how long a run takes is counted from here.
        self._clock = time.monotonic()
        now = self._settings.clock()
        self._start = RunStart(self._start.run_id, self._start.flow, now, self._is_exclusive)
        with self._writing():
            for path in sorted(_kept_folder(self._settings).glob("*.json")):
                self._journal.record(*_read(path))
                path.unlink()
            for run in self._journal.begin(self._start, holds_warehouse=self._is_exclusive):
                logger.warning("%s of %s: %s", run.flow, run.started_at, run.error)

    def ended(self, state: str, error: str | None, notes: RunNotes | None = None) -> FlowRun:
        """Return the run as it ends now."""
        passed = timedelta(seconds=time.monotonic() - self._clock)
        start = self._start
        return FlowRun(
            run_id=start.run_id,
            flow=start.flow,
            started_at=start.started_at,
            ended_at=start.started_at + passed,
            state=state,
            error=None if error is None else self._redact(error),
            new_rows=notes.new_rows if notes else None,
        )

    def record(self, state: str, error: str | None, notes: RunNotes) -> None:
        """Write the run; where the warehouse cannot be written, keep it for the next run."""
        run = self.ended(state, error, notes)
        try:
            with self._writing():
                self._journal.record(run, notes.nodes)
        except (LockedError, IngestionError) as problem:
            logger.warning("the journal was not written, the next run does: %s", problem)
            self.keep(run, notes.nodes)

    def keep(self, run: FlowRun, nodes: Sequence[DbtNode] = ()) -> None:
        """Keep a run in a file until a run that may write the journal takes it."""
        path = _kept_folder(self._settings) / f"{run.run_id}.json"
        value = {"run": asdict(run), "nodes": [asdict(node) for node in nodes]}
        new = path.with_suffix(".new")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            new.write_text(json.dumps(value, default=datetime.isoformat), encoding="utf-8")
            new.replace(path)
        except OSError as problem:
            # What made the run fail is what matters; its mark will tell of it as a crash.
            logger.error("%s cannot be written (%s): free space there", path, problem.strerror)  # noqa: TRY400

    def _writing(self) -> ExitStack | nullcontext[None]:
        """Return what the journal's writer must hold: a file has one writer, a server many."""
        if self._is_exclusive or self._settings.is_server:
            return nullcontext()
        held = ExitStack()
        held.enter_context(run_lock(self._settings, self._wait))
        return held


def _kept_folder(settings: Settings) -> Path:
    return settings.data_dir.absolute() / "journal" / lock_path(settings).stem


def _read(path: Path) -> tuple[FlowRun, list[DbtNode]]:
    value = json.loads(path.read_text(encoding="utf-8"))
    run = value["run"]
    for name in ("started_at", "ended_at"):
        run[name] = datetime.fromisoformat(run[name])
    return FlowRun(**run), [DbtNode(**node) for node in value["nodes"]]
