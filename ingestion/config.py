"""Settings of the warehouse, from the environment (prefix ``CFW_``) or ``.env``."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from ingestion.config_files import FilesSource
from ingestion.config_types import (
    CommaList,
    CommaMinutes,
    CommaSymbols,
    Moment,
    MomentOrDay,
    has_host_and_port,
    lines_of,
    spelled,
    split,
)
from ingestion.errors import SettingsError
from ingestion.onchain.glassnode_points import parse_metric

PROJECT_ROOT = Path(__file__).resolve().parents[1]
DEFAULT_HISTORY = timedelta(days=365)

DEFAULT_FRED_SERIES = (
    "VIXCLS,SP500,DTWEXBGS,DGS10,DFF,DGS2,T10Y2Y,CPIAUCSL,UNRATE,GDPC1,M2SL,DCOILWTICO"
)
DEFAULT_PRICE_SOURCES = "coinbase,coingecko"
PRICE_SOURCES = ("coinbase", "binance", "kraken", "coingecko")
DEFAULT_METRICS = "AdrActCnt,TxCnt,FlowInExUSD,FlowOutExUSD,CapMVRVCur,SplyCur"
DEFAULT_GLASSNODE_METRICS = (
    "addresses/active_count,transactions/count,market/mvrv,supply/current,"
    "transactions/transfers_volume_to_exchanges_sum:usd,"
    "transactions/transfers_volume_from_exchanges_sum:usd"
)
DEFAULT_CHARTS = "n-unique-addresses,n-transactions,hash-rate,transaction-fees,mvrv"


class Settings(BaseSettings):
    """Everything that differs between two installations.

    Fields carry the meaning of the environment variable ``CFW_<FIELD IN UPPER CASE>``. An empty
    variable counts as unset. Raises ``SettingsError`` with one line per wrong setting.
    """

    model_config = SettingsConfigDict(
        env_prefix="CFW_",
        env_file=".env",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
    )

    # A server URL holds a password, so that it stays out of ``repr``.
    warehouse_url: str = Field(default="duckdb:///data/warehouse.duckdb", repr=False)
    schema_prefix: str = "crypto"
    data_dir: Path = Path("data")
    #: TLS to a MySQL or MariaDB server: PEM files. With a CA the certificate is always checked;
    #: ``mysql_ssl_verify`` says whether its name must be the host's too.
    mysql_ssl_ca: Path | None = None
    mysql_ssl_cert: Path | None = None
    mysql_ssl_key: Path | None = None
    mysql_ssl_verify: bool = True
    mysql_lock_wait_seconds: int = Field(default=60, ge=1, le=3600)
    #: Loopback port of the Prefect server of `cfw serve`.
    prefect_port: int = Field(default=4200, ge=1, le=65535)
    now: Moment | None = None
    symbols: CommaSymbols = ()
    history_start: MomentOrDay | None = None
    assets_file: Path = Path("dbt_project/seeds/assets.csv")

    coinbase_base_url: str = "https://api.exchange.coinbase.com"
    #: SYMBOL=PRODUCT pairs that replace the seed's Coinbase ids, e.g. ``TRX=TRX-USD``.
    coinbase_products: CommaList = ()
    #: Price providers that a run reads, and the lengths of the exchanges' bars in minutes.
    price_sources: CommaList = split(DEFAULT_PRICE_SOURCES)
    price_intervals: CommaMinutes = (60,)
    #: The mirror for market data: the same contract without a key, and not closed to any country.
    binance_base_url: str = "https://data-api.binance.vision"
    kraken_base_url: str = "https://api.kraken.com/0/public"
    binance_archive_base_url: str = "https://data.binance.vision"
    #: A folder of the archive's files that takes the place of the network.
    binance_archive_dir: Path | None = None
    coingecko_base_url: str = "https://api.coingecko.com/api/v3"
    coingecko_api_key: SecretStr | None = None
    coinmetrics_base_url: str = "https://community-api.coinmetrics.io/v4"
    coinmetrics_metrics: CommaList = split(DEFAULT_METRICS)
    glassnode_base_url: str = "https://api.glassnode.com/v1"
    glassnode_api_key: SecretStr | None = None
    glassnode_symbols: CommaSymbols = ("BTC", "ETH")
    #: CATEGORY/METRIC[:usd|:native][=NAME]; NAME stores it under another name than Glassnode's.
    glassnode_metrics: CommaList = split(DEFAULT_GLASSNODE_METRICS)
    blockchain_com_base_url: str = "https://api.blockchain.info"
    blockchain_com_charts: CommaList = split(DEFAULT_CHARTS)
    fred_base_url: str = "https://api.stlouisfed.org/fred"
    fred_api_key: SecretStr | None = None
    fred_series: CommaList = split(DEFAULT_FRED_SERIES)
    fredgraph_base_url: str = "https://fred.stlouisfed.org/graph"
    worldbank_base_url: str = "https://api.worldbank.org/v2"
    #: COUNTRY:INDICATOR pairs; none are read by default, no feature of the mart needs them.
    worldbank_indicators: CommaList = ()
    alternative_me_base_url: str = "https://api.alternative.me"
    stocktwits_base_url: str = "https://api.stocktwits.com/api/2"
    stocktwits_max_pages: int = Field(default=5, ge=1)
    feeds: CommaList = ()
    gdelt_base_url: str = "https://api.gdeltproject.org/api/v2/doc"
    gdelt_per_asset: bool = False
    reddit_base_url: str = "https://oauth.reddit.com"
    reddit_token_url: str = "https://www.reddit.com/api/v1/access_token"  # noqa: S105
    reddit_client_id: SecretStr | None = None
    reddit_client_secret: SecretStr | None = None
    reddit_subreddits: CommaList = ()
    reddit_max_pages: int = Field(default=10, ge=1, le=10)
    stocktwits_requests_per_hour: int = Field(default=180, ge=1)

    requests_per_second: float | None = Field(default=None, gt=0)
    http_timeout_seconds: float = Field(default=30.0, gt=0)
    http_attempts: int = Field(default=4, ge=1)
    http_backoff_seconds: float = Field(default=1.0, ge=0)
    #: Bounds of one answer, and of the wait for a host that throttles; rest of a host that fails.
    http_total_seconds: float = Field(default=300.0, gt=0)
    http_max_bytes: int = Field(default=128 * 2**20, ge=1)
    http_patience_seconds: float = Field(default=300.0, ge=0)
    http_cool_down_seconds: float = Field(default=60.0, ge=0)
    user_agent: str = "crypto-feature-warehouse/0.1 (+set CFW_USER_AGENT to name a contact)"

    def __init__(self, **values: Any) -> None:
        """Read the settings; ``values``, with or without the prefix, win over the environment."""
        plain = {
            (name[4:].lower() if name.startswith("CFW_") else name): value
            for name, value in values.items()
        }
        try:
            super().__init__(**plain)
        except ValidationError as error:
            # Not chained: pydantic's text quotes the input, which may be a secret.
            raise SettingsError("\n".join(lines_of(error))) from None

    @classmethod
    def settings_customise_sources(
        cls, settings_cls: type[BaseSettings], *_: Any, **sources: PydanticBaseSettingsSource
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read what neither caller nor environment gives from ``CFW_SECRETS_DIR``."""
        own = {"file_secret_settings": FilesSource(settings_cls)}
        return tuple((sources | own).values())

    @field_validator("glassnode_metrics")
    @classmethod
    def _glassnode(cls, value: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        names = [name for spelled in value if (name := parse_metric(spelled).stored_as)]
        if twice := sorted(set(names) & set(info.data.get("coinmetrics_metrics", ()))):
            msg = f"{', '.join(twice)} is in CFW_COINMETRICS_METRICS too; take it out there"
            raise ValueError(msg)
        return value

    @field_validator("blockchain_com_charts")
    @classmethod
    def _charts(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        return spelled(value, r"[a-z0-9-]{1,64}", "the name of a chart", "n-transactions")

    @field_validator("worldbank_indicators")
    @classmethod
    def _indicators(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        pattern = r"(?=.{5,32}$)[A-Za-z0-9]{2,3}:[A-Za-z0-9_.]+"
        return spelled(value, pattern, "COUNTRY:INDICATOR", "US:FP.CPI.TOTL.ZG")

    @field_validator("coinbase_products")
    @classmethod
    def _pairs(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for pair in value:
            if not re.fullmatch(r"[A-Z0-9]+=[A-Z0-9]+-[A-Z]+", pair):
                msg = f"{pair} is not SYMBOL=PRODUCT; write it as TRX=TRX-USD"
                raise ValueError(msg)
        return value

    @field_validator("price_sources")
    @classmethod
    def _known_sources(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if unknown := [name for name in value if name not in PRICE_SOURCES]:
            msg = f"{', '.join(unknown)} unknown; choose from {', '.join(PRICE_SOURCES)}"
            raise ValueError(msg)
        return value

    @field_validator("schema_prefix")
    @classmethod
    def _identifier(cls, value: str) -> str:
        if not re.fullmatch(r"[a-z][a-z0-9_]{0,30}", value):
            msg = "must be 1 to 31 of a-z, 0-9 and _, beginning with a letter"
            raise ValueError(msg)
        return value

    @field_validator("warehouse_url")
    @classmethod
    def _known_scheme(cls, value: str) -> str:
        if value.startswith("duckdb:///") and value[10:]:
            return value
        if value.startswith("mysql://") and has_host_and_port(value):
            return value
        msg = (
            "must be duckdb:///path/to/file or mysql://user:password@host:port, "
            "special characters of the password percent-encoded"
        )
        raise ValueError(msg)

    @property
    def is_server(self) -> bool:
        """Whether the warehouse is a MySQL or MariaDB server, not a DuckDB file."""
        return self.warehouse_url.startswith("mysql://")

    @property
    def dataset(self) -> str:
        """Schema of the raw tables."""
        return f"{self.schema_prefix}_raw"

    @property
    def assets_path(self) -> Path:
        """The seed file: beside the caller if it is there, else in the project."""
        if self.assets_file.is_absolute() or self.assets_file.exists():
            return self.assets_file
        return PROJECT_ROOT / self.assets_file

    def secrets(self) -> tuple[str, ...]:
        """Return every value that must not be shown."""
        values = (getattr(self, name) for name in type(self).model_fields)
        keys = [value for value in values if isinstance(value, SecretStr)]
        password = urlsplit(self.warehouse_url).password
        known = [key.get_secret_value() for key in keys]
        return (*known, *(dict.fromkeys((unquote(password), password)) if password else ()))

    def server_environment(self) -> dict[str, str]:
        """Return the server's settings as environment variables, for a program of its own.

        A file is given by its absolute path; what is not set is empty.
        """
        files = {
            "CFW_MYSQL_SSL_CA": self.mysql_ssl_ca,
            "CFW_MYSQL_SSL_CERT": self.mysql_ssl_cert,
            "CFW_MYSQL_SSL_KEY": self.mysql_ssl_key,
        }
        return {
            **{name: str(path.absolute()) if path else "" for name, path in files.items()},
            "CFW_MYSQL_SSL_VERIFY": "true" if self.mysql_ssl_verify else "false",
            "CFW_MYSQL_LOCK_WAIT_SECONDS": str(self.mysql_lock_wait_seconds),
        }

    def clock(self) -> datetime:
        """Return the moment this run takes as now (UTC)."""
        return self.now or datetime.now(UTC)

    def start_of_history(self) -> datetime:
        """Return the earliest moment worth asking for (UTC)."""
        return self.history_start or self.clock() - DEFAULT_HISTORY
