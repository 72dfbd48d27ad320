"""The providers' catalogues of ids, and which entry an asset most likely is."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from ingestion.assets import Asset
from ingestion.config import Settings
from ingestion.http import HttpClient, Provider, Reply

#: More suggestions than this confuse.
_MOST_SUGGESTIONS = 3


@dataclass(frozen=True)
class Entry:
    """One entry of a catalogue; ``name`` is empty where the provider tells none."""

    id: str
    symbol: str
    name: str = ""
    is_active: bool = True


@dataclass(frozen=True)
class Catalogue:
    """Where the ids of one provider are checked.

    Attributes:
        id_field: of ``Asset``.
        provider: how it is asked, by the settings.
        read: returns its entries and the last answer.
    """

    id_field: str
    provider: Callable[[Settings], Provider]
    read: Callable[[HttpClient], tuple[list[Entry], Reply]]


def coinbase(client: HttpClient) -> tuple[list[Entry], Reply]:
    """Return the products of Coinbase; only those against the US dollar carry a symbol."""
    payload, reply = client.get_json("products")
    entries = [
        Entry(
            id=str(product["id"]),
            symbol=_symbol(product),
            is_active=product.get("status", "online") == "online",
        )
        for product in _objects(payload, "id")
    ]
    return _filled(client, entries, "products"), reply


def coingecko(client: HttpClient) -> tuple[list[Entry], Reply]:
    """Return the coins of CoinGecko; thousands share a symbol, so names decide."""
    payload, reply = client.get_json("coins/list")
    entries = [
        Entry(str(coin["id"]), str(coin.get("symbol", "")).upper(), str(coin.get("name", "")))
        for coin in _objects(payload, "id")
    ]
    return _filled(client, entries, "coins/list"), reply


def coinmetrics(client: HttpClient) -> tuple[list[Entry], Reply]:
    """Return the assets of Coin Metrics that have any metric."""
    params: dict[str, str | int | float] = {"page_size": 10_000}
    entries: list[Entry] = []
    while True:
        payload, reply = client.get_json("catalog-v2/asset-metrics", params)
        data = payload.get("data") if isinstance(payload, dict) else None
        for row in _objects(data, "asset"):
            entries.append(Entry(str(row["asset"]), str(row["asset"]).upper()))
        token = payload.get("next_page_token") if isinstance(payload, dict) else None
        if not token or token == params.get("next_page_token"):
            return _filled(client, entries, "catalog-v2/asset-metrics"), reply
        params["next_page_token"] = str(token)


def binance(client: HttpClient) -> tuple[list[Entry], Reply]:
    """Return the symbols of Binance; only those against USDT carry ours."""
    payload, reply = client.get_json("api/v3/exchangeInfo")
    symbols = payload.get("symbols") if isinstance(payload, dict) else None
    entries = [
        Entry(
            id=str(market["symbol"]),
            symbol=str(market.get("baseAsset", "")) if market.get("quoteAsset") == "USDT" else "",
            is_active=market.get("status", "TRADING") == "TRADING",
        )
        for market in _objects(symbols, "symbol")
    ]
    return _filled(client, entries, "api/v3/exchangeInfo"), reply


#: Kraken's own names of assets.
_KRAKEN = {"XBT": "BTC", "XDG": "DOGE"}


def kraken(client: HttpClient) -> tuple[list[Entry], Reply]:
    """Return the pairs of Kraken; errors come with status 200."""

    def error_in(payload: Any) -> str | None:
        errors = payload.get("error") if isinstance(payload, dict) else None
        return str(errors) if errors else None

    payload, reply = client.get_json("AssetPairs", error_in=error_in)
    pairs = payload.get("result") if isinstance(payload, dict) else None
    entries = []
    for pair in _objects(list(pairs.values()) if isinstance(pairs, dict) else None, "altname"):
        base, _, quote = str(pair.get("wsname", "")).partition("/")
        symbol = _KRAKEN.get(base, base) if quote == "USD" else ""
        is_active = pair.get("status", "online") == "online"
        entries.append(Entry(str(pair["altname"]), symbol, is_active=is_active))
    return _filled(client, entries, "AssetPairs"), reply


def likely(asset: Asset, entries: list[Entry], given: str | None = None) -> list[str]:
    """Return the ids that could be the asset's.

    The id given but for its case comes first, then same name and symbol, same symbol, same name,
    and last what is spelled alike.
    """
    spelled = [entry for entry in entries if given and entry.id.lower() == given.lower()]
    names = {asset.name.lower(), *(alias.lower() for alias in asset.aliases)}
    by_symbol = [entry for entry in entries if entry.symbol == asset.symbol and entry.is_active]
    by_both = [entry for entry in by_symbol if entry.name.lower() in names]
    by_name = [entry for entry in entries if entry.name and entry.name.lower() in names]
    chosen = spelled or by_both or by_symbol or by_name
    if not chosen and given:
        return similar(given, [entry.id for entry in entries])
    return [entry.id for entry in chosen[:_MOST_SUGGESTIONS]]


def similar(given: str, known: Iterable[str]) -> list[str]:
    """Return the known ids that are spelled much like the one given."""
    return get_close_matches(given, list(known), n=_MOST_SUGGESTIONS, cutoff=0.75)


def _symbol(product: dict[str, Any]) -> str:
    in_dollars = product.get("quote_currency") == "USD"
    return str(product.get("base_currency", "")).upper() if in_dollars else ""


def _objects(payload: Any, key: str) -> list[dict[str, Any]]:
    if not isinstance(payload, list):
        return []
    return [item for item in payload if isinstance(item, dict) and key in item]


def _filled(client: HttpClient, entries: list[Entry], path: str) -> list[Entry]:
    if not entries:
        msg = f"{path} holds no entry"
        raise client.error(msg, f"check CFW_{client.provider.setting}", wide=True)
    return entries
