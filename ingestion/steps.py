"""The steps of ingestion, one per provider, in the order in which a run takes them."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from ingestion.assets import selected_assets
from ingestion.config import Settings
from ingestion.destination import Warehouse, target_for
from ingestion.errors import SettingsError, StepReport, join_errors
from ingestion.extraction import Chunk, Extraction
from ingestion.history import History
from ingestion.http import HttpClient, Provider
from ingestion.macro import fear_greed, fred, fredgraph, worldbank
from ingestion.news import rss
from ingestion.onchain import blockchain_com, coinmetrics, glassnode
from ingestion.pipeline import Batch, State, run_pipeline
from ingestion.prices import binance, coinbase, coingecko, kraken
from ingestion.social import reddit, stocktwits
from ingestion.tables import (
    ARTICLES,
    ASSET_SNAPSHOTS,
    FEED_CHECKS,
    MACRO_OBSERVATIONS,
    ONCHAIN_METRICS,
    PRICE_BARS,
    REJECTED_ROWS,
    SOCIAL_ENGAGEMENT,
    SOCIAL_POSTS,
    Table,
)

__all__ = ["STEPS", "StepReport", "run_step", "tables_of"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Step:
    """How one provider is read.

    Attributes:
        group: the name under which a user asks for it.
        provider: how it is asked, by the settings.
        extract: yields its candidate rows.
        tables: what it writes, besides ``rejected_rows``.
        skip_reason: why it cannot run with these settings, or None.
    """

    group: str
    provider: Callable[[Settings], Provider]
    extract: Callable[[Extraction], Iterator[Chunk]]
    tables: tuple[Table, ...]
    skip_reason: Callable[[Settings], str | None] = lambda _: None


def _price_step(
    name: str,
    provider: Callable[[Settings], Provider],
    extract: Callable[[Extraction], Iterator[Chunk]],
    table: Table,
) -> Step:
    """Return the step of a price provider, which ``CFW_PRICE_SOURCES`` switches on."""

    def skip_reason(settings: Settings) -> str | None:
        if name in settings.price_sources:
            return None
        return f"not in CFW_PRICE_SOURCES; set it to {','.join([*settings.price_sources, name])}"

    return Step("prices", provider, extract, (table,), skip_reason)


_STEPS: dict[str, Step] = {
    "coinbase": _price_step(coinbase.PROVIDER, coinbase.provider, coinbase.extract, PRICE_BARS),
    "binance": _price_step(binance.PROVIDER, binance.provider, binance.extract, PRICE_BARS),
    "kraken": _price_step(kraken.PROVIDER, kraken.provider, kraken.extract, PRICE_BARS),
    "coingecko": _price_step(
        coingecko.PROVIDER, coingecko.provider, coingecko.extract, ASSET_SNAPSHOTS
    ),
    "coinmetrics": Step("onchain", coinmetrics.provider, coinmetrics.extract, (ONCHAIN_METRICS,)),
    "glassnode": Step(
        "onchain", glassnode.provider, glassnode.extract, (ONCHAIN_METRICS,), glassnode.skip_reason
    ),
    "blockchain_com": Step(
        "onchain",
        blockchain_com.provider,
        blockchain_com.extract,
        (ONCHAIN_METRICS,),
        blockchain_com.skip_reason,
    ),
    "fred": Step("macro", fred.provider, fred.extract, (MACRO_OBSERVATIONS,), fred.skip_reason),
    "fredgraph": Step(
        "macro", fredgraph.provider, fredgraph.extract, (MACRO_OBSERVATIONS,), fredgraph.skip_reason
    ),
    "worldbank": Step(
        "macro", worldbank.provider, worldbank.extract, (MACRO_OBSERVATIONS,), worldbank.skip_reason
    ),
    "fear_greed": Step("macro", fear_greed.provider, fear_greed.extract, (MACRO_OBSERVATIONS,)),
    "rss": Step("news", rss.provider, rss.extract, (ARTICLES, FEED_CHECKS)),
    "stocktwits": Step(
        "social", stocktwits.provider, stocktwits.extract, (SOCIAL_POSTS, SOCIAL_ENGAGEMENT)
    ),
    "reddit": Step(
        "social",
        reddit.provider,
        reddit.extract,
        (SOCIAL_POSTS, SOCIAL_ENGAGEMENT),
        reddit.skip_reason,
    ),
}

#: Step name -> group, in the order of a run.
STEPS: Mapping[str, str] = MappingProxyType({name: step.group for name, step in _STEPS.items()})


def tables_of(settings: Settings) -> dict[str, tuple[str, ...]]:
    """Return what each step that these settings allow writes, besides ``rejected_rows``."""
    return {
        name: tuple(table.name for table in step.tables)
        for name, step in _STEPS.items()
        if step.skip_reason(settings) is None
    }


def run_step(name: str, settings: Settings) -> StepReport:
    """Read one provider and land what is new.

    Args:
        name: one of ``STEPS``.
        settings: where from, where to, and the clock.

    Returns:
        What was stored; ``skipped`` with a note where the settings do not allow the step.

    Raises:
        SourceError: a part of the provider failed, or all of it; the other parts are stored, and
            its ``report`` counts them.
        WarehouseError: nothing could be stored.
        SettingsError: the step, the symbols or the feeds named do not exist.
    """
    step = _STEPS.get(name)
    if step is None:
        msg = f"no step {name!r}; choose from {', '.join(STEPS)}"
        raise SettingsError(msg)
    if reason := step.skip_reason(settings):
        logger.info("%s skipped: %s", name, reason)
        return StepReport(step=name, status="skipped", note=reason)
    started = time.monotonic()
    client = HttpClient(settings, step.provider(settings))
    try:
        extraction, rows = _load(name, step, settings, client)
    finally:
        client.close()
    report = StepReport(
        step=name,
        rows=rows,
        rejected=extraction.rejected,
        requests=client.requests,
        seconds=time.monotonic() - started,
        note="; ".join([*extraction.notes, *client.notes()]),
    )
    if extraction.failures:
        failure = join_errors(name, extraction.failures)
        failure.report = replace(report, status="failed")
        raise failure
    return report


def _load(
    name: str, step: Step, settings: Settings, client: HttpClient
) -> tuple[Extraction, dict[str, int]]:
    warehouse = Warehouse(settings)
    clock = settings.clock()
    extraction = Extraction(
        source=name,
        settings=settings,
        client=client,
        reader=warehouse,
        assets=selected_assets(settings),
        clock=clock,
    )
    tables = [table.name for table in (*step.tables, REJECTED_ROWS)]
    history = History(warehouse, clock, warehouse.next_loaded_at(tables))

    def batches(state: State) -> Iterator[Batch]:
        extraction.state = state
        for table, candidates in step.extract(extraction):
            if table is REJECTED_ROWS:
                extraction.rejected += len(candidates)
            yield table.name, history.new_rows(table, candidates)

    missing = warehouse.missing(tables)
    counts = run_pipeline(target_for(settings, name), batches, missing)
    warehouse.index(missing)
    return extraction, {table: counts.get(table, 0) for table in tables}
