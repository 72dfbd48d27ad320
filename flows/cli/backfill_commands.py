"""`cfw backfill`: the history of a group of sources, planned, resumed, shown while it runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from flows import steps
from flows.backfill import names_of, plan_of, settings_for, window_of
from flows.cli import output
from flows.cli.backfill_progress import progress_shown
from flows.errors import PipelineError, RunError
from flows.lock import run_lock
from ingestion.backfill.interruption import InterruptedBackfill, Interruption
from ingestion.backfill.planning import ItemPlan, Plan, Wanted
from ingestion.backfill.report import SourceReport
from ingestion.backfill.runner import run_plan
from ingestion.backfill.sources import sources_of
from ingestion.config import Settings


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("backfill")(backfill)


def backfill(
    group: Annotated[str, typer.Argument(help="prices, onchain, macro or news")],
    start: Annotated[str, typer.Option("--from", help="First day or moment (UTC), included.")],
    end: Annotated[
        str, typer.Option("--to", help="Day or moment (UTC) that is not included; default: now.")
    ] = "",
    symbols: Annotated[str, typer.Option(help="Comma list of assets; default: CFW_SYMBOLS.")] = "",
    provider: Annotated[str, typer.Option(help="One provider, for example binance-archive.")] = "",
    interval: Annotated[
        int | None, typer.Option(help="Only bars of this many minutes: 5 or 60.")
    ] = None,
    from_dir: Annotated[
        Path | None, typer.Option(help="binance-archive: read its files from this folder.")
    ] = None,
    recheck: Annotated[
        bool, typer.Option(help="Ask whether files read before were replaced since.")
    ] = False,
    plan: Annotated[bool, typer.Option("--plan", help="Show what is missing; ask nobody.")] = False,
    wait: Annotated[
        float, typer.Option(help="Seconds to wait for another run each time rows are stored.")
    ] = 3600.0,
    as_json: output.JsonFlag = False,
) -> None:
    """Read history that is missing; the same command goes on after a stop.

    Example: `cfw backfill prices --from 2024-01-01 --to 2024-07-01 --symbols BTC,ETH --plan`
    """
    settings = settings_for(group, symbols, from_dir, provider)
    sources = sources_of(group, provider or None)
    if recheck and not any(source.changed for source in sources):
        msg = f"--recheck: {names_of(sources)} has no files to compare; leave it out"
        raise RunError(msg)
    wanted = Wanted(window_of(start, end, settings.clock()), interval, recheck)
    if plan:
        made = plan_of(settings, sources, wanted)
        _show_plan(made, as_json=as_json)
        return
    with run_lock(settings, wait):
        steps.prepare(settings)
        made = plan_of(settings, sources, wanted)
    _run(made, settings, wait, as_json=as_json)


def _run(made: Plan, settings: Settings, wait: float, *, as_json: bool) -> None:
    reports: list[SourceReport] = []
    try:
        with Interruption().installed() as interruption, progress_shown(made) as on_progress:
            run_plan(
                made,
                settings,
                hold=lambda: run_lock(settings, wait),
                on_progress=on_progress,
                interruption=interruption,
                reports=reports,
            )
    except InterruptedBackfill as stop:
        done = sum(report.done for report in reports)
        output.fail(
            f"backfill: interrupted with {done:,} of {made.chunks:,} pieces stored; "
            "run the same command again to go on"
        )
        raise typer.Exit(128 + stop.number) from None
    _show_reports(made, reports, as_json=as_json)
    if failures := [line for report in reports for line in report.failures]:
        raise PipelineError("\n".join(dict.fromkeys(failures)))


def _show_plan(made: Plan, *, as_json: bool) -> None:
    if as_json:
        total = {"pieces": made.pieces, "requests": made.requests, "seconds": made.seconds}
        items = [_machine_line(item) for item in made.items]
        output.show_json({"items": items, "skipped": made.skipped, "total": total})
        return
    output.show("Plan", [_line(item) for item in made.items], as_json=False)
    for name, reason in made.skipped.items():
        output.say(f"{name} is left out: {reason}")
    output.say(
        f"to do: {made.pieces:,} pieces of {len(made.items):,} items, "
        f"{made.requests:,} requests, about {_duration(made.seconds)} at the providers' rates"
    )


def _line(item: ItemPlan) -> dict[str, Any]:
    """Return what a person wants to know of an item."""
    return {
        "item": f"{item.source.name} {item.item}",
        "missing from": f"{item.missing[0].first:%Y-%m-%d}" if item.missing else None,
        "to": f"{item.missing[-1].last:%Y-%m-%d}" if item.missing else None,
        "days": round(item.missing_time.total_seconds() / 86_400),
        "pieces": len(item.chunks) + len(item.rechecks),
        "requests": item.requests,
        "time": _duration(item.seconds),
    }


def _machine_line(item: ItemPlan) -> dict[str, Any]:
    return {
        "provider": item.source.name,
        "item": item.item,
        "missing": [{"from": gap.first, "to": gap.last} for gap in item.missing],
        "pieces": len(item.chunks),
        "rechecks": len(item.rechecks),
        "requests": item.requests,
        "seconds": item.seconds,
    }


def _show_reports(made: Plan, reports: Sequence[SourceReport], *, as_json: bool) -> None:
    if as_json:
        output.show_json([asdict(report) for report in reports])
        return
    rows = [
        {
            "provider": report.provider,
            "pieces": f"{report.done:,} of {report.chunks:,}",
            "rows": report.rows_read,
            "new": report.new_rows,
            "rejected": report.rejected,
            "requests": f"{report.requests:,} of {report.planned_requests:,}",
            "time": _duration(report.seconds),
        }
        for report in reports
    ]
    output.show("Backfill", rows, as_json=False)
    for report in reports:
        for note in report.notes:
            output.say(f"{report.provider}: {note}")
    for name, reason in made.skipped.items():
        output.say(f"{name} is left out: {reason}")
    known = sum(bool(e.source_file) for item in made.items for e in item.known)
    if known and not made.wanted.recheck and not any(item.rechecks for item in made.items):
        output.say(f"{known:,} files were read before; --recheck asks whether they were replaced")


def _duration(seconds: float) -> str:
    whole = round(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}"
