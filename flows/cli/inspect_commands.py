"""Commands that only read: status, tables, doctor, coverage."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from flows import coverage as scored_texts
from flows import inspection
from flows.cli import output
from flows.errors import RunError
from flows.run_status import RunStatus, run_status
from ingestion.config import Settings
from ingestion.doctor import check_ids

StreamsFlag = Annotated[
    bool, typer.Option("--streams", help="Ask for every social stream, which takes its time.")
]
if TYPE_CHECKING:
    from flows.coverage import By


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.command("status")(status)
    app.command("tables")(tables)
    app.command("doctor")(doctor)
    app.command("coverage")(coverage)


def status(as_json: output.JsonFlag = False) -> None:
    """Show raw tables, refusals, feeds, last and next runs, the mart and the scoring backlog.

    The exit code is 1 when a schedule or the mart is older than promised (flows/schedules.py).

    Example: `cfw status --json`
    """
    settings = Settings()
    raw = inspection.raw_tables(settings)
    rejected = inspection.rejected_rows(settings)
    feeds = inspection.feeds(settings)
    runs = run_status(settings)
    if as_json:
        output.show_json(
            {"raw_tables": raw, "rejected_rows": rejected, "feeds": feeds, **asdict(runs)}
        )
    else:
        output.show("Raw tables", raw, as_json=False)
        output.show("Rejected rows", rejected, as_json=False)
        # The validators are for machines; a table of them is too wide to read.
        hidden = ("etag", "last modified")
        shown = [{k: v for k, v in feed.items() if k not in hidden} for feed in feeds]
        output.show("Feeds", shown, as_json=False)
        _show_runs(runs)
    if runs.stale:
        raise RunError("\n".join(runs.stale))


def _show_runs(runs: RunStatus) -> None:
    output.show("Runs (UTC)", [_short(row) for row in runs.flows], as_json=False)
    for row in runs.flows:
        if row["error"]:
            output.say(f"{row['flow']} {row['state']}: {row['error']}")
    output.show("Scoring backlog", runs.backlog, as_json=False)
    if runs.mart:
        output.say(
            f"mart: newest bar closed {runs.mart['newest bar closed']:%Y-%m-%d %H:%M} UTC, "
            f"{runs.mart['age'].total_seconds() / 3600:.1f} h ago"
        )


def _short(row: dict[str, Any]) -> dict[str, Any]:
    """Return what fits a terminal; an error is a line below the table."""
    return {
        "flow": row["flow"],
        "state": "running" if row["running since"] else row["state"],
        "ended": _moment(row["last run"]),
        "took": None if row["took"] is None else f"{row['took']:.0f} s",
        "succeeded": _moment(row["last success"]),
        "next": _moment(row["next run"]),
    }


def _moment(moment: datetime | None) -> str | None:
    return None if moment is None else f"{moment:%m-%d %H:%M}"


def tables(as_json: output.JsonFlag = False) -> None:
    """List every table and view of the warehouse with its row count.

    Example: `cfw tables`
    """
    output.show("Tables", inspection.all_tables(Settings()), as_json=as_json)


def doctor(as_json: output.JsonFlag = False, streams: StreamsFlag = False) -> None:
    """Check settings, keys, clock, reachability, and every provider id of the assets.

    Example: `CFW_SYMBOLS=BTC,ETH cfw doctor`
    """
    findings = check_ids(Settings(), all_streams=streams)
    rows = [asdict(finding) for finding in findings if as_json or finding.level != "ok"]
    if as_json or rows:
        output.show("Findings", rows, as_json=as_json)
    fine = sum(finding.level == "ok" for finding in findings)
    errors = sum(finding.level == "error" for finding in findings)
    if not as_json:
        output.say(f"doctor: {fine} of {len(findings)} checks in order")
    if errors:
        msg = f"doctor: {errors} errors; each line above names its remedy"
        raise RunError(msg)


def coverage(
    by: Annotated[str, typer.Option(help="model, day, feed or symbol")] = "model",
    as_json: output.JsonFlag = False,
) -> None:
    """Show how many of the collected texts each model has scored, and how long the rest waits.

    Example: `cfw coverage --by day --json`
    """
    if by not in scored_texts.CHOICES:
        msg = f"--by {by}: choose from {', '.join(scored_texts.CHOICES)}"
        raise RunError(msg)
    output.show("Coverage", scored_texts.coverage(Settings(), cast("By", by)), as_json=as_json)
