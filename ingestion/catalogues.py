"""The providers' catalogues of ids, and which entry an asset most likely is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ingestion.assets import Asset
from ingestion.http import HttpClient, Reply

#: More suggestions than this confuse.
_MOST_SUGGESTIONS = 3


@dataclass(frozen=True)
class Entry:
    """One entry of a catalogue; ``name`` is empty where the provider tells none."""

    id: str
    symbol: str
    name: str = ""
    is_active: bool = True


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


def likely(asset: Asset, entries: list[Entry]) -> list[str]:
    """Return the ids that could be the asset's: same name and symbol first, then same symbol."""
    names = {asset.name.lower(), *(alias.lower() for alias in asset.aliases)}
    by_symbol = [entry for entry in entries if entry.symbol == asset.symbol and entry.is_active]
    by_both = [entry for entry in by_symbol if entry.name.lower() in names]
    by_name = [entry for entry in entries if entry.name and entry.name.lower() in names]
    chosen = by_both or by_symbol or by_name
    return [entry.id for entry in chosen[:_MOST_SUGGESTIONS]]


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
