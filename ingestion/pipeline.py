"""One dlt run: finish what a crash left, restore the state, load, leave nothing pending.

The destination is the only truth about state. The local working folder is thrown away before
each run and its state restored from the warehouse, so that a deleted, replaced or restored
warehouse never meets the cursors of another one.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterable, Iterator, MutableMapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

# Read by dlt when it is imported: no call home, no tracebacks of failures that we report in one
# line, dlt's own columns on Arrow rows, no copy of the last batch left behind in the staging
# schema, and no retry of dlt's own: it does not wait in between.
os.environ.setdefault("RUNTIME__DLTHUB_TELEMETRY", "false")
os.environ.setdefault("RUNTIME__LOG_LEVEL", "CRITICAL")
os.environ.setdefault("NORMALIZE__PARQUET_NORMALIZER__ADD_DLT_LOAD_ID", "true")
os.environ.setdefault("NORMALIZE__PARQUET_NORMALIZER__ADD_DLT_ID", "true")
os.environ.setdefault("LOAD__TRUNCATE_STAGING_DATASET", "true")
os.environ.setdefault("LOAD__RAISE_ON_MAX_RETRIES", "1")

import dlt
from dlt.common.destination import Destination
from dlt.common.destination.exceptions import DestinationException
from dlt.pipeline.exceptions import PipelineStepFailed

from ingestion.errors import IngestionError, WarehouseError
from ingestion.server_errors import ServerError, error_code, is_transient, own_error
from ingestion.tables import FROZEN, TABLES, Row, Table

logger = logging.getLogger(__name__)

State = MutableMapping[str, Any]
#: Rows of one table, complete and new; Arrow where the table has no JSON.
Batch = tuple[str, Sequence[Row] | pa.Table]

#: How often a load into a server is tried while its failures are ones that pass.
SERVER_ATTEMPTS = 3
_WAIT_SECONDS = 2.0


@dataclass(frozen=True)
class Target:
    """Where a pipeline loads.

    Attributes:
        attempts: how often a package is tried while its failures are ones that pass.
        place: user, host and port of a server, for messages.
        finishes: whether a load that a crash interrupted is finished; else it is dropped.
    """

    pipeline_name: str
    destination: Destination[Any, Any]
    dataset: str
    pipelines_dir: Path
    attempts: int = 1
    place: str = ""
    finishes: bool = True


def run_pipeline(
    target: Target,
    make_batches: Callable[[State], Iterable[Batch]],
    empty_tables: Sequence[str] = (),
) -> dict[str, int]:
    """Load what ``make_batches`` yields and return the rows per table.

    Args:
        target: where to.
        make_batches: gets the state that the last successful load left, and may change it;
            the changes are stored with the rows.
        empty_tables: tables to create even if no row comes.

    Raises:
        WarehouseError: dlt could not load; the rows are not there and the state is unchanged.
    """
    counts: dict[str, int] = {}

    @dlt.resource(name="rows", max_table_nesting=0)
    def rows() -> Iterator[Any]:
        known: set[str] = set()
        for name in empty_tables:
            known.add(name)
            yield _with_hints(TABLES[name], dlt.mark.materialize_table_schema())
        for name, batch in make_batches(dlt.current.resource_state()):
            if len(batch):
                counts[name] = counts.get(name, 0) + len(batch)
                yield _item(TABLES[name], batch, first=name not in known)
                known.add(name)

    pipeline = _fresh_pipeline(target)
    try:
        _run(pipeline, target, rows())
    except PipelineStepFailed as error:
        failure = _own_error(error, target)
        _abort(pipeline)
        raise failure from None
    return counts


def _run(pipeline: dlt.Pipeline, target: Target, data: Any = None) -> None:
    """Run a pipeline; a load that failed for a reason that passes is taken up again."""
    for attempt in range(1, target.attempts + 1):
        try:
            pipeline.run(data)
        except PipelineStepFailed as error:
            if attempt == target.attempts or not is_transient(error_code(error)):
                raise
            logger.warning("%s; trying again", _own_error(error, target))
            if pipeline.has_pending_data:
                data = None
            elif error.step != "sync":
                raise  # the extraction is spent
            time.sleep(_WAIT_SECONDS * attempt)
        else:
            return


def _abort(pipeline: dlt.Pipeline) -> None:
    """Drop what could not be loaded; where even that fails, the next run drops it."""
    try:
        pipeline.abort_packages()
    except (PipelineStepFailed, DestinationException) as error:
        logger.warning("%s: %s", pipeline.pipeline_name, type(error).__name__)


def _fresh_pipeline(target: Target) -> dlt.Pipeline:
    """Return a pipeline without pending packages whose state will come from the warehouse."""
    pipeline = _open(target)
    if pipeline.has_pending_data and target.finishes:
        try:
            _run(pipeline, target)
            logger.info("%s: finished the load that was interrupted", target.pipeline_name)
        except PipelineStepFailed as error:
            if is_transient(error_code(error)):
                raise _own_error(error, target) from None
            _abort(pipeline)
            logger.warning(
                "%s: dropped an interrupted load that cannot be finished (%s)",
                target.pipeline_name,
                type(error.exception).__name__,
            )
    pipeline.drop()
    return _open(target)


def _open(target: Target) -> dlt.Pipeline:
    return dlt.pipeline(
        pipeline_name=target.pipeline_name,
        destination=target.destination,
        dataset_name=target.dataset,
        pipelines_dir=str(target.pipelines_dir),
    )


def _item(table: Table, batch: Sequence[Row] | pa.Table, *, first: bool) -> Any:
    """Return a batch as dlt takes it: Arrow where possible (ten times faster), else dicts."""
    schema = table.arrow_schema
    data: Any = batch
    if not isinstance(batch, pa.Table):
        data = list(batch) if schema is None else pa.Table.from_pylist(list(batch), schema=schema)
    if first:
        return _with_hints(table, data)
    return dlt.mark.with_table_name(data, table.name)


def _with_hints(table: Table, data: Any) -> Any:
    hints = dlt.mark.make_hints(
        table_name=table.name,
        columns=table.dlt_columns(),
        primary_key=list(table.key),
        write_disposition="merge",
        schema_contract=FROZEN,  # type: ignore[arg-type]
    )
    return dlt.mark.with_hints(data, hints, create_table_variant=True)


def _own_error(error: PipelineStepFailed, target: Target) -> IngestionError:
    """Return this package's error inside dlt's, or one line about dlt's."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, IngestionError):
            return cause
        last, cause = cause, cause.__cause__ or cause.__context__
    if error_code(error) is not None:
        return _server_error(error, target)
    first_line = (str(last).splitlines() or [""])[0]
    msg = (
        f"{target.pipeline_name}: {error.step} into {target.dataset} failed: "
        f"{type(last).__name__}: {first_line}; nothing was loaded, run it again"
    )
    return WarehouseError(msg)


def _server_error(error: PipelineStepFailed, target: Target) -> ServerError:
    """Return one line about what the server said; the step is named before it."""
    found = own_error(error, target.place, "")
    msg = f"{target.pipeline_name}: {error.step} into {target.dataset}: {found}"
    return ServerError(msg, found.code)
