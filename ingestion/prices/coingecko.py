"""CoinGecko: supply and market capitalisation, as they are now.

Wire facts: a bare list of coins, at most 250 per page, integers and floats for the same field,
null where unknown. Ids that do not exist are left out without a word.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from functools import partial
from typing import Any

from ingestion.config import Settings
from ingestion.extraction import Chunk, Extraction
from ingestion.http import Provider
from ingestion.rejections import Parsed, Rejection, checked, plain_json, unique
from ingestion.tables import ASSET_SNAPSHOTS, Row
from ingestion.validate import iso_time, not_future, optional_number, refuse, text

PROVIDER = "coingecko"
PAGE = 250
#: Column of the raw table and field of the coin.
_NUMBERS = {
    "circulating_supply": "circulating_supply",
    "total_supply": "total_supply",
    "max_supply": "max_supply",
    "market_cap_usd": "market_cap",
    "price_usd": "current_price",
}


def provider(settings: Settings) -> Provider:
    """Return how CoinGecko is asked: slowly without a key, 90 requests per minute with one."""
    key = settings.coingecko_api_key
    if key is None:
        return Provider(
            PROVIDER, settings.coingecko_base_url.rstrip("/"), 0.2, "COINGECKO_BASE_URL"
        )
    secret = key.get_secret_value()
    is_pro = "pro-api." in settings.coingecko_base_url
    return Provider(
        PROVIDER,
        settings.coingecko_base_url.rstrip("/"),
        1.5,
        "COINGECKO_API_KEY",
        headers={"x-cg-pro-api-key" if is_pro else "x-cg-demo-api-key": secret},
    )


def extract(run: Extraction) -> Iterator[Chunk]:
    """Yield one snapshot per asset that CoinGecko lists."""
    symbols = {asset.coingecko_id: asset.symbol for asset in run.assets if asset.coingecko_id}
    ids = sorted(symbols)
    pages = [ids[start : start + PAGE] for start in range(0, len(ids), PAGE)]
    yield from run.each(pages, lambda page: _snapshots(run, page, symbols))


def _snapshots(run: Extraction, ids: list[str], symbols: dict[str, str]) -> Iterator[Chunk]:
    params: dict[str, str | int | float] = {
        "vs_currency": "usd",
        "ids": ",".join(ids),
        "per_page": PAGE,
        "page": 1,
    }
    payload, reply = run.client.get_json("coins/markets", params, error_in=error_in)
    if not isinstance(payload, list):
        msg = "coins/markets answered with an object instead of a list of coins"
        raise run.client.error(msg, "check CFW_COINGECKO_BASE_URL", wide=True)
    parsed = parse_markets(payload, symbols, run.clock)
    found = {row["symbol"] for row in parsed.rows}
    silent = [symbols[coin] for coin in ids if symbols[coin] not in found]
    if silent:
        run.notes.append(f"no snapshot of {', '.join(silent)}")
    yield from run.landed(ASSET_SNAPSHOTS, parsed, is_sample=reply.is_sample)


def error_in(payload: Any) -> str | None:
    """Return the error inside a 200 answer: ``error`` or ``status`` in place of the list."""
    if isinstance(payload, dict) and ("error" in payload or "status" in payload):
        return str(payload.get("error") or payload.get("status"))
    return None


def parse_markets(payload: list[Any], symbols: dict[str, str], clock: datetime) -> Parsed:
    """Return the snapshots of a page and what is refused.

    Args:
        payload: the decoded page.
        symbols: our symbol by CoinGecko id.
        clock: the moment of the capture.
    """
    parse = partial(_snapshot, symbols=symbols, clock=clock)
    outcomes = [(checked(ASSET_SNAPSHOTS, parse, raw), raw) for raw in payload]
    rows = [(row, raw) for row, raw in outcomes if isinstance(row, dict)]
    result = unique(ASSET_SNAPSHOTS, rows)
    result.rejections += [bad for bad, _ in outcomes if isinstance(bad, Rejection)]
    return result


def _snapshot(raw: Any, symbols: dict[str, str], clock: datetime) -> Row:
    if not isinstance(raw, dict):
        refuse("the coin is not an object")
    coin = text(raw.get("id"), "id").lower()  # as every id of the catalogue
    if coin not in symbols:
        refuse(f"unknown symbol: {coin[:64]} was not asked for")
    row: Row = {"provider": PROVIDER, "symbol": symbols[coin], "captured_at": clock}
    for column, name in _NUMBERS.items():
        row[column] = optional_number(raw.get(name), name)
        if row[column] is not None and row[column] < 0:
            refuse(f"{name} is negative")
    if row["price_usd"] == 0:
        refuse("current_price is not above zero")
    updated = raw.get("last_updated")
    row["last_updated_at"] = (
        None
        if updated is None
        else not_future(iso_time(updated, "last_updated"), "last_updated", clock)
    )
    row["available_at"] = clock
    row["raw"] = plain_json(raw)
    return row
