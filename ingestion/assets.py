"""The assets of the seed file, and the ids they have at each provider."""

from __future__ import annotations

import csv
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from ingestion.config import Settings
from ingestion.errors import SettingsError


@dataclass(frozen=True)
class Asset:
    """One asset. An id is None where the provider does not list it."""

    symbol: str
    name: str
    aliases: tuple[str, ...]
    coinbase_id: str | None
    coingecko_id: str | None
    coinmetrics_id: str | None
    stocktwits_id: str | None
    is_ordinary_word: bool
    first_trade_date: date | None
    last_trade_date: date | None
    binance_id: str | None = None
    kraken_id: str | None = None


def read_assets(path: Path) -> list[Asset]:
    """Return every asset of the seed file, in its order.

    Raises:
        SettingsError: the file is missing, or one of its columns is.
    """
    if not path.is_file():
        msg = f"CFW_ASSETS_FILE: no such file {path}; set it to the project's seeds/assets.csv"
        raise SettingsError(msg)
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    try:
        return [_asset(row) for row in rows]
    except (KeyError, ValueError) as error:
        msg = f"{path}: cannot be read as the asset list ({error}); compare it with the project's"
        raise SettingsError(msg) from error


def selected_assets(settings: Settings) -> list[Asset]:
    """Return the assets named by ``settings.symbols``, or all of them when it is empty."""
    products = dict(pair.split("=") for pair in settings.coinbase_products)
    assets = [
        replace(asset, coinbase_id=products.get(asset.symbol, asset.coinbase_id))
        for asset in read_assets(settings.assets_path)
    ]
    if not settings.symbols:
        return assets
    by_symbol = {asset.symbol: asset for asset in assets}
    unknown = [symbol for symbol in settings.symbols if symbol not in by_symbol]
    if unknown:
        msg = f"CFW_SYMBOLS: {', '.join(unknown)} not in {settings.assets_path}; add a row there"
        raise SettingsError(msg)
    return [by_symbol[symbol] for symbol in settings.symbols]


def _asset(row: dict[str, str]) -> Asset:
    return Asset(
        symbol=row["symbol"].strip().upper(),
        name=row["name"].strip(),
        aliases=tuple(part.strip() for part in row["aliases"].split("|") if part.strip()),
        coinbase_id=row["coinbase_id"].strip() or None,
        coingecko_id=row["coingecko_id"].strip() or None,
        coinmetrics_id=row["coinmetrics_id"].strip() or None,
        stocktwits_id=row["stocktwits_id"].strip() or None,
        is_ordinary_word=row["is_ordinary_word"].strip().lower() == "true",
        first_trade_date=_date(row["first_trade_date"]),
        last_trade_date=_date(row["last_trade_date"]),
        # A list of one's own may be older than these columns.
        binance_id=row.get("binance_id", "").strip() or None,
        kraken_id=row.get("kraken_id", "").strip() or None,
    )


def _date(text: str) -> date | None:
    return date.fromisoformat(text.strip()) if text.strip() else None
