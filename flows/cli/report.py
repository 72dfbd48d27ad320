"""What the writing commands print when they are done."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from flows.cli.output import say, show, show_json
from flows.dbt import DbtReport
from flows.summary import summarise_mart
from ingestion.config import Settings
from ingestion.steps import StepReport
from scoring.work import ScoringReport

if TYPE_CHECKING:
    from collections.abc import Sequence

    from flows.pipeline import PipelineReport

_SHOWN = (
    "timestamp_iso",
    "symbol",
    "current_price",
    "market_cap",
    "rsi_14",
    "macd_histogram",
    "active_addresses_24h",
    "vix",
    "crypto_sentiment_count",
    "avg_vader_score",
    "social_total_engagement",
    "fear_greed_index",
    "data_quality_score",
)


def print_sources(reports: Sequence[StepReport], *, as_json: bool) -> None:
    """Print what each source brought."""
    rows = [
        {
            "source": report.step,
            "status": report.status,
            "new rows": sum(report.rows.values()),
            "rejected": report.rejected,
            "requests": report.requests,
            "seconds": round(report.seconds, 1),
            "note": report.note or None,
        }
        for report in reports
    ]
    show("Sources", rows, as_json=as_json)


def print_scoring(report: ScoringReport, *, as_json: bool) -> None:
    """Print what each model scored, and what is missing to score more."""
    if as_json:
        show_json(asdict(report))
        return
    for line in report.lines():
        say(line)


def print_dbt(report: DbtReport, *, as_json: bool) -> None:
    """Print what dbt built."""
    if as_json:
        show_json(asdict(report))
        return
    say(f"dbt: {report.models} models built, {report.tests} tests passed, {report.seconds:.1f} s")


def print_report(report: PipelineReport, *, as_json: bool) -> None:
    """Print a whole run."""
    if as_json:
        show_json(asdict(report))
        return
    print_sources(report.sources, as_json=False)
    if report.scoring is not None:
        print_scoring(report.scoring, as_json=False)
    if report.dbt is not None:
        print_dbt(report.dbt, as_json=False)
    say(f"new raw rows: {report.new_rows:,}")


def print_summary(settings: Settings) -> None:
    """Print the mart in figures, its newest row, and where to look next."""
    summary = summarise_mart(settings)
    say("")
    say(
        f"{summary.table}: {summary.rows:,} rows, {len(summary.coverage_pct)} columns, "
        f"{summary.symbols} symbols, {summary.first_at:%Y-%m-%d %H:%M} to "
        f"{summary.last_at:%Y-%m-%d %H:%M} UTC"
    )
    say(f"content hash {summary.content_hash}")
    never = [name for name, share in summary.coverage_pct.items() if share == 0]
    latest: dict[str, Any] = {name: summary.latest[name] for name in _SHOWN}
    show("Newest row", [{"column": k, "value": v} for k, v in latest.items()], as_json=False)
    if never:
        say(f"always NULL here: {', '.join(never)}")
    path = settings.warehouse_url.removeprefix("duckdb:///")
    say("")
    say("Where to look next:")
    say(f"  duckdb file     {path}, table {summary.table}")
    say(f"  status          CFW_WAREHOUSE_URL=duckdb:///{path} .venv/bin/cfw status")
    say("  every column    dbt_project/models/marts/ml_features_materialized.yml")
    say("  your own data   README.md, section 'Real data'")
