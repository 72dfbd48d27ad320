"""Reads a folder of captured data into what the sandbox serves; any part may be absent."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from ingestion.sandbox.folder_macro import load_fear_greed, load_macro
from ingestion.sandbox.folder_onchain import load_onchain
from ingestion.sandbox.folder_texts import load_articles, load_posts
from ingestion.sandbox.model import HOUR, Bars, Floats, Ints, SandboxData, Snapshots

QUOTE = "USDT"
DAY = 24 * HOUR


def load_folder(path: Path | str) -> SandboxData:
    """Return the data of a folder.

    Raises:
        FileNotFoundError: ``path`` is not a folder, or holds nothing that the sandbox serves.
    """
    folder = Path(path)
    if not folder.is_dir():
        msg = f"{folder} is not a folder: give one that holds ohlcv_1h/, macro/, news/ or others"
        raise FileNotFoundError(msg)
    data = SandboxData(
        bars=load_bars(folder),
        onchain=load_onchain(folder),
        macro=load_macro(folder),
        fear_greed=load_fear_greed(folder),
        articles=load_articles(folder),
        posts=load_posts(folder),
        snapshots=load_snapshots(folder),
    )
    if not any((data.bars, data.onchain, data.macro, data.articles, data.posts, data.snapshots)):
        msg = f"{folder} holds nothing to serve: expected ohlcv_1h/, macro/, news/ or others"
        raise FileNotFoundError(msg)
    return data


def load_bars(folder: Path) -> dict[str, dict[int, Bars]]:
    """Return the hourly bars; the symbol is the file's name less the quote currency."""
    return {
        file.name.removesuffix(f"{QUOTE}.csv.gz"): {HOUR: _bars(file)}
        for file in sorted(folder.glob(f"ohlcv_1h/*{QUOTE}.csv.gz"))
    }


def load_snapshots(folder: Path) -> dict[str, Snapshots]:
    """Return daily prices, values and supplies; a day's row holds from the day's end."""
    files = sorted(folder.glob("market_cap_daily/*.csv.gz"))
    if not files:
        return {}
    table = pd.concat([pd.read_csv(file, float_precision="round_trip") for file in files])
    # The token moved to its own chain: the new chain's rows follow the old one's.
    is_moved = table["asset"].eq("bnb") & table["time"].ge("2019-04-18")
    table = table[~is_moved].replace({"asset": {"bnb_mainnet": "bnb"}})
    table = table.sort_values(["asset", "time"]).drop_duplicates(["asset", "time"])
    found: dict[str, Snapshots] = {}
    for asset, rows in table.groupby("asset"):
        if "_" in str(asset):
            continue
        found[str(asset).upper()] = Snapshots(
            at=seconds(rows["time"], "%Y-%m-%d") + DAY,
            price=_floats(rows["PriceUSD"]),
            cap=_floats(rows["CapMrktCurUSD"]),
            supply=_floats(rows["SplyCur"]),
        )
    return found


def seconds(texts: pd.Series[str], layout: str) -> Ints:
    """Return UTC texts of ``layout`` as unix seconds."""
    times = pd.to_datetime(texts, format=layout, utc=True).dt.tz_localize(None)
    found: Ints = times.to_numpy().astype("datetime64[s]").astype(np.int64)
    return found


def _bars(file: Path) -> Bars:
    table = pd.read_csv(file, float_precision="round_trip")
    columns = (_floats(table[name]) for name in ("open", "high", "low", "close", "volume"))
    return Bars(seconds(table["open_time"], "%Y-%m-%dT%H:%M:%SZ"), *columns)


def _floats(column: pd.Series[float]) -> Floats:
    values: Floats = column.to_numpy(dtype=np.float64)
    return values
