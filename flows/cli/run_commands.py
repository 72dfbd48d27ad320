"""Commands that write: run, ingest, score, transform, rollback, demo."""

from __future__ import annotations

import signal
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from flows import steps
from flows.cli import output
from flows.cli.report import print_dbt, print_report, print_scoring, print_sources, print_summary
from flows.dbt import run_dbt
from flows.errors import PipelineError, RunError
from flows.lock import run_lock
from flows.prefect_local import use_local_server
from flows.scoring import LOAD_WAIT_SECONDS, ScoringWorker, scoring_lock
from ingestion.config import Settings
from ingestion.errors import IngestionError
from ingestion.steps import StepReport, run_step
from scoring.queue import Shard

Wait = Annotated[
    float, typer.Option(help="Seconds to wait for another run of this warehouse to end.")
]


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.command("run")(run)
    app.command("ingest")(ingest)
    app.command("score")(score)
    app.command("transform")(transform)
    app.command("rollback")(rollback)
    app.command("demo")(demo)


def run(
    full_refresh: Annotated[bool, typer.Option(help="Build every model anew.")] = False,
    wait: Wait = 0.0,
    as_json: output.JsonFlag = False,
) -> None:
    """Ingest, score and transform: one run of the flow `pipeline`.

    Example: `cfw run --wait 300`
    """
    settings = Settings()
    use_local_server(settings.data_dir)
    from flows.pipeline import pipeline

    report = pipeline(full_refresh=full_refresh, wait_seconds=wait)
    print_report(report, as_json=as_json)


def ingest(
    group: Annotated[
        str, typer.Argument(help="prices, news, onchain, macro, social or all")
    ] = "all",
    wait: Wait = 0.0,
    as_json: output.JsonFlag = False,
) -> None:
    """Read sources and land what is new. A source that fails does not stop the others.

    Example: `CFW_SYMBOLS=BTC,ETH cfw ingest prices`
    """
    settings = Settings()
    names = steps.steps_of(group)
    reports: list[StepReport] = []
    failures: list[str] = []
    with run_lock(settings, wait):
        steps.prepare(settings)
        for name in names:
            try:
                reports.append(run_step(name, settings))
            except IngestionError as error:
                failures.append(str(error))
    if reports or as_json:
        print_sources(reports, as_json=as_json)
    if failures:
        raise PipelineError("\n".join(dict.fromkeys(failures)))


def score(
    limit: Annotated[int | None, typer.Option(min=1, help="At most this many per model.")] = None,
    shard: Annotated[
        str, typer.Option(help="Only a share of the texts: 1/4, 2/4, 3/4 or 4/4, say.")
    ] = "",
    watch: Annotated[
        bool, typer.Option("--watch", help="Stay, and score texts as they arrive.")
    ] = False,
    wait: Wait = 0.0,
    as_json: output.JsonFlag = False,
) -> None:
    """Score the texts that are not scored yet and find the assets they mention.

    On a server any number of workers may run at once: each takes texts that no other holds. A
    DuckDB file has one writer, so there they run one after the other.

    Example: `cfw score --limit 1000`, or `cfw score --watch`
    """
    settings = Settings()
    # On a server other workers hold the lock for the moments in which they load.
    with run_lock(settings, max(wait, LOAD_WAIT_SECONDS) if settings.is_server else wait):
        steps.prepare(settings)
    worker = ScoringWorker(settings, shard=_shard(shard))
    if watch:
        _watch(settings, worker)
        return
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=output.errors,
    )
    tasks: dict[str, Any] = {}

    def on_progress(progress: Any) -> None:
        if progress.key not in tasks:
            tasks[progress.key] = bar.add_task(progress.key, total=progress.total)
        bar.update(tasks[progress.key], completed=progress.done)

    with scoring_lock(settings, wait), bar:
        report = worker.score(limit=limit, on_progress=on_progress)
    print_scoring(report, as_json=as_json)
    stopped = [f"scoring with {m.key} {m.stopped}" for m in report.models if m.stopped]
    if stopped:
        raise RunError("\n".join(stopped))


def _watch(settings: Settings, worker: ScoringWorker) -> None:
    from flows.watch import watch

    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    watch(settings, worker, stop, output.say)


def _shard(text: str) -> Shard | None:
    if not text:
        return None
    number, _, count = text.partition("/")
    try:
        return Shard(int(number), int(count))
    except ValueError:
        msg = f"--shard {text}: write it as 1/4: the number of the share, from 1, and their count"
        raise RunError(msg) from None


def transform(
    full_refresh: Annotated[bool, typer.Option(help="Build every model anew.")] = False,
    select: Annotated[list[str] | None, typer.Option(help="dbt node selection.")] = None,
    as_of: Annotated[str, typer.Option(help="Build as could be known then (ISO 8601).")] = "",
    loaded_as_of: Annotated[
        str, typer.Option(help="Build from what the warehouse held then (ISO 8601).")
    ] = "",
    build_tag: Annotated[
        str, typer.Option(help="Schemas of their own: <prefix>_<tag>_marts and so on.")
    ] = "",
    into: Annotated[
        Path | None,
        typer.Option(help="DuckDB: build a past state into this file; the warehouse is only read."),
    ] = None,
    tests: Annotated[
        str, typer.Option(help="batch: the rows just written; all: every row.")
    ] = "batch",
    variables: Annotated[
        str, typer.Option("--vars", help="dbt vars in place of the project's, in YAML or JSON.")
    ] = "{}",
    wait: Wait = 0.0,
    as_json: output.JsonFlag = False,
) -> None:
    """Build and test the models: what is new, everything, or the state of a past moment.

    A past state never touches the standing mart: it goes into schemas of its own (`asof`, or the
    name given), or into a file of its own.

    Example: `cfw transform --as-of 2024-06-01T00:00:00Z --build-tag june`
    """
    if tests not in ("batch", "all"):
        msg = f"--tests {tests}: must be batch or all"
        raise RunError(msg)
    settings = Settings()
    with run_lock(settings, wait):
        steps.prepare(settings)
        report = steps.transform(
            settings,
            full_refresh=full_refresh,
            select=select or (),
            as_of=_moment("--as-of", as_of),
            loaded_as_of=_moment("--loaded-as-of", loaded_as_of),
            build_tag=build_tag,
            into=into,
            tests=tests,
            variables=_variables(variables),
        )
    print_dbt(report, as_json=as_json)


def rollback(wait: Wait = 0.0) -> None:
    """Put the mart's previous version back, at once; the next build makes everything again.

    Example: `cfw rollback`
    """
    settings = Settings()
    with run_lock(settings, wait):
        run_dbt(settings, ["run-operation", "rollback"])
    output.say("the mart is its previous version again; the next transform replaces it once tested")


def demo(
    path: Annotated[Path, typer.Option(help="The DuckDB file to build.")] = Path(
        "data/demo.duckdb"
    ),
) -> None:
    """Build a demo warehouse from the project's own sample, without keys or network.

    Example: `cfw demo`
    """
    use_local_server(path.absolute().parent)
    from flows.demo import run_demo

    report = run_demo(path, output.say)
    print_report(report, as_json=False)
    print_summary(Settings(warehouse_url=f"duckdb:///{path.absolute()}", schema_prefix="crypto"))


def _variables(text: str) -> dict[str, Any]:
    try:
        found = yaml.safe_load(text)
    except yaml.YAMLError:
        found = None
    if not isinstance(found, dict):
        msg = f"--vars {text}: write dbt vars as dbt takes them, in YAML or JSON: '{{name: value}}'"
        raise RunError(msg)
    return found


def _moment(option: str, text: str) -> datetime | None:
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        msg = f"{option} {text}: not a time; write it as 2024-01-31T12:00:00Z"
        raise RunError(msg) from None
    if moment.tzinfo is None:
        msg = f"{option} {text}: has no offset from UTC; write it as {text}Z"
        raise RunError(msg)
    return moment.astimezone(UTC)
