"""Where a bar comes from: five-minute bars before the exchange's own hour, the best provider
first, and what `data_health` says of bars that contradict each other."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from flows import steps
from ingestion.config import Settings
from ingestion.destination import Warehouse

START = datetime(2024, 3, 1, tzinfo=UTC)
HOURS = 40
HOUR = timedelta(hours=1)


def bar(
    provider: str, minutes: int, opened: datetime, close: float, **other: Any
) -> dict[str, Any]:
    """Return a bar of one BTC, a dollar high."""
    return {
        "provider": provider,
        "symbol": "BTC",
        "interval_minutes": minutes,
        "bar_open_at": opened,
        "open": close,
        "high": close + 1,
        "low": close - 1,
        "close": close,
        "volume_base": 1.0,
        "volume_quote": None,
        "trade_count": None,
        "quote_currency": "USDT" if provider == "binance" else "USD",
        "available_at": opened + timedelta(minutes=minutes),
        "is_sample": True,
        **other,
    }


def five_minutes(hour: datetime, close: float, count: int = 12) -> list[dict[str, Any]]:
    """Return the first bars of an hour; the last one closes at `close`, each trades a hundredth."""
    step = timedelta(minutes=5)
    return [
        bar("coinbase", 5, hour + n * step, close - 0.01 * (11 - n), volume_base=0.01)
        for n in range(count)
    ]


class Prices:
    """A DuckDB warehouse with bars alone."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "prices.duckdb"
        self.clock = START + HOURS * HOUR
        self.folder = folder

    def settings(self) -> Settings:
        return Settings(
            warehouse_url=f"duckdb:///{self.path}", data_dir=self.folder, now=self.clock
        )

    def land(self, rows: list[dict[str, Any]]) -> None:
        """Land bars, a minute after the load before."""
        self.clock += timedelta(minutes=1)
        warehouse = Warehouse(self.settings())
        warehouse.ensure_tables()
        warehouse.load("prices", {"price_bars": rows})

    def build(self) -> None:
        """Build and test everything new."""
        steps.transform(self.settings())

    def taken(self, hour: int) -> dict[str, Any] | None:
        """Return the bar that stands for an hour, or None."""
        rows = Warehouse(self.settings()).query(
            "select * from crypto_intermediate.int_prices__bars where bar_open_at = %s",
            [(START + hour * HOUR).replace(tzinfo=None)],
        )
        return rows[0] if rows else None

    def health(self, check: str) -> list[dict[str, Any]]:
        """Return what a check found, by day."""
        return Warehouse(self.settings()).query(
            "select * from crypto_marts.data_health where check_name = %s order by day", [check]
        )


@pytest.fixture(scope="module")
def prices(tmp_path_factory: pytest.TempPathFactory) -> Prices:
    """Forty hours with their oddities, built."""
    made = Prices(tmp_path_factory.mktemp("prices"))
    missing = {20, 21, 22}
    rows = [
        bar("coinbase", 60, START + n * HOUR, 100.0 + n) for n in range(HOURS) if n not in missing
    ]
    rows += five_minutes(START + 10 * HOUR, 110.0)  # agrees with its hour
    rows += five_minutes(START + 11 * HOUR, 111.5)  # contradicts it
    rows += five_minutes(START + 12 * HOUR, 999.0, count=11)  # not whole
    rows += five_minutes(START + 20 * HOUR, 120.0)  # the only source of its hour
    rows += five_minutes(START + 21 * HOUR, 121.0, count=11)  # not whole, nothing else
    rows += [bar("binance", 60, START + n * HOUR, 100.1 + n) for n in range(22, 30)]
    rows += [bar("binance", 60, START + 30 * HOUR, 160.0)]  # far from the other exchange's
    rows += [bar("kraken", 60, START + 21 * HOUR, 120.0, volume_base=0.0, trade_count=0)]
    made.land(rows)
    made.build()
    return made


def test_an_hour_is_made_from_its_twelve_bars(prices: Prices) -> None:
    made = prices.taken(11)
    assert made is not None
    assert made["close_price"] == pytest.approx(111.5)
    assert made["open_price"] == pytest.approx(111.5 - 0.11)
    assert made["high_price"] == pytest.approx(112.5)
    assert made["low_price"] == pytest.approx(111.5 - 0.11 - 1)
    assert made["volume_base"] == pytest.approx(0.12)
    only = prices.taken(20)
    assert only is not None
    assert only["close_price"] == pytest.approx(120.0)


def test_fewer_than_twelve_make_no_hour(prices: Prices) -> None:
    own = prices.taken(12)
    assert own is not None
    assert own["close_price"] == 112.0
    assert prices.taken(21) is None


def test_the_next_provider_fills_what_the_first_has_not(prices: Prices) -> None:
    filled, kept = prices.taken(22), prices.taken(23)
    assert filled is not None
    assert kept is not None
    assert (filled["provider"], filled["quote_currency"]) == ("binance", "USDT")
    assert (kept["provider"], kept["close_price"]) == ("coinbase", 123.0)


def test_health_names_days_with_contradictions(prices: Prices) -> None:
    (resampled,) = prices.health("resampled_bars")
    assert (resampled["measured_value"], resampled["is_ok"]) == (2.0, False)
    first, second = prices.health("provider_difference")
    assert (first["measured_value"], first["is_ok"]) == (0.0, True)
    assert (second["measured_value"], second["is_ok"]) == (1.0, False)
    assert second["detail"] == "1 of 7 bars differ by more than is allowed"


def test_a_bar_that_completes_an_hour_late_counts(prices: Prices) -> None:
    prices.land(five_minutes(START + 21 * HOUR, 121.0)[11:])
    prices.build()
    completed = prices.taken(21)
    assert completed is not None
    assert completed["close_price"] == pytest.approx(121.0)
    numbers = Warehouse(prices.settings()).query(
        "select bar_number from crypto_intermediate.int_prices__bars order by bar_hour"
    )
    assert [row["bar_number"] for row in numbers] == list(range(1, HOURS + 1))
