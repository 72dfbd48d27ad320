"""The assets that the providers list: the project's seed, and what the data itself names."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

from ingestion.sandbox.model import SandboxData

DEFAULT_SEED = Path(__file__).parents[2] / "dbt_project" / "seeds" / "assets.csv"

#: Ids of well-known assets, for a sandbox that runs without the seed.
_KNOWN = {
    "BTC": ("Bitcoin", "bitcoin"),
    "ETH": ("Ethereum", "ethereum"),
    "SOL": ("Solana", "solana"),
    "XRP": ("XRP", "ripple"),
    "ADA": ("Cardano", "cardano"),
    "DOGE": ("Dogecoin", "dogecoin"),
    "LINK": ("Chainlink", "chainlink"),
    "DOT": ("Polkadot", "polkadot"),
    "LTC": ("Litecoin", "litecoin"),
    "AVAX": ("Avalanche", "avalanche-2"),
    "BNB": ("BNB", "binancecoin"),
    "XLM": ("Stellar", "stellar"),
    "TRX": ("TRON", "tron"),
}


@dataclass(frozen=True)
class Asset:
    """One asset and its id at each provider; None where the provider does not have it."""

    symbol: str
    name: str
    coinbase_id: str | None
    coingecko_id: str | None
    coinmetrics_id: str | None
    stocktwits_id: str | None
    is_delisted: bool = False
    binance_id: str | None = None
    kraken_id: str | None = None


class Catalogue:
    """Finds assets by a provider's id."""

    def __init__(self, assets: list[Asset]) -> None:
        """Index ``assets``; the first of two with one id wins."""
        self.assets = assets
        self.by_coinbase = _index(assets, "coinbase_id")
        self.by_binance = _index(assets, "binance_id")
        self.by_coingecko = _index(assets, "coingecko_id")
        self.by_coinmetrics = _index(assets, "coinmetrics_id")
        self.by_stocktwits = _index(assets, "stocktwits_id")


def build_catalogue(data: SandboxData, seed: Path = DEFAULT_SEED) -> Catalogue:
    """Return the assets of the seed, if it is there, and then those only the data has.

    An asset that the data has is listed at every provider, whatever the seed leaves empty:
    a sandbox serves its own data.
    """
    seeded = {asset.symbol: asset for asset in read_seed(seed)}
    in_data = [*data.bars, *data.snapshots, *(key.upper() for key in data.onchain)]
    in_data += [stream.removesuffix(".X") for post in data.posts for stream in post.streams]
    for symbol in dict.fromkeys(in_data):
        seeded[symbol] = _filled(symbol, seeded.get(symbol))
    return Catalogue(list(seeded.values()))


def read_seed(path: Path) -> list[Asset]:
    """Return the assets of a seed file; an absent file has none."""
    if not path.is_file():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return [_from_row(row) for row in csv.DictReader(file)]


def _from_row(row: dict[str, str]) -> Asset:
    product = row["coinbase_id"] or None
    if product and "-" not in product:
        product = f"{product}-USD"
    return Asset(
        symbol=row["symbol"],
        name=row["name"],
        coinbase_id=product,
        coingecko_id=row["coingecko_id"] or None,
        coinmetrics_id=row["coinmetrics_id"] or None,
        stocktwits_id=row["stocktwits_id"] or None,
        is_delisted=bool(row.get("last_trade_date")),
        binance_id=row.get("binance_id") or None,
        kraken_id=row.get("kraken_id") or None,
    )


def _filled(symbol: str, seeded: Asset | None) -> Asset:
    name, coin = _KNOWN.get(symbol, (symbol.title(), symbol.lower()))
    known = Asset(
        *(symbol, name, f"{symbol}-USD", coin, symbol.lower(), f"{symbol}.X"),
        binance_id=f"{symbol}USDT",
        kraken_id=f"{symbol}USD",
    )
    if seeded is None and "_" in symbol:  # a chain that an asset moved to, listed nowhere else
        return Asset(symbol, name, None, None, symbol.lower(), None)
    if seeded is None:
        return known
    return Asset(
        symbol=symbol,
        name=seeded.name,
        coinbase_id=seeded.coinbase_id or known.coinbase_id,
        coingecko_id=seeded.coingecko_id or known.coingecko_id,
        coinmetrics_id=seeded.coinmetrics_id or known.coinmetrics_id,
        stocktwits_id=seeded.stocktwits_id or known.stocktwits_id,
        is_delisted=seeded.is_delisted,
        binance_id=seeded.binance_id or known.binance_id,
        kraken_id=seeded.kraken_id or known.kraken_id,
    )


def _index(assets: list[Asset], field: str) -> dict[str, Asset]:
    found: dict[str, Asset] = {}
    for asset in assets:
        key = getattr(asset, field)
        if key is not None:
            found.setdefault(key, asset)
    return found
