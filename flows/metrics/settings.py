"""Settings of the metrics exporter, read from the environment or `.env` (prefix `CFW_`)."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class MetricsSettings(BaseSettings):
    """Where and how often the exporter reads.

    Attributes:
        metrics_host: Address it listens on; 127.0.0.1 is this machine only.
        metrics_port: Its port; 0 takes a free one.
        metrics_cache_seconds: The warehouse is read at most this often, however often it is
            scraped. It is also left alone for ten times as long as a reading took.
        metrics_core_symbols: Comma list of the symbols whose gaps are counted apart from the rest.
    """

    model_config = SettingsConfigDict(
        env_prefix="CFW_", env_file=".env", env_ignore_empty=True, extra="ignore"
    )

    metrics_host: str = "127.0.0.1"
    metrics_port: int = Field(default=9109, ge=0, le=65535)
    metrics_cache_seconds: float = Field(default=30.0, ge=0)
    metrics_core_symbols: str = "BTC,ETH"

    def core_symbols(self) -> tuple[str, ...]:
        """Return the symbols of the group `core`."""
        names = (name.strip().upper() for name in self.metrics_core_symbols.split(","))
        return tuple(name for name in names if name)
