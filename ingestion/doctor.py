"""Checks what the settings claim against the providers: ids, reachability, the clock."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from ingestion import catalogues
from ingestion.assets import Asset, selected_assets
from ingestion.catalogues import Catalogue, Entry
from ingestion.config import DEFAULT_FRED_SERIES, Settings
from ingestion.doctor_machine import Finding, Level, check_machine
from ingestion.errors import SourceError
from ingestion.http import HttpClient, Params, Provider, Reply
from ingestion.macro import fear_greed, fred
from ingestion.news import rss
from ingestion.news.feeds import feeds_of
from ingestion.onchain import coinmetrics
from ingestion.prices import binance, coinbase, coingecko, kraken
from ingestion.social import stocktwits
from ingestion.wire import header_time

__all__ = ["Finding", "Level", "check_ids"]

MAX_SKEW_SECONDS = 120.0
#: Streams are asked for one by one; all of them, if that takes no longer than this.
_STREAM_SECONDS = 60.0

#: Providers with a list of what they have: one entry each.
CATALOGUES = (
    Catalogue("coinbase_id", coinbase.provider, catalogues.coinbase),
    Catalogue("coingecko_id", coingecko.provider, catalogues.coingecko),
    Catalogue("coinmetrics_id", coinmetrics.provider, catalogues.coinmetrics),
    Catalogue("binance_id", binance.provider, catalogues.binance),
    Catalogue("kraken_id", kraken.provider, catalogues.kraken),
)


def check_ids(settings: Settings, *, all_streams: bool = False) -> list[Finding]:
    """Return what is right and wrong with the settings, the ids, the addresses and the clock.

    Every catalogue is asked for once, every macro series, feed and, if there is time, social
    stream too; a provider that does not answer is a finding, not an exception.

    Args:
        settings: what to check.
        all_streams: ask for every social stream, however long the provider's limit makes it.

    Raises:
        SettingsError: the symbols or the feeds of the settings do not exist.
    """
    assets = selected_assets(settings)
    findings = list(check_machine(settings))
    if any(finding.subject == "CFW_DATA_DIR" and finding.level == "error" for finding in findings):
        return findings  # nobody can be asked without the file that paces requests
    for catalogue in CATALOGUES:
        findings += _catalogue(settings, catalogue, assets)
    findings += _fred(settings)
    findings += _reachable(settings, fear_greed.provider(settings), "fng/", {"limit": 1})
    findings += _streams(settings, assets, is_patient=all_streams)
    findings += _feeds(settings)
    return findings


def _catalogue(settings: Settings, catalogue: Catalogue, assets: list[Asset]) -> Iterator[Finding]:
    """Check the ids of one provider against its catalogue."""
    provider = catalogue.provider(settings)
    client = HttpClient(settings, provider)
    try:
        entries, reply = catalogue.read(client)
    except SourceError as error:
        yield Finding("error", provider.name, "catalogue", f"{error.what}; {error.remedy}")
        return
    finally:
        client.close()
    yield Finding("ok", provider.name, "catalogue", f"reachable, {len(entries)} entries")
    yield from _clock(settings, provider.name, reply)
    for asset in assets:
        yield _id_finding(provider.name, asset, catalogue.id_field, entries)


def _id_finding(provider: str, asset: Asset, id_field: str, entries: list[Entry]) -> Finding:
    given = getattr(asset, id_field)
    found = next((entry for entry in entries if entry.id == given), None)
    likely = catalogues.likely(asset, entries, given)
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
    theirs = header_time(reply.headers.get("Date", ""))
    if theirs is None:
        return
    if settings.now is not None:
        yield Finding("ok", provider, "clock", f"CFW_NOW replaces it: {settings.now.isoformat()}")
        return
    skew = datetime.now(UTC).timestamp() - theirs
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
    """Check every series of the settings."""
    if fred.skip_reason(settings):
        return
    known = {*DEFAULT_FRED_SERIES.split(","), *fred.declared_lags()} - {"default"}

    def ask(client: HttpClient, series: str) -> str:
        params: dict[str, Any] = {"series_id": series}
        client.get_json("series", params, error_in=fred.error_in)
        return f"series {series} exists"

    def unknown(series: str) -> str:
        likely = catalogues.similar(series, sorted(known - {series}))
        hint = f"set it to {' or '.join(likely)}" if likely else "take it out"
        return f"series {series} does not exist; {hint} in CFW_FRED_SERIES"

    yield from _each(settings, fred.provider(settings), settings.fred_series, ask, unknown)


def _streams(settings: Settings, assets: list[Asset], *, is_patient: bool) -> Iterator[Finding]:
    """Check the streams: the provider has no catalogue, so each is asked for."""
    provider = stocktwits.provider(settings)
    streams = {asset.stocktwits_id: asset.symbol for asset in assets if asset.stocktwits_id}
    seconds = len(streams) / (settings.requests_per_second or provider.per_second)
    chosen = list(streams) if is_patient or seconds <= _STREAM_SECONDS else list(streams)[:1]

    def ask(client: HttpClient, stream: str) -> str:
        path = f"streams/symbol/{stream}.json"
        client.get_json(path, {"limit": 1}, error_in=stocktwits.error_in)
        return f"stream {stream} exists"

    def unknown(stream: str) -> str:
        usual = f"{streams[stream]}.X"
        hint = "leave stocktwits_id empty" if stream == usual else f"set stocktwits_id to {usual}"
        return f"stream {stream} does not exist; {hint}"

    yield from _each(settings, provider, chosen, ask, unknown)
    if left := len(streams) - len(chosen):
        text = f"{left} streams not asked for: {seconds / 60:.0f} minutes with --streams"
        yield Finding("ok", provider.name, "streams", text)


def _each(
    settings: Settings,
    provider: Provider,
    names: Iterable[str],
    ask: Callable[[HttpClient, str], str],
    unknown: Callable[[str], str],
) -> Iterator[Finding]:
    """Ask for one name after the other; what is wrong with the provider itself ends it."""
    client = HttpClient(settings, provider)
    try:
        for name in names:
            try:
                yield Finding("ok", provider.name, name, ask(client, name))
            except SourceError as error:
                is_unknown = error.status in (400, 404) and "api_key" not in error.what
                text = unknown(name) if is_unknown else f"{error.what}; {error.remedy}"
                yield Finding("error", provider.name, name, text)
                if not is_unknown:
                    return
    finally:
        client.close()


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
