"""Checks what the settings claim against the providers: ids, reachability, the clock."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Literal

from ingestion import catalogues
from ingestion.assets import Asset, selected_assets
from ingestion.catalogues import Entry
from ingestion.config import Settings
from ingestion.errors import SourceError
from ingestion.http import HttpClient, Params, Provider, Reply
from ingestion.macro import fear_greed, fred
from ingestion.news import rss
from ingestion.news.feeds import feeds_of
from ingestion.onchain import coinmetrics
from ingestion.prices import coinbase, coingecko
from ingestion.social import stocktwits

MAX_SKEW_SECONDS = 120.0
Level = Literal["ok", "warning", "error"]


@dataclass(frozen=True)
class Finding:
    """One thing the doctor looked at.

    Attributes:
        level: ``error`` needs a change before the step can work; ``warning`` may.
        provider: whose catalogue or address.
        subject: a symbol, a feed, or what was checked.
        message: one line, with the remedy where there is one.
    """

    level: Level
    provider: str
    subject: str
    message: str


def check_ids(settings: Settings) -> list[Finding]:
    """Return what is right and wrong with the ids, the addresses and the clock.

    Every provider is asked once or twice; one that does not answer is a finding, not an exception.

    Raises:
        SettingsError: the symbols or the feeds of the settings do not exist.
    """
    assets = selected_assets(settings)
    findings = [
        *_catalogue(settings, coinbase.provider, assets, "coinbase_id", catalogues.coinbase),
        *_catalogue(settings, coingecko.provider, assets, "coingecko_id", catalogues.coingecko),
        *_catalogue(
            settings, coinmetrics.provider, assets, "coinmetrics_id", catalogues.coinmetrics
        ),
        *_fred(settings),
        *_reachable(settings, fear_greed.provider(settings), "fng/", {"limit": 1}),
        *_stocktwits(settings, assets),
        *_feeds(settings),
    ]
    return findings


def _catalogue(
    settings: Settings,
    provider_of: Callable[[Settings], Provider],
    assets: list[Asset],
    id_field: str,
    fetch: Callable[[HttpClient], tuple[list[Entry], Reply]],
) -> Iterator[Finding]:
    """Check the ids of one provider against its catalogue."""
    provider = provider_of(settings)
    client = HttpClient(settings, provider)
    try:
        entries, reply = fetch(client)
    except SourceError as error:
        yield Finding("error", provider.name, "catalogue", f"{error.what}; {error.remedy}")
        return
    finally:
        client.close()
    yield Finding("ok", provider.name, "catalogue", f"reachable, {len(entries)} entries")
    yield from _clock(settings, provider.name, reply)
    for asset in assets:
        yield _id_finding(provider.name, asset, id_field, entries)


def _id_finding(provider: str, asset: Asset, id_field: str, entries: list[Entry]) -> Finding:
    given = getattr(asset, id_field)
    found = next((entry for entry in entries if entry.id == given), None)
    likely = catalogues.likely(asset, entries)
    hint = f"set {id_field} to {' or '.join(likely)}" if likely else f"leave {id_field} empty"
    if given is None:
        text = f"has no {id_field}" + (f"; {hint}" if likely else ", and none was found")
        return Finding("warning" if likely else "ok", provider, asset.symbol, text)
    if found is None:
        text = f"{id_field} {given} does not exist; {hint}"
        return Finding("error", provider, asset.symbol, text)
    if not found.is_active:
        text = f"{id_field} {given} is delisted; its history stays, new bars will not come"
        return Finding("warning", provider, asset.symbol, text)
    return Finding("ok", provider, asset.symbol, f"{id_field} {given} exists")


def _clock(settings: Settings, provider: str, reply: Reply) -> Iterator[Finding]:
    """Compare this machine's clock with the provider's ``Date`` header."""
    try:
        theirs = parsedate_to_datetime(reply.headers.get("Date", ""))
    except ValueError:
        return
    if settings.now is not None:
        yield Finding("ok", provider, "clock", f"CFW_NOW replaces it: {settings.now.isoformat()}")
        return
    skew = (datetime.now(UTC) - theirs).total_seconds()
    if abs(skew) > MAX_SKEW_SECONDS:
        text = f"this machine is {skew:+.0f} s off the provider's clock; synchronise it (NTP)"
        yield Finding("error", provider, "clock", text)
    else:
        yield Finding("ok", provider, "clock", f"within {MAX_SKEW_SECONDS:.0f} s")


def _reachable(
    settings: Settings, provider: Provider, path: str, params: Params
) -> Iterator[Finding]:
    client = HttpClient(settings, provider)
    try:
        payload, _ = client.get_json(path, params)
    except SourceError as error:
        yield Finding("error", provider.name, "address", f"{error.what}; {error.remedy}")
    else:
        kind = "an object" if isinstance(payload, dict) else "a list"
        yield Finding("ok", provider.name, "address", f"reachable, answers with {kind}")
    finally:
        client.close()


def _fred(settings: Settings) -> Iterator[Finding]:
    if reason := fred.skip_reason(settings):
        yield Finding("warning", fred.provider(settings).name, "key", reason)
        return
    series = settings.fred_series[:1]
    for name in series:
        params: dict[str, Any] = {"series_id": name}
        yield from _reachable(settings, fred.provider(settings), "series", params)


def _stocktwits(settings: Settings, assets: list[Asset]) -> Iterator[Finding]:
    stream = next((asset.stocktwits_id for asset in assets if asset.stocktwits_id), None)
    if stream is not None:
        path = f"streams/symbol/{stream}.json"
        yield from _reachable(settings, stocktwits.provider(settings), path, {"limit": 1})


def _feeds(settings: Settings) -> Iterator[Finding]:
    client = HttpClient(settings, rss.provider(settings))
    try:
        for feed in feeds_of(settings):
            try:
                count = rss.probe(client, feed)
            except SourceError as error:
                yield Finding("error", "rss", feed.name, f"{error.what}; {error.remedy}")
            else:
                yield Finding("ok", "rss", feed.name, f"reachable, {count} items")
    finally:
        client.close()
