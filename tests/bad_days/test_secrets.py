"""Keys are nowhere: every step fails in every way, and everything it leaves behind is searched."""

from __future__ import annotations

import hashlib
import json
import logging
import traceback
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

import duckdb
import pytest
from pydantic import SecretStr

from flows.dbt import dbt_environment
from ingestion.config import Settings
from ingestion.errors import IngestionError
from ingestion.redact import Redactor
from ingestion.server import Server
from ingestion.steps import STEPS, run_step
from tests.support.days import Days


def _keys() -> dict[str, str]:
    """Return a key for every setting that is one: those of later providers are searched for too."""
    names = [
        name
        for name, field in Settings.model_fields.items()
        if "SecretStr" in str(field.annotation)
    ]
    assert "fred_api_key" in names
    return {name: hashlib.sha256(name.encode()).hexdigest()[:32] for name in names}


KEYS = _keys()


def _spoilt(value: Any, echo: str) -> Any:
    """Return JSON whose numbers are texts with the keys: rows of it are refused and kept."""
    if isinstance(value, dict):
        return {name: _spoilt(item, echo) for name, item in value.items()}
    if isinstance(value, list):
        return [_spoilt(item, echo) for item in value[:6]]
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return echo if is_number else value


def _rewrite(body: bytes, echo: str) -> bytes:
    if body.startswith(b"<"):
        return body
    if body.startswith((b"{", b"[")):
        return json.dumps(_spoilt(json.loads(body), echo)).encode()
    header, *lines = body.decode().splitlines()
    spoilt = [f"{line.partition(',')[0]},{echo}" for line in lines[:6]]
    return "\n".join([header, *spoilt]).encode()


def _faults(echo: str) -> tuple[dict[str, Any], ...]:
    return (
        {"kind": "status", "status": 403, "body": echo},
        {"kind": "status", "status": 429, "body": {"message": echo}, "retry_after": 9000},
        {"kind": "status", "status": 200, "body": echo},
        {"kind": "replace", "rewrite": partial(_rewrite, echo=echo)},
    )


@pytest.mark.parametrize("step", list(STEPS))
def test_no_key_in_anything_that_a_failing_step_leaves(
    step: str, days: Days, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    left: list[str] = []
    # The graphs are read only where there is no key for FRED itself.
    without = {"fred_api_key"} if step == "fredgraph" else set()
    keys = {name: key for name, key in KEYS.items() if name not in without}
    changes = {
        "fred_api_key": None,
        **keys,
        "CFW_SYMBOLS": "BTC",
        "CFW_PRICE_SOURCES": "coinbase,binance,kraken,coingecko",
    }
    faults = _faults("your key is " + " and ".join(keys.values()))
    with caplog.at_level(logging.DEBUG):
        for position, fault in enumerate(faults):
            days.sandbox.faults.clear()
            days.sandbox.faults.add("/", times=None, **fault)
            folder = tmp_path / f"data{position}"
            settings = days.settings(**changes, data_dir=folder)
            try:
                report = run_step(step, settings)
                assert report.status != "skipped", report.note
                left.append(str(report))
            except IngestionError as error:
                left += traceback.format_exception(error)
                left.append(repr(error.__dict__))
        left.append(repr(settings))
    left.append(caplog.text)
    left += _rows(tmp_path / "test.duckdb")
    left += [path.read_bytes().decode("latin-1") for path in _files(tmp_path) if path.is_file()]
    assert any("your key is ***" in text for text in left)  # they were there to be found
    for key in keys.values():
        for spelling in (key, quote(key), key.upper(), key[:9]):
            assert not [text[:200] for text in left if spelling in text]


def _rows(path: Path) -> list[str]:
    with duckdb.connect(str(path), read_only=True) as connection:
        tables = connection.execute(
            "SELECT table_schema, table_name FROM information_schema.tables"
        ).fetchall()
        assert ("crypto_raw", "_dlt_pipeline_state") in tables
        return [
            str(connection.execute(f'SELECT * FROM "{schema}"."{name}"').fetchall())
            for schema, name in tables
        ]


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.suffix not in (".duckdb", ".wal")]


def test_a_token_in_a_header_is_masked_too() -> None:
    assert Redactor()("Authorization: bearer abc.DEF-123456") == "Authorization: bearer ***"
    assert Redactor()("a bull and a bearer of news") == "a bull and a bearer of news"


def test_a_text_cut_in_the_middle_of_a_key() -> None:
    redact = Redactor(("s3cret-of-many-letters",))
    assert redact("it is s3cret-of-many-let") == "it is ***"
    assert redact("it is s3cret") == "it is ***"
    assert redact("it is s3") == "it is s3"


def test_every_secret_of_the_settings_is_known() -> None:
    settings = Settings(_env_file=None, **KEYS)
    assert set(KEYS.values()) <= set(settings.secrets())
    fields = (getattr(settings, name) for name in KEYS)
    assert all(isinstance(value, SecretStr) for value in fields)


def test_dbt_gets_no_providers_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It needs the warehouse only, and its logs and artifacts are easily shared."""
    for name, key in KEYS.items():
        monkeypatch.setenv(f"CFW_{name.upper()}", key)
    monkeypatch.setenv("DBT_LOG_LEVEL_FILE", "debug")
    monkeypatch.setenv("CFW_MYSQL_SSL_DISABLED", "true")
    settings = Settings(warehouse_url="mysql://u:p@127.0.0.1:3306", data_dir=tmp_path)
    monkeypatch.setattr(Server, "retried", lambda _self, _work: "mysql")
    passed = dbt_environment(settings)
    assert not set(KEYS.values()) & set(passed.values())
    assert passed["CFW_WAREHOUSE_URL"] == settings.warehouse_url
    assert passed["DBT_LOG_LEVEL_FILE"] == "debug"
    assert passed["CFW_MYSQL_SSL_DISABLED"] == "true"
    assert passed["PATH"]
